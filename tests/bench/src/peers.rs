//! The other decoders, each given the stream in the form it asks for.

use bytes::{Buf, BytesMut};
use mqscope_wire::{Version, frame};

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
