//! The rules of the repository. Each is a pure function from text to findings; this module feeds them and reports.

pub(crate) mod crates;
mod exceptions;
mod flags;
mod layers;
mod parameters;
mod source;
pub(crate) mod tree;
mod words;

use std::fmt;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

const EXCEPTIONS_FILE: &str = "xtask/tidy-exceptions.txt";
const WORDS_FILE: &str = "xtask/forbidden-words.txt";
const LAYERS_FILE: &str = "layers.toml";
const MAP_FILE: &str = "ARCHITECTURE.md";

/// A broken rule.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Finding {
    /// Name of the rule, as exceptions name it.
    rule: &'static str,
    /// File, relative to the root.
    path: String,
    /// Line, from 1; 0 when the finding concerns the file as a whole.
    line: usize,
    /// What is wrong and what to do.
    message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(formatter, "{}: [{}] {}", self.path, self.rule, self.message),
            line => write!(formatter, "{}:{line}: [{}] {}", self.path, self.rule, self.message),
        }
    }
}

/// Checks the whole repository; prints each finding and fails when there is one.
pub(crate) fn run(root: &Path) -> Result<()> {
    let found = exceptions::apply(findings(root)?, EXCEPTIONS_FILE, &read(root, EXCEPTIONS_FILE)?);
    if found.is_empty() {
        return Ok(());
    }
    found.iter().for_each(|finding| println!("{finding}"));
    bail!("{} broken rule(s), listed above; CONTRIBUTING.md explains them", found.len())
}

fn findings(root: &Path) -> Result<Vec<Finding>> {
    let files = tree::files(root)?;
    let packages = crates::packages(root, &files)?;
    let layers = layers::Layers::parse(&read(root, LAYERS_FILE)?)?;
    let words = read(root, WORDS_FILE)?;
    let forbidden = words::parse(&words);
    let mut found = tree::check(&files);
    found.extend(layers::check(&packages, &layers));
    found.extend(crates::check_named(&packages, MAP_FILE, &read(root, MAP_FILE)?));
    for path in &files {
        // Binary fixtures hold no text to check.
        let Ok(text) = fs::read_to_string(root.join(path)) else { continue };
        if path != WORDS_FILE {
            found.extend(words::check(path, &text, &forbidden));
        }
        if tree::has_extension(path, "rs") {
            found.extend(source::check(path, &text));
        }
    }
    Ok(found)
}

fn read(root: &Path, path: &str) -> Result<String> {
    fs::read_to_string(root.join(path)).with_context(|| format!("{path} cannot be read"))
}
