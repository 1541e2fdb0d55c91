//! `--tap`: a forwarding listener whose traffic is inspected as if it had been captured.
//!
//! For people who have no right to capture. Connections made to the listener are forwarded to the broker, bytes
//! unchanged; what passes is written into the spool as IP frames with TCP headers, so that everything behind the
//! capture works as on an interface.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::Context as _;
use etherparse::PacketBuilder;
use mqscope_capture::{Capture, Interface, Spool};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream, tcp},
};

use crate::{
    source::SPOOL_BYTES,
    url::{BrokerUrl, split_host_port},
};

/// What one read takes at most: below what an IPv4 frame can carry, so that one read is one frame.
const READ_BYTES: usize = 32 * 1024;
/// Raw IPv4 or IPv6, told apart by the version nibble.
const LINKTYPE_RAW: u16 = 101;
/// How soon the recording ends after it was asked to.
const STOP_CHECK: Duration = Duration::from_millis(50);

/// `LISTEN=URL`, parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TapSettings {
    listen: String,
    broker: BrokerUrl,
}

impl TapSettings {
    /// Parses `127.0.0.1:1884=mqtt://broker:1883`; a bare port listens on 127.0.0.1.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (listen, url) = text.split_once('=').ok_or_else(|| {
            format!("`{text}` is not LISTEN=URL: write for example 127.0.0.1:1884=mqtt://broker:1883")
        })?;
        let (host, port) = match split_host_port(listen) {
            (port, None) if port.bytes().all(|byte| byte.is_ascii_digit()) => ("127.0.0.1", port),
            ("", Some(port)) => ("127.0.0.1", port),
            (host, Some(port)) => (host, port),
            (host, None) => (host, ""),
        };
        let port: u16 = port.parse().map_err(|_| {
            format!("`{listen}` names no port to listen on: write for example 127.0.0.1:1884")
        })?;
        let listen = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        Ok(Self { listen, broker: BrokerUrl::parse(url)? })
    }
}

/// A tap at work; it ends with the process or when dropped.
pub(crate) struct Tap {
    /// Where it listens: the port the system gave if 0 was asked for.
    pub(crate) address: SocketAddr,
    pub(crate) broker: BrokerUrl,
    /// Dropping it ends the forwarding thread.
    _running: tokio::sync::oneshot::Sender<()>,
}

/// Starts listening and forwarding; gives the capture of what passes.
///
/// # Errors
/// When the address cannot be listened on or the spool cannot be made.
pub(crate) fn start(settings: TapSettings) -> anyhow::Result<(Tap, Capture)> {
    let interface = Interface { name: Some("tap".to_owned()), link: LINKTYPE_RAW, ..Interface::default() };
    let spool = Spool::create(interface, Some(SPOOL_BYTES)).context("could not make the spool")?;
    let capture = spool.follow();
    let listener = std::net::TcpListener::bind(&settings.listen)
        .with_context(|| format!("could not listen on {}", settings.listen))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let (running, ended) = tokio::sync::oneshot::channel();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let recorder = Recorder(Arc::new(Mutex::new(Some(spool))));
    let broker = settings.broker.clone();
    thread::Builder::new().name("tap".to_owned()).spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                () = accept(listener, broker, recorder.clone()) => {}
                () = end_when_stopped(recorder) => {}
                _ = ended => {}
            }
        });
    })?;
    Ok((Tap { address, broker: settings.broker, _running: running }, capture))
}

async fn accept(listener: std::net::TcpListener, broker: BrokerUrl, recorder: Recorder) {
    let Ok(listener) = TcpListener::from_std(listener) else { return };
    loop {
        match listener.accept().await {
            Ok((client, address)) => {
                tokio::spawn(forward(client, address, broker.clone(), recorder.clone()));
            }
            // Out of descriptors: those who wait in the backlog are served when others have gone.
            Err(_) => tokio::time::sleep(STOP_CHECK).await,
        }
    }
}

/// Ends the recording when its reader asks for it; connections are forwarded on.
async fn end_when_stopped(recorder: Recorder) {
    while !recorder.is_stopped() {
        tokio::time::sleep(STOP_CHECK).await;
    }
    recorder.end();
    std::future::pending().await
}

/// One connection, from accept to both sides' end.
async fn forward(client: TcpStream, client_address: SocketAddr, broker: BrokerUrl, recorder: Recorder) {
    let upstream = TcpStream::connect((broker.host.as_str(), broker.port)).await;
    let Ok(upstream) = upstream else {
        // What the client would see without us: a connection that is refused. Shown as SYN, then RST.
        if let Ok(listen_address) = client.local_addr() {
            let conversation = Conversation::new(client_address, listen_address, recorder);
            conversation.record(Sender::Client, Flags::Syn, &[]);
            conversation.record(Sender::Broker, Flags::Reset, &[]);
        }
        let _ = client.set_zero_linger();
        return;
    };
    let _ = (client.set_nodelay(true), upstream.set_nodelay(true));
    let Ok(broker_address) = upstream.peer_addr() else { return };
    let conversation = Conversation::new(client_address, broker_address, recorder);
    conversation.record(Sender::Client, Flags::Syn, &[]);
    conversation.record(Sender::Broker, Flags::SynAck, &[]);
    conversation.record(Sender::Client, Flags::Ack, &[]);
    let (client_reads, client_writes) = client.into_split();
    let (broker_reads, broker_writes) = upstream.into_split();
    tokio::join!(
        pump(client_reads, broker_writes, Sender::Client, &conversation),
        pump(broker_reads, client_writes, Sender::Broker, &conversation),
    );
}

/// Passes one direction on until its sender ends it; an end or a reset is passed on as such.
///
/// Bytes are recorded before they are written, so that no answer stands before its question in the capture.
async fn pump(
    mut from: tcp::OwnedReadHalf,
    mut to: tcp::OwnedWriteHalf,
    sender: Sender,
    conversation: &Conversation,
) {
    let mut buffer = vec![0; READ_BYTES];
    loop {
        match from.read(&mut buffer).await {
            Ok(0) => {
                conversation.record(sender, Flags::Fin, &[]);
                let _ = to.shutdown().await;
                return;
            }
            Ok(read) => {
                conversation.record(sender, Flags::Push, &buffer[..read]);
                if to.write_all(&buffer[..read]).await.is_err() {
                    return;
                }
            }
            Err(_) => {
                conversation.record(sender, Flags::Reset, &[]);
                let _ = to.as_ref().set_zero_linger();
                return;
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sender {
    Client,
    Broker,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Flags {
    Syn,
    SynAck,
    Ack,
    Push,
    Fin,
    Reset,
}

/// The one writer of the spool, shared by all connections of the tap's thread; empty once the recording ended.
#[derive(Clone)]
struct Recorder(Arc<Mutex<Option<Spool>>>);

impl Recorder {
    /// Writes one frame. A full disk loses frames of the inspection, never bytes of the connection.
    fn write(&self, frame: &[u8]) {
        let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let time_ns = i64::try_from(time.as_nanos()).unwrap_or(i64::MAX);
        let len = u32::try_from(frame.len()).unwrap_or(u32::MAX);
        let mut spool = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(spool) = spool.as_mut() {
            let _ = spool.write(time_ns, len, frame).and_then(|()| spool.flush());
        }
    }

    fn is_stopped(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).as_ref().is_none_or(Spool::is_stopped)
    }

    fn end(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

/// What TCP headers need: who talks, and how far each side has come.
struct Conversation {
    client: SocketAddr,
    broker: SocketAddr,
    /// Next sequence number of client and broker.
    next: Mutex<[u32; 2]>,
    recorder: Recorder,
}

impl Conversation {
    fn new(client: SocketAddr, broker: SocketAddr, recorder: Recorder) -> Self {
        // One family in both addresses, or there is no header for them.
        let (client, broker) = match (client.ip(), broker.ip()) {
            (IpAddr::V4(ip), IpAddr::V6(_)) => {
                (SocketAddr::new(ip.to_ipv6_mapped().into(), client.port()), broker)
            }
            (IpAddr::V6(_), IpAddr::V4(ip)) => {
                (client, SocketAddr::new(ip.to_ipv6_mapped().into(), broker.port()))
            }
            _ => (client, broker),
        };
        Self { client, broker, next: Mutex::new([0, 0]), recorder }
    }

    fn record(&self, sender: Sender, flags: Flags, payload: &[u8]) {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let (own, other) = match sender {
            Sender::Client => (0, 1),
            Sender::Broker => (1, 0),
        };
        if let Ok(frame) = self.frame(sender, flags, next[own], next[other], payload) {
            self.recorder.write(&frame);
        }
        let counts = u32::from(matches!(flags, Flags::Syn | Flags::SynAck | Flags::Fin));
        next[own] =
            next[own].wrapping_add(u32::try_from(payload.len()).unwrap_or_default()).wrapping_add(counts);
    }

    fn frame(&self, sender: Sender, flags: Flags, seq: u32, ack: u32, payload: &[u8]) -> io::Result<Vec<u8>> {
        let (from, to) = match sender {
            Sender::Client => (self.client, self.broker),
            Sender::Broker => (self.broker, self.client),
        };
        let ip = match (from.ip(), to.ip()) {
            (IpAddr::V4(from), IpAddr::V4(to)) => PacketBuilder::ipv4(from.octets(), to.octets(), 64),
            (IpAddr::V6(from), IpAddr::V6(to)) => PacketBuilder::ipv6(from.octets(), to.octets(), 64),
            _ => return Err(io::ErrorKind::InvalidInput.into()),
        };
        let tcp = ip.tcp(from.port(), to.port(), seq, u16::MAX);
        let tcp = match flags {
            Flags::Syn => tcp.syn(),
            Flags::SynAck => tcp.syn().ack(ack),
            Flags::Ack => tcp.ack(ack),
            Flags::Push => tcp.psh().ack(ack),
            Flags::Fin => tcp.fin().ack(ack),
            Flags::Reset => tcp.rst().ack(ack),
        };
        let mut frame = Vec::with_capacity(tcp.size(payload.len()));
        tcp.write(&mut frame, payload).map_err(io::Error::other)?;
        Ok(frame)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tap_is_listen_equals_url() {
        for (text, listen) in [
            ("127.0.0.1:1884=mqtt://broker:1883", "127.0.0.1:1884"),
            ("1884=mqtt://broker", "127.0.0.1:1884"),
            (":0=mqtt://broker", "127.0.0.1:0"),
            ("[::1]:1884=tcp://broker", "[::1]:1884"),
        ] {
            assert_eq!(TapSettings::parse(text).map(|tap| tap.listen), Ok(listen.to_owned()), "{text}");
        }
        for text in ["1884", "host=mqtt://b", "1884=b:1883"] {
            assert!(TapSettings::parse(text).is_err(), "{text}");
        }
    }
}
