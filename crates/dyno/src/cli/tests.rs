//! What people read before they type: every help text is kept beside the code and reviewed like it; every command shown can be typed.

use clap::error::ErrorKind;
use clap::{Command, CommandFactory as _, Parser as _};

use super::Cli;

/// The command as on a terminal of 100 columns, whatever the environment holds.
fn reviewed() -> Command {
    let mut command = without_environment(Cli::command().term_width(100));
    command.build();
    command
}

fn without_environment(command: Command) -> Command {
    command.mut_args(|arg| arg.hide_env_values(true)).mut_subcommands(without_environment)
}

/// Short and long help of a command and of everything below it.
fn texts(command: &Command, typed: &str) -> String {
    let mut command = command.clone().bin_name(typed);
    let mut text = format!("$ {typed} -h\n{}\n", command.render_help());
    text.push_str(&format!("$ {typed} --help\n{}\n", command.render_long_help()));
    for verb in command.get_subcommands().filter(|verb| verb.get_name() != "help") {
        text.push_str(&texts(verb, &format!("{typed} {}", verb.get_name())));
    }
    text
}

#[test]
fn every_help_is_as_reviewed() {
    let command = reviewed();
    let mut alone = command.clone();
    let text = format!("$ dyno -h\n{}\n$ dyno --help\n{}\n", alone.render_help(), alone.render_long_help());
    insta::assert_snapshot!("dyno", text);
    for verb in command.get_subcommands().filter(|verb| verb.get_name() != "help") {
        insta::assert_snapshot!(verb.get_name(), texts(verb, &format!("dyno {}", verb.get_name())));
    }
}

/// Lines of a text that are commands of ours, without what is said about them.
fn commands(text: &str) -> impl Iterator<Item = Vec<String>> {
    let line = |line: &str| {
        let line = line.trim();
        // An example in a help text is described after a gap.
        let typed = if line.starts_with("dyno ") { line.split("   ").next()? } else { return None };
        Some(shlex::split(typed).unwrap_or_else(|| panic!("no shell reads {line:?}")))
    };
    text.lines().filter_map(line).collect::<Vec<_>>().into_iter()
}

/// Blocks of code in Markdown.
fn blocks(markdown: &str) -> String {
    markdown.split("```").skip(1).step_by(2).collect()
}

#[test]
fn every_command_that_is_shown_can_be_typed() {
    let helps: String = reviewed()
        .get_subcommands()
        .filter_map(|verb| verb.get_after_long_help().map(|text| format!("{text}\n")))
        .collect();
    let readme = include_str!("../../../../README.md");
    let mut seen = 0;
    for words in commands(&helps).chain(commands(&blocks(readme))) {
        seen += 1;
        match Cli::try_parse_from(&words) {
            Err(error) if error.kind() != ErrorKind::DisplayHelp => panic!("{words:?}: {error}"),
            _ => {}
        }
    }
    assert!(seen > 30, "{seen}");
}
