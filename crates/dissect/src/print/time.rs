use jiff::Timestamp;
use jiff::tz::TimeZone;

const SECOND: i64 = 1_000_000_000;

/// Writes points in time, and remembers the second it wrote last: packets come in crowds.
#[derive(Debug)]
pub(crate) struct Stamp {
    zone: TimeZone,
    pattern: &'static str,
    after: After,
    /// The second that `text` begins with, up to the fraction; and what follows the fraction.
    second: Option<i64>,
    text: String,
    suffix: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum After {
    Letter(&'static str),
    ZoneName,
}

impl Stamp {
    /// As JSON has it: `2026-01-02T03:04:05.021435000Z`.
    pub(crate) fn json() -> Self {
        Self::new(TimeZone::UTC, "%Y-%m-%dT%H:%M:%S", After::Letter("Z"))
    }

    /// As tshark has it: `Jan  2, 2026 03:04:05.021435000 UTC`, in the local time zone.
    pub(crate) fn tshark() -> Self {
        Self::new(TimeZone::system(), "%b %e, %Y %H:%M:%S", After::ZoneName)
    }

    fn new(zone: TimeZone, pattern: &'static str, after: After) -> Self {
        Self { zone, pattern, after, second: None, text: String::new(), suffix: String::new() }
    }

    /// Appends a point in time, nanoseconds since the Unix epoch, with so many digits of its fraction.
    pub(crate) fn push(&mut self, out: &mut Vec<u8>, time: i64, digits: usize) {
        let (second, nanos) = (time.div_euclid(SECOND), time.rem_euclid(SECOND));
        if self.second != Some(second) {
            self.remember(second);
        }
        out.extend_from_slice(self.text.as_bytes());
        push_fraction(out, nanos, digits);
        out.extend_from_slice(self.suffix.as_bytes());
    }

    fn remember(&mut self, second: i64) {
        // Any number of nanoseconds that 64 bits hold is a date that jiff knows.
        let zoned = Timestamp::from_second(second)
            .unwrap_or(Timestamp::UNIX_EPOCH)
            .to_zoned_datetime(self.zone.clone());
        self.text = zoned.strftime(self.pattern).to_string();
        self.suffix = match self.after {
            After::Letter(letter) => letter.to_owned(),
            After::ZoneName => zoned.strftime(" %Z").to_string(),
        };
        self.second = Some(second);
    }
}

/// Appends nanoseconds as seconds, with so many digits of their fraction.
pub(crate) fn push_seconds(out: &mut Vec<u8>, time: i64, digits: usize) {
    if time < 0 {
        out.push(b'-');
    }
    let time = time.unsigned_abs();
    push_decimal(out, time / SECOND as u64);
    push_fraction(out, (time % SECOND as u64) as i64, digits);
}

fn push_fraction(out: &mut Vec<u8>, nanos: i64, digits: usize) {
    if digits == 0 {
        return;
    }
    let mut text = *b".000000000";
    let mut rest = nanos as u32;
    for place in [8, 6, 4, 2] {
        text[place..place + 2].copy_from_slice(pair(rest % 100));
        rest /= 100;
    }
    text[1] = b'0' + rest as u8;
    out.extend_from_slice(&text[..=digits.min(9)]);
}

/// Appends a number.
#[inline]
pub(crate) fn push_decimal(out: &mut Vec<u8>, number: u64) {
    let mut text = [0; 20];
    let mut from = text.len();
    let mut rest = number;
    while rest >= 100 {
        from -= 2;
        text[from..from + 2].copy_from_slice(pair((rest % 100) as u32));
        rest /= 100;
    }
    if rest >= 10 {
        from -= 2;
        text[from..from + 2].copy_from_slice(pair(rest as u32));
    } else {
        from -= 1;
        text[from] = b'0' + rest as u8;
    }
    out.extend_from_slice(&text[from..]);
}

/// The two digits of a number below a hundred.
#[inline]
fn pair(number: u32) -> &'static [u8] {
    const PAIRS: &[u8; 200] = b"0001020304050607080910111213141516171819\
        2021222324252627282930313233343536373839\
        4041424344454647484950515253545556575859\
        6061626364656667686970717273747576777879\
        8081828384858687888990919293949596979899";
    let at = (number % 100) as usize * 2;
    &PAIRS[at..at + 2]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_point_in_time_is_written_to_the_nanosecond() {
        let time = 1_700_000_000_004_947_662;
        let mut stamp = Stamp::json();
        assert_eq!(written(|out| stamp.push(out, time, 9)), "2023-11-14T22:13:20.004947662Z");
        assert_eq!(written(|out| stamp.push(out, time + 1, 9)), "2023-11-14T22:13:20.004947663Z");
        assert_eq!(written(|out| stamp.push(out, -1, 9)), "1969-12-31T23:59:59.999999999Z");
        assert_eq!(written(|out| stamp.push(out, i64::MAX, 3)), "2262-04-11T23:47:16.854Z");
    }

    #[test]
    fn seconds_have_the_digits_asked_for() {
        assert_eq!(written(|out| push_seconds(out, 3_710_747, 9)), "0.003710747");
        assert_eq!(written(|out| push_seconds(out, -1_500_000_000, 6)), "-1.500000");
        assert_eq!(written(|out| push_seconds(out, 61_000_000_000, 0)), "61");
    }

    #[test]
    fn numbers_are_written_in_full() {
        for number in [0, 9, 10, 65535, u64::MAX] {
            assert_eq!(written(|out| push_decimal(out, number)), number.to_string());
        }
    }
}
