//! The server's side of WebSocket, as far as MQTT clients that behave need it.

use std::ops::Range;

use mqscope_websocket::handshake::{Request, accept_key};
use mqscope_websocket::{Decoder, Encoder, Events, Fault, Kind, MessageInfo, Opcode, Sender};

pub(crate) struct WebSocket {
    decoder: Decoder,
    encoder: Encoder,
}

impl WebSocket {
    /// Answers the request that `bytes` holds, once it is whole; with what came after it.
    pub(crate) fn accept(bytes: &mut Vec<u8>, out: &mut Vec<u8>) -> Option<(Self, Vec<u8>)> {
        let (request, len) = Request::parse(bytes).ok()??;
        let accept = accept_key(request.key()?);
        out.extend_from_slice(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n",
        );
        out.extend_from_slice(b"Sec-WebSocket-Protocol: mqtt\r\nSec-WebSocket-Accept: ");
        out.extend_from_slice(&accept);
        out.extend_from_slice(b"\r\n\r\n");
        let rest = bytes.split_off(len);
        *bytes = Vec::new();
        let websocket =
            Self { decoder: Decoder::new(Sender::Client, None), encoder: Encoder::new(Sender::Server, None) };
        Some((websocket, rest))
    }

    /// What the messages that came carry.
    pub(crate) fn open(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut carried = Carried(Vec::new());
        self.decoder.push(bytes, &mut carried);
        carried.0
    }

    pub(crate) fn seal(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        if !bytes.is_empty() {
            self.encoder.message(Kind::Binary, bytes, || unreachable!("servers do not mask"), out);
        }
    }
}

struct Carried(Vec<u8>);

impl Events for Carried {
    fn data(&mut self, bytes: &[u8], _: Range<u64>, _: &MessageInfo) {
        self.0.extend_from_slice(bytes);
    }

    // Neither is used by clients that only stay connected; the connection ends when they end it.
    fn control(&mut self, _: Opcode, _: &[u8], _: Range<u64>) {}

    fn fault(&mut self, _: Fault, _: Range<u64>) {}
}
