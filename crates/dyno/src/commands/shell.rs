//! `dyno completions` and `dyno man`: generated from the command line's definition.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::Cli;
use crate::printer;

/// Prints the completion script.
pub(super) fn completions(shell: Shell) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "dyno", &mut script);
    printer::print(&String::from_utf8_lossy(&script))
}

/// Prints one manual page with every verb.
pub(super) fn manual() -> anyhow::Result<()> {
    let mut page = Vec::new();
    let mut command = Cli::command();
    command.build();
    clap_mangen::Man::new(command.clone()).render(&mut page)?;
    for verb in command.get_subcommands().filter(|verb| verb.get_name() != "help") {
        let man = clap_mangen::Man::new(verb.clone().name(format!("dyno-{}", verb.get_name())));
        man.render_synopsis_section(&mut page)?;
        man.render_description_section(&mut page)?;
        man.render_options_section(&mut page)?;
    }
    printer::print(&String::from_utf8_lossy(&page))
}
