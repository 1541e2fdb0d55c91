//! Scenarios as `run` and `validate` take them: the file, and what the command line sets in its place.

use mqscope_load::{Overrides, Plan, Problems, Scenario};

use crate::{
    args::{Color, ScenarioArgs},
    exit::{Exit, Failure},
    output,
};

/// Reads the scenario; `broker` is the one to run against in place of the scenario's.
pub(crate) fn load(args: &ScenarioArgs, broker: Option<String>, color: Color) -> Result<Plan, Failure> {
    let vars = args.vars.iter().map(|var| variable(var)).collect::<Result<_, _>>()?;
    let overrides = Overrides {
        vars,
        environment: args.env.clone(),
        broker: broker.or_else(|| args.broker.clone()),
        seed: args.seed,
        ..Overrides::from_process()
    };
    Scenario::load(&args.scenario, &overrides).map_err(|problems| failure(&problems, color))
}

fn variable(text: &str) -> Result<(String, String), Failure> {
    let (name, value) = text.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or_else(|| {
        Failure::usage(format!("`-e {text}` is not NAME=VALUE: write for example -e devices=500"))
    })?;
    Ok((name.to_owned(), value.to_owned()))
}

/// All problems with a picture of their places.
fn failure(problems: &Problems, color: Color) -> Failure {
    let pictures =
        if output::wants_color_on_stderr(color) { problems.coloured() } else { problems.to_string() };
    let count = problems.list.len();
    let plural = if count == 1 { "" } else { "s" };
    Failure {
        exit: Exit::Usage,
        error: anyhow::anyhow!("{count} problem{plural} in {}\n{pictures}", problems.file),
    }
}
