//! Properties that are put together.

use alloc::vec::Vec;

use super::table::Kind;
use super::{Properties, Property, Raw};
use crate::writer::{MAX_VBI, Writer, prefixed_len};
use crate::{EncodeError, EncodeErrorKind, Field};

/// Properties one puts together to send.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PropertiesBuf {
    bytes: Vec<u8>,
}

impl PropertiesBuf {
    /// None yet.
    pub const fn new() -> Self {
        Self { bytes: Vec::new() }
    }

    /// Adds a property after the others. Whether it may stand in the packet is not asked.
    ///
    /// # Errors
    /// A string or bytes longer than 65,535, a Subscription Identifier over 268,435,455.
    pub fn push(&mut self, property: Property<'_>) -> Result<(), EncodeError> {
        let id = property.id();
        let info = id.info();
        match property.raw() {
            Raw::Number(value) => {
                if info.kind == Kind::Variable && value > MAX_VBI {
                    let kind = EncodeErrorKind::TooLong { len: value as usize, max: MAX_VBI as usize };
                    return Err(EncodeError::new(kind, info.field));
                }
                self.bytes.u8(id as u8);
                match info.kind {
                    Kind::Byte => self.bytes.u8(value as u8),
                    Kind::TwoBytes => self.bytes.u16(value as u16),
                    Kind::Variable => self.bytes.vbi(value),
                    _ => self.bytes.u32(value),
                }
            }
            Raw::Bytes(value) => {
                prefixed_len(info.field, value)?;
                self.bytes.u8(id as u8);
                self.bytes.prefixed(value);
            }
            Raw::Pair(name, value) => {
                prefixed_len(Field::UserPropertyName, name)?;
                prefixed_len(Field::UserPropertyValue, value)?;
                self.bytes.u8(id as u8);
                self.bytes.prefixed(name);
                self.bytes.prefixed(value);
            }
        }
        Ok(())
    }

    /// Takes all out again but keeps the buffer.
    pub fn clear(&mut self) {
        self.bytes.clear();
    }

    /// The properties for a packet.
    #[inline]
    pub fn as_properties(&self) -> Properties<'_> {
        Properties { bytes: &self.bytes }
    }
}
