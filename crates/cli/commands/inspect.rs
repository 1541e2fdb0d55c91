//! `inspect`: the inspector on a capture, an interface or a tap.

use std::io::IsTerminal as _;

use mqscope_dissect::Inspection;
use mqscope_tui::{Ended, InspectorSettings};

use crate::{
    args::{Color, Inspect},
    exit::{Exit, Failure, OrExit as _, Outcome},
    output, source,
};

pub(crate) fn inspect(args: Inspect, color: Color) -> Outcome {
    source::filter(&args.source)?;
    let settings = source::settings(&args.source)?;
    if !std::io::stdout().is_terminal() {
        return Err(Failure::usage(
            "the inspector needs a terminal; `mqscope dump` prints packets without one",
        ));
    }
    let source = source::open(&args.source)?;
    let inspection =
        Inspection::start(source.capture, settings).or_io(|| "could not start reading".to_owned())?;
    let settings = InspectorSettings {
        title: source.name,
        color: output::wants_color(color),
        filter: args.source.filter.clone(),
        secrets: source::secrets(&args.source),
    };
    let ended =
        mqscope_tui::inspect(inspection, &settings).or_io(|| "could not use the terminal".to_owned())?;
    // the tap forwards until here
    drop(source.tap);
    Ok(match ended {
        Ended::ByUser => Exit::Passed,
        Ended::FromOutside => Exit::Interrupted,
    })
}
