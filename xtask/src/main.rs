//! Repository automation: `cargo xtask ci`, `cargo xtask fuzz`, `cargo xtask peers`, `cargo xtask tidy`.

// A command's output is its purpose; the lint guards libraries.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod ci;
mod coverage;
mod documented;
mod fuzz;
mod peers;
mod predictions;
mod step;
mod tidy;

use std::path::Path;
use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask COMMAND
  ci [STEP…]   every check and test, or only the named steps
  coverage …   do intervals of the benchmark hold what a repetition later gives? (coverage --help)
  fuzz …       libFuzzer on the readers of model files (fuzz [TARGET] [--seconds N])
  peers …      dyno against llama-bench, side by side (peers --help)
  predictions … predicted against measured memory and speed (predictions --help)
  tidy         the rules of the repository: layers, owners, budgets, words";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.split_first() {
        Some((command, rest)) if command == "ci" => ci::run(root(), rest),
        Some((command, rest)) if command == "coverage" => coverage::run(root(), rest),
        Some((command, rest)) if command == "fuzz" => fuzz::run(root(), rest),
        Some((command, rest)) if command == "peers" => peers::run(rest),
        Some((command, rest)) if command == "predictions" => predictions::run(rest),
        Some((command, [])) if command == "tidy" => tidy::run(root()),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The root of the repository.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the repository")
}
