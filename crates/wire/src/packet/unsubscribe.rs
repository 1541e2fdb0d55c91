//! UNSUBSCRIBE (§3.10): the client gives topics back.

#[cfg(feature = "alloc")]
use alloc::vec::Vec;
use core::fmt;

use super::subscribe::{decode_filter, split_prefixed};
use super::{packet_id_len, properties_len, write_properties};
use crate::property::decode as properties;
use crate::reader::{Read, Reader};
use crate::writer::Writer;
#[cfg(feature = "alloc")]
use crate::writer::prefixed_len;
use crate::{EncodeError, Field, Observer, PacketId, PacketType, Properties, Span, Text, Version, Violation};

/// The client gives topics back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unsubscribe<'b> {
    /// Its UNSUBACK has the same.
    pub packet_id: PacketId,
    /// 5.0 only.
    pub properties: Properties<'b>,
    /// What is given back.
    pub filters: TopicFilters<'b>,
}

/// The list in an UNSUBSCRIBE, as on the wire.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct TopicFilters<'b> {
    bytes: &'b [u8],
}

impl<'b> TopicFilters<'b> {
    /// One by one.
    pub fn iter(&self) -> impl Iterator<Item = Text<'b>> + Clone + use<'b> {
        let mut rest = self.bytes;
        core::iter::from_fn(move || {
            let (filter, after) = split_prefixed(rest)?;
            rest = after;
            Some(Text(filter))
        })
    }

    /// Whether there are none, which no UNSUBSCRIBE may have.
    pub const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}

impl fmt::Debug for TopicFilters<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// Topic filters one puts together to send.
#[cfg(feature = "alloc")]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TopicFiltersBuf {
    bytes: Vec<u8>,
}

#[cfg(feature = "alloc")]
impl TopicFiltersBuf {
    /// None yet.
    pub const fn new() -> Self {
        Self { bytes: Vec::new() }
    }

    /// Adds one after the others.
    ///
    /// # Errors
    /// The filter is longer than 65,535 bytes.
    pub fn push(&mut self, filter: Text<'_>) -> Result<(), EncodeError> {
        prefixed_len(Field::TopicFilter, filter.0)?;
        self.bytes.prefixed(filter.0);
        Ok(())
    }

    /// The list for a packet.
    pub fn as_filters(&self) -> TopicFilters<'_> {
        TopicFilters { bytes: &self.bytes }
    }
}

impl<'b> Unsubscribe<'b> {
    #[inline(always)]
    pub(super) fn decode<O: Observer>(mut r: Reader<'b, '_, O>, version: Version) -> Read<Self> {
        let packet_id = r.packet_id()?;
        let properties = match version {
            Version::V5 => properties::decode(&mut r, Field::Properties, ALLOWED)?.0,
            _ => Properties::EMPTY,
        };
        let bytes = r.peek();
        if r.is_at_end() {
            let at = r.at();
            r.violation(Violation::UnsubscribeEmpty, Field::TopicFilter, Span::bytes(at, 0))?;
        }
        while !r.is_at_end() {
            decode_filter(&mut r, version)?;
        }
        r.finish()?;
        Ok(Self { packet_id, properties, filters: TopicFilters { bytes } })
    }

    pub(super) fn body_len(&self, version: Version) -> Result<usize, EncodeError> {
        Ok(packet_id_len(self.packet_id)?
            + properties_len(self.properties, version, Field::Properties)?
            + self.filters.bytes.len())
    }

    #[inline(always)]
    pub(super) fn write(&self, version: Version, out: &mut impl Writer) {
        out.u16(self.packet_id.get());
        write_properties(self.properties, version, out);
        out.bytes(self.filters.bytes);
    }
}

const ALLOWED: u64 = crate::property::allowed_in(PacketType::Unsubscribe);
