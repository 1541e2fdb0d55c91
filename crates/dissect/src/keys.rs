//! Where keys of TLS connections come from: a key log that may grow while it is read, and the capture's own.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Bytes of a key log that are read at once.
const PIECE_BYTES: usize = 64 * 1024;

/// A key log that applications write (`SSLKEYLOGFILE`), read as it grows.
#[derive(Debug)]
pub struct KeyLogFile {
    path: PathBuf,
    /// There once the file is: whoever writes it may start later.
    file: Option<File>,
    read: u64,
}

impl KeyLogFile {
    /// The file of that name, which need not be there yet.
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), file: None, read: 0 }
    }

    /// Its name.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What was written to it since the last call; empty if nothing was, or if it is not there yet. A file that has
    /// become shorter is read from its beginning.
    ///
    /// # Errors
    /// It is there and cannot be read.
    pub fn news(&mut self) -> io::Result<Vec<u8>> {
        let file = match &mut self.file {
            Some(file) => file,
            none => match File::open(&self.path) {
                Ok(file) => none.insert(file),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
                Err(error) => return Err(error),
            },
        };
        if file.metadata()?.len() < self.read {
            self.read = 0;
        }
        let mut news = Vec::new();
        loop {
            let start = news.len();
            news.resize(start + PIECE_BYTES, 0);
            let len = file.read_at(&mut news[start..], self.read)?;
            news.truncate(start + len);
            self.read += len as u64;
            if len == 0 {
                return Ok(news);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn a_key_log_is_followed_from_before_it_is_there() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("keys");
        let mut log = KeyLogFile::new(&path);
        assert_eq!(log.news().unwrap(), b"");
        let mut file = File::create(&path).unwrap();
        file.write_all(b"one\ntw").unwrap();
        assert_eq!(log.news().unwrap(), b"one\ntw");
        assert_eq!(log.news().unwrap(), b"");
        file.write_all(b"o\n").unwrap();
        assert_eq!(log.news().unwrap(), b"o\n");
        file.set_len(0).unwrap();
        std::fs::write(&path, b"new\n").unwrap();
        assert_eq!(log.news().unwrap(), b"new\n");
    }
}
