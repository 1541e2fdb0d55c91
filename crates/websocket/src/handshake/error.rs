//! What can be wrong with a handshake.

use std::fmt;

use thiserror::Error;

use super::{MAX_HEAD_LEN, MAX_HEADERS};
use crate::ExtensionError;

/// The part of an HTTP head that is malformed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The request's method or path.
    RequestLine,
    /// `HTTP/1.1`, or `HTTP/1.0`.
    Version,
    /// The response's status code or reason.
    Status,
    /// The end of a line.
    NewLine,
    /// A header's name.
    HeaderName,
    /// A header's value.
    HeaderValue,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RequestLine => "request line",
            Self::Version => "HTTP version",
            Self::Status => "status line",
            Self::NewLine => "line end",
            Self::HeaderName => "header name",
            Self::HeaderValue => "header value",
        })
    }
}

/// Why bytes are no HTTP head.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum HandshakeError {
    /// They are not HTTP/1.
    #[error("malformed {0} in the HTTP head")]
    Malformed(Part),
    /// More than are read.
    #[error("HTTP head has more than {MAX_HEADERS} headers")]
    TooManyHeaders,
    /// More than is read.
    #[error("HTTP head is longer than {MAX_HEAD_LEN} bytes")]
    TooLong,
    /// A host, path, protocol or header to be written would break the request line or the headers.
    #[error("{part} must not contain {character:?}")]
    Unwritable {
        /// Where it stands.
        part: &'static str,
        /// The first such character.
        character: char,
    },
}

impl From<httparse::Error> for HandshakeError {
    fn from(error: httparse::Error) -> Self {
        Self::Malformed(match error {
            httparse::Error::HeaderName => Part::HeaderName,
            httparse::Error::HeaderValue => Part::HeaderValue,
            httparse::Error::NewLine => Part::NewLine,
            httparse::Error::Status => Part::Status,
            httparse::Error::Token => Part::RequestLine,
            httparse::Error::TooManyHeaders => return Self::TooManyHeaders,
            httparse::Error::Version => Part::Version,
        })
    }
}

/// Why a client must fail the connection on a response (RFC 6455 §4.1).
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum RefusedUpgrade {
    /// The server wants something else: to redirect, or to have the client log in.
    #[error("server answered {status} {reason}, not 101")]
    Status {
        /// The code.
        status: u16,
        /// What follows the code.
        reason: String,
    },
    /// `Upgrade: websocket` or `Connection: Upgrade` is missing.
    #[error("response does not upgrade to websocket")]
    NotUpgraded,
    /// `Sec-WebSocket-Accept` does not belong to the key sent.
    #[error("Sec-WebSocket-Accept is {found:?}, should be {expected:?}")]
    Accept {
        /// What stands there, empty if nothing does.
        found: String,
        /// What belongs to the key.
        expected: String,
    },
    /// The server chose a subprotocol that was not offered.
    #[error("server chose the subprotocol {0:?}, which was not offered")]
    Protocol(String),
    /// The server agreed to an extension in a way that was not offered.
    #[error(transparent)]
    Extension(#[from] ExtensionError),
}
