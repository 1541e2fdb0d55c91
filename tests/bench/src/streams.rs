//! The four streams every decoder reads, and what all must agree on.

use mqscope_wire::{
    Ack, ConnAck, Connect, Packet, PacketId, PropertiesBuf, Property, Publish, QoS, ReasonCode, ReasonCodes,
    SubAck, Subscribe, SubscriptionOptions, SubscriptionsBuf, Version, encode,
};

/// Packets a stream has: few enough to stay in a core's own cache.
const PACKETS: usize = 300;

pub struct Stream {
    pub name: &'static str,
    pub about: &'static str,
    pub version: Version,
    pub bytes: Vec<u8>,
    pub expected: Sum,
}

/// What a pass over a stream must find: how many packets, how many bytes of topics and payloads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    pub packets: usize,
    pub bytes: usize,
}

pub fn all() -> Vec<Stream> {
    vec![
        stream("a", "QoS 0 PUBLISH, 20-byte topic, 64-byte payload, 3.1.1", Version::V311, |index, out| {
            publish(index, QoS::AtMostOnce, 64, &PropertiesBuf::new(), Version::V311, out)
        }),
        stream("b", "QoS 1 PUBLISH and PUBACK alternating, 3.1.1", Version::V311, |index, out| {
            if index % 2 == 0 {
                return publish(index, QoS::AtLeastOnce, 64, &PropertiesBuf::new(), Version::V311, out);
            }
            write(&Packet::PubAck(Ack::success(id(index - 1))), Version::V311, out)
        }),
        stream(
            "c",
            "PUBLISH with alias, content type, two user properties, 5.0",
            Version::V5,
            |index, out| {
                let mut properties = PropertiesBuf::new();
                for property in [
                    Property::TopicAlias(1 + index as u16 % 16),
                    Property::ContentType("application/json".into()),
                    Property::UserProperty("region".into(), "eu-west-1a".into()),
                    Property::UserProperty("trace".into(), "0af7651916cd1".into()),
                ] {
                    properties.push(property).expect("short strings");
                }
                publish(index, QoS::AtMostOnce, 64, &properties, Version::V5, out)
            },
        ),
        stream("d", "60 % PUBLISH, 8 % each of five others, 3.1.1", Version::V311, mixed),
    ]
}

fn stream(
    name: &'static str,
    about: &'static str,
    version: Version,
    mut packet: impl FnMut(usize, &mut Vec<u8>) -> usize,
) -> Stream {
    let mut bytes = Vec::new();
    let sum = (0..PACKETS).map(|index| packet(index, &mut bytes)).sum();
    Stream { name, about, version, bytes, expected: Sum { packets: PACKETS, bytes: sum } }
}

fn id(index: usize) -> PacketId {
    PacketId::new(index as u16 + 1).expect("not zero")
}

/// Writes the packet and gives the bytes of topic and payload it has, if it is a PUBLISH.
fn write(packet: &Packet<'_>, version: Version, out: &mut Vec<u8>) -> usize {
    encode(packet, version, out).expect("a packet that can be encoded");
    match packet {
        Packet::Publish(publish) => publish.topic.len() + publish.payload.len(),
        _ => 0,
    }
}

fn publish(
    index: usize,
    qos: QoS,
    len: usize,
    properties: &PropertiesBuf,
    version: Version,
    out: &mut Vec<u8>,
) -> usize {
    let topic = format!("sensors/dev-{index:04}/tem");
    assert_eq!(topic.len(), 20);
    let payload: Vec<u8> = (0..len).map(|at| b"0123456789abcdef"[(at + index) % 16]).collect();
    let packet = Packet::Publish(Publish {
        dup: false,
        qos,
        retain: false,
        topic: topic.as_str().into(),
        packet_id: (qos != QoS::AtMostOnce).then(|| id(index)),
        properties: properties.as_properties(),
        payload: &payload,
    });
    write(&packet, version, out)
}

fn mixed(index: usize, out: &mut Vec<u8>) -> usize {
    let client_id = format!("dev-{index:08}");
    let filter = format!("commands/dev-{index:08}");
    let mut subscriptions = SubscriptionsBuf::new();
    let options = SubscriptionOptions { qos: QoS::AtLeastOnce, ..Default::default() };
    subscriptions.push(filter.as_str().into(), options).expect("a short filter");
    // Of 25 turns, 15 are a PUBLISH and two each one of the others, in an order that changes from round to round.
    let packet = match (index * 7 + index / 25) % 25 {
        0 | 1 => Packet::Connect(Connect {
            version: Version::V311,
            bridge: false,
            clean_start: true,
            keep_alive: 60,
            client_id: client_id.as_str().into(),
            will: None,
            username: Some("fleet".into()),
            password: Some(b"not-a-secret"),
            properties: Default::default(),
        }),
        5 | 6 => Packet::ConnAck(ConnAck { session_present: false, ..Default::default() }),
        10 | 11 => Packet::Subscribe(Subscribe {
            packet_id: id(index),
            properties: Default::default(),
            subscriptions: subscriptions.as_subscriptions(),
        }),
        15 | 16 => Packet::SubAck(SubAck {
            packet_id: id(index),
            properties: Default::default(),
            reasons: ReasonCodes::from_bytes(&[ReasonCode(1).0]),
        }),
        20 | 21 => Packet::PingReq,
        _ => return publish(index, QoS::AtMostOnce, 164, &PropertiesBuf::new(), Version::V311, out),
    };
    write(&packet, Version::V311, out)
}
