//! Files that other programs put into the Hugging Face cache: used where they lie, never changed.
//!
//! `HUB/models--ORG--REPO/refs/REVISION` holds a commit; `HUB/models--ORG--REPO/snapshots/COMMIT/PATH` is a file (a link to a
//! blob).

use std::io::Read as _;
use std::path::{Path, PathBuf};

use dyno_models::{HubReference, check_path};

use crate::RemoteFile;
use crate::hub::choice::choose;

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

/// Folder of the revision: the commit it refers to, or the commit itself.
fn snapshot(repo: &Path, revision: &str) -> Option<PathBuf> {
    let mut commit = String::new();
    let read = std::fs::File::open(repo.join("refs").join(revision))
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
        std::fs::write(repo.join("refs/main"), "../../..").unwrap();
        assert_eq!(found("hf:o/r"), None, "a reference cannot lead elsewhere");
    }
}
