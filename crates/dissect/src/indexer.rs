//! The one writer: frames in, rows out, and each packet shown to whoever wants to see it as it passes.

use std::cell::OnceCell;
use std::ops::ControlFlow;

use mqscope_capture::{Capture, Frame, Store};
use mqscope_stream::{
    Analysis, Chunk, Close, CloseReason, Direction, FlowId, FlowKey, Gap, GapCause, Limits, Reassembler,
    Segment, Sink,
};
use mqscope_wire::{Observer, Packet, Span, Version, Violation, decode, frame};

use crate::connection::{Carrier, Connection, Mqtt, Recognised, recognise};
use crate::conversation::{Conversation, Links, Moment};
use crate::index::Index;
use crate::index::chunk::NewRow;
use crate::index::flow::Session;
use crate::lane::{FoundAt, Lane, Piece, Taker, Unit, UnitKind, Verdict};
use crate::resync::Trust;
use crate::view::{Lower, own_topic};
use crate::{
    DissectError, Extent, Extents, Finding, Findings, Flow, FrameRef, PacketView, Row, RowFlags, RowId,
    Settings, Snapshot, Traffic, infer,
};

/// Frames whose places are remembered, for packets that become certain later than they came.
const RECENT: usize = 1024;

/// The longest packet whose bytes stay in the buffer that is used again.
const GATHER_BYTES: usize = 1 << 20;

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
///     println!("{} {}", packet.frame(), packet.packet_type());
///     ControlFlow::Continue(())
/// })?;
/// println!("{} packets", indexer.snapshot().len());
/// # Ok(()) }
/// ```
pub struct Indexer {
    reassembler: Reassembler,
    /// By flow number; nothing where a flow is over or carries something else.
    connections: Vec<Option<Box<Connection>>>,
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
        while let Some(frame) = capture.next_frame()? {
            if self.push(&frame, visitor)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        if capture.is_live() { Ok(ControlFlow::Continue(())) } else { Ok(self.finish(visitor)) }
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
        let Self { reassembler, connections, work } = self;
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
        Ok(feed.desk.flow)
    }

    /// No more frames come: what waits for missing bytes is shown as it is.
    pub fn finish(&mut self, visitor: &mut impl Visitor) -> ControlFlow<()> {
        let Self { reassembler, connections, work } = self;
        work.current = NO_FRAME;
        let desk =
            Desk { work, visitor, frame_bytes: &[], caught_up: false, flow: ControlFlow::Continue(()) };
        let mut feed = Feed { connections, desk };
        reassembler.finish(&mut feed);
        feed.desk.flow
    }

    /// The index as it is now.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::new(&self.work.index, self.work.start, self.work.frames, &self.work.traffic)
    }

    /// Where an indexed packet's bytes are.
    ///
    /// # Panics
    /// There is no such row.
    pub fn extents(&self, id: RowId) -> Extents<'_> {
        self.work.index.chunk(id).extents(id)
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

    /// The frame that completed `chunk`. Of one that passed long ago only number and time are known.
    #[inline]
    fn frame_of(&self, chunk: &Chunk<'_>) -> FrameRef {
        let completed = chunk.completed;
        if completed.frame == self.current.number {
            return self.current;
        }
        match self.recent[completed.frame as usize % RECENT] {
            recent if recent.number == completed.frame => recent,
            _ => FrameRef { number: completed.frame, time: completed.time, ..NO_FRAME },
        }
    }

    /// Enters a connection that was found to carry MQTT.
    fn begin(&mut self, carrier: &Carrier, client: Direction, conversation: Conversation) -> Mqtt {
        let flow = self.index.flows.len();
        self.index.flows.push(Flow::new(flow, carrier.stream, carrier.key, client));
        Mqtt { flow, conversation }
    }
}

/// The reassembler's sink.
struct Feed<'a, V> {
    connections: &'a mut Vec<Option<Box<Connection>>>,
    desk: Desk<'a, V>,
}

/// Where packets are entered and shown.
struct Desk<'a, V> {
    work: &'a mut Work,
    visitor: &'a mut V,
    /// The frame that is being read.
    frame_bytes: &'a [u8],
    /// Whether the direction against the current segment has been taken as far as it was sent.
    caught_up: bool,
    flow: ControlFlow<()>,
}

impl<V: Visitor> Sink for Feed<'_, V> {
    fn open(&mut self, flow: FlowId, key: &FlowKey, _: i64) {
        let protocol = self.desk.work.settings.decode_as([key.a.port(), key.b.port()]);
        self.desk.work.traffic.add(key.a.port().min(key.b.port()));
        let at = flow.0 as usize;
        if self.connections.len() <= at {
            self.connections.resize_with(at + 1, || None);
        }
        self.connections[at] = Some(Box::new(Connection::new(flow.0, *key, protocol)));
    }

    #[inline]
    fn segment(&mut self, _: FlowId, _: Direction, segment: &Segment) {
        self.desk.caught_up = segment.caught_up;
        if !segment.analysis.is_empty() && segment.moment.frame == self.desk.work.current.number {
            let work = &mut *self.desk.work;
            work.current.analysis = segment.analysis;
            work.recent[segment.moment.frame as usize % RECENT] = work.current;
        }
    }

    #[inline]
    fn data(&mut self, flow: FlowId, direction: Direction, chunk: Chunk<'_>) {
        let Some(slot) = self.connections.get_mut(flow.0 as usize) else { return };
        let Some(connection) = slot else { return };
        let frame = self.desk.work.frame_of(&chunk);
        let piece = Piece { bytes: chunk.bytes, at: chunk.at, frame: &frame };
        if connection.undecided.is_none() && connection.carrier.mqtt.is_some() {
            self.desk.in_lane(connection, direction, piece);
        } else if self.desk.unknown(connection, direction, piece) == Interest::None {
            *slot = None;
        }
    }

    fn gap(&mut self, flow: FlowId, direction: Direction, gap: Gap) {
        let Some(Some(connection)) = self.connections.get_mut(flow.0 as usize) else { return };
        let missing = if gap.cause == GapCause::Midstream { 0 } else { gap.missing };
        self.desk.gap(connection, direction, missing);
    }

    fn close(&mut self, flow: FlowId, close: Close) {
        let Some(slot) = self.connections.get_mut(flow.0 as usize) else { return };
        let Some(mut connection) = slot.take() else { return };
        let kind = match close.reason {
            CloseReason::Fin | CloseReason::Reset => UnitKind::Broken,
            CloseReason::Reused | CloseReason::Idle | CloseReason::End => UnitKind::Cut,
        };
        let Connection { lanes, carrier, .. } = &mut *connection;
        for direction in [Direction::Forward, Direction::Reverse] {
            lanes[direction as usize].end(kind, &mut Packets { desk: &mut self.desk, carrier, direction });
        }
    }
}

#[derive(PartialEq, Eq)]
enum Interest {
    Some,
    None,
}

impl<V: Visitor> Desk<'_, V> {
    #[inline]
    fn in_lane(&mut self, connection: &mut Connection, direction: Direction, piece: Piece<'_>) {
        let Connection { lanes, carrier, .. } = connection;
        let hint = carrier.hint();
        lanes[direction as usize].data(piece, hint, &mut Packets { desk: self, carrier, direction });
    }

    /// Takes bytes of a flow of which it is not known what it carries.
    #[cold]
    fn unknown(&mut self, connection: &mut Connection, direction: Direction, piece: Piece<'_>) -> Interest {
        let interest = |here| if here { Interest::Some } else { Interest::None };
        let Some(heads) = &mut connection.undecided else {
            self.in_lane(connection, direction, piece);
            return interest(!connection.is_hopeless());
        };
        if direction == Direction::Reverse {
            heads[1].push(piece);
            return interest(!heads[1].is_full());
        }
        heads[0].push(piece);
        match recognise(heads[0].bytes()) {
            Recognised::NotYet => interest(!heads[0].is_full()),
            Recognised::Other if connection.carrier.trust == Trust::None => Interest::None,
            Recognised::Other => {
                // On a port of MQTT's it may be a client that forgot its CONNECT, or something goes before it.
                connection.lanes = [Lane::searching_from_start(), Lane::searching_from_start()];
                self.replay(connection);
                Interest::Some
            }
            Recognised::Mqtt => {
                let conversation = Conversation::from_start();
                connection.carrier.mqtt =
                    Some(self.work.begin(&connection.carrier, Direction::Forward, conversation));
                self.replay(connection);
                Interest::Some
            }
        }
    }

    /// Feeds the lanes with what was held while it was not known what it is.
    fn replay(&mut self, connection: &mut Connection) {
        let Some(heads) = connection.undecided.take() else { return };
        for (direction, head) in [Direction::Forward, Direction::Reverse].into_iter().zip(&*heads) {
            for piece in head.pieces() {
                self.in_lane(connection, direction, piece);
            }
        }
    }

    fn gap(&mut self, connection: &mut Connection, direction: Direction, missing: u64) {
        if connection.undecided.is_some() {
            connection.lanes = [Lane::searching(), Lane::searching()];
            self.replay(connection);
        }
        let Connection { lanes, carrier, .. } = connection;
        if let Some(mqtt) = &mut carrier.mqtt {
            mqtt.conversation.missed();
        }
        lanes[direction as usize].gap(missing, &mut Packets { desk: self, carrier, direction });
    }
}

/// Takes the packets of one direction.
struct Packets<'a, 'd, V> {
    desk: &'a mut Desk<'d, V>,
    carrier: &'a mut Carrier,
    direction: Direction,
}

impl<V: Visitor> Taker for Packets<'_, '_, V> {
    fn found(&mut self, version: Version, place: FoundAt) {
        let carrier = &mut *self.carrier;
        if carrier.mqtt.is_none() {
            let conversation = match place {
                FoundAt::Start => Conversation::from_start(),
                FoundAt::Later => Conversation::from_middle(),
            };
            carrier.mqtt = Some(self.desk.work.begin(carrier, carrier.likely_client(), conversation));
        }
        if let Some(mqtt) = &mut carrier.mqtt {
            mqtt.conversation.set_guess(version);
        }
    }

    #[inline]
    fn take(&mut self, unit: Unit<'_>) -> Verdict {
        if self.desk.flow.is_break() {
            return Verdict::Fine;
        }
        let carrier = &mut *self.carrier;
        if carrier.mqtt.is_none() {
            // Only where the port was said to carry MQTT: otherwise it was recognised or found.
            let conversation = Conversation::from_start();
            carrier.mqtt = Some(self.desk.work.begin(carrier, carrier.likely_client(), conversation));
        }
        match &mut carrier.mqtt {
            Some(mqtt) => self.desk.enter(mqtt, self.direction, unit),
            None => Verdict::Fine,
        }
    }
}

/// Counts broken rules.
#[derive(Default)]
struct Tally {
    violations: u32,
}

impl Observer for Tally {
    #[inline]
    fn violation(&mut self, _: Violation, _: Span) -> ControlFlow<()> {
        self.violations += 1;
        ControlFlow::Continue(())
    }
}

impl<V: Visitor> Desk<'_, V> {
    /// Appends a row for the packet and shows it to the visitor.
    #[inline]
    fn enter(&mut self, mqtt: &mut Mqtt, direction: Direction, unit: Unit<'_>) -> Verdict {
        let Work { index, store, findings, gathered, start, current, .. } = &mut *self.work;
        let conversation = &mut mqtt.conversation;
        let bytes = if unit.len == unit.bytes.len() as u64 {
            unit.bytes
        } else {
            gather(store, unit.extents, gathered).unwrap_or(unit.bytes)
        };
        let Some(&first) = bytes.first() else { return Verdict::Fine };
        if conversation.known_version().is_none() {
            let guess = infer::version(bytes, conversation.version());
            conversation.set_guess(guess);
        }
        let version = conversation.version();
        let mut tally = Tally::default();
        let packet = decode(bytes, version, &mut tally);

        findings.clear();
        let id = index.next();
        let mut links = Links::default();
        match &packet {
            Ok(packet) => {
                let header_len = header_len(bytes);
                let (time, caught_up) = (unit.frame.time, self.caught_up);
                let at = Moment { direction, row: id, time, header_len, caught_up };
                links = conversation.packet(packet, at, findings);
                if tells_of_connection(packet) {
                    learn(index.flows.get(mqtt.flow), packet, direction);
                }
            }
            Err(_) => conversation.missed(),
        }

        let version = conversation.version();
        let mut flags = RowFlags::new(direction, version);
        if tally.violations > 0 {
            flags.insert(RowFlags::VIOLATION);
        }
        if packet.is_err() {
            flags.insert(RowFlags::ERROR);
        }
        if unit.kind == UnitKind::Guessed || conversation.known_version().is_none() {
            flags.insert(RowFlags::INFERRED);
        }
        if unit.kind == UnitKind::Cut {
            flags.insert(RowFlags::CUT);
        }
        let row = NewRow {
            frame: unit.frame,
            flow: mqtt.flow,
            first,
            len: bytes.len() as u32,
            flags,
            request: links.request,
            definition: links.definition,
        };
        index.push(&row, unit.extents, findings);
        let verdict = if packet.is_ok() { Verdict::Fine } else { Verdict::Malformed };
        if !V::LOOKS {
            return verdict;
        }

        let flow = index.flows.get(mqtt.flow);
        let topic = own_topic(bytes, version, &packet).or_else(|| match &packet {
            Ok(Packet::Publish(publish)) => conversation.topic(direction, publish.properties.topic_alias()?),
            _ => None,
        });
        if !findings.is_empty() {
            flags.insert(RowFlags::VIOLATION);
        }
        let frame = *unit.frame;
        let view = PacketView {
            row: Row {
                id,
                frame,
                flow: mqtt.flow,
                first,
                len: row.len,
                flags,
                request: links.request,
                response: None,
                definition: links.definition,
            },
            flow,
            side: flow.side(direction),
            bytes,
            packet,
            topic,
            findings: Findings(findings),
            request: links.request.map(|row| index.peer(row)),
            response: None,
            began: links.began,
            start: *start,
            headers: OnceCell::new(),
            lower: if frame.number == current.number {
                Lower::AtHand(self.frame_bytes)
            } else {
                Lower::Stored(store, &OnceCell::new())
            },
        };
        self.flow = self.visitor.packet(&view);
        if gathered.capacity() > GATHER_BYTES {
            *gathered = Vec::new();
        }
        verdict
    }
}

/// The bytes of a packet that is too long to be held while it comes in.
#[cold]
fn gather<'a>(store: &Store, extents: &[Extent], into: &'a mut Vec<u8>) -> Option<&'a [u8]> {
    into.clear();
    for extent in extents {
        let start = into.len();
        into.resize(start + extent.len as usize, 0);
        store.read(extent.at, &mut into[start..]).ok()?;
    }
    Some(into)
}

fn header_len(bytes: &[u8]) -> u32 {
    // The packet was decoded, so its fixed header is there.
    frame::next(bytes).ok().flatten().map_or(2, |header| header.header_len.into())
}

/// Whether a packet says anything about its connection; most do not, and then the flow is not even looked up.
#[inline]
fn tells_of_connection(packet: &Packet<'_>) -> bool {
    !matches!(
        packet,
        Packet::Publish(_) | Packet::PubAck(_) | Packet::PubRec(_) | Packet::PubRel(_) | Packet::PubComp(_)
    )
}

/// What a packet says about its connection.
fn learn(flow: &Flow, packet: &Packet<'_>, direction: Direction) {
    match packet {
        Packet::Connect(connect) => {
            flow.set_client(direction);
            flow.set_session(Session {
                version: connect.version,
                client_id: connect.client_id.as_bytes().into(),
                username: connect.username.map(|name| name.as_bytes().into()),
            });
        }
        Packet::ConnAck(connack) => {
            if let Some(id) = connack.properties.assigned_client_id() {
                flow.set_assigned(id.as_bytes());
            }
            suggest_client(flow, direction.opposite());
        }
        Packet::Subscribe(_) | Packet::Unsubscribe(_) | Packet::PingReq => suggest_client(flow, direction),
        Packet::SubAck(_) | Packet::UnsubAck(_) | Packet::PingResp => {
            suggest_client(flow, direction.opposite())
        }
        _ => {}
    }
}

/// A packet that only one side sends tells who the client is, where no CONNECT did.
fn suggest_client(flow: &Flow, direction: Direction) {
    if flow.session().is_none() && flow.client_direction() != direction {
        flow.set_client(direction);
    }
}
