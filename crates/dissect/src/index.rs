//! The rows of all MQTT packets, in columns.
//!
//! **Architecture invariant:** one writer (the [`Indexer`](crate::Indexer)) appends; a chunk that is full is sealed
//! behind an [`Arc`] and never changes again, but for the links from a request to its response, which are atomic.
//! A reader holds a [`Snapshot`](crate::Snapshot): a list of pointers to sealed chunks and a copy of the open one.

pub(crate) mod chunk;
pub(crate) mod flow;

use std::sync::Arc;

use chunk::{Chunk, NewRow, ROWS};
use flow::Flows;

use crate::{Extent, Finding, Peer, RowId};

/// The writer's side of the index.
#[derive(Debug)]
pub(crate) struct Index {
    sealed: Vec<Arc<Chunk>>,
    open: Chunk,
    pub(crate) flows: Flows,
}

impl Index {
    pub(crate) fn new() -> Self {
        Self { sealed: Vec::new(), open: Chunk::new(), flows: Flows::default() }
    }

    /// How many rows there are.
    pub(crate) fn len(&self) -> u32 {
        (self.sealed.len() * ROWS + self.open.len()) as u32
    }

    /// The number that the next row will get.
    pub(crate) fn next(&self) -> RowId {
        RowId(self.len())
    }

    #[inline]
    pub(crate) fn push(&mut self, row: &NewRow<'_>, extents: &[Extent], findings: &[Finding]) {
        let id = self.next();
        self.open.push(row, extents, findings);
        if let Some(request) = row.request {
            self.chunk(request).set_response(request, id);
        }
        if self.open.len() == ROWS {
            let full = std::mem::replace(&mut self.open, Chunk::new());
            self.sealed.push(Arc::new(full));
        }
    }

    /// Frame and time of a row.
    pub(crate) fn peer(&self, row: RowId) -> Peer {
        let frame = self.chunk(row).frame(row);
        Peer { row, frame: frame.number, time: frame.time }
    }

    /// The chunk that holds `row`, which must exist.
    pub(crate) fn chunk(&self, row: RowId) -> &Chunk {
        self.sealed.get(row.0 as usize / ROWS).map_or(&self.open, |chunk| chunk)
    }

    pub(crate) fn sealed(&self) -> &[Arc<Chunk>] {
        &self.sealed
    }

    pub(crate) fn open(&self) -> &Chunk {
        &self.open
    }
}
