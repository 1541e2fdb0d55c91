//! `completions` and `man`: made from the command line's own description.

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::{
    args::Args,
    exit::{Exit, Failure, Outcome},
    output,
};

pub(crate) fn completions(shell: Shell) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "mqscope", &mut script);
    output::print(&script).map_err(Failure::io)?;
    Ok(Exit::Passed)
}

/// One page: the program, then each command with its options.
pub(crate) fn man() -> Outcome {
    let mut page = Vec::new();
    let command = Args::command();
    let render = |page: &mut Vec<u8>| -> std::io::Result<()> {
        clap_mangen::Man::new(command.clone()).render(page)?;
        for sub in command.get_subcommands() {
            let sub = sub.clone().bin_name(format!("mqscope {}", sub.get_name()));
            page.extend_from_slice(format!(".SH \"{}\"\n", sub.get_name().to_uppercase()).as_bytes());
            let man = clap_mangen::Man::new(sub);
            man.render_synopsis_section(page)?;
            man.render_description_section(page)?;
            man.render_options_section(page)?;
        }
        Ok(())
    };
    render(&mut page).map_err(Failure::io)?;
    output::print(&page).map_err(Failure::io)?;
    Ok(Exit::Passed)
}
