//! The one writer: frames in, rows out, and each packet shown to whoever wants to see it as it passes.

mod entry;
mod feed;
mod tls;
mod upgrade;
mod websocket;

use std::ops::ControlFlow;

use mqscope_capture::{Capture, CaptureError, Frame, Store};
use mqscope_stream::tls::KeyLog;
use mqscope_stream::{Analysis, Limits, Moment, Reassembler, Stats};

use crate::connection::{Carrier, Connection};
use crate::index::Index;
use crate::{
    DissectError, Extent, Finding, Flow, FrameRef, KeyLogFile, PacketView, RowId, Settings, Snapshot,
    Traffic, layers,
};

use feed::{Desk, Feed};

/// Frames whose places are remembered, for packets that become certain later than they came.
const RECENT: usize = 1024;

/// Reads frames and indexes the MQTT packets in them.
///
/// ```no_run
/// use std::ops::ControlFlow;
/// use mqscope_dissect::{Indexer, PacketView, Settings};
///
/// # fn main() -> Result<(), mqscope_dissect::DissectError> {
/// let mut capture = mqscope_capture::Capture::open("plant.pcapng".as_ref())?;
/// let mut indexer = Indexer::new(Settings::default(), capture.store());
/// let _ = indexer.run(&mut capture, &mut |packet: &PacketView<'_>| {
///     println!("{} {}", packet.frame(), packet.row.kind().name());
///     ControlFlow::Continue(())
/// })?;
/// println!("{} packets", indexer.snapshot().len());
/// # Ok(()) }
/// ```
pub struct Indexer {
    reassembler: Reassembler,
    /// By flow number; nothing where a flow is over or carries something else.
    connections: Vec<Option<Box<Connection>>>,
    keylog: Option<KeyLogFile>,
    work: Work,
}

/// Sees each packet as it is indexed, with its bytes at hand.
pub trait Visitor {
    /// Whether it looks at all. For one that does not, nothing is prepared.
    const LOOKS: bool = true;

    /// Looks at a packet; `Break` ends the run.
    fn packet(&mut self, packet: &PacketView<'_>) -> ControlFlow<()>;
}

impl<F: FnMut(&PacketView<'_>) -> ControlFlow<()>> Visitor for F {
    #[inline]
    fn packet(&mut self, packet: &PacketView<'_>) -> ControlFlow<()> {
        self(packet)
    }
}

/// A visitor that does not look.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unseen;

impl Visitor for Unseen {
    const LOOKS: bool = false;

    #[inline]
    fn packet(&mut self, _: &PacketView<'_>) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

impl Indexer {
    /// An empty index over the frames that stand in `store`.
    pub fn new(settings: Settings, store: Store) -> Self {
        Self {
            reassembler: Reassembler::new(Limits::default()),
            connections: Vec::new(),
            keylog: settings.keylog.as_deref().map(KeyLogFile::new),
            work: Work::new(settings, store),
        }
    }

    /// Indexes all frames of a capture: to its end, or as far as a live one has come. `Break` says that the visitor
    /// wants no more.
    ///
    /// # Errors
    /// The capture cannot be read further, or the index is full. What was indexed stays.
    pub fn run(
        &mut self,
        capture: &mut Capture,
        visitor: &mut impl Visitor,
    ) -> Result<ControlFlow<()>, DissectError> {
        if self.look_for_keys(visitor)?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
        loop {
            if self.take_keys(capture, visitor)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
            let Some(frame) = capture.next_frame()? else { break };
            if self.push(&frame, visitor)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        if capture.is_live() { Ok(ControlFlow::Continue(())) } else { self.finish(visitor) }
    }

    /// Indexes one frame, the next of its capture.
    ///
    /// # Errors
    /// The index is full.
    #[inline]
    pub fn push(
        &mut self,
        frame: &Frame<'_>,
        visitor: &mut impl Visitor,
    ) -> Result<ControlFlow<()>, DissectError> {
        // A frame brings fewer packets than bytes.
        if u32::MAX - self.work.index.len() <= frame.bytes.len() as u32 + (1 << 24) {
            return Err(DissectError::TooManyPackets { max: u32::MAX - (1 << 24) });
        }
        self.work.begin_frame(frame);
        let Self { reassembler, connections, work, .. } = self;
        let desk = Desk {
            work,
            visitor,
            frame_bytes: frame.bytes,
            caught_up: true,
            flow: ControlFlow::Continue(()),
        };
        let mut feed = Feed { connections, desk };
        let input = mqscope_stream::Frame {
            number: frame.number,
            time: frame.time,
            link: frame.link,
            at: frame.at,
            original_len: frame.original_len,
            bytes: frame.bytes,
        };
        reassembler.push(&input, &mut feed);
        let flow = feed.desk.flow;
        match self.work.failure.take() {
            Some(failure) => Err(failure.into()),
            None => Ok(flow),
        }
    }

    /// Reads what was written to the key log of the settings since the last look; connections that went by before
    /// their keys came are decrypted then, as far as [`Settings::await_keys`] had them kept. Look once before the
    /// first frame, and now and then while a capture is live.
    ///
    /// # Errors
    /// The key log is there and cannot be read, or the bytes of those connections cannot be read again.
    pub fn look_for_keys(&mut self, visitor: &mut impl Visitor) -> Result<ControlFlow<()>, DissectError> {
        let Some(keylog) = &mut self.keylog else { return Ok(ControlFlow::Continue(())) };
        let news = keylog.news().map_err(|source| {
            let path = keylog.path().display().to_string();
            DissectError::KeyLog { path, source }
        })?;
        if news.is_empty() {
            return Ok(ControlFlow::Continue(()));
        }
        self.work.keys.add(&news);
        if !self.work.settings.await_keys {
            self.work.keys.take_unfinished();
        }
        self.decrypt_late(visitor)
    }

    /// Takes the keys that stand in a capture before its next frame.
    ///
    /// # Errors
    /// The capture cannot be read on, or the bytes of earlier connections cannot be read again.
    #[inline]
    pub fn take_keys(
        &mut self,
        capture: &mut Capture,
        visitor: &mut impl Visitor,
    ) -> Result<ControlFlow<()>, DissectError> {
        self.work.await_keys |= capture.may_have_secrets();
        while let Some(lines) = capture.take_secrets()? {
            self.work.keys.add_block(&lines);
            if self.decrypt_late(visitor)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    #[cold]
    fn decrypt_late(&mut self, visitor: &mut impl Visitor) -> Result<ControlFlow<()>, DissectError> {
        let Self { connections, work, .. } = self;
        let desk =
            Desk { work, visitor, frame_bytes: &[], caught_up: false, flow: ControlFlow::Continue(()) };
        let mut feed = Feed { connections, desk };
        feed.decrypt_late()?;
        Ok(feed.desk.flow)
    }

    /// No more frames come: what waits for missing bytes is shown as it is.
    ///
    /// # Errors
    /// What was derived from captured bytes at last cannot be kept.
    pub fn finish(&mut self, visitor: &mut impl Visitor) -> Result<ControlFlow<()>, DissectError> {
        let Self { reassembler, connections, work, .. } = self;
        work.current = NO_FRAME;
        let desk =
            Desk { work, visitor, frame_bytes: &[], caught_up: false, flow: ControlFlow::Continue(()) };
        let mut feed = Feed { connections, desk };
        reassembler.finish(&mut feed);
        let flow = feed.desk.flow;
        match self.work.failure.take() {
            Some(failure) => Err(failure.into()),
            None => Ok(flow),
        }
    }

    /// The index as it is now.
    pub fn snapshot(&self) -> Snapshot {
        let Work { settings, index, start, frames, traffic, keys, .. } = &self.work;
        let given = settings.keylog.is_some() || !keys.is_empty();
        let Stats { unknown_link, cut, .. } = self.reassembler.stats();
        let traffic = Traffic { secrets: given.then(|| keys.len()), unknown_link, cut, ..traffic.clone() };
        Snapshot::new(index, *start, *frames, traffic)
    }

    /// Where the captured bytes are that an indexed packet was made from: its own, or those that encrypt, mask or
    /// compress it.
    ///
    /// # Panics
    /// There is no such row.
    pub fn captured(&self, id: RowId) -> Vec<Extent> {
        layers::captured(&self.work.store, self.work.index.chunk(id).extents(id))
    }

    /// Packets indexed so far.
    pub fn len(&self) -> u32 {
        self.work.index.len()
    }

    /// Whether no packet was found yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What is indexed, and what is needed for it.
struct Work {
    settings: Settings,
    store: Store,
    index: Index,
    current: FrameRef,
    recent: Box<[FrameRef]>,
    /// Time of the first frame.
    start: i64,
    frames: u64,
    traffic: Traffic,
    findings: Vec<Finding>,
    gathered: Vec<u8>,
    payloads: Vec<u8>,
    /// Bytes of all frames.
    bytes: u64,
    /// Bytes that connections may have put by since that was looked at last, at most.
    put_by: usize,
    /// Secrets of TLS connections, as far as they are known.
    keys: KeyLog,
    /// Whether more may come after what they encrypt.
    await_keys: bool,
    /// Why derived bytes could not be kept, until that is reported.
    failure: Option<CaptureError>,
}

const NO_FRAME: FrameRef = FrameRef {
    number: 0,
    time: 0,
    since_previous: 0,
    at: 0,
    len: 0,
    original_len: 0,
    link: 0,
    analysis: Analysis::NONE,
};

impl Work {
    fn new(settings: Settings, store: Store) -> Self {
        Self {
            await_keys: settings.await_keys,
            settings,
            store,
            index: Index::new(),
            current: NO_FRAME,
            recent: vec![NO_FRAME; RECENT].into(),
            start: 0,
            frames: 0,
            traffic: Traffic::default(),
            findings: Vec::new(),
            gathered: Vec::new(),
            payloads: Vec::new(),
            bytes: 0,
            put_by: 0,
            keys: KeyLog::default(),
            failure: None,
        }
    }

    #[inline]
    fn begin_frame(&mut self, frame: &Frame<'_>) {
        let mut previous = self.current.time;
        if self.frames == 0 {
            self.start = frame.time;
            previous = frame.time;
        }
        self.frames += 1;
        self.bytes += frame.bytes.len() as u64;
        self.current = FrameRef {
            number: frame.number,
            time: frame.time,
            since_previous: frame.time - previous,
            at: frame.at,
            len: frame.bytes.len() as u32,
            original_len: frame.original_len,
            link: frame.link,
            analysis: Analysis::NONE,
        };
        self.recent[frame.number as usize % RECENT] = self.current;
    }

    /// The frame of that number. Of one that passed long ago only number and time are known.
    #[inline]
    fn frame_of(&self, moment: Moment) -> FrameRef {
        if moment.frame == self.current.number {
            return self.current;
        }
        match self.recent[moment.frame as usize % RECENT] {
            recent if recent.number == moment.frame => recent,
            _ => FrameRef { number: moment.frame, time: moment.time, ..NO_FRAME },
        }
    }

    /// Whether more rows were made than what was captured may sensibly give. A byte inflates to a thousand: without a
    /// bound a few kilobytes of compressed PINGREQs would fill the memory.
    fn has_too_many_rows(&self) -> bool {
        const ROWS: u64 = 1 << 20;
        const ROWS_A_BYTE: u64 = 16;
        u64::from(self.index.len()) > ROWS + ROWS_A_BYTE * self.bytes
    }

    /// The number of the connection's flow, entering it if it had nothing to show so far.
    fn enter_flow(&mut self, carrier: &mut Carrier) -> u32 {
        let client = carrier.likely_client();
        let flow = *carrier.flow.get_or_insert_with(|| {
            let flow = self.index.flows.len();
            self.index.flows.push(Flow::new(flow, carrier.stream, carrier.key, client));
            flow
        });
        self.index.flows.get(flow).set_transport(carrier.transport);
        flow
    }
}
