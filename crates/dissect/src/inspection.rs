//! A capture that is read and indexed beside its readers.

use std::{
    ops::ControlFlow,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use mqscope_capture::{Capture, Stats, Stopper, Store};

use crate::{DissectError, Indexer, Settings, Snapshot, Unseen};

/// How often readers get to see what was indexed, at most.
const PUBLISH_EVERY: Duration = Duration::from_millis(40);
/// Frames between two looks at the clock: a fraction of a millisecond's work.
const FRAMES_A_LOOK: u32 = 512;
/// How long the thread waits for more of a live capture at a time.
const WAIT: Duration = Duration::from_millis(100);

/// A capture that a thread of its own reads and indexes. Dropping it stops the thread.
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use mqscope_dissect::{Inspection, Settings};
/// let capture = mqscope_capture::Capture::open("plant.pcapng".as_ref())?;
/// let inspection = Inspection::start(capture, Settings::default())?;
/// println!("{} packets so far", inspection.snapshot().len());
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Inspection {
    shared: Arc<Shared>,
    store: Store,
    stopper: Option<Stopper>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    published: Mutex<(Snapshot, Progress)>,
    stop: AtomicBool,
    /// Nobody is there to read any more; what a source still holds back is not waited for.
    abandoned: AtomicBool,
}

/// How far a capture has been read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Progress {
    /// What was read and lost.
    pub stats: Stats,
    /// How much of the capture was read, between 0 and 1, where its size is known.
    pub fraction: Option<f64>,
    /// Whether more will come.
    pub stage: Stage,
    /// What the capture lacks at its end, or why it could not be read further.
    pub trouble: Option<String>,
}

/// Whether more packets will come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stage {
    /// The capture is being read.
    #[default]
    Reading,
    /// All there was has been read; more comes as it is captured.
    Live,
    /// Nothing more comes.
    Done,
}

impl Inspection {
    /// Starts to read and index the capture.
    ///
    /// # Errors
    /// No thread can be started.
    pub fn start(capture: Capture, settings: Settings) -> std::io::Result<Self> {
        let store = capture.store();
        let stopper = capture.stopper();
        let stage = if capture.is_live() { Stage::Live } else { Stage::Reading };
        let progress = Progress { stage, ..Progress::default() };
        let shared = Arc::new(Shared {
            published: Mutex::new((Snapshot::empty(), progress)),
            stop: AtomicBool::new(false),
            abandoned: AtomicBool::new(false),
        });
        let indexer = Indexer::new(settings, store.clone());
        let thread = thread::Builder::new().name("indexer".to_owned()).spawn({
            let shared = Arc::clone(&shared);
            move || Worker { capture, indexer, shared, published: None, rows: 0 }.run()
        })?;
        Ok(Self { shared, store, stopper, thread: Some(thread) })
    }

    /// The index and how far it goes, as they were published last.
    pub fn look(&self) -> (Snapshot, Progress) {
        self.shared.published.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The index as it was published last.
    pub fn snapshot(&self) -> Snapshot {
        self.look().0
    }

    /// Whether no more packets will come.
    pub fn is_done(&self) -> bool {
        self.look().1.stage == Stage::Done
    }

    /// Where the bytes behind the index stand.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Reads and captures no further; what is indexed stays. Returns at once.
    pub fn stop(&self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(stopper) = &self.stopper {
            stopper.stop();
        }
    }
}

impl Drop for Inspection {
    fn drop(&mut self) {
        self.shared.abandoned.store(true, Ordering::Relaxed);
        self.stop();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Worker {
    capture: Capture,
    indexer: Indexer,
    shared: Arc<Shared>,
    published: Option<Instant>,
    /// Rows when that was.
    rows: u32,
}

impl Worker {
    fn run(mut self) {
        let trouble = match self.index() {
            Ok(()) => self.capture.truncation().map(|truncation| truncation.to_string()),
            Err(error) => Some(error.to_string()),
        };
        let _ = self.indexer.finish(&mut Unseen);
        self.publish(Stage::Done, trouble);
    }

    fn index(&mut self) -> Result<(), DissectError> {
        loop {
            let mut frames = 0;
            let _ = self.indexer.look_for_keys(&mut Unseen)?;
            loop {
                let _ = self.indexer.take_keys(&mut self.capture, &mut Unseen)?;
                let Some(frame) = self.capture.next_frame()? else { break };
                let (ControlFlow::Continue(()) | ControlFlow::Break(())) =
                    self.indexer.push(&frame, &mut Unseen)?;
                frames += 1;
                if frames % FRAMES_A_LOOK == 0 {
                    if self.shared.abandoned.load(Ordering::Relaxed) {
                        return Ok(());
                    }
                    if self.shared.stop.load(Ordering::Relaxed) && !self.capture.is_live() {
                        return Ok(());
                    }
                    if self.published.is_none_or(|at| at.elapsed() >= PUBLISH_EVERY) {
                        self.publish(Stage::Reading, None);
                    }
                }
            }
            if !self.capture.is_live() || self.shared.abandoned.load(Ordering::Relaxed) {
                return Ok(());
            }
            if frames > 0 || self.indexer.len() > self.rows || self.published.is_none() {
                self.publish(Stage::Live, None);
            }
            self.capture.wait(WAIT);
        }
    }

    fn publish(&mut self, stage: Stage, trouble: Option<String>) {
        let stage = if stage == Stage::Reading && self.capture.is_live() { Stage::Live } else { stage };
        let progress = self.capture.progress();
        let fraction =
            progress.total.filter(|&total| total > 0).map(|total| progress.done as f64 / total as f64);
        let progress = Progress { stats: self.capture.stats(), fraction, stage, trouble };
        let snapshot = self.indexer.snapshot();
        *self.shared.published.lock().unwrap_or_else(PoisonError::into_inner) = (snapshot, progress);
        self.published = Some(Instant::now());
        self.rows = self.indexer.len();
    }
}
