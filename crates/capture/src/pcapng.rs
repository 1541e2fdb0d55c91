//! The pcapng file format: blocks, of which some describe interfaces and some hold frames.
//!
//! ```text
//! each block     type 4 | length 4 | body, padded to 4 | options | length 4 again
//! ```
//!
//! A section header tells the byte order of what follows it and forgets the interfaces before it. Blocks of unknown
//! types are passed over, however long.

mod options;
mod time;

pub(crate) use options::Options;
use time::Clock;

use crate::bytes::Endian;
use crate::format::{MAX_FRAME_BYTES, Record, Step, linktype, short, too_long};
use crate::frame::{Interface, Secrets, Truncation};
use crate::window::{Fill, Window};
use crate::{CaptureError, Damage};

pub(crate) const SECTION_HEADER: u32 = 0x0a0d_0d0a;
pub(crate) const INTERFACE_DESCRIPTION: u32 = 1;
const OBSOLETE_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const INTERFACE_STATISTICS: u32 = 5;
pub(crate) const ENHANCED_PACKET: u32 = 6;
pub(crate) const DECRYPTION_SECRETS: u32 = 10;

/// Type, length, and length again.
const BLOCK_OVERHEAD: usize = 12;

/// Blocks that are read whole may be no longer: a frame, and what is told about it.
const MAX_READ_BLOCK_BYTES: u32 = MAX_FRAME_BYTES + (1 << 20);

/// More interfaces than any machine has would only serve to fill memory.
const MAX_INTERFACES: usize = 1 << 16;

/// What a file tells besides its frames, as far as it has been read.
#[derive(Debug, Default)]
pub(crate) struct Catalog {
    pub(crate) interfaces: Vec<Interface>,
    pub(crate) secrets: Vec<Secrets>,
}

/// Reads one block after the other.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    endian: Endian,
    /// Where this section's interfaces begin in the catalog.
    first_interface: u32,
    /// This section's interfaces.
    sources: Vec<Source>,
    /// A block of which only the last length is still to be seen.
    passing: Option<Passing>,
}

#[derive(Debug)]
struct Source {
    link: u16,
    snaplen: u32,
    clock: Clock,
}

#[derive(Debug, Clone, Copy)]
struct Passing {
    at: u64,
    len: u32,
}

impl Reader {
    pub(crate) fn next(
        &mut self,
        window: &mut Window,
        catalog: &mut Catalog,
        name: &str,
    ) -> Result<Step, CaptureError> {
        loop {
            if let Some(Passing { at, len }) = self.passing {
                match window.lacks(4)? {
                    None => {}
                    Some(Fill::Ended { have, .. }) => {
                        let have = window.store().end().saturating_sub(at).max(have as u64);
                        return Ok(Step::Cut(Truncation { at, need: Some(len.into()), have }));
                    }
                    Some(fill) => return Ok(short(fill, window, 4)),
                }
                let last = self.endian.u32(window.take(4), 0);
                self.passing = None;
                if last != len {
                    let damage = Damage::BlockLengths { first: len, last };
                    return Err(CaptureError::Damaged { name: name.to_owned(), at, damage });
                }
            }
            if let Some(fill) = window.lacks(8)? {
                return Ok(short(fill, window, BLOCK_OVERHEAD));
            }
            let at = window.position();
            let broken = |damage| CaptureError::Damaged { name: name.to_owned(), at, damage };
            let kind = self.endian.u32(window.bytes(), 0);
            if kind == SECTION_HEADER {
                if let Some(fill) = window.lacks(12)? {
                    return Ok(short(fill, window, 28));
                }
                self.begin_section(window.bytes(), catalog).map_err(broken)?;
            }
            let len = self.endian.u32(window.bytes(), 4);
            if !len.is_multiple_of(4) || len < BLOCK_OVERHEAD as u32 {
                return Err(broken(Damage::BlockLength { len }));
            }
            let frame = matches!(kind, ENHANCED_PACKET | SIMPLE_PACKET | OBSOLETE_PACKET);
            if !frame && !matches!(kind, INTERFACE_DESCRIPTION | INTERFACE_STATISTICS) {
                if kind == DECRYPTION_SECRETS {
                    if let Some(fill) = window.lacks(20)? {
                        return Ok(short(fill, window, len as usize));
                    }
                    catalog.secrets.push(self.secrets(window.bytes(), at, len).map_err(broken)?);
                }
                self.pass(window, at, len);
                continue;
            }
            if len > MAX_READ_BLOCK_BYTES {
                return Err(too_long(name, at, len));
            }
            if let Some(fill) = window.lacks(len as usize)? {
                return Ok(short(fill, window, len as usize));
            }
            let block = &window.bytes()[..len as usize];
            let last = self.endian.u32(block, block.len() - 4);
            if last != len {
                return Err(broken(Damage::BlockLengths { first: len, last }));
            }
            let body = &block[8..block.len() - 4];
            match kind {
                INTERFACE_DESCRIPTION => self.describe_interface(body, catalog).map_err(broken)?,
                INTERFACE_STATISTICS => self.count_drops(body, catalog).map_err(broken)?,
                _ => {
                    let mut record = self.frame(kind, body).map_err(broken)?;
                    record.head += 8;
                    record.total = block.len();
                    return Ok(Step::Frame(record));
                }
            }
            window.take(len as usize);
        }
    }

    fn begin_section(&mut self, block: &[u8], catalog: &Catalog) -> Result<(), Damage> {
        self.endian = match block[8..12] {
            [0x4d, 0x3c, 0x2b, 0x1a] => Endian::Little,
            [0x1a, 0x2b, 0x3c, 0x4d] => Endian::Big,
            _ => return Err(Damage::ByteOrder),
        };
        self.first_interface = catalog.interfaces.len() as u32;
        self.sources.clear();
        Ok(())
    }

    /// Goes past a block that is not looked into.
    fn pass(&mut self, window: &mut Window, at: u64, len: u32) {
        window.skip(u64::from(len) - 4);
        self.passing = Some(Passing { at, len });
    }

    /// Secrets type 4 | length 4 | bytes.
    fn secrets(&self, block: &[u8], at: u64, block_len: u32) -> Result<Secrets, Damage> {
        let kind = self.endian.u32(block, 8);
        let len = self.endian.u32(block, 12);
        let room = block_len.saturating_sub(20);
        if len > room {
            return Err(Damage::Overrun { len, room });
        }
        Ok(Secrets { kind, at: at + 16, len })
    }

    /// Link 2 | reserved 2 | snap length 4 | options.
    fn describe_interface(&mut self, body: &[u8], catalog: &mut Catalog) -> Result<(), Damage> {
        if body.len() < 8 {
            return Err(Damage::BlockLength { len: (body.len() + BLOCK_OVERHEAD) as u32 });
        }
        if catalog.interfaces.len() >= MAX_INTERFACES {
            return Err(Damage::TooManyInterfaces { most: MAX_INTERFACES });
        }
        let link = linktype(self.endian.u16(body, 0));
        let snaplen = self.endian.u32(body, 4);
        let mut interface = Interface { link, snaplen, ..Interface::default() };
        let mut clock = Clock::default();
        for (code, value) in Options::new(&body[8..], self.endian) {
            match (code, value) {
                (2, name) => interface.name = Some(text(name)),
                (3, description) => interface.description = Some(text(description)),
                (9, &[resolution, ..]) => clock.set_resolution(resolution),
                (13, &[fcs_len, ..]) => interface.fcs_len = fcs_len,
                (14, seconds) if seconds.len() >= 8 => clock.set_offset(self.endian.u64(seconds, 0) as i64),
                _ => {}
            }
        }
        catalog.interfaces.push(interface);
        self.sources.push(Source { link, snaplen, clock });
        Ok(())
    }

    /// Interface 4 | time 8 | options.
    fn count_drops(&mut self, body: &[u8], catalog: &mut Catalog) -> Result<(), Damage> {
        if body.len() < 12 {
            return Err(Damage::BlockLength { len: (body.len() + BLOCK_OVERHEAD) as u32 });
        }
        let id = self.endian.u32(body, 0);
        self.source(id)?;
        let interface = &mut catalog.interfaces[(self.first_interface + id) as usize];
        for (code, value) in Options::new(&body[12..], self.endian) {
            match code {
                5 if value.len() >= 8 => interface.interface_drops = self.endian.u64(value, 0),
                7 if value.len() >= 8 => interface.kernel_drops = self.endian.u64(value, 0),
                _ => {}
            }
        }
        Ok(())
    }

    fn source(&self, id: u32) -> Result<&Source, Damage> {
        self.sources.get(id as usize).ok_or(Damage::UnknownInterface { id })
    }

    /// A block that holds a frame. Its `head` counts from the body.
    ///
    /// ```text
    /// enhanced    interface 4 | time 8 | captured 4 | original 4 | bytes | options
    /// obsolete    interface 2 | drops 2 | time 8 | captured 4 | original 4 | bytes | options
    /// simple      original 4 | bytes
    /// ```
    fn frame(&self, kind: u32, body: &[u8]) -> Result<Record, Damage> {
        let head = if kind == SIMPLE_PACKET { 4 } else { 20 };
        let Some(room) = body.len().checked_sub(head) else {
            return Err(Damage::BlockLength { len: (body.len() + BLOCK_OVERHEAD) as u32 });
        };
        let room = room as u32;
        let endian = self.endian;
        if kind == SIMPLE_PACKET {
            let source = self.source(0)?;
            let original_len = endian.u32(body, 0);
            let most = if source.snaplen == 0 { room } else { source.snaplen.min(room) };
            let len = original_len.min(most) as usize;
            // It has no time of its own.
            let (time, link) = (0, source.link);
            let interface = self.first_interface;
            return Ok(Record { time, interface, link, original_len, head, len, total: 0, options: None });
        }
        let id = match kind {
            ENHANCED_PACKET => endian.u32(body, 0),
            _ => endian.u16(body, 0).into(),
        };
        let source = self.source(id)?;
        let ticks = u64::from(endian.u32(body, 4)) << 32 | u64::from(endian.u32(body, 8));
        let captured = endian.u32(body, 12);
        if captured > room {
            return Err(Damage::Overrun { len: captured, room });
        }
        let len = captured as usize;
        let padded = len.next_multiple_of(4);
        // Four bytes of options are at most the end of them.
        let options = (padded + 4 < room as usize).then_some((head + padded + 8, endian));
        Ok(Record {
            time: source.clock.to_ns(ticks),
            interface: self.first_interface + id,
            link: source.link,
            original_len: endian.u32(body, 16),
            head,
            len,
            total: 0,
            options,
        })
    }
}

/// A name or a description: UTF-8, and for a screen, so its length has a bound.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&bytes[..bytes.len().min(1024)]).trim_end_matches('\0').to_owned()
}

impl Catalog {
    pub(crate) fn of(interface: Interface) -> Self {
        Self { interfaces: vec![interface], secrets: Vec::new() }
    }
}
