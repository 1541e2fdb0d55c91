//! Keys, sequence numbers, and finding both again after bytes are missing.
//!
//! A record that does not open under the expected key and sequence number is tried with those that could come next. An
//! authenticated record opens under no other, so a trial cannot go wrong; it can only be long. Each byte tried is paid
//! for from a budget that records which open fill up again, so that the work stays linear in the bytes pushed.

use std::mem;
use std::ops::Range;

use super::super::agreed::Epoch;
use super::super::cipher::Cipher;
use super::super::record::{ALERT, APPLICATION_DATA, CHANGE_CIPHER_SPEC, HANDSHAKE, Header};
use super::super::secrets::Secret;
use super::super::session::Context;
use super::super::{Events, Undecrypted};
use super::{Keyed, Protection, Side, Step};

/// Bytes that may be spent on trials: a tenth of a second with AES-GCM.
pub(super) const BUDGET: u64 = 64 << 20;
/// What a trial costs beside the record's bytes.
const TRIAL: u64 = 100;
/// What deriving a key costs.
const DERIVATION: u64 = 5_000;
/// Sequence numbers that are tried at most.
pub(super) const FURTHEST: u64 = 1 << 16;
/// KeyUpdates that may be among missing records.
const UPDATES: usize = 4;
/// Records of a handshake that are passed over for want of its key. A flight has a handful; what goes on for longer is
/// application data under another key than the log has.
const HANDSHAKE_RECORDS: u64 = 64;

type Opened = (u8, Range<usize>);

impl Side {
    /// A record after a ChangeCipherSpec of TLS 1.2, or of a connection that cannot be read.
    pub(super) fn tls12<E: Events>(
        &mut self,
        header: &Header,
        body: &[u8],
        raw: &Range<u64>,
        cx: &mut Context<'_, E>,
    ) -> Step {
        self.look_again(header, cx);
        let Protection::Keyed(keyed) = &mut self.protection else {
            return self.unread(header, raw, cx);
        };
        if header.kind == CHANGE_CIPHER_SPEC && cx.agreed.awaits_answer(cx.direction) {
            return Step::Wait;
        }
        let mut plain = mem::take(cx.plain);
        let mut opened = keyed.cipher.open(header, keyed.next, body, &mut plain);
        if opened.is_none()
            && let Some(missing) = self.unsure
        {
            opened = keyed.later(missing, header, body, &mut plain, &mut self.budget);
        }
        let step = self.finish(opened, header, &plain, raw, cx);
        *cx.plain = plain;
        step
    }

    /// A record after the hellos of TLS 1.3.
    pub(super) fn tls13<E: Events>(
        &mut self,
        header: &Header,
        body: &[u8],
        raw: &Range<u64>,
        cx: &mut Context<'_, E>,
    ) -> Step {
        match header.kind {
            APPLICATION_DATA => {}
            ALERT => return self.alert(body, raw, cx),
            // the second ClientHello, after early data and a HelloRetryRequest
            HANDSHAKE if self.epoch == Epoch::Early => {
                self.protection = Protection::Clear;
                return self.clear(header, body, raw, cx);
            }
            _ => return Step::Read,
        }
        let mut plain = mem::take(cx.plain);
        let mut opened = match &self.protection {
            Protection::Keyed(keyed) => keyed.cipher.open(header, keyed.next, body, &mut plain),
            Protection::Clear | Protection::Shut(_) => None,
        };
        if opened.is_none() {
            opened = self.elsewhere(header, body, &mut plain, cx);
        }
        let step = self.finish(opened, header, &plain, raw, cx);
        *cx.plain = plain;
        step
    }

    #[inline]
    fn finish<E: Events>(
        &mut self,
        opened: Option<Opened>,
        header: &Header,
        plain: &[u8],
        raw: &Range<u64>,
        cx: &mut Context<'_, E>,
    ) -> Step {
        let (Some((kind, range)), Protection::Keyed(keyed)) = (opened, &mut self.protection) else {
            return self.unread(header, raw, cx);
        };
        keyed.next += 1;
        self.unsure = None;
        self.budget = BUDGET.min(self.budget + TRIAL + u64::from(header.len));
        self.content(kind, &plain[range], raw, cx);
        Step::Read
    }

    #[cold]
    fn unread<E: Events>(&mut self, header: &Header, raw: &Range<u64>, cx: &mut Context<'_, E>) -> Step {
        let after_gap = self.unsure.is_some();
        self.unsure = self.unsure.map(|records| FURTHEST.min(records + 1));
        let why = match &mut self.protection {
            // what else comes there is the end of a handshake
            Protection::Shut(_) if header.kind != APPLICATION_DATA => return Step::Unread,
            Protection::Shut(Undecrypted::NoHandshakeKey) => {
                match self.undecrypted[Undecrypted::NoHandshakeKey.index()] {
                    ..HANDSHAKE_RECORDS => Undecrypted::NoHandshakeKey,
                    HANDSHAKE_RECORDS.. => Undecrypted::Failed,
                }
            }
            Protection::Shut(why) => *why,
            Protection::Keyed(keyed) if !after_gap => {
                keyed.next += 1;
                Undecrypted::Failed
            }
            // it may be in the clear, the end of a handshake whose start is missing
            Protection::Keyed(_) if header.kind != APPLICATION_DATA => return Step::Unread,
            Protection::Keyed(_) | Protection::Clear => Undecrypted::Gap,
        };
        if header.kind == APPLICATION_DATA && why != Undecrypted::NoHandshakeKey {
            self.hole.get_or_insert(raw.start);
        }
        self.report(why, raw.clone(), cx);
        Step::Unread
    }

    /// Tries what could come next in TLS 1.3: later sequence numbers if records are missing, the epochs that follow, the
    /// keys after an update.
    #[cold]
    fn elsewhere<E: Events>(
        &mut self,
        header: &Header,
        body: &[u8],
        plain: &mut Vec<u8>,
        cx: &Context<'_, E>,
    ) -> Option<Opened> {
        let missing = self.unsure.unwrap_or(0);
        if let Protection::Keyed(keyed) = &mut self.protection
            && let Some(opened) = keyed.later(missing, header, body, plain, &mut self.budget)
        {
            return Some(opened);
        }
        let mut secret = match &self.protection {
            Protection::Keyed(keyed) if self.epoch == Epoch::Application => keyed.secret.clone(),
            _ => None,
        };
        for epoch in [Epoch::Handshake, Epoch::Application] {
            if epoch > self.epoch
                && spend(&mut self.budget, DERIVATION)
                && let Ok((cipher, of_epoch)) = cx.agreed.tls13(cx.direction, epoch, cx.keys)
            {
                let found = search(&cipher, 0..missing + 1, header, body, plain, &mut self.budget);
                if let Some((next, opened)) = found {
                    self.epoch = epoch;
                    self.install(cipher, Some(of_epoch), next);
                    return Some(opened);
                }
                secret = Some(of_epoch).filter(|_| epoch == Epoch::Application);
            }
        }
        let updates = if self.unsure.is_some() { UPDATES } else { 1 };
        for _ in 0..updates {
            let (cipher, next_secret) = cx.agreed.updated(secret.as_ref()?)?;
            if !spend(&mut self.budget, DERIVATION) {
                return None;
            }
            let found = search(&cipher, 0..missing + 1, header, body, plain, &mut self.budget);
            if let Some((next, opened)) = found {
                self.epoch = Epoch::Application;
                self.install(cipher, Some(next_secret), next);
                return Some(opened);
            }
            secret = Some(next_secret);
        }
        None
    }

    /// The first protected record of TLS 1.3 in this direction.
    pub(super) fn begin_tls13<E: Events>(&mut self, cx: &Context<'_, E>) {
        let early = cx.agreed.side(cx.direction) == Some(0) && cx.agreed.early_data();
        self.enter(if early { Epoch::Early } else { Epoch::Handshake }, cx);
    }

    pub(super) fn enter<E: Events>(&mut self, epoch: Epoch, cx: &Context<'_, E>) {
        self.epoch = epoch;
        match cx.agreed.tls13(cx.direction, epoch, cx.keys) {
            Ok((cipher, secret)) => self.install(cipher, Some(secret), 0),
            Err(why) => self.protection = Protection::Shut(why),
        }
    }

    /// After a KeyUpdate (RFC 8446 §4.6.3).
    pub(super) fn update<E: Events>(&mut self, cx: &Context<'_, E>) {
        if let Protection::Keyed(keyed) = &self.protection
            && let Some(secret) = &keyed.secret
            && let Some((cipher, secret)) = cx.agreed.updated(secret)
        {
            self.install(cipher, Some(secret), 0);
        }
    }

    /// After a ChangeCipherSpec of TLS 1.2.
    pub(super) fn change_cipher<E: Events>(&mut self, cx: &Context<'_, E>) {
        match cx.agreed.tls12(cx.direction, cx.keys) {
            Ok(cipher) => self.install(cipher, None, 0),
            Err(why) => self.protection = Protection::Shut(why),
        }
    }

    /// Keys may have come after the ChangeCipherSpec that asked for them, and before any data: only the end of the handshake
    /// could not be read then.
    fn look_again<E: Events>(&mut self, header: &Header, cx: &Context<'_, E>) {
        let none = matches!(self.protection, Protection::Shut(Undecrypted::NoKey));
        if none
            && header.kind == APPLICATION_DATA
            && self.undecrypted[Undecrypted::NoKey.index()] == 0
            && let Ok(cipher) = cx.agreed.tls12(cx.direction, cx.keys)
        {
            self.install(cipher, None, 0);
            self.unsure = Some(FURTHEST.min(self.unsure.unwrap_or(0) + HANDSHAKE_RECORDS));
        }
    }

    fn install(&mut self, cipher: Cipher, secret: Option<Secret>, next: u64) {
        self.protection = Protection::Keyed(Box::new(Keyed { cipher, secret, next }));
        self.messages.restart();
    }
}

impl Keyed {
    /// Tries the `missing` sequence numbers after the expected one, and goes on from the one that fits.
    fn later(
        &mut self,
        missing: u64,
        header: &Header,
        body: &[u8],
        plain: &mut Vec<u8>,
        budget: &mut u64,
    ) -> Option<Opened> {
        let numbers = self.next + 1..self.next + 1 + missing;
        let (number, opened) = search(&self.cipher, numbers, header, body, plain, budget)?;
        self.next = number;
        Some(opened)
    }
}

/// The first of these sequence numbers under which the record opens.
fn search(
    cipher: &Cipher,
    numbers: Range<u64>,
    header: &Header,
    body: &[u8],
    plain: &mut Vec<u8>,
    budget: &mut u64,
) -> Option<(u64, Opened)> {
    let cost = TRIAL + body.len() as u64;
    for number in numbers {
        if !spend(budget, cost) {
            return None;
        }
        if let Some(opened) = cipher.open(header, number, body, plain) {
            return Some((number, opened));
        }
    }
    None
}

fn spend(budget: &mut u64, cost: u64) -> bool {
    match budget.checked_sub(cost) {
        Some(left) => {
            *budget = left;
            true
        }
        None => false,
    }
}
