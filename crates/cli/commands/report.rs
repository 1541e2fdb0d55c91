//! `report`: finished runs.

use std::io::{self, IsTerminal as _};

use mqscope_report::{
    Summary,
    write::{Folder, text},
};

use crate::{
    args::{Color, Report, ShowReport},
    exit::{Exit, Failure, OrExit as _, Outcome},
    output,
};

mod merge;

pub(super) use merge::merge_folders;

pub(crate) fn report(args: Report, color: Color) -> Outcome {
    match args {
        Report::Show(args) => show(&args, color),
        Report::Merge(args) => merge::merge(&args, color),
    }
}

fn show(args: &ShowReport, color: Color) -> Outcome {
    // The folder, or the file itself.
    let path = if args.folder.is_file() { args.folder.clone() } else { args.folder.join("summary.json") };
    let text = std::fs::read_to_string(&path).or_io(|| format!("could not read {}", path.display()))?;
    let summary = Summary::from_json(&text).or_io(|| path.display().to_string())?;
    print(&summary, color)?;
    Ok(Exit::Passed)
}

/// Prints the verdict if it is to be `shown`, and then writes the report: a disk may be full, and whoever reads may be gone.
pub(super) fn tell(
    summary: &Summary,
    folder: &Folder,
    shown: Option<Color>,
    write: impl FnOnce(&Folder) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let printed = shown.map_or(Ok(()), |color| print(summary, color));
    write(folder)?;
    if let Err(failure) = printed
        && !failure.is_closed_pipe()
    {
        return Err(failure);
    }
    if shown.is_some() {
        say!("mqscope: the report of {} is in {}", summary.run.name, folder.path().display());
    }
    Ok(())
}

/// The summary on standard output.
pub(super) fn print(summary: &Summary, color: Color) -> Result<(), Failure> {
    let paint = if output::wants_color(color) { text::Color::Ansi } else { text::Color::None };
    let unicode = !io::stdout().is_terminal() || output::speaks_unicode();
    let signs = if unicode { text::Signs::Unicode } else { text::Signs::Ascii };
    let mut out = Vec::new();
    text::write(summary, text::Style { signs, color: paint }, &mut out).map_err(Failure::io)?;
    output::print(&out).map_err(Failure::io)
}
