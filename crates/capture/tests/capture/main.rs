//! What the readers make of files, pipes, spools and interfaces.

mod build;
#[cfg(feature = "libpcap")]
mod filter;
mod laws;
#[cfg(feature = "libpcap")]
mod live;
mod opening;
mod packed;
mod pcap;
mod pcapng;
mod secrets;
mod spool;
mod write;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use mqscope_capture::{Capture, CaptureError, Frame, Truncation};
use tempfile::TempDir;

/// A frame that outlives its reader.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Owned {
    number: u64,
    time: i64,
    interface: u32,
    link: u16,
    at: u64,
    original_len: u32,
    bytes: Vec<u8>,
    comments: Vec<String>,
}

impl From<Frame<'_>> for Owned {
    fn from(frame: Frame<'_>) -> Self {
        Self {
            number: frame.number,
            time: frame.time,
            interface: frame.interface,
            link: frame.link,
            at: frame.at,
            original_len: frame.original_len,
            bytes: frame.bytes.to_vec(),
            comments: frame.comments.map(|comment| comment.into_owned()).collect(),
        }
    }
}

/// What a file gives from end to end.
#[derive(Debug)]
struct Walk {
    frames: Vec<Owned>,
    truncation: Option<Truncation>,
    error: Option<CaptureError>,
    capture: Capture,
}

impl Walk {
    fn times(&self) -> Vec<i64> {
        self.frames.iter().map(|frame| frame.time).collect()
    }

    fn payloads(&self) -> Vec<&[u8]> {
        self.frames.iter().map(|frame| frame.bytes.as_slice()).collect()
    }
}

/// A directory with one file in it.
struct Home {
    directory: TempDir,
}

impl Home {
    fn new() -> Self {
        Self { directory: TempDir::new().expect("a temporary directory") }
    }

    fn file(&self, bytes: &[u8]) -> PathBuf {
        let path = self.directory.path().join("a.pcap");
        fs::write(&path, bytes).expect("a temporary file");
        path
    }
}

fn open(bytes: &[u8]) -> Result<Capture, CaptureError> {
    Capture::open(&Home::new().file(bytes))
}

/// Reads all that a file of these bytes gives, and holds every frame against what stands in the store.
fn walk(bytes: &[u8]) -> Walk {
    walk_on(open(bytes).expect("a capture"))
}

fn walk_on(mut capture: Capture) -> Walk {
    let store = capture.store();
    let mut frames = Vec::new();
    let mut error = None;
    loop {
        match capture.next_frame().map(|frame| frame.map(Owned::from)) {
            Ok(Some(frame)) => {
                let mut again = vec![0; frame.bytes.len()];
                store.read(frame.at, &mut again).expect("the bytes at their position");
                assert_eq!(again, frame.bytes, "frame {} at {}", frame.number, frame.at);
                frames.push(frame);
            }
            Ok(None) if capture.is_live() => capture.wait(Duration::from_secs(10)),
            Ok(None) => break,
            Err(found) => {
                error = Some(found);
                assert!(capture.next_frame().is_ok_and(|frame| frame.is_none()), "nothing follows an error");
                break;
            }
        }
    }
    assert_eq!(capture.stats().frames, frames.len() as u64);
    Walk { frames, truncation: capture.truncation(), error, capture }
}
