//! Records: five bytes of header and a body.
//!
//! ```text
//! | type (1) | version (2) | length (2) | body (length) |
//! ```

pub(crate) const CHANGE_CIPHER_SPEC: u8 = 20;
pub(crate) const ALERT: u8 = 21;
pub(crate) const HANDSHAKE: u8 = 22;
pub(crate) const APPLICATION_DATA: u8 = 23;

/// Content of a record, at most (RFC 8446 §5.1).
const CONTENT: u16 = 1 << 14;
/// How much longer protection may make it: TLS 1.3 (RFC 8446 §5.2) and before (RFC 5246 §6.2.3).
const MORE_TLS13: u16 = 256;
const MORE_TLS12: u16 = 2048;

/// A record's header.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header {
    pub(crate) kind: u8,
    pub(crate) version: u16,
    pub(crate) len: u16,
}

/// Why a direction is not TLS, or is no more: nothing after it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A record's type is none of change_cipher_spec (20), alert (21), handshake (22) and application_data (23).
    #[error("no TLS record: type {0}")]
    Type(u8),
    /// A record's version is not 0x0300 to 0x0304.
    #[error("no TLS record: version {0:#06x}")]
    Version(u16),
    /// A record is longer than the protocol allows.
    #[error("TLS record too long: {len} bytes of at most {most}")]
    Length {
        /// What its header says.
        len: u16,
        /// 2^14 + 256 in TLS 1.3, otherwise 2^14 + 2048.
        most: u16,
    },
    /// A ClientHello or ServerHello could not be read.
    #[error("malformed TLS hello")]
    Hello,
}

impl Header {
    pub(crate) const LEN: usize = 5;

    /// # Errors
    ///
    /// A type or a version there is not, or a length that nothing allows.
    #[inline]
    pub(crate) fn parse(bytes: &[u8; Self::LEN], tls13: bool) -> Result<Self, Fault> {
        let [kind, major, minor, high, low] = *bytes;
        let (version, len) = (u16::from_be_bytes([major, minor]), u16::from_be_bytes([high, low]));
        if !(CHANGE_CIPHER_SPEC..=APPLICATION_DATA).contains(&kind) {
            return Err(Fault::Type(kind));
        }
        if !(0x0300..=0x0304).contains(&version) {
            return Err(Fault::Version(version));
        }
        let most = CONTENT + if tls13 { MORE_TLS13 } else { MORE_TLS12 };
        if len > most {
            return Err(Fault::Length { len, most });
        }
        Ok(Self { kind, version, len })
    }

    /// Of a record in a stream whose beginning is not known: stricter, as chance is to be kept out.
    pub(crate) fn plausible(bytes: &[u8; Self::LEN]) -> Option<Self> {
        Self::parse(bytes, false).ok().filter(|header| header.version == 0x0303 && header.len > 0)
    }

    pub(crate) fn bytes(&self) -> [u8; Self::LEN] {
        let ([major, minor], [high, low]) = (self.version.to_be_bytes(), self.len.to_be_bytes());
        [self.kind, major, minor, high, low]
    }

    /// Bytes of the whole record.
    pub(crate) fn record_len(&self) -> usize {
        Self::LEN + usize::from(self.len)
    }
}

/// Whether bytes are the beginning of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Likeness {
    /// They are.
    Yes,
    /// They may be: more have to come.
    NotYet,
    /// They are not.
    No,
}

/// Whether a stream that begins with `bytes` begins with a TLS ClientHello: six bytes tell.
#[must_use]
pub fn starts_like_tls(bytes: &[u8]) -> Likeness {
    let fits = |at: usize, test: fn(u8) -> bool| bytes.get(at).is_none_or(|&byte| test(byte));
    // handshake, versions 3.0 to 3.4, at most 2^14 bytes and at least a message's header, client_hello
    let fits_all = fits(0, |kind| kind == HANDSHAKE)
        && fits(1, |major| major == 3)
        && fits(2, |minor| minor <= 4)
        && fits(3, |high| high <= 0x40)
        && fits(5, |message| message == 1)
        && bytes.get(3..5).is_none_or(|len| len >= &[0, 4]);
    match (fits_all, bytes.len()) {
        (false, _) => Likeness::No,
        (true, ..=5) => Likeness::NotYet,
        (true, _) => Likeness::Yes,
    }
}

/// Whether `bytes`, from the midst of a stream, look like TLS records that begin with the first byte: two headers in a
/// chain, or one record that ends with the last byte.
#[must_use]
pub fn looks_like_records(bytes: &[u8]) -> Likeness {
    let mut rest = bytes;
    for first in [true, false] {
        let Some(head) = rest.first_chunk() else {
            let so_far = rest.is_empty() || (CHANGE_CIPHER_SPEC..=APPLICATION_DATA).contains(&rest[0]);
            return match (so_far, first) {
                (false, _) => Likeness::No,
                (true, false) if rest.is_empty() => Likeness::Yes,
                (true, _) => Likeness::NotYet,
            };
        };
        let Some(header) = Header::plausible(head) else { return Likeness::No };
        match rest.get(header.record_len()..) {
            Some(after) => rest = after,
            None if first => return Likeness::NotYet,
            None => break,
        }
    }
    Likeness::Yes
}
