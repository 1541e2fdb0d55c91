//! What the packets of one connection say about each other.

use std::collections::VecDeque;

use mqscope_stream::Direction;
use mqscope_wire::{Connect, Packet, PacketId, Properties, Publish, QoS, Span, Version};
use rustc_hash::FxHashMap;

use crate::{Breach, Finding, RowId};

/// Bytes of topics that one direction's aliases may stand for. Beyond it the defining row is still known.
const ALIAS_BYTES: usize = 1 << 20;
/// More unanswered pings than this are of no interest.
const PINGS: usize = 16;

/// What is known from one connection's packets, in the order in which they were complete.
#[derive(Debug)]
pub(crate) struct Conversation {
    /// From the CONNECT.
    version: Option<Version>,
    /// Until there is a CONNECT, if ever.
    guess: Version,
    connect: Option<Started>,
    connack_seen: bool,
    /// Whether the CONNECT asked for a new session, so that no exchange is older than the connection.
    clean: bool,
    /// Whether nothing was missed so far. Only then are rules about what went before of any use.
    whole: bool,
    parties: [Party; 2],
}

/// One side's own doing.
#[derive(Debug, Default)]
struct Party {
    /// Exchanges that this side began and that are not over, by packet identifier.
    in_flight: FxHashMap<PacketId, InFlight>,
    aliases: FxHashMap<u16, Alias>,
    alias_bytes: usize,
    /// How many aliases this side accepts; unknown until its CONNECT or CONNACK.
    alias_maximum: Option<u16>,
    pings: VecDeque<Started>,
    disconnected: bool,
}

#[derive(Debug, Clone, Copy)]
struct InFlight {
    /// What was captured last of the exchange.
    row: RowId,
    began: i64,
    awaits: Awaits,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Awaits {
    PubAck,
    PubRec,
    PubRel,
    PubComp,
    SubAck,
    UnsubAck,
}

#[derive(Debug, Clone, Copy)]
struct Started {
    row: RowId,
    time: i64,
}

#[derive(Debug)]
struct Alias {
    row: RowId,
    /// Not kept beyond [`ALIAS_BYTES`].
    topic: Option<Box<[u8]>>,
}

/// A packet in its place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    pub(crate) direction: Direction,
    pub(crate) row: RowId,
    pub(crate) time: i64,
    /// Length of its fixed header.
    pub(crate) header_len: u32,
    /// Whether all that the other side sent before was seen before.
    pub(crate) caught_up: bool,
}

/// How a packet hangs together with earlier ones.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Links {
    /// The packet it answers.
    pub(crate) request: Option<RowId>,
    /// When its exchange began.
    pub(crate) began: Option<i64>,
    /// The packet that gave its alias a topic.
    pub(crate) definition: Option<RowId>,
}

impl Conversation {
    /// A conversation whose beginning is there.
    pub(crate) fn from_start() -> Self {
        Self {
            version: None,
            guess: Version::V311,
            connect: None,
            connack_seen: false,
            clean: false,
            whole: true,
            parties: Default::default(),
        }
    }

    /// A conversation of which something is missing.
    pub(crate) fn from_middle() -> Self {
        Self { whole: false, ..Self::from_start() }
    }

    /// From here on, what went before is not known.
    pub(crate) fn missed(&mut self) {
        self.whole = false;
    }

    /// The version to decode the next packet with.
    #[inline]
    pub(crate) fn version(&self) -> Version {
        self.version.unwrap_or(self.guess)
    }

    /// The version, if the CONNECT was seen.
    #[inline]
    pub(crate) fn known_version(&self) -> Option<Version> {
        self.version
    }

    pub(crate) fn set_guess(&mut self, version: Version) {
        self.guess = version;
    }

    /// The topic that an alias stands for in one direction.
    pub(crate) fn topic(&self, direction: Direction, alias: u16) -> Option<&[u8]> {
        self.parties[direction as usize].aliases.get(&alias)?.topic.as_deref()
    }

    /// Takes the next packet, in whatever direction.
    #[inline]
    pub(crate) fn packet(&mut self, packet: &Packet<'_>, at: Moment, findings: &mut Vec<Finding>) -> Links {
        self.check_place(packet, at, findings);
        match packet {
            Packet::Publish(publish) => self.publish(publish, at, findings),
            Packet::PubAck(ack) => self.answer(ack.packet_id, Awaits::PubAck, None, at, findings),
            Packet::PubRec(ack) => {
                let goes_on = ack.reason.0 < 0x80;
                self.answer(ack.packet_id, Awaits::PubRec, goes_on.then_some(Awaits::PubRel), at, findings)
            }
            Packet::PubRel(ack) => self.release(ack.packet_id, at, findings),
            Packet::PubComp(ack) => self.answer(ack.packet_id, Awaits::PubComp, None, at, findings),
            Packet::Subscribe(request) => {
                self.begin(request.packet_id, Awaits::SubAck, at, at.variable_header(), findings);
                Links::default()
            }
            Packet::Unsubscribe(request) => {
                self.begin(request.packet_id, Awaits::UnsubAck, at, at.variable_header(), findings);
                Links::default()
            }
            Packet::SubAck(ack) => self.answer(ack.packet_id, Awaits::SubAck, None, at, findings),
            Packet::UnsubAck(ack) => self.answer(ack.packet_id, Awaits::UnsubAck, None, at, findings),
            Packet::PingReq => {
                let pings = &mut self.party(at.direction).pings;
                if pings.len() == PINGS {
                    pings.pop_front();
                }
                pings.push_back(Started { row: at.row, time: at.time });
                Links::default()
            }
            Packet::PingResp => Links::to(self.party(at.direction.opposite()).pings.pop_front()),
            Packet::Connect(connect) => {
                self.connect(connect, at);
                Links::default()
            }
            Packet::ConnAck(connack) => {
                self.connack_seen = true;
                self.party(at.direction).alias_maximum = Some(alias_maximum(&connack.properties));
                Links::to(self.connect)
            }
            Packet::Disconnect(_) => {
                self.party(at.direction).disconnected = true;
                Links::default()
            }
            Packet::Auth(_) => Links::default(),
        }
    }

    /// How many exchanges there are that a packet sent in `direction` may go on with, if it goes on with one of them.
    pub(crate) fn waiting(&self, packet: &Packet<'_>, direction: Direction) -> Option<usize> {
        let (id, awaits) = match packet {
            Packet::PubAck(ack) => (ack.packet_id, Awaits::PubAck),
            Packet::PubRec(ack) => (ack.packet_id, Awaits::PubRec),
            Packet::PubRel(ack) => (ack.packet_id, Awaits::PubRel),
            Packet::PubComp(ack) => (ack.packet_id, Awaits::PubComp),
            Packet::SubAck(ack) => (ack.packet_id, Awaits::SubAck),
            Packet::UnsubAck(ack) => (ack.packet_id, Awaits::UnsubAck),
            _ => return None,
        };
        let beginner = if awaits == Awaits::PubRel { direction } else { direction.opposite() };
        let in_flight = &self.parties[beginner as usize].in_flight;
        in_flight.get(&id).is_some_and(|exchange| exchange.awaits == awaits).then_some(in_flight.len())
    }

    #[inline]
    fn party(&mut self, direction: Direction) -> &mut Party {
        &mut self.parties[direction as usize]
    }

    /// Whether the packet may stand here at all.
    #[inline]
    fn check_place(&mut self, packet: &Packet<'_>, at: Moment, findings: &mut Vec<Finding>) {
        if !self.whole {
            return;
        }
        let breach = if self.parties[at.direction as usize].disconnected {
            Breach::AfterDisconnect
        } else if at.direction == Direction::Forward {
            match packet {
                Packet::Connect(_) if self.connect.is_some() => Breach::SecondConnect,
                Packet::Connect(_) => return,
                _ if self.connect.is_none() => Breach::FirstNotConnect,
                _ => return,
            }
        } else {
            match packet {
                Packet::ConnAck(_) | Packet::Auth(_) => return,
                _ if !self.connack_seen => Breach::BeforeConnAck,
                _ => return,
            }
        };
        findings.push(Finding { breach, span: Span::bits(0, 0xf0) });
    }

    /// The first CONNECT counts.
    fn connect(&mut self, connect: &Connect<'_>, at: Moment) {
        if self.connect.is_none() {
            self.connect = Some(Started { row: at.row, time: at.time });
            self.version = Some(connect.version);
            self.clean = connect.clean_start;
            self.party(at.direction).alias_maximum = Some(alias_maximum(&connect.properties));
        }
    }

    #[inline]
    fn publish(&mut self, publish: &Publish<'_>, at: Moment, findings: &mut Vec<Finding>) -> Links {
        let mut links = Links::default();
        if let Some(alias) = publish.properties.topic_alias() {
            links.definition = self.alias(alias, publish, at, findings);
        }
        let Some(id) = publish.packet_id else { return links };
        let awaits = match publish.qos {
            QoS::AtLeastOnce => Awaits::PubAck,
            QoS::ExactlyOnce => Awaits::PubRec,
            QoS::AtMostOnce | QoS::Reserved => return links,
        };
        if publish.dup && self.party(at.direction).in_flight.contains_key(&id) {
            // Sent again: the exchange is the first one's.
            return links;
        }
        let id_at = at.header_len + 2 + publish.topic.len() as u32;
        self.begin(id, awaits, at, Span::bytes(id_at, 2), findings);
        links
    }

    fn begin(&mut self, id: PacketId, awaits: Awaits, at: Moment, span: Span, findings: &mut Vec<Finding>) {
        let exchange = InFlight { row: at.row, began: at.time, awaits };
        let earlier = self.party(at.direction).in_flight.insert(id, exchange);
        if earlier.is_some() && self.is_sure(at) {
            let breach = match at.direction {
                Direction::Forward => Breach::ClientIdInUse,
                Direction::Reverse => Breach::ServerIdInUse,
            };
            findings.push(Finding { breach, span });
        }
    }

    /// An acknowledgement of what the other side began; `then` is what the exchange goes on with.
    #[inline]
    fn answer(
        &mut self,
        id: PacketId,
        awaits: Awaits,
        then: Option<Awaits>,
        at: Moment,
        findings: &mut Vec<Finding>,
    ) -> Links {
        let in_flight = &mut self.party(at.direction.opposite()).in_flight;
        let Some(exchange) = in_flight.get_mut(&id) else {
            return self.unknown(awaits, at, findings);
        };
        if exchange.awaits != awaits {
            // A PUBREC that was sent again, after the PUBREL passed it.
            let again =
                awaits == Awaits::PubRec && matches!(exchange.awaits, Awaits::PubRel | Awaits::PubComp);
            return if again { Links::default() } else { self.unknown(awaits, at, findings) };
        }
        let links = Links { request: Some(exchange.row), began: Some(exchange.began), definition: None };
        match then {
            Some(awaits) => (exchange.row, exchange.awaits) = (at.row, awaits),
            None => {
                in_flight.remove(&id);
            }
        }
        links
    }

    /// A PUBREL goes the way of its PUBLISH.
    fn release(&mut self, id: PacketId, at: Moment, findings: &mut Vec<Finding>) -> Links {
        let in_flight = &mut self.party(at.direction).in_flight;
        match in_flight.get_mut(&id) {
            Some(exchange) if exchange.awaits == Awaits::PubRel => {
                let links =
                    Links { request: Some(exchange.row), began: Some(exchange.began), definition: None };
                (exchange.row, exchange.awaits) = (at.row, Awaits::PubComp);
                links
            }
            Some(exchange) if exchange.awaits == Awaits::PubComp => Links::default(),
            Some(_) => self.unknown(Awaits::PubRel, at, findings),
            None => {
                let exchange = InFlight { row: at.row, began: at.time, awaits: Awaits::PubComp };
                in_flight.insert(id, exchange);
                self.unknown(Awaits::PubRel, at, findings)
            }
        }
    }

    /// An acknowledgement of nothing that was seen. A session that goes on brings exchanges from an earlier connection.
    fn unknown(&mut self, awaits: Awaits, at: Moment, findings: &mut Vec<Finding>) -> Links {
        let breach = match awaits {
            Awaits::SubAck | Awaits::UnsubAck => Breach::SubscriptionAckUnknown,
            _ => Breach::AckUnknown,
        };
        if self.clean && self.is_sure(at) {
            findings.push(Finding { breach, span: at.variable_header() });
        }
        Links::default()
    }

    /// Whether something that should have gone before is really not there. If the capture has the two directions in
    /// another order than that in which they were sent, nothing can be said from here on.
    fn is_sure(&mut self, at: Moment) -> bool {
        self.whole &= at.caught_up;
        self.whole
    }

    fn alias(
        &mut self,
        alias: u16,
        publish: &Publish<'_>,
        at: Moment,
        findings: &mut Vec<Finding>,
    ) -> Option<RowId> {
        let span = at.first_byte();
        if let Some(maximum) = self.party(at.direction.opposite()).alias_maximum
            && alias > maximum
            && self.is_sure(at)
        {
            let breach = match at.direction {
                Direction::Forward => Breach::ClientAliasTooHigh,
                Direction::Reverse => Breach::ServerAliasTooHigh,
            };
            findings.push(Finding { breach, span });
        }
        let whole = self.whole;
        let party = self.party(at.direction);
        let topic = publish.topic.as_bytes();
        if topic.is_empty() {
            let known = party.aliases.get(&alias).map(|alias| alias.row);
            if known.is_none() && whole {
                findings.push(Finding { breach: Breach::AliasUnknown, span });
            }
            return known;
        }
        let freed =
            party.aliases.get(&alias).and_then(|old| old.topic.as_ref()).map_or(0, |topic| topic.len());
        party.alias_bytes -= freed;
        let fits = party.alias_bytes + topic.len() <= ALIAS_BYTES;
        if fits {
            party.alias_bytes += topic.len();
        }
        party.aliases.insert(alias, Alias { row: at.row, topic: fits.then(|| topic.into()) });
        None
    }
}

/// How many aliases a side accepts that sent these properties.
fn alias_maximum(properties: &Properties<'_>) -> u16 {
    properties.topic_alias_maximum().unwrap_or(0)
}

impl Moment {
    fn first_byte(self) -> Span {
        Span::bytes(0, 1)
    }

    /// The two bytes after the fixed header: the packet identifier of all packets but PUBLISH.
    fn variable_header(self) -> Span {
        Span::bytes(self.header_len, 2)
    }
}

impl Links {
    fn to(request: Option<Started>) -> Self {
        Self { request: request.map(|it| it.row), began: request.map(|it| it.time), definition: None }
    }
}
