//! Which kind of file is this, and what every kind's reader gives.

use std::fmt;

use crate::bytes::Endian;
use crate::growing::Ending;
use crate::pcap::Variant;
use crate::window::{Fill, Window};
use crate::{CaptureError, Damage, Truncation};

/// The most bytes a frame may have. Links give far less, but the pseudo-links of local captures reach some MiB.
pub(crate) const MAX_FRAME_BYTES: u32 = 16 << 20;

/// Where in the window a frame stands, and what its record says of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Record {
    pub(crate) time: i64,
    pub(crate) interface: u32,
    pub(crate) link: u16,
    pub(crate) original_len: u32,
    /// Bytes of the record before the frame's.
    pub(crate) head: u32,
    /// The frame's bytes.
    pub(crate) len: u32,
    /// All of the record's bytes. Invariant: `head + len <= total`.
    pub(crate) total: u32,
    /// Where in the record its options begin, or 0 if it has none.
    pub(crate) options: u32,
}

/// Lines of a TLS key log: where they stand in the store.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Secrets {
    pub(crate) at: u64,
    pub(crate) len: u32,
}

/// What a reader found next.
pub(crate) enum Step {
    Frame(Record),
    /// Keys for what follows.
    Secrets(Secrets),
    NotYet,
    Ended(Ending),
    Cut(Truncation),
    Gone {
        frames_before: u64,
    },
}

/// What it means that fewer bytes are there than a record needs.
#[cold]
pub(crate) fn short(fill: Fill, window: &Window, need: usize) -> Step {
    match fill {
        Fill::NotYet => Step::NotYet,
        Fill::Gone { frames_before } => Step::Gone { frames_before },
        Fill::Ended { have: 0, ending } => Step::Ended(ending),
        Fill::Ended { have, .. } => {
            let need = Some(need as u64);
            Step::Cut(Truncation { at: window.position(), need, have: have as u64 })
        }
    }
}

/// Files by some systems have their own number for bare IP.
pub(crate) fn linktype(number: u16) -> u16 {
    const RAW: u16 = 101;
    match number {
        12 | 14 => RAW,
        number => number,
    }
}

pub(crate) fn too_long(name: &str, at: u64, len: u32) -> CaptureError {
    let damage = Damage::FrameTooLong { len: len.into(), most: MAX_FRAME_BYTES.into() };
    CaptureError::Damaged { name: name.to_owned(), at, damage }
}

/// What the first bytes of a source announce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Pcap(Endian, Variant),
    Pcapng,
    Gzip,
    Zstd,
    Unknown,
}

impl Kind {
    /// Judges by the first four bytes.
    pub(crate) fn of(head: &[u8]) -> Self {
        if let Some((endian, variant)) = Variant::of(head) {
            return Self::Pcap(endian, variant);
        }
        match head {
            [0x0a, 0x0d, 0x0d, 0x0a, ..] => Self::Pcapng,
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            _ => Self::Unknown,
        }
    }
}

/// What a file that is no capture seems to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Looks {
    /// Nothing at all.
    Empty,
    /// A gzip or zstd archive that ends before anything can be unpacked.
    ArchiveCut,
    /// A capture, but not even its header is whole: bytes needed, bytes there.
    HeaderCut {
        /// The header's length.
        need: usize,
        /// How many bytes there are.
        have: usize,
    },
    /// Hexadecimal digits.
    Hex,
    /// A JSON document.
    Json,
    /// Some other text.
    Text,
    /// MQTT packets with nothing around them.
    Mqtt,
    /// A capture or archive of a kind that is not read here; which, and what reads or unpacks it.
    Foreign(&'static str, &'static str),
    /// None of these.
    Unknown,
}

/// Beginnings of files that people are known to try.
const FOREIGN: [(&[u8], &str, &str); 12] = [
    (b"snoop\0\0\0", "a Solaris snoop capture", "editcap converts it to pcapng"),
    (b"btsnoop\0", "a Bluetooth btsnoop capture", "it cannot hold MQTT over TCP"),
    (b"RTSS", "a Network Monitor 1 capture", "editcap converts it to pcapng"),
    (b"GMBU", "a Network Monitor 2 capture", "editcap converts it to pcapng"),
    (b"XCP\0", "a NetXRay capture", "editcap converts it to pcapng"),
    (b"\x7fver", "an EtherPeek capture", "editcap converts it to pcapng"),
    (b"\xfd7zXZ\0", "an xz archive", "unxz unpacks it"),
    (b"BZh", "a bzip2 archive", "bunzip2 unpacks it"),
    (b"\x04\x22\x4d\x18", "an lz4 archive", "unlz4 unpacks it"),
    (b"PK\x03\x04", "a zip archive", "unzip unpacks it"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", "7z unpacks it"),
    (b"\x7fELF", "a program", "captures are pcap or pcapng files"),
];

impl Looks {
    /// Judges by the first bytes: 64 of them, or all there are.
    pub(crate) fn of(head: &[u8]) -> Self {
        if head.is_empty() {
            return Self::Empty;
        }
        if let Some((_, what, mend)) = FOREIGN.iter().find(|(magic, ..)| head.starts_with(magic)) {
            return Self::Foreign(what, mend);
        }
        // A CONNECT: its fixed header, then the protocol's name behind a length.
        if head[0] == 0x10
            && head.windows(6).take(5).any(|name| matches!(name, b"\0\x04MQTT" | b"\0\x06MQIs"))
        {
            return Self::Mqtt;
        }
        let text = head.iter().all(|byte| matches!(byte, b'\t' | b'\n' | b'\r' | b' '..=b'~' | 0x80..));
        if !text {
            return Self::Unknown;
        }
        let filler =
            |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'x' | b'X' | b'\\' | b',' | b':');
        let mut ink = head.iter().copied().filter(|byte| !byte.is_ascii_whitespace());
        match (ink.next(), ink.next()) {
            // `[section]` begins other files.
            (Some(b'{'), _) | (Some(b'['), Some(b'{' | b'[' | b'"' | b']' | b'0'..=b'9')) => Self::Json,
            (Some(_), _) if head.iter().all(|byte| byte.is_ascii_hexdigit() || filler(byte)) => Self::Hex,
            _ => Self::Text,
        }
    }
}

impl fmt::Display for Looks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("it is empty"),
            Self::ArchiveCut => {
                f.write_str("its compressed data is cut short, before anything of it can be unpacked")
            }
            Self::HeaderCut { need, have } => {
                write!(f, "it ends within its header: need {need} bytes, have {have}")
            }
            Self::Hex => f.write_str("it looks like hexadecimal text; mqscope decode reads that"),
            Self::Json => f.write_str("it looks like JSON; mqscope encode makes packets of it"),
            Self::Text => f.write_str("it looks like text; captures are pcap or pcapng files"),
            Self::Mqtt => f.write_str("it looks like bare MQTT packets; mqscope decode --raw reads them"),
            Self::Foreign(what, mend) => write!(f, "it looks like {what}; {mend}"),
            Self::Unknown => f.write_str("neither pcap nor pcapng, nor either in gzip or zstd"),
        }
    }
}
