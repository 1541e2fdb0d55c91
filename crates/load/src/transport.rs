//! What carries a device's MQTT: a TCP connection, on it TLS where the broker wants it, on that WebSocket where
//! the broker wants that.
//!
//! ```text
//!  Connecting --TCP--> Securing --TLS--> Upgrading --101--> Ready
//!             `--------------------------^------------------^ layers a scheme has not are left out
//! ```
//!
//! Nothing here waits: each step does what the socket lets it, and is called again when the socket is ready. Bytes
//! pass through [`Inbound`] and [`Outbound`], which a shard lends to one transport after another, so that one that
//! is quiet holds no buffer of its own. TLS alone keeps some within rustls, and compression its windows. Whatever
//! the layers, what is read comes with its [`Arrival`].

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use mio::net::TcpStream;
use mqscope_websocket::CloseCode;
use mqscope_websocket::handshake::{HandshakeError, RefusedUpgrade};
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

mod arrival;
pub(crate) mod files;
pub(crate) mod identity;
mod keylog;
mod security;
mod sessions;
mod tcp;
mod tls;
mod websocket;

pub(crate) use arrival::Arrival;
use arrival::Notes;
pub use files::FileError;
pub(crate) use security::Security;
pub use security::{Certificates, SecurityError};
pub(crate) use tls::Tls;
pub(crate) use websocket::{Ask, WebSocket};

/// Bytes read at once.
const READ_BYTES: usize = 64 << 10;
/// Room for inflated bytes that is kept.
const KEPT_BYTES: usize = 1 << 20;

/// A connection to a broker.
#[derive(Debug)]
pub(crate) struct Transport {
    socket: TcpStream,
    stage: Stage,
    tls: Option<Box<Tls>>,
    websocket: Option<Box<WebSocket>>,
    /// What the socket did not take yet; TLS keeps it itself.
    unsent: Vec<u8>,
}

/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The TCP connection is being made.
    Connecting,
    /// TLS shakes hands.
    Securing,
    /// The answer to the HTTP upgrade is awaited.
    Upgrading,
    /// MQTT may pass.
    Ready,
}

impl Stage {
    /// What is missing while it lasts.
    pub(crate) fn wants(self) -> &'static str {
        match self {
            Self::Connecting => "TCP connection",
            Self::Securing => "TLS handshake",
            Self::Upgrading => "WebSocket upgrade",
            Self::Ready => "CONNACK",
        }
    }
}

/// What was just done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// There is a TCP connection; the kernel may have measured how long that took, from the SYN to its answer.
    Connected { took: Option<Duration> },
    /// TLS has shaken hands; in short, if it could resume a session.
    Secured { resumed: bool, arrival: Arrival },
    /// WebSocket it is; `plain` if compression was offered and declined.
    Upgraded { plain: bool, arrival: Arrival },
}

/// Application bytes that have come.
#[derive(Debug)]
pub(crate) struct Received<'w> {
    pub bytes: &'w [u8],
    /// How many bytes of the TCP stream were read for them.
    pub wire: usize,
    /// When the last of them came.
    pub arrival: Arrival,
    /// There may be more.
    pub more: bool,
}

/// Why a connection cannot go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    #[error("the broker closed the connection")]
    Closed,
    #[error("the broker closed the connection during the TLS handshake: does it speak TLS on this port?")]
    ClosedInHandshake,
    #[error("the broker closed the connection instead of answering the WebSocket upgrade")]
    ClosedInUpgrade,
    #[error("{}", tcp::plain(.0))]
    Io(#[from] io::Error),
    #[error("{}", tls::explain(.0))]
    Tls(#[from] rustls::Error),
    #[error("WebSocket upgrade: {0}: does the broker speak WebSocket on this port?")]
    NoHttp(HandshakeError),
    #[error("WebSocket upgrade: {0}: see target.websocket")]
    Unwritable(HandshakeError),
    #[error("WebSocket upgrade: {0}{hint}", hint = websocket::hint(.0))]
    Refused(#[from] RefusedUpgrade),
    #[error(
        "WebSocket upgrade: the broker chose no subprotocol of those offered ({0}), as MQTT demands \
         (target.websocket.subprotocol: none offers none)"
    )]
    NoSubprotocol(String),
    #[error("the broker broke the WebSocket protocol: {0}")]
    Fault(mqscope_websocket::Fault),
    #[error("the broker sent a WebSocket text message, and MQTT is binary")]
    Text,
    #[error("the broker sent data before CONNECT")]
    Early,
    #[error("the broker closed the WebSocket: {0}")]
    WebSocketClosed(CloseCode),
}

impl Trouble {
    /// This, unless the connection was cut off, whichever way.
    fn cut_off(self, instead: Self) -> Self {
        use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset};
        match self {
            Self::Closed => instead,
            Self::Io(error) if matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset) => {
                instead
            }
            other => other,
        }
    }
}

/// Where a shard's transports read to, one after another.
#[derive(Debug, Default)]
pub(crate) struct Inbound {
    notes: Notes,
    /// What came from the socket, TLS taken off.
    raw: Box<[u8]>,
    /// What was in the frames among it.
    unwrapped: Vec<u8>,
}

/// What a shard's transports write with, one after another.
#[derive(Debug)]
pub(crate) struct Outbound {
    /// Frames to be written.
    frames: Vec<u8>,
    /// For masking keys and nonces. They are no secret here: everything sent is the program's own.
    random: SmallRng,
}

/// What was read from under WebSocket.
struct Raw {
    count: usize,
    /// How many bytes of the TCP stream that took.
    wire: usize,
    arrival: Arrival,
}

impl Inbound {
    pub(crate) fn new() -> Self {
        Self { notes: Notes::default(), raw: vec![0; READ_BYTES].into(), unwrapped: Vec::new() }
    }
}

impl Outbound {
    pub(crate) fn new(seed: u64) -> Self {
        Self { frames: Vec::new(), random: SmallRng::seed_from_u64(seed) }
    }

    /// A new nonce for an upgrade (RFC 6455 §4.1).
    pub(crate) fn nonce(&mut self) -> [u8; 16] {
        self.random.random()
    }
}

impl Transport {
    /// Begins a connection.
    pub(crate) fn open(
        broker: SocketAddr,
        source: Option<IpAddr>,
        tls: Option<Tls>,
        websocket: Option<WebSocket>,
    ) -> io::Result<Self> {
        let socket = tcp::dial(broker, source)?;
        arrival::ask(&socket);
        let (tls, websocket) = (tls.map(Box::new), websocket.map(Box::new));
        Ok(Self { socket, stage: Stage::Connecting, tls, websocket, unsent: Vec::new() })
    }

    /// What a poll is to watch.
    pub(crate) fn source(&mut self) -> &mut TcpStream {
        &mut self.socket
    }

    pub(crate) fn stage(&self) -> Stage {
        self.stage
    }

    /// Takes the next step, if the socket lets it. Where that leads to [`Stage::Upgrading`], the caller sends the
    /// request with [`upgrade`](Self::upgrade).
    pub(crate) fn advance(
        &mut self,
        ask: &Ask<'_>,
        inbound: &mut Inbound,
        outbound: &mut Outbound,
    ) -> Result<Option<Step>, Trouble> {
        match self.stage {
            Stage::Connecting => {
                let Some(connected) = tcp::connected(&self.socket)? else { return Ok(None) };
                // Small packets are not to wait for each other's acknowledgements.
                let _ = self.socket.set_nodelay(true);
                self.stage = if self.tls.is_some() { Stage::Securing } else { self.after_tls() };
                Ok(Some(Step::Connected { took: connected.took }))
            }
            Stage::Securing => {
                let Some(tls) = &mut self.tls else { return Ok(None) };
                let done = tls.shake_hands(&mut self.socket, &mut inbound.notes);
                if !done.map_err(|trouble| trouble.cut_off(Trouble::ClosedInHandshake))? {
                    return Ok(None);
                }
                let (resumed, arrival) = (tls.is_resumed(), tls.arrived());
                self.stage = self.after_tls();
                Ok(Some(Step::Secured { resumed, arrival }))
            }
            Stage::Upgrading => loop {
                let read = self.read_raw(&mut inbound.raw, &mut inbound.notes);
                let read = read.map_err(|trouble| trouble.cut_off(Trouble::ClosedInUpgrade))?;
                let Some(Raw { count, arrival, .. }) = read else { return Ok(None) };
                let Some(websocket) = &mut self.websocket else { return Ok(None) };
                let Inbound { raw, unwrapped, .. } = inbound;
                let answer = websocket.answered(&raw[..count], ask, unwrapped, outbound)?;
                let Some(compressed) = answer else { continue };
                self.stage = Stage::Ready;
                self.write_raw(&outbound.frames)?;
                return Ok(Some(Step::Upgraded { plain: ask.deflate && !compressed, arrival }));
            },
            Stage::Ready => Ok(None),
        }
    }

    fn after_tls(&self) -> Stage {
        if self.websocket.is_some() { Stage::Upgrading } else { Stage::Ready }
    }

    /// Sends the request for a WebSocket; gives the bytes the socket took.
    pub(crate) fn upgrade(&mut self, ask: &Ask<'_>, outbound: &mut Outbound) -> Result<usize, Trouble> {
        let Some(websocket) = &self.websocket else { return Ok(0) };
        outbound.frames.clear();
        websocket.request(ask, &mut outbound.frames)?;
        self.write_raw(&outbound.frames)
    }

    /// Reads what has come; `None` when nothing has. `closed` says that the end of the stream is known to be
    /// there, so that a read that did not fill the buffer is not the last.
    pub(crate) fn read<'w>(
        &mut self,
        closed: bool,
        inbound: &'w mut Inbound,
        outbound: &mut Outbound,
    ) -> Result<Option<Received<'w>>, Trouble> {
        if let Some(code) = self.websocket.as_ref().and_then(|websocket| websocket.closed()) {
            return Err(Trouble::WebSocketClosed(code));
        }
        let Inbound { notes, raw, unwrapped } = inbound;
        let Some(Raw { count, wire, arrival }) = self.read_raw(raw, notes)? else { return Ok(None) };
        // A stream socket that gave less than asked for has no more now. TLS hands out a record at a time.
        let more = count == raw.len() || closed || self.tls.is_some();
        let Some(websocket) = &mut self.websocket else {
            return Ok(Some(Received { bytes: &raw[..count], wire, arrival, more }));
        };
        if unwrapped.capacity() > KEPT_BYTES {
            // What a large message inflated to is not kept.
            *unwrapped = Vec::new();
        }
        unwrapped.clear();
        outbound.frames.clear();
        websocket.unwrap(&raw[..count], unwrapped, outbound)?;
        let more = more || websocket.closed().is_some();
        if !outbound.frames.is_empty() {
            self.write_raw(&outbound.frames)?;
        }
        Ok(Some(Received { bytes: unwrapped, wire, arrival, more }))
    }

    /// Sends application bytes, and what was left before them; gives how many bytes of the TCP stream the socket
    /// took. What it does not take is kept: while [`is_blocked`](Self::is_blocked), nothing new should be sent.
    pub(crate) fn write(&mut self, bytes: &[u8], outbound: &mut Outbound) -> Result<usize, Trouble> {
        match &mut self.websocket {
            Some(websocket) if !bytes.is_empty() => {
                outbound.frames.clear();
                websocket.wrap(bytes, outbound);
                self.write_raw(&outbound.frames)
            }
            _ => self.write_raw(bytes),
        }
    }

    /// Whether something waits for the socket.
    pub(crate) fn is_blocked(&self) -> bool {
        !self.unsent.is_empty() || self.tls.as_ref().is_some_and(|tls| tls.wants_write())
    }

    /// Says goodbye on every layer, as far as the socket takes it.
    pub(crate) fn close(&mut self, outbound: &mut Outbound) -> Result<usize, Trouble> {
        if self.stage != Stage::Ready {
            return Ok(0);
        }
        let mut written = 0;
        if let Some(websocket) = &mut self.websocket {
            outbound.frames.clear();
            websocket.close(outbound);
            written += self.write_raw(&outbound.frames)?;
        }
        if let Some(tls) = &mut self.tls {
            written += tls.close(&mut self.socket)?;
        }
        Ok(written)
    }

    /// Reads into `raw`, TLS taken off.
    fn read_raw(&mut self, raw: &mut [u8], notes: &mut Notes) -> Result<Option<Raw>, Trouble> {
        let read = match &mut self.tls {
            Some(tls) => {
                let read = tls.read(&mut self.socket, raw, notes)?;
                read.map(|(count, wire)| Raw { count, wire, arrival: tls.arrived() })
            }
            None => {
                let read = tcp::read(&mut self.socket, raw, notes)?;
                read.map(|(count, arrival)| Raw { count, wire: count, arrival })
            }
        };
        if matches!(read, Some(Raw { count: 0, .. })) { Err(Trouble::Closed) } else { Ok(read) }
    }

    fn write_raw(&mut self, bytes: &[u8]) -> Result<usize, Trouble> {
        match &mut self.tls {
            Some(tls) => tls.write(bytes, &mut self.socket),
            None => Ok(tcp::write(&mut self.socket, &mut self.unsent, bytes)?),
        }
    }
}

#[cfg(test)]
mod tests;
