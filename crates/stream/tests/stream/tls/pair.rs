//! Two ends of rustls in one process, whose bytes pass by way of a recording.

use std::io::{Read, Write};
use std::sync::{Arc, LazyLock, Mutex};

use mqscope_stream::Direction;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, SupportedCipherSuite,
    SupportedProtocolVersion,
};

use super::{Forward, Recording, Reverse};

/// Takes the text of a key log.
#[derive(Debug, Default)]
struct Log(Mutex<String>);

impl rustls::KeyLog for Log {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        *self.0.lock().unwrap() += &format!("{label} {} {}\n", hex(client_random), hex(secret));
    }
}

/// How both ends are set up; made once for several connections, so that later ones may resume.
pub(crate) struct Ends {
    log: Arc<Log>,
    pub(crate) client: ClientConfig,
    pub(crate) server: ServerConfig,
}

/// A certificate and its key, in DER.
static IDENTITY: LazyLock<(CertificateDer<'static>, Vec<u8>)> = LazyLock::new(|| {
    let made = rcgen::generate_simple_self_signed(["broker.test".to_owned()]).unwrap();
    (made.cert.der().clone(), made.signing_key.serialize_der())
});

impl Ends {
    pub(crate) fn new(version: &'static SupportedProtocolVersion, suite: SupportedCipherSuite) -> Self {
        let provider = CryptoProvider { cipher_suites: vec![suite], ..ring::default_provider() };
        let server = CryptoProvider { kx_groups: vec![ring::kx_group::SECP256R1], ..provider.clone() };
        let client =
            CryptoProvider { kx_groups: vec![ring::kx_group::SECP256R1, ring::kx_group::X25519], ..provider };
        Self::of(version, client, server)
    }

    /// The client guesses a group that the server does not know, and has to try again.
    pub(crate) fn with_retry(suite: SupportedCipherSuite) -> Self {
        let provider = CryptoProvider { cipher_suites: vec![suite], ..ring::default_provider() };
        let server = CryptoProvider { kx_groups: vec![ring::kx_group::SECP256R1], ..provider.clone() };
        let client =
            CryptoProvider { kx_groups: vec![ring::kx_group::X25519, ring::kx_group::SECP256R1], ..provider };
        Self::of(&rustls::version::TLS13, client, server)
    }

    fn of(
        version: &'static SupportedProtocolVersion,
        client: CryptoProvider,
        server: CryptoProvider,
    ) -> Self {
        let (certificate, key) = &*IDENTITY;
        let key = || PrivateKeyDer::try_from(key.clone()).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(certificate.clone()).unwrap();
        let roots = Arc::new(roots);
        let log = Arc::new(Log::default());
        let server = Arc::new(server);
        let verifier =
            WebPkiClientVerifier::builder_with_provider(roots.clone(), server.clone()).build().unwrap();
        let mut server = ServerConfig::builder_with_provider(server)
            .with_protocol_versions(&[version])
            .unwrap()
            .with_client_cert_verifier(verifier)
            .with_single_cert(vec![certificate.clone()], key())
            .unwrap();
        server.alpn_protocols = vec![b"mqtt".to_vec()];
        let mut client = ClientConfig::builder_with_provider(Arc::new(client))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots)
            .with_client_auth_cert(vec![certificate.clone()], key())
            .unwrap();
        client.alpn_protocols = vec![b"mqtt".to_vec()];
        client.key_log = log.clone();
        Self { log, client, server }
    }

    /// A new connection, whose handshake is done.
    pub(crate) fn connect(&self) -> Pair {
        self.log.0.lock().unwrap().clear();
        let name = ServerName::try_from("broker.test").unwrap();
        let mut pair = Pair {
            log: self.log.clone(),
            client: ClientConnection::new(Arc::new(self.client.clone()), name).unwrap(),
            server: ServerConnection::new(Arc::new(self.server.clone())).unwrap(),
            passed: Vec::new(),
        };
        pair.pass();
        assert!(!pair.client.is_handshaking() && !pair.server.is_handshaking());
        pair
    }
}

/// A connection.
pub(crate) struct Pair {
    log: Arc<Log>,
    pub(crate) client: ClientConnection,
    pub(crate) server: ServerConnection,
    passed: Vec<(Direction, Vec<u8>)>,
}

impl Pair {
    /// One end says something, and the other hears it.
    pub(crate) fn say(&mut self, direction: Direction, text: &[u8]) {
        match direction {
            Forward => self.client.writer().write_all(text).unwrap(),
            Reverse => self.server.writer().write_all(text).unwrap(),
        }
        let heard = self.pass();
        assert_eq!(heard[direction as usize], text);
    }

    /// Passes bytes both ways until neither end has any, and says what was heard.
    pub(crate) fn pass(&mut self) -> [Vec<u8>; 2] {
        let mut heard = [Vec::new(), Vec::new()];
        while self.client.wants_write() || self.server.wants_write() {
            for direction in [Forward, Reverse] {
                let mut bytes = Vec::new();
                match direction {
                    Forward => {
                        while self.client.wants_write() {
                            self.client.write_tls(&mut bytes).unwrap();
                        }
                    }
                    Reverse => {
                        while self.server.wants_write() {
                            self.server.write_tls(&mut bytes).unwrap();
                        }
                    }
                }
                let mut rest = &bytes[..];
                while !rest.is_empty() {
                    match direction {
                        Forward => hear(&mut self.server, &mut rest, &mut heard[0]),
                        Reverse => hear(&mut self.client, &mut rest, &mut heard[1]),
                    }
                }
                if !bytes.is_empty() {
                    self.passed.push((direction, bytes));
                }
            }
        }
        heard
    }

    pub(crate) fn recording(&self) -> Recording {
        Recording { keys: self.log.0.lock().unwrap().clone(), passed: self.passed.clone() }
    }
}

fn hear<D>(
    end: &mut impl std::ops::DerefMut<Target = rustls::ConnectionCommon<D>>,
    bytes: &mut &[u8],
    heard: &mut Vec<u8>,
) {
    end.read_tls(bytes).unwrap();
    let state = end.process_new_packets().unwrap();
    end.reader().take(state.plaintext_bytes_to_read() as u64).read_to_end(heard).unwrap();
}
