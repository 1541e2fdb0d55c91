//! Certificates and keys from files.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{Issuer, KeyPair};
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use super::tls;

/// What is wrong with a file.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be read.
    #[error("{} cannot be read: {source}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is no PEM.
    #[error("{} is not PEM: {source}", path.display())]
    NotPem {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: pem::Error,
    },
    /// Nothing in it is a certificate.
    #[error("{} holds no certificate", .0.display())]
    NoCertificate(PathBuf),
    /// Nothing in it is a private key.
    #[error("{} holds no private key", .0.display())]
    NoKey(PathBuf),
    /// A certificate or key in it cannot be used.
    #[error("{} cannot be used: {}", path.display(), tls::plain(source))]
    Unusable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: rustls::Error,
    },
    /// A client's certificate cannot be used.
    #[error("the client certificate {} cannot be used: {}", path.display(), tls::plain(source))]
    BadClient {
        /// Its file.
        path: PathBuf,
        /// Why.
        source: rustls::Error,
    },
    /// The certificate was made for another key.
    #[error("the certificate {} and the key {} do not belong together", cert.display(), key.display())]
    Mismatch {
        /// The certificate's file.
        cert: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// Certificates cannot be issued with it.
    #[error("{} cannot issue certificates: {source}", path.display())]
    NoIssuer {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: rcgen::Error,
    },
}

/// The certificates in a file, at least one.
pub(crate) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, FileError> {
    let found = CertificateDer::pem_slice_iter(&read(path)?).collect::<Result<Vec<_>, _>>();
    let found = found.map_err(|source| FileError::NotPem { path: path.to_owned(), source })?;
    if found.is_empty() { Err(FileError::NoCertificate(path.to_owned())) } else { Ok(found) }
}

/// The first private key in a file.
fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, FileError> {
    PrivateKeyDer::from_pem_slice(&read(path)?).map_err(|source| match source {
        pem::Error::NoItemsFound => FileError::NoKey(path.to_owned()),
        source => FileError::NotPem { path: path.to_owned(), source },
    })
}

/// A certificate with those it goes back to, and its key.
pub(crate) fn identity(cert: &Path, key: &Path) -> Result<Arc<CertifiedKey>, FileError> {
    let chain = certificates(cert)?;
    let signing = any_supported_type(&private_key(key)?)
        .map_err(|source| FileError::Unusable { path: key.to_owned(), source })?;
    let pair = CertifiedKey::new(chain, signing);
    match pair.keys_match() {
        Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => {
            Ok(Arc::new(pair))
        }
        Err(rustls::Error::InconsistentKeys(_)) => {
            Err(FileError::Mismatch { cert: cert.to_owned(), key: key.to_owned() })
        }
        Err(source) => Err(FileError::BadClient { path: cert.to_owned(), source }),
    }
}

/// What issues certificates, and its own certificate.
pub(crate) fn issuer(
    ca: &Path,
    key: &Path,
) -> Result<(Issuer<'static, KeyPair>, CertificateDer<'static>), FileError> {
    let no_issuer = |path: &Path| {
        let path = path.to_owned();
        move |source| FileError::NoIssuer { path, source }
    };
    // `certificates` gives one at least.
    let own = certificates(ca)?.swap_remove(0);
    let pair = KeyPair::try_from(&private_key(key)?).map_err(no_issuer(key))?;
    let issuer = Issuer::from_ca_cert_der(&own, pair).map_err(no_issuer(ca))?;
    Ok((issuer, own))
}

fn read(path: &Path) -> Result<Vec<u8>, FileError> {
    std::fs::read(path).map_err(|source| FileError::Unreadable { path: path.to_owned(), source })
}
