//! YAML to plan to devices to samples.

mod metrics;
pub mod scenario;
mod stamp;
mod topics;

pub use scenario::{Overrides, Plan, Problem, Problems, Scenario};
