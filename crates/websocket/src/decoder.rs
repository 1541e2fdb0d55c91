//! One direction of a connection, from raw bytes to messages.

mod events;
mod inflate;
mod message;
mod search;
mod utf8;

use crate::fault::of_close;
use crate::frame::{MAX_CONTROL_LEN, MAX_HEADER_LEN};
use crate::{Deflate, Fault, Header, Kind, Opcode, Sender, apply_mask};

pub use events::{Events, MessageInfo};
use inflate::Inflater;
use message::Message;
use search::{Pushes, Search};

/// Most bytes unmasked at once.
const PIECE: usize = 64 * 1024;
/// Gaps beyond this are not told apart; pushes never get there.
const MAX_OFFSET: u64 = 1 << 62;
/// Frames after a search that may still show it was wrong.
const PROBATION: u8 = 8;

/// Reads the frames of one sender.
///
/// It never fails: what is wrong is told as a [`Fault`], and it carries on as a sensible reader would. A frame masked
/// that should not be is unmasked, one not masked that should be is taken as it is; a control frame that is fragmented
/// or too long is one frame; a reserved opcode's payload is skipped; bits of extensions not agreed on are ignored; a
/// continuation of nothing counts as a binary message.
///
/// **Loss.** After an inflate error or missing bytes inside compressed data, [`Events::lost`] is told and the rest of
/// the message dropped. Without context takeover the next message is whole again. With it, each further message is
/// inflated from an empty history: what does not refer to what was lost comes out, and comes out right; the rest is
/// dropped, and told as lost again if anything came out in between.
///
/// **Bombs.** Data is handed out as it is inflated, 32 KiB at most, so that memory does not grow with what a message
/// inflates to. One message may inflate to 272 MiB, more than the largest MQTT packet, or to 64 times its compressed
/// bytes if that is more; beyond, it is dropped with [`Fault::InflatedTooMuch`]. No DEFLATE data inflates to more than
/// 1032 times its size, so time is linear in what was pushed.
#[derive(Debug)]
pub struct Decoder {
    sender: Sender,
    compression: Compression,
    state: State,
    pushes: Pushes,
    /// Nothing was told since [`Events::lost`] said that nobody knows how much is missing.
    lost_told: bool,
    closed: bool,
    /// Headers left to read until a search is believed; also, whether a message may be open whose start is unknown.
    probation: u8,
    start_unseen: bool,
    /// Bytes of a header that is not whole: `header_part[..header_part_len]`.
    header_part_len: u8,
    header_part: [u8; MAX_HEADER_LEN],
    /// Raw offset of the next byte.
    at: u64,
    /// The frame being read, meaningful in [`State::Payload`], with the offset of its header.
    header: Header,
    header_at: u64,
    /// Bytes of its payload still to come.
    left: u64,
    /// Bytes of its payload are missing.
    holed: bool,
    message: Option<Message>,
    /// Masked payload is unmasked here; control frames cut in two wait here.
    buffer: Vec<u8>,
    inflater: Option<Box<Inflater>>,
}

#[derive(Debug)]
enum State {
    /// A header comes next, or the rest of one.
    Header,
    Payload,
    Lost(Box<Search>),
}

/// What is known of permessage-deflate.
#[derive(Clone, Copy, Debug)]
enum Compression {
    Agreed(Deflate),
    None,
    /// The handshake was not seen: RSV1 tells.
    Unknown,
}

impl Compression {
    /// Whether RSV1 has a meaning.
    #[inline]
    fn is_possible(self) -> bool {
        !matches!(self, Self::None)
    }
}

impl Decoder {
    /// For all that `sender` sends after its HTTP head. `deflate`: what the handshake agreed on.
    pub fn new(sender: Sender, deflate: Option<Deflate>) -> Self {
        let compression = deflate.map_or(Compression::None, Compression::Agreed);
        Self::with(sender, compression, State::Header)
    }

    /// For what `sender` sends from any point on, the handshake unseen. It begins [lost](Self::is_lost).
    pub fn mid_stream(sender: Sender) -> Self {
        let state = State::Lost(Box::new(Search::new(sender, true, 0)));
        Self { lost_told: true, start_unseen: true, ..Self::with(sender, Compression::Unknown, state) }
    }

    fn with(sender: Sender, compression: Compression, state: State) -> Self {
        Self {
            sender,
            compression,
            state,
            pushes: Pushes::default(),
            lost_told: false,
            closed: false,
            probation: 0,
            start_unseen: false,
            header_part_len: 0,
            header_part: [0; MAX_HEADER_LEN],
            at: 0,
            header: Header::new(Opcode::Binary, 0, None),
            header_at: 0,
            left: 0,
            holed: false,
            message: None,
            buffer: Vec::new(),
            inflater: None,
        }
    }

    /// Raw offset of the next byte: all bytes pushed or missing so far.
    #[inline]
    pub fn offset(&self) -> u64 {
        self.at
    }

    /// Whether frames' borders are unknown. Bytes are searched for a run of plausible headers, then decoding goes on from
    /// its first one, or its second if only the others speak for the first: of three, where pushes of 32 bytes or more begin
    /// with them as most of this sender's do, and of at most six.
    #[inline]
    pub fn is_lost(&self) -> bool {
        matches!(self.state, State::Lost(_))
    }

    /// Whether the next byte begins a frame, and no fragmented message is open: the sender may well stop here.
    pub fn is_between_messages(&self) -> bool {
        matches!(self.state, State::Header) && self.header_part_len == 0 && self.message.is_none()
    }

    /// Reads the next bytes of the direction.
    #[inline]
    pub fn push(&mut self, bytes: &[u8], events: &mut impl Events) {
        if bytes.is_empty() {
            return;
        }
        self.pushes.came(bytes.len());
        if self.is_lost() {
            return self.search(bytes, true, events);
        }
        self.pushes.note(matches!(self.state, State::Header) && self.header_part_len == 0);
        self.read(bytes, events);
    }

    /// Reads bytes of a push.
    #[inline]
    fn read(&mut self, mut bytes: &[u8], events: &mut impl Events) {
        while !bytes.is_empty() {
            if self.is_lost() {
                return self.search(bytes, false, events);
            }
            let used = self.step(bytes, events);
            bytes = &bytes[used..];
        }
    }

    /// Gives the number of bytes read, at least one of `bytes`, which must not be empty. The decoder must not be lost.
    #[inline]
    fn step(&mut self, bytes: &[u8], events: &mut impl Events) -> usize {
        match self.state {
            State::Payload => self.read_payload(bytes, events),
            State::Header | State::Lost(_) => self.read_header(bytes, events),
        }
    }

    /// The next `missing` raw bytes of the direction were not captured.
    ///
    /// Inside one frame's payload the frames' borders stay known. Otherwise the decoder is [lost](Self::is_lost).
    pub fn gap(&mut self, missing: u64, events: &mut impl Events) {
        if missing == 0 {
            return;
        }
        self.at = self.at.saturating_add(missing).min(MAX_OFFSET);
        match &mut self.state {
            State::Lost(search) => search.gap(self.at),
            State::Payload if missing <= self.left => {
                self.left -= missing;
                self.holed = true;
                self.hole_in_message(missing, events);
                if self.left == 0 {
                    self.end_frame(events);
                }
            }
            State::Header | State::Payload => self.lose(self.at, events),
        }
    }

    /// Frames' borders are unknown from offset `at` on.
    fn lose(&mut self, at: u64, events: &mut impl Events) {
        self.message = None;
        self.start_unseen = true;
        self.header_part_len = 0;
        self.buffer.clear();
        if let Some(inflater) = &mut self.inflater {
            inflater.lose();
        }
        self.tell_lost(events);
        self.state = State::Lost(Box::new(Search::new(self.sender, self.compression.is_possible(), at)));
    }

    /// Takes all of `bytes`, with which a push may begin.
    #[cold]
    fn search(&mut self, bytes: &[u8], begins: bool, events: &mut impl Events) {
        let State::Lost(mut search) = std::mem::replace(&mut self.state, State::Header) else { return };
        let end = self.at + bytes.len() as u64;
        for (piece, before) in bytes.chunks(PIECE).zip((0..).step_by(PIECE)) {
            search.hold(piece, begins && before == 0);
            while let Some(at) = search.find(&mut self.pushes) {
                self.state = State::Header;
                self.at = at;
                self.probation = PROBATION;
                let mut held = search.held_from(at);
                while !held.is_empty() && !self.is_lost() {
                    let used = self.step(held, events);
                    held = &held[used..];
                }
                if !self.is_lost() {
                    return self.read(&bytes[before + piece.len()..], events);
                }
                search.begin_again(self.at);
            }
            search.let_go();
        }
        self.at = end;
        self.state = State::Lost(search);
    }

    /// Reads a header, and if `bytes` have it, as much of the payload. Gives the number of bytes read, at least one.
    #[inline]
    fn read_header(&mut self, bytes: &[u8], events: &mut impl Events) -> usize {
        let (header, used) = match Header::parse(bytes) {
            Some(header) if self.header_part_len == 0 => (header, usize::from(header.header_len)),
            _ => match self.gather_header(bytes) {
                Ok(found) => found,
                Err(used) => return used,
            },
        };
        self.at += used as u64;
        if let Some(len) = self.read_whole_message(&header, &bytes[used..], events) {
            return used + len;
        }
        self.header = header;
        self.header_at = self.at - u64::from(header.header_len);
        self.left = header.payload_len;
        self.holed = false;
        if !self.begin_frame(events) {
            return used;
        }
        self.state = State::Payload;
        if self.left == 0 {
            self.end_frame(events);
            return used;
        }
        match &bytes[used..] {
            [] => used,
            payload => used + self.read_payload(payload, events),
        }
    }

    /// A short way for what most traffic is made of: a sound binary message in one frame, not compressed, and all of
    /// its payload there. Gives the payload's length.
    #[inline]
    fn read_whole_message(
        &mut self,
        header: &Header,
        rest: &[u8],
        events: &mut impl Events,
    ) -> Option<usize> {
        let plain = header.opcode == Opcode::Binary
            && header.fin
            && header.is_sound(self.sender, false)
            && self.message.is_none()
            && !self.closed
            && self.probation == 0;
        let len = usize::try_from(header.payload_len).ok()?;
        let payload = rest.get(..len).filter(|_| plain && (1..=PIECE).contains(&len))?;
        let info = MessageInfo { kind: Kind::Binary, compressed: false };
        let from = self.at..self.at + header.payload_len;
        events.frame(header, self.at - u64::from(header.header_len));
        self.at = from.end;
        self.start_unseen = false;
        self.lost_told = false;
        match header.mask {
            None => events.data(payload, from, &info),
            Some(key) => {
                self.buffer.clear();
                self.buffer.extend_from_slice(payload);
                apply_mask(&mut self.buffer, key, 0);
                events.data(&self.buffer, from, &info);
            }
        }
        Some(len)
    }

    /// A header that comes in pieces: itself and how many of `bytes` it took, or how many were put by.
    #[cold]
    fn gather_header(&mut self, bytes: &[u8]) -> Result<(Header, usize), usize> {
        let had = usize::from(self.header_part_len);
        let taken = bytes.len().min(MAX_HEADER_LEN - had);
        self.header_part[had..had + taken].copy_from_slice(&bytes[..taken]);
        match Header::parse(&self.header_part[..had + taken]) {
            // What was there before was no header, so the header is longer.
            Some(header) => {
                self.header_part_len = 0;
                Ok((header, usize::from(header.header_len) - had))
            }
            // Fourteen bytes are always a header, so these are fewer.
            None => {
                self.header_part_len = (had + taken) as u8;
                self.at += taken as u64;
                Err(taken)
            }
        }
    }

    /// Judges the header just read. `false`: it showed that the search before was wrong.
    #[inline]
    fn begin_frame(&mut self, events: &mut impl Events) -> bool {
        let header = self.header;
        let compression = self.compression.is_possible();
        let sound = header.is_sound(self.sender, compression);
        if self.probation > 0 {
            self.probation -= 1;
            if !sound {
                self.lose(self.at, events);
                return false;
            }
        }
        events.frame(&header, self.header_at);
        if !sound {
            for fault in header.faults(self.sender, compression) {
                events.fault(fault, self.header_at..self.at);
            }
        }
        match header.opcode {
            Opcode::Text | Opcode::Binary | Opcode::Continuation => {
                if self.closed {
                    events.fault(Fault::DataAfterClose, self.header_at..self.at);
                }
                self.begin_message_frame(events);
            }
            _ => self.buffer.clear(),
        }
        true
    }

    /// Reads payload. Gives the number of bytes read, at least one of `bytes`, which must not be empty.
    #[inline]
    fn read_payload(&mut self, bytes: &[u8], events: &mut impl Events) -> usize {
        let len = usize::try_from(self.left).map_or(bytes.len(), |left| left.min(bytes.len()));
        let payload = &bytes[..len];
        match self.header.opcode {
            Opcode::Text | Opcode::Binary | Opcode::Continuation => self.read_message(payload, events),
            Opcode::Reserved(_) => {}
            control => {
                let whole = self.header.payload_len == len as u64 && len <= MAX_CONTROL_LEN;
                if whole && self.header.mask.is_none() {
                    self.at += len as u64;
                    self.state = State::Header;
                    self.tell_control(control, payload, events);
                    return len;
                }
                let room = MAX_CONTROL_LEN - self.buffer.len();
                self.buffer.extend_from_slice(&payload[..len.min(room)]);
            }
        }
        self.at += len as u64;
        self.left -= len as u64;
        if self.left == 0 {
            self.end_frame(events);
        }
        len
    }

    /// The frame's last byte is read.
    #[inline]
    fn end_frame(&mut self, events: &mut impl Events) {
        self.state = State::Header;
        match self.header.opcode {
            Opcode::Text | Opcode::Binary | Opcode::Continuation => {
                if self.header.fin {
                    self.end_message(events);
                }
            }
            Opcode::Reserved(_) => {}
            control => self.end_control(control, events),
        }
    }

    /// The payload waits in the buffer.
    fn end_control(&mut self, opcode: Opcode, events: &mut impl Events) {
        if self.holed {
            self.closed |= opcode == Opcode::Close;
            return;
        }
        let mut payload = std::mem::take(&mut self.buffer);
        if let Some(key) = self.header.mask {
            apply_mask(&mut payload, key, 0);
        }
        self.tell_control(opcode, &payload, events);
        self.buffer = payload;
    }

    fn tell_control(&mut self, opcode: Opcode, payload: &[u8], events: &mut impl Events) {
        let raw = self.header_at..self.at;
        events.control(opcode, payload, raw.clone());
        if opcode == Opcode::Close {
            self.closed = true;
            if let Some(fault) = of_close(payload) {
                events.fault(fault, raw);
            }
        }
    }
}
