//! Pipes and compressed files: a thread unpacks them into unlinked temporary files, which the reader follows.

use std::io::{self, BufRead, BufReader, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::BlockDecodingStrategy::UptoBlocks;
use ruzstd::decoding::FrameDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};

use crate::CaptureError;
use crate::format::Kind;
use crate::growing::{Appender, Ending, Growing};

const CHUNK_BYTES: usize = 256 * 1024;

/// Begins to unpack `source`; the thread ends with the source, or soon after it is told to stop.
pub(crate) fn begin(source: impl Read + Send + 'static, name: String) -> Result<Arc<Growing>, CaptureError> {
    let mut appender = Appender::create(None)?;
    appender.be_deaf();
    let growing = appender.growing().clone();
    thread::Builder::new()
        .name("unpack".to_owned())
        .spawn(move || {
            // The zstd decoder asserts what damaged data need not keep.
            let outcome = catch_unwind(AssertUnwindSafe(|| run(source, &mut appender)))
                .unwrap_or_else(|_| Err(Failure::Source(io::ErrorKind::InvalidData.into())));
            let ending = match outcome {
                Ok(()) => Ending::Whole,
                Err(Failure::Source(source)) if source.kind() == io::ErrorKind::UnexpectedEof => Ending::Cut,
                Err(Failure::Source(source)) => {
                    Ending::Failed(Arc::new(CaptureError::Unpack { name, source }))
                }
                Err(Failure::Spool(error)) => Ending::Failed(Arc::new(error)),
            };
            appender.finish(ending);
        })
        .map_err(crate::growing::spool_error)?;
    Ok(growing)
}

enum Failure {
    Source(io::Error),
    Spool(CaptureError),
}

fn run(source: impl Read, appender: &mut Appender) -> Result<(), Failure> {
    let done = AtomicU64::new(0);
    let mut source = Counted { source, done: &done };
    let mut magic = Vec::with_capacity(4);
    source.by_ref().take(4).read_to_end(&mut magic).map_err(Failure::Source)?;
    let kind = Kind::of(&magic);
    let source = BufReader::with_capacity(CHUNK_BYTES, io::Cursor::new(magic).chain(source));
    let mut unpacked: Box<dyn Read + '_> = match kind {
        Kind::Gzip => Box::new(MultiGzDecoder::new(source)),
        Kind::Zstd => Box::new(Zstd::new(source)),
        _ => Box::new(source),
    };
    let mut chunk = vec![0; CHUNK_BYTES];
    while !appender.growing().is_stopped() {
        match unpacked.read(&mut chunk) {
            Ok(0) => break,
            Ok(len) => {
                appender.append(&chunk[..len], 0).map_err(Failure::Spool)?;
                appender.source_done(done.load(Ordering::Relaxed));
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Failure::Source(error)),
        }
    }
    Ok(())
}

/// Counts what passes, for progress.
struct Counted<'a, R> {
    source: R,
    done: &'a AtomicU64,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let len = self.source.read(buf)?;
        self.done.fetch_add(len as u64, Ordering::Relaxed);
        Ok(len)
    }
}

/// A sequence of Zstandard frames, skippable ones among them.
struct Zstd<R> {
    source: R,
    decoder: FrameDecoder,
    state: ZstdState,
}

enum ZstdState {
    Between,
    Within,
    /// The source ended within a frame; what was decoded of it is still to be given.
    Cut,
}

impl<R: BufRead> Zstd<R> {
    fn new(source: R) -> Self {
        Self { source, decoder: FrameDecoder::new(), state: ZstdState::Between }
    }

    /// Goes to the next frame; false at the end of the source.
    fn begin_frame(&mut self) -> io::Result<bool> {
        while !self.source.fill_buf()?.is_empty() {
            match self.decoder.init(&mut self.source) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let length = u64::from(length);
                    if io::copy(&mut self.source.by_ref().take(length), &mut io::sink())? < length {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                Err(error) => return Err(as_io(error)),
            }
        }
        Ok(false)
    }
}

/// A block with no bytes that says it is the frame's last, and room for a checksum.
const LAST_BLOCK: [u8; 7] = [1, 0, 0, 0, 0, 0, 0];

impl<R: BufRead> Read for Zstd<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.decoder.can_collect() > 0 {
                return self.decoder.read(buf);
            }
            match self.state {
                ZstdState::Cut => return Err(io::ErrorKind::UnexpectedEof.into()),
                ZstdState::Within if !self.decoder.is_finished() => {
                    if let Err(error) = self.decoder.decode_blocks(&mut self.source, UptoBlocks(1)) {
                        let error = as_io(error);
                        if error.kind() != io::ErrorKind::UnexpectedEof {
                            return Err(error);
                        }
                        // The decoder holds back a window's worth until the frame ends: end it.
                        self.decoder.decode_blocks(&LAST_BLOCK[..], UptoBlocks(1)).map_err(as_io)?;
                        self.state = ZstdState::Cut;
                    }
                }
                ZstdState::Within | ZstdState::Between => {
                    if !self.begin_frame()? {
                        return Ok(0);
                    }
                    self.state = ZstdState::Within;
                }
            }
        }
    }
}

/// Finds out whether the decoder failed because its source ended.
fn as_io(error: FrameDecoderError) -> io::Error {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(inner) = cause {
        if let Some(error) = inner.downcast_ref::<io::Error>() {
            return error.kind().into();
        }
        cause = inner.source();
    }
    io::Error::new(io::ErrorKind::InvalidData, error.to_string())
}
