//! What both directions of a connection need of its hellos.

use super::cipher::{Cipher, MacOrder};
use super::hello::{ClientHello, ServerHello, Version};
use super::secrets::Secret;
use super::suite::Suite;
use super::{CipherSuite, KeyLog, Undecrypted};
use crate::Direction;

/// Which traffic secret of TLS 1.3 protects records, in the order in which they follow one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Epoch {
    /// 0-RTT data; the client only.
    Early,
    Handshake,
    Application,
}

/// The hellos of a connection, as far as they were seen.
#[derive(Default)]
pub(crate) struct Agreed {
    client: Option<Client>,
    server: Option<Server>,
    /// ClientHellos and ServerHellos seen.
    hellos: [u32; 2],
    /// The hellos are lost: nothing is waited for.
    pub(crate) blind: bool,
}

struct Client {
    direction: Direction,
    random: [u8; 32],
    session_id: [u8; 32],
    session_id_len: usize,
    early_data: bool,
}

struct Server {
    version: Version,
    random: [u8; 32],
    suite: CipherSuite,
    compression: u8,
    order: MacOrder,
}

impl Agreed {
    pub(crate) fn client_hello(&mut self, direction: Direction, hello: &ClientHello<'_>) {
        let mut session_id = [0; 32];
        let session_id_len = hello.session_id.len().min(32);
        session_id[..session_id_len].copy_from_slice(&hello.session_id[..session_id_len]);
        // after a HelloRetryRequest early data may still come, which the first hello spoke of
        let early_data = hello.early_data || self.early_data();
        self.client =
            Some(Client { direction, random: *hello.random, session_id, session_id_len, early_data });
        self.hellos[0] = self.hellos[0].saturating_add(1);
    }

    /// Takes the answer, and completes what it says of resumption.
    pub(crate) fn server_hello(&mut self, hello: &mut ServerHello<'_>) {
        if hello.version < Version::TLS13
            && let Some(client) = &self.client
        {
            let id = &client.session_id[..client.session_id_len];
            hello.resumed = !id.is_empty() && id == hello.session_id;
        }
        self.server = Some(Server {
            version: hello.version,
            random: *hello.random,
            suite: hello.cipher_suite,
            compression: hello.compression,
            order: if hello.encrypt_then_mac { MacOrder::EncryptThenMac } else { MacOrder::MacThenEncrypt },
        });
        self.hellos[1] = self.hellos[1].saturating_add(1);
    }

    /// Bytes of a direction are missing; if its hello may be among them, there is nothing to wait for.
    pub(crate) fn lost(&mut self, direction: Direction) {
        match self.side(direction) {
            Some(0) => {}
            Some(_) if self.server.is_some() => {
                // In TLS 1.3 a second hello may be lost, which says nothing new.
                if self.is_tls13() {
                    self.hellos[1] = u32::MAX;
                }
            }
            _ => self.blind = true,
        }
    }

    pub(crate) fn client_random(&self) -> Option<&[u8; 32]> {
        self.client.as_ref().map(|client| &client.random)
    }

    /// 0 for the client's direction and 1 for the server's, if a client said hello.
    pub(crate) fn side(&self, direction: Direction) -> Option<usize> {
        self.client.as_ref().map(|client| usize::from(client.direction != direction))
    }

    /// Whether the client's direction has to wait for the server's answer to the last hello.
    pub(crate) fn awaits_answer(&self, direction: Direction) -> bool {
        !self.blind && self.side(direction) == Some(0) && self.hellos[1] < self.hellos[0]
    }

    /// Whether a ServerHello came before the ClientHello that it answers.
    pub(crate) fn awaits_client(&self) -> bool {
        !self.blind && self.client.is_none()
    }

    pub(crate) fn is_tls13(&self) -> bool {
        self.server.as_ref().is_some_and(|server| server.version == Version::TLS13)
    }

    pub(crate) fn has_answer(&self) -> bool {
        self.server.is_some()
    }

    /// Whether the client said that it sends 0-RTT data.
    pub(crate) fn early_data(&self) -> bool {
        self.client.as_ref().is_some_and(|client| client.early_data)
    }

    /// The keys of a direction after its ChangeCipherSpec.
    ///
    /// # Errors
    ///
    /// Why there are none.
    pub(crate) fn tls12(&self, direction: Direction, keys: &KeyLog) -> Result<Cipher, Undecrypted> {
        let (client, server, suite) = self.parts(Version::TLS12)?;
        let master = keys
            .secrets(&client.random)
            .and_then(|secrets| secrets.master.as_ref())
            .ok_or(Undecrypted::NoKey)?;
        let side = usize::from(client.direction != direction);
        let randoms = [&client.random, &server.random];
        Cipher::tls12(&suite, master, side, randoms, server.order).ok_or(Undecrypted::Suite(server.suite))
    }

    /// The keys of a direction in an epoch of TLS 1.3, and the secret they come from.
    ///
    /// # Errors
    ///
    /// Why there are none.
    pub(crate) fn tls13(
        &self,
        direction: Direction,
        epoch: Epoch,
        keys: &KeyLog,
    ) -> Result<(Cipher, Secret), Undecrypted> {
        let (client, server, suite) = self.parts(Version::TLS13)?;
        let side = usize::from(client.direction != direction);
        let secrets = keys.secrets(&client.random).ok_or(Undecrypted::NoKey)?;
        let of_epoch = match epoch {
            Epoch::Early => &secrets.early,
            Epoch::Handshake => &secrets.handshake[side],
            Epoch::Application => &secrets.application[side],
        };
        let secret = of_epoch.as_ref().ok_or(match epoch {
            Epoch::Early => Undecrypted::NoEarlyKey,
            Epoch::Handshake if secrets.application[side].is_some() => Undecrypted::NoHandshakeKey,
            Epoch::Handshake | Epoch::Application => Undecrypted::NoKey,
        })?;
        let cipher = Cipher::tls13(&suite, secret).ok_or(Undecrypted::Suite(server.suite))?;
        Ok((cipher, secret.clone()))
    }

    /// The keys after the ones that `secret` gave, and their secret.
    pub(crate) fn updated(&self, secret: &Secret) -> Option<(Cipher, Secret)> {
        let (.., suite) = self.parts(Version::TLS13).ok()?;
        let next = secret.updated(suite.hash);
        Some((Cipher::tls13(&suite, &next)?, next))
    }

    fn parts(&self, version: Version) -> Result<(&Client, &Server, Suite), Undecrypted> {
        let (Some(client), Some(server)) = (&self.client, &self.server) else {
            return Err(Undecrypted::NoHello);
        };
        if server.version != version {
            return Err(Undecrypted::Version(server.version));
        }
        if server.compression != 0 {
            return Err(Undecrypted::Compression);
        }
        // suites of TLS 1.3 are of no other version
        let fits = (server.suite.0 >> 8 == 0x13) == (version == Version::TLS13);
        let suite = server.suite.suite().filter(|_| fits).ok_or(Undecrypted::Suite(server.suite))?;
        Ok((client, server, suite))
    }
}
