//! Where LM Studio keeps models: `PUBLISHER/REPOSITORY/FILE.gguf` below a folder that it lets the user move.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// Longest file of settings read, bytes.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// The part of LM Studio's settings that says where downloads go.
#[derive(Deserialize)]
struct Settings {
    #[serde(rename = "downloadsFolder")]
    downloads_folder: Option<PathBuf>,
}

/// Folders of models of LM Studio for this home directory, the present one first: the folder named in its settings, the one in
/// its own home (which `~/.lmstudio-home-pointer` may move), and that of older versions. They need not exist.
pub(crate) fn lm_studio_folders(home: &Path) -> Vec<PathBuf> {
    let pointer = read(&home.join(".lmstudio-home-pointer"));
    let moved = pointer.map(|text| PathBuf::from(text.trim())).filter(|path| path.is_absolute());
    let own = moved.unwrap_or_else(|| home.join(".lmstudio"));
    let settings = read(&own.join("settings.json"));
    let settings = settings.and_then(|text| serde_json::from_str::<Settings>(&text).ok());
    let named = settings.and_then(|settings| settings.downloads_folder).filter(|path| path.is_absolute());
    let mut folders: Vec<PathBuf> = named.into_iter().collect();
    for folder in [own.join("models"), home.join(".cache").join("lm-studio").join("models")] {
        if !folders.contains(&folder) {
            folders.push(folder);
        }
    }
    folders
}

/// A file of another program: one that is missing or makes no sense says nothing.
fn read(file: &Path) -> Option<String> {
    let mut text = String::new();
    dyno_models::open_plain(file).ok()?.take(FILE_BYTES_MAX).read_to_string(&mut text).ok()?;
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_is_where_lm_studio_says() {
        let home = tempfile::tempdir().unwrap();
        let path = |name: &str| home.path().join(name);
        assert_eq!(
            lm_studio_folders(home.path()),
            [path(".lmstudio/models"), path(".cache/lm-studio/models")]
        );
        let moved = path("moved");
        std::fs::create_dir(&moved).unwrap();
        std::fs::write(path(".lmstudio-home-pointer"), format!("{}\n", moved.display())).unwrap();
        assert_eq!(lm_studio_folders(home.path())[0], moved.join("models"));
        let settings = serde_json::json!({"downloadsFolder": path("big"), "other": 1});
        std::fs::write(moved.join("settings.json"), settings.to_string()).unwrap();
        assert_eq!(lm_studio_folders(home.path())[..2], [path("big"), moved.join("models")]);
        std::fs::write(moved.join("settings.json"), "{ no json").unwrap();
        assert_eq!(lm_studio_folders(home.path())[0], moved.join("models"));
    }
}
