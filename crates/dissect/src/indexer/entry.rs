//! Rows: each packet, and each message of a layer that carries packets, is appended and shown as it is found.

use std::cell::OnceCell;
use std::ops::ControlFlow;

use mqscope_capture::Store;
use mqscope_stream::Direction;
use mqscope_wire::{Observer, Packet, Span, Version, Violation, decode, frame};

use super::feed::Desk;
use super::{Visitor, Work};
use crate::connection::{Carrier, Mqtt, Pending};
use crate::conversation::{Conversation, Links, Moment};
use crate::index::chunk::NewRow;
use crate::index::flow::Session;
use crate::lane::{FoundAt, Taker, Unit, UnitKind, Verdict};
use crate::layers;
use crate::view::{Body, Carried, Lower, own_topic};
use crate::{Breach, Extent, Extents, Finding, Findings, Flow, PacketView, Row, RowFlags, RowId, infer};

/// The longest packet whose bytes stay in the buffer that is used again.
const GATHER_BYTES: usize = 1 << 20;

/// Takes the packets of one direction.
pub(super) struct Packets<'a, 'd, V> {
    pub(super) desk: &'a mut Desk<'d, V>,
    pub(super) carrier: &'a mut Carrier,
    pub(super) direction: Direction,
}

impl<V: Visitor> Taker for Packets<'_, '_, V> {
    fn found(&mut self, version: Version, place: FoundAt) {
        let carrier = &mut *self.carrier;
        if carrier.mqtt.is_none() {
            let conversation = match place {
                FoundAt::Start => Conversation::from_start(),
                FoundAt::Later => Conversation::from_middle(),
            };
            self.desk.begin_mqtt(carrier, conversation);
        }
        if let Some(mqtt) = &mut carrier.mqtt {
            mqtt.conversation.set_guess(version);
        }
    }

    fn waiting(&self, packet: &Packet<'_>) -> Option<usize> {
        self.carrier.mqtt.as_ref()?.conversation.waiting(packet, self.direction)
    }

    #[inline]
    fn take(&mut self, unit: Unit<'_>) -> Verdict {
        if self.desk.flow.is_break() {
            return Verdict::Fine;
        }
        let carrier = &mut *self.carrier;
        if carrier.mqtt.is_none() {
            // Only where the port was said to carry MQTT: otherwise it was recognised or found.
            self.desk.begin_mqtt(carrier, Conversation::from_start());
        }
        let Carrier { mqtt, breaches, .. } = carrier;
        match mqtt {
            Some(mqtt) => self.desk.enter(mqtt, self.direction, unit, &mut breaches[self.direction as usize]),
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
    /// A connection was found to carry MQTT: what lower layers brought is of interest then.
    pub(super) fn begin_mqtt(&mut self, carrier: &mut Carrier, conversation: Conversation) {
        self.enter_pending(carrier);
        let flow = self.work.enter_flow(carrier);
        carrier.mqtt = Some(Mqtt { flow, conversation });
    }

    /// Gives rows to what lower layers brought.
    pub(super) fn enter_pending(&mut self, carrier: &mut Carrier) {
        for pending in std::mem::take(&mut carrier.pending) {
            self.enter_carrier(carrier, &pending);
        }
    }

    /// Appends a row for a message of a lower layer.
    #[cold]
    pub(super) fn enter_carrier(&mut self, carrier: &mut Carrier, pending: &Pending) {
        if self.flow.is_break() || pending.extents.is_empty() {
            return;
        }
        let Some(bytes) = layers::gather(&self.work.store, &pending.extents) else { return };
        let flow = self.work.enter_flow(carrier);
        let findings = &mut self.work.findings;
        findings.clear();
        let span = Span::bytes(0, bytes.len() as u32);
        findings.extend(pending.breach.map(|breach| Finding { breach, span }));
        let mut flags = RowFlags::new(pending.direction, Version::V311);
        flags.insert(RowFlags::CARRIER);
        let row = NewRow {
            frame: &pending.frame,
            carried: &[],
            flow,
            first: pending.message as u8,
            len: bytes.len() as u32,
            flags,
            request: None,
            definition: None,
        };
        self.work.index.push(&row, &pending.extents, &self.work.findings);
        if V::LOOKS {
            let body = Body::Carrier(pending.message);
            self.show(&row, &pending.extents, &bytes, body, None, Links::default());
        }
    }

    /// Appends a row for the packet and shows it to the visitor.
    #[inline]
    fn enter(
        &mut self,
        mqtt: &mut Mqtt,
        direction: Direction,
        unit: Unit<'_>,
        breaches: &mut Vec<Breach>,
    ) -> Verdict {
        if unit.len == unit.bytes.len() as u64 {
            self.enter_bytes(mqtt, direction, &unit, unit.bytes, breaches)
        } else {
            self.enter_long(mqtt, direction, &unit, breaches)
        }
    }

    /// As [`enter`](Self::enter), of a packet that was not held while it came in.
    #[cold]
    fn enter_long(
        &mut self,
        mqtt: &mut Mqtt,
        direction: Direction,
        unit: &Unit<'_>,
        breaches: &mut Vec<Breach>,
    ) -> Verdict {
        let mut gathered = std::mem::take(&mut self.work.gathered);
        let bytes = gather(&self.work.store, unit.extents, &mut gathered).unwrap_or(unit.bytes);
        let verdict = self.enter_bytes(mqtt, direction, unit, bytes, breaches);
        if gathered.capacity() <= GATHER_BYTES {
            self.work.gathered = gathered;
        }
        verdict
    }

    #[inline]
    fn enter_bytes(
        &mut self,
        mqtt: &mut Mqtt,
        direction: Direction,
        unit: &Unit<'_>,
        bytes: &[u8],
        breaches: &mut Vec<Breach>,
    ) -> Verdict {
        let Work { index, findings, .. } = &mut *self.work;
        let conversation = &mut mqtt.conversation;
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
        if !breaches.is_empty() {
            let span = Span::bytes(0, bytes.len() as u32);
            findings.extend(breaches.drain(..).map(|breach| Finding { breach, span }));
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
            carried: unit.frames,
            flow: mqtt.flow,
            first,
            len: bytes.len() as u32,
            flags,
            request: links.request,
            definition: links.definition,
        };
        let verdict = if packet.is_ok() { Verdict::Fine } else { Verdict::Malformed };
        index.push(&row, unit.extents, findings);
        if V::LOOKS {
            let topic = own_topic(bytes, version, &packet).or_else(|| match &packet {
                Ok(Packet::Publish(publish)) => {
                    conversation.topic(direction, publish.properties.topic_alias()?)
                }
                _ => None,
            });
            self.show(&row, unit.extents, bytes, Body::Packet(packet), topic, links);
        }
        verdict
    }

    /// Shows the row that was appended last to the visitor.
    #[inline(always)]
    fn show(
        &mut self,
        row: &NewRow<'_>,
        extents: &[Extent],
        bytes: &[u8],
        body: Body<'_>,
        topic: Option<&[u8]>,
        links: Links,
    ) {
        let Work { index, store, findings, start, current, .. } = &mut *self.work;
        let id = RowId(index.len() - 1);
        let flow = index.flows.get(row.flow);
        let mut flags = row.flags;
        if !findings.is_empty() {
            flags.insert(RowFlags::VIOLATION);
        }
        let frame = *row.frame;
        let view = PacketView {
            row: Row {
                id,
                frame,
                flow: row.flow,
                first: row.first,
                len: row.len,
                flags,
                request: links.request,
                response: None,
                definition: links.definition,
            },
            flow,
            side: flow.side(flags.direction()),
            bytes,
            body,
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
            store,
            extents: Extents::of(extents),
            carried: Carried::Given(row.carried),
        };
        self.flow = self.visitor.packet(&view);
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
