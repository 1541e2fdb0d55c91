//! WebSocket (RFC 6455) with permessage-deflate (RFC 7692), without I/O.
//!
//! A [`Decoder`] reads one direction of a connection, passively and leniently: it carries on after what is wrong, says
//! so, and says where every byte came from. An [`Encoder`] writes one direction. [`handshake`] holds the HTTP upgrade
//! before both.
//!
//! ```
//! use std::ops::Range;
//! use mqscope_websocket::{Decoder, Encoder, Events, Kind, MessageInfo, Sender};
//!
//! #[derive(Default)]
//! struct Collect(Vec<u8>);
//!
//! impl Events for Collect {
//!     fn data(&mut self, bytes: &[u8], _: Range<u64>, _: &MessageInfo) {
//!         self.0.extend_from_slice(bytes);
//!     }
//! }
//!
//! let mut wire = Vec::new();
//! let mut client = Encoder::new(Sender::Client, None);
//! client.message(Kind::Binary, &[0xc0, 0x00], || 0x1234_5678, &mut wire);
//!
//! let mut collect = Collect::default();
//! let mut decoder = Decoder::new(Sender::Client, None);
//! for byte in wire {
//!     decoder.push(&[byte], &mut collect);
//! }
//! assert_eq!(collect.0, [0xc0, 0x00]);
//! ```
//!
//! **Invariants.** Bytes never make this crate panic. Data, control frames and faults of a direction do not depend on
//! how its bytes are cut into pieces. Memory is bounded, whatever the lengths say: a decoder without compression is
//! smaller than 200 bytes and has a buffer only for masked payload and for control frames cut in two.

mod close;
mod decoder;
mod deflate;
mod encoder;
mod fault;
pub mod frame;
pub mod handshake;
mod mask;

pub use close::{Close, CloseCode};
pub use decoder::{Decoder, Events, MessageInfo};
pub use deflate::{Deflate, ExtensionError, Offer};
pub use encoder::Encoder;
pub use fault::Fault;
pub use frame::{Header, Opcode};
pub use mask::apply_mask;

/// Who sends the frames of a direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sender {
    /// It opened the connection, and masks its frames.
    Client,
    /// It accepted the connection, and does not mask.
    Server,
}

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// UTF-8 text.
    Text,
    /// Bytes.
    Binary,
}

impl Kind {
    /// The opcode of the message's first frame.
    pub const fn opcode(self) -> Opcode {
        match self {
            Self::Text => Opcode::Text,
            Self::Binary => Opcode::Binary,
        }
    }
}
