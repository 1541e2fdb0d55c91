//! What readers hold: the index as it was at one moment.

use std::cell::OnceCell;
use std::fmt;
use std::sync::Arc;

use mqscope_capture::Store;
use mqscope_wire::{Lenient, Notes, PacketType, decode, frame};

use crate::annotate::Secrets;
use crate::fields::RowFacts;
use crate::filter::Filter;
use crate::index::Index;
use crate::index::chunk::{Chunk, ROWS};
use crate::index::flow::Flows;
use crate::outline::Outline;
use crate::view::{Body, Carried, Lower, own_topic};
use crate::{
    DissectError, Extent, Extents, Finding, Findings, Flow, FrameRef, PacketView, Peer, Row, RowId, RowKind,
};

/// Rows before and after a packet's among which others of its frame are.
const NEIGHBOURS: u32 = 4096;

/// Bytes that are read at once, for readers that go through many rows.
const WINDOW_BYTES: usize = 64 * 1024;

/// The index as it was at one moment. Cloning it copies one pointer.
#[derive(Clone)]
pub struct Snapshot(Arc<Inner>);

struct Inner {
    sealed: Vec<Arc<Chunk>>,
    open: Chunk,
    flows: Flows,
    len: u32,
    start: i64,
    frames: u64,
    traffic: Traffic,
}

/// What TCP there was, with and without MQTT: for those who wonder why none was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// TCP connections.
    pub connections: u32,
    /// The lower of each connection's two ports, which mostly is the server's, in the order in which they were
    /// seen, with the number of connections: the first few of them.
    pub ports: Vec<(u16, u32)>,
    /// TLS connections that could not be decrypted.
    pub encrypted: u32,
    /// TLS connections that secrets are known of, in the capture or not; `None` where nobody gave any.
    pub secrets: Option<usize>,
    /// Upgrades to a WebSocket for MQTT that a server refused.
    pub refused: u32,
    /// The first link type that is not known, if there was one, and how many frames had one.
    pub unknown_link: Option<(u16, u64)>,
    /// TCP segments of whose payload the capture cut something off.
    pub cut: u64,
}

impl Traffic {
    /// Ports that are remembered.
    const PORTS: usize = 16;

    /// What of the capture cannot be read at all, and what to do about it: a sentence for each reason.
    pub fn unreadable(&self) -> impl Iterator<Item = String> {
        let link = self.unknown_link.map(|(link, frames)| {
            format!(
                "{frames} frames are of link type {link}, which is not known here: capture as Ethernet, Linux cooked, raw IP or \
                 loopback"
            )
        });
        let cut = (self.cut > 0).then(|| {
            format!(
                "{} TCP segments were cut by the capture's snap length: capture whole frames (tcpdump -s 0)",
                self.cut
            )
        });
        link.into_iter().chain(cut)
    }

    pub(crate) fn add(&mut self, port: u16) {
        self.connections += 1;
        match self.ports.iter().position(|&(known, _)| known == port) {
            Some(at) => self.ports[at].1 += 1,
            None if self.ports.len() < Self::PORTS => self.ports.push((port, 1)),
            None => {}
        }
    }
}

impl Snapshot {
    pub(crate) fn new(index: &Index, start: i64, frames: u64, traffic: Traffic) -> Self {
        Self(Arc::new(Inner {
            traffic,
            sealed: index.sealed().to_vec(),
            open: index.open().clone(),
            flows: index.flows.clone(),
            len: index.len(),
            start,
            frames,
        }))
    }

    /// Of a capture that has not begun.
    pub fn empty() -> Self {
        Self::new(&Index::new(), 0, 0, Traffic::default())
    }

    /// How many packets there are.
    pub fn len(&self) -> u32 {
        self.0.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many frames were read for it, with and without MQTT.
    pub fn frames(&self) -> u64 {
        self.0.frames
    }

    /// What TCP connections there were, with and without MQTT.
    pub fn traffic(&self) -> &Traffic {
        &self.0.traffic
    }

    /// The time of the capture's first frame, nanoseconds since the Unix epoch.
    pub fn start(&self) -> i64 {
        self.0.start
    }

    /// All rows, in the order in which packets became complete.
    pub fn rows(&self) -> impl DoubleEndedIterator<Item = Row> + ExactSizeIterator + '_ {
        (0..self.len()).map(|row| self.chunk(RowId(row)).row(RowId(row), self.len()))
    }

    /// One row, if it is there.
    pub fn row(&self, id: RowId) -> Option<Row> {
        (id.0 < self.len()).then(|| self.chunk(id).row(id, self.len()))
    }

    /// Where a row's bytes are. None if there is no such row.
    pub fn extents(&self, id: RowId) -> Extents<'_> {
        if id.0 < self.len() { self.chunk(id).extents(id) } else { Extents::Done }
    }

    /// Rules that a row breaks by its place among the others.
    pub fn findings(&self, id: RowId) -> impl Iterator<Item = &Finding> {
        let findings = if id.0 < self.len() { self.chunk(id).findings(id) } else { &[] };
        findings.iter().map(|(_, finding)| finding)
    }

    /// The connections that carry MQTT, in the order in which they were found.
    pub fn flows(&self) -> impl ExactSizeIterator<Item = &Flow> {
        (0..self.0.flows.len()).map(|flow| self.0.flows.get(flow))
    }

    /// The connection that a row of this snapshot names.
    pub fn flow(&self, number: u32) -> Option<&Flow> {
        (number < self.0.flows.len()).then(|| self.0.flows.get(number))
    }

    /// Frame and time of a row, if it is there.
    pub fn peer(&self, id: RowId) -> Option<Peer> {
        self.row(id).map(|row| Peer { row: id, frame: row.frame.number, time: row.frame.time })
    }

    /// Reads a packet again, with all that is known about it. The view lives in `reader`.
    ///
    /// # Errors
    /// Its bytes are not there any more, or cannot be read.
    ///
    /// # Panics
    /// There is no such row.
    pub fn view<'a>(&'a self, id: RowId, reader: &'a mut Reader) -> Result<PacketView<'a>, DissectError> {
        let row = self.row(id).expect("the caller names a row of this snapshot");
        let flow = self.0.flows.get(row.flow);
        reader.topic.clear();
        if let Some(definition) = row.definition {
            reader.read_topic(self.chunk(definition).extents(definition))?;
        }
        reader.findings.clear();
        reader.findings.extend(self.findings(id));
        reader.frame = OnceCell::new();
        let at = reader.locate(self.chunk(id).extents(id), &row.frame)?;

        let reader = &*reader;
        let bytes = reader.located(at);
        let (body, topic) = match row.kind() {
            RowKind::Packet(_) => {
                let packet = decode(bytes, row.flags.version(), &mut Lenient);
                let defined = row.definition.map(|_| &reader.topic[..]);
                let topic = own_topic(bytes, row.flags.version(), &packet).or(defined);
                (Body::Packet(packet), topic)
            }
            RowKind::Carrier(message) => (Body::Carrier(message), None),
        };
        Ok(PacketView {
            row,
            flow,
            side: flow.side(row.flags.direction()),
            bytes,
            body,
            topic,
            findings: Findings(&reader.findings),
            request: row.request.and_then(|row| self.peer(row)),
            response: row.response.and_then(|row| self.peer(row)),
            began: self.began(&row),
            start: self.start(),
            headers: OnceCell::new(),
            lower: reader.lower(at),
            store: &reader.store,
            extents: self.chunk(id).extents(id),
            carried: Carried::Indexed(self.chunk(id).carried(id)),
        })
    }

    /// Whether a packet is one that the filter asks for. It is read only if the index alone cannot tell.
    ///
    /// # Errors
    /// Its bytes are not there any more, or cannot be read.
    ///
    /// # Panics
    /// There is no such row.
    pub fn matches(&self, id: RowId, filter: &Filter, reader: &mut Reader) -> Result<bool, DissectError> {
        let row = self.row(id).expect("the caller names a row of this snapshot");
        let flow = self.0.flows.get(row.flow);
        match filter.of_row(&RowFacts { row: &row, flow, start: self.start() }) {
            Some(answer) => Ok(answer),
            None => Ok(filter.matches(&self.view(id, reader)?)),
        }
    }

    /// Takes a packet apart. Without leave to show secrets, its frame has none of other packets either.
    ///
    /// # Errors
    /// Its bytes are not there any more, or cannot be read.
    ///
    /// # Panics
    /// There is no such row.
    pub fn outline(
        &self,
        id: RowId,
        secrets: Secrets,
        reader: &mut Reader,
        notes: &mut Notes,
    ) -> Result<Outline, DissectError> {
        let others = if secrets == Secrets::Redacted { self.without_secrets(id) } else { Vec::new() };
        let view = self.view(id, reader)?;
        Ok(Outline::beside(&view, &others, secrets, notes))
    }

    /// Where packets stand that may share a frame with `id` and have no secrets.
    fn without_secrets(&self, id: RowId) -> Vec<Extent> {
        let near = id.0.saturating_sub(NEIGHBOURS)..self.len().min(id.0.saturating_add(NEIGHBOURS));
        let Some(of) = self.row(id) else { return Vec::new() };
        let mut places = Vec::new();
        for other in near.map(RowId).filter(|&other| other != id) {
            let Some(row) = self.row(other).filter(|row| row.flow == of.flow) else { continue };
            use PacketType::{Auth, ConnAck, Connect};
            let may_have = matches!(row.packet_type(), None | Some(Connect | ConnAck | Auth));
            if !may_have {
                places.extend(self.extents(other));
            }
        }
        places
    }

    /// When the exchange began whose later packet `row` is.
    fn began(&self, row: &Row) -> Option<i64> {
        let mut began = None;
        let mut earlier = row.request;
        while let Some(row) = earlier.and_then(|id| self.row(id)) {
            began = Some(row.frame.time);
            earlier = row.request;
        }
        began
    }

    fn chunk(&self, id: RowId) -> &Chunk {
        self.0.sealed.get(id.0 as usize / ROWS).map_or(&self.0.open, |chunk| chunk)
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { len, frames, flows, .. } = &*self.0;
        f.debug_struct("Snapshot")
            .field("len", len)
            .field("frames", frames)
            .field("flows", &flows.len())
            .finish_non_exhaustive()
    }
}

/// Reads packets' bytes again, into buffers that are used again.
#[derive(Debug)]
pub struct Reader {
    store: Store,
    /// Bytes of the store from `window_at` on: rows that follow each other lie close together.
    window: Vec<u8>,
    window_at: u64,
    /// A packet that is split, or does not fit in the window.
    split: Vec<u8>,
    /// The topic that an alias stands for.
    topic: Vec<u8>,
    findings: Vec<Finding>,
    frame: OnceCell<Option<Box<[u8]>>>,
}

/// Where a packet's bytes are at hand.
#[derive(Clone, Copy)]
enum Located {
    /// In the window with the frame that completed it, `before` bytes of which come first.
    Framed {
        from: usize,
        len: usize,
        before: usize,
        frame_len: usize,
    },
    Window {
        from: usize,
        len: usize,
    },
    Split,
}

impl Reader {
    /// A reader of the bytes that an index is about.
    pub fn new(store: Store) -> Self {
        Self {
            store,
            window: Vec::new(),
            window_at: 0,
            split: Vec::new(),
            topic: Vec::new(),
            findings: Vec::new(),
            frame: OnceCell::new(),
        }
    }

    fn locate(&mut self, mut extents: Extents<'_>, frame: &FrameRef) -> Result<Located, DissectError> {
        if let Extents::One(extent) = extents {
            let len = extent.len as usize;
            if frame.holds(extent) && self.bring(frame.at, frame.len as usize)? {
                let before = (extent.at - frame.at) as usize;
                let start = (frame.at - self.window_at) as usize;
                let frame_len = frame.len as usize;
                return Ok(Located::Framed { from: start + before, len, before, frame_len });
            }
            if self.bring(extent.at, len)? {
                return Ok(Located::Window { from: (extent.at - self.window_at) as usize, len });
            }
        }
        self.split.clear();
        self.split.shrink_to(WINDOW_BYTES);
        extents
            .try_for_each(|extent| read_into(&self.store, extent.at, extent.len as usize, &mut self.split))?;
        Ok(Located::Split)
    }

    fn located(&self, at: Located) -> &[u8] {
        match at {
            Located::Framed { from, len, .. } | Located::Window { from, len } => {
                &self.window[from..from + len]
            }
            Located::Split => &self.split,
        }
    }

    fn lower(&self, at: Located) -> Lower<'_> {
        match at {
            Located::Framed { from, before, frame_len, .. } => {
                Lower::AtHand(&self.window[from - before..from - before + frame_len])
            }
            Located::Window { .. } | Located::Split => Lower::Stored(&self.store, &self.frame),
        }
    }

    /// Sees to it that `len` bytes from `at` on are in the window, if they fit.
    fn bring(&mut self, at: u64, len: usize) -> Result<bool, DissectError> {
        Ok(self.find(at, len).is_some() || (len < WINDOW_BYTES && self.slide(at, len)?))
    }

    fn find(&self, at: u64, len: usize) -> Option<usize> {
        let from = usize::try_from(at.checked_sub(self.window_at)?).ok()?;
        (from.checked_add(len)? <= self.window.len()).then_some(from)
    }

    /// Moves the window to `at`; whether `len` bytes are in it.
    fn slide(&mut self, at: u64, len: usize) -> Result<bool, DissectError> {
        let there = self.store.end_after(at).saturating_sub(at).min(WINDOW_BYTES as u64) as usize;
        self.window.clear();
        self.window_at = at;
        read_into(&self.store, at, there, &mut self.window)?;
        Ok(len <= there)
    }

    /// Reads the topic of a PUBLISH, and nothing that follows it.
    fn read_topic(&mut self, extents: Extents<'_>) -> Result<(), DissectError> {
        const LONGEST: usize = 5 + 2 + u16::MAX as usize;
        for extent in extents {
            let room = LONGEST - self.topic.len();
            read_into(&self.store, extent.at, room.min(extent.len as usize), &mut self.topic)?;
        }
        let header =
            frame::next(&self.topic).ok().flatten().map_or(0, |header| usize::from(header.header_len));
        let Some(&[high, low]) = self.topic.get(header..).and_then(|rest| rest.first_chunk()) else {
            self.topic.clear();
            return Ok(());
        };
        self.topic.drain(..header + 2);
        self.topic.truncate(u16::from_be_bytes([high, low]).into());
        Ok(())
    }
}

fn read_into(store: &Store, at: u64, len: usize, buffer: &mut Vec<u8>) -> Result<(), DissectError> {
    let start = buffer.len();
    buffer.resize(start + len, 0);
    Ok(store.read(at, &mut buffer[start..])?)
}
