//! Finds crates whose documentation holds examples that run; nextest does not run those.

use std::path::Path;

use anyhow::Result;

use crate::tidy::{crates, tree};

/// Names of library crates outside the engines with at least one example that `cargo test --doc` would run.
pub(crate) fn crates_with_doctests(root: &Path) -> Result<Vec<String>> {
    let files = tree::files(root)?;
    let mut names = Vec::new();
    for package in crates::packages(root, &files)? {
        let sources = format!("{}/src/", package.folder);
        let library = files.contains(&format!("{sources}lib.rs")) && !package.folder.starts_with("engines/");
        let mut texts = files
            .iter()
            .filter(|path| path.starts_with(&sources))
            .filter_map(|path| std::fs::read_to_string(root.join(path)).ok());
        if library && texts.any(|text| has_example(&text)) {
            names.push(package.name);
        }
    }
    Ok(names)
}

/// Whether a documentation comment opens a code block that is not marked as something else than Rust.
fn has_example(source: &str) -> bool {
    let mut open = false;
    for line in source.lines() {
        let line = line.trim_start();
        let Some(fence) = line
            .strip_prefix("///")
            .or_else(|| line.strip_prefix("//!"))
            .and_then(|text| text.trim().strip_prefix("```"))
        else {
            continue;
        };
        if !open && ["", "rust", "no_run", "should_panic", "compile_fail"].contains(&fence) {
            return true;
        }
        open = !open;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::has_example;

    #[test]
    fn only_blocks_that_run_count() {
        assert!(has_example("/// Text.\n/// ```\n/// f();\n/// ```\nfn f() {}"));
        assert!(has_example("//! ```no_run\n//! f();\n//! ```"));
        assert!(
            !has_example("/// ```text\n/// a -> b\n/// ```\nfn f() {}"),
            "the closing fence opens nothing"
        );
        assert!(!has_example("// ```\nlet text = \"```\";"));
    }
}
