//! Samples to histograms, summaries, thresholds and the files of a report.
