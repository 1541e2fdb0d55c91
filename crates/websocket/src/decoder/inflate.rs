//! The compressed messages of one direction (RFC 7692 §7.2.2).

use flate2::{Decompress, FlushDecompress, Status};

use crate::{Deflate, Sender};

/// The farthest any DEFLATE data can refer back, and the most that is handed out at once.
const WINDOW: usize = 32 * 1024;
/// What a message may inflate to, however small it is: the largest MQTT packet (256 MiB, less one, and its fixed
/// header) fits.
const GRANTED: u64 = 272 << 20;
/// What a message may inflate to for each of its compressed bytes, beyond that.
const RATIO: u64 = 64;
/// What senders cut off each message (RFC 7692 §7.2.1).
const TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];

/// Why a message cannot be inflated further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// It is not DEFLATE data, or refers to what came before the first byte known.
    Corrupt,
    /// It is a bomb.
    TooMuch,
}

/// Inflates messages, one after another.
///
/// It always has the widest window, which reads what narrower ones wrote. Only what was inflated in an unbroken run
/// is in the window, and references beyond it are errors: so after a loss, what does come out is right.
#[derive(Debug)]
pub(super) struct Inflater {
    raw: Decompress,
    /// Where inflated bytes go, round and round: with `at` it is the history a new DEFLATE stream may refer to.
    ring: Box<[u8]>,
    at: usize,
    round: bool,
    takeover: bool,
    /// Bytes the sender's window holds.
    window: u32,
    /// Bytes that must come out in an unbroken run until the history is whole again.
    doubt: u32,
    /// A DEFLATE stream ended with the last byte (BFINAL, RFC 7692 §7.2.3.4).
    ended: bool,
    /// Bytes of this message: compressed, inflated.
    read: u64,
    written: u64,
    granted: u64,
}

impl Inflater {
    pub(super) fn new(deflate: Deflate, sender: Sender) -> Self {
        Self {
            raw: Decompress::new(false),
            ring: vec![0; WINDOW].into(),
            at: 0,
            round: false,
            takeover: deflate.takes_context_over(sender),
            window: 1 << deflate.window_bits(sender),
            doubt: 0,
            ended: false,
            read: 0,
            written: 0,
            granted: GRANTED,
        }
    }

    /// A message begins.
    pub(super) fn begin(&mut self) {
        (self.read, self.written) = (0, 0);
        if !self.takeover {
            self.forget();
            self.doubt = 0;
        }
    }

    /// Bytes of the sender's data are missing or senseless: nothing of the history is known any more.
    pub(super) fn lose(&mut self) {
        self.forget();
        self.doubt = self.window;
    }

    /// Whether the sender may refer to what is not known here.
    pub(super) fn in_doubt(&self) -> bool {
        self.doubt > 0
    }

    fn forget(&mut self) {
        self.raw.reset(false);
        (self.at, self.round, self.ended) = (0, false, false);
    }

    /// Inflates the next bytes of a message. `give` gets what comes out, and how much of `input` was read by then.
    pub(super) fn feed(&mut self, input: &[u8], mut give: impl FnMut(&[u8], usize)) -> Result<(), Failure> {
        let mut consumed = 0;
        loop {
            let room = self.ring.len() - self.at;
            let (read, written) = (self.raw.total_in(), self.raw.total_out());
            let status =
                self.raw.decompress(&input[consumed..], &mut self.ring[self.at..], FlushDecompress::None);
            // Both are at most the lengths of the slices.
            let read = (self.raw.total_in() - read) as usize;
            let written = (self.raw.total_out() - written) as usize;
            consumed += read;
            self.read += read as u64;
            self.written += written as u64;
            self.doubt = self.doubt.saturating_sub(written as u32);
            self.ended &= read == 0;
            if written > 0 {
                give(&self.ring[self.at..self.at + written], consumed);
                self.at += written;
                if self.at == self.ring.len() {
                    (self.at, self.round) = (0, true);
                }
            }
            if self.written > self.granted.max(self.read.saturating_mul(RATIO)) {
                return Err(Failure::TooMuch);
            }
            // What stands before an error is right.
            match status.map_err(|_| Failure::Corrupt)? {
                Status::StreamEnd => self.go_on_after_end()?,
                _ if consumed == input.len() && written < room => return Ok(()),
                _ if read == 0 && written == 0 => return Err(Failure::Corrupt),
                _ => {}
            }
        }
    }

    /// The message's last byte is read.
    pub(super) fn end(&mut self, give: impl FnMut(&[u8], usize)) -> Result<(), Failure> {
        // A sender that ends its DEFLATE stream with the message has no empty block to complete.
        if self.ended { Ok(()) } else { self.feed(&TAIL, give) }
    }

    /// A DEFLATE stream ended, and another may follow that still refers to what this one said.
    fn go_on_after_end(&mut self) -> Result<(), Failure> {
        self.raw.reset(false);
        self.ended = true;
        let (newer, older) = self.ring.split_at(self.at);
        for history in [if self.round { older } else { &[] }, newer] {
            if !history.is_empty() {
                self.raw.set_dictionary(history).map_err(|_| Failure::Corrupt)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use flate2::{Compress, Compression, FlushCompress};

    use super::*;

    fn inflate(inflater: &mut Inflater, message: &[u8]) -> Result<Vec<u8>, Failure> {
        let mut out = Vec::new();
        inflater.begin();
        inflater.feed(message, |bytes, _| out.extend_from_slice(bytes))?;
        inflater.end(|bytes, _| out.extend_from_slice(bytes))?;
        Ok(out)
    }

    fn compress(raw: &mut Compress, plain: &[u8], flush: FlushCompress) -> Vec<u8> {
        let mut out = Vec::with_capacity(plain.len() + 1024);
        raw.compress_vec(plain, &mut out, flush).unwrap();
        if matches!(flush, FlushCompress::Sync) {
            out.truncate(out.len() - TAIL.len());
        }
        out
    }

    #[test]
    fn the_examples_of_the_rfc_are_inflated() {
        // RFC 7692 §7.2.3.1, .2 (the second refers to the first), .3, .4, .5
        let mut inflater = Inflater::new(Deflate::default(), Sender::Server);
        for message in [
            &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00][..],
            &[0xf2, 0x00, 0x11, 0x00, 0x00],
            &[0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00],
            &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00],
            &[0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00],
            &[0xf2, 0x00, 0x11, 0x00, 0x00],
        ] {
            assert_eq!(inflate(&mut inflater, message).unwrap(), b"Hello", "{message:x?}");
        }
        assert_eq!(inflate(&mut inflater, &[0x00]), Ok(Vec::new())); // §7.2.3.6
    }

    #[test]
    fn a_stream_that_ends_with_the_message_is_taken_with_and_without_the_octet_after_it() {
        let mut inflater = Inflater::new(Deflate::default(), Sender::Server);
        for _ in 0..3 {
            let mut message = compress(
                &mut Compress::new(Compression::best(), false),
                b"one and two",
                FlushCompress::Finish,
            );
            assert_eq!(inflate(&mut inflater, &message).unwrap(), b"one and two");
            message.push(0);
            assert_eq!(inflate(&mut inflater, &message).unwrap(), b"one and two");
        }
    }

    #[test]
    fn history_outlives_the_end_of_a_stream() {
        let long: Vec<u8> = (0..90_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        for known in [10, 32_767, 32_768, 32_769, 65_536, 90_000] {
            let mut inflater = Inflater::new(Deflate::default(), Sender::Server);
            let first = &long[..known];
            let whole =
                compress(&mut Compress::new(Compression::fast(), false), first, FlushCompress::Finish);
            assert_eq!(inflate(&mut inflater, &whole).unwrap(), first);
            // A sender that keeps its window across BFINAL: a new stream with the old one as its dictionary.
            let mut raw = Compress::new(Compression::best(), false);
            let history = &first[known.saturating_sub(WINDOW)..];
            raw.set_dictionary(history).unwrap();
            let plain = &history[history.len().saturating_sub(32_000)..][..10];
            let message = compress(&mut raw, plain, FlushCompress::Sync);
            assert_eq!(inflate(&mut inflater, &message).unwrap(), plain, "after {known}");
        }
    }

    #[test]
    fn a_bomb_is_cut_and_the_next_message_without_takeover_is_read() {
        let deflate = Deflate { server_no_context_takeover: true, ..Deflate::default() };
        let mut inflater = Inflater { granted: 1 << 20, ..Inflater::new(deflate, Sender::Server) };
        let bomb =
            compress(&mut Compress::new(Compression::best(), false), &vec![0; 2 << 20], FlushCompress::Sync);
        assert!(bomb.len() < 4096);
        assert_eq!(inflate(&mut inflater, &bomb), Err(Failure::TooMuch));
        inflater.lose();
        let fair =
            compress(&mut Compress::new(Compression::best(), false), &vec![0; 1 << 20], FlushCompress::Sync);
        assert_eq!(inflate(&mut inflater, &fair).map(|out| out.len()), Ok(1 << 20));
        // Beyond what is granted, what is in proportion passes.
        let noise: Vec<u8> = (0..3u32 << 20).map(|n| (n.wrapping_mul(2_654_435_761) >> 21) as u8).collect();
        let dense = compress(&mut Compress::new(Compression::fast(), false), &noise, FlushCompress::Sync);
        assert!(inflate(&mut inflater, &dense).unwrap() == noise);
    }

    #[test]
    fn after_a_loss_only_what_is_right_comes_out() {
        let mut inflater = Inflater::new(Deflate::default(), Sender::Server);
        let mut raw = Compress::new(Compression::best(), false);
        let first = compress(&mut raw, b"sensors/kitchen/temperature", FlushCompress::Sync);
        let second = compress(&mut raw, b"sensors/kitchen/temperature", FlushCompress::Sync);
        inflate(&mut inflater, &first).unwrap();
        inflater.lose();
        assert!(inflater.in_doubt());
        assert_eq!(inflate(&mut inflater, &second), Err(Failure::Corrupt));
    }
}
