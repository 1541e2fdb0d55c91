//! The log of TLS secrets.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use rustls::KeyLog;

use super::SecurityError;

/// Secrets as lines of an NSS key log, which Wireshark and `mqscope dump --keylog` read. Lines are written whole
/// and at once, so that whoever decrypts meanwhile has them in time.
#[derive(Debug)]
pub(super) struct KeyFile(Mutex<File>);

impl KeyFile {
    pub(super) fn open(path: &Path) -> Result<Self, SecurityError> {
        let mut options = OpenOptions::new();
        options.create(true).append(true);
        // Whoever reads it reads the traffic.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path);
        let file = file.map_err(|source| SecurityError::KeyLog { path: path.to_owned(), source })?;
        Ok(Self(Mutex::new(file)))
    }
}

impl KeyLog for KeyFile {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let line = format!("{label} {} {}\n", hex(client_random), hex(secret));
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A full disk is no reason to end a run; the log is then shorter than the traffic.
        let _ = file.write_all(line.as_bytes());
    }
}
