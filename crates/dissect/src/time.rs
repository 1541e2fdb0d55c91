//! Times as people and scripts read them.

use jiff::{Timestamp, tz::TimeZone};

/// A time in nanoseconds since the Unix epoch as `2026-01-02T03:04:05.021435000Z`.
#[must_use]
pub fn rfc3339(ns: i64) -> String {
    format!("{:.9}", timestamp(ns))
}

/// Where it is as late as people are told.
#[derive(Clone, Debug)]
pub struct Zone(TimeZone);

impl Zone {
    /// The one this machine is set to.
    #[must_use]
    pub fn system() -> Self {
        Self(TimeZone::system())
    }

    /// Coordinated universal time.
    #[must_use]
    pub fn utc() -> Self {
        Self(TimeZone::UTC)
    }
}

/// Date and time in a zone, to the microsecond: `2026-01-02 03:04:05.021435`.
#[must_use]
pub fn date(ns: i64, zone: &Zone) -> String {
    timestamp(ns).to_zoned_datetime(zone.0.clone()).strftime("%Y-%m-%d %H:%M:%S%.6f").to_string()
}

/// The time of day in a zone, to the microsecond: `03:04:05.021435`.
#[must_use]
pub fn time_of_day(ns: i64, zone: &Zone) -> String {
    timestamp(ns).to_zoned_datetime(zone.0.clone()).strftime("%H:%M:%S%.6f").to_string()
}

/// A stretch of nanoseconds as seconds with six places: `0.021435`.
#[must_use]
pub fn seconds(ns: i64) -> String {
    let sign = if ns < 0 { "-" } else { "" };
    let ns = ns.unsigned_abs();
    format!("{sign}{}.{:06}", ns / 1_000_000_000, ns % 1_000_000_000 / 1_000)
}

/// Every `i64` of nanoseconds lies between the years 1677 and 2262, which `Timestamp` can hold.
fn timestamp(ns: i64) -> Timestamp {
    Timestamp::from_nanosecond(ns.into()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_all_their_places() {
        assert_eq!(rfc3339(1_767_323_045_021_435_000), "2026-01-02T03:04:05.021435000Z");
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000000000Z");
        assert_eq!(seconds(21_435_999), "0.021435");
        assert_eq!(seconds(-1_500_000_000), "-1.500000");
        assert!(rfc3339(i64::MAX).starts_with("2262-"));
        assert!(rfc3339(i64::MIN).starts_with("1677-"));
        assert_eq!(date(1_767_323_045_021_435_000, &Zone::utc()), "2026-01-02 03:04:05.021435");
        assert_eq!(time_of_day(1_767_323_045_021_435_000, &Zone::utc()), "03:04:05.021435");
    }
}
