use std::fs::File;
use std::io::{self, IsTerminal, Seek};
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::CaptureError;
use crate::format::{Kind, Looks, Record, Secrets, Step};
use crate::frame::{Comments, Frame, Interface, Progress, Stats, Truncation};
use crate::growing::{Ending, Growing};
use crate::pcapng::Catalog;
use crate::spool::Stopper;
use crate::store::{Bytes, Store};
use crate::window::{Fill, Pace, Window};
use crate::{pcap, pcapng, unpack};

/// A source of frames, read from its beginning to its end.
///
/// Frames borrow from one buffer that is used again; whoever wants to see a frame's bytes later keeps
/// [`Frame::at`] and asks the [`Store`].
#[derive(Debug)]
pub struct Capture {
    name: String,
    window: Window,
    reader: Reader,
    catalog: Catalog,
    /// What was found and not yet given.
    found: Found,
    stats: Stats,
    truncation: Option<Truncation>,
    phase: Phase,
    /// The length of the compressed file.
    source_len: Option<u64>,
    /// Held for its end.
    _tether: Option<Tether>,
}

/// Whoever opened a source is alone in reading it, so the thread that fetches it ends with the reader.
#[derive(Debug)]
struct Tether(Arc<Growing>);

impl Drop for Tether {
    fn drop(&mut self) {
        self.0.stop();
    }
}

#[derive(Debug)]
enum Reader {
    Pcap(pcap::Reader),
    Pcapng(pcapng::Reader),
}

/// What stands next in a source, as far as that is known.
#[derive(Debug, Clone, Copy)]
enum Found {
    Nothing,
    Frame(Record),
    /// Keys, or what is left of them to give.
    Secrets(Secrets),
}

/// The most bytes of a key log that are given at once.
const MAX_SECRETS_BYTES: u32 = 1 << 20;

/// What stands behind the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    File,
    /// What comes next may take its time.
    Pipe,
}

/// So much of a file's beginning is looked at where the magic number leaves something open.
const LOOKAHEAD_BYTES: usize = 16 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Reading,
    Ended,
}

impl Capture {
    /// Opens a capture file: pcap or pcapng, plain or in gzip or zstd. `-` is standard input.
    ///
    /// Files are read in place. Compressed ones and pipes are unpacked into an unlinked temporary file, and a pipe
    /// is live: [`next_frame`](Self::next_frame) does not wait for it. This call does, until a header has come.
    ///
    /// # Errors
    /// If it cannot be opened or is not a capture; the message says what it seems to be and what to do.
    pub fn open(path: &Path) -> Result<Self, CaptureError> {
        let (name, file) = if path == Path::new("-") {
            let name = "standard input".to_owned();
            let stdin = io::stdin().as_fd().try_clone_to_owned().map_err(|error| open_error(&name, error))?;
            (name, File::from(stdin))
        } else {
            let name = path.display().to_string();
            let file = File::open(path).map_err(|error| open_error(&name, error))?;
            (name, file)
        };
        Self::from_file(file, name)
    }

    fn from_file(mut file: File, name: String) -> Result<Self, CaptureError> {
        let metadata = file.metadata().map_err(|error| open_error(&name, error))?;
        if metadata.is_dir() {
            return Err(open_error(&name, io::ErrorKind::IsADirectory.into()));
        }
        if file.is_terminal() {
            let mend = "; a capture comes from a file or through a pipe";
            let source = io::Error::new(io::ErrorKind::InvalidInput, "it is a terminal");
            return Err(CaptureError::Open { name, mend, source });
        }
        // A redirected file may have been read in part: what is left of it then has no beginning to count from.
        if !metadata.is_file() || file.stream_position().is_ok_and(|position| position > 0) {
            return Self::from_packed(file, name, Source::Pipe);
        }
        let mut magic = [0; 4];
        let compressed = match file.read_exact_at(&mut magic, 0) {
            Ok(()) => matches!(Kind::of(&magic), Kind::Gzip | Kind::Zstd),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => false,
            Err(source) => return Err(CaptureError::Read { name, at: 0, source }),
        };
        if !compressed {
            return Self::from_store(Store::file(file, name.clone()), name, Source::File);
        }
        let capture = Self::from_packed(file, name, Source::File)?;
        Ok(Self { source_len: Some(metadata.len()), ..capture })
    }

    fn from_packed(file: File, name: String, source: Source) -> Result<Self, CaptureError> {
        let growing = unpack::begin(file, name.clone())?;
        // Before anything can fail: what turns out to be no capture is not unpacked to its end.
        let tether = Tether(growing.clone());
        let capture = Self::from_store(Store::growing(growing), name, source)?;
        Ok(Self { _tether: Some(tether), ..capture })
    }

    fn from_store(store: Store, name: String, source: Source) -> Result<Self, CaptureError> {
        let mut window = Window::new(store, Pace::Steady);
        window.lacks(4)?;
        let (reader, catalog) = match Kind::of(window.bytes()) {
            Kind::Pcap(endian, variant) => {
                let len = variant.file_header_len();
                if let Some(Fill::Ended { have, .. }) = window.lacks(len)? {
                    return Err(CaptureError::NotACapture {
                        name,
                        looks: Looks::HeaderCut { need: len, have },
                    });
                }
                let (mut reader, interface) = pcap::Reader::new(endian, variant, window.take(len));
                if source == Source::File {
                    window.lacks(LOOKAHEAD_BYTES)?;
                    reader.settle(window.bytes());
                }
                (Reader::Pcap(reader), Catalog::of(interface))
            }
            Kind::Pcapng => (Reader::Pcapng(pcapng::Reader::default()), Catalog::default()),
            Kind::Gzip | Kind::Zstd | Kind::Unknown => {
                let looks = match window.lacks(64)? {
                    Some(Fill::Ended { have: 0, ending: Ending::Cut }) => Looks::ArchiveCut,
                    _ => Looks::of(window.bytes()),
                };
                return Err(CaptureError::NotACapture { name, looks });
            }
        };
        if source == Source::Pipe {
            window.set_pace(Pace::Live);
        }
        Ok(Self::new(name, window, reader, catalog))
    }

    pub(crate) fn follow(growing: Arc<Growing>, interface: Interface) -> Self {
        let mut window = Window::new(Store::growing(growing), Pace::Live);
        window.skip(pcap::FILE_HEADER_LEN as u64);
        let reader = Reader::Pcap(pcap::Reader::of_spool(&interface));
        let name = interface.name.clone().unwrap_or_default();
        Self::new(name, window, reader, Catalog::of(interface))
    }

    /// Makes this reader the only one: its source ends with it.
    #[cfg(feature = "libpcap")]
    pub(crate) fn own(&mut self) {
        self._tether = self.growing().cloned().map(Tether);
    }

    fn new(name: String, window: Window, reader: Reader, catalog: Catalog) -> Self {
        Self {
            name,
            window,
            reader,
            catalog,
            found: Found::Nothing,
            stats: Stats::default(),
            truncation: None,
            phase: Phase::Reading,
            source_len: None,
            _tether: None,
        }
    }

    /// The next frame, or `None` if there is none: no more at all, or none yet while [`is_live`](Self::is_live).
    ///
    /// # Errors
    /// If the source cannot be read on or is damaged; every frame before was given, and none follows.
    pub fn next_frame(&mut self) -> Result<Option<Frame<'_>>, CaptureError> {
        let mut found = std::mem::replace(&mut self.found, Found::Nothing);
        let record = loop {
            match found {
                Found::Frame(record) => break record,
                Found::Nothing | Found::Secrets(_) => found = self.advance()?,
            }
            if let Found::Nothing = found {
                return Ok(None);
            }
        };
        self.stats.frames += 1;
        self.stats.bytes += u64::from(record.len);
        let at = self.window.position() + u64::from(record.head);
        let all = self.window.take(record.total as usize);
        let comments = match &self.reader {
            Reader::Pcapng(reader) if record.options > 0 => {
                Comments::new(&all[record.options as usize..all.len() - 4], reader.endian())
            }
            _ => Comments::default(),
        };
        Ok(Some(Frame {
            number: self.stats.frames + self.stats.ring_drops,
            time: record.time,
            interface: record.interface,
            link: record.link,
            at,
            original_len: record.original_len,
            bytes: &all[record.head as usize..(record.head + record.len) as usize],
            comments,
        }))
    }

    /// Whether keys may stand between the frames: only pcapng files have them.
    #[inline]
    pub fn may_have_secrets(&self) -> bool {
        matches!(self.reader, Reader::Pcapng(_))
    }

    /// The next lines of a TLS key log (the text of [NSS]'s `SSLKEYLOGFILE`) among those that stand before the next frame in a
    /// pcapng file; `None` if no more do, or none that are there yet. Whoever does not ask before a frame goes past them.
    ///
    /// At most 1 MiB at once, ending with a line if one ends there.
    ///
    /// [NSS]: https://www.ietf.org/archive/id/draft-ietf-tls-keylogfile-05.html
    ///
    /// # Errors
    /// As [`next_frame`](Self::next_frame), which this does in part: it reads up to the next frame.
    pub fn take_secrets(&mut self) -> Result<Option<Vec<u8>>, CaptureError> {
        if !self.may_have_secrets() {
            return Ok(None);
        }
        if let Found::Nothing = self.found {
            self.found = self.advance()?;
        }
        let Found::Secrets(Secrets { at, len }) = self.found else { return Ok(None) };
        self.found = Found::Nothing;
        let mut lines = vec![0; len.min(MAX_SECRETS_BYTES) as usize];
        self.window.store().read(at, &mut lines)?;
        if len > MAX_SECRETS_BYTES {
            let end = lines.iter().rposition(|byte| *byte == b'\n').map_or(lines.len(), |last| last + 1);
            lines.truncate(end);
            self.found = Found::Secrets(Secrets { at: at + end as u64, len: len - end as u32 });
        }
        Ok(Some(lines))
    }

    /// Reads on; `Nothing` if nothing comes, or nothing yet.
    #[inline]
    fn advance(&mut self) -> Result<Found, CaptureError> {
        while self.phase == Phase::Reading {
            let step = match &mut self.reader {
                Reader::Pcap(reader) => reader.next(&mut self.window, &self.name),
                Reader::Pcapng(reader) => reader.next(&mut self.window, &mut self.catalog, &self.name),
            };
            match step {
                Ok(Step::Frame(record)) => return Ok(Found::Frame(record)),
                Ok(Step::Secrets(secrets)) => return Ok(Found::Secrets(secrets)),
                Ok(Step::NotYet) => break,
                Ok(Step::Gone { frames_before }) => {
                    self.stats.ring_drops += frames_before - (self.stats.frames + self.stats.ring_drops);
                }
                Ok(Step::Ended(ending)) => self.end(ending),
                Ok(Step::Cut(truncation)) => {
                    // Whoever stops a source cuts it where it happens to be.
                    if !self.growing().is_some_and(|growing| growing.is_stopped()) {
                        self.truncation = Some(truncation);
                    }
                    self.phase = Phase::Ended;
                }
                Err(error) => {
                    self.phase = Phase::Ended;
                    return Err(error);
                }
            }
        }
        Ok(Found::Nothing)
    }

    fn end(&mut self, ending: Ending) {
        self.phase = Phase::Ended;
        if matches!(ending, Ending::Cut) {
            self.truncation = Some(Truncation { at: self.window.position(), need: None, have: 0 });
        }
    }

    /// The name it was opened by.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The bytes behind the frames.
    pub fn store(&self) -> Store {
        self.window.store().clone()
    }

    /// Whether more frames may come after a `None`. It stays so until [`next_frame`](Self::next_frame) has met the end.
    pub fn is_live(&self) -> bool {
        self.phase == Phase::Reading && self.window.pace() == Pace::Live
    }

    /// Returns when more may be there, or after `timeout`; at once if the capture is not live.
    pub fn wait(&self, timeout: Duration) {
        if let Some(growing) = self.growing()
            && self.is_live()
        {
            growing.wait(self.window.unread_end(), timeout);
        }
    }

    /// What was read, and what was lost.
    pub fn stats(&self) -> Stats {
        let sum = |drops: fn(&Interface) -> u64| {
            self.catalog.interfaces.iter().map(drops).fold(0, u64::saturating_add)
        };
        let (kernel, interface) = self.growing().map_or((0, 0), |growing| growing.drops());
        Stats {
            kernel_drops: sum(|interface| interface.kernel_drops).saturating_add(kernel),
            interface_drops: sum(|interface| interface.interface_drops).saturating_add(interface),
            ..self.stats
        }
    }

    /// How far it has come.
    pub fn progress(&self) -> Progress {
        match self.window.store().bytes() {
            Bytes::File { .. } => {
                Progress { done: self.window.position(), total: Some(self.window.store().end()) }
            }
            Bytes::Growing(growing) => {
                let done = growing.source_done().unwrap_or(self.window.position());
                Progress { done, total: self.source_len }
            }
        }
    }

    /// A handle that ends a live capture, for any thread; `None` if there is nothing to end.
    pub fn stopper(&self) -> Option<Stopper> {
        self.growing().map(|growing| Stopper { growing: growing.clone() })
    }

    /// Where frames were captured, as far as the reader has come: [`Frame::interface`] is an index into it.
    pub fn interfaces(&self) -> &[Interface] {
        &self.catalog.interfaces
    }

    /// What was missing at the end, once the end was met: a warning, not an error.
    pub fn truncation(&self) -> Option<Truncation> {
        self.truncation
    }

    fn growing(&self) -> Option<&Arc<Growing>> {
        match self.window.store().bytes() {
            Bytes::Growing(growing) => Some(growing),
            Bytes::File { .. } => None,
        }
    }
}

fn open_error(name: &str, source: io::Error) -> CaptureError {
    let mend = match source.kind() {
        io::ErrorKind::IsADirectory => "; name a capture file in it",
        io::ErrorKind::PermissionDenied => "; its owner or sudo may read it",
        _ => "",
    };
    CaptureError::Open { name: name.to_owned(), mend, source }
}
