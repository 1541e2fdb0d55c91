//! What the two hellos say (RFC 8446 §4.1, RFC 5246 §7.4.1).

use std::fmt;

use super::CipherSuite;
use super::reader::Reader;

const SERVER_NAME: u16 = 0;
const ALPN: u16 = 16;
const ENCRYPT_THEN_MAC: u16 = 22;
const SESSION_TICKET: u16 = 35;
const PRE_SHARED_KEY: u16 = 41;
const EARLY_DATA: u16 = 42;
const SUPPORTED_VERSIONS: u16 = 43;

/// The random that makes a ServerHello a HelloRetryRequest: SHA-256 of that word (RFC 8446 §4.1.3).
const RETRY: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2,
    0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

/// A protocol version as it stands in hellos, such as 0x0304 for TLS 1.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u16);

impl Version {
    /// TLS 1.2.
    pub const TLS12: Self = Self(0x0303);
    /// TLS 1.3.
    pub const TLS13: Self = Self(0x0304);
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0x0300 => f.write_str("SSL 3.0"),
            0x0301 => f.write_str("TLS 1.0"),
            0x0302 => f.write_str("TLS 1.1"),
            0x0303 => f.write_str("TLS 1.2"),
            0x0304 => f.write_str("TLS 1.3"),
            other => write!(f, "{other:#06x}"),
        }
    }
}

/// What a client offered.
#[derive(Clone, Copy, Debug)]
pub struct ClientHello<'a> {
    /// Bytes of the message, its four-byte header included.
    pub len: usize,
    /// The version in the old field: 0x0303 also where TLS 1.3 is offered.
    pub legacy_version: Version,
    /// Names the connection in a [`KeyLog`](super::KeyLog).
    pub random: &'a [u8; 32],
    /// To resume a TLS 1.2 session by, or only for looks (TLS 1.3); up to 32 bytes, often none.
    pub session_id: &'a [u8],
    /// The host name the client asks for (SNI), as it stands there.
    pub server_name: Option<&'a [u8]>,
    /// Whether a TLS 1.2 session ticket that is not empty is there.
    pub session_ticket: bool,
    /// Whether TLS 1.3 pre-shared keys are offered, as when a session is resumed.
    pub pre_shared_key: bool,
    /// Whether the client means to send 0-RTT data.
    pub early_data: bool,
    suites: &'a [u8],
    versions: &'a [u8],
    alpn: &'a [u8],
}

impl<'a> ClientHello<'a> {
    /// The cipher suites offered, the dearest first.
    pub fn cipher_suites(&self) -> impl Iterator<Item = CipherSuite> + use<'a> {
        self.suites.as_chunks().0.iter().map(|&id| CipherSuite(u16::from_be_bytes(id)))
    }

    /// The versions in supported_versions; none where the client has no such extension (TLS 1.2 and before).
    pub fn supported_versions(&self) -> impl Iterator<Item = Version> + use<'a> {
        self.versions.as_chunks().0.iter().map(|&id| Version(u16::from_be_bytes(id)))
    }

    /// The application protocols offered (ALPN), such as `mqtt` or `http/1.1`.
    pub fn alpn(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let mut list = Reader(self.alpn);
        std::iter::from_fn(move || list.part8().map(|name| name.0))
    }

    /// Of the body of a ClientHello; nothing if it is malformed.
    pub fn parse(body: &'a [u8]) -> Option<Self> {
        let mut r = Reader(body);
        let legacy_version = Version(r.u16()?);
        let random = r.array()?;
        let session_id = r.part8().filter(|id| id.0.len() <= 32)?.0;
        let suites = r.part16()?.0;
        r.part8()?;
        let mut hello = Self {
            len: 4 + body.len(),
            legacy_version,
            random,
            session_id,
            server_name: None,
            session_ticket: false,
            pre_shared_key: false,
            early_data: false,
            suites,
            versions: &[],
            alpn: &[],
        };
        extensions(r, |kind, mut data| {
            match kind {
                SERVER_NAME => {
                    let mut names = data.part16()?;
                    // 0 is host_name, the only kind there is
                    if names.u8()? == 0 {
                        hello.server_name = Some(names.part16()?.0);
                    }
                }
                ALPN => hello.alpn = data.part16()?.0,
                SESSION_TICKET => hello.session_ticket = !data.is_empty(),
                PRE_SHARED_KEY => hello.pre_shared_key = true,
                EARLY_DATA => hello.early_data = true,
                SUPPORTED_VERSIONS => hello.versions = data.part8()?.0,
                _ => {}
            }
            Some(())
        })?;
        Some(hello)
    }
}

/// What a server chose.
#[derive(Clone, Copy, Debug)]
pub struct ServerHello<'a> {
    /// Bytes of the message, its four-byte header included.
    pub len: usize,
    /// The version both speak from here on.
    pub version: Version,
    /// The server's random.
    pub random: &'a [u8; 32],
    /// The session's identity (TLS 1.2), or the client's given back (TLS 1.3).
    pub session_id: &'a [u8],
    /// The cipher suite both use.
    pub cipher_suite: CipherSuite,
    /// Whether this is a HelloRetryRequest: the client has to say hello again.
    pub retry: bool,
    /// Whether an earlier session goes on: a TLS 1.3 pre-shared key was taken, or a TLS 1.2 session identity that the
    /// client named was given back.
    pub resumed: bool,
    /// The application protocol chosen (ALPN). TLS 1.3 says it encrypted, see
    /// [`Events::negotiated_alpn`](super::Events::negotiated_alpn).
    pub alpn: Option<&'a [u8]>,
    pub(crate) compression: u8,
    pub(crate) encrypt_then_mac: bool,
}

impl<'a> ServerHello<'a> {
    /// Of the body of a ServerHello; nothing if it is malformed. `resumed` is told by the session identity only by who
    /// knows the client's.
    pub fn parse(body: &'a [u8]) -> Option<Self> {
        let mut r = Reader(body);
        let version = Version(r.u16()?);
        let random: &[u8; 32] = r.array()?;
        let session_id = r.part8().filter(|id| id.0.len() <= 32)?.0;
        let cipher_suite = CipherSuite(r.u16()?);
        let compression = r.u8()?;
        let mut hello = Self {
            len: 4 + body.len(),
            version,
            random,
            session_id,
            cipher_suite,
            retry: *random == RETRY,
            resumed: false,
            alpn: None,
            compression,
            encrypt_then_mac: false,
        };
        extensions(r, |kind, mut data| {
            match kind {
                ALPN => hello.alpn = Some(first_alpn(data)?),
                ENCRYPT_THEN_MAC => hello.encrypt_then_mac = true,
                PRE_SHARED_KEY => hello.resumed = true,
                SUPPORTED_VERSIONS => hello.version = Version(data.u16()?),
                _ => {}
            }
            Some(())
        })?;
        Some(hello)
    }
}

/// The protocol chosen, in the body of EncryptedExtensions (RFC 8446 §4.3.1).
pub(crate) fn encrypted_alpn(body: &[u8]) -> Option<&[u8]> {
    let mut alpn = None;
    extensions(Reader(body), |kind, data| {
        if kind == ALPN {
            alpn = Some(first_alpn(data)?);
        }
        Some(())
    })?;
    alpn
}

fn first_alpn(mut data: Reader<'_>) -> Option<&[u8]> {
    Some(data.part16()?.part8()?.0)
}

/// Hands out each extension, of which there may be none at all (TLS 1.2).
fn extensions<'a>(mut r: Reader<'a>, mut each: impl FnMut(u16, Reader<'a>) -> Option<()>) -> Option<()> {
    if r.is_empty() {
        return Some(());
    }
    let mut list = r.part16()?;
    while !list.is_empty() {
        each(list.u16()?, list.part16()?)?;
    }
    Some(())
}
