use std::sync::atomic::{AtomicU32, Ordering};

use mqscope_capture::Store;

use crate::{Extent, Extents, Finding, FrameRef, Row, RowFlags, RowId};

/// Rows a chunk. Small enough that a snapshot's copy of the open chunk costs nothing worth naming.
pub(crate) const ROWS: usize = 8192;

const NONE: u32 = u32::MAX;

/// Up to [`ROWS`] packets, one column a fact; about 45 bytes a packet, less where packets share a frame.
///
/// Invariants: rows `0..len` are filled; `slot[i] < frames.len()` for them; the side tables are sorted by row.
#[derive(Debug)]
pub(crate) struct Chunk {
    len: usize,
    frames: Vec<FrameRef>,
    /// Index into `frames`: the frame that completed the packet.
    slot: Column<u16>,
    /// From the first byte of that frame, or of the chunk's derived bytes, to the first of the packet; unused for split
    /// rows.
    offset: Column<u32>,
    /// The first derived byte of the chunk's packets.
    derived: Option<u64>,
    bytes: Column<u32>,
    flow: Column<u32>,
    first: Column<u8>,
    flags: Column<RowFlags>,
    request: Column<u32>,
    response: Box<[AtomicU32]>,
    extents: Vec<(u16, Extent)>,
    /// Frames that carried parts of a packet, beside the one that completed it.
    carried: Vec<(u16, FrameRef)>,
    definitions: Vec<(u16, u32)>,
    findings: Vec<(u16, Finding)>,
}

/// One fact of each row. Of a fixed size, so that appending to many of them needs no checks.
#[derive(Debug, Clone)]
struct Column<T>(Box<[T; ROWS]>);

impl<T: Copy + Default> Column<T> {
    fn new() -> Self {
        let cells = vec![T::default(); ROWS].into_boxed_slice();
        Self(cells.try_into().unwrap_or_else(|_| unreachable!("it has just this length")))
    }

    #[inline]
    fn get(&self, row: usize) -> T {
        self.0[row % ROWS]
    }

    #[inline]
    fn set(&mut self, row: usize, value: T) {
        self.0[row % ROWS] = value;
    }
}

/// What the indexer knows of a packet when it appends it.
#[derive(Debug)]
pub(crate) struct NewRow<'a> {
    pub(crate) frame: &'a FrameRef,
    /// The frames that carried other parts of it.
    pub(crate) carried: &'a [FrameRef],
    pub(crate) flow: u32,
    pub(crate) first: u8,
    pub(crate) len: u32,
    pub(crate) flags: RowFlags,
    pub(crate) request: Option<RowId>,
    /// The PUBLISH that gave the topic alias its meaning, for one that sends the alias only.
    pub(crate) definition: Option<RowId>,
}

impl Chunk {
    pub(crate) fn new() -> Self {
        Self {
            len: 0,
            frames: Vec::with_capacity(ROWS / 2),
            slot: Column::new(),
            offset: Column::new(),
            derived: None,
            bytes: Column::new(),
            flow: Column::new(),
            first: Column::new(),
            flags: Column::new(),
            request: Column::new(),
            response: (0..ROWS).map(|_| AtomicU32::new(NONE)).collect(),
            extents: Vec::new(),
            carried: Vec::new(),
            definitions: Vec::new(),
            findings: Vec::new(),
        }
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Appends a row; there must be room for it.
    #[inline]
    pub(crate) fn push(&mut self, row: &NewRow<'_>, extents: &[Extent], findings: &[Finding]) {
        let at = self.len;
        if self.frames.last().is_none_or(|last| last.number != row.frame.number) {
            self.frames.push(*row.frame);
        }
        let mut flags = row.flags;
        match *extents {
            [one] if row.frame.holds(one) => self.offset.set(at, (one.at - row.frame.at) as u32),
            _ => match self.derived_offset(extents) {
                Some(offset) => {
                    flags.insert(RowFlags::DERIVED);
                    self.offset.set(at, offset);
                }
                None => {
                    flags.insert(RowFlags::SPLIT);
                    self.extents.extend(extents.iter().map(|&extent| (at as u16, extent)));
                }
            },
        }
        self.carried.extend(row.carried.iter().map(|&frame| (at as u16, frame)));
        if let Some(definition) = row.definition {
            self.definitions.push((at as u16, definition.0));
        }
        if !findings.is_empty() {
            self.findings.extend(findings.iter().map(|&finding| (at as u16, finding)));
            flags.insert(RowFlags::VIOLATION);
        }
        self.slot.set(at, (self.frames.len() - 1) as u16);
        self.bytes.set(at, row.len);
        self.flow.set(at, row.flow);
        self.first.set(at, row.first);
        self.flags.set(at, flags);
        self.request.set(at, row.request.map_or(NONE, |row| row.0));
        self.len += 1;
    }

    /// Where a packet stands among the derived bytes, if it does, and in one place.
    #[inline]
    fn derived_offset(&mut self, extents: &[Extent]) -> Option<u32> {
        let [one] = extents else { return None };
        if one.at < Store::DERIVED {
            return None;
        }
        let first = *self.derived.get_or_insert(one.at);
        u32::try_from(one.at.checked_sub(first)?).ok()
    }

    /// The first answer counts; a later one does not replace it.
    pub(crate) fn set_response(&self, request: RowId, response: RowId) {
        let cell = &self.response[request.0 as usize % ROWS];
        if cell.load(Ordering::Relaxed) == NONE {
            cell.store(response.0, Ordering::Relaxed);
        }
    }

    /// The row `id`, of an index that has `rows` in all.
    pub(crate) fn row(&self, id: RowId, rows: u32) -> Row {
        let i = id.0 as usize % ROWS;
        let flags = self.flags.get(i);
        Row {
            id,
            frame: self.frames[self.slot.get(i) as usize],
            flow: self.flow.get(i),
            first: self.first.get(i),
            len: self.bytes.get(i),
            flags,
            request: Some(self.request.get(i)).filter(|&row| row != NONE).map(RowId),
            // A sealed chunk also learns of answers that came after the snapshot was taken.
            response: Some(self.response[i].load(Ordering::Relaxed)).filter(|&row| row < rows).map(RowId),
            definition: of_row(&self.definitions, i).first().map(|&(_, row)| RowId(row)),
        }
    }

    pub(crate) fn frame(&self, id: RowId) -> &FrameRef {
        &self.frames[self.slot.get(id.0 as usize) as usize]
    }

    pub(crate) fn extents(&self, id: RowId) -> Extents<'_> {
        let i = id.0 as usize % ROWS;
        if self.flags.get(i).contains(RowFlags::SPLIT) {
            return Extents::Split(of_row(&self.extents, i).iter());
        }
        let base = match self.derived.filter(|_| self.flags.get(i).contains(RowFlags::DERIVED)) {
            Some(derived) => derived,
            None => self.frames[self.slot.get(i) as usize].at,
        };
        Extents::One(Extent { at: base + u64::from(self.offset.get(i)), len: self.bytes.get(i) })
    }

    /// The frames that carried parts of a packet, beside the one that completed it.
    pub(crate) fn carried(&self, id: RowId) -> &[(u16, FrameRef)] {
        of_row(&self.carried, id.0 as usize % ROWS)
    }

    pub(crate) fn findings(&self, id: RowId) -> &[(u16, Finding)] {
        of_row(&self.findings, id.0 as usize % ROWS)
    }
}

impl Clone for Chunk {
    fn clone(&self) -> Self {
        let response = self.response.iter().map(|row| AtomicU32::new(row.load(Ordering::Relaxed))).collect();
        Self {
            len: self.len,
            frames: self.frames.clone(),
            slot: self.slot.clone(),
            offset: self.offset.clone(),
            derived: self.derived,
            bytes: self.bytes.clone(),
            flow: self.flow.clone(),
            first: self.first.clone(),
            flags: self.flags.clone(),
            request: self.request.clone(),
            response,
            extents: self.extents.clone(),
            carried: self.carried.clone(),
            definitions: self.definitions.clone(),
            findings: self.findings.clone(),
        }
    }
}

/// The entries of one row in a side table, which is sorted by row.
fn of_row<T>(table: &[(u16, T)], row: usize) -> &[(u16, T)] {
    let from = table.partition_point(|&(at, _)| usize::from(at) < row);
    let len = table[from..].partition_point(|&(at, _)| usize::from(at) == row);
    &table[from..from + len]
}
