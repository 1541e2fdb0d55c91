//! One module a command. Each resolves what was typed, then does it.

use crate::{
    args::{Args, Command, Inspect, Source},
    exit::Outcome,
};

#[cfg(feature = "embedded-broker")]
mod broker;
mod decode;
#[cfg(feature = "embedded-broker")]
mod demo;
mod dump;
mod encode;
mod inspect;
mod interfaces;
mod report;
mod run;
mod shell;
mod stats;
mod validate;

pub(crate) fn dispatch(args: Args) -> Outcome {
    let color = args.color;
    match args.command {
        Some(Command::Inspect(args)) => inspect::inspect(args, color),
        Some(Command::Dump(args)) => dump::dump(args, color),
        Some(Command::Stats(args)) => stats::stats(&args, color),
        Some(Command::Decode(args)) => decode::decode(&args, color),
        Some(Command::Encode(args)) => encode::encode(&args),
        Some(Command::Run(args)) => run::run(args, color),
        Some(Command::Report(args)) => report::report(args, color),
        Some(Command::Validate(args)) => validate::validate(&args, color),
        #[cfg(feature = "embedded-broker")]
        Some(Command::Broker(args)) => broker::broker(&args),
        #[cfg(feature = "embedded-broker")]
        Some(Command::Demo(args)) => demo::demo(&args, color),
        Some(Command::Interfaces) => interfaces::interfaces(),
        Some(Command::Completions { shell }) => shell::completions(shell),
        Some(Command::Man) => shell::man(),
        None => {
            let source = Source { read: args.file, ..Source::default() };
            inspect::inspect(Inspect { source }, color)
        }
    }
}
