//! A client's half of MQTT without I/O: packets go in, bytes and events come out, time is an argument.
//!
//! The session owns what a client must keep to the rules: packet identifiers, how many messages may be in
//! flight, where each stands in its exchange, the keep alive. What it is told to send is appended to `out`;
//! whoever holds the socket writes it.
//!
//! ```text
//!  QoS 1   PUBLISH -> PUBACK                         QoS 2   PUBLISH -> PUBREC, PUBREL -> PUBCOMP
//! ```

use std::collections::VecDeque;

use mqscope_wire::{
    Ack, Connect, Disconnect, EncodeError, ErrorKind, Packet, PacketId, PacketType, Properties, Publish, QoS,
    ReasonCode, Strict, Subscribe, Subscriptions, Version, decode, encode, frame::Frame,
};

mod event;
mod ids;

pub(crate) use event::{Event, Fault, Unsendable};
use ids::Ids;

/// Nanoseconds of the run's clock.
pub(crate) type Nanos = u64;

/// Largest packet where neither side said otherwise: what a Remaining Length can say, and its header.
const LARGEST_PACKET: u32 = 268_435_455 + 5;

/// What answers an identifier that is not in use (MQTT 5.0 §3.7.2.1).
const PACKET_ID_NOT_FOUND: ReasonCode = ReasonCode(0x92);

/// The DUP flag in a PUBLISH's first byte (MQTT 5.0 §3.3.1.1).
const DUP: u8 = 0x08;

/// One client's state, of one connection after another.
#[derive(Debug)]
pub(crate) struct Session {
    version: Version,
    state: State,
    ids: Ids,
    /// QoS 1 and 2 messages the broker takes at once (MQTT 5.0 §4.9).
    receive_maximum: u16,
    maximum_qos: QoS,
    maximum_packet_size: u32,
    /// The longest packet the client takes, in bytes.
    accepts: u32,
    /// In the order they were sent first.
    outgoing: VecDeque<Outgoing>,
    /// How many of them, from the first on, were sent on this connection: all, but for a short while after a
    /// session was taken up again.
    resent: usize,
    /// Whether the session outlives its connection, so that messages must be kept.
    keeps: bool,
    /// Identifiers of QoS 2 messages received and not released yet.
    incoming: Vec<u16>,
    /// The SUBSCRIBE that waits for its SUBACK.
    subscribing: Option<(u16, Nanos)>,
    keep_alive: Nanos,
    last_sent: Nanos,
    /// When the broker's last whole packet came.
    last_heard: Nanos,
    /// When the PINGREQ was sent that waits for its answer.
    pinged: Option<Nanos>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// CONNECT was not sent yet.
    New,
    /// CONNECT was sent, at that time.
    Connecting(Nanos),
    Up,
    Closed,
}

/// A message that waits for the broker.
#[derive(Debug)]
struct Outgoing {
    id: u16,
    awaits: Awaits,
    message: Sent,
    /// Its PUBREL was sent again: the broker may have answered the first.
    released_again: bool,
    /// The PUBLISH itself, for as long as it may have to be sent again.
    packet: Option<Box<[u8]>>,
}

/// A message that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sent {
    /// Whatever the caller tells messages apart by.
    pub label: u64,
    /// When it was meant to be sent.
    pub intended: Nanos,
    /// When it was sent first.
    pub sent: Nanos,
}

/// The answer an outgoing message waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::enum_variant_names, reason = "the specification's names")]
pub(crate) enum Awaits {
    PubAck,
    PubRec,
    PubComp,
}

impl Session {
    pub(crate) fn new(version: Version) -> Self {
        Self {
            version,
            state: State::New,
            ids: Ids::new(),
            receive_maximum: u16::MAX,
            maximum_qos: QoS::ExactlyOnce,
            maximum_packet_size: LARGEST_PACKET,
            accepts: LARGEST_PACKET,
            outgoing: VecDeque::new(),
            resent: 0,
            keeps: false,
            incoming: Vec::new(),
            subscribing: None,
            keep_alive: 0,
            last_sent: 0,
            last_heard: 0,
            pinged: None,
        }
    }

    pub(crate) fn version(&self) -> Version {
        self.version
    }

    pub(crate) fn is_up(&self) -> bool {
        self.state == State::Up
    }

    /// Messages that wait for an answer, oldest first, and for which.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = (Awaits, Sent)> {
        self.outgoing.iter().map(|outgoing| (outgoing.awaits, outgoing.message))
    }

    /// How many messages wait for an answer.
    pub(crate) fn awaited(&self) -> usize {
        self.outgoing.len()
    }

    /// Whether the next packet will have to be answered: an exchange at QoS 2 is under way.
    pub(crate) fn is_hurried(&self) -> bool {
        !self.incoming.is_empty() || self.outgoing.iter().any(|outgoing| outgoing.awaits != Awaits::PubAck)
    }

    /// The connection is gone and the session is not.
    pub(crate) fn pause(&mut self) {
        self.state = State::New;
        self.receive_maximum = u16::MAX;
        self.maximum_qos = QoS::ExactlyOnce;
        self.maximum_packet_size = LARGEST_PACKET;
        self.resent = 0;
        self.subscribing = None;
        self.pinged = None;
    }

    /// The broker knows nothing of the session, so neither does the client (MQTT 5.0 §3.2.2.1.1).
    pub(crate) fn forget(&mut self) {
        self.outgoing.clear();
        self.incoming.clear();
        self.resent = 0;
    }

    /// Whether a message of this quality may be sent now.
    pub(crate) fn has_room(&self, qos: QoS) -> bool {
        self.is_up() && (qos == QoS::AtMostOnce || self.outgoing.len() < usize::from(self.receive_maximum))
    }

    /// Sends CONNECT. `keeps` says whether the session will outlive the connection.
    pub(crate) fn connect(
        &mut self,
        connect: Connect<'_>,
        keeps: bool,
        now: Nanos,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        self.keep_alive = u64::from(connect.keep_alive) * 1_000_000_000;
        self.keeps = keeps;
        self.accepts = connect.properties.maximum_packet_size().unwrap_or(LARGEST_PACKET);
        encode(&Packet::Connect(connect), self.version, out)?;
        self.state = State::Connecting(now);
        self.last_sent = now;
        Ok(())
    }

    /// Sends SUBSCRIBE; only once at a time.
    pub(crate) fn subscribe(
        &mut self,
        subscriptions: Subscriptions<'_>,
        now: Nanos,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        let id = self.free_id();
        let packet_id = PacketId::new(id).expect("free_id never gives zero");
        let subscribe = Subscribe { packet_id, properties: Properties::EMPTY, subscriptions };
        encode(&Packet::Subscribe(subscribe), self.version, out)?;
        self.subscribing = Some((id, now));
        self.last_sent = now;
        Ok(())
    }

    /// Sends a message, for which there must be [room](Self::has_room); `publish.packet_id` is filled in here.
    pub(crate) fn publish(
        &mut self,
        mut publish: Publish<'_>,
        label: u64,
        intended: Nanos,
        now: Nanos,
        out: &mut Vec<u8>,
    ) -> Result<(), Unsendable> {
        if publish.qos > self.maximum_qos {
            return Err(Unsendable::QoS(self.maximum_qos));
        }
        let awaits = match publish.qos {
            QoS::AtMostOnce => None,
            QoS::AtLeastOnce => Some(Awaits::PubAck),
            QoS::ExactlyOnce | QoS::Reserved => Some(Awaits::PubRec),
        };
        let id = if awaits.is_some() { self.free_id() } else { 0 };
        publish.packet_id = PacketId::new(id);
        let start = out.len();
        encode(&Packet::Publish(publish), self.version, out).map_err(Unsendable::Unencodable)?;
        let len = out.len() - start;
        if len > self.maximum_packet_size as usize {
            out.truncate(start);
            return Err(Unsendable::TooLarge { len, max: self.maximum_packet_size });
        }
        if let Some(awaits) = awaits {
            let packet = self.keeps.then(|| out[start..].into());
            self.outgoing.push_back(Outgoing {
                id,
                awaits,
                message: Sent { label, intended, sent: now },
                released_again: false,
                packet,
            });
            self.resent += 1;
        }
        self.last_sent = now;
        Ok(())
    }

    /// Sends DISCONNECT; the session is over. Before 5.0 the reason can only be success.
    pub(crate) fn disconnect(&mut self, reason: ReasonCode, out: &mut Vec<u8>) {
        if self.is_up() {
            let disconnect = Disconnect { reason, properties: Properties::EMPTY };
            self.answer(Packet::Disconnect(disconnect), out);
        }
        self.state = State::Closed;
    }

    /// When [`tick`](Self::tick) wants to be called.
    pub(crate) fn deadline(&self) -> Nanos {
        match (self.state, self.pinged) {
            (State::Up, Some(sent)) if self.keep_alive > 0 => sent + self.keep_alive,
            (State::Up, None) if self.keep_alive > 0 => self.last_sent.min(self.last_heard) + self.keep_alive,
            _ => Nanos::MAX,
        }
    }

    /// Sends PINGREQ when nothing else was sent for the keep alive (MQTT 5.0 §3.1.2.10) or nothing was heard for so long, and
    /// notices when the one before was not answered in that time. So who publishes all the time finds out as well.
    pub(crate) fn tick(&mut self, now: Nanos, out: &mut Vec<u8>) -> Result<(), Fault> {
        if now < self.deadline() {
            return Ok(());
        }
        if self.pinged.is_some() {
            self.state = State::Closed;
            return Err(Fault::PingTimeout);
        }
        self.answer(Packet::PingReq, out);
        self.pinged = Some(now);
        self.last_sent = now;
        Ok(())
    }

    /// The longest packet it takes, in bytes.
    pub(crate) fn accepts(&self) -> usize {
        self.accepts as usize
    }

    /// Looks at a packet that has begun to come: `begun` are its bytes so far, `frame` their header if it is whole. What it
    /// can never be taken for is not waited for.
    pub(crate) fn foresee(&self, begun: &[u8], frame: Option<Frame>) -> Result<(), Fault> {
        use PacketType::{Auth, Connect, PingReq, Subscribe, UnsubAck, Unsubscribe};
        let Some(&first) = begun.first() else { return Ok(()) };
        // The least packet of this first byte: whatever is wrong with it but its end is wrong with the first byte.
        match decode(&[first, 0], self.version, &mut Strict) {
            Err(error) if !matches!(error.kind, ErrorKind::Truncated { .. }) => return Err(error.into()),
            _ => {}
        }
        let kind = PacketType::from_first_byte(first);
        let never_comes = matches!(kind, Connect | Subscribe | Unsubscribe | UnsubAck | PingReq | Auth);
        if never_comes || kind == PacketType::Disconnect && self.version != Version::V5 {
            return Err(Fault::OutOfPlace(kind));
        }
        match frame {
            Some(frame) if frame.len() > self.accepts() => {
                Err(Fault::TooLarge { len: frame.len(), max: self.accepts })
            }
            _ => Ok(()),
        }
    }

    /// Takes a packet of the broker.
    pub(crate) fn receive<'b>(
        &mut self,
        packet: Packet<'b>,
        now: Nanos,
        out: &mut Vec<u8>,
    ) -> Result<Event<'b>, Fault> {
        let kind = packet.packet_type();
        let before = out.len();
        let event = match (self.state, packet) {
            (State::Connecting(sent), Packet::ConnAck(connack)) => {
                if connack.reason.is_error(PacketType::ConnAck, self.version) {
                    self.state = State::Closed;
                    return Ok(Event::Refused(connack.reason));
                }
                self.agree(connack.properties);
                self.state = State::Up;
                let resumed = self.keeps && connack.session_present;
                if resumed {
                    self.resend(out);
                }
                Event::Connected { sent, resumed }
            }
            (State::Up, Packet::Publish(publish)) => self.message(publish, out)?,
            (State::Up, Packet::PubAck(ack)) => {
                let event = self.answered(ack, Awaits::PubAck, kind)?;
                self.resend(out);
                event
            }
            (State::Up, Packet::PubRec(ack)) => {
                let event = self.answered(ack, Awaits::PubRec, kind)?;
                if ack.reason.0 < 0x80 {
                    self.answer(Packet::PubRel(Ack::success(ack.packet_id)), out);
                }
                self.resend(out);
                event
            }
            (State::Up, Packet::PubComp(ack)) => {
                let event = self.answered(ack, Awaits::PubComp, kind)?;
                self.resend(out);
                event
            }
            (State::Up, Packet::PubRel(ack)) => {
                self.released(ack.packet_id, out);
                Event::Nothing
            }
            (State::Up, Packet::SubAck(suback)) => match self.subscribing.take() {
                Some((id, sent)) if id == suback.packet_id.get() => {
                    Event::Subscribed { reasons: suback.reasons, sent }
                }
                _ => return Err(Fault::UnknownId(kind)),
            },
            (State::Up, Packet::PingResp) => match self.pinged.take() {
                Some(sent) => Event::Pong { sent },
                None => return Err(Fault::OutOfPlace(kind)),
            },
            (State::Up | State::Connecting(_), Packet::Disconnect(disconnect))
                if self.version == Version::V5 =>
            {
                self.state = State::Closed;
                Event::Disconnected(disconnect.reason)
            }
            _ => return Err(Fault::OutOfPlace(kind)),
        };
        self.last_heard = now;
        if out.len() > before {
            self.last_sent = now;
        }
        Ok(event)
    }

    /// What the broker said of itself (MQTT 5.0 §3.2.2.3).
    fn agree(&mut self, properties: Properties<'_>) {
        if self.version != Version::V5 {
            return;
        }
        self.receive_maximum = properties.receive_maximum().unwrap_or(u16::MAX);
        self.maximum_packet_size = properties.maximum_packet_size().unwrap_or(LARGEST_PACKET);
        if let Some(qos) = properties.maximum_qos() {
            self.maximum_qos = QoS::from_bits(qos);
        }
        if let Some(seconds) = properties.server_keep_alive() {
            self.keep_alive = u64::from(seconds) * 1_000_000_000;
        }
    }

    fn message<'b>(&mut self, publish: Publish<'b>, out: &mut Vec<u8>) -> Result<Event<'b>, Fault> {
        let Some(id) = publish.packet_id else { return Ok(Event::Message(publish)) };
        if publish.qos == QoS::AtLeastOnce {
            self.answer(Packet::PubAck(Ack::success(id)), out);
            return Ok(Event::Message(publish));
        }
        self.answer(Packet::PubRec(Ack::success(id)), out);
        if self.incoming.contains(&id.get()) {
            // The same message sent again: exactly once means that it was delivered before.
            return Ok(Event::Nothing);
        }
        self.incoming.push(id.get());
        Ok(Event::Message(publish))
    }

    fn released(&mut self, id: PacketId, out: &mut Vec<u8>) {
        let known = self.incoming.iter().position(|incoming| *incoming == id.get());
        let reason = match known {
            Some(index) => {
                self.incoming.swap_remove(index);
                ReasonCode::SUCCESS
            }
            // Before 5.0 an answer has no reason.
            None if self.version == Version::V5 => PACKET_ID_NOT_FOUND,
            None => ReasonCode::SUCCESS,
        };
        self.answer(Packet::PubComp(Ack { reason, ..Ack::success(id) }), out);
    }

    fn answered<'b>(&mut self, ack: Ack<'_>, with: Awaits, kind: PacketType) -> Result<Event<'b>, Fault> {
        let id = ack.packet_id.get();
        // Brokers answer in order nearly always.
        let mut sent = self.outgoing.iter_mut().take(self.resent);
        let found = sent.position(|outgoing| outgoing.id == id && outgoing.awaits == with);
        let Some(index) = found else { return Err(Fault::UnknownId(kind)) };
        let outgoing = &mut self.outgoing[index];
        let message = outgoing.message;
        // An answer before the connection broke, to a PUBREL before, is no error when it is asked for again (MQTT 5.0 §3.7.2.1).
        let answered_before = outgoing.released_again && ack.reason == PACKET_ID_NOT_FOUND;
        let reason = if answered_before { ReasonCode::SUCCESS } else { ack.reason };
        if with == Awaits::PubRec && reason.0 < 0x80 {
            outgoing.awaits = Awaits::PubComp;
            outgoing.packet = None;
        } else {
            self.outgoing.remove(index);
            self.resent -= 1;
        }
        Ok(Event::Answered { message, with, reason })
    }

    /// Sends again what was not answered on the connection before, in the order it was sent then, as far as the
    /// broker's Receive Maximum lets it (MQTT 5.0 §4.4, §4.9).
    fn resend(&mut self, out: &mut Vec<u8>) {
        let most = usize::from(self.receive_maximum).min(self.outgoing.len());
        for outgoing in self.outgoing.iter().take(most).skip(self.resent) {
            match (&outgoing.packet, PacketId::new(outgoing.id)) {
                (Some(packet), _) => {
                    let start = out.len();
                    out.extend_from_slice(packet);
                    out[start] |= DUP;
                }
                (None, Some(id)) => self.answer(Packet::PubRel(Ack::success(id)), out),
                (None, None) => debug_assert!(false, "identifiers are not zero"),
            }
        }
        for outgoing in self.outgoing.iter_mut().take(most).skip(self.resent) {
            outgoing.released_again = outgoing.awaits == Awaits::PubComp;
        }
        self.resent = self.resent.max(most);
    }

    /// Writes a packet that cannot fail to encode: nothing in it comes from outside.
    fn answer(&self, packet: Packet<'_>, out: &mut Vec<u8>) {
        let encoded = encode(&packet, self.version, out);
        debug_assert!(encoded.is_ok(), "{packet:?}: {encoded:?}");
    }

    /// The next identifier that is not in use; there is one as long as there is room.
    fn free_id(&mut self) -> u16 {
        let used = self.outgoing.iter().map(|outgoing| outgoing.id);
        self.ids.next(used.chain(self.subscribing.map(|(id, _)| id)))
    }
}

/// A CONNECT with nothing but an id, for whoever only wants to say hello.
#[cfg(test)]
pub(crate) fn plain_connect(version: Version, client_id: &str) -> Connect<'_> {
    Connect {
        version,
        bridge: false,
        clean_start: true,
        keep_alive: 10,
        client_id: client_id.into(),
        will: None,
        username: None,
        password: None,
        properties: Properties::EMPTY,
    }
}

#[cfg(test)]
mod tests;
