//! The HTTP upgrade before the frames (RFC 6455 §4).

mod error;
mod head;
mod request;
mod response;
mod upgrade;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

pub use error::{HandshakeError, Part, RefusedUpgrade};
pub use head::{Headers, Likeness, Tokens, starts_like_http};
pub use request::Request;
pub use response::Response;
pub use upgrade::Upgrade;

/// Bytes of a head that are read at most.
pub const MAX_HEAD_LEN: usize = 64 * 1024;
/// Headers that are read at most.
pub const MAX_HEADERS: usize = 100;

/// What a server must answer in `Sec-WebSocket-Accept` to a `Sec-WebSocket-Key` (RFC 6455 §4.2.2).
pub fn accept_key(key: &[u8]) -> [u8; 28] {
    let mut sha1 = sha1_smol::Sha1::new();
    sha1.update(key);
    sha1.update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    let mut text = [0; 28];
    // 20 bytes are 28 characters.
    let written = STANDARD.encode_slice(sha1.digest().bytes(), &mut text);
    debug_assert_eq!(written, Ok(28));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_accept_key_of_the_rfc_comes_out() {
        assert_eq!(&accept_key(b"dGhlIHNhbXBsZSBub25jZQ=="), b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="); // RFC 6455 §1.3
    }
}
