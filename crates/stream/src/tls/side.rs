//! One direction's records: what they say, and whether they can be opened.

mod opening;

use std::mem;
use std::ops::Range;

use super::agreed::Epoch;
use super::cipher::Cipher;
use super::hello::{ClientHello, ServerHello, encrypted_alpn};
use super::messages::{self, Messages};
use super::record::{ALERT, APPLICATION_DATA, CHANGE_CIPHER_SPEC, HANDSHAKE, Header};
use super::secrets::Secret;
use super::session::Context;
use super::{Alert, Certificate, Events, Fault, Undecrypted};

/// What came of a record.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// It was read, or opened.
    Read,
    /// It could not be.
    Unread,
    /// It cannot be taken before the other direction says more.
    Wait,
}

/// One direction, without the framing of its bytes.
pub(crate) struct Side {
    protection: Protection,
    /// Of TLS 1.3, where records are protected.
    epoch: Epoch,
    messages: Messages,
    /// What to change once the record at hand is done: keys change between records only (RFC 8446 §5.1).
    turn: Option<Turn>,
    /// After missing bytes, until a record opens: how many records may be missing at most.
    unsure: Option<u64>,
    /// Bytes that may still be spent on trying sequence numbers; see [`opening`].
    budget: u64,
    /// Where application data began to be missing.
    hole: Option<u64>,
    undecrypted: [u64; Undecrypted::REASONS],
    /// What was found to be wrong in a message.
    fault: Option<Fault>,
}

enum Protection {
    Clear,
    Keyed(Box<Keyed>),
    Shut(Undecrypted),
}

struct Keyed {
    cipher: Cipher,
    /// In TLS 1.3, for the keys that follow.
    secret: Option<Secret>,
    /// The sequence number of the next record.
    next: u64,
}

enum Turn {
    To(Epoch),
    Update,
}

impl Side {
    /// Bytes of handshake messages that are held.
    pub(crate) fn held_bytes(&self) -> usize {
        self.messages.held_bytes()
    }

    pub(crate) fn new() -> Self {
        Self {
            protection: Protection::Clear,
            epoch: Epoch::Early,
            messages: Messages::default(),
            turn: None,
            unsure: None,
            budget: opening::BUDGET,
            hole: None,
            undecrypted: [0; Undecrypted::REASONS],
            fault: None,
        }
    }

    pub(crate) fn undecrypted(&self) -> u64 {
        self.undecrypted.iter().sum()
    }

    /// Where the record begins that a message which is not complete began in.
    #[inline]
    pub(crate) fn message_start(&self) -> Option<u64> {
        self.messages.begun()
    }

    /// What a message that could not be read makes of the direction.
    pub(crate) fn fault(&mut self) -> Option<Fault> {
        self.fault.take()
    }

    /// Takes a whole record.
    #[inline]
    pub(crate) fn take<E: Events>(
        &mut self,
        header: &Header,
        body: &[u8],
        raw: &Range<u64>,
        cx: &mut Context<'_, E>,
    ) -> Step {
        match self.protection {
            Protection::Clear => self.clear(header, body, raw, cx),
            _ if cx.agreed.is_tls13() => self.tls13(header, body, raw, cx),
            _ => self.tls12(header, body, raw, cx),
        }
    }

    /// A record before there are keys.
    fn clear<E: Events>(
        &mut self,
        header: &Header,
        body: &[u8],
        raw: &Range<u64>,
        cx: &mut Context<'_, E>,
    ) -> Step {
        match header.kind {
            HANDSHAKE => {
                if self.messages.is_empty()
                    && body.first() == Some(&messages::SERVER_HELLO)
                    && cx.agreed.awaits_client()
                {
                    return Step::Wait;
                }
                // the ChangeCipherSpec before it may be among what is missing
                if self.unsure.is_some() && cx.agreed.has_answer() && !cx.agreed.is_tls13() {
                    self.change_cipher(cx);
                    if self.tls12(header, body, raw, cx) == Step::Read {
                        return Step::Read;
                    }
                    self.protection = Protection::Clear;
                    self.messages.break_off();
                }
                self.handshake(body, raw, cx);
                Step::Read
            }
            ALERT => self.alert(body, raw, cx),
            _ => {
                if cx.agreed.awaits_answer(cx.direction) {
                    return Step::Wait;
                }
                if !cx.agreed.has_answer() {
                    // protected records without a hello: the capture began later
                    cx.agreed.blind = true;
                    self.protection = Protection::Shut(Undecrypted::NoHello);
                    return self.tls12(header, body, raw, cx);
                }
                match (cx.agreed.is_tls13(), header.kind) {
                    // for the looks of it only (RFC 8446 §D.4)
                    (true, CHANGE_CIPHER_SPEC) => Step::Read,
                    (true, _) => {
                        self.begin_tls13(cx);
                        self.tls13(header, body, raw, cx)
                    }
                    (false, CHANGE_CIPHER_SPEC) => {
                        self.change_cipher(cx);
                        Step::Read
                    }
                    (false, _) => {
                        self.change_cipher(cx);
                        self.tls12(header, body, raw, cx)
                    }
                }
            }
        }
    }

    /// The content of a record that was opened.
    fn content<E: Events>(&mut self, kind: u8, content: &[u8], raw: &Range<u64>, cx: &mut Context<'_, E>) {
        match kind {
            APPLICATION_DATA => {
                if content.is_empty() {
                    return;
                }
                if let Some(start) = self.hole.take() {
                    cx.events.hole(cx.direction, start..raw.start);
                }
                cx.events.data(cx.direction, content, raw.clone());
            }
            HANDSHAKE => self.handshake(content, raw, cx),
            ALERT => {
                self.alert(content, raw, cx);
            }
            CHANGE_CIPHER_SPEC if !cx.agreed.is_tls13() => {
                self.change_cipher(cx);
                cx.events.key_change(cx.direction, raw.clone());
            }
            _ => {}
        }
    }

    fn alert<E: Events>(&mut self, content: &[u8], raw: &Range<u64>, cx: &mut Context<'_, E>) -> Step {
        let &[level, description] = content else { return Step::Unread };
        cx.events.alert(cx.direction, Alert { level, description }, raw.clone());
        Step::Read
    }

    fn handshake<E: Events>(&mut self, content: &[u8], raw: &Range<u64>, cx: &mut Context<'_, E>) {
        let mut messages = mem::take(&mut self.messages);
        messages.take(content, raw, |kind, body, raw| self.message(kind, body, raw, cx));
        self.messages = messages;
        match self.turn.take() {
            Some(Turn::To(epoch)) => self.enter(epoch, cx),
            Some(Turn::Update) => self.update(cx),
            None => {}
        }
    }

    fn message<E: Events>(&mut self, kind: u8, body: &[u8], raw: Range<u64>, cx: &mut Context<'_, E>) {
        let direction = cx.direction;
        let tls13 = cx.agreed.is_tls13() && !matches!(self.protection, Protection::Clear);
        match (kind, tls13) {
            (messages::CLIENT_HELLO, false) => match ClientHello::parse(body) {
                Some(hello) => {
                    cx.agreed.client_hello(direction, &hello);
                    cx.events.client_hello(direction, &hello, raw);
                }
                None => self.fault = Some(Fault::Hello),
            },
            (messages::SERVER_HELLO, false) => match ServerHello::parse(body) {
                Some(mut hello) => {
                    cx.agreed.server_hello(&mut hello);
                    cx.events.server_hello(direction, &hello, raw);
                }
                None => self.fault = Some(Fault::Hello),
            },
            (messages::CERTIFICATE, _) => {
                if let Some(certificate) = Certificate::parse(body, tls13) {
                    cx.events.certificate(direction, &certificate, raw);
                }
            }
            (messages::ENCRYPTED_EXTENSIONS, true) => {
                if let Some(protocol) = encrypted_alpn(body) {
                    cx.events.negotiated_alpn(direction, protocol, raw);
                }
            }
            (messages::END_OF_EARLY_DATA, true) if self.epoch == Epoch::Early => {
                self.turn = Some(Turn::To(Epoch::Handshake));
            }
            (messages::FINISHED, true) if self.epoch == Epoch::Handshake => {
                self.turn = Some(Turn::To(Epoch::Application));
            }
            (messages::KEY_UPDATE, true) if self.epoch == Epoch::Application => {
                self.turn = Some(Turn::Update);
                cx.events.key_change(direction, raw);
            }
            _ => {}
        }
    }

    /// A record of which the header came, but not all of the rest.
    pub(crate) fn lost_record<E: Events>(
        &mut self,
        header: &Header,
        raw: Range<u64>,
        cx: &mut Context<'_, E>,
    ) {
        if let Protection::Keyed(keyed) = &mut self.protection
            && (header.kind == APPLICATION_DATA || !cx.agreed.is_tls13())
        {
            keyed.next += 1;
        }
        self.lost(Some(1), raw.start, cx);
        self.report(Undecrypted::Gap, raw, cx);
    }

    /// So many records are missing at most, or an unknown number.
    pub(crate) fn lost<E: Events>(&mut self, records: Option<u64>, from: u64, cx: &mut Context<'_, E>) {
        cx.agreed.lost(cx.direction);
        let so_far = self.unsure.unwrap_or(0);
        self.unsure =
            Some(so_far.saturating_add(records.unwrap_or(opening::FURTHEST)).min(opening::FURTHEST));
        self.hole.get_or_insert(from);
        match self.protection {
            Protection::Keyed(_) if self.epoch == Epoch::Application || !cx.agreed.is_tls13() => {
                self.messages.restart();
            }
            _ => self.messages.break_off(),
        }
    }

    fn report<E: Events>(&mut self, why: Undecrypted, raw: Range<u64>, cx: &mut Context<'_, E>) {
        let count = &mut self.undecrypted[why.index()];
        *count += 1;
        if *count == 1 {
            cx.events.undecrypted(cx.direction, why, raw);
        }
    }
}
