//! TLS 1.2 and 1.3, read by a third party who was given the secrets.
//!
//! Sans-IO like the rest of the crate: a [`KeyLog`] takes the secrets that applications write for `SSLKEYLOGFILE`, a
//! [`Session`] takes the bytes of one connection, and [`Events`] are handed the hellos, the plaintext and what could
//! not be decrypted.
//!
//! ```
//! use std::ops::Range;
//!
//! use mqscope_stream::Direction;
//! use mqscope_stream::tls::{Events, KeyLog, Session};
//!
//! #[derive(Default)]
//! struct Text(Vec<u8>);
//!
//! impl Events for Text {
//!     fn data(&mut self, _: Direction, plaintext: &[u8], _raw: Range<u64>) {
//!         self.0.extend_from_slice(plaintext);
//!     }
//! }
//!
//! let mut keys = KeyLog::default();
//! keys.add(b"# SSLKEYLOGFILE of the client\n");
//! let (mut session, mut text) = (Session::new(), Text::default());
//! let hello = [0x16, 3, 1, 0, 4]; // the header of a first record
//! session.push(Direction::Forward, &hello, &keys, &mut text);
//! assert!(text.0.is_empty());
//! ```
//!
//! | version | what can be decrypted |
//! |---|---|
//! | 1.3 | all suites of RFC 8446; 0-RTT data, resumption, KeyUpdate |
//! | 1.2 | AES-GCM, AES-CCM, ChaCha20-Poly1305 and AES-CBC with any key exchange; encrypt-then-MAC, renegotiation |
//!
//! **Invariants.** Bytes from the network never panic. A session holds at most 256 KiB and one record for each
//! direction, and 128 KiB of a handshake message; once the handshake is over it holds at most one record. The time a
//! push takes is linear in the bytes pushed so far, also where sequence numbers are searched. Nothing is allocated for
//! a record of up to 4 KiB that is whole in what is pushed.

mod agreed;
mod certificate;
mod cipher;
mod events;
mod framing;
mod hello;
mod keylog;
mod messages;
mod reader;
mod record;
mod secrets;
mod session;
mod side;
mod suite;

pub use certificate::Certificate;
pub use events::{Alert, Events, Undecrypted};
pub use hello::{ClientHello, ServerHello, Version};
pub use keylog::{KeyLog, LineError, MalformedLine};
pub use record::{Fault, Likeness, looks_like_records, starts_like_tls};
pub use session::Session;
pub use suite::CipherSuite;
