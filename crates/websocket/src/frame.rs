//! One frame's header (RFC 6455 §5.2).
//!
//! ```text
//!  bit 7    6    5    4    3..0        7     6..0             0, 2 or 8    0 or 4
//! +------+------+------+------+--------+------+--------------+------------+--------+
//! | FIN  | RSV1 | RSV2 | RSV3 | opcode | MASK | length or    | length,    | mask   |
//! |      |      |      |      |        |      | 126 or 127   | big-endian | key    |
//! +------+------+------+------+--------+------+--------------+------------+--------+
//! ```

use std::fmt;

/// The longest header: two bytes, eight of length, four of key.
pub const MAX_HEADER_LEN: usize = 14;
/// The longest payload of a control frame (RFC 6455 §5.5).
pub const MAX_CONTROL_LEN: usize = 125;

/// What a frame is for (RFC 6455 §5.2, §11.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Opcode {
    /// More of the message that an earlier frame began.
    Continuation,
    /// A text message begins.
    Text,
    /// A binary message begins.
    Binary,
    /// No further non-control or control frame means this: 3 to 7, 11 to 15.
    Reserved(u8),
    /// The closing handshake.
    Close,
    /// Are you there?
    Ping,
    /// I am here.
    Pong,
}

impl Opcode {
    /// By its number; only the low four bits count.
    #[inline]
    pub const fn new(number: u8) -> Self {
        match number & 0x0f {
            0 => Self::Continuation,
            1 => Self::Text,
            2 => Self::Binary,
            8 => Self::Close,
            9 => Self::Ping,
            10 => Self::Pong,
            other => Self::Reserved(other),
        }
    }

    /// Its number, 0 to 15.
    #[inline]
    pub const fn number(self) -> u8 {
        match self {
            Self::Continuation => 0,
            Self::Text => 1,
            Self::Binary => 2,
            Self::Close => 8,
            Self::Ping => 9,
            Self::Pong => 10,
            Self::Reserved(number) => number & 0x0f,
        }
    }

    /// Whether it is a control frame: the opcode's highest bit.
    #[inline]
    pub const fn is_control(self) -> bool {
        self.number() & 8 != 0
    }

    /// Its name in the registry (RFC 6455 §11.8).
    pub const fn name(self) -> &'static str {
        match self {
            Self::Continuation => "Continuation",
            Self::Text => "Text",
            Self::Binary => "Binary",
            Self::Close => "Connection Close",
            Self::Ping => "Ping",
            Self::Pong => "Pong",
            Self::Reserved(number) if number & 8 == 0 => "Reserved non-control",
            Self::Reserved(_) => "Reserved control",
        }
    }
}

impl fmt::Display for Opcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A frame's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Header {
    /// The message's last frame.
    pub fin: bool,
    /// With permessage-deflate: the message that begins is compressed (RFC 7692 §6).
    pub rsv1: bool,
    /// No known extension gives it a meaning.
    pub rsv2: bool,
    /// No known extension gives it a meaning.
    pub rsv3: bool,
    /// What the frame is for.
    pub opcode: Opcode,
    /// The key the payload is masked with.
    pub mask: Option<[u8; 4]>,
    /// Bytes of payload that follow the header.
    pub payload_len: u64,
    /// Bytes of this header as they stand on the wire, 2 to 14.
    pub header_len: u8,
}

impl Header {
    /// The header of an unfragmented frame, with the shortest length.
    pub const fn new(opcode: Opcode, payload_len: u64, mask: Option<[u8; 4]>) -> Self {
        let header_len = 2 + minimal_extra(payload_len) + if mask.is_some() { 4 } else { 0 };
        Self { fin: true, rsv1: false, rsv2: false, rsv3: false, opcode, mask, payload_len, header_len }
    }

    /// Reads the header `bytes` begin with; `None` if more bytes are needed. All else can be read: see
    /// [`faults`](Self::faults) for what is wrong with it.
    #[inline]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let [first, second, rest @ ..] = bytes else { return None };
        let (payload_len, extra) = match second & 0x7f {
            126 => (u64::from(u16::from_be_bytes(*rest.first_chunk()?)), 2),
            127 => (u64::from_be_bytes(*rest.first_chunk()?), 8),
            short => (u64::from(short), 0),
        };
        let (mask, key_len) = match second & 0x80 {
            0 => (None, 0),
            _ => (Some(*rest.get(extra..)?.first_chunk()?), 4),
        };
        Some(Self {
            fin: first & 0x80 != 0,
            rsv1: first & 0x40 != 0,
            rsv2: first & 0x20 != 0,
            rsv3: first & 0x10 != 0,
            opcode: Opcode::new(*first),
            mask,
            payload_len,
            header_len: 2 + extra as u8 + key_len,
        })
    }

    /// Appends the header. The length takes the form that [`header_len`](Self::header_len) leaves room for; where the
    /// length does not fit that form, or there is no such form, the shortest.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let flag = |set: bool, bit: u8| if set { bit } else { 0 };
        out.push(
            flag(self.fin, 0x80)
                | flag(self.rsv1, 0x40)
                | flag(self.rsv2, 0x20)
                | flag(self.rsv3, 0x10)
                | self.opcode.number(),
        );
        let masked = flag(self.mask.is_some(), 0x80);
        let minimal = minimal_extra(self.payload_len);
        let told = self.header_len.saturating_sub(2 + if self.mask.is_some() { 4 } else { 0 });
        match if matches!(told, 2 | 8) { told.max(minimal) } else { minimal } {
            0 => out.push(masked | self.payload_len as u8),
            2 => {
                out.push(masked | 126);
                out.extend_from_slice(&(self.payload_len as u16).to_be_bytes());
            }
            _ => {
                out.push(masked | 127);
                out.extend_from_slice(&self.payload_len.to_be_bytes());
            }
        }
        if let Some(key) = self.mask {
            out.extend_from_slice(&key);
        }
    }

    /// Whether the length takes as few bytes as it can (RFC 6455 §5.2).
    #[inline]
    pub const fn is_minimal(&self) -> bool {
        let key_len = if self.mask.is_some() { 4 } else { 0 };
        self.header_len == 2 + minimal_extra(self.payload_len) + key_len
    }
}

/// Bytes of extended length that `payload_len` needs.
#[inline]
const fn minimal_extra(payload_len: u64) -> u8 {
    match payload_len {
        0..=125 => 0,
        126..=0xffff => 2,
        _ => 8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_first_byte_and_every_length_form_comes_back() {
        for first in 0..=255u8 {
            for mask in [None, Some([1, 2, 3, 4])] {
                for len in [0u64, 1, 125, 126, 127, 65_535, 65_536, u64::MAX] {
                    let header = Header {
                        fin: first & 0x80 != 0,
                        rsv1: first & 0x40 != 0,
                        rsv2: first & 0x20 != 0,
                        rsv3: first & 0x10 != 0,
                        ..Header::new(Opcode::new(first), len, mask)
                    };
                    let mut bytes = Vec::new();
                    header.encode(&mut bytes);
                    assert_eq!((bytes[0], bytes.len()), (first, usize::from(header.header_len)));
                    assert_eq!(Header::parse(&bytes), Some(header));
                    assert!(header.is_minimal());
                    for short in 0..bytes.len() {
                        assert_eq!(Header::parse(&bytes[..short]), None, "{short} of {bytes:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_longer_form_than_needed_is_kept_and_seen() {
        for header_len in [4, 10] {
            let header = Header { header_len, ..Header::new(Opcode::Binary, 5, None) };
            let mut bytes = Vec::new();
            header.encode(&mut bytes);
            assert_eq!(Header::parse(&bytes), Some(header));
            assert!(!header.is_minimal());
        }
    }

    #[test]
    fn a_length_that_does_not_fit_the_told_form_takes_the_shortest() {
        let mut bytes = Vec::new();
        Header { header_len: 4, ..Header::new(Opcode::Binary, 65_536, None) }.encode(&mut bytes);
        assert_eq!(Header::parse(&bytes), Some(Header::new(Opcode::Binary, 65_536, None)));
    }
}
