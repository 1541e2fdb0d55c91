//! The pcap file format and the variants of it that occur.

use crate::CaptureError;
use crate::bytes::Endian;
use crate::format::{MAX_FRAME_BYTES, Record, Step, too_long};
use crate::frame::{Interface, Truncation};
use crate::window::{Fill, Window};

/// What the magic number says of the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Variant {
    /// Seconds and microseconds.
    Micro,
    /// Seconds and nanoseconds.
    Nano,
}

impl Variant {
    /// Knows a pcap file by its first four bytes.
    pub(crate) fn of(head: &[u8]) -> Option<(Endian, Self)> {
        let magic = head.first_chunk::<4>()?;
        let known = |magic: u32| match magic {
            0xa1b2_c3d4 => Some(Self::Micro),
            MAGIC_NANO => Some(Self::Nano),
            _ => None,
        };
        let little = known(u32::from_le_bytes(*magic)).map(|variant| (Endian::Little, variant));
        little.or_else(|| known(u32::from_be_bytes(*magic)).map(|variant| (Endian::Big, variant)))
    }
}

/// The length of the file header.
pub(crate) const FILE_HEADER_BYTES: usize = 24;

/// The length of a record's header, as it is written here.
pub(crate) const RECORD_HEADER_BYTES: usize = 16;

const MAGIC_NANO: u32 = 0xa1b2_3c4d;

/// Reads one record after the other.
#[derive(Debug, Clone)]
pub(crate) struct Reader {
    endian: Endian,
    /// Nanoseconds in one unit of a record's fraction of a second.
    unit_ns: i64,
    head: usize,
    link: u16,
}

impl Reader {
    /// Takes the file header, which is `FILE_HEADER_BYTES` long.
    pub(crate) fn new(endian: Endian, variant: Variant, header: &[u8]) -> (Self, Interface) {
        // magic 4, version 2 + 2, time zone 4, accuracy 4, snap length 4, network 4
        let snaplen = endian.u32(header, 16);
        let network = endian.u32(header, 20);
        // The upper bits may tell the length of the frame check sequence in 16-bit words.
        let fcs_len = if network & 0x0400_0000 == 0 { 0 } else { (network >> 28) as u8 * 2 };
        let link = network as u16;
        let unit_ns = match variant {
            Variant::Micro => 1_000,
            Variant::Nano => 1,
        };
        (
            Self { endian, unit_ns, head: 16, link },
            Interface { link, snaplen, fcs_len, ..Interface::default() },
        )
    }

    /// For the records that `put_record` writes.
    pub(crate) fn of_spool(interface: &Interface) -> Self {
        Self { endian: Endian::Little, unit_ns: 1, head: RECORD_HEADER_BYTES, link: interface.link }
    }

    #[inline]
    pub(crate) fn next(&mut self, window: &mut Window, name: &str) -> Result<Step, CaptureError> {
        match window.fill(self.head)? {
            Fill::Ready => {}
            fill => return Ok(short(fill, window, self.head)),
        }
        let header = window.bytes();
        let seconds = self.endian.u32(header, 0);
        let fraction = self.endian.u32(header, 4);
        let captured = self.endian.u32(header, 8);
        let original_len = self.endian.u32(header, 12);
        if captured > MAX_FRAME_BYTES {
            return Err(too_long(name, window.position(), captured));
        }
        let len = captured as usize;
        let total = self.head + len;
        match window.fill(total)? {
            Fill::Ready => {}
            fill => return Ok(short(fill, window, total)),
        }
        let time = i64::from(seconds) * 1_000_000_000 + i64::from(fraction) * self.unit_ns;
        Ok(Step::Frame(Record {
            time,
            interface: 0,
            link: self.link,
            original_len,
            head: self.head,
            len,
            total,
        }))
    }
}

/// The header of a file of nanosecond records, little-endian.
pub(crate) fn file_header(interface: &Interface) -> [u8; FILE_HEADER_BYTES] {
    let mut header = [0; FILE_HEADER_BYTES];
    header[0..4].copy_from_slice(&MAGIC_NANO.to_le_bytes());
    header[4..6].copy_from_slice(&2_u16.to_le_bytes());
    header[6..8].copy_from_slice(&4_u16.to_le_bytes());
    header[16..20].copy_from_slice(&interface.snaplen.to_le_bytes());
    header[20..24].copy_from_slice(&u32::from(interface.link).to_le_bytes());
    header
}

/// Appends a record for such a file. Times it cannot hold (before 1970, after 2106) become its nearest.
pub(crate) fn put_record(out: &mut Vec<u8>, time: i64, original_len: u32, bytes: &[u8]) {
    const SECOND: i64 = 1_000_000_000;
    let time = time.clamp(0, i64::from(u32::MAX) * SECOND + SECOND - 1);
    out.extend_from_slice(&((time / SECOND) as u32).to_le_bytes());
    out.extend_from_slice(&((time % SECOND) as u32).to_le_bytes());
    let bytes = &bytes[..bytes.len().min(MAX_FRAME_BYTES as usize)];
    out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    out.extend_from_slice(&original_len.to_le_bytes());
    out.extend_from_slice(bytes);
}

/// What it means that fewer bytes are there than a record needs.
#[cold]
pub(crate) fn short(fill: Fill, window: &Window, need: usize) -> Step {
    match fill {
        Fill::Ready | Fill::NotYet => Step::NotYet,
        Fill::Gone { frames_before } => Step::Gone { frames_before },
        Fill::Ended { have: 0, ending } => Step::Ended(ending),
        Fill::Ended { have, .. } => {
            Step::Cut(Truncation { at: window.position(), need: need as u64, have: have as u64 })
        }
    }
}
