//! Packets as JSON, in the shape the npm package `mqtt-packet` has given its objects for years.
//!
//! [`Json`] prints a packet, [`Object`] takes what was printed (or written by hand) and gives a packet to
//! encode. A payload, password or other binary data that is valid UTF-8 is a string, any other is
//! `{"base64":"…"}`; [`Object`] also takes what Node makes of a `Buffer`, `{"type":"Buffer","data":[…]}`.
//!
//! ```
//! use mqscope_wire::json::{Json, Object};
//! use mqscope_wire::{Strict, Version, decode, frame};
//!
//! let bytes = b"\x30\x0a\x00\x04testtest";
//! let frame = frame::next(bytes)?.expect("a whole fixed header");
//! let packet = decode(bytes, Version::V311, &mut Strict)?;
//! let text = serde_json::to_string(&Json::new(&packet, Version::V311, frame))?;
//! assert_eq!(
//!     text,
//!     r#"{"cmd":"publish","retain":false,"qos":0,"dup":false,"length":10,"topic":"test","payload":"test"}"#
//! );
//!
//! let object: Object = serde_json::from_str(&text)?;
//! assert_eq!(object.packet(Version::V311)?, packet);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod data;
mod object;
mod print;
mod properties;

pub use object::{Object, ObjectError};
pub use print::{Json, Secrets};

use crate::PacketType;

/// The word in `cmd`.
const fn cmd(kind: PacketType) -> &'static str {
    match kind {
        PacketType::Reserved => "reserved",
        PacketType::Connect => "connect",
        PacketType::ConnAck => "connack",
        PacketType::Publish => "publish",
        PacketType::PubAck => "puback",
        PacketType::PubRec => "pubrec",
        PacketType::PubRel => "pubrel",
        PacketType::PubComp => "pubcomp",
        PacketType::Subscribe => "subscribe",
        PacketType::SubAck => "suback",
        PacketType::Unsubscribe => "unsubscribe",
        PacketType::UnsubAck => "unsuback",
        PacketType::PingReq => "pingreq",
        PacketType::PingResp => "pingresp",
        PacketType::Disconnect => "disconnect",
        PacketType::Auth => "auth",
    }
}
