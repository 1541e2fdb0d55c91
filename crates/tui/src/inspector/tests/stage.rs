//! What the tests play on: the inspector before a backend that remembers its cells, and traffic made by hand.

use std::{
    path::Path,
    thread,
    time::{Duration, Instant},
};

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers, MouseEvent, MouseEventKind};
use mqscope_capture::{Capture, Interface, Spool};
use mqscope_dissect::{Inspection, Settings, Stage as Reading, time::Zone};
use mqscope_wire::{Packet, Version, encode};
use ratatui::{Terminal, backend::TestBackend, buffer::Cell};

use crate::inspector::{Effect, Inspector, InspectorSettings, Surroundings};

/// The inspector, played by keys.
pub(super) struct Stage {
    pub(super) inspector: Inspector,
    terminal: Terminal<TestBackend>,
    now: Instant,
}

/// A shipped capture.
pub(super) fn capture(name: &str) -> Capture {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../captures")).join(name);
    Capture::open(&path).expect("a capture")
}

impl Stage {
    /// A shipped capture, read to its end, on a screen of 120 by 36.
    pub(super) fn open(name: &str) -> Self {
        Self::open_sized(name, (120, 36))
    }

    pub(super) fn open_sized(name: &str, size: (u16, u16)) -> Self {
        let settings =
            InspectorSettings { title: name.to_owned(), color: true, ..InspectorSettings::default() };
        let mut stage = Self::new(capture(name), &settings, size);
        stage.settle();
        stage
    }

    pub(super) fn new(capture: Capture, settings: &InspectorSettings, size: (u16, u16)) -> Self {
        let inspection = Inspection::start(capture, Settings::default()).expect("a thread");
        let surroundings = Surroundings { zone: Zone::utc(), memory: || None };
        let inspector = Inspector::new(inspection, settings, surroundings, size);
        let terminal = Terminal::new(TestBackend::new(size.0, size.1)).expect("a backend");
        Self { inspector, terminal, now: Instant::now() }
    }

    /// Waits until the capture is read and no job is at work.
    pub(super) fn settle(&mut self) {
        self.wait_until(|inspector| {
            inspector.app.progress.stage == Reading::Done
                && !inspector.app.is_filtering()
                && !inspector.app.is_searching()
        });
    }

    pub(super) fn wait_until(&mut self, is_so: impl Fn(&Inspector) -> bool) {
        let began = Instant::now();
        loop {
            self.inspector.tick(self.now);
            if is_so(&self.inspector) {
                return;
            }
            assert!(began.elapsed() < Duration::from_secs(60), "what was waited for did not come");
            thread::yield_now();
        }
    }

    /// Lets time pass for the inspector.
    pub(super) fn pass(&mut self, time: Duration) {
        self.now += time;
        self.inspector.tick(self.now);
    }

    /// Presses keys, written as in the key table with a space between them.
    pub(super) fn press(&mut self, keys: &str) -> Vec<Effect> {
        keys.split(' ').flat_map(|key| self.handle(&Event::Key(named(key)))).collect()
    }

    /// Types a text.
    pub(super) fn type_text(&mut self, text: &str) {
        for c in text.chars() {
            self.handle(&Event::Key(KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE)));
        }
    }

    pub(super) fn mouse(&mut self, kind: MouseEventKind, column: u16, row: u16) {
        self.handle(&Event::Mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE }));
    }

    pub(super) fn resize(&mut self, columns: u16, lines: u16) {
        self.terminal.backend_mut().resize(columns, lines);
        self.handle(&Event::Resize(columns, lines));
    }

    fn handle(&mut self, event: &Event) -> Vec<Effect> {
        self.inspector.handle(event)
    }

    /// Draws, and gives back the lines of the screen.
    pub(super) fn screen(&mut self) -> Vec<String> {
        self.terminal.draw(|frame| self.inspector.draw(frame)).expect("a drawing");
        let buffer = self.terminal.backend().buffer();
        let line = |y| (0..buffer.area.width).map(|x| buffer[(x, y)].symbol()).collect::<String>();
        (0..buffer.area.height).map(|y| line(y).trim_end().to_owned()).collect()
    }

    /// Draws, and gives back the whole screen as one text.
    pub(super) fn text(&mut self) -> String {
        self.screen().join("\n")
    }

    /// Draws, and gives back the cells of a text where it stands first.
    #[track_caller]
    pub(super) fn cells(&mut self, text: &str) -> Vec<Cell> {
        let screen = self.text();
        let buffer = self.terminal.backend().buffer();
        let width = text.chars().count() as u16;
        for y in 0..buffer.area.height {
            for x in 0..=buffer.area.width.saturating_sub(width) {
                let cells: Vec<_> = (x..x + width).map(|x| buffer[(x, y)].clone()).collect();
                if cells.iter().map(Cell::symbol).collect::<String>() == text {
                    return cells;
                }
            }
        }
        panic!("{text:?} is not on the screen\n{screen}");
    }
}

fn named(key: &str) -> KeyEvent {
    let with = |code, modifiers| KeyEvent::new(code, modifiers);
    let plain = |code| with(code, KeyModifiers::NONE);
    match key {
        "Enter" => plain(KeyCode::Enter),
        "Esc" => plain(KeyCode::Esc),
        "Tab" => plain(KeyCode::Tab),
        "S-Tab" => with(KeyCode::BackTab, KeyModifiers::SHIFT),
        "Up" => plain(KeyCode::Up),
        "Down" => plain(KeyCode::Down),
        "Left" => plain(KeyCode::Left),
        "Right" => plain(KeyCode::Right),
        "PgUp" => plain(KeyCode::PageUp),
        "PgDn" => plain(KeyCode::PageDown),
        "Home" => plain(KeyCode::Home),
        "End" => plain(KeyCode::End),
        "F1" => plain(KeyCode::F(1)),
        "Space" => plain(KeyCode::Char(' ')),
        _ => match key.strip_prefix("C-").and_then(|rest| rest.chars().next()) {
            Some(c) => with(KeyCode::Char(c), KeyModifiers::CONTROL),
            None => plain(KeyCode::Char(key.chars().next().expect("a key"))),
        },
    }
}

/// A connection made by hand, of a client at 10.0.0.1 and a broker at 10.0.0.2, whose frames a live capture follows.
pub(super) struct Traffic {
    spool: Spool,
    /// What each side has sent.
    sent: [u32; 2],
    version: Version,
    time: i64,
}

/// Raw IP.
const LINKTYPE_RAW: u16 = 101;
/// 2026-01-02 03:04:05 UTC.
const START_NS: i64 = 1_767_323_045_000_000_000;

impl Traffic {
    pub(super) fn new(version: Version) -> Self {
        let interface = Interface { link: LINKTYPE_RAW, ..Interface::default() };
        let spool = Spool::create(interface, None).expect("a temporary file");
        let mut traffic = Self { spool, sent: [0, 0], version, time: START_NS };
        for (from, flags) in [(0, 0x02), (1, 0x12)] {
            traffic.segment(from, flags, &[]);
            traffic.sent[from] += 1;
        }
        traffic
    }

    pub(super) fn follow(&self) -> Capture {
        self.spool.follow()
    }

    pub(super) fn client(&mut self, packet: &Packet<'_>) {
        self.bytes(0, &self.encoded(packet));
    }

    pub(super) fn encoded(&self, packet: &Packet<'_>) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode(packet, self.version, &mut bytes).expect("a packet that can be sent");
        bytes
    }

    /// Sends bytes in segments, from the client (0) or the broker (1).
    pub(super) fn bytes(&mut self, from: usize, bytes: &[u8]) {
        for part in bytes.chunks(60_000) {
            self.segment(from, 0x18, part);
            self.sent[from] += part.len() as u32;
        }
        self.spool.flush().expect("room on disk");
    }

    fn segment(&mut self, from: usize, flags: u8, data: &[u8]) {
        let ports: [u16; 2] = [50_000, 1883];
        let mut ip = vec![0x45, 0];
        ip.extend((40 + data.len() as u16).to_be_bytes());
        ip.extend([0, 0, 0x40, 0, 64, 6, 0, 0]);
        ip.extend([10, 0, 0, 1 + from as u8, 10, 0, 0, 2 - from as u8]);
        ip.extend(ports[from].to_be_bytes());
        ip.extend(ports[1 - from].to_be_bytes());
        ip.extend((1_000 + self.sent[from]).to_be_bytes());
        let acknowledged = if flags == 0x02 { 0 } else { 1_000 + self.sent[1 - from] };
        ip.extend(acknowledged.to_be_bytes());
        ip.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
        ip.extend(data);
        self.time += 1_000_000;
        self.spool.write(self.time, ip.len() as u32, &ip).expect("room on disk");
    }
}
