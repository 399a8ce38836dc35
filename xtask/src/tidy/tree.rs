//! Which files belong to the repository, and rules about their names.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::Finding;

/// Most entries in the root folder.
const ROOT_ENTRIES_MAX: usize = 20;
/// Names that say nothing about what a file holds.
const EMPTY_NAMES: [&str; 6] = ["utils", "util", "common", "helpers", "helper", "misc"];

/// Files of the repository, relative to the root, with `/` between folders.
///
/// With git: what it tracks, and new files it does not ignore; new files in the root itself are the user's own. Without git
/// (an unpacked archive): every file outside the target folders.
pub(crate) fn files(root: &Path) -> Result<BTreeSet<String>> {
    let tracked = git_files(root, &["--cached"]);
    let new = git_files(root, &["--others", "--exclude-standard"]);
    let files = match (tracked, new) {
        (Some(tracked), Some(new)) if !tracked.is_empty() => {
            tracked.into_iter().chain(new.into_iter().filter(|path| path.contains('/'))).collect()
        }
        _ => {
            let mut files = BTreeSet::new();
            walk(root, "", &mut files)?;
            files
        }
    };
    Ok(files.into_iter().filter(|path| root.join(path).is_file()).collect())
}

fn git_files(root: &Path, which: &[&str]) -> Option<Vec<String>> {
    // A clone owned by somebody else (containers do that) is listed all the same; nothing of it is run.
    let output = Command::new("git")
        .args(["-c", "safe.directory=*", "ls-files", "-z"])
        .args(which)
        .current_dir(root)
        .output()
        .ok()?;
    let names = output.stdout.split(|byte| *byte == 0).filter(|name| !name.is_empty());
    output.status.success().then(|| names.map(|name| String::from_utf8_lossy(name).into_owned()).collect())
}

fn walk(root: &Path, folder: &str, files: &mut BTreeSet<String>) -> Result<()> {
    for entry in fs::read_dir(root.join(folder)).with_context(|| format!("{folder} cannot be listed"))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
        if entry.file_type()?.is_dir() {
            if name != ".git" && !name.starts_with("target") {
                walk(root, &path, files)?;
            }
        } else {
            files.insert(path);
        }
    }
    Ok(())
}

/// Whether the path ends in this extension.
pub(super) fn has_extension(path: &str, extension: &str) -> bool {
    Path::new(path).extension().is_some_and(|found| found == extension)
}

/// Names that say nothing, and a root folder nobody can take in.
pub(super) fn check(files: &BTreeSet<String>) -> Vec<Finding> {
    let mut found = Vec::new();
    for path in files.iter().filter(|path| has_extension(path, "rs")) {
        let empty =
            path.split('/').map(|part| part.trim_end_matches(".rs")).find(|part| EMPTY_NAMES.contains(part));
        if let Some(name) = empty {
            let message =
                format!("{name:?} says nothing: name the file or folder after the one concept it holds");
            found.push(Finding { rule: "file-name", path: path.clone(), line: 0, message });
        }
    }
    let entries: BTreeSet<&str> = files.iter().filter_map(|path| path.split('/').next()).collect();
    if entries.len() > ROOT_ENTRIES_MAX {
        let message = format!(
            "{} entries in the root folder, at most {ROOT_ENTRIES_MAX}: move some into docs/, scripts/ or xtask/",
            entries.len()
        );
        found.push(Finding { rule: "root-entries", path: ".".to_owned(), line: 0, message });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(paths: &[&str]) -> BTreeSet<String> {
        paths.iter().map(|path| (*path).to_owned()).collect()
    }

    #[test]
    fn names_that_say_nothing_are_found_in_files_and_folders() {
        let found = check(&set(&[
            "crates/a/src/utils.rs",
            "crates/a/tests/common/mod.rs",
            "crates/a/src/commonality.rs",
            "docs/misc.md",
        ]));
        let paths: Vec<&str> = found.iter().map(|finding| finding.path.as_str()).collect();
        assert_eq!(paths, ["crates/a/src/utils.rs", "crates/a/tests/common/mod.rs"]);
    }

    #[test]
    fn the_root_folder_has_a_budget() {
        let full: Vec<String> = (0..ROOT_ENTRIES_MAX).map(|index| format!("entry{index}/file")).collect();
        let mut files: BTreeSet<String> = full.into_iter().collect();
        assert_eq!(check(&files), []);
        files.insert("entry0/second".to_owned());
        assert_eq!(check(&files), [], "files in one folder are one entry");
        files.insert("one-more".to_owned());
        assert_eq!(check(&files)[0].rule, "root-entries");
    }

    #[test]
    fn without_git_everything_outside_target_folders_belongs() {
        let folder = tempfile::tempdir().unwrap();
        for path in
            ["crates/a/src/lib.rs", "target/debug/x.rs", "target-engine/y.rs", ".ci/run", ".git/config"]
        {
            let file = folder.path().join(path);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, "").unwrap();
        }
        let mut files = BTreeSet::new();
        walk(folder.path(), "", &mut files).unwrap();
        assert_eq!(files, set(&["crates/a/src/lib.rs", ".ci/run"]));
    }

    #[test]
    fn with_git_new_files_count_except_in_the_root_and_ignored_or_deleted_ones_do_not() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let file = folder.path().join(path);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        };
        write(".gitignore", "ignored\n");
        write("src/kept.rs", "");
        write("src/deleted.rs", "");
        let git = |arguments: &[&str]| {
            Command::new("git")
                .args(arguments)
                .current_dir(folder.path())
                .output()
                .is_ok_and(|output| output.status.success())
        };
        if !git(&["init"]) {
            eprintln!("SKIPPED: tidy with git: git is not installed");
            return;
        }
        assert!(git(&["add", "."]));
        fs::remove_file(folder.path().join("src/deleted.rs")).unwrap();
        write("src/new.rs", "");
        write("src/ignored", "");
        write("page.html", "");
        assert_eq!(files(folder.path()).unwrap(), set(&[".gitignore", "src/kept.rs", "src/new.rs"]));
    }
}
