//! Every check and test of the repository, as steps with names and durations.
//!
//! Everything but the engines builds in the dev profile. The engines, and the command that starts them, build in release
//! only: llama.cpp takes minutes, so exactly one profile may pay for it, and every step that touches it must select
//! packages and features that leave its build script untouched.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};

use crate::step::{self, Outcome};
use crate::{documented, tidy};

/// Which tests get the processors for themselves; from the root of the repository, where every step runs.
const NEXTEST: &str = "xtask/nextest.toml";
/// Crates that compile native code.
const ENGINES: [&str; 1] = ["dyno-engine-llama"];
/// The command, whose tests start the engines.
const FRONT: &str = "dyno";
/// Beginning of the folder names in which the native build leaves its output.
const NATIVE_BUILD: &str = "llama-cpp-sys";

/// One step.
#[derive(Debug)]
struct Step {
    name: &'static str,
    what: &'static str,
    action: Action,
}

/// What a step does.
#[derive(Debug)]
enum Action {
    /// The rules of the repository, checked in this process.
    Tidy,
    /// Cargo with these arguments and environment.
    Cargo { arguments: Vec<String>, environment: Vec<(&'static str, String)> },
}

/// Which program runs the tests. Both run the same targets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Runner {
    Nextest,
    Cargo,
}

/// Runs all steps, or those named.
pub(crate) fn run(root: &Path, names: &[String]) -> Result<()> {
    let begun = Instant::now();
    let target = target_directory(root)?;
    let logs = target.join("ci");
    std::fs::create_dir_all(&logs).with_context(|| format!("{} cannot be made", logs.display()))?;
    let runner = Runner::detect(root);
    let steps = chosen(steps(&target, runner, &documented::crates_with_doctests(root)?), names)?;
    let native_before = native_builds(&target);
    let (mut skipped, mut durations) = (Vec::new(), Vec::new());
    for step in &steps {
        println!("== {}: {}", step.name, step.what);
        let started = Instant::now();
        let outcome = perform(root, &step.action, &logs.join(format!("{}.log", step.name)))?;
        let took = seconds(started.elapsed());
        if !outcome.success {
            bail!("step {} failed after {took}; `cargo xtask ci {}` repeats it alone", step.name, step.name);
        }
        println!("== {}: passed in {took}", step.name);
        durations.push(format!("{} {took}", step.name));
        skipped.extend(outcome.skipped);
    }
    skipped.iter().for_each(|skip| println!("{skip}"));
    let native = native_builds(&target).saturating_sub(native_before);
    let (total, steps, skips) = (
        seconds(begun.elapsed()),
        durations.join(", "),
        skipped.iter().map(|skip| skip.times).sum::<usize>(),
    );
    println!("ci: passed in {total} ({steps}); skipped tests: {skips}; native builds: {native}");
    Ok(())
}

/// All steps in order: cheap ones first, the engines' tests as soon as the engines stand.
fn steps(target: &Path, runner: Runner, documented: &[String]) -> Vec<Step> {
    let without_engines = exclude(&ENGINES);
    let without_engines_and_front = [without_engines.clone(), exclude(&[FRONT])].concat();
    // Always together: selected one by one, they would share fewer builds of what they depend on.
    let release = [vec!["--release", "-p", FRONT], select(&ENGINES)].concat();
    let lint = ["--all-targets", "--", "-D", "warnings"];
    let mut all = vec![
        Step {
            name: "format",
            what: "sources are formatted",
            action: cargo_step(&["fmt", "--all", "--check", "--", "-l"], &[]),
        },
        Step { name: "tidy", what: "layers, owners, budgets, words", action: Action::Tidy },
        Step {
            name: "lint",
            what: "no warnings outside the engines",
            action: cargo_step(&["clippy", "--workspace"], &[&without_engines, &lint]),
        },
        Step {
            name: "test",
            what: "everything that needs no engine",
            action: runner.step(&[&["--workspace"], &without_engines_and_front], Vec::new()),
        },
        Step {
            name: "build",
            what: "dyno and its engines in release",
            action: cargo_step(&["build"], &[&release]),
        },
        Step {
            name: "lint-engine",
            what: "no warnings in the engines",
            action: cargo_step(&["clippy", "--release"], &[&select(&ENGINES), &lint]),
        },
        Step {
            name: "test-release",
            what: "the engines, and dyno as a person uses it",
            action: runner
                .step(&[&release], vec![("DYNO_ENGINE_DIR", target.join("release").display().to_string())]),
        },
        Step {
            name: "docs",
            what: "documentation without warnings",
            action: with_environment(
                cargo_step(&["doc", "--no-deps", "--workspace"], &[&without_engines]),
                vec![("RUSTDOCFLAGS", "-D warnings".to_owned())],
            ),
        },
    ];
    if !documented.is_empty() {
        let selection: Vec<&str> = documented.iter().flat_map(|name| ["-p", name.as_str()]).collect();
        all.push(Step {
            name: "doctest",
            what: "examples in the documentation",
            action: cargo_step(&["test", "--doc"], &[&selection]),
        });
    }
    all
}

/// The steps with these names, in their own order; all when none is named.
fn chosen(steps: Vec<Step>, names: &[String]) -> Result<Vec<Step>> {
    if let Some(unknown) = names.iter().find(|name| steps.iter().all(|step| step.name != **name)) {
        let known: Vec<&str> = steps.iter().map(|step| step.name).collect();
        bail!("there is no step {unknown:?}; the steps are {}", known.join(", "));
    }
    Ok(steps
        .into_iter()
        .filter(|step| names.is_empty() || names.iter().any(|name| name == step.name))
        .collect())
}

impl Runner {
    fn detect(root: &Path) -> Self {
        let found = step::cargo(root)
            .args(["nextest", "--version"])
            .output()
            .is_ok_and(|output| output.status.success());
        if found { Self::Nextest } else { Self::Cargo }
    }

    /// Unit and integration tests of the selection. Passing tests' output is wanted too: it says what was skipped.
    fn step(self, selection: &[&[&str]], environment: Vec<(&'static str, String)>) -> Action {
        let selection = selection.concat();
        let arguments: Vec<&str> = match self {
            Self::Nextest => {
                let output = [
                    "--no-tests",
                    "pass",
                    "--success-output",
                    "immediate",
                    "--failure-output",
                    "immediate-final",
                ];
                [&["nextest", "run", "--tests", "--config-file", NEXTEST], &output[..], &selection].concat()
            }
            Self::Cargo => [&["test", "--tests"], &selection[..], &["--", "--show-output"]].concat(),
        };
        with_environment(cargo_step(&arguments, &[]), environment)
    }
}

fn cargo_step(start: &[&str], rest: &[&[&str]]) -> Action {
    let arguments =
        start.iter().chain(rest.iter().copied().flatten()).map(|argument| (*argument).to_owned()).collect();
    Action::Cargo { arguments, environment: Vec::new() }
}

fn with_environment(action: Action, added: Vec<(&'static str, String)>) -> Action {
    match action {
        Action::Cargo { arguments, .. } => Action::Cargo { arguments, environment: added },
        Action::Tidy => Action::Tidy,
    }
}

fn select(crates: &[&'static str]) -> Vec<&'static str> {
    crates.iter().flat_map(|name| ["-p", *name]).collect()
}

fn exclude(crates: &[&'static str]) -> Vec<&'static str> {
    crates.iter().flat_map(|name| ["--exclude", *name]).collect()
}

fn perform(root: &Path, action: &Action, log: &Path) -> Result<Outcome> {
    match action {
        Action::Tidy => {
            tidy::run(root)?;
            Ok(Outcome { success: true, skipped: Vec::new() })
        }
        Action::Cargo { arguments, environment } => step::run(
            step::cargo(root).args(arguments).envs(environment.iter().map(|(name, value)| (name, value))),
            log,
        ),
    }
}

/// Where cargo builds, as cargo itself says.
fn target_directory(root: &Path) -> Result<PathBuf> {
    let output = step::cargo(root)
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .output()
        .context("cargo cannot be started")?;
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout)
        .with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
    let directory = metadata["target_directory"]
        .as_str()
        .ok_or_else(|| anyhow!("cargo metadata names no target directory"))?;
    Ok(PathBuf::from(directory))
}

/// Native builds whose output lies in the target directory, over all profiles.
fn native_builds(target: &Path) -> usize {
    ["debug", "release"]
        .iter()
        .filter_map(|profile| std::fs::read_dir(target.join(profile).join("build")).ok())
        .flat_map(|entries| entries.filter_map(Result::ok))
        .filter(|entry| {
            entry.file_name().to_string_lossy().starts_with(NATIVE_BUILD)
                && entry.path().join("output").exists()
        })
        .count()
}

fn seconds(duration: Duration) -> String {
    match duration.as_secs() {
        whole @ 0..=99 => format!("{whole} s"),
        whole => format!("{} min {} s", whole / 60, whole % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(runner: Runner, name: &str) -> String {
        let steps = steps(Path::new("/t"), runner, &["dyno-types".to_owned()]);
        match &steps.iter().find(|step| step.name == name).unwrap().action {
            Action::Cargo { arguments, environment } => format!("{environment:?} {}", arguments.join(" ")),
            Action::Tidy => "tidy".to_owned(),
        }
    }

    #[test]
    fn engines_are_built_in_release_only_and_everywhere_else_excluded() {
        for step in steps(Path::new("/t"), Runner::Cargo, &[]) {
            let Action::Cargo { arguments, .. } = &step.action else { continue };
            let touches_engines = arguments.windows(2).any(|pair| pair[0] == "-p" && pair[1] == ENGINES[0]);
            let has = |argument: &str| arguments.iter().any(|other| other == argument);
            assert!(!touches_engines || has("--release"), "{step:?}");
            assert!(
                !has("--workspace")
                    || arguments.windows(2).any(|pair| pair[0] == "--exclude" && pair[1] == ENGINES[0]),
                "{step:?}"
            );
        }
    }

    #[test]
    fn both_runners_test_the_same_selection() {
        for name in ["test", "test-release"] {
            let (nextest, plain) = (arguments(Runner::Nextest, name), arguments(Runner::Cargo, name));
            assert!(
                nextest.contains("nextest run --tests") && plain.contains("test --tests"),
                "{nextest}\n{plain}"
            );
            let selected = |text: &str| -> Vec<String> {
                let words: Vec<&str> = text.split(' ').collect();
                words
                    .windows(2)
                    .filter(|pair| ["-p", "--exclude"].contains(&pair[0]))
                    .map(|pair| pair.join(" "))
                    .collect()
            };
            assert_eq!(selected(&nextest), selected(&plain));
        }
        assert!(arguments(Runner::Cargo, "test-release").contains("(\"DYNO_ENGINE_DIR\", \"/t/release\")"));
        assert!(arguments(Runner::Nextest, "doctest").ends_with("test --doc -p dyno-types"));
    }

    #[test]
    fn steps_are_chosen_by_name_in_their_own_order_and_unknown_names_are_refused() {
        let all = || steps(Path::new("/t"), Runner::Cargo, &[]);
        let some = chosen(all(), &["docs".to_owned(), "tidy".to_owned()]).unwrap();
        assert_eq!(some.iter().map(|step| step.name).collect::<Vec<_>>(), ["tidy", "docs"]);
        assert_eq!(chosen(all(), &[]).unwrap().len(), all().len());
        let error = chosen(all(), &["tests".to_owned()]).unwrap_err().to_string();
        assert!(error.contains("\"tests\"") && error.contains("test-release"), "{error}");
    }
}
