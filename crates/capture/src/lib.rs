//! Where frames come from: capture files, live interfaces, the spool.
//!
//! ```no_run
//! # fn main() -> Result<(), mqscope_capture::CaptureError> {
//! let mut capture = mqscope_capture::Capture::open("plant.pcapng".as_ref())?;
//! while let Some(frame) = capture.next_frame()? {
//!     println!("{} {} bytes at {}", frame.number, frame.bytes.len(), frame.at);
//! }
//! if let Some(truncation) = capture.truncation() {
//!     eprintln!("{}: {truncation}", capture.name());
//! }
//! # Ok(()) }
//! ```

mod bytes;
mod capture;
mod error;
mod format;
mod frame;
mod growing;
mod pcap;
mod spool;
mod store;
mod unpack;
mod window;

pub use capture::Capture;
pub use error::{CaptureError, Damage};
pub use format::Looks;
pub use frame::{Frame, Interface, Progress, Stats, Truncation};
pub use spool::{Spool, Stopper};
pub use store::Store;
