//! Walks through captures and says what they hold: `cargo run --example walk -- FILE…`

use std::time::{Duration, Instant};

use mqscope_capture::{Capture, CaptureError};

fn main() -> Result<(), CaptureError> {
    for path in std::env::args_os().skip(1) {
        let start = Instant::now();
        let mut capture = Capture::open(path.as_ref())?;
        loop {
            while capture.next_frame()?.is_some() {}
            if !capture.is_live() {
                break;
            }
            capture.wait(Duration::from_secs(1));
        }
        let stats = capture.stats();
        println!(
            "{}: {} frames, {} bytes in {:?}",
            capture.name(),
            stats.frames,
            stats.bytes,
            start.elapsed()
        );
        for interface in capture.interfaces() {
            println!("  {interface:?}");
        }
        if let Some(truncation) = capture.truncation() {
            println!("  {truncation}");
        }
    }
    Ok(())
}
