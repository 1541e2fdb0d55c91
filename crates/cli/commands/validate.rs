//! `validate`: all problems of a scenario, or its plan.

use std::fmt::Write as _;

use mqscope_load::scenario::Estimate;

use crate::{
    args::{Color, Validate},
    exit::{Exit, Failure, Outcome},
    output, scenario,
};

pub(crate) fn validate(args: &Validate, color: Color) -> Outcome {
    let plan = scenario::load(&args.scenario, None, color)?;
    let mut text = format!("scenario      {}\nseed          {}\n", plan.name, plan.seed);
    for (index, broker) in plan.target.brokers.iter().enumerate() {
        let label = if index == 0 { "broker" } else { "" };
        let _ = writeln!(text, "{label:<13} {}", broker.url);
    }
    text.push_str(&Estimate::of(&plan).to_string());
    output::print(text.as_bytes()).map_err(Failure::io)?;
    Ok(Exit::Passed)
}
