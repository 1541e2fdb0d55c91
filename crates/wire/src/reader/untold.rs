//! Reads that keep to themselves what they read, so that it can be told of together with what is around it.
#![expect(clippy::result_large_err, reason = "everything here is inlined, and no such value remains")]

use core::array;

use super::{Read, Reader, long_vbi};
use crate::error::Fault;
use crate::{Field, Observer, Span, Text, Value};

/// A field that was read.
type Told<'b> = (Field, Span, Value<'b>);

/// A read that failed, and the fields it had read before. Large, and never there: all that handles it is
/// inlined.
pub(crate) struct Cut<'b> {
    fault: Fault,
    before: [Option<Told<'b>>; 3],
}

impl<'b> Cut<'b> {
    /// Tells of what was read.
    #[inline(always)]
    pub(super) fn tell<O: Observer>(self, seen: &mut O) -> Fault {
        for (field, span, value) in self.before.into_iter().flatten() {
            seen.field(field, span, value);
        }
        self.fault
    }
}

impl From<Fault> for Cut<'_> {
    #[inline(always)]
    fn from(fault: Fault) -> Self {
        Self { fault, before: [None; 3] }
    }
}

/// What is to be told, and what was read.
type Untold<'b, const N: usize, T> = Result<([Told<'b>; N], T), Cut<'b>>;

impl<'b, O: Observer> Reader<'b, '_, O> {
    /// An integer of `N` bytes, the highest first.
    #[inline(always)]
    pub(crate) fn untold_number<const N: usize>(&mut self, field: Field) -> Untold<'b, 1, u32> {
        let at = self.at();
        let bytes = self.array::<N>(field)?;
        let number = bytes.into_iter().fold(0, |number, byte| number << 8 | u32::from(byte));
        Ok(([(field, Span::bytes(at, N as u32), Value::Number(number))], number))
    }

    /// A Variable Byte Integer, and whether it took more bytes than it needed.
    #[inline(always)]
    pub(crate) fn untold_vbi(&mut self, field: Field) -> Untold<'b, 1, (u32, bool)> {
        let at = self.at();
        let (value, padded) = match *self.rest {
            [a, ref rest @ ..] if a < 0x80 => {
                self.rest = rest;
                (a.into(), false)
            }
            _ => {
                let (value, padded, rest) = long_vbi(self.rest, field, self.end)?;
                self.rest = rest;
                (value, padded)
            }
        };
        let span = Span::bytes(at, self.at() - at);
        Ok(([(field, span, Value::Number(value))], (value, padded)))
    }

    /// Bytes behind a length of two bytes.
    #[inline(always)]
    pub(crate) fn untold_bytes(
        &mut self,
        length: Field,
        field: Field,
        value: fn(&'b [u8]) -> Value<'b>,
    ) -> Untold<'b, 2, &'b [u8]> {
        let at = self.at();
        let len = u16::from_be_bytes(self.array(length)?);
        let length = (length, Span::bytes(at, 2), Value::Number(len.into()));
        let Some((head, rest)) = self.rest.split_at_checked(len.into()) else {
            let fault = self.truncated_fault(field, len.into());
            return Err(Cut { fault, before: [Some(length), None, None] });
        };
        self.rest = rest;
        Ok(([length, (field, Span::bytes(at + 2, len.into()), value(head))], head))
    }

    /// A string behind its length, which is not checked.
    #[inline(always)]
    pub(crate) fn untold_text(&mut self, length: Field, field: Field) -> Untold<'b, 2, Text<'b>> {
        let (told, bytes) = self.untold_bytes(length, field, |bytes| Value::Text(Text(bytes)))?;
        Ok((told, Text(bytes)))
    }

    /// Two strings, which are not checked.
    #[inline(always)]
    pub(crate) fn untold_pair(&mut self, first: Field, second: Field) -> Untold<'b, 4, (Text<'b>, Text<'b>)> {
        let ([a, b], name) = self.untold_text(first.length(), first)?;
        match self.untold_text(second.length(), second) {
            Ok(([c, d], value)) => Ok(([a, b, c, d], (name, value))),
            Err(Cut { fault, before: [length, ..] }) => {
                Err(Cut { fault, before: [Some(a), Some(b), length] })
            }
        }
    }

    /// A property: its identifier, which stands next, and its value, `N` fields, told of as one group of `M`.
    #[inline(always)]
    pub(crate) fn property<const N: usize, const M: usize, T>(
        &mut self,
        group: Field,
        read: impl FnOnce(&mut Self) -> Untold<'b, N, T>,
    ) -> Read<T> {
        const { assert!(M == N + 1) };
        let at = self.at();
        let [id] = self.array(Field::PropertyId)?;
        let id = (Field::PropertyId, Span::bytes(at, 1), Value::Number(id.into()));
        match read(self) {
            Ok((told, value)) => {
                let fields: [_; M] = array::from_fn(|index| if index == 0 { id } else { told[index - 1] });
                self.seen.fields(Some(group), fields);
                Ok(value)
            }
            Err(cut) => {
                self.seen.enter(group, at);
                self.seen.fields(None, [id]);
                Err(cut.tell(self.seen))
            }
        }
    }
}
