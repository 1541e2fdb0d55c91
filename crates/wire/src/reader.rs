//! A cursor whose every read has a name: the name is what the observer hears, and what an error says.

use crate::text;
use crate::{DecodeError, ErrorKind, Field, Observer, PacketId, Span, Text, Value, Violation};

/// Reads one packet from its first byte on.
///
/// `rest` is what is left of the part being read (the packet, or its properties), `end` is where that part
/// ends. So the next byte stands at `end - rest.len()`.
pub(crate) struct Reader<'b, 's, O> {
    rest: &'b [u8],
    end: usize,
    /// Bytes the packet should have after those that are there.
    missing: u32,
    pub(crate) seen: &'s mut O,
}

type Result<T> = core::result::Result<T, DecodeError>;

impl<'b, 's, O: Observer> Reader<'b, 's, O> {
    #[inline(always)]
    pub(crate) fn new(bytes: &'b [u8], seen: &'s mut O) -> Self {
        Self { rest: bytes, end: bytes.len(), missing: 0, seen }
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

    /// The packet ends `len` bytes from here.
    #[inline(always)]
    pub(crate) fn limit(&mut self, len: u32) {
        match self.rest.get(..len as usize) {
            Some(rest) => {
                self.end -= self.rest.len() - rest.len();
                self.rest = rest;
            }
            None => self.missing = len - self.rest.len() as u32,
        }
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

    #[cold]
    #[inline(never)]
    fn truncated<T>(&self, field: Field, need: u32) -> Result<T> {
        let have = self.rest.len() as u32;
        Err(DecodeError { kind: ErrorKind::Truncated { need, have }, field, at: self.at() })
    }

    /// Tells of a broken rule in `field`.
    #[cold]
    #[inline(never)]
    pub(crate) fn violation(&mut self, violation: Violation, field: Field, span: Span) -> Result<()> {
        if self.seen.violation(violation, span).is_break() {
            return Err(DecodeError { kind: ErrorKind::Violation(violation), field, at: span.start });
        }
        Ok(())
    }

    /// One byte that is several fields, which the caller tells of.
    #[inline(always)]
    pub(crate) fn flags(&mut self, field: Field) -> Result<u8> {
        let [byte, rest @ ..] = self.rest else { return self.truncated(field, 1) };
        self.rest = rest;
        Ok(*byte)
    }

    /// Some bits of a byte that was read: told of, and moved down to bit 0.
    #[inline(always)]
    pub(crate) fn bits(&mut self, field: Field, at: u32, byte: u8, mask: u8) -> u8 {
        let value = (byte & mask) >> mask.trailing_zeros();
        self.seen.field(field, Span::bits(at, mask), Value::Number(value.into()));
        value
    }

    #[inline(always)]
    fn array<const N: usize>(&mut self, field: Field) -> Result<[u8; N]> {
        let Some((head, rest)) = self.rest.split_first_chunk::<N>() else {
            return self.truncated(field, N as u32);
        };
        self.rest = rest;
        Ok(*head)
    }

    #[inline(always)]
    fn number(&mut self, field: Field, at: u32, number: u32) {
        let len = self.at() - at;
        self.seen.field(field, Span::bytes(at, len), Value::Number(number));
    }

    #[inline(always)]
    pub(crate) fn u8(&mut self, field: Field) -> Result<u8> {
        let at = self.at();
        let [value] = self.array(field)?;
        self.number(field, at, value.into());
        Ok(value)
    }

    #[inline(always)]
    pub(crate) fn u16(&mut self, field: Field) -> Result<u16> {
        let at = self.at();
        let value = u16::from_be_bytes(self.array(field)?);
        self.number(field, at, value.into());
        Ok(value)
    }

    #[inline(always)]
    pub(crate) fn u32(&mut self, field: Field) -> Result<u32> {
        let at = self.at();
        let value = u32::from_be_bytes(self.array(field)?);
        self.number(field, at, value);
        Ok(value)
    }

    /// A Variable Byte Integer, and whether it took more bytes than it needed.
    #[inline(always)]
    pub(crate) fn padded_vbi(&mut self, field: Field) -> Result<(u32, bool)> {
        let at = self.at();
        let (value, padded) = match *self.rest {
            [a, ref rest @ ..] if a < 0x80 => {
                self.rest = rest;
                (u32::from(a), false)
            }
            [a, b, ref rest @ ..] if b < 0x80 => {
                self.rest = rest;
                (u32::from(a & 0x7f) | u32::from(b) << 7, b == 0)
            }
            _ => self.long_vbi(field)?,
        };
        self.number(field, at, value);
        Ok((value, padded))
    }

    #[inline(never)]
    fn long_vbi(&mut self, field: Field) -> Result<(u32, bool)> {
        let mut value = 0;
        for (index, &byte) in self.rest.iter().take(4).enumerate() {
            value |= u32::from(byte & 0x7f) << (7 * index);
            if byte < 0x80 {
                self.rest = &self.rest[index + 1..];
                return Ok((value, index > 0 && byte == 0));
            }
        }
        let at = self.at();
        match self.rest.len() as u32 {
            have @ 0..4 => {
                Err(DecodeError { kind: ErrorKind::Truncated { need: have + 1, have }, field, at })
            }
            _ => Err(DecodeError { kind: ErrorKind::LengthTooLong, field, at }),
        }
    }

    /// A Variable Byte Integer of MQTT 5, which may not take more bytes than it needs.
    #[inline(always)]
    pub(crate) fn vbi(&mut self, field: Field) -> Result<u32> {
        let at = self.at();
        let (value, padded) = self.padded_vbi(field)?;
        if padded {
            let len = self.at() - at;
            self.violation(Violation::LengthNotMinimal, field, Span::bytes(at, len))?;
        }
        Ok(value)
    }

    /// A Packet Identifier.
    #[inline(always)]
    pub(crate) fn packet_id(&mut self) -> Result<PacketId> {
        let id = self.u16(Field::PacketId)?;
        if id == 0 {
            let at = self.at() - 2;
            self.violation(Violation::PacketIdZero, Field::PacketId, Span::bytes(at, 2))?;
        }
        Ok(PacketId(id))
    }

    #[inline(always)]
    fn take(&mut self, field: Field, len: u16) -> Result<&'b [u8]> {
        let Some((head, rest)) = self.rest.split_at_checked(len.into()) else {
            return self.truncated(field, len.into());
        };
        self.rest = rest;
        Ok(head)
    }

    /// Bytes behind a length of two bytes.
    #[inline(always)]
    pub(crate) fn bytes(&mut self, field: Field) -> Result<&'b [u8]> {
        let len = self.u16(field.length())?;
        let at = self.at();
        let bytes = self.take(field, len)?;
        self.seen.field(field, Span::bytes(at, len.into()), Value::Bytes(bytes));
        Ok(bytes)
    }

    #[inline(always)]
    fn unchecked_text(&mut self, field: Field) -> Result<Text<'b>> {
        let len = self.u16(field.length())?;
        let at = self.at();
        let text = Text(self.take(field, len)?);
        self.seen.field(field, Span::bytes(at, len.into()), Value::Text(text));
        Ok(text)
    }

    /// A string, which must be well-formed UTF-8 without U+0000.
    #[inline(always)]
    pub(crate) fn text(&mut self, field: Field) -> Result<Text<'b>> {
        let text = self.unchecked_text(field)?;
        if !text::is_plain(text.0) {
            self.check_text(field, text)?;
        }
        Ok(text)
    }

    /// A topic name: a string in which no wildcard may stand.
    #[inline(always)]
    pub(crate) fn topic(&mut self, field: Field, wildcard: Violation) -> Result<Text<'b>> {
        let text = self.unchecked_text(field)?;
        if !text::is_plain_topic(text.0) {
            self.check_topic(field, text, wildcard)?;
        }
        Ok(text)
    }

    /// The span of the text that was just read.
    pub(crate) fn span_of(&self, text: Text<'_>) -> Span {
        Span::bytes(self.at() - text.len() as u32, text.len() as u32)
    }

    #[inline(never)]
    fn check_topic(&mut self, field: Field, text: Text<'_>, wildcard: Violation) -> Result<()> {
        self.check_text(field, text)?;
        if text::has_wildcard(text.0) {
            self.violation(wildcard, field, self.span_of(text))?;
        }
        Ok(())
    }

    #[inline(never)]
    fn check_text(&mut self, field: Field, text: Text<'_>) -> Result<()> {
        if text.to_str().is_err() {
            self.violation(Violation::StringNotUtf8, field, self.span_of(text))?;
        }
        if text.0.contains(&0) {
            self.violation(Violation::StringHasNul, field, self.span_of(text))?;
        }
        Ok(())
    }

    /// All that is left of the packet.
    #[inline(always)]
    pub(crate) fn rest(&mut self, field: Field) -> Result<&'b [u8]> {
        let bytes = self.rest;
        if self.missing > 0 {
            return self.truncated(field, bytes.len() as u32 + self.missing);
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

    /// A reader of the next `len` bytes only; this one goes on after them.
    #[inline(always)]
    pub(crate) fn part(&mut self, field: Field, len: u32) -> Result<Reader<'b, '_, O>> {
        let Some((head, rest)) = self.rest.split_at_checked(len as usize) else {
            return self.truncated(field, len);
        };
        let end = self.end - rest.len();
        self.rest = rest;
        Ok(Reader { rest: head, end, missing: 0, seen: self.seen })
    }

    /// The packet's fields are read: nothing may be left.
    #[inline(always)]
    pub(crate) fn finish(&mut self) -> Result<()> {
        if !self.is_at_end() {
            self.trailing()?;
        }
        Ok(())
    }

    #[cold]
    #[inline(never)]
    fn trailing(&mut self) -> Result<()> {
        let at = self.at();
        let len = self.rest(Field::TrailingBytes)?.len() as u32;
        self.violation(Violation::TrailingBytes, Field::TrailingBytes, Span::bytes(at, len))
    }
}
