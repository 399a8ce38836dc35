//! Files that other programs put into the Hugging Face cache: used where they lie, never changed.
//!
//! `HUB/models--ORG--REPO/refs/REVISION` holds a commit; `HUB/models--ORG--REPO/snapshots/COMMIT/PATH` is a file (a link to a
//! blob).

use std::io::Read as _;
use std::path::{Path, PathBuf};

use dyno_models::{DEFAULT_REVISION, HubReference, check_path};

use crate::RemoteFile;
use crate::hub::choice::{choose, whole_models};

/// Deepest folder looked into, and most files looked at.
const DEPTH_MAX: usize = 4;
const FILES_MAX: usize = 10_000;

/// Files of the model that the reference means, when all of them are in the Hugging Face cache.
pub(crate) fn find(hub: &Path, reference: &HubReference) -> Option<Vec<PathBuf>> {
    let repo = hub.join(format!("models--{}--{}", reference.organisation, reference.repository));
    let snapshot = snapshot(&repo, reference.revision())?;
    let mut files = Vec::new();
    collect(&snapshot, "", 0, &mut files);
    files.sort_by(|one, other| one.path.cmp(&other.path));
    let chosen = choose(reference, &files).ok()?;
    Some(chosen.into_iter().map(|file| snapshot.join(file.path)).collect())
}

/// Every model in the Hugging Face cache, as a reference and its files; of the revisions that were fetched, the default one without
/// its name.
pub(crate) fn models(hub: &Path) -> Vec<(String, Vec<PathBuf>)> {
    let mut found = Vec::new();
    for repo in folders(hub) {
        let name = repo.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let Some((organisation, repository)) =
            name.strip_prefix("models--").and_then(|rest| rest.split_once("--"))
        else {
            continue;
        };
        let main = snapshot(&repo, DEFAULT_REVISION);
        let mut snapshots = folders(&repo.join("snapshots"));
        snapshots.sort_by_key(|folder| (Some(folder) != main.as_ref(), folder.clone()));
        for folder in snapshots {
            let commit = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let revision = if Some(&folder) == main.as_ref() { String::new() } else { format!("@{commit}") };
            let mut files = Vec::new();
            collect(&folder, "", 0, &mut files);
            files.sort_by(|one, other| one.path.cmp(&other.path));
            for model in whole_models(&files) {
                let reference = format!("hf:{organisation}/{repository}{revision}:{}", model[0].path);
                if HubReference::parse(&reference).is_ok() {
                    found.push((reference, model.into_iter().map(|file| folder.join(file.path)).collect()));
                }
            }
        }
    }
    found
}

/// Folders in a folder, by name.
fn folders(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut found: Vec<PathBuf> =
        entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    found.sort();
    found
}

/// Folder of the revision: the commit it refers to, or the commit itself.
fn snapshot(repo: &Path, revision: &str) -> Option<PathBuf> {
    let mut commit = String::new();
    let read = dyno_models::open_plain(&repo.join("refs").join(revision))
        .and_then(|file| file.take(256).read_to_string(&mut commit));
    let commit = if read.is_ok() { commit.trim() } else { revision };
    let plain = check_path(commit).is_ok() && !commit.contains('/');
    let folder = repo.join("snapshots").join(commit);
    (plain && folder.is_dir()).then_some(folder)
}

fn collect(folder: &Path, prefix: &str, depth: usize, files: &mut Vec<RemoteFile>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(name) = name.to_str().filter(|name| check_path(name).is_ok()) else { continue };
        let path = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}/{name}") };
        // Follows the link to the blob; a link to nowhere is no file.
        let Ok(about) = std::fs::metadata(entry.path()) else { continue };
        if about.is_dir() && depth < DEPTH_MAX {
            collect(&entry.path(), &path, depth + 1, files);
        } else if about.is_file() && files.len() < FILES_MAX {
            files.push(RemoteFile { path, bytes: Some(about.len()), sha256: None });
        }
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn models_are_found_by_branch_and_by_commit() {
        let hub = tempfile::tempdir().unwrap();
        let repo = hub.path().join("models--o--r");
        let snapshot = repo.join("snapshots/c0ffee");
        for folder in ["blobs", "refs", "snapshots/c0ffee/sub"] {
            std::fs::create_dir_all(repo.join(folder)).unwrap();
        }
        std::fs::write(repo.join("refs/main"), "c0ffee\n").unwrap();
        std::fs::write(repo.join("blobs/b1"), "weights").unwrap();
        symlink(repo.join("blobs/b1"), snapshot.join("sub/m-q8_0.gguf")).unwrap();
        symlink(repo.join("blobs/gone"), snapshot.join("m-q4_k_m.gguf")).unwrap();
        let found = |text: &str| find(hub.path(), &HubReference::parse(text).unwrap());
        let expected = Some(vec![snapshot.join("sub/m-q8_0.gguf")]);
        for text in ["hf:o/r", "hf:o/r:q8_0", "hf:o/r:m-q8_0.gguf", "hf:o/r@c0ffee:q8_0"] {
            assert_eq!(found(text), expected, "{text}");
        }
        for text in ["hf:o/r:q4_k_m", "hf:o/r@other", "hf:o/other"] {
            assert_eq!(found(text), None, "{text}");
        }
        let listed = |revision: &str| {
            vec![(format!("hf:o/r{revision}:sub/m-q8_0.gguf"), vec![snapshot.join("sub/m-q8_0.gguf")])]
        };
        assert_eq!(models(hub.path()), listed(""));
        std::fs::write(repo.join("refs/main"), "another\n").unwrap();
        assert_eq!(models(hub.path()), listed("@c0ffee"));
        std::fs::write(repo.join("refs/main"), "../../..").unwrap();
        assert_eq!(found("hf:o/r"), None, "a reference cannot lead elsewhere");
    }
}
