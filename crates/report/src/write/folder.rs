//! The report folder.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use super::{csv, hgrm, hlog, json, text};
use crate::{Latency, ReportError, Series, Summary};

const SUMMARY: &str = "summary.json";
const TEXT: &str = "summary.txt";
const LOG: &str = "latency.hlog";
const SERIES: &str = "series.csv";
const LATENCY: &str = "latency";

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

    /// Removes what an earlier [`write`](Self::write) left here, and nothing else: of `latency` the tables of the metrics that
    /// the summary here names. The summary goes last, so that a clearing that was cut short is finished by the next.
    ///
    /// # Errors
    /// At the first file that cannot be removed, with its path.
    pub fn clear(&self) -> Result<(), ReportError> {
        let summary = fs::read_to_string(self.path.join(SUMMARY));
        if let Ok(summary) = summary.map_err(drop).and_then(|text| Summary::from_json(&text).map_err(drop)) {
            for metric in &summary.results.latencies {
                let name = file_name(metric);
                self.remove(&format!("{LATENCY}/{name}.hgrm"))?;
                self.remove(&format!("{LATENCY}/{name}.service.hgrm"))?;
            }
            // Unless there is something else in it.
            let _ = fs::remove_dir(self.path.join(LATENCY));
        }
        [TEXT, LOG, SERIES, SUMMARY].into_iter().try_for_each(|name| self.remove(name))
    }

    /// Removes one file of the folder, if it is there.
    ///
    /// # Errors
    /// When the system refuses, with the file's path.
    pub fn remove(&self, name: &str) -> Result<(), ReportError> {
        let path = self.path.join(name);
        match fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(ReportError::File { path, source })
            }
            _ => Ok(()),
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
        let named = Summary { series: series.map(|_| SERIES.to_owned()), ..summary.clone() };
        self.file(SUMMARY, |to| json::write(&named, to))?;
        self.file(TEXT, |to| text::write(summary, text::Style::PLAIN, to))?;
        self.file(LOG, |to| hlog::write(summary, to))?;
        if let Some(series) = series {
            self.file(SERIES, |to| csv::write(series, to))?;
        }
        let latency = Folder::create(self.path.join(LATENCY))?;
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
