//! How many records a core decrypts: `cargo bench -p mqscope-stream --bench tls`.
//!
//! One connection of rustls per suite, records of 100 bytes as small MQTT messages make them, pushed in pieces of a
//! segment's size. Prints the best of several rounds, in millions of records a second.

use std::hint::black_box;
use std::io::Write;
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use mqscope_stream::Direction;
use mqscope_stream::tls::{Events, KeyLog, Session};
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::{cipher_suite as suite, default_provider};
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, SupportedCipherSuite,
};

const RECORDS: usize = 200_000;
const PAYLOAD: usize = 100;
const PIECE: usize = 1448;
const ROUNDS: usize = 7;

#[derive(Default)]
struct Count {
    bytes: usize,
}

impl Events for Count {
    fn data(&mut self, _: Direction, plaintext: &[u8], _: Range<u64>) {
        self.bytes += black_box(plaintext).len();
    }
}

/// A connection: the key log, the bytes of the handshake, and the client's records.
struct Connection {
    keys: KeyLog,
    handshake: Vec<(Direction, Vec<u8>)>,
    records: Vec<u8>,
}

fn main() {
    for suite in [
        suite::TLS13_AES_128_GCM_SHA256,
        suite::TLS13_AES_256_GCM_SHA384,
        suite::TLS13_CHACHA20_POLY1305_SHA256,
        suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    ] {
        let connection = connect(suite);
        let best = (0..ROUNDS).map(|_| round(&connection)).fold(f64::INFINITY, f64::min);
        println!("{:?}: {:.2} M records/s", suite.suite(), RECORDS as f64 / best / 1e6);
    }
}

/// Seconds for all records.
fn round(connection: &Connection) -> f64 {
    let (mut session, mut count) = (Session::new(), Count::default());
    for (direction, bytes) in &connection.handshake {
        session.push(*direction, bytes, &connection.keys, &mut count);
    }
    let began = Instant::now();
    for piece in connection.records.chunks(PIECE) {
        session.push(Direction::Forward, piece, &connection.keys, &mut count);
    }
    let spent = began.elapsed();
    assert_eq!(count.bytes, RECORDS * PAYLOAD);
    spent.as_secs_f64()
}

#[derive(Debug, Default)]
struct Log(Mutex<KeyLog>);

impl rustls::KeyLog for Log {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let line = format!("{label} {} {}\n", hex(client_random), hex(secret));
        self.0.lock().expect("one thread").add(line.as_bytes());
    }
}

fn connect(suite: SupportedCipherSuite) -> Connection {
    let made = rcgen::generate_simple_self_signed(["broker.test".to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key");
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).expect("a root");
    let provider = Arc::new(CryptoProvider { cipher_suites: vec![suite], ..default_provider() });
    let server = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .expect("an identity");
    let mut client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let log = Arc::new(Log::default());
    client.key_log = log.clone();
    let name = ServerName::try_from("broker.test").expect("a name");
    let mut client = ClientConnection::new(Arc::new(client), name).expect("a client");
    let mut server = ServerConnection::new(Arc::new(server)).expect("a server");
    let mut handshake = Vec::new();
    while client.wants_write() || server.wants_write() {
        let mut bytes = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut bytes).expect("memory");
        }
        server.read_tls(&mut &bytes[..]).expect("memory");
        server.process_new_packets().expect("a handshake");
        handshake.push((Direction::Forward, bytes));
        let mut bytes = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut bytes).expect("memory");
        }
        client.read_tls(&mut &bytes[..]).expect("memory");
        client.process_new_packets().expect("a handshake");
        handshake.push((Direction::Reverse, bytes));
    }
    let mut records = Vec::new();
    for _ in 0..RECORDS {
        client.writer().write_all(&[b'x'; PAYLOAD]).expect("memory");
        while client.wants_write() {
            client.write_tls(&mut records).expect("memory");
        }
    }
    let keys = std::mem::take(&mut *log.0.lock().expect("one thread"));
    Connection { keys, handshake, records }
}
