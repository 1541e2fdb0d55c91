//! Devices' certificates: read from files, or issued.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use rcgen::{CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, Issuer, KeyPair};
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use super::SecurityError;
use super::files;
use crate::scenario::{ClientCertificate, Moment, Plan, Template};
use crate::topics::device_random;

/// Tells the random values in paths from a device's other ones.
const PURPOSE: u64 = 5;

/// Who the devices are: nobody, one for all, or one for each by number.
pub(super) fn identities(plan: &Plan) -> Result<Vec<Arc<CertifiedKey>>, SecurityError> {
    match &plan.target.tls.client {
        None => Ok(Vec::new()),
        Some(ClientCertificate::Issued { ca, key }) => {
            let (issuer, own) = files::issuer(ca, key)?;
            for_each_device(plan, |_, client_id, _| issue(&issuer, &own, client_id))
        }
        Some(client @ ClientCertificate::Files { cert, key, folder }) => {
            let pair =
                |cert: String, key: String| Ok(files::identity(&folder.join(cert), &folder.join(key))?);
            if !client.differs() {
                return Ok(vec![pair(cert.constant().to_owned(), key.constant().to_owned())?]);
            }
            for_each_device(plan, |device, client_id, group| {
                let text = |template| file_of(plan, template, device, client_id, group);
                pair(text(cert), text(key))
            })
        }
    }
}

/// Files of devices that are not there, each once, by name; `template` is where each has its own.
pub(crate) fn absent(plan: &Plan, template: &Template, folder: &Path) -> Vec<PathBuf> {
    let looked = for_each_device(plan, |device, client_id, group| {
        let path = folder.join(file_of(plan, template, device, client_id, group));
        Ok((!path.exists()).then_some(path))
    });
    let mut absent: Vec<PathBuf> = looked.into_iter().flatten().flatten().collect();
    absent.sort();
    absent.dedup();
    absent
}

/// Where a device's file is.
fn file_of(plan: &Plan, template: &Template, device: u32, client_id: &str, group: usize) -> String {
    let random = device_random(plan.seed, device, PURPOSE);
    let of = &plan.groups[group];
    let i = device - of.first_device;
    template.to_text(&mut Moment { client_id, i, group: &of.name, seq: 0, now_ns: 0, random })
}

/// Does something for every device, on all cores; the results stand in the devices' order.
fn for_each_device<T: Send>(
    plan: &Plan,
    make: impl Fn(u32, &str, usize) -> Result<T, SecurityError> + Sync,
) -> Result<Vec<T>, SecurityError> {
    let devices: Vec<u32> = (0..plan.devices()).collect();
    let cores = thread::available_parallelism().map_or(1, |cores| cores.get());
    let share = devices.len().div_ceil(cores).max(1);
    let make_all = |devices: &[u32]| {
        let one = |device: &u32| {
            let group = plan.group_of(*device);
            let of = &plan.groups[group];
            make(*device, &of.client_id_of(plan.seed, device - of.first_device), group)
        };
        devices.iter().map(one).collect::<Result<Vec<T>, _>>()
    };
    let made = thread::scope(|scope| {
        let workers: Vec<_> =
            devices.chunks(share).map(|share| scope.spawn(move || make_all(share))).collect();
        let join = |worker: thread::ScopedJoinHandle<'_, _>| {
            worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        workers.into_iter().map(join).collect::<Result<Vec<Vec<T>>, _>>()
    })?;
    Ok(made.into_iter().flatten().collect())
}

fn issue(
    issuer: &Issuer<'_, KeyPair>,
    own: &CertificateDer<'static>,
    client_id: &str,
) -> Result<Arc<CertifiedKey>, SecurityError> {
    let not_issued = |source| SecurityError::NotIssued { client_id: client_id.to_owned(), source };
    let key = KeyPair::generate().map_err(not_issued)?;
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, client_id);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params.use_authority_key_identifier_extension = true;
    let certificate = params.signed_by(&key, issuer).map_err(not_issued)?;
    let chain = vec![certificate.der().clone(), own.clone()];
    let key =
        PrivateKeyDer::try_from(key.serialize_der()).map_err(|why| rustls::Error::General(why.to_owned()))?;
    Ok(Arc::new(CertifiedKey::new(chain, any_supported_type(&key)?)))
}
