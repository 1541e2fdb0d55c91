//! Waiting for the user and for signals, and the end of the process should nobody react to one.

use std::{
    fs::File,
    io::{self, IsTerminal as _, Read as _},
    os::{
        fd::{AsFd as _, OwnedFd},
        unix::net::UnixStream,
    },
    process,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Signal, kill_current_process_group},
};
use signal_hook::{
    consts::{SIGCONT, SIGHUP, SIGINT, SIGTERM, SIGWINCH},
    flag,
    low_level::pipe,
};

/// How long a process has to end by itself after a signal asked for it.
const GRACE: Duration = Duration::from_secs(2);
/// How long it takes at most to be stopped by one's own signal.
const STOPPING: Duration = Duration::from_secs(1);
/// The exit code of a process that a signal ended.
const INTERRUPTED: i32 = 130;

/// Why waiting ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wake {
    /// Something may have happened, or the time is over.
    Look,
    /// The process was stopped and goes on.
    GoOn,
    /// A signal asks the process to end, or the terminal is gone.
    End,
}

/// What is waited for.
pub(super) struct Watch {
    /// Where keys come from.
    keys: OwnedFd,
    /// A byte for each signal.
    signals: UnixStream,
    end: Arc<AtomicBool>,
    went_on: Arc<AtomicBool>,
}

impl Watch {
    /// Catches signals from here on.
    pub(super) fn start() -> io::Result<Self> {
        let stdin = io::stdin();
        let keys = if stdin.is_terminal() {
            stdin.as_fd().try_clone_to_owned()?
        } else {
            File::options().read(true).open("/dev/tty")?.into()
        };
        let end = Arc::new(AtomicBool::new(false));
        let went_on = Arc::new(AtomicBool::new(false));
        let (signals, notify) = UnixStream::pair()?;
        signals.set_nonblocking(true)?;
        let (asked, ask) = UnixStream::pair()?;
        for signal in [SIGTERM, SIGHUP, SIGINT] {
            // in this order: whoever is woken finds the flag set
            flag::register(signal, Arc::clone(&end))?;
            pipe::register(signal, ask.try_clone()?)?;
        }
        flag::register(SIGCONT, Arc::clone(&went_on))?;
        for signal in [SIGTERM, SIGHUP, SIGINT, SIGCONT, SIGWINCH] {
            pipe::register(signal, notify.try_clone()?)?;
        }
        thread::Builder::new().name("signals".to_owned()).spawn(move || see_to_the_end(asked))?;
        Ok(Self { keys, signals, end, went_on })
    }

    /// Waits for keys, a signal, or until the time is over.
    pub(super) fn wait(&mut self, timeout: Option<Duration>) -> io::Result<Wake> {
        let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        let mut sources = [PollFd::new(&self.keys, PollFlags::IN), PollFd::new(&self.signals, PollFlags::IN)];
        match poll(&mut sources, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        // without this, reading keys from a terminal that hung up would never come back
        let is_gone = sources[0].revents().intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL);
        let mut bytes = [0; 64];
        while (&self.signals).read(&mut bytes).is_ok_and(|len| len > 0) {}
        Ok(if is_gone || self.end.load(Ordering::Relaxed) {
            Wake::End
        } else if self.went_on.swap(false, Ordering::Relaxed) {
            Wake::GoOn
        } else {
            Wake::Look
        })
    }

    /// Stops the whole job, as Ctrl-Z does where the terminal sees to it, and comes back when it goes on.
    pub(super) fn stop_and_go_on(&mut self) -> io::Result<()> {
        self.went_on.store(false, Ordering::Relaxed);
        kill_current_process_group(Signal::TSTP)?;
        // the signal may reach another thread first; and it stops nobody whom no shell could let go on
        while !self.went_on.load(Ordering::Relaxed) {
            let timeout = Timespec::try_from(STOPPING).ok();
            let mut sources = [PollFd::new(&self.signals, PollFlags::IN)];
            match poll(&mut sources, timeout.as_ref()) {
                Ok(0) => break,
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            let mut bytes = [0; 64];
            while (&self.signals).read(&mut bytes).is_ok_and(|len| len > 0) {}
        }
        self.went_on.store(false, Ordering::Relaxed);
        Ok(())
    }
}

/// Ends the process if it did not end by itself in a while after a signal asked for it: the loop may hang on a terminal
/// that takes no output.
fn see_to_the_end(mut asked: UnixStream) {
    if asked.read(&mut [0]).is_ok_and(|len| len > 0) {
        thread::sleep(GRACE);
        // the output may be what hangs
        thread::spawn(super::leave);
        thread::sleep(GRACE / 10);
        process::exit(INTERRUPTED);
    }
}
