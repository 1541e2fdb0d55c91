//! Frames to ordered application bytes: link types, IP, TCP reassembly, TLS decryption.
//!
//! Sans-IO: the caller pushes [`Frame`]s of any source, and a [`Sink`] is handed each direction's bytes in order, with
//! what is missing said. In-order data is borrowed from the frame; only data that comes too early is copied.
//!
//! ```
//! use mqscope_stream::{Chunk, Direction, FlowId, Frame, Limits, Reassembler, Sink};
//!
//! #[derive(Default)]
//! struct Print(Vec<u8>);
//!
//! impl Sink for Print {
//!     fn data(&mut self, _: FlowId, _: Direction, chunk: Chunk<'_>) {
//!         self.0.extend_from_slice(chunk.bytes);
//!     }
//! }
//!
//! // raw IP (link type 101): IPv4, TCP from 10.0.0.1:50000 to 10.0.0.2:1883, PINGREQ
//! let bytes = [
//!     0x45, 0, 0, 42, 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, // IP
//!     0xc3, 0x50, 0x07, 0x5b, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x18, 1, 0, 0, 0, 0, 0, // TCP
//!     0xc0, 0x00,
//! ];
//! let mut sink = Print::default();
//! let mut reassembler = Reassembler::new(Limits::default());
//! reassembler.push(&Frame { number: 1, time: 0, link: 101, at: 40, original_len: 42, bytes: &bytes }, &mut sink);
//! reassembler.finish(&mut sink);
//! assert_eq!(sink.0, [0xc0, 0x00]);
//! ```
//!
//! **Invariants.** Bytes from the network never panic. Memory is bounded by [`Limits`]. For each direction the offsets
//! of chunks and gaps follow one another without a hole, and no byte is handed out twice.
//!
//! What TLS protects is decrypted by [`tls`], given the secrets.

mod analysis;
mod flow;
mod fragments;
mod frame;
mod headers;
mod limits;
mod reassembler;
mod sink;
mod table;
mod tcp;
pub mod tls;

pub use analysis::Analysis;
pub use frame::{Frame, Moment};
pub use headers::{Header, HeaderError, Headers, Ipv4, Ipv6, Layer, Tcp, TcpFlags, headers};
pub use limits::Limits;
pub use reassembler::{Reassembler, Stats};
pub use sink::{Chunk, Close, CloseReason, Direction, FlowId, FlowKey, Gap, GapCause, Segment, Sink};
