//! Runs one command of a list, shows what matters of its output, and keeps all of it in a log.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;

use anyhow::{Context, Result};

/// Lines of a failed step that are printed again at its end.
const TAIL_LINES: usize = 200;
/// What a test prints when it cannot run here.
const SKIPPED: &str = "SKIPPED:";

/// What a command left behind.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Whether it ended with status 0.
    pub(crate) success: bool,
    /// What was skipped, each reason once.
    pub(crate) skipped: Vec<Skip>,
}

/// Something a test could not do here.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Skip {
    /// The line that says so.
    pub(crate) line: String,
    /// How often it was said.
    pub(crate) times: usize,
}

impl std::fmt::Display for Skip {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.times {
            1 => write!(f, "{}", self.line),
            times => write!(f, "{} ({times} times)", self.line),
        }
    }
}

/// Runs `command`; all its output goes to `log`, and the lines a person wants to follow are shown.
pub(crate) fn run(command: &mut Command, log: &Path) -> Result<Outcome> {
    let mut file = File::create(log).with_context(|| format!("{} cannot be written", log.display()))?;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("{} cannot be started", command.get_program().display()))?;
    let (sender, lines) = mpsc::channel();
    let pipes: [Option<Box<dyn Read + Send>>; 2] = [
        child.stdout.take().map(|pipe| Box::new(pipe) as _),
        child.stderr.take().map(|pipe| Box::new(pipe) as _),
    ];
    for pipe in pipes.into_iter().flatten() {
        let sender = sender.clone();
        thread::spawn(move || send_lines(pipe, &sender));
    }
    drop(sender);
    let mut all = Vec::new();
    for line in lines {
        writeln!(file, "{line}").with_context(|| format!("{} cannot be written", log.display()))?;
        if worth_following(&line) {
            println!("{line}");
        }
        all.push(line);
    }
    let success = child.wait()?.success();
    if !success {
        println!("--- the last lines of {}:", log.display());
        all.iter().skip(all.len().saturating_sub(TAIL_LINES)).for_each(|line| println!("{line}"));
    }
    Ok(Outcome { success, skipped: skipped(&all) })
}

fn send_lines(pipe: impl Read, sender: &mpsc::Sender<String>) {
    // A test may print any bytes; losing the rest of the log over one of them would hide the failure.
    for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line).trim_end().to_owned();
        if sender.send(line).is_err() {
            return;
        }
    }
}

/// Progress of cargo and nextest, results of tests, warnings; not what a passing test printed.
fn worth_following(line: &str) -> bool {
    const WORDS: [&str; 16] = [
        "Compiling",
        "Checking",
        "Documenting",
        "Building",
        "Finished",
        "Running",
        "Starting",
        "Summary",
        "FAIL",
        "SIGABRT",
        "SIGSEGV",
        "SLOW",
        "TIMEOUT",
        "Doc-tests",
        "LEAK",
        "Downloaded",
    ];
    let word = line.split_whitespace().next().unwrap_or_default();
    WORDS.contains(&word) && line.starts_with(' ')
        || ["warning", "error", "test result:", "Diff in"].iter().any(|start| line.starts_with(start))
        || line.starts_with("test ") && line.ends_with("FAILED")
}

/// What the lines say was skipped, each reason once, with how often it was said.
fn skipped(lines: &[String]) -> Vec<Skip> {
    let mut found: Vec<Skip> = Vec::new();
    for line in lines.iter().filter_map(|line| line.find(SKIPPED).map(|at| &line[at..])) {
        match found.iter_mut().find(|skip| skip.line == line) {
            Some(skip) => skip.times += 1,
            None => found.push(Skip { line: line.to_owned(), times: 1 }),
        }
    }
    found
}

/// Cargo, in the repository, in the environment that a person would start it in: what the cargo that runs these tasks says
/// of this package would make some build scripts (ring's) build again, and everything above them.
pub(crate) fn cargo(root: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root);
    for (name, _) in std::env::vars_os() {
        let of_this_package =
            |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
        if name.to_str().is_some_and(of_this_package) {
            command.env_remove(name);
        }
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> (Outcome, String) {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("step.log");
        let outcome = run(Command::new("sh").args(["-c", script]), &log).unwrap();
        (outcome, std::fs::read_to_string(log).unwrap())
    }

    #[test]
    fn skips_are_collected_from_both_streams_and_everything_is_logged() {
        let (outcome, log) = shell(
            "echo 'SKIPPED: a: no file'; echo '    SKIPPED: b' >&2; echo 'SKIPPED: a: no file'; printf '\\377\\n'",
        );
        assert!(outcome.success);
        let mut skipped: Vec<String> = outcome.skipped.iter().map(ToString::to_string).collect();
        skipped.sort();
        assert_eq!(skipped, ["SKIPPED: a: no file (2 times)", "SKIPPED: b"]);
        assert_eq!(log.lines().count(), 4, "{log:?}");
    }

    #[test]
    fn a_failure_is_a_failure() {
        assert!(!shell("exit 3").0.success);
    }

    #[test]
    fn a_command_that_does_not_exist_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = run(&mut Command::new("dyno-no-such-command"), &folder.path().join("log")).unwrap_err();
        assert!(error.to_string().contains("dyno-no-such-command"), "{error}");
    }

    #[test]
    fn progress_and_failures_are_followed_and_chatter_is_not() {
        for line in [
            "   Compiling dyno v0.1.0",
            "error[E0308]: mismatched types",
            "        FAIL [ 0.1s] a b",
            "test a::b ... FAILED",
        ] {
            assert!(worth_following(line), "{line}");
        }
        for line in ["test a::b ... ok", "running 3 tests", "        PASS [ 0.1s] a b", "Running late", ""] {
            assert!(!worth_following(line), "{line}");
        }
    }
}
