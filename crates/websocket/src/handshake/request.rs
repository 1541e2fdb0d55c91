//! A client's request.

use super::{HandshakeError, Headers, MAX_HEAD_LEN, MAX_HEADERS};
use crate::{ExtensionError, Offer};

/// An HTTP/1 request head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    method: &'a str,
    path: &'a str,
    version: u8,
    headers: Headers<'a>,
}

impl<'a> Request<'a> {
    /// Reads the request head `bytes` begin with, and its length with the empty line at its end; `None` if more bytes
    /// are needed.
    ///
    /// # Errors
    /// If they are not HTTP/1, or more than [`MAX_HEAD_LEN`] bytes or [`MAX_HEADERS`] headers.
    pub fn parse(bytes: &'a [u8]) -> Result<Option<(Self, usize)>, HandshakeError> {
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut parsed = httparse::Request::new(&mut headers);
        let readable = &bytes[..bytes.len().min(MAX_HEAD_LEN)];
        match parsed.parse(readable)? {
            httparse::Status::Complete(len) => {
                let request = Self {
                    // A complete head has all three.
                    method: parsed.method.unwrap_or_default(),
                    path: parsed.path.unwrap_or_default(),
                    version: parsed.version.unwrap_or_default(),
                    headers: Headers::new(parsed.headers),
                };
                Ok(Some((request, len)))
            }
            httparse::Status::Partial if bytes.len() >= MAX_HEAD_LEN => Err(HandshakeError::TooLong),
            httparse::Status::Partial => Ok(None),
        }
    }

    /// The method, such as `GET`.
    pub fn method(&self) -> &'a str {
        self.method
    }

    /// The request target, with its query.
    pub fn path(&self) -> &'a str {
        self.path
    }

    /// The minor version: 1 for HTTP/1.1.
    pub fn version(&self) -> u8 {
        self.version
    }

    /// All headers.
    pub fn headers(&self) -> &Headers<'a> {
        &self.headers
    }

    /// The value of the first header with that name, in any case.
    pub fn header(&self, name: &str) -> Option<&'a [u8]> {
        self.headers.get(name)
    }

    /// Whether it asks for a WebSocket (RFC 6455 §4.2.1): a GET of HTTP/1.1 that would upgrade to it.
    pub fn is_upgrade(&self) -> bool {
        self.method == "GET" && self.version >= 1 && self.headers.upgrade_to_websocket()
    }

    /// `Sec-WebSocket-Key`.
    pub fn key(&self) -> Option<&'a [u8]> {
        self.header("Sec-WebSocket-Key")
    }

    /// The subprotocols offered in `Sec-WebSocket-Protocol`, the most wanted first.
    pub fn protocols(&self) -> impl Iterator<Item = &'a [u8]> + '_ {
        self.headers.tokens("Sec-WebSocket-Protocol")
    }

    /// The offers of permessage-deflate, the most wanted first; see [`Offer::all`].
    pub fn deflate_offers(&self) -> impl Iterator<Item = Result<Offer, ExtensionError>> {
        Offer::all(self.headers.all("Sec-WebSocket-Extensions"))
    }
}
