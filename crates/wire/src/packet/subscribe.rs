//! SUBSCRIBE (§3.8): the client asks for topics.

#[cfg(feature = "alloc")]
use alloc::vec::Vec;
use core::fmt;

use super::{packet_id_len, properties_len, write_properties};
use crate::property::decode as properties;
use crate::reader::{Read, Reader};
use crate::text::{for_each_wildcard, has_wildcard, is_plain_topic};
use crate::writer::Writer;
#[cfg(feature = "alloc")]
use crate::writer::prefixed_len;
use crate::{
    EncodeError, EncodeErrorKind, Field, Observer, PacketId, PacketType, Properties, QoS, RetainHandling,
    Span, Text, Version, Violation,
};

/// The client asks for topics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subscribe<'b> {
    /// Its SUBACK has the same.
    pub packet_id: PacketId,
    /// 5.0 only.
    pub properties: Properties<'b>,
    /// What is asked for.
    pub subscriptions: Subscriptions<'b>,
}

/// The list in a SUBSCRIBE, as on the wire.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Subscriptions<'b> {
    bytes: &'b [u8],
}

/// A topic filter and what is asked of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subscription<'b> {
    /// Which topics.
    pub filter: Text<'b>,
    /// How.
    pub options: SubscriptionOptions,
}

/// What is asked of a subscription; before 5.0 only the QoS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SubscriptionOptions {
    /// The most that is wanted.
    pub qos: QoS,
    /// Not what this client publishes itself.
    pub no_local: bool,
    /// RETAIN as the publisher set it.
    pub retain_as_published: bool,
    /// When retained messages are sent.
    pub retain_handling: RetainHandling,
}

impl SubscriptionOptions {
    #[inline]
    const fn from_byte(byte: u8) -> Self {
        Self {
            qos: QoS::from_bits(byte),
            no_local: byte & 0x04 != 0,
            retain_as_published: byte & 0x08 != 0,
            retain_handling: RetainHandling::from_bits(byte >> 4),
        }
    }

    #[cfg(feature = "alloc")]
    const fn to_byte(self) -> u8 {
        self.qos as u8
            | (self.no_local as u8) << 2
            | (self.retain_as_published as u8) << 3
            | (self.retain_handling as u8) << 4
    }
}

impl<'b> Subscriptions<'b> {
    /// One by one.
    pub fn iter(&self) -> impl Iterator<Item = Subscription<'b>> + Clone + use<'b> {
        let mut rest = self.bytes;
        core::iter::from_fn(move || {
            let (filter, after) = split_prefixed(rest)?;
            let [options, after @ ..] = after else { return None };
            rest = after;
            Some(Subscription { filter: Text(filter), options: SubscriptionOptions::from_byte(*options) })
        })
    }

    /// Whether there are none, which no SUBSCRIBE may have.
    pub const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}

impl fmt::Debug for Subscriptions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// Subscriptions one puts together to send.
#[cfg(feature = "alloc")]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SubscriptionsBuf {
    bytes: Vec<u8>,
}

#[cfg(feature = "alloc")]
impl SubscriptionsBuf {
    /// None yet.
    pub const fn new() -> Self {
        Self { bytes: Vec::new() }
    }

    /// Adds one after the others.
    ///
    /// # Errors
    /// The filter is longer than 65,535 bytes, or an option is reserved.
    pub fn push(&mut self, filter: Text<'_>, options: SubscriptionOptions) -> Result<(), EncodeError> {
        prefixed_len(Field::TopicFilter, filter.0)?;
        if options.qos == QoS::Reserved {
            return Err(EncodeError::new(EncodeErrorKind::Reserved, Field::RequestedQos));
        }
        if options.retain_handling == RetainHandling::Reserved {
            return Err(EncodeError::new(EncodeErrorKind::Reserved, Field::RetainHandling));
        }
        self.bytes.prefixed(filter.0);
        self.bytes.u8(options.to_byte());
        Ok(())
    }

    /// The list for a packet.
    pub fn as_subscriptions(&self) -> Subscriptions<'_> {
        Subscriptions { bytes: &self.bytes }
    }
}

impl<'b> Subscribe<'b> {
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
            r.violation(Violation::SubscribeEmpty, Field::Subscription, Span::bytes(at, 0))?;
        }
        while !r.is_at_end() {
            r.enter(Field::Subscription);
            let filter = decode_filter(&mut r, version)?;
            options(&mut r, filter, version)?;
            r.leave();
        }
        r.finish()?;
        Ok(Self { packet_id, properties, subscriptions: Subscriptions { bytes } })
    }

    pub(super) fn body_len(&self, version: Version) -> Result<usize, EncodeError> {
        let later = |options: SubscriptionOptions| {
            options.no_local || options.retain_as_published || options.retain_handling != RetainHandling::Send
        };
        if version != Version::V5 && self.subscriptions.iter().any(|one| later(one.options)) {
            let kind = EncodeErrorKind::NotInVersion(version);
            return Err(EncodeError::new(kind, Field::SubscriptionOptions));
        }
        Ok(packet_id_len(self.packet_id)?
            + properties_len(self.properties, version, Field::Properties)?
            + self.subscriptions.bytes.len())
    }

    #[inline(always)]
    pub(super) fn write(&self, version: Version, out: &mut impl Writer) {
        out.u16(self.packet_id.get());
        write_properties(self.properties, version, out);
        out.bytes(self.subscriptions.bytes);
    }
}

const ALLOWED: u64 = crate::property::allowed_in(PacketType::Subscribe);
const SHARE: &[u8] = b"$share/";

#[inline(always)]
fn options<O: Observer>(r: &mut Reader<'_, '_, O>, filter: Text<'_>, version: Version) -> Read<()> {
    let at = r.at();
    let (byte, reserved) = match version {
        Version::V5 => {
            let parts = [
                (Field::SubscriptionOptionsReserved, 0xc0),
                (Field::RetainHandling, 0x30),
                (Field::RetainAsPublished, 0x08),
                (Field::NoLocal, 0x04),
                (Field::RequestedQos, 0x03),
            ];
            (r.flags(Field::SubscriptionOptions, parts)?, 0xc0)
        }
        Version::V31 | Version::V311 => {
            let parts = [(Field::SubscriptionOptionsReserved, 0xfc), (Field::RequestedQos, 0x03)];
            (r.flags(Field::SubscriptionOptions, parts)?, 0xfc)
        }
    };
    if byte & reserved != 0 {
        let field = Field::SubscriptionOptionsReserved;
        r.violation(Violation::SubscriptionOptionsReserved, field, Span::bits(at, reserved))?;
    }
    if byte & 0x03 == 0x03 {
        r.violation(Violation::SubscribeQosReserved, Field::RequestedQos, Span::bits(at, 0x03))?;
    }
    if version == Version::V5 {
        if byte & 0x30 == 0x30 {
            r.violation(Violation::RetainHandlingReserved, Field::RetainHandling, Span::bits(at, 0x30))?;
        }
        if byte & 0x04 != 0 && filter.0.starts_with(SHARE) {
            r.violation(Violation::NoLocalOnShared, Field::NoLocal, Span::bits(at, 0x04))?;
        }
    }
    Ok(())
}

/// A topic filter, whose wildcards and share name must be in their places (§4.7, §4.8.2).
#[inline(always)]
pub(super) fn decode_filter<'b, O: Observer>(r: &mut Reader<'b, '_, O>, version: Version) -> Read<Text<'b>> {
    let filter = r.unchecked_text(Field::TopicFilter)?;
    // Without a wildcard and a share name nothing can be out of place.
    let is_plain = is_plain_topic(filter.0) && !filter.is_empty();
    if is_plain && (version != Version::V5 || !filter.0.starts_with(SHARE)) {
        return Ok(filter);
    }
    r.check_text(Field::TopicFilter, filter)?;
    if filter.is_empty() {
        r.violation(Violation::TopicFilterEmpty, Field::TopicFilter, r.span_of(filter))?;
    } else {
        for violation in misplaced_parts(filter.0, version).into_iter().flatten() {
            r.violation(violation, Field::TopicFilter, r.span_of(filter))?;
        }
    }
    Ok(filter)
}

/// What is wrong with the share name, with a `#`, with a `+`.
#[inline(never)]
fn misplaced_parts(filter: &[u8], version: Version) -> [Option<Violation>; 3] {
    let mut share = None;
    let mut levels = filter;
    if version == Version::V5
        && let Some(shared) = filter.strip_prefix(SHARE)
    {
        let mut parts = shared.splitn(2, |&byte| byte == b'/');
        let name = parts.next().unwrap_or_default();
        levels = parts.next().unwrap_or_default();
        if name.is_empty() {
            share = Some(Violation::ShareNameMissing);
        } else if has_wildcard(name) || levels.is_empty() {
            share = Some(Violation::ShareNameForm);
        }
    }
    let (mut multi, mut single) = (None, None);
    for_each_wildcard(levels, |at| {
        let alone_before = at == 0 || levels[at - 1] == b'/';
        let last = at + 1 == levels.len();
        let alone = alone_before && (last || levels[at + 1] == b'/');
        if levels[at] == b'#' && !(alone && last) {
            multi = Some(Violation::MultiLevelWildcardPlace);
        } else if !alone {
            single = Some(Violation::SingleLevelWildcardPlace);
        }
    });
    [share, multi, single]
}

/// Bytes behind a length of two bytes, and what comes after them.
pub(super) fn split_prefixed(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(u16::from_be_bytes(*len).into())
}
