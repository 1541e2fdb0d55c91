//! MQTT 3.1, 3.1.1 and 5.0 packets, from bytes and back, without copying.
//!
//! One decoder serves every use: what it reports besides the packet is the [`Observer`]'s choice.
//! [`Strict`] turns the first broken rule into an error, [`Lenient`] carries on, and [`Notes`] records
//! which bits of the packet every field came from and every rule that was broken.
//!
//! ```
//! use mqscope_wire::{Field, Notes, Packet, Strict, Version, decode};
//!
//! let bytes = [0x30, 0x0a, 0x00, 0x04, b't', b'e', b's', b't', b't', b'e', b's', b't'];
//! let Packet::Publish(publish) = decode(&bytes, Version::V311, &mut Strict)? else { unreachable!() };
//! assert_eq!((publish.topic.as_bytes(), publish.payload), (&b"test"[..], &b"test"[..]));
//!
//! let mut notes = Notes::new();
//! decode(&bytes, Version::V311, &mut notes)?;
//! let topic = notes.notes().find(|note| note.field() == Field::Topic).unwrap();
//! assert_eq!((topic.span().start, topic.span().len), (4, 4));
//! # Ok::<(), mqscope_wire::DecodeError>(())
//! ```
//!
//! **Invariants.** Bytes never make this crate panic. Decoding allocates nothing (only [`Notes`] has a
//! buffer, which is used again). The spans reported for an accepted packet tile it, down to single flag
//! bits. Decoding what was encoded gives the same packet. All observers see the same packet where no
//! rule is broken.
#![cfg_attr(not(test), no_std)]

#[cfg(feature = "alloc")]
extern crate alloc;

mod error;
mod field;
pub mod frame;
#[cfg(feature = "serde")]
pub mod json;
#[cfg(feature = "alloc")]
mod notes;
mod observer;
mod packet;
mod property;
mod reader;
mod reason;
mod text;
mod types;
mod violation;
mod writer;

pub use error::{DecodeError, EncodeError, EncodeErrorKind, ErrorKind};
pub use field::Field;
#[cfg(feature = "alloc")]
pub use notes::{Note, NoteIter, NoteKind, Notes};
pub use observer::{Lenient, Observer, Span, Strict, Value};
#[cfg(feature = "alloc")]
pub use packet::encode;
pub use packet::{
    Ack, Auth, ConnAck, Connect, Disconnect, Packet, Publish, ReasonCodes, SubAck, Subscribe, Subscription,
    SubscriptionOptions, Subscriptions, TopicFilters, UnsubAck, Unsubscribe, Will, decode, encode_to_slice,
    encoded_len,
};
#[cfg(feature = "alloc")]
pub use packet::{SubscriptionsBuf, TopicFiltersBuf};
#[cfg(feature = "alloc")]
pub use property::PropertiesBuf;
pub use property::{Properties, Property, PropertyId, PropertyIter};
pub use reason::ReasonCode;
pub use text::Text;
pub use types::{PacketId, PacketType, QoS, RetainHandling, Version};
pub use violation::{Severity, Violation};
