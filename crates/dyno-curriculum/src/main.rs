//! Writes training conversations and held-out suites.
#![allow(clippy::print_stderr)] // A command's errors.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::from(2)
        }
    }
}

const USAGE: &str = "usage: dyno-curriculum conversations [--seed N] [--count N] --out FILE.jsonl
       dyno-curriculum heldout --out FOLDER";

fn run(arguments: &[String]) -> Result<(), String> {
    let (verb, flags) = arguments.split_first().ok_or(USAGE)?;
    let known: &[&str] = match verb.as_str() {
        "conversations" => &["--seed", "--count", "--out"],
        "heldout" => &["--out"],
        _ => return Err(USAGE.to_owned()),
    };
    let mut values = BTreeMap::new();
    for pair in flags.chunks(2) {
        match pair {
            [flag, value] if known.contains(&flag.as_str()) => values.insert(flag.as_str(), value.as_str()),
            _ => return Err(format!("{verb} cannot use {:?}\n{USAGE}", pair.join(" "))),
        };
    }
    let number = |flag: &str, otherwise: u64| match values.get(flag) {
        None => Ok(otherwise),
        Some(text) => text.parse().map_err(|_| format!("{flag} {text:?} is no whole number\n{USAGE}")),
    };
    let out = values.get("--out").ok_or(USAGE)?;
    match verb.as_str() {
        "conversations" => conversations(number("--seed", 1)?, number("--count", 1_000_000)?, out),
        _ => heldout(Path::new(out)),
    }
    .map_err(|error| format!("{out}: {error}"))
}

fn conversations(seed: u64, count: u64, out: &str) -> Result<(), String> {
    let file = File::create(out).map_err(|error| error.to_string())?;
    let mut file = BufWriter::with_capacity(1 << 20, file);
    for index in 0..count {
        serde_json::to_writer(&mut file, &dyno_curriculum::lesson(seed, index))
            .map_err(|error| error.to_string())?;
        file.write_all(b"\n").map_err(|error| error.to_string())?;
    }
    file.flush().map_err(|error| error.to_string())
}

fn heldout(folder: &Path) -> Result<(), String> {
    std::fs::create_dir_all(folder).map_err(|error| error.to_string())?;
    for suite in dyno_curriculum::suites() {
        std::fs::write(folder.join(&suite.name), suite.text)
            .map_err(|error| format!("{}: {error}", suite.name))?;
    }
    Ok(())
}
