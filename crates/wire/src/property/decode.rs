//! Reading and checking properties, once, when their packet is decoded.

use super::table::{INFO, Info, Kind};
use super::{Properties, PropertyId};
use crate::reader::Reader;
use crate::{DecodeError, Field, Observer, Span, Violation};

type Result<T> = core::result::Result<T, DecodeError>;

/// Which properties were met: bit n for identifier n.
#[derive(Clone, Copy, Default)]
pub(crate) struct Met(u64);

impl Met {
    #[inline(always)]
    pub(crate) fn has(self, id: PropertyId) -> bool {
        self.0 >> id as u8 & 1 == 1
    }
}

/// The property length and the properties that stand at `place`, a bit of [`Info::places`].
#[inline(always)]
pub(crate) fn decode<'b, O: Observer>(
    r: &mut Reader<'b, '_, O>,
    group: Field,
    place: u16,
) -> Result<(Properties<'b>, Met)> {
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
        let part = r.part(group, len)?;
        found = (Properties { bytes: part.peek() }, list(part, place)?);
    }
    r.leave();
    Ok(found)
}

#[inline(never)]
fn list<O: Observer>(mut r: Reader<'_, '_, O>, place: u16) -> Result<Met> {
    let start = r.at();
    let mut met = Met::default();
    while let [id, ..] = *r.peek() {
        let Some(Some(info)) = INFO.get(usize::from(id)) else {
            unknown(&mut r)?;
            break;
        };
        let at = r.at();
        r.enter(info.field);
        r.u8(Field::PropertyId)?;
        let again = met.0 >> id & 1 == 1;
        met.0 |= 1 << id;
        if info.places & place == 0 || again {
            misplaced(&mut r, info, id, place, at)?;
        }
        value(&mut r, info)?;
        r.leave();
    }
    if met.has(PropertyId::AuthenticationData) && !met.has(PropertyId::AuthenticationMethod) {
        let span = Span::bytes(start, r.at() - start);
        r.violation(Violation::AuthenticationDataWithoutMethod, Field::AuthenticationData, span)?;
    }
    Ok(met)
}

#[inline(always)]
fn value<O: Observer>(r: &mut Reader<'_, '_, O>, info: &Info) -> Result<()> {
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
        Kind::Text if info.field as u8 == Field::ResponseTopic as u8 => {
            let topic = r.topic(info.field, Violation::ResponseTopicWildcard)?;
            if topic.is_empty() {
                r.violation(Violation::ResponseTopicEmpty, info.field, r.span_of(topic))?;
            }
        }
        Kind::Text => {
            r.text(info.field)?;
        }
        Kind::Bytes => {
            r.bytes(info.field)?;
        }
        Kind::Pair => {
            r.text(Field::UserPropertyName)?;
            r.text(Field::UserPropertyValue)?;
        }
    }
    Ok(())
}

#[inline(always)]
fn check_zero<O: Observer>(r: &mut Reader<'_, '_, O>, info: &Info, value: u32, at: u32) -> Result<()> {
    if value == 0
        && let Some(violation) = info.zero
    {
        let span = Span::bytes(at, r.at() - at);
        r.violation(violation, info.field, span)?;
    }
    Ok(())
}

/// The property whose identifier stands at `at` may not stand here, or stands here again.
#[inline(always)]
fn misplaced<O: Observer>(r: &mut Reader<'_, '_, O>, info: &Info, id: u8, place: u16, at: u32) -> Result<()> {
    let span = Span::bytes(at, 1);
    if info.places & place == 0 {
        return r.violation(Violation::PropertyMisplaced, info.field, span);
    }
    let repeatable = id == PropertyId::UserProperty as u8
        || id == PropertyId::SubscriptionIdentifier as u8 && place == PUBLISH;
    if repeatable { Ok(()) } else { r.violation(Violation::PropertyRepeated, info.field, span) }
}

const PUBLISH: u16 = super::table::place(crate::PacketType::Publish);

/// None can tell how long an unknown property is, so the rest of the properties belongs to it.
#[inline(always)]
fn unknown<O: Observer>(r: &mut Reader<'_, '_, O>) -> Result<()> {
    let at = r.at();
    let len = r.rest(Field::UnknownProperty)?.len() as u32;
    r.violation(Violation::PropertyUnknown, Field::UnknownProperty, Span::bytes(at, len))
}
