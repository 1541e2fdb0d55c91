//! YAML to plan to devices to samples.

mod alarm;
mod clock;
mod device;
mod health;
mod ledger;
mod metrics;
mod run;
pub mod scenario;
mod schedule;
mod session;
mod shard;
mod shared;
mod stamp;
mod tools;
mod topics;

pub use health::Obstacle;
pub use run::{Control, Finished, Progress, Recent, RunError, Stop, Tell, run};
pub use scenario::{Overrides, Plan, Problem, Problems, Scenario};
