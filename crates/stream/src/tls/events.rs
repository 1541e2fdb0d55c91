//! What comes out of a session.

use std::fmt;
use std::ops::Range;

use super::{Certificate, CipherSuite, ClientHello, Fault, ServerHello, Version};
use crate::Direction;

/// Takes what a [`Session`](super::Session) finds.
///
/// `raw` is always where the record, or the records of a message that spans several, stand in the direction's stream of
/// bytes as they were pushed, headers included; gaps count. For one direction, calls come in the order of the stream.
pub trait Events {
    /// A client said hello: the first message of a handshake. After a HelloRetryRequest it says so twice, with the
    /// same random.
    fn client_hello(&mut self, _direction: Direction, _hello: &ClientHello<'_>, _raw: Range<u64>) {}

    /// A server answered a hello.
    fn server_hello(&mut self, _direction: Direction, _hello: &ServerHello<'_>, _raw: Range<u64>) {}

    /// The application protocol the server chose in TLS 1.3; only where the handshake can be decrypted.
    fn negotiated_alpn(&mut self, _direction: Direction, _protocol: &[u8], _raw: Range<u64>) {}

    /// A side showed its certificates; in TLS 1.3 only where the handshake can be decrypted.
    fn certificate(&mut self, _direction: Direction, _certificate: &Certificate<'_>, _raw: Range<u64>) {}

    /// An alert that could be read.
    fn alert(&mut self, _direction: Direction, _alert: Alert, _raw: Range<u64>) {}

    /// This direction goes on with new keys: a TLS 1.3 KeyUpdate, or the end of a TLS 1.2 renegotiation.
    fn key_change(&mut self, _direction: Direction, _raw: Range<u64>) {}

    /// The application data of one record; never empty.
    fn data(&mut self, direction: Direction, plaintext: &[u8], raw: Range<u64>);

    /// Application data are missing, or may be, before what [`data`](Self::data) brings next: records in `raw` were
    /// lost or could not be decrypted. Called once, right before that `data`.
    fn hole(&mut self, _direction: Direction, _raw: Range<u64>) {}

    /// A record could not be decrypted. Called for the first record of a direction and reason only;
    /// [`Session::undecrypted`](super::Session::undecrypted) counts all of them.
    fn undecrypted(&mut self, _direction: Direction, _why: Undecrypted, _raw: Range<u64>) {}

    /// This direction is not TLS, or is no more, from the start of `raw` on. Nothing comes of it after this.
    fn fault(&mut self, _direction: Direction, _fault: Fault, _raw: Range<u64>) {}
}

/// Why records could not be decrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Undecrypted {
    /// The hellos are not in the capture, so that nobody knows which secrets belong to the connection.
    #[error("the TLS handshake is not in the capture")]
    NoHello,
    /// The key log has no secret for the client random. A fresh session can read the same bytes once
    /// [`KeyLog::has`](super::KeyLog::has) says so.
    #[error("no key for this connection")]
    NoKey,
    /// TLS 1.3: the key log has the application secret only; what is passed over is the rest of the handshake.
    #[error("no key for the handshake")]
    NoHandshakeKey,
    /// TLS 1.3: the key log has no secret for 0-RTT data, or the server did not take them.
    #[error("no key for early data")]
    NoEarlyKey,
    /// The suite is none of those that can be read.
    #[error("unsupported cipher suite {0}")]
    Suite(CipherSuite),
    /// The version is neither TLS 1.2 nor TLS 1.3.
    #[error("unsupported version {0}")]
    Version(Version),
    /// The handshake agreed on compression.
    #[error("TLS compression is not supported")]
    Compression,
    /// The record is not authentic: the secret is of another connection, or the bytes were changed.
    #[error("authentication failed")]
    Failed,
    /// Bytes are missing from the record, or so many before it that its sequence number was not found.
    #[error("bytes are missing from the capture")]
    Gap,
}

impl Undecrypted {
    /// Reasons there are.
    pub(crate) const REASONS: usize = 9;

    /// A number below [`REASONS`](Self::REASONS), whatever the details.
    pub(crate) fn index(self) -> usize {
        match self {
            Self::NoHello => 0,
            Self::NoKey => 1,
            Self::NoHandshakeKey => 2,
            Self::NoEarlyKey => 3,
            Self::Suite(_) => 4,
            Self::Version(_) => 5,
            Self::Compression => 6,
            Self::Failed => 7,
            Self::Gap => 8,
        }
    }
}

/// An alert (RFC 8446 §6); displays as `fatal bad_certificate`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alert {
    /// 1 is a warning, 2 is fatal.
    pub level: u8,
    /// What it is about; see [`name`](Self::name).
    pub description: u8,
}

impl Alert {
    /// The name of the description in RFC 8446 §6 or RFC 5246 §7.2.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        Some(match self.description {
            0 => "close_notify",
            10 => "unexpected_message",
            20 => "bad_record_mac",
            21 => "decryption_failed",
            22 => "record_overflow",
            30 => "decompression_failure",
            40 => "handshake_failure",
            41 => "no_certificate",
            42 => "bad_certificate",
            43 => "unsupported_certificate",
            44 => "certificate_revoked",
            45 => "certificate_expired",
            46 => "certificate_unknown",
            47 => "illegal_parameter",
            48 => "unknown_ca",
            49 => "access_denied",
            50 => "decode_error",
            51 => "decrypt_error",
            70 => "protocol_version",
            71 => "insufficient_security",
            80 => "internal_error",
            86 => "inappropriate_fallback",
            90 => "user_canceled",
            100 => "no_renegotiation",
            109 => "missing_extension",
            110 => "unsupported_extension",
            112 => "unrecognized_name",
            113 => "bad_certificate_status_response",
            115 => "unknown_psk_identity",
            116 => "certificate_required",
            120 => "no_application_protocol",
            _ => return None,
        })
    }
}

impl fmt::Display for Alert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.level {
            1 => f.write_str("warning ")?,
            2 => f.write_str("fatal ")?,
            other => write!(f, "level {other} ")?,
        }
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "{}", self.description),
        }
    }
}
