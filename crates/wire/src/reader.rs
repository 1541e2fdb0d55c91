//! A cursor whose every read has a name: the name is what the observer hears, and what an error says.
//!
//! Everything that is read in every packet is inlined, and nothing that is not inlined borrows the reader:
//! so the compiler keeps it in registers, and with an observer that has nothing to say it is a pointer and a
//! length.

mod untold;

use crate::error::Fault;
use crate::frame::Frame;
use crate::text;
use crate::{Field, Observer, PacketId, PacketType, Span, Text, Value, Violation};

/// Reads one packet from its first byte on.
///
/// `rest` is what is left of the part being read (the packet, or its properties), `end` is where that part
/// ends. So the next byte stands at `end - rest.len()`.
pub(crate) struct Reader<'b, 's, O> {
    rest: &'b [u8],
    end: usize,
    /// Bytes the packet should have after those that are there.
    missing: u32,
    seen: &'s mut O,
}

/// What a read gives.
pub(crate) type Read<T> = Result<T, Fault>;

impl<'b, 's, O: Observer> Reader<'b, 's, O> {
    /// Reads what comes after the fixed header of the packet in `bytes`. If the bytes end before the packet
    /// does it is the other case, which then may take its time.
    #[inline(always)]
    pub(crate) fn of_frame(frame: Frame, bytes: &'b [u8], seen: &'s mut O) -> Result<Self, Self> {
        match bytes.get(frame.header_len.into()..frame.len()) {
            Some(rest) => Ok(Self { rest, end: frame.len(), missing: 0, seen }),
            None => Err(Self::of_cut_frame(frame, bytes, seen)),
        }
    }

    #[cold]
    #[inline(never)]
    fn of_cut_frame(frame: Frame, bytes: &'b [u8], seen: &'s mut O) -> Self {
        let rest = bytes.get(frame.header_len.into()..).unwrap_or_default();
        let missing = frame.remaining - rest.len() as u32;
        Self { rest, end: frame.header_len as usize + rest.len(), missing, seen }
    }

    /// Reads a part of a packet that ends at `end`.
    #[inline(always)]
    pub(crate) fn of_part(bytes: &'b [u8], end: usize, seen: &'s mut O) -> Self {
        Self { rest: bytes, end, missing: 0, seen }
    }

    /// Where the next byte stands.
    #[inline(always)]
    pub(crate) fn at(&self) -> u32 {
        (self.end - self.rest.len()) as u32
    }

    /// Whether nothing is left, nor should be.
    #[inline(always)]
    pub(crate) fn is_at_end(&self) -> bool {
        self.rest.is_empty() && self.missing == 0
    }

    #[inline(always)]
    pub(crate) fn enter(&mut self, group: Field) {
        let at = self.at();
        self.seen.enter(group, at);
    }

    #[inline(always)]
    pub(crate) fn leave(&mut self) {
        let at = self.at();
        self.seen.leave(at);
    }

    #[inline(always)]
    fn truncated<T>(&self, field: Field, need: usize) -> Read<T> {
        Err(self.truncated_fault(field, need))
    }

    #[inline(always)]
    fn truncated_fault(&self, field: Field, need: usize) -> Fault {
        truncated(field, need, self.rest.len(), self.end)
    }

    /// Tells of a broken rule in `field`.
    #[inline(always)]
    pub(crate) fn violation(&mut self, violation: Violation, field: Field, span: Span) -> Read<()> {
        tell_violation(self.seen, violation, field, span)
    }

    /// One byte that is a group of several fields, each the bits of a mask. The masks tile the byte.
    #[inline(always)]
    pub(crate) fn flags<const N: usize>(&mut self, group: Field, parts: [(Field, u8); N]) -> Read<u8> {
        let at = self.at();
        let [byte] = self.array(group)?;
        self.seen.fields(Some(group), bits(at, byte, parts));
        Ok(byte)
    }

    #[inline(always)]
    fn array<const N: usize>(&mut self, field: Field) -> Read<[u8; N]> {
        let Some((head, rest)) = self.rest.split_first_chunk::<N>() else {
            return self.truncated(field, N);
        };
        self.rest = rest;
        Ok(*head)
    }

    #[inline(always)]
    fn number<const N: usize>(&mut self, field: Field) -> Read<u32> {
        let ([told], number) = self.untold_number::<N>(field).map_err(|cut| cut.tell(self.seen))?;
        self.seen.field(told.0, told.1, told.2);
        Ok(number)
    }

    #[inline(always)]
    pub(crate) fn u8(&mut self, field: Field) -> Read<u8> {
        Ok(self.number::<1>(field)? as u8)
    }

    #[inline(always)]
    pub(crate) fn u16(&mut self, field: Field) -> Read<u16> {
        Ok(self.number::<2>(field)? as u16)
    }

    /// A Variable Byte Integer, which may not take more bytes than it needs.
    #[inline(always)]
    pub(crate) fn vbi(&mut self, field: Field) -> Read<u32> {
        let ([told], (value, padded)) = self.untold_vbi(field).map_err(|cut| cut.tell(self.seen))?;
        self.seen.field(told.0, told.1, told.2);
        if padded {
            self.violation(Violation::LengthNotMinimal, field, told.1)?;
        }
        Ok(value)
    }

    /// A Packet Identifier.
    #[inline(always)]
    pub(crate) fn packet_id(&mut self) -> Read<PacketId> {
        let id = self.u16(Field::PacketId)?;
        if id == 0 {
            let at = self.at() - 2;
            self.violation(Violation::PacketIdZero, Field::PacketId, Span::bytes(at, 2))?;
        }
        Ok(PacketId(id))
    }

    /// Bytes behind their length.
    #[inline(always)]
    pub(crate) fn bytes(&mut self, field: Field) -> Read<&'b [u8]> {
        let untold = self.untold_bytes(field.length(), field, Value::Bytes);
        let (told, bytes) = untold.map_err(|cut| cut.tell(self.seen))?;
        self.seen.fields(None, told);
        Ok(bytes)
    }

    #[inline(always)]
    pub(crate) fn unchecked_text(&mut self, field: Field) -> Read<Text<'b>> {
        let untold = self.untold_text(field.length(), field);
        let (told, text) = untold.map_err(|cut| cut.tell(self.seen))?;
        self.seen.fields(None, told);
        Ok(text)
    }

    /// A string, which must be well-formed UTF-8 without U+0000.
    #[inline(always)]
    pub(crate) fn text(&mut self, field: Field) -> Read<Text<'b>> {
        let text = self.unchecked_text(field)?;
        self.check_text(field, text)?;
        Ok(text)
    }

    /// Checks the string that was just read.
    #[inline(always)]
    pub(crate) fn check_text(&mut self, field: Field, text: Text<'_>) -> Read<()> {
        if text::is_plain(text.0) {
            return Ok(());
        }
        check_text(self.seen, field, text, self.span_of(text))
    }

    /// Checks the two strings that were just read.
    #[inline(always)]
    pub(crate) fn check_pair(
        &mut self,
        [first, second]: [Field; 2],
        (name, value): (Text<'_>, Text<'_>),
    ) -> Read<()> {
        if text::are_plain(name.0, value.0) {
            return Ok(());
        }
        let span = self.span_of(value);
        let name_len = name.len() as u32;
        check_text(self.seen, first, name, Span::bytes(span.start - 2 - name_len, name_len))?;
        check_text(self.seen, second, value, span)
    }

    /// A topic name: a string in which no wildcard may stand.
    #[inline(always)]
    pub(crate) fn topic(&mut self, field: Field, wildcard: Violation) -> Read<Text<'b>> {
        let text = self.unchecked_text(field)?;
        self.check_topic(field, text, wildcard)?;
        Ok(text)
    }

    /// Checks the topic name that was just read.
    #[inline(always)]
    pub(crate) fn check_topic(&mut self, field: Field, text: Text<'_>, wildcard: Violation) -> Read<()> {
        if text::is_plain_topic(text.0) {
            return Ok(());
        }
        check_topic(self.seen, field, text, self.span_of(text), wildcard)
    }

    /// The span of the text that was just read.
    #[inline(always)]
    pub(crate) fn span_of(&self, text: Text<'_>) -> Span {
        Span::bytes(self.at() - text.len() as u32, text.len() as u32)
    }

    /// All that is left of the packet.
    #[inline(always)]
    pub(crate) fn rest(&mut self, field: Field) -> Read<&'b [u8]> {
        let bytes = self.rest;
        if self.missing > 0 {
            return self.truncated(field, bytes.len() + self.missing as usize);
        }
        let at = self.at();
        self.rest = &[];
        self.seen.field(field, Span::bytes(at, bytes.len() as u32), Value::Bytes(bytes));
        Ok(bytes)
    }

    /// What is left, without reading it.
    #[inline(always)]
    pub(crate) fn peek(&self) -> &'b [u8] {
        self.rest
    }

    /// The next `len` bytes, where they end in the packet, and the observer: what [`Self::of_part`] reads
    /// them with. This reader goes on after them.
    #[inline(always)]
    pub(crate) fn part(&mut self, field: Field, len: u32) -> Read<(&'b [u8], usize, &mut O)> {
        let Some((head, rest)) = self.rest.split_at_checked(len as usize) else {
            return self.truncated(field, len as usize);
        };
        let end = self.end - rest.len();
        self.rest = rest;
        Ok((head, end, self.seen))
    }

    /// The packet's fields are read: nothing may be left.
    #[inline(always)]
    pub(crate) fn finish(mut self) -> Read<()> {
        if self.is_at_end() {
            return Ok(());
        }
        let at = self.at();
        let len = self.rest(Field::TrailingBytes)?.len() as u32;
        self.violation(Violation::TrailingBytes, Field::TrailingBytes, Span::bytes(at, len))
    }
}

/// Tells of the fields of a fixed header.
#[inline(always)]
pub(crate) fn tell_header<O: Observer + ?Sized>(frame: Frame, seen: &mut O) {
    let length = (Field::RemainingLength, frame.length_span(), Value::Number(frame.remaining));
    match frame.packet_type() {
        PacketType::Publish => {
            let [kind, dup, qos, retain] = bits(0, frame.first, PUBLISH_PARTS);
            seen.fields(Some(Field::FixedHeader), [kind, dup, qos, retain, length]);
        }
        _ => {
            let [kind, flags] = bits(0, frame.first, OTHER_PARTS);
            seen.fields(Some(Field::FixedHeader), [kind, flags, length]);
        }
    }
}

/// There is no whole fixed header in `bytes`: tells what there is of it.
#[cold]
#[inline(never)]
pub(crate) fn broken_header<O: Observer>(bytes: &[u8], seen: &mut O) -> Fault {
    let [first, length @ ..] = bytes else {
        return truncated(Field::PacketType, 1, 0, 0);
    };
    seen.enter(Field::FixedHeader, 0);
    match PacketType::from_first_byte(*first) {
        PacketType::Publish => seen.fields(None, bits(0, *first, PUBLISH_PARTS)),
        _ => seen.fields(None, bits(0, *first, OTHER_PARTS)),
    }
    match length.len() {
        have @ 0..4 => truncated(Field::RemainingLength, have + 1, have, bytes.len()),
        _ => Fault::length_too_long(Field::RemainingLength, 1),
    }
}

/// What a packet's first byte is made of.
#[cfg(feature = "alloc")]
pub(crate) fn header_parts(first: u8) -> &'static [(Field, u8)] {
    match PacketType::from_first_byte(first) {
        PacketType::Publish => &PUBLISH_PARTS,
        _ => &OTHER_PARTS,
    }
}

/// What a PUBLISH's first byte is made of.
const PUBLISH_PARTS: [(Field, u8); 4] =
    [(Field::PacketType, 0xf0), (Field::Dup, 0x08), (Field::Qos, 0x06), (Field::Retain, 0x01)];
/// What any other packet's first byte is made of.
const OTHER_PARTS: [(Field, u8); 2] = [(Field::PacketType, 0xf0), (Field::Flags, 0x0f)];

/// The fields that the bits of a byte are: each its mask's, moved down to bit 0.
#[inline(always)]
fn bits<const N: usize>(at: u32, byte: u8, parts: [(Field, u8); N]) -> [(Field, Span, Value<'static>); N] {
    parts.map(|(field, mask)| {
        let value = (byte & mask) >> mask.trailing_zeros();
        (field, Span::bits(at, mask), Value::Number(value.into()))
    })
}

#[cold]
#[inline(never)]
fn truncated(field: Field, need: usize, have: usize, end: usize) -> Fault {
    let at = (end - have) as u32;
    Fault::truncated(need as u32, have as u32, field, at)
}

#[cold]
#[inline(never)]
pub(crate) fn tell_violation<O: Observer>(
    seen: &mut O,
    violation: Violation,
    field: Field,
    span: Span,
) -> Read<()> {
    if seen.violation(violation, span).is_break() {
        return Err(Fault::violation(violation, field, span.start));
    }
    Ok(())
}

/// A Variable Byte Integer of more than one byte, or one that does not end: its value, whether it took more
/// bytes than it needed, and what comes after it.
#[inline(never)]
fn long_vbi(bytes: &[u8], field: Field, end: usize) -> Read<(u32, bool, &[u8])> {
    let mut value = 0;
    let mut rest = bytes;
    for shift in [0, 7, 14, 21] {
        let [byte, after @ ..] = rest else {
            return Err(truncated(field, bytes.len() + 1, bytes.len(), end));
        };
        rest = after;
        value |= u32::from(byte & 0x7f) << shift;
        if *byte < 0x80 {
            return Ok((value, shift > 0 && *byte == 0, rest));
        }
    }
    let at = (end - bytes.len()) as u32;
    Err(Fault::length_too_long(field, at))
}

#[inline(never)]
fn check_topic<O: Observer>(
    seen: &mut O,
    field: Field,
    text: Text<'_>,
    span: Span,
    wildcard: Violation,
) -> Read<()> {
    check_text(seen, field, text, span)?;
    if text::has_wildcard(text.0) {
        tell_violation(seen, wildcard, field, span)?;
    }
    Ok(())
}

#[inline(never)]
fn check_text<O: Observer>(seen: &mut O, field: Field, text: Text<'_>, span: Span) -> Read<()> {
    if text.to_str().is_err() {
        tell_violation(seen, Violation::StringNotUtf8, field, span)?;
    }
    if text.0.contains(&0) {
        tell_violation(seen, Violation::StringHasNul, field, span)?;
    }
    Ok(())
}
