//! What TLS connections are made with: trust, identities, secrets' log. All of it is read, and issued, before a run
//! begins.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ClientConfig, ClientConnection, Resumption};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{DigitallySignedStruct, RootCertStore, SignatureScheme};

use super::Tls;
use super::files::{self, FileError};
use super::identity::identities;
use super::keylog::KeyFile;
use super::sessions::Sessions;
use crate::scenario::{Broker, ClientCertificate, Group, Plan};

/// Why TLS cannot be spoken as the plan wants it.
#[derive(Debug, thiserror::Error)]
pub enum SecurityError {
    /// A file is not what it should be.
    #[error(transparent)]
    File(#[from] FileError),
    /// No certificate can be verified.
    #[error(
        "this system trusts no certificate authority: name the broker's in target.tls.ca, or set insecure: true"
    )]
    NoRoots,
    /// A broker has no name that a certificate could have.
    #[error(
        "{url} names neither a host nor an address that a certificate could be for: set target.tls.server_name"
    )]
    NoName {
        /// The broker.
        url: String,
    },
    /// The secrets cannot be written down.
    #[error("target.tls.keylog: {} cannot be written: {source}", path.display())]
    KeyLog {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A certificate could not be issued.
    #[error("the certificate of {client_id} cannot be issued: {source}")]
    NotIssued {
        /// For whom.
        client_id: String,
        /// Why.
        source: rcgen::Error,
    },
    /// rustls refuses the whole.
    #[error("TLS: {0}")]
    Rustls(#[from] rustls::Error),
}

/// What all connections of a run are made with.
#[derive(Debug)]
pub(crate) struct Security {
    configs: Configs,
    /// What devices may resume, by number; `None` for one that never comes back. Empty where nothing is resumed.
    sessions: Vec<Option<OnceLock<Arc<Sessions>>>>,
    /// What certificates must be for, by broker; `None` for one without TLS.
    names: Vec<Option<ServerName<'static>>>,
}

#[derive(Debug)]
enum Configs {
    /// One for all devices.
    All(Arc<ClientConfig>),
    /// One for each, by number: identities differ.
    Each(Vec<Arc<ClientConfig>>),
}

/// What was read, for whoever wants to know beforehand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Certificates {
    /// Authorities that brokers' certificates may go back to.
    pub authorities: usize,
    /// Certificates of devices: none, one for all, or one for each.
    pub devices: usize,
}

impl Security {
    /// Reads files and issues certificates; `None` where the plan has nobody to speak TLS with.
    pub(crate) fn of(plan: &Plan) -> Result<Option<Self>, SecurityError> {
        if !plan.target.speaks_tls() {
            return Ok(None);
        }
        let names = names(plan)?;
        let base = base(plan, roots(plan)?)?;
        let identities = identities(plan)?;
        let configs = match &plan.target.tls.client {
            Some(client) if client.differs() => {
                let config = |identity| with(&base, Some(identity));
                Configs::Each(identities.into_iter().map(config).collect())
            }
            _ => Configs::All(with(&base, identities.into_iter().next())),
        };
        Ok(Some(Self { configs, sessions: sessions(plan), names }))
    }

    /// A connection of a device to a broker, or nothing if that one has no TLS.
    pub(crate) fn connection(&self, device: u32, broker: usize) -> Result<Option<Tls>, rustls::Error> {
        let Some(name) = &self.names[broker] else { return Ok(None) };
        let config = match &self.configs {
            Configs::All(config) => config,
            Configs::Each(configs) => &configs[device as usize],
        };
        let config = match self.sessions.get(device as usize) {
            Some(Some(own)) => {
                let mut config = ClientConfig::clone(config);
                config.resumption = Resumption::store(own.get_or_init(Arc::default).clone());
                Arc::new(config)
            }
            _ => config.clone(),
        };
        Ok(Some(Tls::new(ClientConnection::new(config, name.clone())?)))
    }
}

impl Certificates {
    /// Reads all that a plan's TLS needs, without issuing anything; `None` where it speaks none.
    ///
    /// # Errors
    /// What a run would end with before it begins.
    pub fn check(plan: &Plan) -> Result<Option<Self>, SecurityError> {
        if !plan.target.speaks_tls() {
            return Ok(None);
        }
        names(plan)?;
        let authorities = roots(plan)?.map_or(0, |roots| roots.len());
        let devices = match &plan.target.tls.client {
            // The plan would not stand if the authority could issue none.
            Some(ClientCertificate::Issued { .. }) => plan.devices() as usize,
            _ => identities(plan)?.len(),
        };
        Ok(Some(Self { authorities, devices }))
    }
}

fn names(plan: &Plan) -> Result<Vec<Option<ServerName<'static>>>, SecurityError> {
    let name = |broker: &Broker| {
        if !broker.scheme.is_tls() {
            return Ok(None);
        }
        let name = plan.target.tls.server_name.as_ref().unwrap_or(&broker.host);
        let name = ServerName::try_from(name.clone());
        name.map(Some).map_err(|_| SecurityError::NoName { url: broker.url.clone() })
    };
    plan.target.brokers.iter().map(name).collect()
}

/// Whom to trust; `None` for everyone.
fn roots(plan: &Plan) -> Result<Option<RootCertStore>, SecurityError> {
    let tls = &plan.target.tls;
    if tls.insecure {
        return Ok(None);
    }
    let mut roots = RootCertStore::empty();
    match &tls.ca {
        Some(path) => {
            for certificate in files::certificates(path)? {
                let added = roots.add(certificate);
                added.map_err(|source| FileError::Unusable { path: path.clone(), source })?;
            }
        }
        None => {
            // Systems keep some that nothing can read.
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    if roots.is_empty() { Err(SecurityError::NoRoots) } else { Ok(Some(roots)) }
}

/// All but identity and sessions.
fn base(plan: &Plan, roots: Option<RootCertStore>) -> Result<ClientConfig, SecurityError> {
    let provider = Arc::new(ring::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions()?;
    let builder = match roots {
        Some(roots) => builder.with_root_certificates(roots),
        None => builder.dangerous().with_custom_certificate_verifier(Arc::new(Anyone(provider))),
    };
    let mut config = builder.with_no_client_auth();
    if let Some(path) = &plan.target.tls.keylog {
        config.key_log = Arc::new(KeyFile::open(path)?);
    }
    Ok(config)
}

fn with(base: &ClientConfig, identity: Option<Arc<CertifiedKey>>) -> Arc<ClientConfig> {
    let mut config = base.clone();
    config.resumption = Resumption::disabled();
    if let Some(identity) = identity {
        config.client_auth_cert_resolver = Arc::new(SingleCertAndKey::from(identity));
    }
    Arc::new(config)
}

/// A place for each device's sessions; none for those that never come back.
fn sessions(plan: &Plan) -> Vec<Option<OnceLock<Arc<Sessions>>>> {
    if !plan.target.tls.resumption {
        return Vec::new();
    }
    let comes_back = |group: usize| {
        let connects = plan.phases.iter().filter(|phase| phase.acts[group].connect.is_some());
        plan.groups[group].reconnect.is_some() || connects.count() > 1
    };
    let of = |(index, group): (usize, &Group)| {
        let comes_back = comes_back(index);
        (0..group.count).map(move |_| comes_back.then(OnceLock::new))
    };
    plan.groups.iter().enumerate().flat_map(of).collect()
}

/// Takes any certificate, as long as whoever shows it has its key.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
