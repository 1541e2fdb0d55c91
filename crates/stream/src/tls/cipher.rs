//! Opens protected records (RFC 8446 §5.2, RFC 5246 §6.2.3, RFC 7366).

use std::ops::Range;

use aes::cipher::{BlockCipherDecrypt, BlockSizeUser, KeyInit, consts::U16};
use aes::{Aes128, Aes256};
use ccm::Ccm;
use ccm::aead::AeadInOut;
use ccm::consts::{U8, U12};
use ring::aead::{Aad, LessSafeKey, Nonce, UnboundKey};
use ring::hmac;

use super::record::Header;
use super::secrets::Secret;
use super::suite::{Protection, Suite};

const AES_BLOCK: usize = 16;
/// The part of the nonce that stands in each TLS 1.2 record of GCM (RFC 5288 §3) and CCM (RFC 6655 §3).
const EXPLICIT_NONCE: usize = 8;

/// One direction's keys of one epoch.
pub(crate) enum Cipher {
    /// TLS 1.3: the nonce is `iv` with the sequence number mixed in, the content type is inside.
    Tls13 { aead: Aead, iv: [u8; 12] },
    /// TLS 1.2 with ChaCha20-Poly1305 (RFC 7905): the nonce as in TLS 1.3.
    Tls12Mixed { aead: Aead, iv: [u8; 12] },
    /// TLS 1.2 with GCM or CCM: the nonce is `salt` and what the record says.
    Tls12Explicit { aead: Aead, salt: [u8; 4] },
    /// TLS 1.2 with CBC.
    Tls12Cbc { aes: Aes, mac: hmac::Key, order: MacOrder },
}

/// Whether the MAC is inside of the encryption or outside (the extension encrypt_then_mac).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum MacOrder {
    MacThenEncrypt,
    EncryptThenMac,
}

pub(crate) enum Aead {
    Ring(LessSafeKey),
    Ccm128(Ccm<Aes128, U16, U12>),
    Ccm128Tag8(Ccm<Aes128, U8, U12>),
    Ccm256(Ccm<Aes256, U16, U12>),
    Ccm256Tag8(Ccm<Aes256, U8, U12>),
}

pub(crate) enum Aes {
    Aes128(Aes128),
    Aes256(Aes256),
}

impl Cipher {
    /// From a traffic secret (RFC 8446 §7.3). Nothing for a suite that is not of TLS 1.3.
    pub(crate) fn tls13(suite: &Suite, secret: &Secret) -> Option<Self> {
        let mut key = [0; 32];
        let key = key.get_mut(..key_len(suite.protection))?;
        secret.expand(suite.hash, "key", key);
        let mut iv = [0; 12];
        secret.expand(suite.hash, "iv", &mut iv);
        Some(Self::Tls13 { aead: Aead::new(suite.protection, key)?, iv })
    }

    /// From the master secret (RFC 5246 §6.3): `side` is 0 for what the client writes and 1 for the server;
    /// `randoms` are the client's and the server's.
    pub(crate) fn tls12(
        suite: &Suite,
        master: &Secret,
        side: usize,
        randoms: [&[u8; 32]; 2],
        order: MacOrder,
    ) -> Option<Self> {
        let (mac_len, iv_len) = match suite.protection {
            Protection::Ring(algorithm) if *algorithm == ring::aead::CHACHA20_POLY1305 => (0, 12),
            Protection::Ring(_) | Protection::Ccm { .. } => (0, 4),
            Protection::Cbc { mac, .. } => (mac.digest_algorithm().output_len(), 0),
        };
        let key_len = key_len(suite.protection);
        let mut block = [0; 2 * (48 + 32 + 12)];
        let block = block.get_mut(..2 * (mac_len + key_len + iv_len))?;
        master.prf(suite.hash, "key expansion", [randoms[1], randoms[0]], block);
        let (macs, rest) = block.split_at(2 * mac_len);
        let (keys, ivs) = rest.split_at(2 * key_len);
        let part = |of: &'_ [u8], len: usize| Some(of.get(side * len..(side + 1) * len)?.to_owned());
        let (mac, key, iv) = (part(macs, mac_len)?, part(keys, key_len)?, part(ivs, iv_len)?);
        Some(match suite.protection {
            Protection::Cbc { mac: algorithm, .. } => {
                Self::Tls12Cbc { aes: Aes::new(&key)?, mac: hmac::Key::new(algorithm, &mac), order }
            }
            protection => {
                let aead = Aead::new(protection, &key)?;
                match iv.try_into() {
                    Ok(iv) => Self::Tls12Mixed { aead, iv },
                    Err(salt) => Self::Tls12Explicit { aead, salt: salt.try_into().ok()? },
                }
            }
        })
    }

    /// Opens a record into `plain`, of which the range is the content; the other value is its type. Nothing if it is
    /// not authentic under this key and sequence number.
    pub(crate) fn open(
        &self,
        header: &Header,
        sequence: u64,
        body: &[u8],
        plain: &mut Vec<u8>,
    ) -> Option<(u8, Range<usize>)> {
        plain.clear();
        match self {
            Self::Tls13 { aead, iv } => {
                plain.extend_from_slice(body);
                let len = aead.open(mixed(iv, sequence), &header.bytes(), plain)?;
                // zeros behind the content type are padding
                let end = plain[..len].iter().rposition(|&byte| byte != 0)?;
                Some((plain[end], 0..end))
            }
            Self::Tls12Mixed { aead, iv } => {
                plain.extend_from_slice(body);
                let aad = additional(header, sequence, body.len().checked_sub(aead.tag_len())?);
                Some((header.kind, 0..aead.open(mixed(iv, sequence), &aad, plain)?))
            }
            Self::Tls12Explicit { aead, salt } => {
                let (explicit, sealed) = body.split_first_chunk::<EXPLICIT_NONCE>()?;
                plain.extend_from_slice(sealed);
                let aad = additional(header, sequence, sealed.len().checked_sub(aead.tag_len())?);
                let mut nonce = [0; 12];
                nonce[..4].copy_from_slice(salt);
                nonce[4..].copy_from_slice(explicit);
                Some((header.kind, 0..aead.open(nonce, &aad, plain)?))
            }
            Self::Tls12Cbc { aes, mac, order } => {
                let range = match order {
                    MacOrder::MacThenEncrypt => {
                        let content = cbc(aes, body, plain)?;
                        let (content, tag) =
                            content.split_at_checked(content.len().checked_sub(tag_len(mac))?)?;
                        authentic(mac, &additional(header, sequence, content.len()), content, tag)?;
                        0..content.len()
                    }
                    MacOrder::EncryptThenMac => {
                        let (sealed, tag) = body.split_at_checked(body.len().checked_sub(tag_len(mac))?)?;
                        authentic(mac, &additional(header, sequence, sealed.len()), sealed, tag)?;
                        0..cbc(aes, sealed, plain)?.len()
                    }
                };
                Some((header.kind, range))
            }
        }
    }
}

impl Aead {
    fn new(protection: Protection, key: &[u8]) -> Option<Self> {
        Some(match protection {
            Protection::Ring(algorithm) => {
                Self::Ring(LessSafeKey::new(UnboundKey::new(algorithm, key).ok()?))
            }
            Protection::Ccm { key: 16, tag: 16 } => Self::Ccm128(Ccm::new_from_slice(key).ok()?),
            Protection::Ccm { key: 16, .. } => Self::Ccm128Tag8(Ccm::new_from_slice(key).ok()?),
            Protection::Ccm { tag: 16, .. } => Self::Ccm256(Ccm::new_from_slice(key).ok()?),
            Protection::Ccm { .. } => Self::Ccm256Tag8(Ccm::new_from_slice(key).ok()?),
            Protection::Cbc { .. } => return None,
        })
    }

    fn tag_len(&self) -> usize {
        match self {
            Self::Ring(_) | Self::Ccm128(_) | Self::Ccm256(_) => 16,
            Self::Ccm128Tag8(_) | Self::Ccm256Tag8(_) => 8,
        }
    }

    /// Opens in place and says how long the plaintext is, which stands at the start.
    fn open(&self, nonce: [u8; 12], aad: &[u8], sealed: &mut [u8]) -> Option<usize> {
        if let Self::Ring(key) = self {
            let nonce = Nonce::assume_unique_for_key(nonce);
            return key.open_in_place(nonce, Aad::from(aad), sealed).ok().map(|plain| plain.len());
        }
        let len = sealed.len().checked_sub(self.tag_len())?;
        let (text, tag) = sealed.split_at_mut(len);
        let nonce = (&nonce).into();
        match self {
            Self::Ring(_) => return None,
            Self::Ccm128(ccm) => {
                ccm.decrypt_inout_detached(nonce, aad, text.into(), (&*tag).try_into().ok()?)
            }
            Self::Ccm128Tag8(ccm) => {
                ccm.decrypt_inout_detached(nonce, aad, text.into(), (&*tag).try_into().ok()?)
            }
            Self::Ccm256(ccm) => {
                ccm.decrypt_inout_detached(nonce, aad, text.into(), (&*tag).try_into().ok()?)
            }
            Self::Ccm256Tag8(ccm) => {
                ccm.decrypt_inout_detached(nonce, aad, text.into(), (&*tag).try_into().ok()?)
            }
        }
        .ok()?;
        Some(len)
    }
}

impl Aes {
    fn new(key: &[u8]) -> Option<Self> {
        Aes128::new_from_slice(key)
            .map(Self::Aes128)
            .or_else(|_| Aes256::new_from_slice(key).map(Self::Aes256))
            .ok()
    }
}

/// Decrypts `iv || blocks`, and takes the padding off.
fn cbc<'a>(aes: &Aes, sealed: &[u8], plain: &'a mut Vec<u8>) -> Option<&'a [u8]> {
    let blocks = sealed.get(AES_BLOCK..)?;
    if blocks.is_empty() || !blocks.len().is_multiple_of(AES_BLOCK) {
        return None;
    }
    plain.extend_from_slice(blocks);
    match aes {
        Aes::Aes128(aes) => decrypt(aes, plain),
        Aes::Aes256(aes) => decrypt(aes, plain),
    }
    for (byte, before) in plain.iter_mut().zip(sealed) {
        *byte ^= before;
    }
    let padding = *plain.last()?;
    let end = plain.len().checked_sub(usize::from(padding) + 1)?;
    let (content, rest) = plain.split_at(end);
    rest.iter().all(|&byte| byte == padding).then_some(content)
}

fn decrypt<C: BlockCipherDecrypt + BlockSizeUser<BlockSize = U16>>(aes: &C, blocks: &mut [u8]) {
    aes.decrypt_blocks(aes::Block::slice_as_chunks_mut(blocks).0);
}

fn tag_len(mac: &hmac::Key) -> usize {
    mac.algorithm().digest_algorithm().output_len()
}

fn authentic(mac: &hmac::Key, additional: &[u8], text: &[u8], tag: &[u8]) -> Option<()> {
    let mut context = hmac::Context::with_key(mac);
    context.update(additional);
    context.update(text);
    (context.sign().as_ref() == tag).then_some(())
}

fn mixed(iv: &[u8; 12], sequence: u64) -> [u8; 12] {
    let mut nonce = *iv;
    for (byte, of) in nonce[4..].iter_mut().zip(sequence.to_be_bytes()) {
        *byte ^= of;
    }
    nonce
}

/// What TLS 1.2 authenticates beside the text: sequence number, type, version, length (RFC 5246 §6.2.3.3).
fn additional(header: &Header, sequence: u64, len: usize) -> [u8; 13] {
    let mut out = [0; 13];
    out[..8].copy_from_slice(&sequence.to_be_bytes());
    out[8] = header.kind;
    out[9..11].copy_from_slice(&header.version.to_be_bytes());
    out[11..].copy_from_slice(&(len as u16).to_be_bytes());
    out
}

fn key_len(protection: Protection) -> usize {
    match protection {
        Protection::Ring(algorithm) => algorithm.key_len(),
        Protection::Ccm { key, .. } | Protection::Cbc { key, .. } => key,
    }
}
