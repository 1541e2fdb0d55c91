//! Whole runs against a broker made for it, with faults that the results must show to the message.

#[path = "../common/mod.rs"]
mod common;

mod connections;
mod delivery;
mod latency;
mod phases;
mod publishing;

/// Ten publishers, twenty messages a second each, one second: 200 messages. Counts are asked for, and they are right
/// however late a busy machine is.
fn fleet(qos: u8, more: &str) -> String {
    format!(
        "name: fleet
groups:
  pub: {{count: 10, publish: {{data: {{topic: 'fleet/{{{{client_id}}}}', qos: {qos}, rate: 20/s}}}}}}
  sub: {{count: 2, subscribe: [{{filter: 'fleet/+', qos: {qos}}}]}}
phases: [{{name: steady, duration: 1s}}]
validity: {{send_lag: ['p(99) < 1h']}}
{more}"
    )
}
