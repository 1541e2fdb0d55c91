//! Through TLS: what it encrypts goes on upwards, hellos and alerts get rows.

use std::ops::Range;

use mqscope_capture::CaptureError;
use mqscope_stream::Direction;
use mqscope_stream::tls::{self, Alert, ClientHello, KeyLog, ServerHello, Session, Undecrypted};

use super::Visitor;
use super::feed::{Desk, Feed, Interest};
use crate::connection::{Connection, Pending};
use crate::lane::Piece;
use crate::origin::Made;
use crate::tls::{Opened, Tls, Waiting};
use crate::trail::Trail;
use crate::{CarrierMessage, DissectError, Extent, FrameRef, Transport};

impl Connection {
    /// Whether it is encrypted and may be decrypted when its keys come.
    pub(super) fn awaits_keys(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.opened == Opened::No && tls.waiting.is_some())
    }
}

impl<V: Visitor> Desk<'_, V> {
    /// Takes what was put by of a connection whose keys have come.
    fn read_again(&mut self, connection: &mut Connection, pieces: Vec<Waiting>) -> Interest {
        let mut bytes = Vec::new();
        for piece in pieces {
            let interest = match piece {
                Waiting::Piece { direction, extent, frame, carried } => {
                    bytes.resize(extent.len as usize, 0);
                    match self.work.store.read(extent.at, &mut bytes) {
                        Ok(()) => {
                            let piece =
                                Piece { bytes: &bytes, at: extent.at, frame: &frame, carried: &carried };
                            self.on_tcp(connection, direction, piece)
                        }
                        // The ring let go of it before its keys came.
                        Err(CaptureError::Dropped { .. }) => {
                            self.gap_in_tls(connection, direction, extent.len.into())
                        }
                        Err(error) => {
                            self.work.failure.get_or_insert(error);
                            return Interest::None;
                        }
                    }
                }
                Waiting::Gap { direction, missing } => self.gap_in_tls(connection, direction, missing),
            };
            if interest == Interest::None {
                return interest;
            }
        }
        Interest::Some
    }

    /// The client begins with a TLS hello: what is held goes through TLS from here on.
    pub(super) fn begin_tls(&mut self, connection: &mut Connection, client: Direction) -> Interest {
        let heads = connection.undecided.replace(Box::default());
        connection.tls = Some(Box::new(Tls::new(self.work.await_keys)));
        connection.carrier.client = Some(client);
        connection.carrier.transport = Transport::Tls;
        let mut interest = Interest::Some;
        for (direction, head) in
            [Direction::Forward, Direction::Reverse].into_iter().zip(&*heads.unwrap_or_default())
        {
            for piece in head.pieces() {
                if interest == Interest::Some {
                    interest = self.through_tls(connection, direction, piece);
                }
            }
        }
        interest
    }

    pub(super) fn through_tls(
        &mut self,
        connection: &mut Connection,
        direction: Direction,
        piece: Piece<'_>,
    ) -> Interest {
        let extent = Extent { at: piece.at, len: piece.bytes.len() as u32 };
        let came = Waiting::Piece { direction, extent, frame: *piece.frame, carried: *piece.carried };
        self.with_session(connection, came, piece.frame, |session, keys, inside| {
            inside.trails[direction as usize].push(&piece);
            session.push(direction, piece.bytes, keys, inside);
        })
    }

    pub(super) fn gap_in_tls(
        &mut self,
        connection: &mut Connection,
        direction: Direction,
        missing: u64,
    ) -> Interest {
        let now = self.now();
        self.with_session(connection, Waiting::Gap { direction, missing }, &now, |session, keys, inside| {
            inside.trails[direction as usize].skip(missing);
            session.gap(direction, missing, keys, inside);
        })
    }

    /// Has the session take what `came`, and hears what that brings.
    #[inline]
    fn with_session(
        &mut self,
        connection: &mut Connection,
        came: Waiting,
        frame: &FrameRef,
        take: impl FnOnce(&mut Session, &KeyLog, &mut InTls<'_, '_, V>),
    ) -> Interest {
        let Some(mut tls) = connection.tls.take() else { return Interest::None };
        tls.wait_with(came);
        let keys = std::mem::take(&mut self.work.keys);
        let Tls { session, trails, opened, announced, .. } = &mut *tls;
        let mut inside = InTls {
            desk: self,
            connection,
            trails,
            opened,
            announced: *announced,
            frame,
            interest: Interest::Some,
        };
        take(session, &keys, &mut inside);
        let interest = inside.interest;
        self.work.keys = keys;
        // What one direction waited for may have come with the other.
        for direction in [Direction::Forward, Direction::Reverse] {
            let told = tls.session.told_until(direction);
            tls.trails[direction as usize].forget_before(told);
        }
        connection.tls = Some(tls);
        self.after_tls(connection, interest)
    }

    /// What could not be decrypted is shown as what it is; what was, and is of no interest, is let go.
    fn after_tls(&mut self, connection: &mut Connection, interest: Interest) -> Interest {
        let Some(tls) = &connection.tls else { return interest };
        if tls.opened != Opened::No {
            return interest;
        }
        let waits = tls.waiting.is_some();
        self.enter_pending(&mut connection.carrier);
        // The keys may have come after they were looked for, and before anything had to be decrypted.
        self.decrypt(connection).unwrap_or(Interest::when(waits))
    }

    /// Reads a connection once more if its keys have come.
    fn decrypt(&mut self, connection: &mut Connection) -> Option<Interest> {
        let awaits_keys = connection.awaits_keys();
        let tls = connection.tls.as_mut().filter(|_| awaits_keys)?;
        if !self.work.keys.has(tls.session.client_random()?) {
            return None;
        }
        let pieces = tls.again();
        // Until that is found to be so again.
        self.work.traffic.encrypted -= 1;
        connection.undecided = Some(Box::default());
        Some(self.read_again(connection, pieces))
    }

    pub(super) fn end_tls(&mut self, connection: &mut Connection) {
        // A handshake that nothing followed tells why: it is worth a look.
        if connection.tls.as_ref().is_some_and(|tls| tls.opened == Opened::NotYet) {
            self.enter_pending(&mut connection.carrier);
        }
    }
}

impl<V: Visitor> Feed<'_, V> {
    /// Reads connections once more whose keys have come.
    pub(super) fn decrypt_late(&mut self) -> Result<(), DissectError> {
        let Feed { connections, desk } = self;
        for slot in connections.iter_mut() {
            let Some(connection) = slot else { continue };
            let Some(interest) = desk.decrypt(connection) else { continue };
            let ended = connection.ended.filter(|_| interest == Interest::Some);
            if let Some(kind) = ended {
                desk.end(connection, kind);
            }
            if ended.is_some() || interest == Interest::None {
                *slot = None;
            }
        }
        match desk.work.failure.take() {
            Some(failure) => Err(failure.into()),
            None => Ok(()),
        }
    }
}

/// Hears what one piece of a TLS connection brings.
struct InTls<'a, 'd, V> {
    desk: &'a mut Desk<'d, V>,
    connection: &'a mut Connection,
    trails: &'a mut [Trail; 2],
    opened: &'a mut Opened,
    announced: bool,
    frame: &'a FrameRef,
    interest: Interest,
}

impl<V: Visitor> InTls<'_, '_, V> {
    fn tell(&mut self, message: CarrierMessage, direction: Direction, raw: Range<u64>) {
        let places = self.trails[direction as usize].places(raw);
        let (mut extents, mut completed) = (Vec::new(), None);
        for place in places {
            extents.push(place.extent);
            completed = Some(*place.completed);
        }
        self.tell_at(message, direction, extents, completed);
    }

    fn tell_at(
        &mut self,
        message: CarrierMessage,
        direction: Direction,
        extents: Vec<Extent>,
        completed: Option<FrameRef>,
    ) {
        if self.announced {
            return;
        }
        let frame = completed.unwrap_or(*self.frame);
        let pending = Pending { message, direction, frame, extents, breach: None };
        let carrier = &mut self.connection.carrier;
        if carrier.flow.is_some() {
            self.desk.enter_carrier(carrier, &pending);
        } else {
            carrier.hold(Some(pending));
        }
    }
}

impl<V: Visitor> tls::Events for InTls<'_, '_, V> {
    fn client_hello(&mut self, direction: Direction, _: &ClientHello<'_>, raw: Range<u64>) {
        self.tell(CarrierMessage::ClientHello, direction, raw);
    }

    fn server_hello(&mut self, direction: Direction, _: &ServerHello<'_>, raw: Range<u64>) {
        self.tell(CarrierMessage::ServerHello, direction, raw);
    }

    fn alert(&mut self, direction: Direction, alert: Alert, raw: Range<u64>) {
        // Every connection ends with that one, and it says nothing.
        const CLOSE_NOTIFY: u8 = 0;
        if alert.description == CLOSE_NOTIFY {
            return;
        }
        // As it would stand on the wire if it were not encrypted.
        let record = [21, 3, 3, 0, 2, alert.level, alert.description];
        let mut completed = None;
        let places =
            self.trails[direction as usize].places(raw).inspect(|place| completed = Some(*place.completed));
        let Some(kept) = self.desk.derive(&record, places, Made::Record, None) else { return };
        let extents = vec![Extent { at: kept.at, len: record.len() as u32 }];
        self.tell_at(CarrierMessage::TlsAlert, direction, extents, completed);
    }

    fn data(&mut self, direction: Direction, bytes: &[u8], from: Range<u64>) {
        *self.opened = Opened::Yes;
        if bytes.is_empty() || self.interest == Interest::None {
            return;
        }
        let mut completed = None;
        let places =
            self.trails[direction as usize].places(from).inspect(|place| completed = Some(place.completed));
        if let Some(kept) = self.desk.derive(bytes, places, Made::Record, None) {
            let frame = completed.unwrap_or(self.frame);
            let piece = Piece { bytes, at: kept.at, frame, carried: frame };
            self.interest = self.desk.in_the_clear(self.connection, direction, piece);
        }
    }

    fn hole(&mut self, direction: Direction, _: Range<u64>) {
        if *self.opened == Opened::Yes {
            self.interest = self.desk.gap_in_the_clear(self.connection, direction, 0);
        }
    }

    fn undecrypted(&mut self, _: Direction, why: Undecrypted, _: Range<u64>) {
        use Undecrypted::{Compression, NoHello, NoKey, Suite, Version};
        // Of the other reasons none says that nothing will be decrypted.
        if *self.opened == Opened::NotYet
            && matches!(why, NoHello | NoKey | Suite(_) | Version(_) | Compression)
        {
            *self.opened = Opened::No;
            self.desk.work.traffic.encrypted += 1;
            let flow = self.desk.work.enter_flow(&mut self.connection.carrier);
            self.desk.work.index.flows.get(flow).set_undecrypted(why);
        }
    }
}
