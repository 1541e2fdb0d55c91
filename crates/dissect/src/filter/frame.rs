//! Filters asked of frames rather than packets.

use super::Filter;
use super::catalogue::Field;
use super::eval::Source;
use super::value::{Constant, Value};
use crate::PacketView;

/// A filter that is asked of frames, as Wireshark asks: of the values of all packets together that a frame completes.
///
/// ```no_run
/// # use mqscope_dissect::{PacketView, filter::Filter};
/// # fn frame() -> Vec<PacketView<'static>> { Vec::new() }
/// // True for a frame with a message on topic a and another one of QoS 1.
/// let mut filter = Filter::parse("mqtt.topic == \"a\" and mqtt.qos == 1").unwrap().of_frames();
/// for packet in frame() {
///     filter.add(&packet);
/// }
/// let matches = filter.take();
/// ```
#[derive(Debug)]
pub struct FrameFilter {
    filter: Filter,
    fields: Vec<Field>,
    packets: Packets,
}

/// What the filter may ask of the packets.
#[derive(Debug, Default)]
struct Packets {
    /// `None`: the field is there, without a value of its own.
    values: Vec<(Field, Option<Constant>)>,
    topics: Vec<Box<[u8]>>,
    payloads: Vec<Box<[u8]>>,
    count: usize,
}

impl FrameFilter {
    pub(super) fn new(filter: Filter) -> Self {
        let mut fields = Vec::new();
        filter.node.fields(&mut |field| {
            if !fields.contains(&field) {
                fields.push(field);
            }
        });
        FrameFilter { filter, fields, packets: Packets::default() }
    }

    /// Whether it asks for what only later packets tell.
    pub fn looks_ahead(&self) -> bool {
        self.filter.looks_ahead()
    }

    /// Adds a packet that the frame completes.
    pub fn add(&mut self, packet: &PacketView<'_>) {
        let Packets { values, topics, payloads, count } = &mut self.packets;
        for field in self.fields.iter().filter(|field| *count == 0 || !field.is_of_frame()) {
            packet.values(*field, &mut |value| values.push((*field, value.constant())));
        }
        if self.filter.node.asks_for_message() {
            packet.topics(&mut |topic| topics.push(topic.into()));
            packet.payloads(&mut |payload| payloads.push(payload.into()));
        }
        *count += 1;
    }

    /// Whether the frame whose packets were added matches. Forgets them.
    pub fn take(&mut self) -> bool {
        let matches = self.packets.count > 0 && self.filter.node.matches(&self.packets);
        self.packets.values.clear();
        self.packets.topics.clear();
        self.packets.payloads.clear();
        self.packets.count = 0;
        matches
    }
}

impl Source for Packets {
    fn values(&self, field: Field, each: &mut dyn FnMut(Value<'_>)) {
        for (_, value) in self.values.iter().filter(|(of, _)| *of == field) {
            each(value.as_ref().map_or(Value::Present, Constant::value));
        }
    }

    fn topics(&self, each: &mut dyn FnMut(&[u8])) {
        self.topics.iter().for_each(|topic| each(topic));
    }

    fn payloads(&self, each: &mut dyn FnMut(&[u8])) {
        self.payloads.iter().for_each(|payload| each(payload));
    }
}
