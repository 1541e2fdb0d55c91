//! From a secret to keys: the TLS 1.2 pseudorandom function and the TLS 1.3 labelled expansion.

use ring::hmac;

/// A master secret or a traffic secret. Has no `Debug`, so that none is printed by accident.
#[derive(Clone)]
pub(crate) struct Secret {
    bytes: [u8; Self::MOST],
    len: u8,
}

impl Secret {
    /// Traffic secrets are as long as the suite's hash, SHA-384 at most; master secrets have 48 bytes.
    pub(crate) const MOST: usize = 48;

    /// Of `bytes`, of which there are at most [`MOST`](Self::MOST); further ones are dropped.
    pub(crate) fn new(bytes: &[u8]) -> Self {
        let len = bytes.len().min(Self::MOST);
        let mut secret = Self { bytes: [0; Self::MOST], len: len as u8 };
        secret.bytes[..len].copy_from_slice(&bytes[..len]);
        secret
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// HKDF-Expand-Label with an empty context, for at most one block of the hash (RFC 8446 §7.1, RFC 5869 §2.3).
    /// Keys, initialisation vectors and next secrets are never longer.
    pub(crate) fn expand(&self, hash: hmac::Algorithm, label: &str, out: &mut [u8]) {
        debug_assert!(out.len() <= hash.digest_algorithm().output_len() && label.len() <= 12);
        let mut info = [0; 4 + 6 + 12 + 1];
        let end = 3 + 6 + label.len();
        info[1] = out.len() as u8;
        info[2] = 6 + label.len() as u8;
        info[3..9].copy_from_slice(b"tls13 ");
        info[9..end].copy_from_slice(label.as_bytes());
        // the context's length, 0, and the number of the block, 1
        info[end + 1] = 1;
        let block = hmac::sign(&hmac::Key::new(hash, self.bytes()), &info[..end + 2]);
        out.copy_from_slice(&block.as_ref()[..out.len()]);
    }

    /// The traffic secret after a KeyUpdate (RFC 8446 §7.2).
    pub(crate) fn updated(&self, hash: hmac::Algorithm) -> Self {
        let mut next = [0; Self::MOST];
        let len = hash.digest_algorithm().output_len().min(Self::MOST);
        self.expand(hash, "traffic upd", &mut next[..len]);
        Self::new(&next[..len])
    }

    /// The TLS 1.2 pseudorandom function over two randoms (RFC 5246 §5).
    pub(crate) fn prf(&self, hash: hmac::Algorithm, label: &str, randoms: [&[u8; 32]; 2], out: &mut [u8]) {
        let key = hmac::Key::new(hash, self.bytes());
        let seed = |context: &mut hmac::Context| {
            context.update(label.as_bytes());
            context.update(randoms[0]);
            context.update(randoms[1]);
        };
        let mut context = hmac::Context::with_key(&key);
        seed(&mut context);
        let mut a = context.sign();
        for block in out.chunks_mut(hash.digest_algorithm().output_len()) {
            let mut context = hmac::Context::with_key(&key);
            context.update(a.as_ref());
            seed(&mut context);
            block.copy_from_slice(&context.sign().as_ref()[..block.len()]);
            a = hmac::sign(&key, a.as_ref());
        }
    }
}
