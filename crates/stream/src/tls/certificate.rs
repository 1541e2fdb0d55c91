//! The few facts of a certificate that say whose it is (RFC 5280 §4.1), found by walking its DER.

use super::reader::Reader;

const SEQUENCE: u8 = 0x30;
const OID: u8 = 0x06;
const OCTET_STRING: u8 = 0x04;
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
/// id-at-commonName, 2.5.4.3.
const COMMON_NAME: &[u8] = &[0x55, 4, 3];
/// id-ce-subjectAltName, 2.5.29.17.
const ALTERNATIVE_NAMES: &[u8] = &[0x55, 0x1d, 17];
const DNS_NAME: u8 = 0x82;
const IP_ADDRESS: u8 = 0x87;

/// The certificates one side showed, and whose the first is.
#[derive(Clone, Copy, Debug)]
pub struct Certificate<'a> {
    /// Certificates in the chain; 0 where a client has none to show.
    pub chain: usize,
    /// Bytes of all certificates.
    pub bytes: usize,
    /// The first certificate, DER.
    pub leaf: &'a [u8],
    /// Its subject's common name, as it stands there (mostly UTF-8).
    pub subject: Option<&'a [u8]>,
    /// Its issuer's common name.
    pub issuer: Option<&'a [u8]>,
    names: &'a [u8],
}

impl<'a> Certificate<'a> {
    /// The host names it is for (subjectAltName dNSName).
    pub fn dns_names(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.names(DNS_NAME)
    }

    /// The addresses it is for (subjectAltName iPAddress): 4 or 16 bytes each.
    pub fn ip_addresses(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.names(IP_ADDRESS)
    }

    fn names(&self, tag: u8) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let mut names = Reader(self.names);
        std::iter::from_fn(move || element(&mut names)).filter(move |name| name.0 == tag).map(|name| name.1.0)
    }

    /// Of the body of a Certificate message; nothing if it is malformed. Of a leaf whose DER is not as expected the
    /// names are missing.
    pub(crate) fn parse(body: &'a [u8], tls13: bool) -> Option<Self> {
        let mut r = Reader(body);
        if tls13 {
            r.part8()?;
        }
        let mut list = r.part24()?;
        let mut found = Self { chain: 0, bytes: 0, leaf: &[], subject: None, issuer: None, names: &[] };
        while !list.is_empty() {
            let der = list.part24()?.0;
            if tls13 {
                list.part16()?;
            }
            if found.chain == 0 {
                found.leaf = der;
            }
            found.chain += 1;
            found.bytes += der.len();
        }
        let _ = found.walk();
        Some(found)
    }

    fn walk(&mut self) -> Option<()> {
        let mut certificate = expect(&mut Reader(self.leaf), SEQUENCE)?;
        let mut r = expect(&mut certificate, SEQUENCE)?;
        if r.0.first() == Some(&VERSION) {
            element(&mut r)?;
        }
        let (_serial, _algorithm) = (element(&mut r)?, element(&mut r)?);
        self.issuer = common_name(expect(&mut r, SEQUENCE)?);
        let _validity = element(&mut r)?;
        self.subject = common_name(expect(&mut r, SEQUENCE)?);
        let mut extensions = loop {
            let (tag, content) = element(&mut r)?;
            if tag == EXTENSIONS {
                break content;
            }
        };
        let mut extensions = expect(&mut extensions, SEQUENCE)?;
        while !extensions.is_empty() {
            let mut extension = expect(&mut extensions, SEQUENCE)?;
            if expect(&mut extension, OID)?.0 == ALTERNATIVE_NAMES {
                // whether it is critical may stand between
                while let Some((tag, mut value)) = element(&mut extension) {
                    if tag == OCTET_STRING {
                        self.names = expect(&mut value, SEQUENCE)?.0;
                    }
                }
            }
        }
        Some(())
    }
}

/// The last common name of a Name, which is a sequence of sets of pairs of an identifier and a string.
fn common_name(mut name: Reader<'_>) -> Option<&[u8]> {
    let mut found = None;
    while let Some((_, mut set)) = element(&mut name) {
        while let Some((_, mut pair)) = element(&mut set) {
            if expect(&mut pair, OID)?.0 == COMMON_NAME {
                found = Some(element(&mut pair)?.1.0);
            }
        }
    }
    found
}

fn expect<'a>(r: &mut Reader<'a>, tag: u8) -> Option<Reader<'a>> {
    element(r).filter(|found| found.0 == tag).map(|found| found.1)
}

/// The next tag and content. Lengths of more than three bytes do not fit into a handshake message.
fn element<'a>(r: &mut Reader<'a>) -> Option<(u8, Reader<'a>)> {
    let tag = r.u8()?;
    let len = match r.u8()? {
        short @ ..=0x7f => usize::from(short),
        0x81 => usize::from(r.u8()?),
        0x82 => usize::from(r.u16()?),
        0x83 => r.u24()?,
        _ => return None,
    };
    Some((tag, Reader(r.take(len)?)))
}
