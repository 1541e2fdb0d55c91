//! The secrets of sessions, from the text that TLS libraries write for `SSLKEYLOGFILE`.

use std::collections::{HashMap, VecDeque};
use std::fmt;

use super::secrets::Secret;

/// Connections whose secrets are remembered (at most about 120 MB); beyond it the oldest are forgotten.
const MOST: usize = 1 << 18;
/// The longest known line is 24 + 1 + 64 + 1 + 96 bytes; a longer one is of an unknown label or malformed.
const LONGEST_LINE: usize = 1024;
/// Complaints that are kept in full.
const COMPLAINTS: usize = 8;

/// The secrets in an NSS key log: what is needed to read recorded TLS connections.
///
/// The text comes from a file that an application writes when `SSLKEYLOGFILE` is set, or from a pcapng Decryption
/// Secrets Block. Each line is `label client_random secret`, both in hexadecimal. TLS 1.2 has the label
/// `CLIENT_RANDOM` (the master secret), TLS 1.3 one for each traffic secret. Empty lines, comments (`#`) and other
/// labels are passed over. Source: draft-ietf-tls-keylogfile §2.
///
/// ```
/// let mut keys = mqscope_stream::tls::KeyLog::default();
/// let random = "11".repeat(32);
/// keys.add(format!("CLIENT_RANDOM {random} {}\nnonsense\n", "22".repeat(48)).as_bytes());
/// assert!(keys.has(&[0x11; 32]));
/// assert_eq!(keys.malformed()[0].to_string(), "line 2 of the key log is no known form: too few words");
/// ```
///
/// Secrets never show in its `Debug` output.
#[derive(Default)]
pub struct KeyLog {
    sessions: HashMap<[u8; 32], Secrets>,
    /// The keys of `sessions`, the oldest first.
    order: VecDeque<[u8; 32]>,
    text: Lines,
    complaints: Vec<MalformedLine>,
    malformed: u64,
}

/// What one connection's lines told.
#[derive(Default)]
pub(crate) struct Secrets {
    pub(crate) master: Option<Secret>,
    pub(crate) early: Option<Secret>,
    pub(crate) handshake: [Option<Secret>; 2],
    pub(crate) application: [Option<Secret>; 2],
}

/// The text so far: where a line is unfinished, and how many there were.
#[derive(Default)]
struct Lines {
    unfinished: Vec<u8>,
    /// The unfinished line is longer than [`LONGEST_LINE`]; its rest is passed over.
    overlong: bool,
    complete: u64,
}

/// A line of a key log that could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the key log is no known form: {wrong}")]
pub struct MalformedLine {
    /// Which line, counted from 1 in its text.
    pub line: u64,
    /// What is wrong with it.
    pub wrong: LineError,
}

/// What is wrong with a line of a key log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// Fewer than three words.
    #[error("too few words")]
    TooFewWords,
    /// More than three words.
    #[error("too many words")]
    TooManyWords,
    /// The second word is not 64 hexadecimal digits.
    #[error("the client random is not 64 hexadecimal digits")]
    Random,
    /// The third word is not hexadecimal or not as long as a secret of this label may be: 48 bytes for
    /// `CLIENT_RANDOM`, otherwise 32 or 48.
    #[error("the secret is not hexadecimal digits of a fitting number")]
    Secret,
    /// The line is longer than any known one.
    #[error("longer than 1024 bytes")]
    TooLong,
}

impl KeyLog {
    /// Takes more text of the log. A last line without an end is kept until its end comes, so this may be called with
    /// whatever a growing file brings; at the end of a finished one, `add(b"\n")` takes a last line without an end.
    pub fn add(&mut self, text: &[u8]) {
        let mut lines = std::mem::take(&mut self.text);
        let mut rest = text;
        while let Some(end) = rest.iter().position(|&byte| byte == b'\n') {
            lines.complete += 1;
            if lines.unfinished.is_empty() {
                self.line(lines.complete, &rest[..end], lines.overlong);
            } else {
                lines.keep(&rest[..end]);
                self.line(lines.complete, &lines.unfinished, lines.overlong);
                lines.unfinished.clear();
            }
            lines.overlong = false;
            rest = &rest[end + 1..];
        }
        lines.keep(rest);
        self.text = lines;
    }

    /// Takes a last line without an end as it stands, since the text may be all there is. If the rest of it comes after
    /// all, the whole line counts.
    pub fn take_unfinished(&mut self) {
        if !self.text.overlong {
            // Half a line is no fault of the text's.
            let _ = self.entry(&self.text.unfinished.clone());
        }
    }

    /// Takes a text that is complete in itself, such as a pcapng Decryption Secrets Block; its lines count from 1. An
    /// unfinished line that [`add`](Self::add) keeps is left alone.
    pub fn add_block(&mut self, text: &[u8]) {
        let other = std::mem::take(&mut self.text);
        self.add(text);
        self.add(b"\n");
        self.text = other;
    }

    /// Connections of which at least one secret is known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.sessions.len()
    }

    /// Whether no secret is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    /// Whether the application data of the connection with this client random can be read: the master secret or both
    /// directions' application traffic secrets are known.
    #[must_use]
    pub fn has(&self, client_random: &[u8; 32]) -> bool {
        self.sessions
            .get(client_random)
            .is_some_and(|known| known.master.is_some() || known.application.iter().all(Option::is_some))
    }

    /// The first lines that could not be read, at most eight.
    #[must_use]
    pub fn malformed(&self) -> &[MalformedLine] {
        &self.complaints
    }

    /// How many lines could not be read.
    #[must_use]
    pub fn malformed_lines(&self) -> u64 {
        self.malformed
    }

    pub(crate) fn secrets(&self, client_random: &[u8; 32]) -> Option<&Secrets> {
        self.sessions.get(client_random)
    }

    fn line(&mut self, number: u64, line: &[u8], overlong: bool) {
        if line.first() == Some(&b'#') {
            return;
        }
        let taken =
            if overlong || line.len() > LONGEST_LINE { Err(LineError::TooLong) } else { self.entry(line) };
        if let Err(wrong) = taken {
            self.malformed += 1;
            if self.complaints.len() < COMPLAINTS {
                self.complaints.push(MalformedLine { line: number, wrong });
            }
        }
    }

    fn entry(&mut self, line: &[u8]) -> Result<(), LineError> {
        let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        let Some(label) = words.next() else { return Ok(()) };
        let (Some(random), Some(secret)) = (words.next(), words.next()) else {
            return Err(LineError::TooFewWords);
        };
        if words.next().is_some() {
            return Err(LineError::TooManyWords);
        }
        let place: fn(&mut Secrets) -> &mut Option<Secret> = match label {
            b"CLIENT_RANDOM" => |of| &mut of.master,
            b"CLIENT_EARLY_TRAFFIC_SECRET" => |of| &mut of.early,
            b"CLIENT_HANDSHAKE_TRAFFIC_SECRET" => |of| &mut of.handshake[0],
            b"SERVER_HANDSHAKE_TRAFFIC_SECRET" => |of| &mut of.handshake[1],
            b"CLIENT_TRAFFIC_SECRET_0" => |of| &mut of.application[0],
            b"SERVER_TRAFFIC_SECRET_0" => |of| &mut of.application[1],
            // EXPORTER_SECRET and its like do not protect records
            _ => return Ok(()),
        };
        let mut client_random = [0; 32];
        if hex(random, &mut client_random) != Some(32) {
            return Err(LineError::Random);
        }
        let mut bytes = [0; Secret::MOST];
        let len = hex(secret, &mut bytes).ok_or(LineError::Secret)?;
        if len != 48 && (len != 32 || label == b"CLIENT_RANDOM") {
            return Err(LineError::Secret);
        }
        let secret = Secret::new(&bytes[..len]);
        *place(self.session(client_random)) = Some(secret);
        Ok(())
    }

    fn session(&mut self, client_random: [u8; 32]) -> &mut Secrets {
        if !self.sessions.contains_key(&client_random) {
            if self.order.len() == MOST
                && let Some(oldest) = self.order.pop_front()
            {
                self.sessions.remove(&oldest);
            }
            self.order.push_back(client_random);
        }
        self.sessions.entry(client_random).or_default()
    }
}

impl Lines {
    fn keep(&mut self, part: &[u8]) {
        let room = LONGEST_LINE.saturating_sub(self.unfinished.len());
        self.overlong |= part.len() > room;
        self.unfinished.extend_from_slice(&part[..part.len().min(room)]);
    }
}

impl fmt::Debug for KeyLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyLog")
            .field("sessions", &self.sessions.len())
            .field("malformed", &self.malformed)
            .finish_non_exhaustive()
    }
}

/// Writes what the digits say, and says how many bytes that is; nothing if they are not digits or more than fit.
fn hex(digits: &[u8], out: &mut [u8]) -> Option<usize> {
    let (pairs, []) = digits.as_chunks::<2>() else { return None };
    let out = out.get_mut(..pairs.len())?;
    for (byte, [high, low]) in out.iter_mut().zip(pairs) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(pairs.len())
}

fn digit(ascii: u8) -> Option<u8> {
    char::from(ascii).to_digit(16).map(|value| value as u8)
}
