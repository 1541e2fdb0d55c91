//! YAML to plan to devices to samples.
//!
//! ```no_run
//! use mqscope_load::{Control, Overrides, Scenario, run};
//!
//! let text = "
//! groups:
//!   sensors:
//!     count: 1000
//!     publish: {telemetry: {topic: 'fleet/{{client_id}}/data', payload: {size: 64}, qos: 1, rate: 1/s}}
//!   backend: {count: 1, subscribe: ['fleet/+/data']}
//! phases: [{name: steady, duration: 30s}]
//! thresholds: {delivery_latency: ['p(99) < 50ms'], delivery_lost: ['count == 0']}
//! ";
//! let plan = match Scenario::parse("fleet.yaml", text, &Overrides::default()) {
//!     Ok(plan) => plan,
//!     Err(problems) => panic!("{problems}"), // all of them, with line, column and picture
//! };
//! let finished = run(plan, Control::default()).expect("a broker on 127.0.0.1:1883");
//! println!("{:?}", finished.summary.outcome);
//! ```
//!
//! A run is a few threads, one a core at most. Each has its share of the devices, a readiness loop, a recorder
//! and nothing to lock; a device is some hundred bytes in a list, not a task. A transport is TCP, with TLS and
//! WebSocket on it where the broker wants them.
//!
//! ```text
//!  scenario --> Plan --> run: phases, conditions, the end
//!                         |        ^ intervals, once a second
//!                         v        |
//!                       shard: loop over sockets and instants
//!                         |
//!                       device: transport + session + streams --> stamp, ledger, recorder
//! ```
//!
//! A run may be dealt to several processes, each with a [`Part`] of the devices. They begin together, agree on when
//! phases end that wait for a condition, and each writes a [`parts::Record`]; [`parts::merge`] makes one run of them.
//!
//! Invariants:
//! - Intended instants are fixed when a phase begins. Whatever holds a message back, its response time counts from
//!   then; what is never sent is counted as dropped.
//! - Intended is published and dropped together, for every phase and group. A device is meant to publish from the instant
//!   its first connect is meant for, in every phase that has a rate for it, whether it is connected or not.
//! - Of what is published at QoS 1 and 2 every message has its sample in the latency of its acknowledgement: one that never
//!   came has the time until the end of the run, and is counted as `publish_unacknowledged`.
//! - A delivery is expected if and only if the subscription's SUBACK was older than a moment when the message was
//!   sent; both ends judge that by the stamp alone.
//! - A message that was refused or never acknowledged is owed to nobody, and what came of it stands in for no other.
//! - What a broker sends never panics and is bounded by what MQTT allows a packet to be.

mod alarm;
mod clock;
mod device;
mod health;
mod ledger;
mod meeting;
mod metrics;
mod part;
pub mod parts;
mod patience;
mod run;
pub mod scenario;
mod schedule;
mod session;
mod shard;
mod shared;
mod sources;
mod tools;
mod topics;
mod transport;
mod unanswered;

pub use health::Obstacle;
pub use meeting::MeetingError;
pub use part::{BadPart, Part};
pub use run::{Control, Finished, Progress, Recent, RunError, Stop, Tell, run};
pub use scenario::{Overrides, Plan, Problem, Problems, Scenario};
pub use transport::{Certificates, FileError, SecurityError};

use mqscope_report::stamp;
