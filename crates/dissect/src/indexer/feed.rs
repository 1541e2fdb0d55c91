//! From TCP's bytes to the layer that takes them: each flow's data finds its way through what is known to be there.

use std::ops::ControlFlow;

use mqscope_stream::{Chunk, Close, CloseReason, Direction, FlowId, FlowKey, Gap, GapCause, Segment, Sink};

use super::entry::Packets;
use super::{NO_FRAME, RECENT, Visitor, Work};
use crate::Protocol;
use crate::connection::Connection;
use crate::conversation::Conversation;
use crate::lane::{Lane, Piece, UnitKind};
use crate::origin::{self, Kept, Made};
use crate::recognise::{
    Level, Midstream, Recognised, has_packets, recognise, recognise_midstream, recognise_server,
};
use crate::resync::Trust;
use crate::trail::Place;
use crate::websocket::{Tunnel, tunnel};

/// Memory for what may yet come of connections: heads and records that are not whole, segments that wait for keys.
const HELD_BYTES: usize = 128 << 20;
/// What is noted of a segment besides its bytes, roughly.
const PIECE_BYTES: usize = 256;

/// The reassembler's sink.
pub(super) struct Feed<'a, V> {
    pub(super) connections: &'a mut Vec<Option<Box<Connection>>>,
    pub(super) desk: Desk<'a, V>,
}

/// Where packets are entered and shown.
pub(super) struct Desk<'a, V> {
    pub(super) work: &'a mut Work,
    pub(super) visitor: &'a mut V,
    /// The frame that is being read.
    pub(super) frame_bytes: &'a [u8],
    /// Whether the direction against the current segment has been taken as far as it was sent.
    pub(super) caught_up: bool,
    pub(super) flow: ControlFlow<()>,
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
        let frame = self.desk.work.frame_of(chunk.completed);
        if chunk.frame == frame.number {
            let piece = Piece { bytes: chunk.bytes, at: chunk.at, frame: &frame, carried: &frame };
            if connection.is_plain() {
                return self.desk.in_lane(connection, direction, piece);
            }
        }
        let moment = mqscope_stream::Moment { frame: chunk.frame, time: chunk.time };
        let carried = self.desk.work.frame_of(moment);
        let piece = Piece { bytes: chunk.bytes, at: chunk.at, frame: &frame, carried: &carried };
        if self.desk.on_tcp(connection, direction, piece) == Interest::None {
            *slot = None;
        }
        self.desk.work.put_by += chunk.bytes.len() + PIECE_BYTES;
        if self.desk.work.put_by > HELD_BYTES / 2 {
            self.let_go();
        }
    }

    fn gap(&mut self, flow: FlowId, direction: Direction, gap: Gap) {
        let Some(slot) = self.connections.get_mut(flow.0 as usize) else { return };
        let Some(connection) = slot else { return };
        let missing = if gap.cause == GapCause::Midstream { 0 } else { gap.missing };
        if self.desk.gap_on_tcp(connection, direction, missing) == Interest::None {
            *slot = None;
        }
    }

    fn close(&mut self, flow: FlowId, close: Close) {
        let Some(slot) = self.connections.get_mut(flow.0 as usize) else { return };
        let Some(mut connection) = slot.take() else { return };
        let kind = match close.reason {
            CloseReason::Fin | CloseReason::Reset => UnitKind::Broken,
            CloseReason::Reused | CloseReason::Idle | CloseReason::End => UnitKind::Cut,
        };
        if connection.awaits_keys() {
            connection.ended = Some(kind);
            *slot = Some(connection);
        } else {
            self.desk.end(&mut connection, kind);
        }
    }
}

impl<V: Visitor> Feed<'_, V> {
    /// Lets the oldest go of the connections that may become something, if all together hold too much.
    #[cold]
    fn let_go(&mut self) {
        self.desk.work.put_by = 0;
        let held = |slot: &Option<Box<Connection>>| match slot {
            Some(connection) if connection.carrier.mqtt.is_none() => connection.held_bytes(),
            _ => 0,
        };
        let mut all: usize = self.connections.iter().map(held).sum();
        if all <= HELD_BYTES {
            return;
        }
        for slot in self.connections.iter_mut() {
            let own = held(slot);
            if own > 0
                && let Some(mut connection) = slot.take()
            {
                self.desk.end(&mut connection, UnitKind::Cut);
                all -= own;
                if all <= HELD_BYTES / 2 {
                    break;
                }
            }
        }
    }
}

/// Whether more of a flow is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Interest {
    Some,
    None,
}

impl Interest {
    pub(super) fn when(wanted: bool) -> Self {
        if wanted { Self::Some } else { Self::None }
    }
}

impl<V: Visitor> Desk<'_, V> {
    /// Keeps bytes that a layer derived from captured ones; where. `None` if that fails, which is reported later.
    pub(super) fn derive<'a>(
        &mut self,
        bytes: &[u8],
        places: impl Iterator<Item = Place<'a>>,
        made: Made,
        before: Option<u64>,
    ) -> Option<Kept> {
        match origin::derive(&self.work.store, bytes, places, made, before) {
            Ok(kept) => Some(kept),
            Err(error) => {
                self.work.failure.get_or_insert(error);
                None
            }
        }
    }

    /// Takes bytes that TCP carries.
    pub(super) fn on_tcp(
        &mut self,
        connection: &mut Connection,
        direction: Direction,
        piece: Piece<'_>,
    ) -> Interest {
        if connection.tls.is_some() {
            self.through_tls(connection, direction, piece)
        } else {
            self.in_the_clear(connection, direction, piece)
        }
    }

    /// Takes bytes that TCP or TLS carries.
    pub(super) fn in_the_clear(
        &mut self,
        connection: &mut Connection,
        direction: Direction,
        piece: Piece<'_>,
    ) -> Interest {
        if connection.websocket.is_some() {
            self.through_websocket(connection, direction, piece)
        } else {
            self.topmost(connection, direction, piece)
        }
    }

    /// Takes bytes that the layers known so far carry.
    pub(super) fn topmost(
        &mut self,
        connection: &mut Connection,
        direction: Direction,
        piece: Piece<'_>,
    ) -> Interest {
        let Some(heads) = &mut connection.undecided else {
            self.in_lane(connection, direction, piece);
            return Interest::when(!connection.is_hopeless());
        };
        heads[direction as usize].push(piece);
        if connection.midstream { self.recognise_midstream(connection) } else { self.recognise(connection) }
    }

    #[inline]
    pub(super) fn in_lane(&mut self, connection: &mut Connection, direction: Direction, piece: Piece<'_>) {
        let hint = connection.hint(direction);
        let Connection { lanes, carrier, .. } = connection;
        lanes[direction as usize].data(piece, hint, &mut Packets { desk: self, carrier, direction });
    }

    /// Looks at what has come of a flow of which it is not known what it carries.
    #[cold]
    fn recognise(&mut self, connection: &mut Connection) -> Interest {
        let level = connection.level();
        let Some(heads) = &mut connection.undecided else { return Interest::Some };
        let client = connection.carrier.client.unwrap_or(Direction::Forward);
        while level < Level::WebSocket
            && let Some(tunnel) = tunnel(heads, client)
        {
            if let Tunnel::Waits = tunnel {
                return Interest::when(heads.iter().all(|head| !head.is_full()));
            }
        }
        let head = &heads[client as usize];
        let said =
            self.work.settings.decode_as([connection.carrier.key.a.port(), connection.carrier.key.b.port()]);
        let recognised = match (recognise(head.bytes(), level), said) {
            (Recognised::NotYet, _) if head.bytes().is_empty() => {
                // Nothing from the client: not yet, or never, if only the server's half was captured.
                let full = heads[client.opposite() as usize].is_full();
                return if full { self.without_client(connection) } else { Interest::Some };
            }
            (Recognised::NotYet, _) if heads.iter().all(|head| !head.is_full()) => return Interest::Some,
            (Recognised::NotYet | Recognised::Other, Some(Protocol::WebSocket))
                if level != Level::WebSocket =>
            {
                Recognised::Frames
            }
            (Recognised::NotYet | Recognised::Other, Some(Protocol::Tls)) if level == Level::Tcp => {
                Recognised::Tls
            }
            (recognised, _) => recognised,
        };
        let head = &mut heads[client as usize];
        match recognised {
            // Only one goes before what the client sent.
            Recognised::Proxy { len } if connection.carrier.pending.is_empty() => {
                let pending = head.message(crate::CarrierMessage::Proxy, client, len);
                connection.carrier.hold(pending);
                head.forget(len);
                self.recognise(connection)
            }
            Recognised::Tls => self.begin_tls(connection, client),
            Recognised::Http => self.begin_websocket(connection, client),
            Recognised::Frames => self.begin_frames(connection, client),
            Recognised::Mqtt => {
                connection.carrier.client = Some(client);
                connection.carrier.trust = Trust::Known;
                self.begin_mqtt(&mut connection.carrier, Conversation::from_start());
                self.replay(connection)
            }
            // On a port of MQTT's it may be a client that forgot its CONNECT, or something goes before it.
            Recognised::NotYet | Recognised::Other | Recognised::Proxy { .. }
                if connection.carrier.trust > Trust::None =>
            {
                self.search_from_start(connection)
            }
            Recognised::NotYet | Recognised::Other | Recognised::Proxy { .. } => Interest::None,
        }
    }

    /// Looks at what has come of a flow whose beginning is not there.
    #[cold]
    fn recognise_midstream(&mut self, connection: &mut Connection) -> Interest {
        let Some(heads) = &connection.undecided else { return Interest::Some };
        let said =
            self.work.settings.decode_as([connection.carrier.key.a.port(), connection.carrier.key.b.port()]);
        let (mut is_other, mut may_be_upgrade) = (false, false);
        for direction in [Direction::Forward, Direction::Reverse] {
            let head = &heads[direction as usize];
            match recognise_midstream(head.bytes(), head.pieces().map(|piece| piece.bytes)) {
                Some(Midstream::ClientFrames) => return self.begin_frames(connection, direction),
                Some(Midstream::ServerFrames) => return self.begin_frames(connection, direction.opposite()),
                Some(Midstream::Records) if connection.level() == Level::Tcp => {
                    self.work.traffic.encrypted += 1;
                    return Interest::None;
                }
                Some(Midstream::Head) if !head.is_full() => may_be_upgrade = true,
                None if !head.is_full() => {
                    // Where the port speaks for MQTT, packets need not wait for what else it could be.
                    let hint = connection.hint(direction);
                    is_other |= hint.trust > Trust::None && has_packets(head.pieces(), hint);
                }
                _ => is_other = true,
            }
        }
        match said {
            _ if may_be_upgrade || !is_other => Interest::Some,
            Some(Protocol::WebSocket) => {
                let client = connection.carrier.likely_client();
                self.begin_frames(connection, client)
            }
            _ => self.search(connection),
        }
    }

    /// Searches for MQTT in what was held, and in all that follows.
    fn search(&mut self, connection: &mut Connection) -> Interest {
        connection.lanes = [Lane::searching(), Lane::searching()];
        self.replay(connection)
    }

    /// Only the server's half seems to be there.
    fn without_client(&mut self, connection: &mut Connection) -> Interest {
        let Some(heads) = &connection.undecided else { return Interest::Some };
        let client = connection.carrier.client.unwrap_or(Direction::Forward);
        match recognise_server(heads[client.opposite() as usize].bytes()) {
            Recognised::Http if connection.websocket.is_none() => {
                let interest = self.begin_websocket(connection, client);
                self.end_websocket(connection);
                interest
            }
            Recognised::Mqtt => self.search_from_start(connection),
            _ if connection.carrier.trust > Trust::None => self.search_from_start(connection),
            _ => Interest::None,
        }
    }

    fn search_from_start(&mut self, connection: &mut Connection) -> Interest {
        connection.lanes = [Lane::searching_from_start(), Lane::searching_from_start()];
        self.replay(connection)
    }

    /// Feeds the lanes with what was held while it was not known what it is.
    pub(super) fn replay(&mut self, connection: &mut Connection) -> Interest {
        let Some(heads) = connection.undecided.take() else { return Interest::Some };
        for (direction, head) in [Direction::Forward, Direction::Reverse].into_iter().zip(&*heads) {
            for piece in head.pieces() {
                self.in_lane(connection, direction, piece);
            }
        }
        Interest::when(!connection.is_hopeless())
    }

    /// Bytes are missing that TCP carried; 0 if nobody knows how many.
    fn gap_on_tcp(&mut self, connection: &mut Connection, direction: Direction, missing: u64) -> Interest {
        if connection.tls.is_some() {
            self.gap_in_tls(connection, direction, missing)
        } else {
            self.gap_in_the_clear(connection, direction, missing)
        }
    }

    /// Bytes are missing that TCP or TLS carried; 0 if nobody knows how many.
    pub(super) fn gap_in_the_clear(
        &mut self,
        connection: &mut Connection,
        direction: Direction,
        missing: u64,
    ) -> Interest {
        if connection.websocket.is_some() {
            self.gap_in_websocket(connection, direction, missing)
        } else {
            self.gap_at_the_top(connection, direction, missing)
        }
    }

    /// Bytes are missing of what the topmost layer carries; 0 if nobody knows how many.
    pub(super) fn gap_at_the_top(
        &mut self,
        connection: &mut Connection,
        direction: Direction,
        missing: u64,
    ) -> Interest {
        if let Some(heads) = &connection.undecided {
            let nothing_came = heads[direction as usize].bytes().is_empty();
            if nothing_came && connection.level() < Level::WebSocket {
                // Its beginning is not there; the other direction's, or what follows, may tell what it is.
                connection.midstream = true;
                return self.recognise_midstream(connection);
            }
            self.search(connection);
        }
        let Connection { lanes, carrier, .. } = connection;
        if let Some(mqtt) = &mut carrier.mqtt {
            mqtt.conversation.missed();
        }
        lanes[direction as usize].gap(missing, &mut Packets { desk: self, carrier, direction });
        Interest::Some
    }

    /// No more comes of a connection: what there is of it is all there is.
    pub(super) fn end(&mut self, connection: &mut Connection, kind: UnitKind) {
        if connection.tls.is_some() {
            self.end_tls(connection);
        }
        if connection.websocket.is_some() {
            self.end_websocket(connection);
        }
        if connection.undecided.is_some() {
            let client = connection.carrier.client.unwrap_or(Direction::Forward);
            let is_empty = |heads: &[crate::connection::Head; 2]| heads[client as usize].bytes().is_empty();
            let one_sided = connection.undecided.as_deref().is_some_and(is_empty);
            let mut interest = match (connection.midstream, one_sided) {
                (true, _) => self.search(connection),
                (false, true) => self.without_client(connection),
                (false, false) => Interest::None,
            };
            // It was an upgrade, and what it led to stands behind it.
            if interest == Interest::Some && connection.undecided.is_some() {
                interest = self.without_client(connection);
            }
            if interest == Interest::None {
                return;
            }
        }
        for direction in [Direction::Forward, Direction::Reverse] {
            let hint = connection.hint(direction);
            let Connection { lanes, carrier, .. } = connection;
            lanes[direction as usize].end(kind, hint, &mut Packets { desk: self, carrier, direction });
        }
    }

    /// The frame that is being read, for what is said of a connection as a whole.
    pub(super) fn now(&self) -> crate::FrameRef {
        if self.work.current.number == 0 { NO_FRAME } else { self.work.current }
    }
}
