//! The long form of fuzzing: libFuzzer on the targets in `crates/dyno-models/fuzz/`, from the committed seeds. The short form is a test.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

const USAGE: &str = "\
usage: cargo xtask fuzz [TARGET] [--seconds N]
  TARGET       gguf_header (default) or gguf_roundtrip
  --seconds N  how long; 1200 when not given";

/// The fuzz targets, from the root of the repository.
const FOLDER: &str = "crates/dyno-models/fuzz";
/// The targets; the first is the default.
const TARGETS: [&str; 2] = ["gguf_header", "gguf_roundtrip"];
/// How long, seconds, unless told.
const SECONDS: u64 = 1200;
/// Most memory that one allocation may take, MiB. The reader never asks for more than a few times its input.
const ALLOCATION_MIB_MAX: u64 = 64;
/// Longest time one input may take, seconds.
const INPUT_SECONDS_MAX: u64 = 10;

/// Longest input, bytes: the headers of small models, without their vocabulary.
const INPUT_BYTES_MAX: u64 = 8192;

/// What to do.
#[derive(Debug, PartialEq, Eq)]
struct Request {
    target: &'static str,
    seconds: u64,
}

/// Fuzzes one target; fails when libFuzzer finds something.
pub(crate) fn run(root: &Path, arguments: &[String]) -> Result<()> {
    let request = parse(arguments)?;
    let folder = root.join(FOLDER);
    check_tools(&folder)?;
    // New inputs go into the first folder, which git ignores.
    let corpus = folder.join("corpus").join(request.target);
    std::fs::create_dir_all(&corpus).with_context(|| format!("{} cannot be made", corpus.display()))?;
    let status = Command::new("cargo")
        .args(command(&request))
        .current_dir(&folder)
        .status()
        .context("cargo cannot be started")?;
    if !status.success() {
        bail!(
            "libFuzzer stopped with {status}; if it named an input under {FOLDER}/artifacts, mend what it shows and keep the input \
             in {FOLDER}/seeds/{}",
            request.target
        );
    }
    Ok(())
}

fn parse(arguments: &[String]) -> Result<Request> {
    let mut request = Request { target: TARGETS[0], seconds: SECONDS };
    let mut rest = arguments.iter().map(String::as_str);
    while let Some(argument) = rest.next() {
        if argument == "--seconds" {
            let number = rest.next().and_then(|number| number.parse().ok()).filter(|number| *number > 0);
            request.seconds = number.context("--seconds needs a whole number above 0")?;
        } else if let Some(target) = TARGETS.iter().find(|target| **target == argument) {
            request.target = target;
        } else {
            bail!("{argument:?} is neither a target nor an option\n{USAGE}");
        }
    }
    Ok(request)
}

/// Arguments of cargo, run in the folder of the fuzz targets.
fn command(request: &Request) -> Vec<String> {
    let target = request.target;
    let words = ["+nightly", "fuzz", "run", target].map(str::to_owned);
    let folders = [format!("corpus/{target}"), format!("seeds/{target}")];
    let options = [
        "--".to_owned(),
        "-dict=gguf.dict".to_owned(),
        format!("-max_total_time={}", request.seconds),
        format!("-max_len={INPUT_BYTES_MAX}"),
        format!("-malloc_limit_mb={ALLOCATION_MIB_MAX}"),
        format!("-timeout={INPUT_SECONDS_MAX}"),
        "-print_final_stats=1".to_owned(),
    ];
    words.into_iter().chain(folders).chain(options).collect()
}

fn check_tools(folder: &Path) -> Result<()> {
    let works = |arguments: &[&str]| {
        Command::new("cargo")
            .args(arguments)
            .current_dir(folder)
            .output()
            .is_ok_and(|output| output.status.success())
    };
    if !works(&["+nightly", "--version"]) {
        bail!("libFuzzer needs a nightly compiler; `rustup toolchain install nightly` installs it");
    }
    if !works(&["+nightly", "fuzz", "--version"]) {
        bail!("cargo-fuzz is missing; `cargo install cargo-fuzz` installs it");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(words: &[&str]) -> Result<Request> {
        parse(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn requests_are_read_and_others_refused() {
        assert_eq!(parsed(&[]).unwrap(), Request { target: "gguf_header", seconds: 1200 });
        let request = Request { target: "gguf_roundtrip", seconds: 5 };
        assert_eq!(parsed(&["--seconds", "5", "gguf_roundtrip"]).unwrap(), request);
        for wrong in [&["--seconds"][..], &["--seconds", "0"], &["--seconds", "long"]] {
            assert!(parsed(wrong).unwrap_err().to_string().contains("whole number"));
        }
        assert!(parsed(&["tokenizer"]).unwrap_err().to_string().contains("gguf_header"));
    }

    #[test]
    fn every_target_exists_and_has_seeds_and_words() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(FOLDER);
        for target in TARGETS {
            assert!(folder.join(format!("fuzz_targets/{target}.rs")).is_file(), "{target}");
            assert!(folder.join("seeds").join(target).read_dir().unwrap().next().is_some(), "{target}");
        }
        assert!(folder.join("gguf.dict").is_file());
    }
}
