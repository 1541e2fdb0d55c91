//! WebSocket: the HTTP upgrade, then frames around MQTT's bytes (MQTT 5.0 §6).

use std::ops::Range;

use mqscope_websocket::handshake::{RefusedUpgrade, Response, Upgrade};
use mqscope_websocket::{
    Close, CloseCode, Decoder, Encoder, Events, Fault, Kind, MessageInfo, Offer, Opcode, Sender,
};
use rand::RngExt as _;
use rand::rngs::SmallRng;

use super::{Outbound, Trouble};

/// One WebSocket.
#[derive(Debug)]
pub(crate) struct WebSocket(State);

#[derive(Debug)]
enum State {
    Upgrading {
        nonce: [u8; 16],
        /// As much of the answer as has come.
        head: Vec<u8>,
    },
    Open(Open),
}

#[derive(Debug)]
struct Open {
    encoder: Encoder,
    decoder: Decoder,
    /// What the broker's Close frame said.
    closed: Option<CloseCode>,
}

/// What the upgrade asks for. An answer is judged by subprotocol and compression alone.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ask<'a> {
    pub host: &'a str,
    pub path: &'a str,
    pub subprotocol: Option<&'a str>,
    pub headers: &'a [(&'a str, &'a str)],
    pub deflate: bool,
}

impl Ask<'_> {
    /// Does `with` the request of that nonce.
    fn upgrade<T>(&self, nonce: [u8; 16], with: impl FnOnce(Upgrade<'_>) -> T) -> T {
        let protocols: Vec<&str> = self.subprotocol.into_iter().collect();
        with(Upgrade {
            host: self.host,
            path: self.path,
            protocols: &protocols,
            headers: self.headers,
            key: nonce,
            deflate: self.deflate.then(|| Offer { client_max_window_bits: Some(None), ..Offer::default() }),
        })
    }
}

impl WebSocket {
    pub(crate) fn new(nonce: [u8; 16]) -> Self {
        Self(State::Upgrading { nonce, head: Vec::new() })
    }

    /// Appends the request.
    pub(super) fn request(&self, ask: &Ask<'_>, out: &mut Vec<u8>) -> Result<(), Trouble> {
        let State::Upgrading { nonce, .. } = self.0 else { return Ok(()) };
        ask.upgrade(nonce, |upgrade| upgrade.write(out)).map_err(Trouble::Unwritable)
    }

    /// Takes a part of the answer; `None` until all of it is there, then whether compression is agreed. What
    /// follows the answer is read as frames, whose replies are left in `outbound`.
    pub(super) fn answered(
        &mut self,
        bytes: &[u8],
        ask: &Ask<'_>,
        unwrapped: &mut Vec<u8>,
        outbound: &mut Outbound,
    ) -> Result<Option<bool>, Trouble> {
        let State::Upgrading { nonce, head } = &mut self.0 else { return Ok(None) };
        head.extend_from_slice(bytes);
        let Some((response, len)) = Response::parse(head).map_err(Trouble::NoHttp)? else { return Ok(None) };
        let deflate = ask.upgrade(*nonce, |upgrade| upgrade.check(&response))?;
        if let (Some(offered), None) = (ask.subprotocol, response.protocols().next()) {
            return Err(Trouble::NoSubprotocol(offered.to_owned()));
        }
        let rest = head.split_off(len);
        self.0 = State::Open(Open {
            encoder: Encoder::new(Sender::Client, deflate),
            decoder: Decoder::new(Sender::Server, deflate),
            closed: None,
        });
        unwrapped.clear();
        outbound.frames.clear();
        self.unwrap(&rest, unwrapped, outbound)?;
        if unwrapped.is_empty() { Ok(Some(deflate.is_some())) } else { Err(Trouble::Early) }
    }

    /// Appends one frame with these bytes.
    pub(super) fn wrap(&mut self, bytes: &[u8], outbound: &mut Outbound) {
        if let State::Open(open) = &mut self.0 {
            let Outbound { frames, random } = outbound;
            open.encoder.message(Kind::Binary, bytes, || random.random(), frames);
        }
    }

    /// Reads frames: appends what is in them to `unwrapped`, and the frames they have to be answered with to
    /// `outbound`.
    pub(super) fn unwrap(
        &mut self,
        bytes: &[u8],
        unwrapped: &mut Vec<u8>,
        outbound: &mut Outbound,
    ) -> Result<(), Trouble> {
        let State::Open(Open { encoder, decoder, closed }) = &mut self.0 else { return Ok(()) };
        let Outbound { frames, random } = outbound;
        let mut heard = Heard { encoder, random, closed, unwrapped, frames, trouble: None };
        decoder.push(bytes, &mut heard);
        heard.trouble.map_or(Ok(()), Err)
    }

    /// What the broker's Close frame said, if there was one.
    pub(super) fn closed(&self) -> Option<CloseCode> {
        match &self.0 {
            State::Open(open) => open.closed,
            State::Upgrading { .. } => None,
        }
    }

    /// Appends a Close frame.
    pub(super) fn close(&mut self, outbound: &mut Outbound) {
        if let State::Open(open) = &mut self.0 {
            let Outbound { frames, random } = outbound;
            open.encoder.close(CloseCode(1000), "", || random.random(), frames);
        }
    }
}

/// Takes what the decoder finds.
struct Heard<'a> {
    encoder: &'a mut Encoder,
    random: &'a mut SmallRng,
    closed: &'a mut Option<CloseCode>,
    unwrapped: &'a mut Vec<u8>,
    frames: &'a mut Vec<u8>,
    trouble: Option<Trouble>,
}

impl Events for Heard<'_> {
    fn data(&mut self, bytes: &[u8], _: Range<u64>, message: &MessageInfo) {
        if message.kind == Kind::Text {
            // Data frames are binary [MQTT-6.0.0-1].
            self.trouble.get_or_insert(Trouble::Text);
        }
        if self.trouble.is_none() {
            self.unwrapped.extend_from_slice(bytes);
        }
    }

    fn control(&mut self, opcode: Opcode, payload: &[u8], _: Range<u64>) {
        match opcode {
            Opcode::Ping => self.encoder.pong(payload, || self.random.random(), self.frames),
            Opcode::Close if self.closed.is_none() => {
                // A Close without a code means 1005 (RFC 6455 §7.1.5), which must not be sent back.
                let code = Close::parse(payload).map_or(CloseCode(1005), |close| close.code);
                *self.closed = Some(code);
                let answer = if code.may_be_sent() { code } else { CloseCode(1000) };
                self.encoder.close(answer, "", || self.random.random(), self.frames);
            }
            _ => {}
        }
    }

    fn fault(&mut self, fault: Fault, _: Range<u64>) {
        self.trouble.get_or_insert(Trouble::Fault(fault));
    }
}

/// What may help against a refusal.
pub(super) fn hint(refused: &RefusedUpgrade) -> &'static str {
    match refused {
        RefusedUpgrade::Status { status: 401 | 403, .. } => {
            " (target.websocket.headers may carry credentials)"
        }
        RefusedUpgrade::Status { status: 404, .. } => " (the path is the URL's)",
        RefusedUpgrade::Status { status: 300..=399, .. } => " (redirections are not followed)",
        RefusedUpgrade::Status { status: 400, .. } => {
            " (the broker may want TLS, or another target.websocket.subprotocol)"
        }
        RefusedUpgrade::Protocol(_) => " (target.websocket.subprotocol)",
        _ => "",
    }
}
