//! What holds for all bytes, under every setting, however they are cut.

use std::ops::Range;

use mqscope_websocket::{Decoder, Deflate, Events, Fault, Header, Kind, MessageInfo, Opcode, Sender};

/// What a decoder told, with neighbouring pieces of data joined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    Frame(Header, u64),
    Data(Vec<u8>, Kind, Compression),
    Control(Opcode, Vec<u8>, Range<u64>),
    Fault(Fault, Range<u64>),
    Lost(Option<u64>),
}

/// Whether data was compressed; if not, the raw bytes it came from, which no cut may change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Compression {
    Plain(Range<u64>),
    Deflated,
}

/// Keeps all that is told.
#[derive(Debug, Default)]
pub(crate) struct Record {
    pub(crate) told: Vec<Told>,
    from: u64,
}

#[allow(dead_code, reason = "each of the tests and fuzz targets that share this reads a part of it")]
impl Record {
    /// All application bytes.
    pub(crate) fn data(&self) -> Vec<u8> {
        Self::data_of(self.told.iter())
    }

    /// The application bytes before anything was missing.
    pub(crate) fn data_before_loss(&self) -> Vec<u8> {
        Self::data_of(self.told.iter().take_while(|told| !matches!(told, Told::Lost(_))))
    }

    fn data_of<'a>(told: impl Iterator<Item = &'a Told>) -> Vec<u8> {
        let data = told.filter_map(|told| match told {
            Told::Data(bytes, ..) => Some(bytes.as_slice()),
            _ => None,
        });
        data.collect::<Vec<_>>().concat()
    }

    pub(crate) fn faults(&self) -> Vec<Fault> {
        let fault = |told: &Told| if let Told::Fault(fault, _) = told { Some(*fault) } else { None };
        self.told.iter().filter_map(fault).collect()
    }

    pub(crate) fn lost(&self) -> Vec<Option<u64>> {
        let lost = |told: &Told| if let Told::Lost(missing) = told { Some(*missing) } else { None };
        self.told.iter().filter_map(lost).collect()
    }
}

impl Events for Record {
    fn frame(&mut self, header: &Header, at: u64) {
        self.told.push(Told::Frame(*header, at));
    }

    fn data(&mut self, bytes: &[u8], from: Range<u64>, message: &MessageInfo) {
        assert!(!bytes.is_empty() && from.start < from.end);
        assert!(self.from <= from.start, "offsets went back");
        self.from = from.start;
        if !message.compressed {
            assert_eq!(from.end - from.start, bytes.len() as u64);
        }
        match self.told.last_mut() {
            Some(Told::Data(known, kind, Compression::Deflated)) if message.compressed => {
                assert_eq!(*kind, message.kind);
                known.extend_from_slice(bytes);
            }
            Some(Told::Data(known, kind, Compression::Plain(range))) if !message.compressed => {
                assert_eq!((*kind, range.end), (message.kind, from.start));
                known.extend_from_slice(bytes);
                range.end = from.end;
            }
            _ => {
                let compression =
                    if message.compressed { Compression::Deflated } else { Compression::Plain(from) };
                self.told.push(Told::Data(bytes.to_vec(), message.kind, compression));
            }
        }
    }

    fn control(&mut self, opcode: Opcode, payload: &[u8], raw: Range<u64>) {
        assert!(opcode.is_control() && payload.len() <= 125);
        self.told.push(Told::Control(opcode, payload.to_vec(), raw));
    }

    fn fault(&mut self, fault: Fault, raw: Range<u64>) {
        assert!(raw.start < raw.end);
        self.told.push(Told::Fault(fault, raw));
    }

    fn lost(&mut self, missing_payload: Option<u64>) {
        self.told.push(Told::Lost(missing_payload));
    }
}

/// What a decoder is made with.
#[derive(Clone, Copy, Debug)]
#[allow(dead_code, reason = "as above")]
pub(crate) enum Start {
    Handshake(Option<Deflate>),
    MidStream,
}

/// Decodes `bytes` cut into pieces of `cuts` bytes, over and over; the gap, a range of offsets, is left out.
pub(crate) fn decode(
    bytes: &[u8],
    sender: Sender,
    start: Start,
    gap: Option<Range<usize>>,
    cuts: &[usize],
) -> Record {
    let mut decoder = match start {
        Start::Handshake(deflate) => Decoder::new(sender, deflate),
        Start::MidStream => Decoder::mid_stream(sender),
    };
    let mut record = Record::default();
    let mut cuts = cuts.iter().copied().cycle();
    let mut push = |decoder: &mut Decoder, mut bytes: &[u8], record: &mut Record| {
        while !bytes.is_empty() {
            let (piece, rest) = bytes.split_at(cuts.next().unwrap_or(usize::MAX).clamp(1, bytes.len()));
            let before = decoder.offset();
            decoder.push(piece, record);
            assert_eq!(decoder.offset(), before + piece.len() as u64);
            bytes = rest;
        }
    };
    match gap {
        None => push(&mut decoder, bytes, &mut record),
        Some(gap) => {
            push(&mut decoder, &bytes[..gap.start], &mut record);
            decoder.gap(gap.len() as u64, &mut record);
            push(&mut decoder, &bytes[gap.end..], &mut record);
        }
    }
    assert_eq!(decoder.offset(), bytes.len() as u64);
    record
}

/// All that holds for any bytes.
pub(crate) fn laws(bytes: &[u8], sender: Sender, start: Start, gap: Option<Range<usize>>, cuts: &[usize]) {
    let whole = decode(bytes, sender, start, gap.clone(), &[]);
    let cut = decode(bytes, sender, start, gap.clone(), cuts);
    // What is believed after a search depends on what came together.
    let known = |record: &Record| match start {
        Start::Handshake(_) => {
            let lost = record.told.iter().position(|told| *told == Told::Lost(None));
            lost.map_or(record.told.len(), |lost| lost + 1)
        }
        Start::MidStream => 0,
    };
    assert_eq!(whole.told[..known(&whole)], cut.told[..known(&cut)], "cut into {cuts:?}");
    // DEFLATE's longest match is 258 bytes for two bits.
    assert!(whole.data().len() <= bytes.len() * 1032 + 1032);
    if let (Start::Handshake(None), None) = (start, &gap) {
        assert!(whole.lost().is_empty() && whole.data().len() <= bytes.len());
    }
}
