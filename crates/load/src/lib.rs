//! YAML to plan to devices to samples.
