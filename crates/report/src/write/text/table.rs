//! Columns that line up.

use std::fmt;

/// A table whose first column is text, to the left, and whose others are figures, to the right.
pub(super) struct Table {
    header: Vec<&'static str>,
    rows: Vec<(String, Vec<String>)>,
}

impl Table {
    pub(super) fn new(header: &[&'static str]) -> Self {
        Self { header: header.to_vec(), rows: Vec::new() }
    }

    /// A row; figures that are missing at its end stay empty.
    pub(super) fn row(&mut self, label: String, figures: Vec<String>) {
        self.rows.push((label, figures));
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |text: &str| text.chars().count();
        let label = self.rows.iter().map(|(label, _)| width(label)).max().unwrap_or(0);
        let columns = self.header.iter().enumerate().skip(1).map(|(i, title)| {
            let cells = self.rows.iter().filter_map(|(_, figures)| figures.get(i - 1));
            cells.map(|cell| width(cell)).max().unwrap_or(0).max(width(title))
        });
        let columns: Vec<usize> = columns.collect();
        let header = self.header.iter().skip(1).map(|title| (*title).to_owned()).collect();
        let header = (self.header[0].to_owned(), header);
        for (text, figures) in std::iter::once(&header).chain(&self.rows) {
            let mut line = format!("{text:label$}");
            for (figure, width) in figures.iter().zip(&columns) {
                line.push_str(&format!("  {figure:>width$}"));
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}
