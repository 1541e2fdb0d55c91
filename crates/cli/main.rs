//! `mqscope`: look at MQTT traffic, and load brokers with it.
//!
//! This crate is arguments, wiring and exit codes; what it wires stands in the crates beside it
//! (see `crates/README.md`).

use std::process::ExitCode;

/// As `eprintln!`, but that nobody reads standard error any more is no reason to end.
macro_rules! say {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr(), $($text)*);
    }};
}

mod args;
#[cfg(feature = "embedded-broker")]
mod broker;
mod commands;
mod exit;
mod hex_input;
mod output;
mod scenario;
mod source;
mod stop;
mod tap;
mod url;

fn main() -> ExitCode {
    let args = match args::Args::typed(std::env::args_os().collect()) {
        Ok(args) => args,
        Err(error) => {
            // clap prints help and versions through the same path; only real mistakes are exit 2
            let exit = if error.use_stderr() { exit::Exit::Usage } else { exit::Exit::Passed };
            let _ = error.print();
            return exit.into();
        }
    };
    match commands::dispatch(args) {
        Ok(exit) => exit.into(),
        Err(failure) if failure.is_closed_pipe() => exit::Exit::Passed.into(),
        Err(failure) => {
            say!("mqscope: {failure}");
            failure.exit.into()
        }
    }
}
