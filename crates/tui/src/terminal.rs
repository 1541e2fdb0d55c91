//! The terminal, taken and always given back as it was: on return, on a panic, and when a signal ends the process.

mod watch;

use std::{
    io::{self, BufWriter, Stdout, Write as _},
    panic,
    sync::{
        Once,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crossterm::{
    cursor,
    event::{DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture},
    execute, queue,
    terminal::{self, BeginSynchronizedUpdate, EndSynchronizedUpdate},
};
use ratatui::{Frame, Terminal, backend::CrosstermBackend};

pub(crate) use self::watch::Wake;
use self::watch::Watch;

/// Whether the terminal is ours at the moment.
static TAKEN: AtomicBool = AtomicBool::new(false);
/// Whether a thread panicked while it was.
static PANICKED: AtomicBool = AtomicBool::new(false);

/// A drawing goes out in one piece.
const BUFFER_BYTES: usize = 1 << 18;

/// The screen while it is ours. Dropping it gives the terminal back.
pub(crate) struct Screen {
    pub(crate) terminal: Terminal<CrosstermBackend<BufWriter<Stdout>>>,
    watch: Watch,
}

impl Screen {
    /// Enters the alternate screen and raw mode, and catches panics and ending signals from here on.
    ///
    /// # Errors
    /// There is no terminal.
    pub(crate) fn take() -> io::Result<Self> {
        let watch = Watch::start()?;
        restore_before_panic_messages();
        enter()?;
        let out = BufWriter::with_capacity(BUFFER_BYTES, io::stdout());
        let terminal = Terminal::new(CrosstermBackend::new(out)).inspect_err(|_| leave())?;
        Ok(Self { terminal, watch })
    }

    /// Draws in one piece, on terminals that can.
    pub(crate) fn draw(&mut self, draw: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        fail_after_panic()?;
        queue!(self.terminal.backend_mut(), BeginSynchronizedUpdate)?;
        self.terminal.draw(draw)?;
        execute!(self.terminal.backend_mut(), EndSynchronizedUpdate)
    }

    /// Waits for the user, a signal, or until the time is over.
    pub(crate) fn wait(&mut self, timeout: Option<Duration>) -> io::Result<Wake> {
        fail_after_panic()?;
        let wake = self.watch.wait(timeout)?;
        if wake == Wake::GoOn {
            // whoever stopped the process has had the terminal meanwhile
            leave();
            self.retake()?;
        }
        Ok(wake)
    }

    /// Gives the terminal back, stops the process as Ctrl-Z does, and takes the terminal again when it goes on.
    pub(crate) fn suspend(&mut self) -> io::Result<()> {
        leave();
        self.watch.stop_and_go_on()?;
        self.retake()
    }

    fn retake(&mut self) -> io::Result<()> {
        enter()?;
        self.terminal.clear()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        leave();
    }
}

fn fail_after_panic() -> io::Result<()> {
    if PANICKED.load(Ordering::Relaxed) { Err(io::Error::other("a thread panicked")) } else { Ok(()) }
}

fn enter() -> io::Result<()> {
    terminal::enable_raw_mode()?;
    TAKEN.store(true, Ordering::Relaxed);
    execute!(
        io::stdout(),
        terminal::EnterAlternateScreen,
        EnableMouseCapture,
        EnableBracketedPaste,
        cursor::Hide
    )
    .inspect_err(|_| leave())
}

/// Gives the terminal back, if it was taken. Errors are of no use here: it may be gone.
fn leave() {
    if !TAKEN.swap(false, Ordering::Relaxed) {
        return;
    }
    let _ = terminal::disable_raw_mode();
    let _ = execute!(
        io::stdout(),
        EndSynchronizedUpdate,
        DisableBracketedPaste,
        DisableMouseCapture,
        terminal::LeaveAlternateScreen,
        cursor::Show
    );
    let _ = io::stdout().flush();
}

/// A panic message on the alternate screen would vanish with it; and with a thread that panicked, what the screen shows
/// stands still, so nothing is drawn from then on.
fn restore_before_panic_messages() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let print = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            PANICKED.store(TAKEN.load(Ordering::Relaxed), Ordering::Relaxed);
            leave();
            print(info);
        }));
    });
}

#[cfg(test)]
mod tests {
    use std::{env, io::Read as _, num::NonZero};

    use portable_pty::{CommandBuilder, PtySize, native_pty_system};

    use super::*;

    /// Set where the test runs itself in a terminal, to panic there.
    const INSIDE: &str = "MQSCOPE_TEST_PANIC_INSIDE";

    #[test]
    fn a_panic_gives_the_terminal_back_before_its_message() {
        if env::var_os(INSIDE).is_some() {
            let mut screen = Screen::take().expect("a terminal");
            screen.draw(|_| panic!("the drawing went wrong")).expect("it does not come to this");
        }
        let size = PtySize { rows: 40, cols: 120, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).expect("a pseudo-terminal");
        let before = format!("{:?}", pair.master.get_termios().expect("a terminal"));
        let mut command = CommandBuilder::new(env::current_exe().expect("this program"));
        let name = "terminal::tests::a_panic_gives_the_terminal_back_before_its_message";
        command.args(["--exact", name, "--nocapture", "--test-threads=1"]);
        command.env(INSIDE, "1");
        command.env("TERM", "xterm-256color");
        let mut child = pair.slave.spawn_command(command).expect("it starts");
        drop(pair.slave);
        let mut output = Vec::new();
        let mut reader = pair.master.try_clone_reader().expect("a reader");
        let mut part = [0; 4096];
        while let Ok(read @ 1..) = reader.read(&mut part) {
            output.extend_from_slice(&part[..read]);
        }
        assert!(!child.wait().expect("it ended").success());
        let cells = |count| NonZero::new(count).expect("a terminal has cells");
        let mut emulator = vt100::Parser::new(cells(40), cells(120), 0);
        emulator.process(&output);
        let screen = emulator.screen();
        let entered = b"\x1b[?1049h";
        assert!(output.windows(entered.len()).any(|bytes| bytes == entered), "it never took the terminal");
        assert!(!screen.alternate_screen() && !screen.hide_cursor() && !screen.bracketed_paste());
        assert_eq!(screen.mouse_protocol_mode(), vt100::MouseProtocolMode::None);
        assert!(screen.contents().contains("the drawing went wrong"), "{}", screen.contents());
        assert_eq!(format!("{:?}", pair.master.get_termios().expect("a terminal")), before);
    }
}
