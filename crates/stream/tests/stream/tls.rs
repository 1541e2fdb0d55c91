//! TLS, decrypted: the bytes of real connections, read by a third party.

mod gaps;
mod keylog;
mod laws;
mod live;
mod pair;
mod recorded;
mod strangers;

use std::ops::Range;

use mqscope_stream::Direction;
use mqscope_stream::Direction::{Forward, Reverse};
use mqscope_stream::tls::{
    Alert, Certificate, ClientHello, Events, Fault, KeyLog, ServerHello, Session, Undecrypted,
};

/// A recorded connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recording {
    pub(crate) keys: String,
    /// In the order in which they passed; the client's direction is `Forward`.
    pub(crate) passed: Vec<(Direction, Vec<u8>)>,
}

impl Recording {
    /// Of the text that `tls/record.py` writes.
    pub(crate) fn parse(text: &str) -> Self {
        let mut recording = Self::default();
        for line in text.lines() {
            let direction = match line.get(..2) {
                Some("> ") => Forward,
                Some("< ") => Reverse,
                _ => {
                    recording.keys += line;
                    recording.keys += "\n";
                    continue;
                }
            };
            let digits = &line.as_bytes()[2..];
            let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
            recording.passed.push((direction, digits.chunks(2).map(byte).collect()));
        }
        recording
    }

    pub(crate) fn key_log(&self) -> KeyLog {
        let mut keys = KeyLog::default();
        keys.add(self.keys.as_bytes());
        assert_eq!(keys.malformed(), []);
        keys
    }

    /// Without the lines of some labels.
    pub(crate) fn without(&self, labels: &[&str]) -> Self {
        let kept = |line: &&str| !labels.iter().any(|label| line.starts_with(label));
        let keys = self.keys.lines().filter(kept).map(|line| format!("{line}\n")).collect();
        Self { keys, ..self.clone() }
    }

    /// All bytes of one direction.
    pub(crate) fn stream(&self, direction: Direction) -> Vec<u8> {
        self.passed.iter().filter(|chunk| chunk.0 == direction).flat_map(|chunk| chunk.1.clone()).collect()
    }

    /// What is read of it, pushed as it passed.
    pub(crate) fn read(&self) -> Seen {
        let (keys, mut session, mut seen) = (self.key_log(), Session::new(), Seen::default());
        for (direction, bytes) in &self.passed {
            session.push(*direction, bytes, &keys, &mut seen);
        }
        session.finish(&keys, &mut seen);
        seen
    }
}

/// Keeps all that a session finds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Plaintext and where its record stands, by direction.
    pub(crate) data: [Vec<(Range<u64>, Vec<u8>)>; 2],
    /// What else happened, in words, by direction.
    pub(crate) notes: [Vec<String>; 2],
    pub(crate) holes: [Vec<Range<u64>>; 2],
}

impl Seen {
    pub(crate) fn text(&self, direction: Direction) -> String {
        let bytes = self.data[direction as usize].iter().flat_map(|data| data.1.clone()).collect();
        String::from_utf8(bytes).unwrap()
    }

    pub(crate) fn notes(&self, direction: Direction) -> Vec<&str> {
        self.notes[direction as usize].iter().map(String::as_str).collect()
    }

    /// Whether a note begins so.
    pub(crate) fn noted(&self, direction: Direction, start: &str) -> bool {
        self.notes[direction as usize].iter().any(|note| note.starts_with(start))
    }

    fn note(&mut self, direction: Direction, text: String) {
        self.notes[direction as usize].push(text);
    }
}

fn utf8(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

impl Events for Seen {
    fn client_hello(&mut self, direction: Direction, hello: &ClientHello<'_>, _: Range<u64>) {
        let name = hello.server_name.map(utf8).unwrap_or_default();
        let alpn: Vec<String> = hello.alpn().map(utf8).collect();
        let versions: Vec<String> = hello.supported_versions().map(|version| version.to_string()).collect();
        let resumes = if hello.pre_shared_key { " psk" } else { "" };
        let text = format!("client hello {name} {} {}{resumes}", alpn.join(","), versions.join(","));
        self.note(direction, text);
    }

    fn server_hello(&mut self, direction: Direction, hello: &ServerHello<'_>, _: Range<u64>) {
        let (kind, resumed) =
            (if hello.retry { "retry" } else { "server" }, if hello.resumed { " resumed" } else { "" });
        let alpn = hello.alpn.map(|name| format!(" {}", utf8(name))).unwrap_or_default();
        self.note(direction, format!("{kind} hello {} {}{resumed}{alpn}", hello.version, hello.cipher_suite));
    }

    fn negotiated_alpn(&mut self, direction: Direction, protocol: &[u8], _: Range<u64>) {
        self.note(direction, format!("alpn {}", utf8(protocol)));
    }

    fn certificate(&mut self, direction: Direction, certificate: &Certificate<'_>, _: Range<u64>) {
        let names: Vec<String> = certificate.dns_names().map(utf8).collect();
        let subject = certificate.subject.map(utf8).unwrap_or_default();
        self.note(direction, format!("certificate {} {subject} {}", certificate.chain, names.join(",")));
    }

    fn alert(&mut self, direction: Direction, alert: Alert, _: Range<u64>) {
        self.note(direction, format!("alert {alert}"));
    }

    fn key_change(&mut self, direction: Direction, _: Range<u64>) {
        self.note(direction, "key change".into());
    }

    fn data(&mut self, direction: Direction, plaintext: &[u8], raw: Range<u64>) {
        assert!(!plaintext.is_empty());
        self.data[direction as usize].push((raw, plaintext.to_vec()));
    }

    fn hole(&mut self, direction: Direction, raw: Range<u64>) {
        self.holes[direction as usize].push(raw);
    }

    fn undecrypted(&mut self, direction: Direction, why: Undecrypted, _: Range<u64>) {
        self.note(direction, format!("undecrypted: {why}"));
    }

    fn fault(&mut self, direction: Direction, fault: Fault, _: Range<u64>) {
        self.note(direction, format!("fault: {fault}"));
    }
}
