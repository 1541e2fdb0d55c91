//! Arbitrary packets that break no rule.

use mqscope_wire::{
    Ack, Auth, ConnAck, Connect, Disconnect, Packet, PacketId, PacketType, PropertiesBuf, Property, Publish,
    QoS, ReasonCode, ReasonCodes, RetainHandling, SubAck, Subscribe, SubscriptionOptions, SubscriptionsBuf,
    TopicFiltersBuf, UnsubAck, Unsubscribe, Version, Will,
};
use proptest::collection::vec;
use proptest::prelude::*;

/// A packet that owns what it is made of; not all of it is used in every type.
#[derive(Clone, Debug)]
pub(crate) struct Owned {
    pub(crate) version: Version,
    kind: PacketType,
    text: [String; 2],
    bytes: [Vec<u8>; 2],
    number: u16,
    bits: u8,
    properties: PropertiesBuf,
    will_properties: PropertiesBuf,
    subscriptions: SubscriptionsBuf,
    filters: TopicFiltersBuf,
    reasons: Vec<u8>,
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z/]{1,40}", "[^\u{0}+#]{1,12}", Just("x".repeat(300))]
}

fn filter() -> impl Strategy<Value = String> {
    prop_oneof![text().prop_map(|text| text.replace('$', "s")), Just("#".into()), Just("a/+/b/#".into())]
}

pub(crate) fn any_packet() -> impl Strategy<Value = Owned> {
    let what = (prop::sample::select(PacketType::ALL[1..].to_vec()), 0..3_usize);
    let plain =
        (text(), text(), vec(any::<u8>(), 0..200), vec(any::<u8>(), 0..40), 1..=u16::MAX, any::<u8>());
    let lists =
        (vec((filter(), 0..3_u8, any::<u8>(), 0..3_u8), 1..4), vec(any::<prop::sample::Index>(), 1..4));
    let seeds = (vec((any::<u8>(), any::<u32>(), text(), vec(any::<u8>(), 0..20)), 0..6), any::<u8>());
    (what, plain, lists, seeds).prop_map(|((kind, version), plain, (filters, reasons), (seeds, _))| {
        let version = match kind {
            PacketType::Auth => Version::V5,
            _ => [Version::V31, Version::V311, Version::V5][version],
        };
        let v5 = version == Version::V5;
        let (a, b, payload, data, number, bits) = plain;
        let mut subscriptions = SubscriptionsBuf::new();
        let mut topics = TopicFiltersBuf::new();
        for (filter, qos, flags, handling) in filters {
            let options = SubscriptionOptions {
                qos: QoS::from_bits(qos),
                no_local: v5 && flags & 1 == 1,
                retain_as_published: v5 && flags & 2 == 2,
                retain_handling: RetainHandling::from_bits(if v5 { handling } else { 0 }),
            };
            subscriptions.push(filter.as_str().into(), options).unwrap();
            topics.push(filter.as_str().into()).unwrap();
        }
        let codes: Vec<u8> = (0..=u8::MAX).filter(|code| ReasonCode(*code).is_known(kind, version)).collect();
        let reasons = match codes.is_empty() {
            true => vec![0],
            false => reasons.iter().map(|index| codes[index.index(codes.len())]).collect(),
        };
        Owned {
            version,
            kind,
            text: [a, b],
            bytes: [payload, data],
            number,
            bits,
            properties: properties(kind, version, &seeds, false),
            will_properties: properties(kind, version, &seeds, true),
            subscriptions,
            filters: topics,
            reasons,
        }
    })
}

type Seed = (u8, u32, String, Vec<u8>);

/// Some of the properties that may stand in the packet (or in its will), each once.
fn properties(kind: PacketType, version: Version, seeds: &[Seed], will: bool) -> PropertiesBuf {
    let mut out = PropertiesBuf::new();
    if version != Version::V5 {
        return out;
    }
    if kind == PacketType::Auth {
        out.push(Property::AuthenticationMethod("method".into())).unwrap();
    }
    let mut done = Vec::new();
    for (choice, number, text, data) in seeds {
        let (flag, two, four) = ((*number & 1) as u8, *number as u16 | 1, *number | 1);
        let text = text.as_str().into();
        let message: &[Property<'_>] = &[
            Property::MessageExpiryInterval(four),
            Property::ContentType(text),
            Property::ResponseTopic(text),
            Property::CorrelationData(data),
            Property::PayloadFormatIndicator(0),
        ];
        let fitting: Vec<Property<'_>> = match kind {
            PacketType::Connect if will => [message, &[Property::WillDelayInterval(four)]].concat(),
            PacketType::Connect => vec![
                Property::SessionExpiryInterval(four),
                Property::AuthenticationMethod(text),
                Property::RequestProblemInformation(flag),
                Property::RequestResponseInformation(flag),
                Property::ReceiveMaximum(two),
                Property::TopicAliasMaximum(two),
                Property::MaximumPacketSize(four),
            ],
            PacketType::ConnAck => vec![
                Property::SessionExpiryInterval(four),
                Property::AssignedClientId(text),
                Property::ServerKeepAlive(two),
                Property::AuthenticationMethod(text),
                Property::ResponseInformation(text),
                Property::ServerReference(text),
                Property::ReasonString(text),
                Property::ReceiveMaximum(two),
                Property::TopicAliasMaximum(two),
                Property::MaximumQos(flag),
                Property::RetainAvailable(flag),
                Property::MaximumPacketSize(four),
                Property::WildcardSubscriptionAvailable(flag),
                Property::SubscriptionIdentifierAvailable(flag),
                Property::SharedSubscriptionAvailable(flag),
            ],
            PacketType::Publish => {
                let id = Property::SubscriptionIdentifier(four & 0x0fff_ffff);
                [message, &[Property::TopicAlias(two), id]].concat()
            }
            PacketType::Subscribe => vec![Property::SubscriptionIdentifier(four & 0x0fff_ffff)],
            PacketType::Disconnect => vec![
                Property::SessionExpiryInterval(four),
                Property::ServerReference(text),
                Property::ReasonString(text),
            ],
            PacketType::Auth => vec![Property::AuthenticationData(data), Property::ReasonString(text)],
            PacketType::Unsubscribe => Vec::new(),
            _ => vec![Property::ReasonString(text)],
        };
        match fitting.get(usize::from(*choice) % (fitting.len() + 1)) {
            Some(property) if !done.contains(&property.id()) => {
                done.push(property.id());
                out.push(*property).unwrap();
            }
            _ => out.push(Property::UserProperty(text, "v".into())).unwrap(),
        }
    }
    out
}

impl Owned {
    pub(crate) fn packet(&self) -> Packet<'_> {
        let Self { version, kind, number, bits, .. } = *self;
        let packet_id = PacketId::new(number).unwrap();
        let v5 = version == Version::V5;
        let properties = self.properties.as_properties();
        let [a, b] = self.text.each_ref().map(|text| text.as_str().into());
        let qos = QoS::from_bits((bits & 3).min(2));
        let reason = ReasonCode(if v5 || kind == PacketType::ConnAck { self.reasons[0] } else { 0 });
        let reasons = ReasonCodes::from_bytes(&self.reasons);
        let ack = Ack { packet_id, reason, properties };
        match kind {
            PacketType::Reserved | PacketType::PingReq => Packet::PingReq,
            PacketType::PingResp => Packet::PingResp,
            PacketType::Connect => Packet::Connect(Connect {
                version,
                bridge: bits & 4 != 0,
                clean_start: bits & 8 != 0,
                keep_alive: number,
                client_id: a,
                will: (bits & 16 != 0).then(|| Will {
                    topic: b,
                    payload: &self.bytes[0],
                    qos,
                    retain: bits & 32 != 0,
                    properties: self.will_properties.as_properties(),
                }),
                username: (bits & 64 != 0).then_some(b),
                password: (bits & 192 == 192).then_some(&self.bytes[1]),
                properties,
            }),
            PacketType::ConnAck => Packet::ConnAck(ConnAck {
                session_present: bits & 1 == 1 && reason == ReasonCode::SUCCESS && version != Version::V31,
                reason,
                properties,
            }),
            PacketType::Publish => Packet::Publish(Publish {
                dup: bits & 4 != 0 && qos != QoS::AtMostOnce,
                qos,
                retain: bits & 8 != 0,
                topic: a,
                packet_id: (qos != QoS::AtMostOnce).then_some(packet_id),
                properties,
                payload: &self.bytes[0],
            }),
            PacketType::PubAck => Packet::PubAck(ack),
            PacketType::PubRec => Packet::PubRec(ack),
            PacketType::PubRel => Packet::PubRel(ack),
            PacketType::PubComp => Packet::PubComp(ack),
            PacketType::Subscribe => {
                let subscriptions = self.subscriptions.as_subscriptions();
                Packet::Subscribe(Subscribe { packet_id, properties, subscriptions })
            }
            PacketType::SubAck => Packet::SubAck(SubAck { packet_id, properties, reasons }),
            PacketType::Unsubscribe => {
                Packet::Unsubscribe(Unsubscribe { packet_id, properties, filters: self.filters.as_filters() })
            }
            PacketType::UnsubAck => {
                let reasons = if v5 { reasons } else { ReasonCodes::default() };
                Packet::UnsubAck(UnsubAck { packet_id, properties, reasons })
            }
            PacketType::Disconnect => Packet::Disconnect(Disconnect { reason, properties }),
            PacketType::Auth => Packet::Auth(Auth { reason, properties }),
        }
    }
}
