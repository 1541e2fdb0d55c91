//! The pcap file format and the variants of it that occur.
//!
//! ```text
//! file header    magic 4 | version 2 + 2 | zone 4 | accuracy 4 | snap length 4 | network 4
//! each record    seconds 4 | fraction 4 | captured 4 | original 4 | some variants: more | bytes
//! ```

use crate::CaptureError;
use crate::bytes::Endian;
use crate::format::{MAX_FRAME_BYTES, Record, Step, linktype, short, too_long};
use crate::frame::Interface;
use crate::window::Window;

/// What the magic number says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Variant {
    /// Seconds and microseconds.
    Micro,
    /// Seconds and nanoseconds.
    Nano,
    /// Kuznetzov's patch of libpcap: longer record headers.
    Patched,
    /// IXIA's lcap: four more bytes behind the file header; microseconds from software, nanoseconds from hardware.
    IxiaMicro,
    /// See `IxiaMicro`.
    IxiaNano,
}

impl Variant {
    /// Knows a pcap file by its first four bytes.
    pub(crate) fn of(head: &[u8]) -> Option<(Endian, Self)> {
        let magic = head.first_chunk::<4>()?;
        let known = |magic: u32| match magic {
            0xa1b2_c3d4 => Some(Self::Micro),
            MAGIC_NANO => Some(Self::Nano),
            0xa1b2_cd34 => Some(Self::Patched),
            0x1c00_01ab => Some(Self::IxiaMicro),
            0x1c00_01ac => Some(Self::IxiaNano),
            _ => None,
        };
        let little = known(u32::from_le_bytes(*magic)).map(|variant| (Endian::Little, variant));
        little.or_else(|| known(u32::from_be_bytes(*magic)).map(|variant| (Endian::Big, variant)))
    }

    /// The length of the file header.
    pub(crate) fn file_header_len(self) -> usize {
        match self {
            Self::Micro | Self::Nano | Self::Patched => FILE_HEADER_LEN,
            Self::IxiaMicro | Self::IxiaNano => FILE_HEADER_LEN + 4,
        }
    }

    /// The lengths of record headers that were written under this magic number, the usual one first. Kuznetzov's
    /// first patch and Nokia's kept the plain one; his second patch had a longer header than the third.
    fn record_header_lens(self) -> &'static [usize] {
        match self {
            Self::Micro => &[RECORD_HEADER_LEN, 24, 20],
            Self::Patched => &[24, 28],
            Self::Nano | Self::IxiaMicro | Self::IxiaNano => &[RECORD_HEADER_LEN],
        }
    }
}

const MAGIC_NANO: u32 = 0xa1b2_3c4d;

/// The length of the usual file header.
pub(crate) const FILE_HEADER_LEN: usize = 24;

/// The length of the usual record header.
pub(crate) const RECORD_HEADER_LEN: usize = 16;

/// In which order a record's two lengths stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lengths {
    /// Captured, original: version 2.4, which is 30 years old.
    InOrder,
    /// Original, captured: before version 2.3.
    Swapped,
    /// Version 2.3 was written both ways: the captured one is the smaller.
    Unsure,
}

/// What the first records say of a supposed length of their headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fit {
    Good,
    Unknown,
    Bad,
}

/// Reads one record after the other.
#[derive(Debug)]
pub(crate) struct Reader {
    endian: Endian,
    variant: Variant,
    /// Nanoseconds in one unit of a record's fraction of a second.
    unit_ns: u32,
    record_header_len: usize,
    lengths: Lengths,
    link: u16,
}

impl Reader {
    /// Takes the file header, which is `variant.file_header_len()` long.
    pub(crate) fn new(endian: Endian, variant: Variant, header: &[u8]) -> (Self, Interface) {
        let version = (endian.u16(header, 4), endian.u16(header, 6));
        let snaplen = endian.u32(header, 16);
        let network = endian.u32(header, 20);
        // The upper bits may tell the length of the frame check sequence in 16-bit words.
        let fcs_len = if network & 0x0400_0000 == 0 { 0 } else { (network >> 28) as u8 * 2 };
        let mut link = linktype(network as u16);
        let mut unit_ns = match variant {
            Variant::Micro | Variant::Patched | Variant::IxiaMicro => 1_000,
            Variant::Nano | Variant::IxiaNano => 1,
        };
        // AIX wrote version 2.2, interface types of RFC 1573, and nanoseconds.
        let aix = match (version, network) {
            ((2, 2), 6) => Some(1),
            ((2, 2), 9) => Some(6),
            ((2, 2), 15) => Some(10),
            ((2, 2), 24) => Some(0),
            _ => None,
        };
        if let Some(aix) = aix {
            link = aix;
            unit_ns = 1;
        }
        let lengths = match version {
            (2, 0..=2) | (543, _) => Lengths::Swapped,
            (2, 3) => Lengths::Unsure,
            _ => Lengths::InOrder,
        };
        let record_header_len = variant.record_header_lens()[0];
        let reader = Self { endian, variant, unit_ns, record_header_len, lengths, link };
        (reader, Interface { link, snaplen, fcs_len, ..Interface::default() })
    }

    /// For the records that `put_record` writes.
    pub(crate) fn of_spool(interface: &Interface) -> Self {
        Self::new(Endian::Little, Variant::Nano, &file_header(interface)).0
    }

    /// Where one magic number stands for several lengths of record headers, takes the usual one unless the records at
    /// the file's beginning contradict it and bear out another.
    pub(crate) fn settle(&mut self, records: &[u8]) {
        let [usual, others @ ..] = self.variant.record_header_lens() else { return };
        if self.fit(records, *usual) == Fit::Bad {
            let fitting = others.iter().find(|len| self.fit(records, **len) == Fit::Good);
            self.record_header_len = *fitting.unwrap_or(usual);
        }
    }

    fn fit(&self, mut records: &[u8], header_len: usize) -> Fit {
        for _ in 0..4 {
            if records.is_empty() {
                return Fit::Good;
            }
            if records.len() < RECORD_HEADER_LEN {
                return Fit::Unknown;
            }
            let (captured, original) = self.lengths(records);
            let fraction_ns = u64::from(self.endian.u32(records, 4)) * u64::from(self.unit_ns);
            if fraction_ns >= 1_000_000_000 || captured > MAX_FRAME_BYTES || captured > original {
                return Fit::Bad;
            }
            match records.get(header_len + captured as usize..) {
                Some(rest) => records = rest,
                None => return Fit::Unknown,
            }
        }
        Fit::Good
    }

    #[inline]
    pub(crate) fn next(&mut self, window: &mut Window, name: &str) -> Result<Step, CaptureError> {
        if let Some(fill) = window.lacks(self.record_header_len)? {
            return Ok(short(fill, window, self.record_header_len));
        }
        let header = &window.bytes()[..RECORD_HEADER_LEN];
        let seconds = self.endian.u32(header, 0);
        let fraction = self.endian.u32(header, 4);
        let (captured, original_len) = self.lengths(header);
        if captured > MAX_FRAME_BYTES {
            return Err(too_long(name, window.position(), captured));
        }
        let head = self.record_header_len;
        let total = head + captured as usize;
        if let Some(fill) = window.lacks(total)? {
            return Ok(short(fill, window, total));
        }
        Ok(Step::Frame(Record {
            time: i64::from(seconds) * 1_000_000_000 + i64::from(fraction) * i64::from(self.unit_ns),
            interface: 0,
            link: self.link,
            original_len,
            head: head as u32,
            len: captured,
            total: total as u32,
            options: 0,
        }))
    }

    /// The captured and the original length of the record at the start of `header`.
    #[inline]
    fn lengths(&self, header: &[u8]) -> (u32, u32) {
        let (first, second) = (self.endian.u32(header, 8), self.endian.u32(header, 12));
        match self.lengths {
            Lengths::InOrder => (first, second),
            Lengths::Swapped => (second, first),
            Lengths::Unsure => (first.min(second), first.max(second)),
        }
    }
}

/// The header of a file of nanosecond records, little-endian.
pub(crate) fn file_header(interface: &Interface) -> [u8; FILE_HEADER_LEN] {
    let mut header = [0; FILE_HEADER_LEN];
    header[0..4].copy_from_slice(&MAGIC_NANO.to_le_bytes());
    header[4..6].copy_from_slice(&2_u16.to_le_bytes());
    header[6..8].copy_from_slice(&4_u16.to_le_bytes());
    header[16..20].copy_from_slice(&interface.snaplen.to_le_bytes());
    header[20..24].copy_from_slice(&u32::from(interface.link).to_le_bytes());
    header
}

/// Appends a record for such a file. Times it cannot hold (before 1970, after 2106) become the nearest it can.
pub(crate) fn put_record(out: &mut Vec<u8>, time: i64, original_len: u32, bytes: &[u8]) {
    const SECOND: i64 = 1_000_000_000;
    let time = time.clamp(0, i64::from(u32::MAX) * SECOND + SECOND - 1);
    let bytes = &bytes[..bytes.len().min(MAX_FRAME_BYTES as usize)];
    out.extend_from_slice(&((time / SECOND) as u32).to_le_bytes());
    out.extend_from_slice(&((time % SECOND) as u32).to_le_bytes());
    out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    out.extend_from_slice(&original_len.to_le_bytes());
    out.extend_from_slice(bytes);
}
