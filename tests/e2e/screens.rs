//! The inspector in a terminal: a pseudo-terminal in front, a terminal emulator behind it.

use std::io::{Read, Write};
use std::num::NonZero;
use std::process::Command;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, ExitStatus, MasterPty, PtySize, native_pty_system};

use crate::program::at_root;
use crate::servers::{Mosquitto, free_port, mosquitto_pub};

/// Long enough for a loaded machine; nothing waits for its own sake.
const PATIENCE: Duration = Duration::from_secs(30);

struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
    keys: Box<dyn Write + Send>,
    output: Receiver<Vec<u8>>,
    emulator: vt100::Parser,
    /// Line settings before the program started.
    before: String,
}

impl Terminal {
    /// Starts the program in a terminal of this size.
    fn start(arguments: &[&str], rows: u16, cols: u16) -> Self {
        let size = PtySize { rows, cols, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).expect("a pseudo-terminal");
        let before = settings(&*pair.master);
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_mqscope"));
        command.args(arguments);
        command.cwd(at_root(""));
        command.env("TERM", "xterm-256color");
        command.env("TZ", "UTC");
        let child = pair.slave.spawn_command(command).expect("the program starts");
        // With nobody else holding the terminal, reading ends when the program does.
        drop(pair.slave);
        let mut reader = pair.master.try_clone_reader().expect("a reader");
        let keys = pair.master.take_writer().expect("a writer");
        let (sender, output) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(read @ 1..) = reader.read(&mut buffer) {
                if sender.send(buffer[..read].to_vec()).is_err() {
                    break;
                }
            }
        });
        let cells = |count| NonZero::new(count).expect("a terminal has cells");
        let emulator = vt100::Parser::new(cells(rows), cells(cols), 0);
        Self { child, master: pair.master, keys, output, emulator, before }
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).expect("keys are taken");
    }

    fn text(&self) -> String {
        self.emulator.screen().contents()
    }

    /// Waits until the screen is as it should be.
    #[track_caller]
    fn wait_for(&mut self, what: &str, shown: impl Fn(&vt100::Screen) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !shown(self.emulator.screen()) {
            match self.output.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(bytes) => self.emulator.process(&bytes),
                Err(error) => panic!("{what} did not come ({error}); the screen shows\n{}", self.text()),
            }
        }
    }

    /// Waits for text anywhere on the screen.
    #[track_caller]
    fn wait_for_text(&mut self, text: &str) {
        self.wait_for(text, |screen| screen.contents().contains(text));
    }

    /// Waits for the program's end, and that it leaves the terminal as it was.
    #[track_caller]
    fn expect_end(mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.output.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(bytes) => self.emulator.process(&bytes),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    panic!("it does not end; the screen shows\n{}", self.text())
                }
            }
        }
        let status = self.child.wait().expect("it ended");
        let screen = self.emulator.screen();
        assert!(!screen.alternate_screen(), "the alternate screen is still on");
        assert!(!screen.hide_cursor(), "the cursor is still hidden");
        assert!(!screen.bracketed_paste(), "bracketed paste is still on");
        assert_eq!(
            screen.mouse_protocol_mode(),
            vt100::MouseProtocolMode::None,
            "the mouse is still captured"
        );
        assert_eq!(settings(&*self.master), self.before, "line settings");
        status
    }
}

/// Echo, line mode and the like, as one text.
fn settings(master: &dyn MasterPty) -> String {
    format!("{:?}", master.get_termios().expect("a terminal"))
}

fn inspector(capture: &str) -> Terminal {
    let mut terminal = Terminal::start(&[&format!("captures/{capture}")], 24, 80);
    terminal.wait_for("the alternate screen", vt100::Screen::alternate_screen);
    terminal.wait_for_text("CONNECT");
    terminal
}

#[test]
fn a_capture_takes_the_options_of_inspect() {
    let capture = "captures/mqttjs-wss-13.pcap.gz";
    let keys = "captures/mqttjs-wss-13.keys";
    let mut terminal = Terminal::start(&[capture, "--keylog", keys, "-Y", "mqtt.msgtype == connack"], 24, 80);
    terminal.wait_for_text("CONNACK");
    // Out of the filter first.
    terminal.press("q");
    terminal.wait_for_text("SUBSCRIBE");
    terminal.press("q");
    assert!(terminal.expect_end().success());
}

#[test]
fn a_capture_opens_and_its_packets_can_be_walked_through() {
    let mut terminal = inspector("mqttjs-v311.pcapng");
    // The fields of the first packet, then of the second, then of the last.
    terminal.wait_for_text("Protocol Name: MQTT");
    terminal.press("j");
    terminal.wait_for_text("MQTT: CONNACK");
    terminal.press("G");
    terminal.wait_for_text("MQTT: PUBLISH, 15 bytes, from server");
    terminal.press("gg");
    terminal.wait_for_text("MQTT: CONNECT");
    terminal.press("q");
    assert!(terminal.expect_end().success());
}

#[test]
fn a_filter_leaves_what_matches_and_shows_where_it_is_wrong() {
    let mut terminal = inspector("mqttjs-v311.pcapng");
    terminal.press("/mqtt.topik\r");
    terminal.wait_for_text("mqtt.topic");
    assert!(terminal.text().contains("mqtt.topik"), "{}", terminal.text());
    terminal.press("\u{15}mqtt.msgtype == 14\r");
    terminal.wait_for("one packet", |screen| {
        let text = screen.contents();
        text.contains("DISCONNECT") && !text.contains("PUBLISH") && !text.contains("CONNACK")
    });
    terminal.press("q");
    terminal.wait_for_text("PUBLISH");
    terminal.press("q");
    assert!(terminal.expect_end().success());
}

#[test]
fn help_comes_and_goes() {
    let mut terminal = inspector("mqttjs-v311.pcapng");
    terminal.press("?");
    terminal.wait_for_text("display filter");
    terminal.wait_for("the help alone", |screen| !screen.contents().contains("CONNACK"));
    terminal.press("\x1b");
    terminal.wait_for_text("CONNACK");
    terminal.press("q");
    assert!(terminal.expect_end().success());
}

#[test]
fn a_signal_ends_it_and_gives_the_terminal_back() {
    for signal in ["-TERM", "-HUP", "-INT"] {
        let terminal = inspector("mqttjs-v5.pcapng");
        let process = terminal.child.process_id().expect("a process").to_string();
        // The shell's own: a small machine has no other.
        let kill = format!("kill {signal} {process}");
        assert!(Command::new("sh").args(["-c", &kill]).status().expect("a shell").success());
        assert_eq!(terminal.expect_end().exit_code(), 130, "{signal}");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_said_to_be_so_on_a_plain_terminal() {
    let terminal = Terminal::start(&["captures/README.md"], 24, 80);
    assert_eq!(terminal.expect_end().exit_code(), 5);
}

#[test]
fn packets_of_a_tap_appear_as_they_pass() {
    let broker = Mosquitto::start();
    let listen = free_port();
    let tap = format!("127.0.0.1:{listen}={}", broker.url());
    let mut terminal = Terminal::start(&["inspect", "--tap", &tap], 24, 80);
    terminal.wait_for("the alternate screen", vt100::Screen::alternate_screen);
    mosquitto_pub(listen, &["-i", "seen", "-t", "tap/seen", "-m", "21.5", "-q", "1"]);
    terminal.wait_for_text("tap/seen");
    terminal.wait_for_text("DISCONNECT");
    // The first stops the capture, the second quits.
    terminal.press("\x03");
    terminal.press("\x03");
    terminal.expect_end();
}

#[test]
fn the_demo_shows_devices_at_work() {
    let mut terminal = Terminal::start(&["demo", "--devices", "3"], 30, 100);
    terminal.wait_for("the alternate screen", vt100::Screen::alternate_screen);
    terminal.wait_for_text("PUBLISH");
    terminal.wait_for_text("PUBACK");
    terminal.press("q");
    terminal.expect_end();
}
