//! The other decoders, each given the stream in the form it asks for.

use std::hint::black_box;

use bytes::{Buf, BytesMut};
use mqscope_wire::{PacketType, Version, frame};

use crate::streams::Sum;

/// Borrows from the stream, as ours; 3.1.1 only.
pub fn mqttrs(mut bytes: &[u8], _: Version) -> Sum {
    let mut sum = Sum::default();
    while let Some(frame) = frame::next(bytes).expect("a fixed header") {
        if let Some(mqttrs::Packet::Publish(publish)) = mqttrs::decode_slice(bytes).expect("a packet") {
            sum.bytes += publish.topic_name.len() + publish.payload.len();
        }
        sum.packets += 1;
        bytes = &bytes[frame.len()..];
    }
    sum
}

/// Takes packets off a `BytesMut`, which is filled once a pass.
pub fn rumqttc(bytes: &[u8], version: Version) -> Sum {
    let mut sum = Sum::default();
    let mut stream = BytesMut::from(bytes);
    while !stream.is_empty() {
        sum.packets += 1;
        if version == Version::V5 {
            use rumqttc::v5::mqttbytes::v5::Packet;
            if let Packet::Publish(publish) = Packet::read(&mut stream, None).expect("a packet") {
                sum.bytes += publish.topic.len() + publish.payload.len();
            }
        } else {
            use rumqttc::mqttbytes::v4::Packet;
            if let Packet::Publish(publish) = Packet::read(&mut stream, usize::MAX).expect("a packet") {
                sum.bytes += publish.topic.len() + publish.payload.len();
            }
        }
    }
    sum
}

/// As rumqttc, but a broker's: the topic stays a slice of the buffer.
pub fn rumqttd(bytes: &[u8], version: Version) -> Sum {
    use rumqttd::protocol::{Packet, Protocol, v4::V4, v5::V5};
    fn pass(mut protocol: impl Protocol, mut stream: BytesMut) -> Sum {
        let mut sum = Sum::default();
        while !stream.is_empty() {
            sum.packets += 1;
            if let Packet::Publish(publish, _) = protocol.read_mut(&mut stream, usize::MAX).expect("a packet")
            {
                sum.bytes += publish.topic.len() + publish.payload.len();
            }
        }
        sum
    }
    let stream = BytesMut::from(bytes);
    if version == Version::V5 { pass(V5, stream) } else { pass(V4, stream) }
}

/// A `Decoder` of tokio-util; its buffer is filled once a pass.
pub fn rmqtt_codec(bytes: &[u8], version: Version) -> Sum {
    use rmqtt_codec::{v3, v5};
    use tokio_util::codec::Decoder;
    let mut sum = Sum::default();
    let mut stream = BytesMut::from(bytes);
    if version == Version::V5 {
        let mut codec = v5::Codec::default();
        while let Some((packet, _)) = codec.decode(&mut stream).expect("a packet") {
            sum.packets += 1;
            if let v5::Packet::Publish(publish) = packet {
                sum.bytes += publish.topic.len() + publish.payload.len();
            }
        }
    } else {
        let mut codec = v3::Codec::default();
        while let Some((packet, _)) = codec.decode(&mut stream).expect("a packet") {
            sum.packets += 1;
            if let v3::Packet::Publish(publish) = packet {
                sum.bytes += publish.topic.len() + publish.payload.len();
            }
        }
    }
    sum
}

/// Parses a packet's body by the type we tell it; a PUBLISH from an `Arc`, which its payload goes on sharing.
pub fn mqtt_protocol_core(mut bytes: &[u8], version: Version) -> Sum {
    use mqtt_protocol_core::mqtt::common::Arc;
    use mqtt_protocol_core::mqtt::packet::{v3_1_1, v5_0};
    let mut sum = Sum::default();
    while let Some(frame) = frame::next(bytes).expect("a fixed header") {
        let (packet, rest) = bytes.split_at(frame.len());
        let body = &packet[usize::from(frame.header_len)..];
        let flags = frame.first & 0x0f;
        macro_rules! parse {
            ($packet:ident) => {
                drop(black_box(v3_1_1::$packet::parse(body).expect("a packet")))
            };
        }
        match (version, frame.packet_type()) {
            (Version::V5, PacketType::Publish) => {
                let (publish, _) = v5_0::Publish::parse(flags, Arc::from(body)).expect("a packet");
                sum.bytes += publish.topic_name().len() + publish.payload().len();
            }
            (Version::V5, other) => unreachable!("no stream of 5.0 has a {other:?}"),
            (_, PacketType::Publish) => {
                let (publish, _) = v3_1_1::Publish::parse(flags, Arc::from(body)).expect("a packet");
                sum.bytes += publish.topic_name().len() + publish.payload().len();
            }
            (_, PacketType::Connect) => parse!(Connect),
            (_, PacketType::ConnAck) => parse!(Connack),
            (_, PacketType::PubAck) => parse!(Puback),
            (_, PacketType::Subscribe) => parse!(Subscribe),
            (_, PacketType::SubAck) => parse!(Suback),
            (_, PacketType::PingReq) => parse!(Pingreq),
            (_, other) => unreachable!("no stream has a {other:?}"),
        }
        sum.packets += 1;
        bytes = rest;
    }
    sum
}

/// Reads from a `Buf`; a CONNECT's version is its own.
pub fn mqtt5_protocol(bytes: &[u8], version: Version) -> Sum {
    use mqtt5_protocol::packet::{FixedHeader, Packet};
    let mut sum = Sum::default();
    let mut bytes = bytes;
    while bytes.has_remaining() {
        let header = FixedHeader::decode(&mut bytes).expect("a fixed header");
        let (mut body, rest) = bytes.split_at(header.remaining_length as usize);
        let packet =
            Packet::decode_from_body_with_version(header.packet_type, &header, &mut body, version.level());
        if let Packet::Publish(publish) = packet.expect("a packet") {
            sum.bytes += publish.topic_name.len() + publish.payload.len();
        }
        sum.packets += 1;
        bytes = rest;
    }
    sum
}
