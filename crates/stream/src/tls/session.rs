//! One connection: both directions, and what they agreed on.

use super::agreed::Agreed;
use super::framing::Framing;
use super::{Events, KeyLog};
use crate::Direction;

/// A decrypt buffer that is larger is given back after a push.
const KEPT: usize = 4096;

/// Reads one TLS connection from the bytes of its two directions.
///
/// Bytes come in pieces of any size; which direction is the client's is seen from its hello. A direction's bytes wait
/// (up to 256 KiB) if they need the other direction's hello first. What cannot be decrypted is said and passed over.
///
/// Keys are looked up where a direction needs them first; a key that comes later is not looked for. Where
/// [`Undecrypted::NoKey`](super::Undecrypted::NoKey) was said, push the same bytes to a fresh session once
/// [`KeyLog::has`] the [`client_random`](Self::client_random).
pub struct Session {
    agreed: Agreed,
    /// By [`Direction`].
    directions: [Framing; 2],
    /// What a record is decrypted into.
    plain: Vec<u8>,
}

/// What is at hand while bytes are taken.
pub(crate) struct Context<'a, E> {
    pub(crate) agreed: &'a mut Agreed,
    pub(crate) keys: &'a KeyLog,
    pub(crate) direction: Direction,
    pub(crate) plain: &'a mut Vec<u8>,
    pub(crate) events: &'a mut E,
}

impl Session {
    /// A connection whose first bytes stand at offset 0 of both directions.
    #[must_use]
    pub fn new() -> Self {
        Self::starting_at(0, 0)
    }

    /// A connection that begins within its streams, as after a proxy's CONNECT: where its first bytes stand in the
    /// direction [`Forward`](Direction::Forward) and in [`Reverse`](Direction::Reverse).
    #[must_use]
    pub fn starting_at(forward: u64, reverse: u64) -> Self {
        Self {
            agreed: Agreed::default(),
            directions: [Framing::new(forward), Framing::new(reverse)],
            plain: Vec::new(),
        }
    }

    /// Takes the next bytes of a direction.
    pub fn push<E: Events>(&mut self, direction: Direction, bytes: &[u8], keys: &KeyLog, events: &mut E) {
        self.with(direction, keys, events, |framing, cx| framing.push(bytes, cx));
        self.go_on(direction, keys, events);
    }

    /// The next `missing` bytes of a direction are not there; 0 if nobody knows how many, as where a capture begins in
    /// the midst of a connection. Records that follow are found again, and so are their sequence numbers.
    pub fn gap<E: Events>(&mut self, direction: Direction, missing: u64, keys: &KeyLog, events: &mut E) {
        self.with(direction, keys, events, |framing, cx| framing.gap(missing, cx));
        self.go_on(direction, keys, events);
    }

    /// No more bytes come: what still waits for a hello is given up.
    pub fn finish<E: Events>(&mut self, keys: &KeyLog, events: &mut E) {
        self.agreed.blind = true;
        self.go_on(Direction::Forward, keys, events);
        self.go_on(Direction::Reverse, keys, events);
    }

    /// The random of the last ClientHello, by which a key log names the connection.
    #[must_use]
    pub fn client_random(&self) -> Option<&[u8; 32]> {
        self.agreed.client_random()
    }

    /// The client's direction, once it said hello.
    #[must_use]
    pub fn client(&self) -> Option<Direction> {
        [Direction::Forward, Direction::Reverse]
            .into_iter()
            .find(|&direction| self.agreed.side(direction) == Some(0))
    }

    /// From which offset on a direction's bytes may still be told of: what stands before it has been.
    #[must_use]
    #[inline]
    pub fn told_until(&self, direction: Direction) -> u64 {
        self.directions[direction as usize].told_until()
    }

    /// Records of a direction that could not be decrypted, for all [reasons](super::Undecrypted) together.
    #[must_use]
    pub fn undecrypted(&self, direction: Direction) -> u64 {
        self.directions[direction as usize].side.undecrypted()
    }

    /// Bytes that are held: of records and messages that are not whole, or of those that wait for the other direction.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.directions.iter().map(Framing::held_bytes).sum()
    }

    /// What one direction said may be what the other waits for, and the other way round.
    fn go_on<E: Events>(&mut self, direction: Direction, keys: &KeyLog, events: &mut E) {
        let mut waiting = direction.opposite();
        while self.with(waiting, keys, events, |framing, cx| framing.resume(cx)) {
            waiting = waiting.opposite();
        }
        if self.plain.capacity() > KEPT {
            self.plain = Vec::new();
        }
    }

    fn with<E: Events, T>(
        &mut self,
        direction: Direction,
        keys: &KeyLog,
        events: &mut E,
        what: impl FnOnce(&mut Framing, &mut Context<'_, E>) -> T,
    ) -> T {
        let Self { agreed, directions, plain } = self;
        what(&mut directions[direction as usize], &mut Context { agreed, keys, direction, plain, events })
    }
}

impl Default for Session {
    fn default() -> Self {
        Self::new()
    }
}
