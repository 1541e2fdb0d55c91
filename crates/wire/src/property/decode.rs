//! Reading and checking properties, once, when their packet is decoded.
#![expect(clippy::result_large_err, reason = "what fails is inlined, and no such value remains")]

use super::table::{Allowed, INFO, Info, Kind};
use super::{Properties, PropertyId};
use crate::reader::{Read, Reader};
use crate::{Field, Observer, Span, Value, Violation};

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
            let [name, value] = [Field::UserPropertyName, Field::UserPropertyValue];
            let pair = r.property::<4, 5, _>(Field::UserProperty, |r| r.untold_pair(name, value))?;
            r.check_pair([name, value], pair)?;
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
        property(&mut r, info)?;
    }
    let met = Met(allowed & !open | misplaced);
    if met.has(PropertyId::AuthenticationData) && !met.has(PropertyId::AuthenticationMethod) {
        let span = Span::bytes(start, r.at() - start);
        r.violation(Violation::AuthenticationDataWithoutMethod, Field::AuthenticationData, span)?;
    }
    Ok(met)
}

#[inline(always)]
fn property<O: Observer>(r: &mut Reader<'_, '_, O>, info: &Info) -> Read<()> {
    let (field, length) = (info.field, info.length);
    match info.kind {
        Kind::Byte => {
            // Every property of one byte is a flag.
            if r.property::<1, 2, _>(field, |r| r.untold_number::<1>(field))? > 1 {
                r.violation(Violation::PropertyOutOfRange, field, Span::bytes(r.at() - 1, 1))?;
            }
        }
        Kind::TwoBytes => {
            let value = r.property::<1, 2, _>(field, |r| r.untold_number::<2>(field))?;
            check_zero(r, info, value, 2)?;
        }
        Kind::FourBytes => {
            let value = r.property::<1, 2, _>(field, |r| r.untold_number::<4>(field))?;
            check_zero(r, info, value, 4)?;
        }
        Kind::Variable => {
            let at = r.at() + 1;
            let (value, padded) = r.property::<1, 2, _>(field, |r| r.untold_vbi(field))?;
            if padded {
                r.violation(Violation::LengthNotMinimal, field, Span::bytes(at, r.at() - at))?;
            }
            check_zero(r, info, value, r.at() - at)?;
        }
        Kind::Topic => {
            let topic = r.property::<2, 3, _>(field, |r| r.untold_text(length, field))?;
            r.check_topic(field, topic, Violation::ResponseTopicWildcard)?;
            if topic.is_empty() {
                r.violation(Violation::ResponseTopicEmpty, field, r.span_of(topic))?;
            }
        }
        Kind::Text => {
            let text = r.property::<2, 3, _>(field, |r| r.untold_text(length, field))?;
            r.check_text(field, text)?;
        }
        Kind::Bytes => {
            r.property::<2, 3, _>(field, |r| r.untold_bytes(length, field, Value::Bytes))?;
        }
        // User Property, which has its own way.
        Kind::Pair => {}
    }
    Ok(())
}

/// A value of zero, of which `len` bytes were just read, may break a rule.
#[inline(always)]
fn check_zero<O: Observer>(r: &mut Reader<'_, '_, O>, info: &Info, value: u32, len: u32) -> Read<()> {
    if value == 0
        && let Some(violation) = info.zero
    {
        r.violation(violation, info.field, Span::bytes(r.at() - len, len))?;
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
