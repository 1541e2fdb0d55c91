//! TLS between two ends of rustls in one process, whose bytes are kept as they pass.

use std::io::{Read, Write};
use std::sync::{Arc, LazyLock, Mutex};

use mqscope_websocket::Sender;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, ConnectionCommon, RootCertStore, ServerConfig, ServerConnection,
    SupportedCipherSuite,
};

/// Both ends of a connection.
pub(crate) struct Ends {
    client: ClientConnection,
    server: ServerConnection,
    log: Arc<Log>,
    /// What passed, write by write.
    pub(crate) passed: Vec<(Sender, Vec<u8>)>,
}

/// Takes the text of a key log.
#[derive(Debug, Default)]
struct Log(Mutex<String>);

impl rustls::KeyLog for Log {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        *self.0.lock().unwrap() += &format!("{label} {} {}\n", hex(client_random), hex(secret));
    }
}

/// A certificate and its key, in DER.
static IDENTITY: LazyLock<(CertificateDer<'static>, Vec<u8>)> = LazyLock::new(|| {
    let made = rcgen::generate_simple_self_signed(["broker.test".to_owned()]).unwrap();
    (made.cert.der().clone(), made.signing_key.serialize_der())
});

impl Ends {
    /// A connection whose handshake is done, with what the server sends by itself after it.
    pub(crate) fn connect(suite: SupportedCipherSuite) -> Self {
        let (certificate, key) = &*IDENTITY;
        let mut roots = RootCertStore::empty();
        roots.add(certificate.clone()).unwrap();
        let provider = Arc::new(CryptoProvider { cipher_suites: vec![suite], ..ring::default_provider() });
        let server = ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&[suite.version()])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], PrivateKeyDer::try_from(key.clone()).unwrap())
            .unwrap();
        let mut client = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[suite.version()])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let log = Arc::new(Log::default());
        client.key_log = log.clone();
        let name = ServerName::try_from("broker.test").unwrap();
        let mut ends = Self {
            client: ClientConnection::new(Arc::new(client), name).unwrap(),
            server: ServerConnection::new(Arc::new(server)).unwrap(),
            log,
            passed: Vec::new(),
        };
        ends.pass();
        assert!(!ends.client.is_handshaking() && !ends.server.is_handshaking());
        ends
    }

    /// One end writes once: what is on the wire then also stands in [`passed`](Self::passed).
    pub(crate) fn say(&mut self, sender: Sender, bytes: &[u8]) -> Vec<u8> {
        match sender {
            Sender::Client => self.client.writer().write_all(bytes).unwrap(),
            Sender::Server => self.server.writer().write_all(bytes).unwrap(),
        }
        let before = self.passed.len();
        self.pass();
        let new = self.passed[before..].iter().filter(|passed| passed.0 == sender);
        new.flat_map(|passed| passed.1.iter().copied()).collect()
    }

    /// The lines of a key log that decrypt what passed.
    pub(crate) fn keys(&self) -> String {
        self.log.0.lock().unwrap().clone()
    }

    /// Passes bytes both ways until neither end has any.
    fn pass(&mut self) {
        while self.client.wants_write() || self.server.wants_write() {
            let mut bytes = Vec::new();
            while self.client.wants_write() {
                self.client.write_tls(&mut bytes).unwrap();
            }
            hear(&mut self.server, &bytes);
            self.keep(Sender::Client, bytes);
            let mut bytes = Vec::new();
            while self.server.wants_write() {
                self.server.write_tls(&mut bytes).unwrap();
            }
            hear(&mut self.client, &bytes);
            self.keep(Sender::Server, bytes);
        }
    }

    fn keep(&mut self, sender: Sender, bytes: Vec<u8>) {
        if !bytes.is_empty() {
            self.passed.push((sender, bytes));
        }
    }
}

fn hear<D>(end: &mut impl std::ops::DerefMut<Target = ConnectionCommon<D>>, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        end.read_tls(&mut bytes).unwrap();
        let len = end.process_new_packets().unwrap().plaintext_bytes_to_read();
        end.reader().take(len as u64).read_to_end(&mut Vec::new()).unwrap();
    }
}
