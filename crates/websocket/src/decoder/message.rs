//! The data frames of a direction: messages, fragmented or not.

use std::ops::Range;

use super::inflate::{Failure, Inflater};
use super::utf8::Utf8;
use super::{Compression, Decoder, Events, MessageInfo, PIECE};
use crate::{Deflate, Fault, Kind, Opcode, apply_mask};

/// A message that is being read.
#[derive(Debug)]
pub(super) struct Message {
    info: MessageInfo,
    /// Raw offset of its first frame's header.
    at: u64,
    /// Nothing more of it can be told.
    dropped: bool,
    /// Bytes of it are missing, so that it cannot be judged as a text.
    holed: bool,
    utf8: Utf8,
    /// Compressed: raw offset of the first byte read since anything came out.
    unanswered: Option<u64>,
}

impl Decoder {
    /// A data frame begins.
    #[inline]
    pub(super) fn begin_message_frame(&mut self, events: &mut impl Events) {
        let kind = match self.header.opcode {
            Opcode::Continuation if self.message.is_some() => return,
            Opcode::Continuation => return self.begin_with_continuation(events),
            Opcode::Text => Kind::Text,
            _ => Kind::Binary,
        };
        if self.message.is_some() {
            events.fault(Fault::MessageInterrupted, self.header_at..self.at);
            self.interrupt(events);
        }
        self.start_unseen = false;
        let compressed = self.header.rsv1 && self.compression.is_possible();
        if compressed {
            self.inflater().begin();
        }
        self.open(MessageInfo { kind, compressed });
    }

    #[inline]
    fn open(&mut self, info: MessageInfo) {
        self.message = Some(Message {
            info,
            at: self.header_at,
            dropped: false,
            holed: false,
            utf8: Utf8::default(),
            unanswered: None,
        });
    }

    /// The message's first frame was not seen, or there was none.
    #[cold]
    fn begin_with_continuation(&mut self, events: &mut impl Events) {
        self.open(MessageInfo { kind: Kind::Binary, compressed: false });
        if !self.start_unseen {
            events.fault(Fault::ContinuationWithoutStart, self.header_at..self.at);
        } else if self.compression.is_possible() {
            // Its first frame would have said whether it is compressed.
            self.drop_message(events);
        }
    }

    /// A message ends without its last frame.
    #[cold]
    fn interrupt(&mut self, events: &mut impl Events) {
        let Some(message) = self.message.take() else { return };
        if message.info.compressed && !message.dropped {
            self.inflater().lose();
            self.tell_lost(events);
        }
    }

    fn inflater(&mut self) -> &mut Inflater {
        let (compression, sender) = (self.compression, self.sender);
        self.inflater.get_or_insert_with(|| {
            let mut inflater = match compression {
                Compression::Agreed(deflate) => Inflater::new(deflate, sender),
                Compression::None | Compression::Unknown => Inflater::new(Deflate::default(), sender),
            };
            // Whatever was sent before is not known.
            if matches!(compression, Compression::Unknown) {
                inflater.lose();
            }
            Box::new(inflater)
        })
    }

    /// Reads payload of a data frame.
    #[inline]
    pub(super) fn read_message(&mut self, payload: &[u8], events: &mut impl Events) {
        let Some(message) = &mut self.message else { return };
        if message.dropped {
            return;
        }
        let compressed = message.info.compressed;
        let Some(key) = self.header.mask else {
            match compressed {
                false => {
                    self.lost_told = false;
                    message.tell(payload, self.at..self.at + payload.len() as u64, events);
                }
                true => self.inflate(payload, self.at, events),
            }
            return;
        };
        let phase = self.header.payload_len - self.left;
        let mut buffer = std::mem::take(&mut self.buffer);
        for (piece, before) in payload.chunks(PIECE).zip((0..).step_by(PIECE)) {
            buffer.clear();
            buffer.extend_from_slice(piece);
            apply_mask(&mut buffer, key, phase + before);
            let at = self.at + before;
            match &mut self.message {
                Some(message) if !compressed => {
                    self.lost_told = false;
                    message.tell(&buffer, at..at + piece.len() as u64, events);
                }
                Some(message) if !message.dropped => self.inflate(&buffer, at, events),
                _ => {}
            }
        }
        self.buffer = buffer;
    }

    /// Inflates unmasked payload whose first byte stands at `at`.
    fn inflate(&mut self, payload: &[u8], at: u64, events: &mut impl Events) {
        let (Some(message), Some(inflater)) = (&mut self.message, &mut self.inflater) else { return };
        let start = message.unanswered.unwrap_or(at);
        let mut told = false;
        let result = inflater.feed(payload, |bytes, consumed| {
            told = true;
            // What is in the input's bits can come out after the input is read.
            message.tell(bytes, start..(at + consumed as u64).max(start + 1), events);
        });
        message.unanswered = if told { None } else { Some(start) };
        self.lost_told &= !told;
        self.judge_inflated(result, events);
    }

    #[inline]
    pub(super) fn end_message(&mut self, events: &mut impl Events) {
        let Some(message) = &self.message else { return };
        if message.info.compressed && !message.dropped {
            self.end_inflate(events);
        }
        let Some(message) = self.message.take() else { return };
        let judged = message.info.kind == Kind::Text && !message.dropped && !message.holed;
        if judged && !message.utf8.is_whole() {
            events.fault(Fault::TextNotUtf8, message.at..self.at);
        }
    }

    /// The last byte of a compressed message is read.
    fn end_inflate(&mut self, events: &mut impl Events) {
        let (Some(message), Some(inflater)) = (&mut self.message, &mut self.inflater) else { return };
        let from = message.unanswered.unwrap_or(self.at - 1)..self.at;
        let mut told = false;
        let result = inflater.end(|bytes, _| {
            told = true;
            message.tell(bytes, from.clone(), events);
        });
        self.lost_told &= !told;
        self.judge_inflated(result, events);
    }

    #[inline]
    fn judge_inflated(&mut self, result: Result<(), Failure>, events: &mut impl Events) {
        let Err(failure) = result else { return };
        let doubted = self.inflater.as_ref().is_some_and(|inflater| inflater.in_doubt());
        let fault = match failure {
            // It may refer to what was lost before, which is not the sender's fault.
            Failure::Corrupt if doubted => None,
            Failure::Corrupt => Some(Fault::Inflate),
            Failure::TooMuch => Some(Fault::InflatedTooMuch),
        };
        if let Some(fault) = fault {
            let frame_end = self
                .header_at
                .saturating_add(u64::from(self.header.header_len))
                .saturating_add(self.header.payload_len);
            events.fault(fault, self.header_at..frame_end);
        }
        self.drop_message(events);
    }

    /// So many bytes of the frame's payload are missing.
    pub(super) fn hole_in_message(&mut self, missing: u64, events: &mut impl Events) {
        let data = matches!(self.header.opcode, Opcode::Text | Opcode::Binary | Opcode::Continuation);
        let Some(message) = self.message.as_mut().filter(|message| data && !message.dropped) else { return };
        if message.info.compressed {
            self.drop_message(events);
        } else {
            message.holed = true;
            events.lost(Some(missing));
        }
    }

    /// Nothing more of the open message can be told.
    #[cold]
    fn drop_message(&mut self, events: &mut impl Events) {
        if let Some(message) = &mut self.message {
            message.dropped = true;
            if message.info.compressed
                && let Some(inflater) = &mut self.inflater
            {
                inflater.lose();
            }
        }
        self.tell_lost(events);
    }

    /// Says that nobody knows how much is missing, once until there is more data.
    pub(super) fn tell_lost(&mut self, events: &mut impl Events) {
        if !std::mem::replace(&mut self.lost_told, true) {
            events.lost(None);
        }
    }
}

impl Message {
    #[inline]
    fn tell(&mut self, bytes: &[u8], from: Range<u64>, events: &mut impl Events) {
        if self.info.kind == Kind::Text {
            self.utf8.push(bytes);
        }
        events.data(bytes, from, &self.info);
    }
}
