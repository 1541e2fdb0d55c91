//! What is noticed late tells when it was, whatever the layers.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use mqscope_websocket::handshake::{Request, accept_key};
use mqscope_websocket::{Encoder, Kind, Sender as Side};
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned};

use super::*;
use crate::clock::Clock;

/// How late the tests read, and how much of that must not show: the rest is left to a busy machine.
const LATE: Duration = Duration::from_millis(60);
const AT_LEAST: Duration = Duration::from_millis(30);

trait Stream: Read + Write {}
impl<S: Read + Write> Stream for S {}

/// The other end: speaks the layers it is told to, and sends a byte whenever it is asked to.
struct Peer {
    address: SocketAddr,
    ask: Sender<()>,
    sent: Receiver<()>,
}

impl Peer {
    fn start(tls: Option<Arc<ServerConfig>>, websocket: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let ((ask, asked), (say, sent)) = (channel(), channel());
        thread::spawn(move || {
            let (socket, _) = listener.accept().expect("a connection");
            let mut stream: Box<dyn Stream> = match tls {
                None => Box::new(socket),
                Some(config) => {
                    let mut connection = ServerConnection::new(config).expect("configured");
                    let mut socket = socket;
                    connection.complete_io(&mut socket).expect("hands shaken");
                    Box::new(StreamOwned::new(connection, socket))
                }
            };
            let mut message = vec![7];
            if websocket {
                upgrade(&mut *stream);
                message.clear();
                Encoder::new(Side::Server, None).message(Kind::Binary, &[7], || 0, &mut message);
            }
            while let Ok(()) = asked.recv() {
                stream.write_all(&message).and_then(|()| stream.flush()).expect("sent");
                say.send(()).expect("the test waits");
            }
        });
        Self { address, ask, sent }
    }

    fn send(&self) {
        self.ask.send(()).expect("the peer lives");
        self.sent.recv().expect("the peer lives");
    }
}

/// Answers the request for a WebSocket.
fn upgrade(stream: &mut dyn Stream) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("a request");
        head.push(byte[0]);
    }
    let (request, _) = Request::parse(&head).expect("well formed").expect("whole");
    let key = String::from_utf8(accept_key(request.key().expect("a key")).to_vec()).expect("Base64");
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {key}\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n"
    );
    stream.write_all(answer.as_bytes()).and_then(|()| stream.flush()).expect("answered");
}

/// A certificate nobody but this test trusts: its broker's and its client's settings.
fn identities() -> (Arc<ServerConfig>, Arc<ClientConfig>) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key");
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).expect("a root");
    let server = ServerConfig::builder().with_no_client_auth();
    let server = server.with_single_cert(vec![made.cert.der().clone()], key).expect("configured");
    let client = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    (Arc::new(server), Arc::new(client))
}

/// Takes all steps up to [`Stage::Ready`].
fn make_ready(transport: &mut Transport, inbound: &mut Inbound, outbound: &mut Outbound) {
    let ask = Ask { host: "localhost", path: "/mqtt", subprotocol: Some("mqtt"), ..Ask::default() };
    while transport.stage() != Stage::Ready {
        let step = transport.advance(&ask, inbound, outbound).expect("no trouble");
        if step.is_some() && transport.stage() == Stage::Upgrading {
            transport.upgrade(&ask, outbound).expect("asked");
        }
        thread::yield_now();
    }
}

/// Reads the byte that was sent, sooner or later.
fn read(transport: &mut Transport, inbound: &mut Inbound, outbound: &mut Outbound) -> Arrival {
    loop {
        if let Some(received) = transport.read(false, inbound, outbound).expect("no trouble")
            && !received.bytes.is_empty()
        {
            assert_eq!(received.bytes, [7]);
            return received.arrival;
        }
        thread::yield_now();
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_late_reader_is_told_when_the_bytes_came() {
    let (server, client) = identities();
    for (tls, websocket) in [(false, false), (true, false), (false, true), (true, true)] {
        let peer = Peer::start(tls.then(|| server.clone()), websocket);
        let (mut inbound, mut outbound) = (Inbound::new(), Outbound::new(1));
        let name = ServerName::try_from("localhost").expect("a name");
        let session = tls.then(|| Tls::new(ClientConnection::new(client.clone(), name).expect("configured")));
        let socket = websocket.then(|| WebSocket::new(outbound.nonce()));
        let mut transport = Transport::open(peer.address, None, session, socket).expect("begun");
        make_ready(&mut transport, &mut inbound, &mut outbound);
        // The kernel begins to note arrivals a moment after it was asked for the first time.
        let deadline = Instant::now() + Duration::from_secs(10);
        while read_next(&peer, &mut transport, &mut inbound, &mut outbound) == Arrival::default() {
            assert!(Instant::now() < deadline, "nothing is ever noted");
        }
        let clock = Clock::start();
        peer.send();
        thread::sleep(LATE);
        let arrival = read(&mut transport, &mut inbound, &mut outbound);
        let late = Duration::from_nanos(clock.now() - clock.arrived(arrival));
        assert!(late > AT_LEAST, "TLS {tls}, WebSocket {websocket}: read {late:?} after it came");
    }
}

fn read_next(
    peer: &Peer,
    transport: &mut Transport,
    inbound: &mut Inbound,
    outbound: &mut Outbound,
) -> Arrival {
    peer.send();
    read(transport, inbound, outbound)
}

#[cfg(target_os = "linux")]
#[test]
fn a_connection_noticed_late_took_no_longer() {
    let peer = Peer::start(None, false);
    let mut transport = Transport::open(peer.address, None, None, None).expect("begun");
    thread::sleep(LATE);
    let step = transport.advance(&Ask::default(), &mut Inbound::new(), &mut Outbound::new(1));
    let Ok(Some(Step::Connected { took: Some(took) })) = step else { panic!("{step:?}") };
    assert!(took < AT_LEAST, "the handshake took {took:?}");
}

#[test]
fn a_refused_connection_says_so() {
    let free = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let Ok(mut transport) = Transport::open(free, None, None, None) else { return };
    let said = loop {
        match transport.advance(&Ask::default(), &mut Inbound::new(), &mut Outbound::new(1)) {
            Ok(None) => thread::yield_now(),
            said => break said,
        }
    };
    assert_eq!(said.expect_err("nobody listens").to_string(), "connection refused");
}
