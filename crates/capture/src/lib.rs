//! Where frames come from: capture files, pipes, live interfaces, the spool.
//!
//! ```no_run
//! use mqscope_capture::{Capture, live};
//! use std::time::Duration;
//!
//! # fn main() -> Result<(), mqscope_capture::CaptureError> {
//! let mut capture = match std::env::args().nth(1) {
//!     Some(file) => Capture::open(file.as_ref())?,
//!     None => live::open(&live::LiveOptions::new("lo"))?,
//! };
//! loop {
//!     while let Some(frame) = capture.next_frame()? {
//!         println!("{} {} bytes at {}", frame.number, frame.bytes.len(), frame.at);
//!     }
//!     if !capture.is_live() {
//!         break;
//!     }
//!     capture.wait(Duration::from_secs(1));
//! }
//! if let Some(truncation) = capture.truncation() {
//!     eprintln!("{}: {truncation}", capture.name());
//! }
//! # Ok(()) }
//! ```
//!
//! Invariants:
//! - A frame's bytes can be read again: they stand at [`Frame::at`] in the [`Store`], for as long as a ring keeps them.
//!   What is not a plain file goes through unlinked temporary files, in `TMPDIR` or `/var/tmp`.
//! - Every whole frame before a cut or a damage is given, and none is made up behind it.
//! - Memory is bounded by the longest frame (16 MiB) and the number of interfaces, whatever the bytes say.
//! - A live source never waits for its reader.

mod bytes;
mod capture;
mod error;
mod filter;
mod format;
mod frame;
mod growing;
pub mod live;
mod pcap;
mod pcapng;
mod scratch;
mod spool;
mod store;
mod unpack;
mod window;
mod write;

pub use capture::Capture;
pub use error::{CaptureError, Damage};
pub use filter::FrameFilter;
pub use format::Looks;
pub use frame::{Comments, Frame, Interface, Progress, Stats, Truncation};
pub use spool::{Spool, Stopper};
pub use store::Store;
pub use write::Writer;
