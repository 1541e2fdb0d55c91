//! Work beside the screen: filters and searches look through the packets on threads of their own.

use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Receiver, Sender},
    },
    thread,
    time::Duration,
};

use mqscope_dissect::{Inspection, Reader, RowId, Snapshot, filter::Filter, search::Search};

/// Rows looked at before the first message, so that the first matches show at once.
const FIRST_ROWS: u32 = 2_000;
/// Rows looked at between two messages: a few milliseconds' work.
const BATCH_ROWS: u32 = 20_000;
/// Rows that a search looks at between two questions whether it is still wanted.
const SEARCH_BLOCK: usize = 1024;
/// How often a job looks for new packets of a capture that is still growing.
const LOOK_AGAIN: Duration = Duration::from_millis(30);

/// What a job has to tell. What carries an old generation is of a job that is wanted no longer.
#[derive(Debug)]
pub(crate) struct News {
    pub(crate) generation: u64,
    pub(crate) kind: NewsKind,
}

#[derive(Debug)]
pub(crate) enum NewsKind {
    /// The rows that a filter lets through, in order, in a stretch that ends before the row `scanned`.
    Filtered { rows: Vec<RowId>, scanned: u32 },
    /// What a search came to.
    Sought(Option<Hit>),
}

/// A packet that has the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hit {
    pub(crate) row: RowId,
    /// The label of the field that has it.
    pub(crate) label: &'static str,
    /// Whether the search went on at the other end to find it.
    pub(crate) wrapped: bool,
}

/// The packets that are searched.
#[derive(Debug)]
pub(crate) enum Among {
    /// The first so many.
    First(u32),
    /// Those that a filter let through.
    Rows(Vec<RowId>),
}

/// Which way a search goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Toward {
    End,
    Start,
}

/// The jobs at work, at most one of a kind.
pub(crate) struct Jobs {
    inspection: Arc<Inspection>,
    news: Receiver<News>,
    send: Sender<News>,
    filtering: Option<Running>,
    searching: Option<Running>,
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
        let (send, news) = mpsc::channel();
        Self { inspection, news, send, filtering: None, searching: None }
    }

    /// Looks through all packets, and through those that come, until another filter is asked for.
    pub(crate) fn filter(&mut self, generation: u64, filter: Box<Filter>) {
        self.filtering = None;
        self.filtering = Some(self.start(move |work| work.filter(&filter, generation)));
    }

    pub(crate) fn forget_filter(&mut self) {
        self.filtering = None;
    }

    /// Looks for the next packet with the text, from the place after (or before) `from` on and around.
    pub(crate) fn search(
        &mut self,
        generation: u64,
        search: Arc<Search>,
        among: Among,
        from: usize,
        toward: Toward,
    ) {
        self.searching = None;
        self.searching = Some(self.start(move |work| work.search(generation, &search, &among, from, toward)));
    }

    pub(crate) fn forget_search(&mut self) {
        self.searching = None;
    }

    /// What there is to tell since the last time.
    pub(crate) fn news(&self) -> impl Iterator<Item = News> + '_ {
        self.news.try_iter()
    }

    fn start(&self, job: impl FnOnce(Work) + Send + 'static) -> Running {
        let stop = Arc::new(AtomicBool::new(false));
        let work = Work {
            inspection: Arc::clone(&self.inspection),
            send: self.send.clone(),
            stop: Arc::clone(&stop),
        };
        thread::spawn(move || job(work));
        Running(stop)
    }
}

/// What a job works with.
struct Work {
    inspection: Arc<Inspection>,
    send: Sender<News>,
    stop: Arc<AtomicBool>,
}

impl Work {
    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn filter(self, filter: &Filter, generation: u64) {
        let mut reader = Reader::new(self.inspection.store().clone());
        let mut scanned = 0;
        loop {
            // asked before the snapshot is taken, so that nothing that came in between is missed
            let is_last = self.inspection.is_done();
            let snapshot = self.inspection.snapshot();
            while scanned < snapshot.len() {
                let batch = if scanned == 0 { FIRST_ROWS } else { BATCH_ROWS };
                let end = snapshot.len().min(scanned + batch);
                // what cannot be read any more cannot match
                let mut matches = |row| snapshot.matches(row, filter, &mut reader).unwrap_or(false);
                let rows = (scanned..end).map(RowId).filter(|&row| matches(row)).collect();
                scanned = end;
                let kind = NewsKind::Filtered { rows, scanned };
                if self.is_stopped() || self.send.send(News { generation, kind }).is_err() {
                    return;
                }
            }
            if is_last || self.is_stopped() {
                return;
            }
            thread::sleep(LOOK_AGAIN);
        }
    }

    fn search(self, generation: u64, search: &Search, among: &Among, from: usize, toward: Toward) {
        let snapshot = self.inspection.snapshot();
        let mut reader = Reader::new(self.inspection.store().clone());
        let len = among.len(&snapshot);
        let (ahead, around) = match toward {
            Toward::End => ((from + 1).min(len)..len, 0..(from + 1).min(len)),
            Toward::Start => (0..from.min(len), from.min(len)..len),
        };
        for (stretch, wrapped) in [(ahead, false), (around, true)] {
            for block in blocks(stretch, toward) {
                if self.is_stopped() {
                    return;
                }
                let mut hits = block.filter_map(|place| {
                    let row = among.row(place);
                    let view = snapshot.view(row, &mut reader).ok()?;
                    search.find(&view).map(|label| Hit { row, label, wrapped })
                });
                // the bytes are read from the front either way, as they stand in the capture
                let hit = match toward {
                    Toward::End => hits.next(),
                    Toward::Start => hits.last(),
                };
                if hit.is_some() {
                    let _ = self.send.send(News { generation, kind: NewsKind::Sought(hit) });
                    return;
                }
            }
        }
        let _ = self.send.send(News { generation, kind: NewsKind::Sought(None) });
    }
}

/// The places of a stretch in blocks, the first or the last block first.
fn blocks(stretch: Range<usize>, toward: Toward) -> impl Iterator<Item = Range<usize>> {
    let count = stretch.len().div_ceil(SEARCH_BLOCK);
    (0..count).map(move |nth| {
        let nth = if toward == Toward::End { nth } else { count - 1 - nth };
        let start = stretch.start + nth * SEARCH_BLOCK;
        start..stretch.end.min(start + SEARCH_BLOCK)
    })
}

impl Among {
    fn len(&self, snapshot: &Snapshot) -> usize {
        match self {
            Self::First(count) => (*count).min(snapshot.len()) as usize,
            Self::Rows(rows) => rows.partition_point(|row| row.0 < snapshot.len()),
        }
    }

    fn row(&self, place: usize) -> RowId {
        match self {
            // a place is below a count of rows
            Self::First(_) => RowId(place as u32),
            Self::Rows(rows) => rows[place],
        }
    }
}
