//! What must hold of any bytes at all. The fuzz targets check the same.

use std::ops::ControlFlow;

use mqscope_wire::{
    DecodeError, ErrorKind, Field, Lenient, Note, NoteKind, Notes, Observer, Severity, Span, Strict, Value,
    Version, Violation, decode, frame,
};

/// Decodes with all observers and holds what they say to the laws.
pub(crate) fn laws(bytes: &[u8], version: Version) {
    let strict = decode(bytes, version, &mut Strict);
    let lenient = decode(bytes, version, &mut Lenient);
    let mut notes = Notes::new();
    let noted = decode(bytes, version, &mut notes);
    assert_eq!(lenient, noted, "observers that carry on see the same");

    let graves = notes.violations().iter().filter(|(broken, _)| broken.severity() == Severity::Error);
    match &strict {
        Ok(packet) => {
            assert_eq!(Ok(packet), lenient.as_ref(), "all see the same where no rule is broken");
            assert_eq!(graves.count(), 0, "strict lets nothing grave pass");
        }
        Err(DecodeError { kind: ErrorKind::Violation(broken), .. }) => {
            let first = graves.map(|(broken, _)| broken).next();
            assert_eq!(Some(broken), first, "strict breaks at the first grave violation");
        }
        Err(error) => {
            assert_eq!(Err(error), lenient.as_ref().map(|_| ()), "a malformed packet is so for all")
        }
    }

    let all: Vec<Note> = notes.notes().collect();
    let mut heard = Heard::default();
    assert_eq!(decode(bytes, version, &mut heard), noted);
    let told: Vec<_> = all
        .iter()
        .map(|note| (note.field(), note.span(), note.depth(), note.kind(), note.number()))
        .collect();
    assert_eq!(told, heard.all(), "the notes say what was heard");
    let end = tile(&all);
    match &noted {
        Ok(packet) => {
            let frame = frame::next(bytes).unwrap().unwrap();
            assert_eq!(end as usize, frame.len(), "the fields tile the packet");
            assert_eq!(frame.decode(bytes, version, &mut Lenient).as_ref(), Ok(packet));
            // Lists and properties are read when asked for, and then too nothing may go wrong.
            let _ = format!("{packet:?}");
        }
        Err(error) => {
            assert!(error.at as usize <= bytes.len());
            if matches!(error.kind, ErrorKind::Truncated { .. }) {
                assert_eq!(end, error.at, "a good prefix, and then the error");
            }
        }
    }
    groups_cover_what_they_hold(&all);
    for (_, span) in notes.violations() {
        assert!(span.end() as usize <= bytes.len());
    }
}

/// Field, place, depth, kind and number.
type Told = (Field, Span, u8, NoteKind, u64);

/// Hears each field and group by itself, and packs nothing.
#[derive(Default)]
struct Heard {
    notes: Vec<Told>,
    open: Vec<usize>,
}

impl Heard {
    /// All notes; groups that are open end where these do.
    fn all(mut self) -> Vec<Told> {
        let end = self.notes.iter().map(|note| note.1.end()).max().unwrap_or(0);
        while !self.open.is_empty() {
            self.leave(end);
        }
        self.notes
    }

    fn tell(&mut self, field: Field, span: Span, kind: NoteKind, number: u64) {
        self.notes.push((field, span, self.open.len() as u8, kind, number));
    }
}

impl Observer for Heard {
    fn field(&mut self, field: Field, span: Span, value: Value<'_>) {
        let number = match value {
            Value::Number(number) => number.into(),
            Value::Text(text) => text.len() as u64,
            Value::Bytes(bytes) => bytes.len() as u64,
        };
        self.tell(field, span, NoteKind::Leaf, number);
    }

    fn enter(&mut self, group: Field, at: u32) {
        self.tell(group, Span::bytes(at, 0), NoteKind::Group, 0);
        self.open.push(self.notes.len() - 1);
    }

    fn leave(&mut self, at: u32) {
        let group = &mut self.notes[self.open.pop().expect("a group that was entered")].1;
        group.len = at - group.start;
    }

    fn violation(&mut self, _: Violation, _: Span) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

/// Leaves follow one another without gap or overlap, bits within a byte likewise: the byte they end before.
fn tile(notes: &[Note]) -> u32 {
    let (mut at, mut bits) = (0, 0_u8);
    for note in notes.iter().filter(|note| note.kind() == NoteKind::Leaf) {
        let span = note.span();
        assert_eq!(span.start, at, "{note:?}");
        if span.mask == 0xff {
            assert_eq!(bits, 0, "{note:?}");
            at = span.end();
            continue;
        }
        assert_eq!((span.len, span.mask & bits), (1, 0), "{note:?}");
        bits |= span.mask;
        if bits == 0xff {
            (at, bits) = (span.end(), 0);
        }
    }
    assert_eq!(bits, 0, "a byte's bits are all told of");
    at
}

fn groups_cover_what_they_hold(notes: &[Note]) {
    for (index, group) in notes.iter().enumerate().filter(|(_, note)| note.kind() == NoteKind::Group) {
        let inside = notes[index + 1..].iter().take_while(|note| note.depth() > group.depth());
        let end = inside.map(|note| note.span().end()).max().unwrap_or(group.span().start);
        assert_eq!(group.span().end(), end, "{group:?}");
    }
}
