use std::sync::Arc;

use crate::growing::{Appender, Ending, Growing, Ring};
use crate::{Capture, CaptureError, Interface, pcap};

/// A growing pcap on disk: one writer of frames, whom any number of captures follow.
///
/// The file has no name and is gone when the last of them is. [`write`](Self::write) collects frames and
/// [`flush`](Self::flush) lets the followers see them, so flush whenever the source pauses.
///
/// ```
/// # use mqscope_capture::{Interface, Spool};
/// # fn main() -> Result<(), mqscope_capture::CaptureError> {
/// let mut spool = Spool::create(Interface { link: 1, ..Interface::default() }, None)?;
/// let mut capture = spool.follow();
/// assert!(capture.next_frame()?.is_none() && capture.is_live());
/// spool.write(1_700_000_000_000_000_000, 60, &[0; 60])?;
/// spool.flush()?;
/// assert_eq!(capture.next_frame()?.map(|frame| frame.bytes.len()), Some(60));
/// drop(spool);
/// assert!(capture.next_frame()?.is_none() && !capture.is_live());
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Spool {
    appender: Appender,
    interface: Interface,
    /// Whole records that followers do not see yet.
    pending: Vec<u8>,
    pending_frames: u64,
}

/// As much is written at once.
const PENDING_BYTES: usize = 256 * 1024;

/// A ring's bound is kept in steps of this part.
const RING_SEGMENTS: u64 = 8;

impl Spool {
    /// Makes a spool for the frames of one interface. With `ring_bytes`, the oldest frames are let go so that no
    /// more than about so many bytes stand on disk.
    ///
    /// # Errors
    /// If no temporary file can be made.
    pub fn create(interface: Interface, ring_bytes: Option<u64>) -> Result<Self, CaptureError> {
        let ring = ring_bytes.map(|bytes| Ring {
            segments: RING_SEGMENTS as usize,
            segment_bytes: (bytes / RING_SEGMENTS).max(1),
        });
        let mut appender = Appender::create(ring)?;
        appender.append(&pcap::file_header(&interface), 0)?;
        Ok(Self { appender, interface, pending: Vec::with_capacity(PENDING_BYTES), pending_frames: 0 })
    }

    /// Takes in a frame: its time in nanoseconds since the Unix epoch, its length on the wire, and its bytes.
    ///
    /// # Errors
    /// If the temporary file cannot be written.
    pub fn write(&mut self, time: i64, original_len: u32, bytes: &[u8]) -> Result<(), CaptureError> {
        if self.pending.len() + bytes.len() + pcap::RECORD_HEADER_LEN > PENDING_BYTES {
            self.flush()?;
        }
        pcap::put_record(&mut self.pending, time, original_len, bytes);
        self.pending_frames += 1;
        Ok(())
    }

    /// Lets the followers see what was written.
    ///
    /// # Errors
    /// If the temporary file cannot be written.
    pub fn flush(&mut self) -> Result<(), CaptureError> {
        if self.pending.is_empty() {
            return Ok(());
        }
        self.appender.append(&self.pending, self.pending_frames)?;
        self.pending.clear();
        self.pending_frames = 0;
        Ok(())
    }

    /// Tells how many frames were lost on their way here: by the kernel, and by the interface or its driver.
    pub fn set_drops(&mut self, kernel: u64, interface: u64) {
        self.appender.set_drops(kernel, interface);
    }

    /// Ends with an error, which every follower will meet behind the last frame.
    pub fn fail(&mut self, error: CaptureError) {
        self.appender.finish(Ending::Failed(Arc::new(error)));
    }

    /// A live capture of what is written here, from the oldest frame that is kept.
    pub fn follow(&self) -> Capture {
        Capture::follow(self.appender.growing().clone(), self.interface.clone())
    }

    /// A handle that asks this spool's writer to end; any thread may hold it.
    pub fn stopper(&self) -> Stopper {
        Stopper { growing: self.appender.growing().clone() }
    }

    /// Whether the writer was asked to end. It then drops the spool.
    pub fn is_stopped(&self) -> bool {
        self.appender.growing().is_stopped()
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        // Nobody is left to be told of a full disk; followers see what could be written.
        let _ = self.flush();
    }
}

/// Asks a live capture to end; what was captured until then can still be read.
#[derive(Debug, Clone)]
pub struct Stopper {
    pub(crate) growing: Arc<Growing>,
}

impl Stopper {
    /// Asks once; asking again does no harm.
    pub fn stop(&self) {
        self.growing.stop();
    }
}
