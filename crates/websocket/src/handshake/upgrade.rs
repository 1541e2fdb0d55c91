//! What a client sends, and how it judges the answer.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{HandshakeError, RefusedUpgrade, Response, accept_key};
use crate::deflate::{ExtensionError, extension_names, is_deflate, lossy};
use crate::{Deflate, Offer};

/// A request for a WebSocket.
#[derive(Clone, Copy, Debug)]
pub struct Upgrade<'a> {
    /// The server's name, with its port if that is not the scheme's.
    pub host: &'a str,
    /// The request target: begins with a slash, with its query.
    pub path: &'a str,
    /// The subprotocols offered, the most wanted first.
    pub protocols: &'a [&'a str],
    /// Further headers.
    pub headers: &'a [(&'a str, &'a str)],
    /// Random bytes, new for each connection (RFC 6455 §4.1).
    pub key: [u8; 16],
    /// Offers permessage-deflate.
    pub deflate: Option<Offer>,
}

impl Upgrade<'_> {
    /// Appends the request.
    ///
    /// # Errors
    /// If a part has characters that would end it early; nothing is appended then.
    pub fn write(&self, out: &mut Vec<u8>) -> Result<(), HandshakeError> {
        let line = |part, text: &str, space: bool| match text
            .chars()
            .find(|c| c.is_ascii_control() && *c != '\t' || *c == ' ' && !space)
        {
            Some(character) => Err(HandshakeError::Unwritable { part, character }),
            None => Ok(()),
        };
        line("host", self.host, false)?;
        line("path", self.path, false)?;
        for protocol in self.protocols {
            line("subprotocol", protocol, false)?;
        }
        for (name, value) in self.headers {
            match name.chars().find(|c| !c.is_ascii_alphanumeric() && !"!#$%&'*+-.^_`|~".contains(*c)) {
                Some(character) => return Err(HandshakeError::Unwritable { part: "header name", character }),
                None => line("header value", value, true)?,
            }
        }
        let mut header = |name: &str, value: &[u8]| {
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(value);
            out.extend_from_slice(b"\r\n");
        };
        header("GET ", [self.path.as_bytes(), b" HTTP/1.1"].concat().as_slice());
        header("Host: ", self.host.as_bytes());
        header("Upgrade: ", b"websocket");
        header("Connection: ", b"Upgrade");
        header("Sec-WebSocket-Key: ", &self.key_text());
        header("Sec-WebSocket-Version: ", b"13");
        if !self.protocols.is_empty() {
            header("Sec-WebSocket-Protocol: ", self.protocols.join(", ").as_bytes());
        }
        if let Some(offer) = &self.deflate {
            let mut value = Vec::new();
            offer.write(&mut value);
            header("Sec-WebSocket-Extensions: ", &value);
        }
        for (name, value) in self.headers {
            header(name, [b": ", value.as_bytes()].concat().as_slice());
        }
        header("", b"");
        Ok(())
    }

    /// Judges the response to this request, and says what is agreed of permessage-deflate.
    ///
    /// # Errors
    /// If the client must fail the connection (RFC 6455 §4.1).
    pub fn check(&self, response: &Response<'_>) -> Result<Option<Deflate>, RefusedUpgrade> {
        if response.status() != 101 {
            let (status, reason) = (response.status(), response.reason().to_owned());
            return Err(RefusedUpgrade::Status { status, reason });
        }
        if !response.is_upgrade() {
            return Err(RefusedUpgrade::NotUpgraded);
        }
        let expected = accept_key(&self.key_text());
        let found = response.accept().unwrap_or_default();
        if found != expected {
            return Err(RefusedUpgrade::Accept { found: lossy(found), expected: lossy(&expected) });
        }
        let mut chosen = response.protocols();
        if let Some(protocol) = chosen.next() {
            let offered = self.protocols.iter().any(|offered| offered.as_bytes() == protocol);
            match (offered, chosen.next()) {
                (true, None) => {}
                (true, Some(second)) => return Err(RefusedUpgrade::Protocol(lossy(second))),
                (false, _) => return Err(RefusedUpgrade::Protocol(lossy(protocol))),
            }
        }
        let extensions = || response.headers().all("Sec-WebSocket-Extensions");
        let offered = |name: &&[u8]| self.deflate.is_some() && is_deflate(name);
        if let Some(name) = extension_names(extensions()).find(|name| !offered(name)) {
            return Err(ExtensionError::NotOffered(lossy(name)).into());
        }
        Ok(self.deflate.map(|offer| offer.answer(extensions())).transpose()?.flatten())
    }

    fn key_text(&self) -> [u8; 24] {
        let mut text = [0; 24];
        // 16 bytes are 24 characters.
        let written = STANDARD.encode_slice(self.key, &mut text);
        debug_assert_eq!(written, Ok(24));
        text
    }
}
