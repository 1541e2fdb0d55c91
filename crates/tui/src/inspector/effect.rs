//! What an update asks of the world outside the state. Only the loop does these.

use mqscope_dissect::filter::Filter;

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
    /// Put text on the clipboard of the terminal.
    Copy(String),
    Suspend,
}
