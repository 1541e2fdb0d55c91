//! A growing index of the MQTT packets in a capture, filters, exchanges and printing.
//!
//! An [`Indexer`] reads frames and appends a row a packet: when, which connection, what kind, where its bytes are. It
//! shows each packet to a [`Visitor`] while the bytes are at hand; later a [`Snapshot`] finds them again in the
//! capture's store. Either way a packet is seen as a [`PacketView`], which filters look at and printers print.
//!
//! **Invariants.** Bytes from the network never panic. Memory beside the index is bounded for each direction of each
//! connection. No packet is invented: where the capture does not tell where one begins, rows come only from a run of
//! packets that is too well-formed to be anything else, and say that they are a guess.

pub mod annotate;
mod carrier;
mod conformance;
mod connection;
mod conversation;
mod error;
pub mod escape;
pub mod fields;
pub mod filter;
mod index;
mod indexer;
mod infer;
mod inspection;
mod keys;
mod lane;
mod layers;
mod origin;
pub mod outline;
pub mod payload;
pub mod print;
mod recognise;
mod resync;
mod row;
pub mod search;
mod settings;
mod snapshot;
pub mod statistics;
pub mod summary;
pub mod time;
mod tls;
mod trail;
mod view;
mod websocket;

pub use carrier::CarrierMessage;
pub use conformance::{Breach, Finding};
pub use error::DissectError;
pub use index::flow::{Flow, Session, Transport};
pub use indexer::{Indexer, Unseen, Visitor};
pub use inspection::{Inspection, Progress, Stage};
pub use keys::KeyLogFile;
pub use origin::Layer;
pub use row::{Extent, Extents, FrameRef, Row, RowFlags, RowId, RowKind, Side};
pub use settings::{DecodeAs, Protocol, Settings};
pub use snapshot::{Reader, Snapshot, Traffic};
pub use view::{AnyBreach, Body, Findings, PacketView, Peer};
