//! The values that filters compare.

use std::cmp::Ordering;
use std::net::{Ipv4Addr, Ipv6Addr};

/// One value of an operand, borrowed from the packet or from the filter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Value<'a> {
    /// Wide enough for every field and for the difference of any two.
    Number(i128),
    /// Only out of JSON payloads.
    Float(f64),
    Boolean(bool),
    Text(&'a [u8]),
    Bytes(&'a [u8]),
    Ipv4(Network<u32>),
    Ipv6(Network<u128>),
    /// Nanoseconds since the Unix epoch.
    Time(i64),
    /// Nanoseconds.
    Duration(i64),
    /// JSON's null.
    Null,
    /// There, without a value of its own: a heading, a JSON object.
    Present,
}

/// An address and which of its bits count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Network<T> {
    pub(super) address: T,
    pub(super) mask: T,
}

impl From<Ipv4Addr> for Network<u32> {
    fn from(address: Ipv4Addr) -> Self {
        Network { address: address.to_bits(), mask: u32::MAX }
    }
}

impl From<Ipv6Addr> for Network<u128> {
    fn from(address: Ipv6Addr) -> Self {
        Network { address: address.to_bits(), mask: u128::MAX }
    }
}

/// A value of the filter's own.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Constant {
    Number(i128),
    Float(f64),
    Boolean(bool),
    Text(Box<[u8]>),
    Bytes(Box<[u8]>),
    Ipv4(Network<u32>),
    Ipv6(Network<u128>),
    Time(i64),
    Duration(i64),
    Null,
}

impl Constant {
    pub(super) fn value(&self) -> Value<'_> {
        match self {
            Constant::Number(n) => Value::Number(*n),
            Constant::Float(x) => Value::Float(*x),
            Constant::Boolean(b) => Value::Boolean(*b),
            Constant::Text(text) => Value::Text(text),
            Constant::Bytes(bytes) => Value::Bytes(bytes),
            Constant::Ipv4(network) => Value::Ipv4(*network),
            Constant::Ipv6(network) => Value::Ipv6(*network),
            Constant::Time(ns) => Value::Time(*ns),
            Constant::Duration(ns) => Value::Duration(*ns),
            Constant::Null => Value::Null,
        }
    }
}

impl Value<'_> {
    /// A copy that outlives the packet; nothing of a value that is none.
    pub(super) fn constant(self) -> Option<Constant> {
        Some(match self {
            Value::Number(n) => Constant::Number(n),
            Value::Float(x) => Constant::Float(x),
            Value::Boolean(b) => Constant::Boolean(b),
            Value::Text(text) => Constant::Text(text.into()),
            Value::Bytes(bytes) => Constant::Bytes(bytes.into()),
            Value::Ipv4(network) => Constant::Ipv4(network),
            Value::Ipv6(network) => Constant::Ipv6(network),
            Value::Time(ns) => Constant::Time(ns),
            Value::Duration(ns) => Constant::Duration(ns),
            Value::Null => Constant::Null,
            Value::Present => return None,
        })
    }

    /// The bytes of text and byte sequences.
    pub(super) fn bytes(&self) -> Option<&[u8]> {
        match self {
            Value::Text(bytes) | Value::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// Whether arithmetic in the place of a test counts as true.
    pub(super) fn is_nonzero(self) -> bool {
        match self {
            Value::Number(n) => n != 0,
            Value::Float(x) => x != 0.0,
            Value::Boolean(b) => b,
            Value::Time(ns) | Value::Duration(ns) => ns != 0,
            Value::Ipv4(network) => network.address != 0,
            Value::Ipv6(network) => network.address != 0,
            Value::Text(_) | Value::Bytes(_) | Value::Present => true,
            Value::Null => false,
        }
    }

    /// Which is greater; `None` for values of different kinds, which are neither equal nor ordered. Addresses are
    /// compared by the bits that count in both.
    pub(super) fn compare(self, other: Value<'_>) -> Option<Ordering> {
        Some(match (self, other) {
            (Value::Number(a), Value::Number(b)) => a.cmp(&b),
            (Value::Float(a), Value::Float(b)) => a.partial_cmp(&b)?,
            (Value::Number(a), Value::Float(b)) => (a as f64).partial_cmp(&b)?,
            (Value::Float(a), Value::Number(b)) => a.partial_cmp(&(b as f64))?,
            (Value::Float(a), Value::Duration(b)) => a.partial_cmp(&(b as f64 / 1e9))?,
            (Value::Duration(a), Value::Float(b)) => (a as f64 / 1e9).partial_cmp(&b)?,
            (Value::Duration(a), Value::Number(b)) => i128::from(a).cmp(&b.checked_mul(1_000_000_000)?),
            (Value::Number(a), Value::Duration(b)) => a.checked_mul(1_000_000_000)?.cmp(&i128::from(b)),
            (Value::Boolean(a), Value::Boolean(b)) => a.cmp(&b),
            (Value::Text(a) | Value::Bytes(a), Value::Text(b) | Value::Bytes(b)) => a.cmp(b),
            (Value::Ipv4(a), Value::Ipv4(b)) => {
                let mask = a.mask & b.mask;
                (a.address & mask).cmp(&(b.address & mask))
            }
            (Value::Ipv6(a), Value::Ipv6(b)) => {
                let mask = a.mask & b.mask;
                (a.address & mask).cmp(&(b.address & mask))
            }
            (Value::Time(a), Value::Time(b)) | (Value::Duration(a), Value::Duration(b)) => a.cmp(&b),
            (Value::Null, Value::Null) => Ordering::Equal,
            _ => return None,
        })
    }
}
