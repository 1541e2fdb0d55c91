//! What the index knows of one packet: where it is, not what it says.

use std::fmt;
use std::slice;

use mqscope_stream::{Analysis, Direction};
use mqscope_wire::{PacketType, Version};

use crate::CarrierMessage;

/// The number of a row of the index, from 0, in the order in which packets became complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowId(pub u32);

/// A captured frame: enough to find it again in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameRef {
    /// Its number in the capture, from 1.
    pub number: u64,
    /// When it was captured, nanoseconds since the Unix epoch.
    pub time: i64,
    /// Nanoseconds since the frame before it in the capture; 0 for the first.
    pub since_previous: i64,
    /// Where its first byte stands in the store.
    pub at: u64,
    /// Captured bytes.
    pub len: u32,
    /// Bytes on the wire; more than `len` if a snap length cut it.
    pub original_len: u32,
    /// The link type, a LINKTYPE value.
    pub link: u16,
    /// What is worth noting about the frame's TCP segment.
    pub analysis: Analysis,
}

impl FrameRef {
    /// Whether the frame's bytes in the store include `extent`.
    #[inline]
    pub(crate) fn holds(&self, extent: Extent) -> bool {
        self.at <= extent.at && extent.at + u64::from(extent.len) <= self.at + u64::from(self.len)
    }
}

/// Bytes that stand together in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Where the first stands.
    pub at: u64,
    /// How many.
    pub len: u32,
}

/// Where a packet's bytes are: in one place, or split over segments. Iterates in the packet's order.
#[derive(Clone, Debug)]
pub enum Extents<'a> {
    /// All in one segment.
    One(Extent),
    /// Split; each entry carries the row within its chunk.
    Split(slice::Iter<'a, (u16, Extent)>),
    /// Of a row that has just been made.
    Given(slice::Iter<'a, Extent>),
    /// None left.
    Done,
}

impl<'a> Extents<'a> {
    pub(crate) fn of(extents: &'a [Extent]) -> Self {
        Self::Given(extents.iter())
    }
}

impl Iterator for Extents<'_> {
    type Item = Extent;

    fn next(&mut self) -> Option<Extent> {
        match self {
            Self::One(extent) => {
                let extent = *extent;
                *self = Self::Done;
                Some(extent)
            }
            Self::Split(rest) => rest.next().map(|&(_, extent)| extent),
            Self::Given(rest) => rest.next().copied(),
            Self::Done => None,
        }
    }
}

/// Who sent a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The side that sends CONNECT.
    Client,
    /// The broker.
    Server,
}

impl Side {
    /// The other side.
    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }

    /// `client` or `server`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What the index remembers of how a packet decoded, in one number.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct RowFlags(u16);

impl RowFlags {
    /// Sent against [`Direction::Forward`].
    const REVERSE: Self = Self(1);
    /// Two bits: the version minus 3.
    const VERSION_SHIFT: u32 = 1;
    /// Breaks a rule, by itself or in its place among the others.
    pub const VIOLATION: Self = Self(1 << 3);
    /// Malformed or incomplete.
    pub const ERROR: Self = Self(1 << 4);
    /// The version, or that a packet begins here at all, is a guess: the capture does not have what went before.
    pub const INFERRED: Self = Self(1 << 5);
    /// The bytes stand in several places, or outside the frame that completed them.
    pub(crate) const SPLIT: Self = Self(1 << 6);
    /// The capture does not have the rest of the packet.
    pub const CUT: Self = Self(1 << 7);
    /// No MQTT packet, but a message of a protocol that carries MQTT.
    pub const CARRIER: Self = Self(1 << 8);
    /// The bytes stand together among the derived ones.
    pub(crate) const DERIVED: Self = Self(1 << 9);

    pub(crate) fn new(direction: Direction, version: Version) -> Self {
        let direction = match direction {
            Direction::Forward => 0,
            Direction::Reverse => Self::REVERSE.0,
        };
        Self(direction | u16::from(version.level() - 3) << Self::VERSION_SHIFT)
    }

    /// Whether all of `other` is set.
    #[inline]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    #[inline]
    pub(crate) const fn insert(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// Which way the packet went.
    pub const fn direction(self) -> Direction {
        if self.contains(Self::REVERSE) { Direction::Reverse } else { Direction::Forward }
    }

    /// The version it was decoded with.
    pub const fn version(self) -> Version {
        match self.0 >> Self::VERSION_SHIFT & 0b11 {
            0 => Version::V31,
            1 => Version::V311,
            _ => Version::V5,
        }
    }
}

impl fmt::Debug for RowFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [
            (Self::VIOLATION, "violation"),
            (Self::ERROR, "error"),
            (Self::INFERRED, "inferred"),
            (Self::SPLIT, "split"),
            (Self::CUT, "cut"),
            (Self::CARRIER, "carrier"),
        ];
        let set = names.iter().filter(|(flag, _)| self.contains(*flag)).map(|(_, name)| name);
        f.debug_set().entry(&self.direction()).entry(&self.version()).entries(set).finish()
    }
}

/// What a row stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RowKind {
    /// An MQTT packet of the type in its first byte.
    Packet(PacketType),
    /// A message of a protocol that carries MQTT.
    Carrier(CarrierMessage),
}

impl RowKind {
    /// `PUBLISH`, `HTTP`, `TLS`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Packet(kind) => kind.name(),
            Self::Carrier(message) => message.name(),
        }
    }

    /// The packet's type, of an MQTT packet.
    pub const fn packet_type(self) -> Option<PacketType> {
        match self {
            Self::Packet(kind) => Some(kind),
            Self::Carrier(_) => None,
        }
    }
}

/// One packet, as the index knows it.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Its number.
    pub id: RowId,
    /// The frame that completed it.
    pub frame: FrameRef,
    /// Its flow, a number for [`Snapshot::flow`](crate::Snapshot::flow).
    pub flow: u32,
    /// Its first byte, type and flags; of a [`CARRIER`](RowFlags::CARRIER) row the message's number.
    pub(crate) first: u8,
    /// Its length in bytes, the fixed header included; of what is there, if it is incomplete.
    pub len: u32,
    /// How it decoded.
    pub flags: RowFlags,
    /// The packet it answers.
    pub request: Option<RowId>,
    /// The packet that answers it, as far as the capture has come.
    pub response: Option<RowId>,
    /// The PUBLISH that gave its topic alias a meaning, for one that sends the alias only.
    pub definition: Option<RowId>,
}

impl Row {
    /// What it stands for.
    pub const fn kind(&self) -> RowKind {
        if self.flags.contains(RowFlags::CARRIER) {
            RowKind::Carrier(CarrierMessage::from_number(self.first))
        } else {
            RowKind::Packet(PacketType::from_first_byte(self.first))
        }
    }

    /// The type in the first byte, of an MQTT packet.
    pub const fn packet_type(&self) -> Option<PacketType> {
        self.kind().packet_type()
    }
}
