//! The fields as the checker and the completion see them.

use std::sync::LazyLock;

use mqscope_wire::{Packet, PacketType};
use rustc_hash::FxHashMap;

use super::check::Class;
use super::eval::Source;
use super::value::Value;
use crate::PacketView;
use crate::fields::{self, FieldId, FieldKind, FieldValue, RowFacts};
use crate::payload::PayloadKind;

/// A field of the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Field(FieldId);

/// Filters are checked at every keystroke, and each of their words may be a field.
static BY_NAME: LazyLock<FxHashMap<&'static str, Field>> =
    LazyLock::new(|| all().map(|field| (field.name(), field)).collect());

pub(super) fn find(name: &str) -> Option<Field> {
    BY_NAME.get(name).copied()
}

pub(super) fn all() -> impl Iterator<Item = Field> {
    FieldId::all().map(Field)
}

pub(super) fn names() -> impl Iterator<Item = &'static str> {
    all().map(Field::name)
}

impl Field {
    pub(super) fn name(self) -> &'static str {
        self.0.name()
    }

    pub(super) fn description(self) -> &'static str {
        self.0.description()
    }

    pub(super) fn class(self) -> Class {
        match self.0.kind() {
            FieldKind::Unsigned(_) | FieldKind::FrameNumber => Class::Number,
            FieldKind::Boolean => Class::Boolean,
            FieldKind::Text => Class::Text,
            FieldKind::Bytes | FieldKind::Ether => Class::Bytes,
            FieldKind::Ipv4 => Class::Ipv4,
            FieldKind::Ipv6 => Class::Ipv6,
            FieldKind::Time => Class::Time,
            FieldKind::Duration => Class::Duration,
            FieldKind::Presence => Class::Nothing,
        }
    }

    /// The type by Wireshark's name.
    pub(super) fn type_name(self) -> &'static str {
        match self.0.kind() {
            FieldKind::Unsigned(..=8) => "UINT8",
            FieldKind::Unsigned(..=16) => "UINT16",
            FieldKind::Unsigned(..=32) => "UINT32",
            FieldKind::Unsigned(_) => "UINT64",
            FieldKind::FrameNumber => "FRAMENUM",
            FieldKind::Boolean => "BOOLEAN",
            FieldKind::Text => "STRING",
            FieldKind::Bytes => "BYTES",
            FieldKind::Ether => "ETHER",
            FieldKind::Ipv4 => "IPv4",
            FieldKind::Ipv6 => "IPv6",
            FieldKind::Time => "ABSOLUTE_TIME",
            FieldKind::Duration => "RELATIVE_TIME",
            FieldKind::Presence => "NONE",
        }
    }

    /// The greatest number it can have.
    pub(super) fn maximum(self) -> Option<u64> {
        match self.0.kind() {
            FieldKind::Unsigned(bits) => Some(u64::MAX.checked_shr(64 - u32::from(bits)).unwrap_or(0)),
            FieldKind::FrameNumber => Some(u64::MAX),
            _ => None,
        }
    }

    pub(super) fn is_ether(self) -> bool {
        self.0.kind() == FieldKind::Ether
    }

    /// Whether its values are only known once later packets have been read.
    pub(super) fn looks_ahead(self) -> bool {
        self.0.looks_ahead()
    }

    /// Whether it is about the frame, and so the same for all packets that the frame completes.
    pub(super) fn is_of_frame(self) -> bool {
        !self.name().starts_with("mqtt") && !self.name().starts_with("_ws") && !self.is_of_carrier()
    }

    pub(super) fn is_of_carrier(self) -> bool {
        self.0.is_of_carrier()
    }

    /// Its texts, if they are of a few known ones.
    pub(super) fn texts(self) -> impl Iterator<Item = &'static str> {
        let is_kind = self.name() == "mqtt.msg_decoded_as";
        let kinds = PayloadKind::ALL.into_iter().filter(move |kind| is_kind && *kind != PayloadKind::Empty);
        kinds.map(PayloadKind::name)
    }

    /// The names of its numbers, a few numbers by two of them; all named numbers are below 256.
    pub(super) fn value_names(self) -> impl Iterator<Item = (u64, &'static str)> {
        let is_number = self.class() == Class::Number;
        let named = move |number| self.0.value_name(number).map(|name| (number, name));
        let spoken = self.name() == "mqtt.msgtype";
        let types = PacketType::ALL.iter().filter(move |_| spoken).map(|kind| (*kind as u64, kind.name()));
        (0..256).filter(move |_| is_number).filter_map(named).chain(types)
    }
}

impl Source for PacketView<'_> {
    #[inline]
    fn values(&self, field: Field, each: &mut dyn FnMut(Value<'_>)) {
        fields::values(field.0, self, &mut |value| give(value, each));
    }

    fn topics(&self, each: &mut dyn FnMut(&[u8])) {
        self.topic.into_iter().for_each(each);
    }

    fn payloads(&self, each: &mut dyn FnMut(&[u8])) {
        if let Some(Packet::Publish(publish)) = self.packet() {
            each(publish.payload);
        }
    }
}

/// The source of those fields that [`RowFacts::tells`] of.
impl Source for RowFacts<'_> {
    fn values(&self, field: Field, each: &mut dyn FnMut(Value<'_>)) {
        fields::values_of_row(field.0, self, &mut |value| give(value, each));
    }

    /// Only a packet that has none is asked.
    fn topics(&self, _: &mut dyn FnMut(&[u8])) {}

    /// Only a packet that has none is asked.
    fn payloads(&self, _: &mut dyn FnMut(&[u8])) {}
}

impl RowFacts<'_> {
    /// Whether the index alone tells all values of the field.
    pub(super) fn tells(&self, field: Field) -> bool {
        fields::values_of_row(field.0, self, &mut |_| {})
    }

    pub(super) fn is_publish(&self) -> bool {
        self.row.packet_type() == Some(PacketType::Publish)
    }
}

#[inline]
fn give(value: FieldValue<'_>, each: &mut dyn FnMut(Value<'_>)) {
    each(match value {
        FieldValue::Unsigned(number) => Value::Number(number.into()),
        FieldValue::Boolean(boolean) => Value::Boolean(boolean),
        FieldValue::Text(text) => Value::Text(text),
        FieldValue::Bytes(bytes) => Value::Bytes(bytes),
        FieldValue::Ether(address) => return each(Value::Bytes(&address)),
        FieldValue::Ipv4(address) => Value::Ipv4(address.into()),
        FieldValue::Ipv6(address) => Value::Ipv6(address.into()),
        FieldValue::Time(ns) => Value::Time(ns),
        FieldValue::Duration(ns) => Value::Duration(ns),
        FieldValue::Presence => Value::Present,
    });
}
