//! A server's response.

use super::{HandshakeError, Headers, MAX_HEAD_LEN, MAX_HEADERS, Request, accept_key};
use crate::{Deflate, ExtensionError};

/// An HTTP/1 response head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response<'a> {
    version: u8,
    status: u16,
    reason: &'a str,
    headers: Headers<'a>,
}

impl<'a> Response<'a> {
    /// Reads the response head `bytes` begin with, and its length with the empty line at its end; `None` if more bytes
    /// are needed.
    ///
    /// # Errors
    /// If they are not HTTP/1, or more than [`MAX_HEAD_LEN`] bytes or [`MAX_HEADERS`] headers.
    pub fn parse(bytes: &'a [u8]) -> Result<Option<(Self, usize)>, HandshakeError> {
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut parsed = httparse::Response::new(&mut headers);
        let readable = &bytes[..bytes.len().min(MAX_HEAD_LEN)];
        match parsed.parse(readable)? {
            httparse::Status::Complete(len) => {
                let response = Self {
                    // A complete head has all three.
                    version: parsed.version.unwrap_or_default(),
                    status: parsed.code.unwrap_or_default(),
                    reason: parsed.reason.unwrap_or_default(),
                    headers: Headers::new(parsed.headers),
                };
                Ok(Some((response, len)))
            }
            httparse::Status::Partial if bytes.len() >= MAX_HEAD_LEN => Err(HandshakeError::TooLong),
            httparse::Status::Partial => Ok(None),
        }
    }

    /// The minor version: 1 for HTTP/1.1.
    pub fn version(&self) -> u8 {
        self.version
    }

    /// The status code, such as 101.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// What follows the status code, such as `Switching Protocols`; empty if it is not ASCII.
    pub fn reason(&self) -> &'a str {
        self.reason
    }

    /// All headers.
    pub fn headers(&self) -> &Headers<'a> {
        &self.headers
    }

    /// The value of the first header with that name, in any case.
    pub fn header(&self, name: &str) -> Option<&'a [u8]> {
        self.headers.get(name)
    }

    /// Whether it grants a WebSocket: status 101 with an upgrade to it. Frames follow.
    pub fn is_upgrade(&self) -> bool {
        self.status == 101 && self.headers.upgrade_to_websocket()
    }

    /// `Sec-WebSocket-Accept`.
    pub fn accept(&self) -> Option<&'a [u8]> {
        self.header("Sec-WebSocket-Accept")
    }

    /// Whether `Sec-WebSocket-Accept` belongs to the request's `Sec-WebSocket-Key` (RFC 6455 §4.2.2).
    pub fn accepts(&self, request: &Request<'_>) -> bool {
        request.key().is_some_and(|key| self.accept() == Some(accept_key(key).as_slice()))
    }

    /// The subprotocol chosen in `Sec-WebSocket-Protocol`; more than one is a server's fault.
    pub fn protocols(&self) -> impl Iterator<Item = &'a [u8]> + '_ {
        self.headers.tokens("Sec-WebSocket-Protocol")
    }

    /// What is agreed of permessage-deflate.
    ///
    /// # Errors
    /// As [`Deflate::agreed`].
    pub fn deflate(&self) -> Result<Option<Deflate>, ExtensionError> {
        Deflate::agreed(self.headers.all("Sec-WebSocket-Extensions"))
    }
}
