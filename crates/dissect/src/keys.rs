//! Where keys of TLS connections come from: a key log that may grow while it is read, and the capture's own.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
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
    /// become shorter, or that another of its name has replaced, is read from its beginning, and a line feed ends what
    /// was read of the one before.
    ///
    /// # Errors
    /// It is there and cannot be read.
    pub fn news(&mut self) -> io::Result<Vec<u8>> {
        let mut news = Vec::new();
        if self.file.is_some() {
            self.read_on(&mut news)?;
        }
        if self.is_replaced()? {
            self.file = match File::open(&self.path) {
                Ok(file) => Some(file),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(news),
                Err(error) => return Err(error),
            };
            self.begin_again(&mut news);
            self.read_on(&mut news)?;
        }
        Ok(news)
    }

    /// Whether a file of the name is there that is not the one being read.
    fn is_replaced(&self) -> io::Result<bool> {
        let Some(file) = &self.file else { return Ok(true) };
        let here = file.metadata()?;
        Ok(fs::metadata(&self.path).is_ok_and(|there| (there.dev(), there.ino()) != (here.dev(), here.ino())))
    }

    fn begin_again(&mut self, news: &mut Vec<u8>) {
        if self.read > 0 {
            news.push(b'\n');
        }
        self.read = 0;
    }

    fn read_on(&mut self, news: &mut Vec<u8>) -> io::Result<()> {
        let Some(file) = self.file.take() else { return Ok(()) };
        if file.metadata()?.len() < self.read {
            self.begin_again(news);
        }
        loop {
            let start = news.len();
            news.resize(start + PIECE_BYTES, 0);
            let len = file.read_at(&mut news[start..], self.read)?;
            news.truncate(start + len);
            self.read += len as u64;
            if len == 0 {
                self.file = Some(file);
                return Ok(());
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
        assert_eq!(log.news().unwrap(), b"\nnew\n");
    }

    #[test]
    fn a_key_log_that_another_replaces_is_read_to_its_end_and_the_other_from_its_beginning() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("keys");
        std::fs::write(&path, b"one\nha").unwrap();
        let mut log = KeyLogFile::new(&path);
        assert_eq!(log.news().unwrap(), b"one\nha");
        std::fs::rename(&path, directory.path().join("old")).unwrap();
        assert_eq!(log.news().unwrap(), b"");
        std::fs::write(&path, b"another, and longer\n").unwrap();
        assert_eq!(log.news().unwrap(), b"\nanother, and longer\n");
        assert_eq!(log.news().unwrap(), b"");
    }
}
