//! `cargo xtask predictions`: how far off are dyno's predictions on this machine?
//!
//! `memory` loads synthetic models of many architectures, quantizations, windows and cache types, fills their windows and
//! compares the peak of the engine process with what was predicted from the header alone. `speed` predicts shapes that are drawn at
//! random each time and compares with what the engine then does.

mod drawn;
mod memory;
mod runner;
mod speed;
mod table;

use std::path::PathBuf;

use anyhow::{Context as _, bail};

const USAGE: &str = "\
usage: cargo xtask predictions memory|speed [OPTIONS]
  --engine FILE      engine executable [default: built in release]
  --only TEXT        memory: only cases whose name contains this
  --shapes N         speed: shapes to draw [default: 20]
  --seed N           speed: draw the shapes of an earlier run [default: other ones each time]
  --format text|json [default: text]";

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
struct Options {
    engine: Option<PathBuf>,
    only: String,
    shapes: usize,
    seed: Option<u64>,
    json: bool,
}

/// Runs the command with the arguments after its name.
///
/// # Errors
/// For unknown arguments, and when something cannot be built, made or run.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let Some((what, rest)) = arguments.split_first() else { bail!("{USAGE}") };
    let options = Options::parse(rest)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match what.as_str() {
        "memory" => runtime.block_on(memory::run(&options)),
        "speed" => runtime.block_on(speed::run(&options)),
        "--help" => {
            println!("{USAGE}");
            Ok(())
        }
        other => bail!("unknown prediction {other:?}\n{USAGE}"),
    }
}

impl Options {
    fn parse(arguments: &[String]) -> anyhow::Result<Self> {
        let mut options = Self { engine: None, only: String::new(), shapes: 20, seed: None, json: false };
        let mut arguments = arguments.iter();
        while let Some(name) = arguments.next() {
            let value = arguments.next().with_context(|| format!("{name} needs a value\n{USAGE}"))?;
            match name.as_str() {
                "--engine" => options.engine = Some(PathBuf::from(value)),
                "--only" => options.only.clone_from(value),
                "--shapes" => options.shapes = number(name, value)?,
                "--seed" => options.seed = Some(number(name, value)?),
                "--format" if value == "json" || value == "text" => options.json = value == "json",
                "--format" => bail!("--format {value:?} is not text or json"),
                _ => bail!("unknown option {name}\n{USAGE}"),
            }
        }
        Ok(options)
    }
}

fn number<T: std::str::FromStr>(name: &str, value: &str) -> anyhow::Result<T> {
    value.parse().ok().with_context(|| format!("{name} {value:?} is not a number\n{USAGE}"))
}
