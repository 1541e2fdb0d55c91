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
use crate::format::{MAX_FRAME_BYTES, Record, Secrets, Step, linktype, short, too_long};
use crate::frame::{Interface, Truncation};
use crate::window::{Fill, Window};
use crate::{CaptureError, Damage};

pub(crate) const SECTION_HEADER: u32 = 0x0a0d_0d0a;
pub(crate) const INTERFACE_DESCRIPTION: u32 = 1;
const OBSOLETE_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const INTERFACE_STATISTICS: u32 = 5;
pub(crate) const ENHANCED_PACKET: u32 = 6;
pub(crate) const DECRYPTION_SECRETS: u32 = 10;
/// The type of secrets that are lines of an NSS key log; those of other protocols are passed over.
pub(crate) const TLS_KEY_LOG: u32 = 0x544c_534b;

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
    /// What is told once all of it is there.
    secrets: Option<Secrets>,
}

impl Reader {
    /// The byte order of the section it is in.
    pub(crate) fn endian(&self) -> Endian {
        self.endian
    }

    pub(crate) fn next(
        &mut self,
        window: &mut Window,
        catalog: &mut Catalog,
        name: &str,
    ) -> Result<Step, CaptureError> {
        loop {
            if self.passing.is_some()
                && let Some(step) = self.end_passing(window, name)?
            {
                return Ok(step);
            }
            if let Some(fill) = window.lacks(8)? {
                return Ok(short(fill, window, BLOCK_OVERHEAD));
            }
            let head = &window.bytes()[..8];
            let (kind, len) = (self.endian.u32(head, 0), self.endian.u32(head, 4));
            if !matches!(
                kind,
                ENHANCED_PACKET
                    | SIMPLE_PACKET
                    | OBSOLETE_PACKET
                    | INTERFACE_DESCRIPTION
                    | INTERFACE_STATISTICS
            ) {
                if let Some(step) = self.pass(kind, window, catalog, name)? {
                    return Ok(step);
                }
                continue;
            }
            if let Some(fill) = self.lacks_block(window, len, name)? {
                return Ok(short(fill, window, len as usize));
            }
            let block = &window.bytes()[..len as usize];
            let told = match kind {
                SIMPLE_PACKET => self.simple_frame(block).map(Some),
                INTERFACE_DESCRIPTION => self.describe_interface(block, catalog).map(|()| None),
                INTERFACE_STATISTICS => self.count_drops(block, catalog).map(|()| None),
                _ => self.frame(kind, block).map(Some),
            };
            match told {
                Ok(Some(record)) => return Ok(Step::Frame(record)),
                Ok(None) => drop(window.take(len as usize)),
                Err(damage) => return Err(damaged(name, window.position(), damage)),
            }
        }
    }

    /// Sees to it that a block of plausible length stands in the window, or tells why it does not.
    #[inline]
    fn lacks_block(&self, window: &mut Window, len: u32, name: &str) -> Result<Option<Fill>, CaptureError> {
        check_length(len).map_err(|damage| damaged(name, window.position(), damage))?;
        if len > MAX_READ_BLOCK_BYTES {
            return Err(too_long(name, window.position(), len));
        }
        if let Some(fill) = window.lacks(len as usize)? {
            return Ok(Some(fill));
        }
        let last = self.endian.u32(window.bytes(), len as usize - 4);
        if last != len {
            return Err(damaged(name, window.position(), Damage::BlockLengths { first: len, last }));
        }
        Ok(None)
    }

    /// Begins to go past a block that is not read whole; secrets and section headers are noted on the way.
    #[cold]
    fn pass(
        &mut self,
        kind: u32,
        window: &mut Window,
        catalog: &mut Catalog,
        name: &str,
    ) -> Result<Option<Step>, CaptureError> {
        let at = window.position();
        let broken = |damage| damaged(name, at, damage);
        let head = match kind {
            SECTION_HEADER => 12,
            DECRYPTION_SECRETS => 16,
            _ => 8,
        };
        if let Some(fill) = window.lacks(head)? {
            return Ok(Some(short(fill, window, head)));
        }
        if kind == SECTION_HEADER {
            self.begin_section(window.bytes(), catalog).map_err(broken)?;
        }
        let len = self.endian.u32(window.bytes(), 4);
        check_length(len).map_err(broken)?;
        let mut secrets = None;
        if kind == DECRYPTION_SECRETS {
            secrets = self.secrets(window.bytes(), at, len).map_err(broken)?;
        }
        window.skip(u64::from(len) - 4);
        self.passing = Some(Passing { at, len, secrets });
        Ok(None)
    }

    /// Reads the last length of a block that was passed over.
    #[cold]
    fn end_passing(&mut self, window: &mut Window, name: &str) -> Result<Option<Step>, CaptureError> {
        let Some(Passing { at, len, secrets }) = self.passing else { return Ok(None) };
        match window.lacks(4)? {
            None => {}
            Some(Fill::Ended { have, .. }) => {
                let have = window.store().end().saturating_sub(at).max(have as u64);
                return Ok(Some(Step::Cut(Truncation { at, need: Some(len.into()), have })));
            }
            Some(fill) => return Ok(Some(short(fill, window, 4))),
        }
        let last = self.endian.u32(window.take(4), 0);
        self.passing = None;
        if last != len {
            return Err(damaged(name, at, Damage::BlockLengths { first: len, last }));
        }
        Ok(secrets.map(Step::Secrets))
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

    /// 8 | secrets type 4 | length 4 | bytes | 4.
    fn secrets(&self, block: &[u8], at: u64, block_len: u32) -> Result<Option<Secrets>, Damage> {
        let kind = self.endian.u32(block, 8);
        let len = self.endian.u32(block, 12);
        let Some(room) = block_len.checked_sub(20) else {
            return Err(Damage::BlockLength { len: block_len });
        };
        if len > room {
            return Err(Damage::Overrun { len, room });
        }
        Ok((kind == TLS_KEY_LOG && len > 0).then_some(Secrets { at: at + 16, len }))
    }

    /// 8 | link 2 | reserved 2 | snap length 4 | options | 4.
    fn describe_interface(&mut self, block: &[u8], catalog: &mut Catalog) -> Result<(), Damage> {
        let Some(options) = block.get(16..block.len() - 4) else {
            return Err(Damage::BlockLength { len: block.len() as u32 });
        };
        if catalog.interfaces.len() >= MAX_INTERFACES {
            return Err(Damage::TooManyInterfaces { most: MAX_INTERFACES });
        }
        let link = linktype(self.endian.u16(block, 8));
        let snaplen = self.endian.u32(block, 12);
        let mut interface = Interface { link, snaplen, ..Interface::default() };
        let mut clock = Clock::default();
        for (code, value) in Options::new(options, self.endian) {
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

    /// 8 | interface 4 | time 8 | options | 4.
    fn count_drops(&mut self, block: &[u8], catalog: &mut Catalog) -> Result<(), Damage> {
        let Some(options) = block.get(20..block.len() - 4) else {
            return Err(Damage::BlockLength { len: block.len() as u32 });
        };
        let id = self.endian.u32(block, 8);
        if self.source(id).is_err() {
            return Ok(()); // no frame depends on it
        }
        let interface = &mut catalog.interfaces[(self.first_interface + id) as usize];
        for (code, value) in Options::new(options, self.endian) {
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

    /// Enhanced or obsolete packet: 8 | interface 4 (obsolete: 2, and drops 2) | time 8 | captured 4 | original 4 |
    /// bytes | options | 4.
    #[inline]
    fn frame(&self, kind: u32, block: &[u8]) -> Result<Record, Damage> {
        const HEAD: usize = 28;
        let total = block.len();
        let Some(head) = block.first_chunk::<HEAD>().filter(|_| total >= HEAD + 4) else {
            return Err(Damage::BlockLength { len: total as u32 });
        };
        let endian = self.endian;
        let id = match kind {
            ENHANCED_PACKET => endian.u32(head, 8),
            _ => endian.u16(head, 8).into(),
        };
        let source = self.source(id)?;
        let ticks = u64::from(endian.u32(head, 12)) << 32 | u64::from(endian.u32(head, 16));
        let captured = endian.u32(head, 20);
        let room = total - HEAD - 4;
        let len = captured as usize;
        if len > room {
            return Err(Damage::Overrun { len: captured, room: room as u32 });
        }
        let options = HEAD + len.next_multiple_of(4);
        Ok(Record {
            time: source.clock.to_ns(ticks),
            interface: self.first_interface + id,
            link: source.link,
            original_len: endian.u32(head, 24),
            head: HEAD as u32,
            len: captured,
            total: total as u32,
            // An option has four bytes at least, and four bytes alone are the mark of their end.
            options: if options + 8 < total { options as u32 } else { 0 },
        })
    }

    /// Simple packet: 8 | original 4 | bytes | 4. It has no time of its own, and is of the section's first interface.
    fn simple_frame(&self, block: &[u8]) -> Result<Record, Damage> {
        const HEAD: usize = 12;
        let total = block.len();
        let Some(room) = total.checked_sub(HEAD + 4) else {
            return Err(Damage::BlockLength { len: total as u32 });
        };
        let source = self.source(0)?;
        let original_len = self.endian.u32(block, 8);
        let snaplen = if source.snaplen == 0 { u32::MAX } else { source.snaplen };
        let len = original_len.min(snaplen).min(room as u32);
        let (time, interface, link) = (0, self.first_interface, source.link);
        Ok(Record {
            time,
            interface,
            link,
            original_len,
            head: HEAD as u32,
            len,
            total: total as u32,
            options: 0,
        })
    }
}

#[inline]
fn check_length(len: u32) -> Result<(), Damage> {
    if len.is_multiple_of(4) && len >= BLOCK_OVERHEAD as u32 {
        Ok(())
    } else {
        Err(Damage::BlockLength { len })
    }
}

#[cold]
fn damaged(name: &str, at: u64, damage: Damage) -> CaptureError {
    CaptureError::Damaged { name: name.to_owned(), at, damage }
}

/// A name or a description: UTF-8, and for a screen, so its length has a bound.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&bytes[..bytes.len().min(1024)]).trim_end_matches('\0').to_owned()
}

impl Catalog {
    pub(crate) fn of(interface: Interface) -> Self {
        Self { interfaces: vec![interface] }
    }
}
