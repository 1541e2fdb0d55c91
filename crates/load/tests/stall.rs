//! A broker that stands still during a run, and what arithmetic says of it.

#![cfg(unix)]

#[path = "../../../tests/e2e/servers/mosquitto.rs"]
mod mosquitto;

use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use mosquitto::Mosquitto;
use mqscope_load::{Control, Overrides, Progress, Scenario, run};
use mqscope_report::Histogram;
use rustix::process::{Pid, Signal, kill_process};

const STALL: Duration = Duration::from_millis(500);
const DURATION_S: f64 = 4.0;
const DEVICES: u64 = 20;
const RATE: u64 = 1_000;

/// Stops a process for [`STALL`]; how long it was in fact.
fn stop(pid: Pid) -> Duration {
    kill_process(pid, Signal::STOP).expect("stopped");
    let since = Instant::now();
    thread::sleep(STALL);
    kill_process(pid, Signal::CONT).expect("goes on");
    since.elapsed()
}

/// How many values lie above.
fn beyond(histogram: &Histogram, limit: Duration) -> u64 {
    let beyond = histogram.values_us().filter(|(us, _)| u128::from(*us) > limit.as_micros());
    beyond.map(|(_, count)| count).sum()
}

/// Messages are meant at even distances, so of those meant during a stall of length S all wait longer than x but
/// the ones of its last x: in a run of length D the share (S − x) / D. With one message in flight a device, the
/// others of a device are written when the stall is over, and their service time shows nothing of it.
#[test]
fn a_stopped_broker_shows_in_the_response_time_as_arithmetic_says() {
    let broker = Mosquitto::start();
    let text = format!(
        "groups: {{pub: {{count: {DEVICES}, publish: {{data: {{topic: 't/{{{{i}}}}', qos: 1, max_inflight: 1}}}}}}}}
phases:
  - {{name: ramp, pub: {{connect: {{rate: 1000/s}}}}, until: 'pub.connected == 100%', timeout: 20s}}
  - {{name: steady, duration: {DURATION_S}s, pub: {{data: {{rate: {RATE}/s}}}}}}
validity: {{send_lag: ['p(99) < 2s'], generator_cpu: ['max < 101%']}}"
    );
    let overrides = Overrides { broker: Some(broker.url()), ..Overrides::default() };
    let plan = Scenario::parse("stall.yaml", &text, &overrides).expect("a plan");
    let pid = Pid::from_child(&broker.child);
    let mut stalled: Option<JoinHandle<Duration>> = None;
    let progress = |seen: &Progress<'_>| {
        if seen.published > RATE / 2 && stalled.is_none() {
            stalled = Some(thread::spawn(move || stop(pid)));
        }
    };
    let finished =
        run(plan, Control { progress: Some(Box::new(progress)), ..Control::default() }).expect("runs");
    let stall = stalled.expect("half a second was sent").join().expect("stopped and gone on");
    let of = |name: &str| {
        let mut latencies = finished.summary.results.latencies.iter();
        latencies.find(|latency| latency.name == name).expect("has samples")
    };
    let puback = of("puback_latency");
    let (response, service) =
        (&puback.response.histogram, &puback.service.as_ref().expect("has one").histogram);
    let messages = response.count();
    assert_eq!(messages, RATE * DURATION_S as u64, "nothing is skipped");
    for x in [50, 100, 200, 300, 400].map(Duration::from_millis) {
        let share = beyond(response, x) as f64 / messages as f64;
        let expected = stall.saturating_sub(x).as_secs_f64() / DURATION_S;
        assert!((share - expected).abs() < 0.025, "{share:.3} wait over {x:?}, and not {expected:.3}");
        let served = beyond(service, x);
        assert!(served <= 2 * DEVICES, "{served} of {messages} were under way for over {x:?}");
    }
    assert!(beyond(service, STALL / 2) > 0, "those that were under way saw the stall");
    let lag = &of("send_lag").response.histogram;
    let lagged = beyond(lag, Duration::from_millis(100));
    assert!(lagged < messages / 100, "{lagged} messages late, and it was the broker who held them back");
}
