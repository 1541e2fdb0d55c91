//! The report folder.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use super::{csv, hgrm, hlog, json, text};
use crate::{Latency, ReportError, Series, Summary};

/// A folder that reports are written into.
///
/// Each file is written beside its name and then moved there, so that whoever watches sees a whole file or none.
#[derive(Debug, Clone)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Makes the folder and those above it, if they are not there.
    ///
    /// # Errors
    /// When the system refuses, with the folder's path.
    pub fn create(path: impl Into<PathBuf>) -> Result<Self, ReportError> {
        let path = path.into();
        match fs::create_dir_all(&path) {
            Ok(()) => Ok(Self { path }),
            Err(source) => Err(ReportError::File { path, source }),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes `summary.json`, `summary.txt`, `latency.hlog`, `latency/<metric>.hgrm` and, where there is a series, `series.csv`.
    ///
    /// # Errors
    /// At the first file that cannot be written, with its path.
    pub fn write(&self, summary: &Summary, series: Option<&Series>) -> Result<(), ReportError> {
        let named = Summary { series: series.map(|_| "series.csv".to_owned()), ..summary.clone() };
        self.file("summary.json", |to| json::write(&named, to))?;
        self.file("summary.txt", |to| text::write(summary, text::Style::PLAIN, to))?;
        self.file("latency.hlog", |to| hlog::write(summary, to))?;
        if let Some(series) = series {
            self.file("series.csv", |to| csv::write(series, to))?;
        }
        let latency = Folder::create(self.path.join("latency"))?;
        for metric in &summary.results.latencies {
            let name = file_name(metric);
            latency.file(&format!("{name}.hgrm"), |to| hgrm::write(&metric.response.histogram, to))?;
            if let Some(service) = &metric.service {
                latency.file(&format!("{name}.service.hgrm"), |to| hgrm::write(&service.histogram, to))?;
            }
        }
        Ok(())
    }

    /// Writes one file of the folder.
    ///
    /// # Errors
    /// When it cannot be created, written or moved into place, with its path.
    pub fn file(
        &self,
        name: &str,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<(), ReportError> {
        let path = self.path.join(name);
        let partial = self.path.join(format!(".{name}.partial"));
        let written = File::create(&partial).and_then(|file| {
            let mut to = BufWriter::new(file);
            write(&mut to)?;
            to.into_inner()?.sync_data()?;
            fs::rename(&partial, &path)
        });
        written.map_err(|source| {
            // What is half written helps nobody; the error worth telling is the first one.
            let _ = fs::remove_file(&partial);
            ReportError::File { path, source }
        })
    }
}

/// `puback_latency.group-sensors.phase-steady`: letters, digits and `._-` only, so that it is a file name anywhere.
fn file_name(latency: &Latency) -> String {
    let tags = latency.tags.iter().map(|(key, value)| format!(".{key}-{value}"));
    let name: String = std::iter::once(latency.name.clone()).chain(tags).collect();
    let safe = |c: char| if c.is_alphanumeric() || matches!(c, '.' | '_' | '-') { c } else { '_' };
    name.chars().map(safe).collect()
}
