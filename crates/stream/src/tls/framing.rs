//! One direction's bytes to records, whatever the pieces they come in, and back to records after missing bytes.

use std::mem;

use super::Events;
use super::record::Header;
use super::session::Context;
use super::side::{Side, Step};

/// Bytes held while the other direction's hello is awaited.
const HELD: usize = 256 << 10;
/// Records that follow one another after missing bytes before what is no header makes a fault.
const CHAIN: u8 = 3;
/// The least that a protected record takes: header, content type, tag of 8 bytes.
const LEAST_RECORD: u64 = 5 + 1 + 8;
/// Buffers that are larger are given back when they are empty.
const KEPT: usize = 4096;

/// One direction.
pub(crate) struct Framing {
    /// Where `pending` begins, or what is pushed next if there is none.
    next: u64,
    /// Bytes not taken yet: of a record that is not complete, held, or searched for a header.
    pending: Vec<u8>,
    state: State,
    /// Bytes of a lost record that still come.
    skip: u64,
    /// Records since bytes were missing, up to [`CHAIN`].
    chain: u8,
    pub(crate) side: Side,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// The next byte is the first of a record.
    Records,
    /// Like `Records`, but the record cannot be taken yet.
    Waiting,
    /// Nobody knows where the next record begins.
    Lost,
    /// No TLS.
    Stopped,
}

impl Framing {
    pub(crate) fn new(offset: u64) -> Self {
        Self {
            next: offset,
            pending: Vec::new(),
            state: State::Records,
            skip: 0,
            chain: CHAIN,
            side: Side::new(),
        }
    }

    /// Bytes that are held, of records and of messages.
    pub(crate) fn held_bytes(&self) -> usize {
        self.pending.capacity() + self.side.held_bytes()
    }

    /// Where what is not told yet begins: a record, or the first record of a handshake message.
    #[inline]
    pub(crate) fn told_until(&self) -> u64 {
        self.side.message_start().map_or(self.next, |start| start.min(self.next))
    }

    /// Takes the next bytes.
    pub(crate) fn push<E: Events>(&mut self, bytes: &[u8], cx: &mut Context<'_, E>) {
        let skipped = self.skip.min(bytes.len() as u64);
        self.skip -= skipped;
        self.next += skipped;
        let mut rest = &bytes[skipped as usize..];
        while self.state == State::Records && !self.pending.is_empty() && !rest.is_empty() {
            let want = match self.pending.first_chunk::<{ Header::LEN }>() {
                Some(&[.., high, low]) => Header::LEN + usize::from(u16::from_be_bytes([high, low])),
                None => Header::LEN,
            };
            let (part, after) = rest.split_at(want.saturating_sub(self.pending.len()).min(rest.len()));
            self.pending.extend_from_slice(part);
            rest = after;
            self.take_pending(cx);
        }
        if self.state == State::Records && !rest.is_empty() {
            let used = self.take(rest, cx);
            rest = &rest[used..];
        }
        self.pending.extend_from_slice(rest);
        self.go_on(cx);
    }

    /// The next so many bytes are missing; 0 if their number is not known.
    pub(crate) fn gap<E: Events>(&mut self, missing: u64, cx: &mut Context<'_, E>) {
        if self.state == State::Stopped {
            self.next += missing;
            return;
        }
        if self.state == State::Records && (1..=self.skip).contains(&missing) {
            self.skip -= missing;
            self.next += missing;
            return;
        }
        let whole = match (self.state, self.pending.first_chunk()) {
            (State::Records, Some(head)) => Header::parse(head, false).ok(),
            _ => None,
        };
        let start = self.next;
        let gone = self.pending.len() as u64 + missing;
        self.next = start + gone;
        self.pending = Vec::new();
        match whole.map(|header| (header, header.record_len() as u64)) {
            Some((header, len)) if missing > 0 && gone <= len => {
                self.skip = len - gone;
                self.side.lost_record(&header, start..start + len, cx);
            }
            _ => {
                self.skip = 0;
                self.state = State::Lost;
                self.chain = 0;
                let records = (missing > 0).then_some(gone / LEAST_RECORD + 1);
                self.side.lost(records, start, cx);
            }
        }
    }

    /// The other direction said something: whether what waited for it could go on.
    pub(crate) fn resume<E: Events>(&mut self, cx: &mut Context<'_, E>) -> bool {
        if self.state != State::Waiting {
            return false;
        }
        let before = self.next;
        self.state = State::Records;
        self.take_pending(cx);
        self.go_on(cx);
        self.next != before
    }

    /// Takes records from the start of `bytes` and says how many bytes they have.
    fn take<E: Events>(&mut self, bytes: &[u8], cx: &mut Context<'_, E>) -> usize {
        let mut at = 0;
        while let Some(head) = bytes[at..].first_chunk() {
            let header = match Header::parse(head, cx.agreed.is_tls13()) {
                Ok(header) => header,
                Err(fault) => {
                    if self.chain < CHAIN {
                        self.state = State::Lost;
                        self.chain = 0;
                    } else {
                        self.state = State::Stopped;
                        let raw = self.next..self.next + Header::LEN as u64;
                        cx.events.fault(cx.direction, fault, raw);
                    }
                    break;
                }
            };
            let Some(record) = bytes.get(at..at + header.record_len()) else { break };
            let raw = self.next..self.next + record.len() as u64;
            match self.side.take(&header, &record[Header::LEN..], &raw, cx) {
                Step::Wait => {
                    self.state = State::Waiting;
                    break;
                }
                Step::Read => self.chain = CHAIN,
                Step::Unread => self.chain = CHAIN.min(self.chain + 1),
            }
            self.next = raw.end;
            at += record.len();
            if let Some(fault) = self.side.fault() {
                self.state = State::Stopped;
                cx.agreed.blind = true;
                cx.events.fault(cx.direction, fault, raw);
                break;
            }
        }
        at
    }

    fn take_pending<E: Events>(&mut self, cx: &mut Context<'_, E>) {
        let mut pending = mem::take(&mut self.pending);
        let used = self.take(&pending, cx);
        pending.drain(..used);
        if !pending.is_empty() || pending.capacity() <= KEPT {
            self.pending = pending;
        }
    }

    /// What the state asks for once bytes are pending.
    fn go_on<E: Events>(&mut self, cx: &mut Context<'_, E>) {
        if self.state == State::Waiting && self.pending.len() > HELD {
            cx.agreed.blind = true;
            self.state = State::Records;
            self.take_pending(cx);
        }
        if self.state == State::Lost {
            self.find_records(cx);
        }
        if self.state == State::Stopped {
            self.next += self.pending.len() as u64;
            self.pending = Vec::new();
        }
    }

    /// Looks for records in `pending`, drops what is before them, and takes them.
    fn find_records<E: Events>(&mut self, cx: &mut Context<'_, E>) {
        let mut pending = mem::take(&mut self.pending);
        let mut at = 0;
        while self.state == State::Lost {
            let (passed, found) = find_record(&pending[at..]);
            self.next += passed as u64;
            at += passed;
            if !found {
                break;
            }
            self.state = State::Records;
            at += self.take(&pending[at..], cx);
        }
        pending.drain(..at);
        self.pending = pending;
    }
}

/// Where a record begins, or from where on more bytes have to be awaited. A record is believed if another header follows
/// it, or if it ends where the bytes end.
fn find_record(bytes: &[u8]) -> (usize, bool) {
    let mut at = 0;
    while let Some(header) = bytes[at..].first_chunk() {
        if let Some(header) = Header::plausible(header) {
            let after = bytes.get(at + header.record_len()..);
            match after.map(|after| (after.is_empty(), after.first_chunk())) {
                Some((true, _)) => return (at, true),
                Some((_, Some(next))) if Header::plausible(next).is_some() => return (at, true),
                Some((_, Some(_))) => {}
                Some((_, None)) | None => return (at, false),
            }
        }
        at += 1;
    }
    (at, false)
}
