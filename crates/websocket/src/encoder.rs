//! One direction of a connection, from messages to raw bytes.

use flate2::{Compress, Compression, FlushCompress};

use crate::frame::{MAX_CONTROL_LEN, MAX_HEADER_LEN};
use crate::{CloseCode, Deflate, Header, Kind, Opcode, Sender, apply_mask};

/// Bytes a flush ends with, which are not sent (RFC 7692 §7.2.1).
const TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];

/// Writes the frames of one sender, each message in one frame, with the shortest length.
///
/// Clients need a masking key for each frame, which must come from a strong source of entropy (RFC 6455 §10.3) where
/// what is sent is not one's own. `key` is called for clients only.
///
/// Without compression it holds no buffer. With it, it holds zlib's state, about 320 KiB.
#[derive(Debug)]
pub struct Encoder {
    sender: Sender,
    compressor: Option<Box<Compressor>>,
}

#[derive(Debug)]
struct Compressor {
    raw: Compress,
    takeover: bool,
}

impl Encoder {
    /// For all that `sender` sends after its HTTP head. `deflate`: what the handshake agreed on.
    ///
    /// A sender whose window is agreed to be 256 bytes (8 bits) sends everything uncompressed, as it always may
    /// (RFC 7692 §6): zlib compresses with 9 bits at least.
    pub fn new(sender: Sender, deflate: Option<Deflate>) -> Self {
        let compressor = deflate.filter(|deflate| deflate.window_bits(sender) > 8).map(|deflate| {
            let bits = deflate.window_bits(sender).min(15);
            Box::new(Compressor {
                raw: Compress::new_with_window_bits(Compression::default(), false, bits),
                takeover: deflate.takes_context_over(sender),
            })
        });
        Self { sender, compressor }
    }

    /// Appends a message, compressed if that is agreed and it is not empty.
    #[inline]
    pub fn message(&mut self, kind: Kind, payload: &[u8], key: impl FnOnce() -> u32, out: &mut Vec<u8>) {
        match &mut self.compressor {
            Some(compressor) if !payload.is_empty() => {
                let mask = mask(self.sender, key);
                compressor.message(kind, payload, mask, out);
            }
            _ => self.message_plain(kind, payload, key, out),
        }
    }

    /// Appends a message uncompressed, which is allowed whatever is agreed.
    #[inline]
    pub fn message_plain(
        &mut self,
        kind: Kind,
        payload: &[u8],
        key: impl FnOnce() -> u32,
        out: &mut Vec<u8>,
    ) {
        frame(kind.opcode(), payload, mask(self.sender, key), out);
    }

    /// Appends a Ping; of `payload`, the first 125 bytes.
    pub fn ping(&mut self, payload: &[u8], key: impl FnOnce() -> u32, out: &mut Vec<u8>) {
        frame(Opcode::Ping, &payload[..payload.len().min(MAX_CONTROL_LEN)], mask(self.sender, key), out);
    }

    /// Appends a Pong, which must repeat the Ping's payload; of `payload`, the first 125 bytes.
    pub fn pong(&mut self, payload: &[u8], key: impl FnOnce() -> u32, out: &mut Vec<u8>) {
        frame(Opcode::Pong, &payload[..payload.len().min(MAX_CONTROL_LEN)], mask(self.sender, key), out);
    }

    /// Appends a Close; of `reason`, as many whole characters as fit into 123 bytes. Nothing but Close's answer may
    /// follow.
    pub fn close(&mut self, code: CloseCode, reason: &str, key: impl FnOnce() -> u32, out: &mut Vec<u8>) {
        let mut len = reason.len().min(MAX_CONTROL_LEN - 2);
        while !reason.is_char_boundary(len) {
            len -= 1;
        }
        let reason = &reason[..len];
        let mut payload = [0; MAX_CONTROL_LEN];
        payload[..2].copy_from_slice(&code.0.to_be_bytes());
        payload[2..2 + reason.len()].copy_from_slice(reason.as_bytes());
        frame(Opcode::Close, &payload[..2 + reason.len()], mask(self.sender, key), out);
    }
}

#[inline]
fn mask(sender: Sender, key: impl FnOnce() -> u32) -> Option<[u8; 4]> {
    match sender {
        Sender::Client => Some(key().to_ne_bytes()),
        Sender::Server => None,
    }
}

#[inline]
fn frame(opcode: Opcode, payload: &[u8], mask: Option<[u8; 4]>, out: &mut Vec<u8>) {
    out.reserve(MAX_HEADER_LEN + payload.len());
    Header::new(opcode, payload.len() as u64, mask).encode(out);
    let start = out.len();
    out.extend_from_slice(payload);
    if let Some(key) = mask {
        apply_mask(&mut out[start..], key, 0);
    }
}

impl Compressor {
    fn message(&mut self, kind: Kind, payload: &[u8], mask: Option<[u8; 4]>, out: &mut Vec<u8>) {
        if !self.takeover {
            self.raw.reset();
        }
        // The header's length depends on the compressed length: the widest is left free, then closed up.
        let start = out.len();
        let room = start + MAX_HEADER_LEN;
        out.resize(room, 0);
        self.compress(payload, out);
        let header = Header { rsv1: true, ..Header::new(kind.opcode(), (out.len() - room) as u64, mask) };
        if let Some(key) = mask {
            apply_mask(&mut out[room..], key, 0);
        }
        let mut head = Vec::with_capacity(MAX_HEADER_LEN);
        header.encode(&mut head);
        out.splice(start..room, head);
    }

    /// Appends `payload` compressed, up to a byte's border, less the tail.
    fn compress(&mut self, payload: &[u8], out: &mut Vec<u8>) {
        let begin = self.raw.total_in();
        loop {
            // As much as DEFLATE makes of what it cannot compress, and the flush.
            out.reserve(payload.len() / 1000 + 64);
            let read = (self.raw.total_in() - begin) as usize;
            // Raw DEFLATE refuses nothing: `compress_vec` fails on an inconsistent state only, which is not reached.
            self.raw
                .compress_vec(&payload[read..], out, FlushCompress::Sync)
                .expect("compressing has no error");
            // A flush is done when it leaves room.
            if out.len() < out.capacity() {
                break;
            }
        }
        debug_assert!(out.ends_with(&TAIL));
        out.truncate(out.len() - TAIL.len());
    }
}
