//! TLS between TCP and what it encrypts.

use std::fmt;

use mqscope_stream::Direction;
use mqscope_stream::tls::Session;

use crate::trail::Trail;
use crate::{Extent, FrameRef};

/// Segments of one connection whose places are kept until its keys come.
const WAITING_PIECES: usize = 64 * 1024;

/// A TLS connection.
pub(crate) struct Tls {
    pub(crate) session: Session,
    pub(crate) trails: [Trail; 2],
    pub(crate) opened: Opened,
    /// All that came so far, for when the keys come late; `None` where that is of no use any more.
    pub(crate) waiting: Option<Vec<Waiting>>,
    /// Whether hellos and alerts have had their rows: not twice, if it is all read once more.
    pub(crate) announced: bool,
}

impl fmt::Debug for Tls {
    /// Without what is secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("opened", &self.opened).finish_non_exhaustive()
    }
}

/// How far a connection could be decrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opened {
    /// Nothing was to be decrypted yet.
    NotYet,
    Yes,
    No,
}

/// A piece of a connection that may be decrypted later.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Waiting {
    Piece { direction: Direction, extent: Extent, frame: FrameRef, carried: FrameRef },
    Gap { direction: Direction, missing: u64 },
}

impl Tls {
    pub(crate) fn new(keep: bool) -> Self {
        Self {
            session: Session::new(),
            trails: Default::default(),
            opened: Opened::NotYet,
            waiting: keep.then(Vec::new),
            announced: false,
        }
    }

    /// Notes what came, as long as it may have to be read once more.
    pub(crate) fn wait_with(&mut self, piece: Waiting) {
        if let Some(waiting) = &mut self.waiting {
            if self.opened == Opened::Yes || waiting.len() >= WAITING_PIECES {
                self.waiting = None;
            } else {
                waiting.push(piece);
            }
        }
    }

    /// About how much memory is spent on records that are not whole, and on what waits for keys.
    pub(crate) fn held_bytes(&self) -> usize {
        let waiting = self.waiting.as_ref().map_or(0, Vec::capacity);
        self.session.held_bytes() + waiting * size_of::<Waiting>()
    }

    /// Begins anew, to read all that came once more; what that was.
    pub(crate) fn again(&mut self) -> Vec<Waiting> {
        self.session = Session::new();
        self.trails = Default::default();
        self.opened = Opened::NotYet;
        self.announced = true;
        self.waiting.take().unwrap_or_default()
    }
}
