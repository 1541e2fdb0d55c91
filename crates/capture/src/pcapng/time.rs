/// How an interface's ticks become nanoseconds since the Unix epoch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    unit: Unit,
    /// What is added to every time, from `if_tsoffset`.
    offset_ns: i128,
}

/// The length of a tick, from `if_tsresol`.
#[derive(Debug, Clone, Copy)]
enum Unit {
    /// So many nanoseconds.
    Nanos(u64),
    /// So many ticks are a nanosecond.
    Divided(u128),
    /// Two to this power of ticks are a second.
    Binary(u32),
}

impl Default for Clock {
    /// Microseconds.
    fn default() -> Self {
        Self { unit: Unit::Nanos(1_000), offset_ns: 0 }
    }
}

impl Clock {
    /// The resolution as the option has it: a negative power of 10, or of 2 if the highest bit is set.
    pub(super) fn set_resolution(&mut self, resolution: u8) {
        let power = u32::from(resolution & 0x7f);
        self.unit = match resolution & 0x80 {
            0 if power <= 9 => Unit::Nanos(10_u64.pow(9 - power)),
            // 2^64 ticks of 10^-29 s are no nanosecond any more, however much finer they are.
            0 => Unit::Divided(10_u128.pow((power - 9).min(20))),
            _ => Unit::Binary(power),
        };
    }

    pub(super) fn set_offset(&mut self, seconds: i64) {
        self.offset_ns = i128::from(seconds) * 1_000_000_000;
    }

    /// The time, or the nearest that 64 bits can hold (1677 to 2262).
    #[inline]
    pub(super) fn to_ns(self, ticks: u64) -> i64 {
        let ns = match self.unit {
            Unit::Nanos(nanos) => u128::from(ticks) * u128::from(nanos),
            Unit::Divided(divisor) => u128::from(ticks) / divisor,
            Unit::Binary(power) => (u128::from(ticks) * 1_000_000_000) >> power,
        };
        // At most 2^64 * 10^9, which leaves room in 128 bits also for the offset.
        let ns = ns as i128 + self.offset_ns;
        ns.clamp(i64::MIN.into(), i64::MAX.into()) as i64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock(resolution: u8, offset: i64) -> Clock {
        let mut clock = Clock::default();
        clock.set_resolution(resolution);
        clock.set_offset(offset);
        clock
    }

    #[test]
    fn ticks_are_microseconds_unless_told() {
        assert_eq!(Clock::default().to_ns(1_700_000_000_123_456), 1_700_000_000_123_456_000);
    }

    #[test]
    fn decimal_resolutions_from_seconds_to_finer_than_nanoseconds() {
        assert_eq!(clock(0, 0).to_ns(7), 7_000_000_000);
        assert_eq!(clock(3, 0).to_ns(1_500), 1_500_000_000);
        assert_eq!(clock(9, 0).to_ns(42), 42);
        assert_eq!(clock(12, 0).to_ns(1_999), 1);
        assert_eq!(clock(29, 0).to_ns(u64::MAX), 0);
        assert_eq!(clock(127, 0).to_ns(u64::MAX), 0);
    }

    #[test]
    fn binary_resolutions() {
        assert_eq!(clock(0x80 | 32, 0).to_ns(3 << 31), 1_500_000_000);
        assert_eq!(clock(0x80 | 10, 0).to_ns(1), 976_562);
        assert_eq!(clock(0x80, 0).to_ns(2), 2_000_000_000);
        assert_eq!(clock(0xff, 0).to_ns(u64::MAX), 0);
    }

    #[test]
    fn offsets_are_seconds_of_either_sign() {
        assert_eq!(clock(6, 1_700_000_000).to_ns(1), 1_700_000_000_000_001_000);
        assert_eq!(clock(6, -1).to_ns(1), -999_999_000);
    }

    #[test]
    fn times_past_what_64_bits_hold_become_the_last_that_they_hold() {
        assert_eq!(clock(0, 0).to_ns(u64::MAX), i64::MAX);
        assert_eq!(clock(0, i64::MIN).to_ns(0), i64::MIN);
        assert_eq!(clock(0, i64::MAX).to_ns(u64::MAX), i64::MAX);
    }
}
