//! Through WebSocket: what its messages carry goes on upwards, control frames get rows.

use std::ops::Range;

use mqscope_stream::Direction;
use mqscope_websocket::{Fault, Header, Kind, MessageInfo, Opcode};

use super::Visitor;
use super::feed::{Desk, Interest};
use crate::connection::{Connection, Pending};
use crate::lane::{Lane, Piece};
use crate::origin::{Kept, Made};
use crate::resync::Trust;
use crate::trail::{Place, Trail};
use crate::websocket::{Heard, Stage, UNKNOWN, Way, WebSocket};
use crate::{Breach, CarrierMessage, Extent, FrameRef, Transport};

impl<V: Visitor> Desk<'_, V> {
    /// The client begins with an HTTP request: what is held is read as a handshake.
    pub(super) fn begin_websocket(&mut self, connection: &mut Connection, client: Direction) -> Interest {
        self.put_in_websocket(connection, WebSocket::upgrading(client))
    }

    /// Frames go by, and no handshake went before them.
    pub(super) fn begin_frames(&mut self, connection: &mut Connection, client: Direction) -> Interest {
        connection.carrier.trust = connection.carrier.trust.max(Trust::Port);
        self.put_in_websocket(connection, WebSocket::midstream(client))
    }

    fn put_in_websocket(&mut self, connection: &mut Connection, websocket: WebSocket) -> Interest {
        let heads = connection.undecided.replace(Box::default());
        let client = websocket.client;
        if matches!(websocket.stage, Stage::Open(_)) {
            // Where nothing is known of the handshake, nothing is known of what the frames begin with.
            connection.undecided = None;
            connection.lanes = [Lane::searching(), Lane::searching()];
        }
        connection.carrier.client = Some(client);
        connection.websocket = Some(Box::new(websocket));
        connection.carrier.transport = match connection.carrier.transport {
            Transport::Tcp | Transport::Ws => Transport::Ws,
            Transport::Tls | Transport::Wss => Transport::Wss,
        };
        let heads = heads.unwrap_or_default();
        let mut interest = Interest::Some;
        for direction in [client, client.opposite()] {
            for piece in heads[direction as usize].pieces() {
                if interest == Interest::Some {
                    interest = self.through_websocket(connection, direction, piece);
                }
            }
        }
        interest
    }

    pub(super) fn through_websocket(
        &mut self,
        connection: &mut Connection,
        direction: Direction,
        piece: Piece<'_>,
    ) -> Interest {
        let Some(mut websocket) = connection.websocket.take() else { return Interest::None };
        let interest = match &mut websocket.stage {
            Stage::Open(ways) => self.frames(connection, &mut ways[direction as usize], direction, piece),
            Stage::Upgrading(upgrade) => {
                upgrade.push(direction, piece);
                match self.upgrade(connection, &mut websocket) {
                    Interest::Some => self.not_for_ever(connection, &mut websocket),
                    Interest::None => Interest::None,
                }
            }
        };
        connection.websocket = Some(websocket);
        interest
    }

    /// Takes bytes of an open WebSocket.
    pub(super) fn frames(
        &mut self,
        connection: &mut Connection,
        way: &mut Way,
        direction: Direction,
        piece: Piece<'_>,
    ) -> Interest {
        way.trail.push(&piece);
        let Way { decoder, trail, heard } = way;
        let payloads = std::mem::take(&mut self.work.payloads);
        let row = Some(FrameRow { piece, begins: decoder.offset(), source: 0..0, payloads });
        let frame = piece.frame;
        let interest = Interest::Some;
        let mut inside =
            InWebSocket { desk: self, connection, direction, trail, heard, row, frame, interest };
        decoder.push(piece.bytes, &mut inside);
        inside.end_row();
        let InWebSocket { interest, row, .. } = inside;
        self.work.payloads = row.map(|row| row.payloads).unwrap_or_default();
        trail.forget_before(heard.next);
        interest
    }

    pub(super) fn gap_in_websocket(
        &mut self,
        connection: &mut Connection,
        direction: Direction,
        missing: u64,
    ) -> Interest {
        let Some(mut websocket) = connection.websocket.take() else { return Interest::None };
        let mut interest = Interest::Some;
        if let Stage::Upgrading(upgrade) = &mut websocket.stage {
            let goes_on = upgrade.skip(direction, missing);
            if goes_on || upgrade.is_other {
                connection.websocket = Some(websocket);
                return Interest::when(goes_on);
            }
            // Half a handshake leads nowhere, but the frames after it may be found, and packets in them.
            let upgrade = std::mem::take(&mut **upgrade);
            *websocket = WebSocket::midstream(websocket.client);
            connection.undecided = None;
            connection.lanes = [Lane::searching(), Lane::searching()];
            interest = self.drain(connection, &mut websocket, &upgrade);
        }
        if let Stage::Open(ways) = &mut websocket.stage {
            let Way { decoder, trail, heard } = &mut ways[direction as usize];
            let missing = if missing == 0 { UNKNOWN } else { missing };
            trail.skip(missing);
            let now = self.now();
            let row = None;
            let mut inside =
                InWebSocket { desk: self, connection, direction, trail, heard, row, frame: &now, interest };
            decoder.gap(missing, &mut inside);
        }
        connection.websocket = Some(websocket);
        interest
    }
}

/// Hears what one piece of a WebSocket brings.
struct InWebSocket<'a, 'd, V> {
    desk: &'a mut Desk<'d, V>,
    connection: &'a mut Connection,
    direction: Direction,
    trail: &'a mut Trail,
    heard: &'a mut Heard,
    /// None where no piece came, but a gap.
    row: Option<FrameRow<'a>>,
    frame: &'a FrameRef,
    interest: Interest,
}

/// Frames of one piece, side by side, each a whole message that is not compressed. What they carry is kept and goes on
/// upwards in one go: most traffic is of this kind.
///
/// Invariant: `payloads` is what the frames at the offsets `source` carry.
struct FrameRow<'a> {
    piece: Piece<'a>,
    /// The offset of the piece's first byte.
    begins: u64,
    source: Range<u64>,
    payloads: Vec<u8>,
}

impl<V: Visitor> InWebSocket<'_, '_, V> {
    /// Puts the payload of a frame to those that stand before it, if it is of their kind.
    #[inline]
    fn put_in_row(&mut self, payload: &[u8], frame: &Range<u64>) -> bool {
        let Some(row) = self.row.as_mut().filter(|row| row.begins <= frame.start) else { return false };
        if row.source.end != frame.start {
            self.end_row();
        }
        let Some(row) = &mut self.row else { return false };
        if row.payloads.is_empty() {
            row.source.start = frame.start;
        }
        row.source.end = frame.end;
        row.payloads.extend_from_slice(payload);
        true
    }

    /// What frames side by side carry goes on upwards, before anything else does.
    #[inline]
    fn end_row(&mut self) {
        if self.row.as_ref().is_none_or(|row| row.payloads.is_empty()) {
            return;
        }
        let Some(mut row) = self.row.take() else { return };
        let FrameRow { piece, begins, source, payloads } = &row;
        let extent =
            Extent { at: piece.at + (source.start - begins), len: (source.end - source.start) as u32 };
        let place = Place { extent, frame: piece.carried, completed: piece.frame };
        if self.has_room(payloads)
            && let Some(kept) = self.desk.derive(payloads, std::iter::once(place), Made::Frames, None)
        {
            self.go_on(payloads, kept, piece.frame);
        }
        row.payloads.clear();
        self.row = Some(row);
    }

    /// Whether more rows are wanted; if not, the bytes are lost.
    fn has_room(&mut self, bytes: &[u8]) -> bool {
        let room = !self.desk.work.has_too_many_rows();
        if !room {
            self.interest = self.desk.gap_at_the_top(self.connection, self.direction, bytes.len() as u64);
        }
        room
    }

    fn go_on(&mut self, bytes: &[u8], kept: Kept, frame: &FrameRef) {
        let piece = Piece { bytes, at: kept.at, frame, carried: frame };
        self.interest = self.desk.topmost(self.connection, self.direction, piece);
    }
}

impl<V: Visitor> mqscope_websocket::Events for InWebSocket<'_, '_, V> {
    fn frame(&mut self, header: &Header, at: u64) {
        self.heard.frame(header, at);
    }

    fn data(&mut self, bytes: &[u8], from: Range<u64>, message: &MessageInfo) {
        if bytes.is_empty() || self.interest == Interest::None {
            return;
        }
        let whole = self.heard.is_whole(&from);
        let from = self.heard.data(from.end);
        if whole && self.put_in_row(bytes, &from) {
            return;
        }
        self.end_row();
        if message.kind == Kind::Text {
            let breaches = &mut self.connection.carrier.breaches[self.direction as usize];
            if !breaches.contains(&Breach::TextMessage) {
                breaches.push(Breach::TextMessage);
            }
        }
        if self.interest == Interest::None || !self.has_room(bytes) {
            return;
        }
        let mut completed = None;
        let places = self.trail.places(from).inspect(|place| completed = Some(*place.completed));
        if let Some(kept) = self.desk.derive(bytes, places, Made::Frame, self.heard.last) {
            self.heard.last = kept.last;
            self.go_on(bytes, kept, &completed.unwrap_or(*self.frame));
        }
    }

    fn control(&mut self, opcode: Opcode, _: &[u8], raw: Range<u64>) {
        let message = match opcode {
            Opcode::Ping => CarrierMessage::WebSocketPing,
            Opcode::Pong => CarrierMessage::WebSocketPong,
            Opcode::Close => CarrierMessage::WebSocketClose,
            _ => return,
        };
        self.end_row();
        let (mut extents, mut frame) = (Vec::new(), *self.frame);
        for place in self.trail.places(raw) {
            extents.push(place.extent);
            frame = *place.completed;
        }
        let pending = Pending { message, direction: self.direction, frame, extents, breach: None };
        let carrier = &mut self.connection.carrier;
        if carrier.flow.is_some() {
            self.desk.enter_carrier(carrier, &pending);
        } else {
            carrier.hold(Some(pending));
        }
    }

    fn fault(&mut self, fault: Fault, _: Range<u64>) {
        self.end_row();
        let breaches = &mut self.connection.carrier.breaches[self.direction as usize];
        let breach = Breach::WebSocket(fault);
        if breaches.len() < 8 && !breaches.contains(&breach) {
            breaches.push(breach);
        }
    }

    fn lost(&mut self, missing: Option<u64>) {
        self.end_row();
        if missing.is_none() {
            self.heard.last = None;
        }
        let missing = missing.unwrap_or(0);
        self.interest = self.desk.gap_at_the_top(self.connection, self.direction, missing);
    }
}
