use std::sync::atomic::{AtomicU32, Ordering};

use crate::{Extent, Extents, Finding, FrameRef, Row, RowFlags, RowId};

/// Rows a chunk. Small enough that a snapshot's copy of the open chunk costs nothing worth naming.
pub(crate) const ROWS: usize = 8192;

const NONE: u32 = u32::MAX;

/// Up to [`ROWS`] packets, one column a fact; about 45 bytes a packet, less where packets share a frame.
///
/// Invariants: all columns of rows have one length; `slot[i] < frames.len()`; the side tables are sorted by row.
#[derive(Debug)]
pub(crate) struct Chunk {
    frames: Vec<FrameRef>,
    /// Index into `frames`: the frame that completed the packet.
    slot: Vec<u16>,
    /// From the first byte of that frame to the first of the packet; unused for split rows.
    offset: Vec<u32>,
    len: Vec<u32>,
    flow: Vec<u32>,
    first: Vec<u8>,
    flags: Vec<RowFlags>,
    request: Vec<u32>,
    response: Vec<AtomicU32>,
    extents: Vec<(u16, Extent)>,
    definitions: Vec<(u16, u32)>,
    findings: Vec<(u16, Finding)>,
}

/// What the indexer knows of a packet when it appends it.
#[derive(Debug)]
pub(crate) struct NewRow<'a> {
    pub(crate) frame: &'a FrameRef,
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
            frames: Vec::with_capacity(ROWS / 2),
            slot: Vec::with_capacity(ROWS),
            offset: Vec::with_capacity(ROWS),
            len: Vec::with_capacity(ROWS),
            flow: Vec::with_capacity(ROWS),
            first: Vec::with_capacity(ROWS),
            flags: Vec::with_capacity(ROWS),
            request: Vec::with_capacity(ROWS),
            response: Vec::with_capacity(ROWS),
            extents: Vec::new(),
            definitions: Vec::new(),
            findings: Vec::new(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.slot.len()
    }

    #[inline]
    pub(crate) fn push(&mut self, row: &NewRow<'_>, extents: &[Extent], findings: &[Finding]) {
        let at = self.slot.len() as u16;
        if self.frames.last().is_none_or(|last| last.number != row.frame.number) {
            self.frames.push(*row.frame);
        }
        self.slot.push((self.frames.len() - 1) as u16);
        let mut flags = row.flags;
        let mut offset = 0;
        match *extents {
            [one] if row.frame.holds(one) => offset = (one.at - row.frame.at) as u32,
            _ => {
                flags.insert(RowFlags::SPLIT);
                self.extents.extend(extents.iter().map(|&extent| (at, extent)));
            }
        }
        self.offset.push(offset);
        self.len.push(row.len);
        self.flow.push(row.flow);
        self.first.push(row.first);
        self.request.push(row.request.map_or(NONE, |row| row.0));
        self.response.push(AtomicU32::new(NONE));
        if let Some(definition) = row.definition {
            self.definitions.push((at, definition.0));
        }
        if !findings.is_empty() {
            self.findings.extend(findings.iter().map(|&finding| (at, finding)));
            flags.insert(RowFlags::VIOLATION);
        }
        self.flags.push(flags);
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
        let flags = self.flags[i];
        Row {
            id,
            frame: self.frames[self.slot[i] as usize],
            flow: self.flow[i],
            first: self.first[i],
            len: self.len[i],
            flags,
            request: Some(self.request[i]).filter(|&row| row != NONE).map(RowId),
            // A sealed chunk also learns of answers that came after the snapshot was taken.
            response: Some(self.response[i].load(Ordering::Relaxed)).filter(|&row| row < rows).map(RowId),
            definition: of_row(&self.definitions, i).first().map(|&(_, row)| RowId(row)),
        }
    }

    pub(crate) fn frame(&self, id: RowId) -> &FrameRef {
        &self.frames[self.slot[id.0 as usize % ROWS] as usize]
    }

    pub(crate) fn extents(&self, id: RowId) -> Extents<'_> {
        let i = id.0 as usize % ROWS;
        if self.flags[i].contains(RowFlags::SPLIT) {
            return Extents::Split(of_row(&self.extents, i).iter());
        }
        let frame = &self.frames[self.slot[i] as usize];
        Extents::One(Extent { at: frame.at + u64::from(self.offset[i]), len: self.len[i] })
    }

    pub(crate) fn findings(&self, id: RowId) -> &[(u16, Finding)] {
        of_row(&self.findings, id.0 as usize % ROWS)
    }
}

impl Clone for Chunk {
    fn clone(&self) -> Self {
        let response = self.response.iter().map(|row| AtomicU32::new(row.load(Ordering::Relaxed))).collect();
        Self {
            frames: self.frames.clone(),
            slot: self.slot.clone(),
            offset: self.offset.clone(),
            len: self.len.clone(),
            flow: self.flow.clone(),
            first: self.first.clone(),
            flags: self.flags.clone(),
            request: self.request.clone(),
            response,
            extents: self.extents.clone(),
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
