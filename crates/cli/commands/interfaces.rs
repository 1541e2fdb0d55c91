//! `interfaces`: where one can capture, and what is missing if one cannot.

use std::fmt::Write as _;

use mqscope_capture::live;

use crate::{
    exit::{Exit, Failure, Outcome},
    output,
};

pub(crate) fn interfaces() -> Outcome {
    let interfaces = live::interfaces().map_err(Failure::io)?;
    let width = interfaces.iter().map(|interface| interface.name.len()).max().unwrap_or(0);
    let mut text = String::new();
    let mut refused = None;
    for interface in &interfaces {
        let state = if interface.up { "up" } else { "down" };
        let may = match live::check(&interface.name) {
            Ok(()) => "can capture",
            Err(error) => {
                // the first that is up tells what is missing; those that are down say only that they are
                if interface.up {
                    refused.get_or_insert(error);
                }
                "cannot capture"
            }
        };
        let addresses: Vec<_> = interface.addresses.iter().map(ToString::to_string).collect();
        let _ = write!(text, "{:<width$}  {state:<4}  {may:<14}  {}", interface.name, addresses.join(" "));
        if let Some(description) = &interface.description {
            let _ = write!(text, " ({description})");
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    output::print(text.as_bytes()).map_err(Failure::io)?;
    match refused {
        None => Ok(Exit::Passed),
        Some(error) => Err(Failure::io(error)),
    }
}
