//! What an update asks of the world outside the state. Only the loop does these.

use std::sync::Arc;

use mqscope_dissect::{filter::Filter, search::Search};

use super::jobs::{Among, Toward};

/// One thing to do.
#[derive(Debug)]
pub(crate) enum Effect {
    Quit,
    /// Stop reading or capturing; what is there stays.
    StopReading,
    /// Look for the packets that a filter lets through; results carry the generation.
    Filter {
        generation: u64,
        filter: Box<Filter>,
    },
    /// Results of filters are wanted no longer.
    ForgetFilter,
    /// Look for the next packet with a text in it, from a place of `among` on, which is looked at last.
    Search {
        generation: u64,
        search: Arc<Search>,
        among: Among,
        from: usize,
        toward: Toward,
    },
    /// The result of the search is wanted no longer.
    ForgetSearch,
    /// Put text on the clipboard of the terminal.
    Copy(String),
    Suspend,
}
