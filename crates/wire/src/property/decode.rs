//! Reading and checking properties, once, when their packet is decoded.

use super::table::{Allowed, INFO, Info, Kind};
use super::{Properties, PropertyId};
use crate::reader::{Read, Reader};
use crate::{Field, Observer, Span, Violation};

/// Which properties were met, those aside that may be repeated: bit n for identifier n.
#[derive(Clone, Copy, Default)]
pub(crate) struct Met(u64);

impl Met {
    #[inline(always)]
    pub(crate) fn has(self, id: PropertyId) -> bool {
        self.0 >> id as u8 & 1 == 1
    }
}

/// The property length and the properties, which may be those `allowed`.
#[inline(always)]
pub(crate) fn decode<'b, O: Observer>(
    r: &mut Reader<'b, '_, O>,
    group: Field,
    allowed: Allowed,
) -> Read<(Properties<'b>, Met)> {
    r.enter(group);
    if r.is_at_end() {
        let at = r.at();
        r.violation(Violation::PropertyLengthMissing, group.length(), Span::bytes(at, 0))?;
        r.leave();
        return Ok((Properties::EMPTY, Met::default()));
    }
    let len = r.vbi(group.length())?;
    let mut found = (Properties::EMPTY, Met::default());
    if len > 0 {
        let (bytes, end, seen) = r.part(group, len)?;
        found = (Properties { bytes }, list(bytes, end, allowed, seen)?);
    }
    r.leave();
    Ok(found)
}

/// The properties in `bytes`, which end at `end` in the packet.
#[inline(never)]
fn list<O: Observer>(bytes: &[u8], end: usize, allowed: Allowed, seen: &mut O) -> Read<Met> {
    let mut r = Reader::of_part(bytes, end, seen);
    let start = r.at();
    // What may still come: a property that stood here may not stand here again.
    let mut open = allowed;
    let mut misplaced = 0;
    while let [id, ..] = *r.peek() {
        // The one that may stand wherever properties may, and as often as one likes.
        if id == PropertyId::UserProperty as u8 {
            r.enter(Field::UserProperty);
            r.u8(Field::PropertyId)?;
            r.pair(Field::UserPropertyName, Field::UserPropertyValue)?;
            r.leave();
            continue;
        }
        if id >= 64 || open >> id & 1 == 0 {
            let Some(known) = PropertyId::from_byte(id) else {
                unknown(&mut r)?;
                break;
            };
            let violation = match allowed >> id & 1 {
                0 => Violation::PropertyMisplaced,
                _ => Violation::PropertyRepeated,
            };
            misplaced |= 1 << id;
            let span = Span::bytes(r.at(), 1);
            r.violation(violation, known.info().field, span)?;
        }
        open &= !(1 << id) | repeatable(allowed);
        let info = &INFO[usize::from(id) % INFO.len()];
        r.enter(info.field);
        r.u8(Field::PropertyId)?;
        value(&mut r, info)?;
        r.leave();
    }
    let met = Met(allowed & !open | misplaced);
    if met.has(PropertyId::AuthenticationData) && !met.has(PropertyId::AuthenticationMethod) {
        let span = Span::bytes(start, r.at() - start);
        r.violation(Violation::AuthenticationDataWithoutMethod, Field::AuthenticationData, span)?;
    }
    Ok(met)
}

#[inline(always)]
fn value<O: Observer>(r: &mut Reader<'_, '_, O>, info: &Info) -> Read<()> {
    let at = r.at();
    match info.kind {
        Kind::Byte => {
            // Every property of one byte is a flag.
            if r.u8(info.field)? > 1 {
                r.violation(Violation::PropertyOutOfRange, info.field, Span::bytes(at, 1))?;
            }
        }
        Kind::TwoBytes => {
            let value = r.u16(info.field)?;
            check_zero(r, info, value.into(), at)?;
        }
        Kind::FourBytes => {
            let value = r.u32(info.field)?;
            check_zero(r, info, value, at)?;
        }
        Kind::Variable => {
            let value = r.vbi(info.field)?;
            check_zero(r, info, value, at)?;
        }
        Kind::Topic => {
            let topic = r.topic(Field::ResponseTopic, Violation::ResponseTopicWildcard)?;
            if topic.is_empty() {
                r.violation(Violation::ResponseTopicEmpty, info.field, r.span_of(topic))?;
            }
        }
        Kind::Text => {
            r.text_behind(info.length, info.field)?;
        }
        Kind::Bytes => {
            r.bytes_behind(info.length, info.field)?;
        }
        Kind::Pair => {}
    }
    Ok(())
}

#[inline(always)]
fn check_zero<O: Observer>(r: &mut Reader<'_, '_, O>, info: &Info, value: u32, at: u32) -> Read<()> {
    if value == 0
        && let Some(violation) = info.zero
    {
        let span = Span::bytes(at, r.at() - at);
        r.violation(violation, info.field, span)?;
    }
    Ok(())
}

/// The properties besides User Property that may stand more than once where these are allowed: only the
/// Subscription Identifier of a PUBLISH, the one packet that has Topic Alias too.
const fn repeatable(allowed: Allowed) -> Allowed {
    (allowed >> PropertyId::TopicAlias as u8 & 1) << PropertyId::SubscriptionIdentifier as u8
}

/// None can tell how long an unknown property is, so the rest of the properties belongs to it.
#[inline(always)]
fn unknown<O: Observer>(r: &mut Reader<'_, '_, O>) -> Read<()> {
    let at = r.at();
    let len = r.rest(Field::UnknownProperty)?.len() as u32;
    r.violation(Violation::PropertyUnknown, Field::UnknownProperty, Span::bytes(at, len))
}
