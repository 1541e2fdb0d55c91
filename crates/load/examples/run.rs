//! Runs a scenario and prints what came of it:
//! `cargo run -p mqscope-load --example run -- scenarios/smoke.yaml mqtt://127.0.0.1:1883 [NAME=VALUE…]`

use std::path::Path;

use mqscope_load::{Control, Overrides, Scenario, run};
use mqscope_report::write::text;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let (Some(scenario), broker) = (arguments.next(), arguments.next()) else {
        eprintln!("a scenario, a broker's URL, variables");
        std::process::exit(2);
    };
    let vars = arguments.filter_map(|pair| pair.split_once('=').map(|(k, v)| (k.to_owned(), v.to_owned())));
    let overrides = Overrides { broker, vars: vars.collect(), ..Overrides::from_process() };
    let plan = match Scenario::load(Path::new(&scenario), &overrides) {
        Ok(plan) => plan,
        Err(problems) => {
            eprintln!("{}", problems.coloured());
            std::process::exit(2);
        }
    };
    let progress = |seen: &mqscope_load::Progress<'_>| {
        eprintln!(
            "{:6.1}s {:10} {}/{} devices, {:.0} msg/s out, {:.0} msg/s in, {} in flight, p99 {:?} µs",
            seen.elapsed.as_secs_f64(),
            seen.phases.last().map_or("", |phase| phase.name.as_str()),
            seen.subscribed,
            seen.devices,
            seen.published_per_second,
            seen.delivered_per_second,
            seen.inflight,
            seen.recent("delivery_latency").map(|recent| recent.p99_us),
        );
    };
    let control = Control { progress: Some(Box::new(progress)), ..Control::default() };
    match run(plan, control) {
        Ok(finished) => {
            let mut out = std::io::stdout();
            text::write(&finished.summary, text::Style::PLAIN, &mut out).expect("stdout takes it");
            std::process::exit(finished.summary.exit_code.into());
        }
        Err(error) => {
            eprintln!(
                "{error}: {}",
                std::error::Error::source(&error).map_or(String::new(), |e| e.to_string())
            );
            std::process::exit(5);
        }
    }
}
