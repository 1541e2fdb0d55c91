//! `target.tls`: whom to trust, and who to be.

use std::path::{Path, PathBuf};

use rustls::pki_types::ServerName;

use super::problem::Problem;
use super::section::{Reader, Section};
use super::template::{Scope, Template};
use super::yaml::Node;
use super::{Plan, entry};
use crate::transport::{files, identity};

/// More files that are not there are told as a number.
const MOST_ABSENT: usize = 100;

/// How TLS is spoken with brokers at `mqtts://` and `wss://`.
#[derive(Clone, Debug, Default)]
pub struct Tls {
    /// Certificates (PEM) that a broker's certificate must go back to; the system's where there is none.
    pub ca: Option<PathBuf>,
    /// The name a broker's certificate must have, and that is asked for; the URL's host where there is none.
    pub server_name: Option<String>,
    /// Whether any certificate will do.
    pub insecure: bool,
    /// Whether sessions are resumed; otherwise every handshake is a full one.
    pub resumption: bool,
    /// Where the secrets are appended, as NSS key log lines.
    pub keylog: Option<PathBuf>,
    /// What devices show of themselves.
    pub client: Option<ClientCertificate>,
}

/// Where devices' certificates come from.
#[derive(Clone, Debug)]
pub enum ClientCertificate {
    /// Files (PEM): the same ones for all, or, where the paths differ from device to device, one pair each.
    Files {
        /// Path of the certificate and those it goes back to.
        cert: Template,
        /// Path of its private key.
        key: Template,
        /// Where relative paths begin.
        folder: PathBuf,
    },
    /// Made at the start of a run, one for each device, with the client id as its common name.
    Issued {
        /// The issuer's certificate (PEM).
        ca: PathBuf,
        /// The issuer's private key (PEM).
        key: PathBuf,
    },
}

impl ClientCertificate {
    /// Whether each device has one of its own.
    pub fn differs(&self) -> bool {
        match self {
            Self::Files { cert, key, .. } => cert.scope().max(key.scope()) > Scope::Plan,
            Self::Issued { .. } => true,
        }
    }
}

impl Tls {
    pub(crate) fn read(node: &Node, reader: &Reader<'_>, folder: &Path) -> Option<Self> {
        let section = Section::open(node, reader, "how to speak TLS")?;
        let path = |key| section.read::<String>(key).map(|path| folder.join(path));
        let tls = Self {
            ca: path("ca"),
            server_name: section.read("server_name"),
            insecure: section.read("insecure").unwrap_or(false),
            resumption: section.read("resumption").unwrap_or(false),
            keylog: path("keylog"),
            client: section.node("client").and_then(|node| client(node, reader, folder)),
        };
        if let (Some(path), Some(node)) = (&tls.ca, section.node("ca")) {
            if tls.insecure {
                let problem = Problem::new("`ca` does nothing where any certificate will do");
                reader.report_at(&node.span, problem.help("drop `ca` or `insecure: true`"));
            }
            check(node, reader, files::certificates(path).map(drop));
        }
        if let (Some(name), Some(node)) = (&tls.server_name, section.node("server_name"))
            && ServerName::try_from(name.as_str()).is_err()
        {
            let problem = Problem::new(format!("`{name}` is neither a host name nor an address"));
            reader.report_at(&node.span, problem);
        }
        section.finish(&[]);
        Some(tls)
    }
}

fn client(node: &Node, reader: &Reader<'_>, folder: &Path) -> Option<ClientCertificate> {
    let section = Section::open(node, reader, "where devices' certificates come from")?;
    if let Some(issuer) = section.node("issue_from") {
        for key in ["cert", "key"] {
            if let Some(node) = section.node(key) {
                let problem = Problem::new(format!("`{key}` does nothing beside `issue_from`"));
                reader.report_at(&node.span, problem);
            }
        }
        section.finish(&[]);
        let section = Section::open(issuer, reader, "a certificate authority")?;
        let path = |key| section.required::<String>(key).map(|path| folder.join(path));
        let (ca, key) = (path("ca"), path("key"));
        section.finish(&[]);
        let (ca, key) = (ca?, key?);
        check(issuer, reader, files::issuer(&ca, &key).map(drop));
        return Some(ClientCertificate::Issued { ca, key });
    }
    let file = |key| match section.node(key) {
        Some(node) => reader.template(node, "a file", Scope::Device),
        None => {
            let problem = Problem::new(format!("`{key}` is missing"));
            let help = "give `cert` and `key`, or `issue_from: {ca: ca.pem, key: ca.key}`";
            reader.report_at(&section.head(), problem.help(help));
            None
        }
    };
    let (cert, key) = (file("cert"), file("key"));
    section.finish(&[]);
    let client = ClientCertificate::Files { cert: cert?, key: key?, folder: folder.to_owned() };
    if let ClientCertificate::Files { cert, key, folder } = &client
        && !client.differs()
    {
        let pair = files::identity(&folder.join(cert.constant()), &folder.join(key.constant()));
        check(node, reader, pair.map(drop));
    }
    Some(client)
}

/// Reports devices' own certificates and keys that are not there.
pub(super) fn absent_files(root: &Node, reader: &Reader<'_>, plan: &Plan) {
    let Some(client @ ClientCertificate::Files { cert, key, folder }) = &plan.target.tls.client else {
        return;
    };
    if !client.differs() || !plan.target.speaks_tls() {
        return;
    }
    let place = ["target", "tls", "client"].into_iter().try_fold(root, entry);
    for (name, template) in [("cert", cert), ("key", key)] {
        let absent = identity::absent(plan, template, folder);
        if absent.is_empty() {
            continue;
        }
        let count = absent.len();
        let mut list: Vec<String> =
            absent.iter().take(MOST_ABSENT).map(|path| path.display().to_string()).collect();
        if count > MOST_ABSENT {
            list.push(format!("and {} more", count - MOST_ABSENT));
        }
        let files = if count == 1 { "file is" } else { "files are" };
        let problem = Problem::new(format!("{count} {files} not there: {}", list.join(", ")));
        let place = place.and_then(|client| entry(client, name)).unwrap_or(root);
        reader.report_at(&place.span, problem.help("each device needs its own, or `issue_from` makes them"));
    }
}

/// Reports what is wrong with a file.
fn check(node: &Node, reader: &Reader<'_>, found: Result<(), files::FileError>) {
    if let Err(error) = found {
        reader.report_at(&node.span, Problem::new(error.to_string()));
    }
}
