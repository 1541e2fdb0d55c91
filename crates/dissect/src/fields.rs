//! The fields that filters name and printers print, by Wireshark's names and under names of our own.
//!
//! The table says which fields there are; a field of a packet is where the decoder reads it: its values come from an
//! observer of the same decode that the index ran, so that malformed packets have the fields of their good beginning.

mod carrier;
mod catalogue;
mod lower;
mod names;
mod packet;
mod place;

use std::net::{Ipv4Addr, Ipv6Addr};

use catalogue::{ENTRIES, Source};
use mqscope_wire::{Field, PacketType, Version};

use crate::annotate::Secrets;
use crate::{Flow, PacketView, Row};

/// A field of the catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldId(u16);

/// What the values of a field are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FieldKind {
    /// An unsigned number of at most so many bits.
    Unsigned(u8),
    /// The number of a frame.
    FrameNumber,
    /// True or false.
    Boolean,
    /// Text, as on the wire: mostly UTF-8.
    Text,
    /// Bytes.
    Bytes,
    /// A link-layer address.
    Ether,
    /// An IPv4 address.
    Ipv4,
    /// An IPv6 address.
    Ipv6,
    /// A point in time.
    Time,
    /// A time between two points, or since the Unix epoch.
    Duration,
    /// It is there, or not.
    Presence,
}

/// One value of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldValue<'a> {
    /// Of [`FieldKind::Unsigned`] and [`FieldKind::FrameNumber`].
    Unsigned(u64),
    /// Of [`FieldKind::Boolean`].
    Boolean(bool),
    /// Of [`FieldKind::Text`].
    Text(&'a [u8]),
    /// Of [`FieldKind::Bytes`].
    Bytes(&'a [u8]),
    /// Of [`FieldKind::Ether`].
    Ether([u8; 6]),
    /// Of [`FieldKind::Ipv4`].
    Ipv4(Ipv4Addr),
    /// Of [`FieldKind::Ipv6`].
    Ipv6(Ipv6Addr),
    /// Of [`FieldKind::Time`]: nanoseconds since the Unix epoch.
    Time(i64),
    /// Of [`FieldKind::Duration`]: nanoseconds.
    Duration(i64),
    /// Of [`FieldKind::Presence`].
    Presence,
}

/// How a number is usually written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Radix {
    /// As `60`.
    Decimal,
    /// As `0x0018`, with so many digits.
    Hexadecimal(u8),
}

impl FieldId {
    /// Every field, in the order of the catalogue.
    pub fn all() -> impl ExactSizeIterator<Item = Self> + DoubleEndedIterator {
        (0..ENTRIES.len() as u16).map(Self)
    }

    /// The field of that name.
    pub fn by_name(name: &str) -> Option<Self> {
        ENTRIES.iter().position(|entry| entry.name == name).map(|at| Self(at as u16))
    }

    /// Its name, such as `mqtt.topic`.
    pub fn name(self) -> &'static str {
        self.entry().name
    }

    /// What its values are.
    pub fn kind(self) -> FieldKind {
        self.entry().kind
    }

    /// How its numbers are usually written.
    pub fn radix(self) -> Radix {
        self.entry().radix
    }

    /// What it is, in a few words.
    pub fn description(self) -> &'static str {
        self.entry().description
    }

    /// The name of one of its numbers: `Publish Message` for the 3 of `mqtt.msgtype`.
    pub fn value_name(self, value: u64) -> Option<&'static str> {
        names::value_name(self.name(), value)
    }

    /// Whether a packet's values are only known once later packets have been read.
    pub fn looks_ahead(self) -> bool {
        matches!(self.entry().source, Source::Place(place::Place::ResponseIn))
    }

    /// Whether it is about what carries MQTT over TCP, TLS and WebSocket and their handshakes, rather than packets.
    pub fn is_of_carrier(self) -> bool {
        ["tls", "http", "websocket", "proxy"].contains(&self.name().split('.').next().unwrap_or_default())
    }

    fn entry(self) -> &'static catalogue::Entry {
        &ENTRIES[usize::from(self.0)]
    }
}

/// Gives each value that `field` has in a packet, in the order in which they stand there.
#[inline]
pub fn values(field: FieldId, packet: &PacketView<'_>, out: &mut dyn FnMut(FieldValue<'_>)) {
    values_shown(field, packet, Secrets::Shown, out);
}

/// As [`values`], with a say about passwords and authentication data.
pub fn values_shown(
    field: FieldId,
    packet: &PacketView<'_>,
    secrets: Secrets,
    out: &mut dyn FnMut(FieldValue<'_>),
) {
    let entry = field.entry();
    match entry.source {
        Source::Packet(wanted) => packet::values(wanted, entry.kind, packet, secrets, out),
        Source::Place(place) => place::values(place, packet, out),
        Source::Lower(lower) => lower::values(lower, packet, out),
        Source::Carrier => carrier::values(entry.name, packet, secrets, out),
    }
}

/// What the index alone knows of a packet: the packet need not be read for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RowFacts<'a> {
    pub(crate) row: &'a Row,
    pub(crate) flow: &'a Flow,
    /// The time of the capture's first frame.
    pub(crate) start: i64,
}

/// As [`values`], from the index alone. False, and nothing given: the packet must be read to tell.
pub(crate) fn values_of_row(
    field: FieldId,
    facts: &RowFacts<'_>,
    out: &mut dyn FnMut(FieldValue<'_>),
) -> bool {
    match field.entry().source {
        Source::Packet(wanted) => packet::values_of_row(wanted, facts.row, out),
        Source::Place(place) => place::values_of_row(place, facts, out),
        Source::Lower(_) => false,
        Source::Carrier => carrier::has_none(field.entry().name, facts),
    }
}

/// The field that has what the decoder reads as `field` in packets of that type and version.
pub(crate) fn of_decoder(field: Field, kind: PacketType, version: Version) -> Option<FieldId> {
    let is_for = |entry: &catalogue::Entry| match entry.source {
        Source::Packet(wanted) => packet::is_for(wanted, field, kind, version),
        Source::Place(_) | Source::Lower(_) | Source::Carrier => false,
    };
    ENTRIES.iter().position(is_for).map(|at| FieldId(at as u16))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_found_by_its_name_and_names_are_unique() {
        for field in FieldId::all() {
            assert_eq!(FieldId::by_name(field.name()), Some(field), "{}", field.name());
        }
        assert_eq!(FieldId::by_name("mqtt.topik"), None);
    }
}
