//! Through the layers between TCP and MQTT: what they carry goes on upwards, what they say gets rows.

use std::ops::Range;

use mqscope_capture::CaptureError;
use mqscope_stream::Direction;
use mqscope_stream::tls::{self, Alert, ClientHello, ServerHello, Undecrypted};
use mqscope_websocket::handshake::{Request, Response};
use mqscope_websocket::{Deflate, Fault, Header, Kind, MessageInfo, Opcode};

use super::Visitor;
use super::feed::{Desk, Feed, Interest};
use crate::connection::{Connection, Head, Pending};
use crate::lane::{Lane, Piece};
use crate::origin::{self, Layer};
use crate::resync::Trust;
use crate::tls::{Opened, REACH_BYTES, Tls, Waiting};
use crate::trail::Trail;
use crate::websocket::{Asked, Stage, UNKNOWN, Upgrade, Way, WebSocket, body_len};
use crate::{Breach, CarrierMessage, DissectError, Extent, FrameRef, Transport};

impl Connection {
    /// Whether it is encrypted and may be decrypted when its keys come.
    pub(super) fn awaits_keys(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.opened == Opened::No && tls.waiting.is_some())
    }
}

// TLS

impl<V: Visitor> Desk<'_, V> {
    /// Takes what was put by of a connection whose keys have come.
    fn read_again(
        &mut self,
        connection: &mut Connection,
        pieces: Vec<Waiting>,
    ) -> Result<Interest, DissectError> {
        let mut bytes = Vec::new();
        for piece in pieces {
            let interest = match piece {
                Waiting::Piece { direction, extent, frame, carried } => {
                    bytes.resize(extent.len as usize, 0);
                    match self.work.store.read(extent.at, &mut bytes) {
                        Ok(()) => {
                            let piece =
                                Piece { bytes: &bytes, at: extent.at, frame: &frame, carried: &carried };
                            self.on_tcp(connection, direction, piece)
                        }
                        // The ring let go of it before its keys came.
                        Err(CaptureError::Dropped { .. }) => {
                            self.gap_in_tls(connection, direction, extent.len.into())
                        }
                        Err(error) => return Err(error.into()),
                    }
                }
                Waiting::Gap { direction, missing } => self.gap_in_tls(connection, direction, missing),
            };
            if interest == Interest::None {
                return Ok(interest);
            }
        }
        Ok(Interest::Some)
    }

    /// The client begins with a TLS hello: what is held goes through TLS from here on.
    pub(super) fn begin_tls(&mut self, connection: &mut Connection, client: Direction) -> Interest {
        let heads = connection.undecided.replace(Box::default());
        connection.tls = Some(Box::new(Tls::new(self.work.settings.await_keys)));
        connection.carrier.client = Some(client);
        connection.carrier.transport = Transport::Tls;
        let mut interest = Interest::Some;
        for (direction, head) in
            [Direction::Forward, Direction::Reverse].into_iter().zip(&*heads.unwrap_or_default())
        {
            for piece in head.pieces() {
                if interest == Interest::Some {
                    interest = self.through_tls(connection, direction, piece);
                }
            }
        }
        interest
    }

    pub(super) fn through_tls(
        &mut self,
        connection: &mut Connection,
        direction: Direction,
        piece: Piece<'_>,
    ) -> Interest {
        let Some(mut tls) = connection.tls.take() else { return Interest::None };
        let extent = Extent { at: piece.at, len: piece.bytes.len() as u32 };
        tls.wait_with(Waiting::Piece { direction, extent, frame: *piece.frame, carried: *piece.carried });
        tls.trails[direction as usize].push(&piece);
        let keys = std::mem::take(&mut self.work.keys);
        let Tls { session, trails, opened, announced, .. } = &mut *tls;
        let mut inside = InTls {
            desk: self,
            connection,
            trails,
            opened,
            announced: *announced,
            frame: piece.frame,
            interest: Interest::Some,
        };
        session.push(direction, piece.bytes, &keys, &mut inside);
        let interest = inside.interest;
        self.work.keys = keys;
        let trail = &mut tls.trails[direction as usize];
        trail.forget_before(trail.next().saturating_sub(REACH_BYTES));
        connection.tls = Some(tls);
        self.after_tls(connection, interest)
    }

    pub(super) fn gap_in_tls(
        &mut self,
        connection: &mut Connection,
        direction: Direction,
        missing: u64,
    ) -> Interest {
        let Some(mut tls) = connection.tls.take() else { return Interest::None };
        tls.wait_with(Waiting::Gap { direction, missing });
        tls.trails[direction as usize].skip(missing);
        let frame = self.now();
        let keys = std::mem::take(&mut self.work.keys);
        let Tls { session, trails, opened, announced, .. } = &mut *tls;
        let mut inside = InTls {
            desk: self,
            connection,
            trails,
            opened,
            announced: *announced,
            frame: &frame,
            interest: Interest::Some,
        };
        session.gap(direction, missing, &keys, &mut inside);
        let interest = inside.interest;
        self.work.keys = keys;
        connection.tls = Some(tls);
        self.after_tls(connection, interest)
    }

    /// What could not be decrypted is shown as what it is; what was, and is of no interest, is let go.
    fn after_tls(&mut self, connection: &mut Connection, interest: Interest) -> Interest {
        let Some(tls) = &connection.tls else { return interest };
        if tls.opened == Opened::No {
            self.enter_pending(&mut connection.carrier);
            return Interest::when(tls.waiting.is_some());
        }
        interest
    }

    pub(super) fn end_tls(&mut self, connection: &mut Connection) {
        // A handshake that nothing followed tells why: it is worth a look.
        if connection.tls.as_ref().is_some_and(|tls| tls.opened == Opened::NotYet) {
            self.enter_pending(&mut connection.carrier);
        }
    }
}

impl<V: Visitor> Feed<'_, V> {
    /// Reads connections once more whose keys have come.
    pub(super) fn decrypt_late(&mut self) -> Result<(), DissectError> {
        let Feed { connections, desk } = self;
        for slot in connections.iter_mut() {
            let Some(connection) = slot else { continue };
            if !connection.awaits_keys() {
                continue;
            }
            let Some(tls) = &mut connection.tls else { continue };
            let random = tls.session.client_random();
            if !random.is_some_and(|random| desk.work.keys.has(random)) {
                continue;
            }
            let pieces = tls.again();
            // Until that is found to be so again.
            desk.work.traffic.encrypted -= 1;
            connection.undecided = Some(Box::default());
            let interest = desk.read_again(connection, pieces)?;
            let ended = connection.ended.filter(|_| interest == Interest::Some);
            if let Some(kind) = ended {
                desk.end(connection, kind);
            }
            if ended.is_some() || interest == Interest::None {
                *slot = None;
            }
        }
        match desk.work.failure.take() {
            Some(failure) => Err(failure.into()),
            None => Ok(()),
        }
    }
}

/// Hears what one piece of a TLS connection brings.
struct InTls<'a, 'd, V> {
    desk: &'a mut Desk<'d, V>,
    connection: &'a mut Connection,
    trails: &'a mut [Trail; 2],
    opened: &'a mut Opened,
    announced: bool,
    frame: &'a FrameRef,
    interest: Interest,
}

impl<V: Visitor> InTls<'_, '_, V> {
    fn tell(&mut self, message: CarrierMessage, direction: Direction, raw: Range<u64>) {
        let located = self.trails[direction as usize].locate(raw);
        let extents = located.places.into_iter().map(|(extent, _)| extent).collect();
        self.tell_at(message, direction, extents, located.completed);
    }

    fn tell_at(
        &mut self,
        message: CarrierMessage,
        direction: Direction,
        extents: Vec<Extent>,
        completed: Option<FrameRef>,
    ) {
        if self.announced {
            return;
        }
        let frame = completed.unwrap_or(*self.frame);
        let pending = Pending { message, direction, frame, extents, breach: None };
        let carrier = &mut self.connection.carrier;
        if carrier.flow.is_some() {
            self.desk.enter_carrier(carrier, &pending);
        } else {
            carrier.hold(Some(pending));
        }
    }
}

impl<V: Visitor> tls::Events for InTls<'_, '_, V> {
    fn client_hello(&mut self, direction: Direction, _: &ClientHello<'_>, raw: Range<u64>) {
        self.tell(CarrierMessage::ClientHello, direction, raw);
    }

    fn server_hello(&mut self, direction: Direction, _: &ServerHello<'_>, raw: Range<u64>) {
        self.tell(CarrierMessage::ServerHello, direction, raw);
    }

    fn alert(&mut self, direction: Direction, alert: Alert, raw: Range<u64>) {
        // Every connection ends with that one, and it says nothing.
        const CLOSE_NOTIFY: u8 = 0;
        if alert.description == CLOSE_NOTIFY {
            return;
        }
        // As it would stand on the wire if it were not encrypted.
        let record = [21, 3, 3, 0, 2, alert.level, alert.description];
        let located = self.trails[direction as usize].locate(raw);
        let Some(at) = self.desk.derive(&record, &located.places, Layer::Tls, false) else { return };
        let extents = vec![Extent { at, len: record.len() as u32 }];
        self.tell_at(CarrierMessage::TlsAlert, direction, extents, located.completed);
    }

    fn data(&mut self, direction: Direction, bytes: &[u8], from: Range<u64>) {
        *self.opened = Opened::Yes;
        if bytes.is_empty() || self.interest == Interest::None {
            return;
        }
        let located = self.trails[direction as usize].locate(from);
        if let Some(at) = self.desk.derive(bytes, &located.places, Layer::Tls, false) {
            let frame = located.completed.as_ref().unwrap_or(self.frame);
            let piece = Piece { bytes, at, frame, carried: frame };
            self.interest = self.desk.in_the_clear(self.connection, direction, piece);
        }
    }

    fn hole(&mut self, direction: Direction, _: Range<u64>) {
        if *self.opened == Opened::Yes {
            self.interest = self.desk.gap_in_the_clear(self.connection, direction, 0);
        }
    }

    fn undecrypted(&mut self, _: Direction, why: Undecrypted, _: Range<u64>) {
        use Undecrypted::{Compression, NoHello, NoKey, Suite, Version};
        // Of the other reasons none says that nothing will be decrypted.
        if *self.opened == Opened::NotYet
            && matches!(why, NoHello | NoKey | Suite(_) | Version(_) | Compression)
        {
            *self.opened = Opened::No;
            self.desk.work.traffic.encrypted += 1;
            let flow = self.desk.work.enter_flow(&mut self.connection.carrier);
            self.desk.work.index.flows.get(flow).set_undecrypted(why);
        }
    }
}

// WebSocket

impl<V: Visitor> Desk<'_, V> {
    /// Keeps bytes that a layer derived from captured ones; where. `None` if that fails, which is reported later.
    fn derive(
        &mut self,
        bytes: &[u8],
        sources: &[(Extent, FrameRef)],
        layer: Layer,
        continues: bool,
    ) -> Option<u64> {
        match origin::derive(&self.work.store, bytes, sources, layer, continues) {
            Ok(at) => Some(at),
            Err(error) => {
                self.work.failure.get_or_insert(error);
                None
            }
        }
    }

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
        let client = websocket.client;
        let interest = match &mut websocket.stage {
            Stage::Open(ways) => self.frames(connection, &mut ways[direction as usize], direction, piece),
            Stage::Upgrading(upgrade) => {
                upgrade.push(direction, client, piece);
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
    fn frames(
        &mut self,
        connection: &mut Connection,
        way: &mut Way,
        direction: Direction,
        piece: Piece<'_>,
    ) -> Interest {
        way.trail.push(&piece);
        let Way { decoder, trail, frame, begun } = way;
        let mut inside = InWebSocket {
            desk: self,
            connection,
            direction,
            trail,
            start: frame,
            begun,
            frame: piece.frame,
            interest: Interest::Some,
        };
        decoder.push(piece.bytes, &mut inside);
        let interest = inside.interest;
        trail.forget_before(*frame);
        interest
    }

    pub(super) fn gap_in_websocket(
        &mut self,
        connection: &mut Connection,
        direction: Direction,
        missing: u64,
    ) -> Interest {
        let Some(mut websocket) = connection.websocket.take() else { return Interest::None };
        let interest = match &mut websocket.stage {
            // Half a handshake leads nowhere, but the frames after it may be found.
            Stage::Upgrading(_) => {
                let client = websocket.client;
                *websocket = WebSocket::midstream(client);
                Interest::Some
            }
            Stage::Open(_) => Interest::Some,
        };
        if let Stage::Open(ways) = &mut websocket.stage {
            let Way { decoder, trail, frame, begun } = &mut ways[direction as usize];
            let missing = if missing == 0 { UNKNOWN } else { missing };
            trail.skip(missing);
            let now = self.now();
            let mut inside = InWebSocket {
                desk: self,
                connection,
                direction,
                trail,
                start: frame,
                begun,
                frame: &now,
                interest,
            };
            decoder.gap(missing, &mut inside);
        }
        connection.websocket = Some(websocket);
        interest
    }

    /// Reads requests and responses, as far as they have come.
    fn upgrade(&mut self, connection: &mut Connection, websocket: &mut WebSocket) -> Interest {
        let client = websocket.client;
        loop {
            let Stage::Upgrading(upgrade) = &mut websocket.stage else { return Interest::Some };
            if upgrade.asked.is_none() {
                match self.request(connection, upgrade, client) {
                    Step::Done => {}
                    Step::Wait => return Interest::Some,
                    Step::Over => return Interest::None,
                }
            }
            match self.response(connection, upgrade, client) {
                Answer::Wait => return Interest::Some,
                Answer::Over => return Interest::None,
                Answer::Again => {}
                Answer::Upgraded(deflate) => {
                    let Stage::Upgrading(upgrade) =
                        std::mem::replace(&mut websocket.stage, WebSocket::open(client, deflate))
                    else {
                        return Interest::None;
                    };
                    return self.drain(connection, websocket, &upgrade);
                }
            }
        }
    }

    /// Hands what came behind a handshake to the frames it began.
    fn drain(
        &mut self,
        connection: &mut Connection,
        websocket: &mut WebSocket,
        upgrade: &Upgrade,
    ) -> Interest {
        let Stage::Open(ways) = &mut websocket.stage else { return Interest::None };
        let mut interest = Interest::Some;
        for direction in [websocket.client, websocket.client.opposite()] {
            for piece in upgrade.heads[direction as usize].pieces() {
                if interest == Interest::Some {
                    interest = self.frames(connection, &mut ways[direction as usize], direction, piece);
                }
            }
        }
        interest
    }

    fn request(&mut self, connection: &mut Connection, upgrade: &mut Upgrade, client: Direction) -> Step {
        let head = &mut upgrade.heads[client as usize];
        let (asked, len) = match Request::parse(head.bytes()) {
            Ok(Some((request, len))) if request.is_upgrade() => (Asked::of(&request), len),
            Ok(None) if !head.is_full() => return Step::Wait,
            _ => return Step::Over,
        };
        let pending = head.message(CarrierMessage::HttpRequest, client, len);
        head.forget(len);
        connection.carrier.hold(pending);
        // A body of unknown length, answer to the request before, ends here.
        upgrade.rest_of_body = upgrade.rest_of_body.filter(|&rest| rest != UNKNOWN);
        if asked.names_subprotocol() {
            connection.carrier.trust = Trust::Known;
        }
        upgrade.asked = Some(asked);
        Step::Done
    }

    fn response(&mut self, connection: &mut Connection, upgrade: &mut Upgrade, client: Direction) -> Answer {
        let server = client.opposite();
        let head = &mut upgrade.heads[server as usize];
        let asked = upgrade.asked.clone().unwrap_or_default();
        let (upgraded, granted, body, is_interim, len) = match Response::parse(head.bytes()) {
            Ok(Some((response, len))) => {
                let upgraded = response.is_upgrade().then(|| response.deflate().ok().flatten());
                let is_interim = response.status() < 200 && response.status() != 101;
                (upgraded, asked.is_granted_by(&response), body_len(&response), is_interim, len)
            }
            Ok(None) if !head.is_full() => return Answer::Wait,
            _ => return Answer::Over,
        };
        let head = &mut upgrade.heads[server as usize];
        let mut pending = head.message(CarrierMessage::HttpResponse, server, len);
        head.forget(len);
        if is_interim {
            connection.carrier.hold(pending);
            return Answer::Again;
        }
        upgrade.asked = None;
        if let Some(pending) = &mut pending
            && upgraded.is_some()
            && !granted
        {
            pending.breach = Some(Breach::NoSubprotocol);
        }
        connection.carrier.hold(pending);
        if upgraded.is_none() && asked.for_mqtt {
            self.work.traffic.refused += 1;
        }
        if asked.for_mqtt || connection.carrier.trust > Trust::None {
            self.enter_pending(&mut connection.carrier);
        }
        if let Some(deflate) = upgraded {
            return Answer::Upgraded(deflate);
        }
        // The next request may be granted what this one was not.
        upgrade.pass_over_body(server, body);
        Answer::Again
    }

    /// A handshake goes on: but not for longer than heads are held, as one half of it may not have been captured.
    fn not_for_ever(&mut self, connection: &mut Connection, websocket: &mut WebSocket) -> Interest {
        match &websocket.stage {
            Stage::Upgrading(upgrade) if upgrade.heads.iter().any(Head::is_full) => {
                self.without_other_half(connection, websocket)
            }
            _ => Interest::Some,
        }
    }

    /// Only one half of a handshake was captured: what follows it may be a WebSocket all the same.
    fn without_other_half(&mut self, connection: &mut Connection, websocket: &mut WebSocket) -> Interest {
        let client = websocket.client;
        let Stage::Upgrading(upgrade) = &mut websocket.stage else { return Interest::Some };
        let [from_client, from_server] = [client, client.opposite()]
            .map(|direction| !upgrade.heads[direction as usize].bytes().is_empty());
        match (&upgrade.asked, from_client, from_server) {
            (Some(_), true, false) => {
                let heads = std::mem::take(&mut **upgrade);
                websocket.stage = WebSocket::midstream(client).stage;
                self.drain(connection, websocket, &heads)
            }
            (None, false, true) => {
                upgrade.asked = Some(Asked::default());
                self.upgrade(connection, websocket)
            }
            _ => Interest::None,
        }
    }

    /// No more comes: a client whose server was not captured may have been granted its upgrade all the same.
    pub(super) fn end_websocket(&mut self, connection: &mut Connection) {
        let Some(mut websocket) = connection.websocket.take() else { return };
        if let Stage::Upgrading(upgrade) = &mut websocket.stage {
            if upgrade.asked.as_ref().is_some_and(|asked| asked.for_mqtt) {
                self.enter_pending(&mut connection.carrier);
            }
            self.without_other_half(connection, &mut websocket);
        }
        connection.websocket = Some(websocket);
    }
}

enum Step {
    Done,
    Wait,
    Over,
}

enum Answer {
    Upgraded(Option<Deflate>),
    /// Another answer follows, or another request may.
    Again,
    Wait,
    Over,
}

/// Hears what one piece of a WebSocket brings.
struct InWebSocket<'a, 'd, V> {
    desk: &'a mut Desk<'d, V>,
    connection: &'a mut Connection,
    direction: Direction,
    trail: &'a mut Trail,
    /// The offset of the frame that is being read.
    start: &'a mut u64,
    /// Whether the frame, or its compressed message, has given data already.
    begun: &'a mut bool,
    frame: &'a FrameRef,
    interest: Interest,
}

impl<V: Visitor> mqscope_websocket::Events for InWebSocket<'_, '_, V> {
    fn frame(&mut self, header: &Header, at: u64) {
        // Control frames may come between those of a message and give no data.
        if !header.opcode.is_control() {
            *self.start = at;
            *self.begun &= header.opcode == Opcode::Continuation;
        }
    }

    fn data(&mut self, bytes: &[u8], from: Range<u64>, message: &MessageInfo) {
        if bytes.is_empty() || self.interest == Interest::None {
            return;
        }
        if message.kind == Kind::Text {
            let breaches = &mut self.connection.carrier.breaches[self.direction as usize];
            if !breaches.contains(&Breach::TextMessage) {
                breaches.push(Breach::TextMessage);
            }
        }
        if self.desk.work.has_too_many_rows() {
            self.interest = self.desk.gap_at_the_top(self.connection, self.direction, bytes.len() as u64);
            return;
        }
        let from = if *self.begun { from } else { *self.start..from.end };
        let located = self.trail.locate(from);
        let continues = std::mem::replace(self.begun, true);
        if let Some(at) = self.desk.derive(bytes, &located.places, Layer::WebSocket, continues) {
            let frame = located.completed.as_ref().unwrap_or(self.frame);
            let piece = Piece { bytes, at, frame, carried: frame };
            self.interest = self.desk.topmost(self.connection, self.direction, piece);
        }
    }

    fn control(&mut self, opcode: Opcode, _: &[u8], raw: Range<u64>) {
        let message = match opcode {
            Opcode::Ping => CarrierMessage::WebSocketPing,
            Opcode::Pong => CarrierMessage::WebSocketPong,
            Opcode::Close => CarrierMessage::WebSocketClose,
            _ => return,
        };
        let located = self.trail.locate(raw);
        let pending = Pending {
            message,
            direction: self.direction,
            frame: located.completed.unwrap_or(*self.frame),
            extents: located.places.into_iter().map(|(extent, _)| extent).collect(),
            breach: None,
        };
        let carrier = &mut self.connection.carrier;
        if carrier.flow.is_some() {
            self.desk.enter_carrier(carrier, &pending);
        } else {
            carrier.hold(Some(pending));
        }
    }

    fn fault(&mut self, fault: Fault, _: Range<u64>) {
        let breaches = &mut self.connection.carrier.breaches[self.direction as usize];
        let breach = Breach::WebSocket(fault);
        if breaches.len() < 8 && !breaches.contains(&breach) {
            breaches.push(breach);
        }
    }

    fn lost(&mut self, missing: Option<u64>) {
        *self.begun = false;
        let missing = missing.unwrap_or(0);
        self.interest = self.desk.gap_at_the_top(self.connection, self.direction, missing);
    }
}
