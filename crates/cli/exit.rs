//! Exit codes, the same everywhere, and the failures that carry them.

use std::{fmt, io, process::ExitCode};

/// What the process tells its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    Passed = 0,
    /// A threshold or a check failed.
    Failed = 1,
    /// Bad usage or a bad scenario.
    Usage = 2,
    /// The run's figures are not to be believed.
    Invalid = 3,
    /// Worse than the baseline.
    Worse = 4,
    /// Could not read, connect or capture.
    Io = 5,
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

/// An error on its way to standard error, with the exit code it ends in.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    pub(crate) error: anyhow::Error,
}

impl Failure {
    pub(crate) fn usage(message: impl fmt::Display) -> Self {
        Self { exit: Exit::Usage, error: anyhow::anyhow!("{message}") }
    }

    pub(crate) fn io(error: impl Into<anyhow::Error>) -> Self {
        Self { exit: Exit::Io, error: error.into() }
    }

    /// Whether the reader of our output went away, which is no error (`mqscope dump … | head`).
    pub(crate) fn is_closed_pipe(&self) -> bool {
        self.error
            .chain()
            .filter_map(|cause| cause.downcast_ref::<io::Error>())
            .any(|error| error.kind() == io::ErrorKind::BrokenPipe)
    }
}

impl fmt::Display for Failure {
    /// The error and its causes; those whose words an error already has in its own are left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut said = self.error.to_string();
        for cause in self.error.chain().skip(1).map(ToString::to_string) {
            if !said.contains(&cause) {
                said = format!("{said}: {cause}");
            }
        }
        f.write_str(&said)
    }
}

/// What every command gives back.
pub(crate) type Outcome = Result<Exit, Failure>;

/// Gives an error its exit code and says what was being done.
pub(crate) trait OrExit<T> {
    fn or_io(self, doing: impl FnOnce() -> String) -> Result<T, Failure>;
    fn or_usage(self) -> Result<T, Failure>;
}

impl<T, E: Into<anyhow::Error>> OrExit<T> for Result<T, E> {
    fn or_io(self, doing: impl FnOnce() -> String) -> Result<T, Failure> {
        self.map_err(|error| Failure { exit: Exit::Io, error: error.into().context(doing()) })
    }

    fn or_usage(self) -> Result<T, Failure> {
        self.map_err(|error| Failure { exit: Exit::Usage, error: error.into() })
    }
}
