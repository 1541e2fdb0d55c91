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
mod filter;
mod format;
mod frame;
mod growing;
pub mod live;
mod pcap;
mod pcapng;
mod spool;
mod store;
mod unpack;
mod window;
mod write;

pub use capture::Capture;
pub use error::{CaptureError, Damage};
pub use filter::FrameFilter;
pub use format::Looks;
pub use frame::{Comments, Frame, Interface, Progress, Secrets, Stats, Truncation};
pub use spool::{Spool, Stopper};
pub use store::Store;
pub use write::Writer;
