//! Work beside the screen: filters look through the packets on a thread of their own.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Receiver, Sender},
    },
    thread,
    time::Duration,
};

use mqscope_dissect::{Inspection, Reader, RowId, filter::Filter};

/// Rows looked at between two messages: a few milliseconds' work, so that the first matches show at once.
const BATCH_ROWS: u32 = 20_000;
/// How often a job looks for new packets of a capture that is still growing.
const LOOK_AGAIN: Duration = Duration::from_millis(30);

/// What a filter found in a stretch of rows.
pub(crate) struct Found {
    pub(crate) generation: u64,
    /// The rows that match, in order.
    pub(crate) rows: Vec<RowId>,
    /// The first row that has not been looked at.
    pub(crate) scanned: u32,
}

/// The filter at work, if any.
pub(crate) struct Jobs {
    inspection: Arc<Inspection>,
    found: Receiver<Found>,
    send: Sender<Found>,
    running: Option<Running>,
}

/// Ends its thread when dropped; what the thread still sends carries an old generation.
struct Running(Arc<AtomicBool>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Jobs {
    pub(crate) fn new(inspection: Arc<Inspection>) -> Self {
        let (send, found) = mpsc::channel();
        Self { inspection, found, send, running: None }
    }

    /// Looks through all packets, and through those that come, until another filter is asked for.
    pub(crate) fn filter(&mut self, generation: u64, filter: Box<Filter>) {
        let stop = Arc::new(AtomicBool::new(false));
        self.running = Some(Running(Arc::clone(&stop)));
        let (inspection, send) = (Arc::clone(&self.inspection), self.send.clone());
        thread::spawn(move || scan(&inspection, &filter, generation, &send, &stop));
    }

    pub(crate) fn forget(&mut self) {
        self.running = None;
    }

    /// What has been found since the last time.
    pub(crate) fn found(&self) -> impl Iterator<Item = Found> + '_ {
        self.found.try_iter()
    }
}

fn scan(inspection: &Inspection, filter: &Filter, generation: u64, send: &Sender<Found>, stop: &AtomicBool) {
    let mut reader = Reader::new(inspection.store().clone());
    let mut scanned = 0;
    loop {
        // asked before the snapshot is taken, so that nothing that came in between is missed
        let is_last = inspection.is_done();
        let snapshot = inspection.snapshot();
        while scanned < snapshot.len() {
            if stop.load(Ordering::Relaxed) {
                return;
            }
            let end = snapshot.len().min(scanned + BATCH_ROWS);
            // what cannot be read any more cannot match
            let mut matches = |row| snapshot.matches(row, filter, &mut reader).unwrap_or(false);
            let rows = (scanned..end).map(RowId).filter(|&row| matches(row)).collect();
            scanned = end;
            if send.send(Found { generation, rows, scanned }).is_err() {
                return;
            }
        }
        if is_last || stop.load(Ordering::Relaxed) {
            return;
        }
        thread::sleep(LOOK_AGAIN);
    }
}
