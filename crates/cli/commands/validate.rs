//! `validate`: all problems of a scenario, or its plan.

use std::fmt::Write as _;

use mqscope_load::{
    Certificates, Plan,
    scenario::{Estimate, Pick},
};

use super::run::security_failure;
use crate::{
    args::{Color, Validate},
    exit::{Exit, Failure, Outcome},
    output, scenario,
};

pub(crate) fn validate(args: &Validate, color: Color) -> Outcome {
    let plan = scenario::load(&args.scenario, None, color)?;
    let certificates = Certificates::check(&plan).map_err(security_failure)?;
    let mut text = format!("scenario      {}\nseed          {}\n", plan.name, plan.seed);
    target(&plan, certificates, &mut text);
    text.push_str(&Estimate::of(&plan).to_string());
    output::print(text.as_bytes()).map_err(Failure::io)?;
    Ok(Exit::Passed)
}

/// Brokers, by which way, and who the devices are to them.
fn target(plan: &Plan, certificates: Option<Certificates>, text: &mut String) {
    let mut line = |label: &str, value: &str| {
        // writing to a String cannot fail
        let _ = writeln!(text, "{label:<13} {value}");
    };
    for (index, broker) in plan.target.brokers.iter().enumerate() {
        let label = if index == 0 { "broker" } else { "" };
        line(label, &format!("{} ({})", broker.url, broker.scheme.layers()));
    }
    if plan.target.brokers.len() > 1 {
        line(
            "pick",
            match plan.target.pick {
                Pick::RoundRobin => "round-robin: devices take turns",
                Pick::Hash => "hash: by client id",
                Pick::Failover => "failover: the first that takes a device",
            },
        );
    }
    if !plan.target.source_ips.is_empty() {
        line("source ips", &plan.target.source_ips.len().to_string());
    }
    if let Some(Certificates { authorities, devices }) = certificates {
        let trust = match authorities {
            0 => "any certificate is trusted".to_owned(),
            count => format!("{count} authorities are trusted"),
        };
        let shown = match devices {
            0 => "devices show no certificate".to_owned(),
            1 => "devices show 1 certificate".to_owned(),
            count => format!("devices show {count} certificates"),
        };
        line("TLS", &format!("{trust}, {shown}"));
    }
}
