//! Model files in a folder and the folders in it.

use std::path::{Path, PathBuf};

use super::{Place, StoredModel, stored_model};
use crate::RemoteFile;
use crate::hub::choice::whole_models;

/// Deepest folder looked into, and most files looked at.
const DEPTH_MAX: usize = 5;
const FILES_MAX: usize = 10_000;

/// Every model below the folder, by path. All parts of a split model are one; companions (projectors of images) are left out.
/// What cannot be read is passed over.
pub(super) fn models(folder: &Path, place: &Place) -> Vec<StoredModel> {
    let mut files = Vec::new();
    collect(folder, "", 0, &mut files);
    files.sort();
    let files: Vec<RemoteFile> =
        files.into_iter().map(|path| RemoteFile { path, bytes: None, sha256: None }).collect();
    let paths = |model: Vec<RemoteFile>| model.into_iter().map(|file| folder.join(file.path)).collect();
    let found = whole_models(&files).into_iter().map(paths);
    found
        .filter_map(|paths: Vec<PathBuf>| {
            stored_model(paths.first()?.display().to_string(), place.clone(), paths)
        })
        .collect()
}

/// Paths of files that end in `.gguf`, relative to the folder, with `/` between their parts. Hidden ones are left out.
fn collect(folder: &Path, prefix: &str, depth: usize, files: &mut Vec<String>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(name) = name.to_str().filter(|name| !name.starts_with('.')) else { continue };
        let path = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}/{name}") };
        // Follows links: people link models between folders. The depth ends circles.
        let Ok(about) = std::fs::metadata(entry.path()) else { continue };
        if about.is_dir() && depth < DEPTH_MAX {
            collect(&entry.path(), &path, depth + 1, files);
        } else if about.is_file() && name.to_lowercase().ends_with(".gguf") && files.len() < FILES_MAX {
            files.push(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_below_a_folder_are_found_with_their_parts() {
        let folder = tempfile::tempdir().unwrap();
        for file in [
            "a.gguf",
            "sub/B-Q8_0.GGUF",
            "sub/C-00001-of-00002.gguf",
            "sub/C-00002-of-00002.gguf",
            "sub/D-00001-of-00002.gguf",
            "sub/mmproj-f16.gguf",
            "sub/.hidden.gguf",
            ".trash/e.gguf",
            "readme.txt",
            "1/2/3/4/5/deep.gguf",
            "1/2/3/4/5/6/too-deep.gguf",
        ] {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "12345").unwrap();
        }
        let found = models(folder.path(), &Place::LmStudio);
        let names: Vec<String> = found
            .iter()
            .map(|model| {
                let path = Path::new(&model.name).strip_prefix(folder.path()).unwrap();
                format!("{} {} {}", path.display(), model.paths.len(), model.bytes)
            })
            .collect();
        assert_eq!(
            names,
            [
                "1/2/3/4/5/deep.gguf 1 5",
                "a.gguf 1 5",
                "sub/B-Q8_0.GGUF 1 5",
                "sub/C-00001-of-00002.gguf 2 10"
            ]
        );
        assert!(models(&folder.path().join("nowhere"), &Place::LmStudio).is_empty());
    }
}
