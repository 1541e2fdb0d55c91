//! The 27 properties of MQTT 5.0 (§2.2.2).
//!
//! [`Properties`] holds them as they stand on the wire and reads them one by one when asked.

#[cfg(feature = "alloc")]
mod buf;
pub(crate) mod decode;
mod table;

use core::fmt;

#[cfg(feature = "alloc")]
pub use buf::PropertiesBuf;
pub use table::{Property, PropertyId};

use crate::Text;
use table::Kind;
pub(crate) use table::{ALLOWED_IN_WILL, allowed_in};

/// The properties of a packet or of a will, encoded, without their length.
///
/// Two are equal if they hold the same properties in the same order. Before 5.0 there are none.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Properties<'b> {
    bytes: &'b [u8],
}

impl<'b> Properties<'b> {
    /// No properties.
    pub const EMPTY: Self = Self { bytes: &[] };

    /// The properties as they are encoded, without their length.
    #[inline]
    pub const fn as_bytes(&self) -> &'b [u8] {
        self.bytes
    }

    /// Whether there are none.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// All of them in the order of the wire. Ends at an unknown property, whose length none can tell.
    #[inline]
    pub const fn iter(&self) -> PropertyIter<'b> {
        PropertyIter { rest: self.bytes }
    }

    /// The first property of the kind.
    #[inline]
    pub fn find(&self, id: PropertyId) -> Option<Property<'b>> {
        self.iter().find(|property| property.id() == id)
    }

    /// Names and values of the User Properties.
    pub fn user_properties(&self) -> impl Iterator<Item = (Text<'b>, Text<'b>)> + use<'b> {
        self.iter().filter_map(|property| match property {
            Property::UserProperty(name, value) => Some((name, value)),
            _ => None,
        })
    }

    /// The Subscription Identifiers: a PUBLISH may have several.
    pub fn subscription_identifiers(&self) -> impl Iterator<Item = u32> + use<'b> {
        self.iter().filter_map(|property| match property {
            Property::SubscriptionIdentifier(id) => Some(id),
            _ => None,
        })
    }
}

impl<'b> IntoIterator for Properties<'b> {
    type Item = Property<'b>;
    type IntoIter = PropertyIter<'b>;

    #[inline]
    fn into_iter(self) -> PropertyIter<'b> {
        self.iter()
    }
}

impl fmt::Debug for Properties<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// Reads [`Properties`] one by one.
#[derive(Clone)]
pub struct PropertyIter<'b> {
    rest: &'b [u8],
}

impl<'b> PropertyIter<'b> {
    fn read(&mut self) -> Option<Property<'b>> {
        let [id, rest @ ..] = self.rest else { return None };
        let id = PropertyId::from_byte(*id)?;
        self.rest = rest;
        let raw = match id.info().kind {
            Kind::Byte => Raw::Number(self.array::<1>()?[0].into()),
            Kind::TwoBytes => Raw::Number(u16::from_be_bytes(self.array()?).into()),
            Kind::FourBytes => Raw::Number(u32::from_be_bytes(self.array()?)),
            Kind::Variable => Raw::Number(self.variable()?),
            Kind::Text | Kind::Topic | Kind::Bytes => Raw::Bytes(self.prefixed()?),
            Kind::Pair => Raw::Pair(self.prefixed()?, self.prefixed()?),
        };
        Property::from_raw(id, raw)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(*head)
    }

    fn prefixed(&mut self) -> Option<&'b [u8]> {
        let len = u16::from_be_bytes(self.array()?);
        let (head, rest) = self.rest.split_at_checked(len.into())?;
        self.rest = rest;
        Some(head)
    }

    fn variable(&mut self) -> Option<u32> {
        let mut value = 0;
        for shift in [0, 7, 14, 21] {
            let [byte] = self.array()?;
            value |= u32::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }
}

impl<'b> Iterator for PropertyIter<'b> {
    type Item = Property<'b>;

    #[inline]
    fn next(&mut self) -> Option<Property<'b>> {
        let property = self.read();
        if property.is_none() {
            self.rest = &[];
        }
        property
    }
}

/// A property's value before its identifier gives it a meaning.
enum Raw<'b> {
    Number(u32),
    Bytes(&'b [u8]),
    Pair(&'b [u8], &'b [u8]),
}
