//! One packet with all that is known about it: what filters look at and printers print.

use std::cell::OnceCell;
use std::ops::ControlFlow;

use mqscope_capture::Store;
use mqscope_stream::Headers;
use mqscope_wire::{
    DecodeError, Field, Notes, Observer, Packet, PacketType, Span, Value, Version, Violation, decode,
};

use crate::{Breach, CarrierMessage, Extents, Finding, Flow, FrameRef, Row, RowFlags, RowId, Side};

/// One packet with all that is known about it.
///
/// Made while packets are indexed, when the bytes are at hand, or later from a [`Snapshot`](crate::Snapshot) and a
/// [`Store`]. In the first case the answer to a request is not known yet: [`response`](Self::response) is `None`.
#[derive(Debug)]
pub struct PacketView<'a> {
    /// What the index knows: number, frame, length, flags.
    pub row: Row,
    /// The connection.
    pub flow: &'a Flow,
    /// Who sent it.
    pub side: Side,
    /// The packet, fixed header included, as far as the capture has it.
    pub bytes: &'a [u8],
    /// What it is: an MQTT packet, or something that carries those.
    pub body: Body<'a>,
    /// The topic of a PUBLISH: its own, or the one its alias stands for. `None` for other packets and where the
    /// alias is unknown.
    pub topic: Option<&'a [u8]>,
    /// Rules that the packet breaks by its place among the others.
    pub findings: Findings<'a>,
    /// The packet it answers.
    pub request: Option<Peer>,
    /// The packet that answers it.
    pub response: Option<Peer>,
    /// When the first packet of its exchange was captured: for the acknowledgements of a PUBLISH, the PUBLISH.
    pub began: Option<i64>,
    /// The time of the capture's first frame.
    pub start: i64,
    pub(crate) headers: OnceCell<Option<Headers>>,
    pub(crate) lower: Lower<'a>,
    pub(crate) store: &'a Store,
    /// Where `bytes` stand.
    pub(crate) extents: Extents<'a>,
    pub(crate) carried: Carried<'a>,
}

/// What a row stands for, decoded.
#[derive(Clone, Debug, PartialEq)]
pub enum Body<'a> {
    /// An MQTT packet, decoded without regard to broken rules, or why that is impossible.
    Packet(Result<Packet<'a>, DecodeError>),
    /// A message of a protocol that carries MQTT.
    Carrier(CarrierMessage),
}

/// The frames that carried parts of a packet, beside the one that completed it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Carried<'a> {
    Given(&'a [FrameRef]),
    /// Each entry carries the row within its chunk.
    Indexed(&'a [(u16, FrameRef)]),
}

impl<'a> Carried<'a> {
    pub(crate) fn iter(self) -> impl Iterator<Item = &'a FrameRef> {
        let (given, indexed): (&[FrameRef], &[(u16, FrameRef)]) = match self {
            Self::Given(frames) => (frames, &[]),
            Self::Indexed(frames) => (&[], frames),
        };
        given.iter().chain(indexed.iter().map(|(_, frame)| frame))
    }
}

/// The other packet of an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its row.
    pub row: RowId,
    /// The number of the frame that completed it.
    pub frame: u64,
    /// When that was, nanoseconds since the Unix epoch.
    pub time: i64,
}

impl PacketView<'_> {
    /// The number of the frame that completed the packet.
    pub fn frame(&self) -> u64 {
        self.row.frame.number
    }

    /// When the packet was complete, nanoseconds since the Unix epoch.
    pub fn time(&self) -> i64 {
        self.row.frame.time
    }

    /// The version it was decoded with.
    pub fn version(&self) -> Version {
        self.row.flags.version()
    }

    /// The type in the first byte, of an MQTT packet.
    pub fn packet_type(&self) -> Option<PacketType> {
        self.row.packet_type()
    }

    /// The MQTT packet, if it is one and can be decoded.
    pub fn packet(&self) -> Option<&Packet<'_>> {
        match &self.body {
            Body::Packet(packet) => packet.as_ref().ok(),
            Body::Carrier(_) => None,
        }
    }

    /// Why the MQTT packet cannot be decoded.
    pub fn error(&self) -> Option<&DecodeError> {
        match &self.body {
            Body::Packet(packet) => packet.as_ref().err(),
            Body::Carrier(_) => None,
        }
    }

    /// Whether the version, or that a packet begins here at all, is a guess.
    pub fn is_inferred(&self) -> bool {
        self.row.flags.contains(RowFlags::INFERRED)
    }

    /// Whether the capture lacks the rest of the packet.
    pub fn is_cut(&self) -> bool {
        self.row.flags.contains(RowFlags::CUT)
    }

    /// Nanoseconds from the first packet of the exchange to this one.
    pub fn exchange_time(&self) -> Option<i64> {
        self.began.map(|began| self.time() - began)
    }

    /// Decodes the MQTT packet once more into `notes`: every field with its place, every broken rule.
    pub fn annotate(&self, notes: &mut Notes) {
        notes.clear();
        if matches!(self.body, Body::Packet(_)) {
            // The outcome is the one in `body`; the notes up to an error are kept.
            let _ = decode(self.bytes, self.version(), notes);
        }
    }

    /// Every rule the packet breaks: those its own bytes show, then those its place shows.
    pub fn breaches<'n>(&'n self, notes: &'n mut Notes) -> impl Iterator<Item = (AnyBreach, Span)> + 'n {
        notes.clear();
        if self.row.flags.contains(RowFlags::VIOLATION) && matches!(self.body, Body::Packet(_)) {
            let _ = decode(self.bytes, self.version(), notes);
        }
        let own = notes.violations().iter().map(|&(violation, span)| (AnyBreach::Packet(violation), span));
        own.chain(self.findings.iter().map(|finding| (AnyBreach::Conversation(finding.breach), finding.span)))
    }

    /// The frame that completed the packet, link layer first; `None` if it cannot be read again.
    pub fn frame_bytes(&self) -> Option<&[u8]> {
        self.lower.bytes(&self.row.frame)
    }

    /// The layers below of the frame that completed the packet; `None` if it cannot be read again.
    pub fn headers(&self) -> Option<&Headers> {
        let frame = &self.row.frame;
        let read = || Some(mqscope_stream::headers(frame.link, frame.original_len, self.frame_bytes()?));
        self.headers.get_or_init(read).as_ref()
    }
}

/// The topic that a PUBLISH itself names, also one of which only the beginning can be read.
pub(crate) fn own_topic<'b>(
    bytes: &'b [u8],
    version: Version,
    packet: &Result<Packet<'b>, DecodeError>,
) -> Option<&'b [u8]> {
    struct Topic(Span);

    impl Observer for Topic {
        fn field(&mut self, field: Field, span: Span, _: Value<'_>) {
            if field == Field::Topic {
                self.0 = span;
            }
        }

        fn violation(&mut self, _: Violation, _: Span) -> ControlFlow<()> {
            ControlFlow::Continue(())
        }
    }

    let topic = match packet {
        Ok(Packet::Publish(publish)) => publish.topic.as_bytes(),
        Ok(_) => return None,
        Err(_) => {
            let mut topic = Topic(Span::bytes(0, 0));
            // The same error again: what stands before it counts.
            let _ = decode(bytes, version, &mut topic);
            bytes.get(topic.0.start as usize..topic.0.end() as usize)?
        }
    };
    (!topic.is_empty()).then_some(topic)
}

/// A broken rule, whether one packet or the conversation shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnyBreach {
    /// The packet's own bytes break it.
    Packet(Violation),
    /// The packet breaks it by its place among the others.
    Conversation(Breach),
}

impl AnyBreach {
    /// The statement's identifier in the specification of `version`: `MQTT-3.1.2-22`.
    pub fn id(self, version: Version) -> &'static str {
        match self {
            Self::Packet(violation) => violation.id(version),
            Self::Conversation(breach) => breach.id(version),
        }
    }

    /// What is wrong, in a few words.
    pub fn text(self) -> &'static str {
        match self {
            Self::Packet(violation) => violation.text(),
            Self::Conversation(breach) => breach.text(),
        }
    }

    /// What to do about it.
    pub fn fix(self) -> &'static str {
        match self {
            Self::Packet(violation) => violation.fix(),
            Self::Conversation(breach) => breach.fix(),
        }
    }
}

/// Rules that a packet breaks by its place among the others.
#[derive(Clone, Copy, Debug, Default)]
pub struct Findings<'a>(pub(crate) &'a [Finding]);

impl<'a> Findings<'a> {
    /// In the order in which they were found.
    pub fn iter(self) -> impl Iterator<Item = &'a Finding> {
        self.0.iter()
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0.is_empty()
    }
}

/// Where the completing frame's bytes come from.
#[derive(Debug)]
pub(crate) enum Lower<'a> {
    /// It was just captured.
    AtHand(&'a [u8]),
    /// It is read again when asked for, once.
    Stored(&'a Store, &'a OnceCell<Option<Box<[u8]>>>),
}

impl Lower<'_> {
    fn bytes(&self, frame: &FrameRef) -> Option<&[u8]> {
        match *self {
            _ if frame.len == 0 => None,
            Self::AtHand(bytes) => Some(bytes),
            Self::Stored(store, cell) => cell
                .get_or_init(|| {
                    let mut bytes = vec![0; frame.len as usize].into_boxed_slice();
                    store.read(frame.at, &mut bytes).is_ok().then_some(bytes)
                })
                .as_deref(),
        }
    }
}
