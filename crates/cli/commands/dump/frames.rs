//! `-w`: the frames that carry matching packets, in a pcapng.

use std::{
    collections::{BTreeMap, VecDeque},
    fs::File,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use mqscope_capture::{Comments, Frame, Store, Writer};
use mqscope_dissect::Extent;

use crate::exit::{Failure, OrExit as _};

/// How many frames back a packet may begin: a megabyte of packet in the smallest segments, many times over.
const FRAMES_BACK: usize = 1 << 20;

/// Frames on their way into the file: written once, in the order of the capture.
pub(super) struct FrameSelection {
    store: Store,
    writer: Writer<Box<dyn Write>>,
    path: PathBuf,
    /// The last frames that were read, by place in the store.
    recent: VecDeque<Place>,
    /// Selected and not written yet, by number.
    selected: BTreeMap<u64, Place>,
    buffer: Vec<u8>,
}

/// A frame without its bytes.
#[derive(Clone, Copy)]
struct Place {
    number: u64,
    time: i64,
    interface: u32,
    link: u16,
    at: u64,
    len: u32,
    original_len: u32,
}

impl FrameSelection {
    pub(super) fn create(path: &Path, store: Store) -> Result<Self, Failure> {
        let out: Box<dyn Write> = if path == Path::new("-") {
            Box::new(BufWriter::new(io::stdout()))
        } else {
            let create = || format!("could not create {}", path.display());
            Box::new(BufWriter::new(File::create(path).or_io(create)?))
        };
        let path = path.to_owned();
        let writer = Writer::new(out).or_io(|| format!("could not write {}", path.display()))?;
        let (recent, selected) = (VecDeque::new(), BTreeMap::new());
        Ok(Self { store, writer, path, recent, selected, buffer: Vec::new() })
    }

    /// Keeps the frame's place for packets that turn out to need it.
    pub(super) fn remember(&mut self, frame: &Frame<'_>) {
        if self.recent.len() == FRAMES_BACK {
            self.recent.pop_front();
        }
        self.recent.push_back(Place {
            number: frame.number,
            time: frame.time,
            interface: frame.interface,
            link: frame.link,
            at: frame.at,
            len: frame.bytes.len() as u32,
            original_len: frame.original_len,
        });
    }

    /// Selects the frames in which a packet's bytes stand.
    pub(super) fn select(&mut self, extents: &[Extent]) {
        for extent in extents {
            let after = self.recent.partition_point(|frame| frame.at <= extent.at);
            if let Some(frame) = after.checked_sub(1).and_then(|at| self.recent.get(at))
                && extent.at < frame.at + u64::from(frame.len)
            {
                self.selected.insert(frame.number, *frame);
            }
        }
    }

    /// Writes the frames that no later packet can stand before.
    pub(super) fn flush(&mut self) -> Result<(), Failure> {
        let newest = self.recent.back().map_or(0, |frame| frame.number);
        let settled = newest.saturating_sub(FRAMES_BACK as u64);
        let later = self.selected.split_off(&settled);
        let ready = std::mem::replace(&mut self.selected, later);
        self.write(ready)
    }

    /// Writes the rest and ends the file.
    pub(super) fn finish(mut self) -> Result<(), Failure> {
        let rest = std::mem::take(&mut self.selected);
        self.write(rest)?;
        let path = self.path.clone();
        let mut out = self.writer.finish().or_io(|| format!("could not write {}", path.display()))?;
        out.flush().or_io(|| format!("could not write {}", path.display()))
    }

    fn write(&mut self, frames: BTreeMap<u64, Place>) -> Result<(), Failure> {
        for place in frames.into_values() {
            self.buffer.resize(place.len as usize, 0);
            self.store.read(place.at, &mut self.buffer).map_err(Failure::io)?;
            let frame = Frame {
                number: place.number,
                time: place.time,
                interface: place.interface,
                link: place.link,
                at: place.at,
                original_len: place.original_len,
                bytes: &self.buffer,
                comments: Comments::default(),
            };
            self.writer.frame(&frame).or_io(|| format!("could not write {}", self.path.display()))?;
        }
        Ok(())
    }
}
