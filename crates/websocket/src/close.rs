//! Why a connection is closed.

use std::fmt;

/// A status code of a Close frame (RFC 6455 §7.4 and its registry at IANA).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CloseCode(pub u16);

impl CloseCode {
    /// Its name in the registry, or the range it stands in.
    pub const fn name(self) -> &'static str {
        match self.0 {
            1000 => "Normal Closure",
            1001 => "Going Away",
            1002 => "Protocol error",
            1003 => "Unsupported Data",
            1004 => "Reserved",
            1005 => "No Status Rcvd",
            1006 => "Abnormal Closure",
            1007 => "Invalid frame payload data",
            1008 => "Policy Violation",
            1009 => "Message Too Big",
            1010 => "Mandatory Ext.",
            1011 => "Internal Error",
            1012 => "Service Restart",
            1013 => "Try Again Later",
            1014 => "Bad Gateway",
            1015 => "TLS handshake",
            3000 => "Unauthorized",
            3003 => "Forbidden",
            3008 => "Timeout",
            0..=999 => "Not used",
            1016..=2999 => "Unassigned",
            3001..=3002 | 3004..=3007 | 3009..=3999 => "Registered by a library or application",
            4000..=4999 => "Private use",
            5000.. => "Out of range",
        }
    }

    /// Whether it may stand in a Close frame (RFC 6455 §7.4.1, §7.4.2): unassigned codes up to 2999 may not.
    pub const fn may_be_sent(self) -> bool {
        matches!(self.0, 1000..=1003 | 1007..=1014 | 3000..=4999)
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.0, self.name())
    }
}

/// What a Close frame says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Close<'a> {
    /// The status code.
    pub code: CloseCode,
    /// The reason, which should be UTF-8 and need not be for human eyes.
    pub reason: &'a [u8],
}

impl<'a> Close<'a> {
    /// Reads a Close frame's unmasked payload; `None` if it has no code, as it may.
    pub fn parse(payload: &'a [u8]) -> Option<Self> {
        let (code, reason) = payload.split_first_chunk()?;
        Some(Self { code: CloseCode(u16::from_be_bytes(*code)), reason })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_and_reason_are_read() {
        let close = Close::parse(b"\x03\xe9bye").unwrap();
        assert_eq!((close.code.to_string().as_str(), close.reason), ("1001 Going Away", &b"bye"[..]));
        assert_eq!(Close::parse(&[]), None);
    }

    #[test]
    fn codes_made_up_by_the_receiver_may_not_be_sent() {
        for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535] {
            assert!(!CloseCode(code).may_be_sent(), "{code}");
        }
        for code in [1000, 1003, 1007, 1014, 3000, 4999] {
            assert!(CloseCode(code).may_be_sent(), "{code}");
        }
    }
}
