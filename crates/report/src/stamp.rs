//! What a message carries so that its receiver knows which one it is and when it was meant.
//!
//! It stands here, and not with who writes it, because who finds it in a capture measures by it as well: both see this crate and
//! not each other.
//!
//! Sixteen bytes, the payload of the Open MQTT Benchmark Suite, big-endian:
//!
//! ```text
//!  bits   16      28        32             40                12
//!      +------+--------+----------+------------------+----------------+
//!      | run  | stream | sequence | intended, µs of  | from intended  |
//!      |      |        |          | the Unix clock   | to sent, µs    |
//!      +------+--------+----------+------------------+----------------+
//! ```
//!
//! The clock's 40 bits go round in 12.7 days; a receiver takes the instant nearest to its own. The last field
//! is a small floating-point number: seven bits and the one before them that is not written, shifted by five, exact
//! below 256 µs and within 0.8 % above, up to 76 hours.

/// Bytes of a stamp.
pub const LEN: usize = 16;

/// Streams are numbered below this.
pub const MOST_STREAMS: u32 = 1 << 28;

/// The member's name in a JSON object, and the user property's.
pub const NAME: &str = "mqscope";

/// How a stamped JSON object begins; the stamp's hexadecimal digits and a quote follow.
pub const JSON_HEAD: &[u8] = b"{\"mqscope\":\"";

const CLOCK_MASK: u64 = (1 << 40) - 1;

/// Tells one message of a run from all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Which run.
    pub run: u16,
    /// Which publish list of which device.
    pub stream: u32,
    /// Which message of the stream, from 0.
    pub sequence: u32,
    /// When it was meant to be sent, nanoseconds since the Unix epoch.
    pub intended_ns: i64,
    /// How long after that it was sent.
    pub lag_ns: u64,
}

impl Mark {
    /// The stamp as its bytes.
    pub fn to_bytes(self) -> [u8; LEN] {
        let clock = (self.intended_ns / 1000) as u64 & CLOCK_MASK;
        let packed = u128::from(self.run) << 112
            | u128::from(self.stream) << 84
            | u128::from(self.sequence) << 52
            | u128::from(clock) << 12
            | u128::from(pack_lag(self.lag_ns / 1000));
        packed.to_be_bytes()
    }

    /// When it was sent, microseconds of the Unix clock, as a receiver of the stamp sees it.
    pub fn sent_us(self) -> u64 {
        (self.intended_ns / 1000) as u64 + unpack_lag(pack_lag(self.lag_ns / 1000))
    }

    /// Reads a stamp of this run; `now_ns` says in which round of the clock.
    pub fn from_bytes(bytes: &[u8; LEN], run: u16, now_ns: i64) -> Option<Self> {
        let packed = u128::from_be_bytes(*bytes);
        if (packed >> 112) as u16 != run {
            return None;
        }
        let now_us = now_ns / 1000;
        let clock = (packed >> 12) as u64 & CLOCK_MASK;
        // The distance to now, taken as a signed number of 40 bits.
        let distance = ((clock.wrapping_sub(now_us as u64) << 24) as i64) >> 24;
        Some(Self {
            run,
            stream: (packed >> 84) as u32 & (MOST_STREAMS - 1),
            sequence: (packed >> 52) as u32,
            intended_ns: (now_us + distance) * 1000,
            lag_ns: unpack_lag(packed as u16 & 0xfff) * 1000,
        })
    }

    /// Reads a payload's stamp, whichever of the payload's two forms it has.
    pub fn of_payload(payload: &[u8], run: u16, now_ns: i64) -> Option<Self> {
        match payload.strip_prefix(JSON_HEAD) {
            Some(rest) => Self::from_hex(rest.get(..2 * LEN)?, run, now_ns),
            None => Self::from_bytes(payload.first_chunk()?, run, now_ns),
        }
    }

    /// Reads a stamp's hexadecimal digits.
    pub fn from_hex(digits: &[u8], run: u16, now_ns: i64) -> Option<Self> {
        Self::from_bytes(&bytes_of_hex(digits)?, run, now_ns)
    }

    /// The stamp as hexadecimal digits.
    pub fn to_hex(self) -> [u8; 2 * LEN] {
        let mut digits = [0; 2 * LEN];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(self.to_bytes()) {
            pair[0] = HEX[usize::from(byte >> 4)];
            pair[1] = HEX[usize::from(byte & 15)];
        }
        digits
    }

    /// Makes the stamp the first member of the JSON object that begins at `at`.
    pub fn insert_json(self, payload: &mut Vec<u8>, at: usize) {
        let body = &payload[at..];
        let empty = body[1..].iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'}');
        let mut member = Vec::with_capacity(JSON_HEAD.len() + 2 * LEN + 2);
        member.extend_from_slice(&JSON_HEAD[1..]);
        member.extend_from_slice(&self.to_hex());
        member.extend_from_slice(if empty { b"\"" } else { b"\"," });
        payload.splice(at + 1..at + 1, member);
    }
}

/// The bytes that a stamp's hexadecimal digits stand for, if there are as many as a stamp has.
pub fn bytes_of_hex(digits: &[u8]) -> Option<[u8; LEN]> {
    let pairs: &[u8; 2 * LEN] = digits.try_into().ok()?;
    let mut bytes = [0; LEN];
    for (byte, pair) in bytes.iter_mut().zip(pairs.chunks_exact(2)) {
        *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
    }
    Some(bytes)
}

const HEX: &[u8; 16] = b"0123456789abcdef";

fn nibble(digit: u8) -> Option<u8> {
    (digit as char).to_digit(16).map(|value| value as u8)
}

/// What stands before the bits that are written, but in numbers too small for it, whose exponent is 0.
const LEADING: u64 = 1 << 7;

fn pack_lag(us: u64) -> u16 {
    if us < LEADING {
        return (us as u16) << 5;
    }
    let shift = (64 - us.leading_zeros()) - 8;
    if shift > 30 { 0xfff } else { ((us >> shift & (LEADING - 1)) as u16) << 5 | (shift + 1) as u16 }
}

fn unpack_lag(packed: u16) -> u64 {
    let (bits, exponent) = (u64::from(packed >> 5), packed & 31);
    if exponent == 0 { bits } else { (LEADING | bits) << (exponent - 1) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: i64 = 1_700_000_000_000_000_000;

    fn mark(lag_ns: u64) -> Mark {
        Mark { run: 0xbeef, stream: 77, sequence: 12345, intended_ns: NOW - 3_000_000, lag_ns }
    }

    proptest! {
        #[test]
        fn a_stamp_is_read_as_it_was_written(run: u16, stream in 0..MOST_STREAMS, sequence: u32, behind in 0_i64..500_000_000_000_000) {
            let intended_ns = NOW - behind / 1000 * 1000;
            let mark = Mark { run, stream, sequence, intended_ns, lag_ns: 17_000 };
            prop_assert_eq!(Mark::from_bytes(&mark.to_bytes(), run, NOW), Some(mark));
            prop_assert_eq!(Mark::from_hex(&mark.to_hex(), run, NOW), Some(mark));
        }

        #[test]
        fn both_ends_agree_on_when_it_was_sent(lag_ns in 0_u64..200_000_000_000, below_us in 0_i64..1000) {
            let mark = Mark { intended_ns: NOW - below_us, ..mark(lag_ns) };
            let read = Mark::from_bytes(&mark.to_bytes(), mark.run, NOW + 1_000_000).expect("of this run");
            prop_assert_eq!(read.sent_us(), mark.sent_us());
        }

        #[test]
        fn a_lag_is_exact_below_256_us_and_close_above(us in prop_oneof![0_u64..1_000, 0_u64..8_000_000, 0..255_u64 << 30]) {
            let read = unpack_lag(pack_lag(us));
            prop_assert!(read <= us && us - read <= us / 128, "{us} read as {read}");
            prop_assert!(us >= 256 || read == us);
        }

        #[test]
        fn any_payload_is_looked_at_without_fear(payload: Vec<u8>) {
            let _ = Mark::of_payload(&payload, 7, NOW);
        }
    }

    #[test]
    fn a_lag_beyond_the_scale_is_the_longest() {
        assert_eq!(unpack_lag(pack_lag(u64::MAX)), 255 << 30);
    }

    #[test]
    fn the_clock_going_round_is_no_matter() {
        let round = (CLOCK_MASK as i64 + 1) * 1000;
        let mark = Mark { intended_ns: round - 2000, ..mark(0) };
        let read = Mark::from_bytes(&mark.to_bytes(), mark.run, round + 5000).expect("of this run");
        assert_eq!(read.intended_ns, round - 2000);
    }

    #[test]
    fn a_stamp_of_another_run_is_none() {
        assert_eq!(Mark::from_bytes(&mark(0).to_bytes(), 0xbeee, NOW), None);
        assert_eq!(Mark::of_payload(b"too short", 0xbeef, NOW), None);
    }

    #[test]
    fn a_json_object_stays_one() {
        for (before, after) in [("{\"a\":1}", ",\"a\":1}"), ("{ }", " }"), ("{}", "}")] {
            let mut payload = before.as_bytes().to_vec();
            mark(5000).insert_json(&mut payload, 0);
            let text = String::from_utf8(payload.clone()).expect("text");
            assert!(text.starts_with("{\"mqscope\":\""), "{text}");
            assert!(text.ends_with(&format!("\"{after}")), "{text}");
            assert_eq!(Mark::of_payload(&payload, 0xbeef, NOW), Some(mark(5000)));
        }
    }
}
