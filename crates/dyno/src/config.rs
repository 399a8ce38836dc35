//! The configuration file: what a user sets once instead of typing it every time.

use std::path::{Path, PathBuf};

use dyno_app::AppError;
use serde::Deserialize;

/// Largest configuration read, bytes.
const CONFIG_BYTES_MAX: u64 = 1 << 20;

/// Everything that can be configured. Unknown keys are errors.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    /// Models.
    pub(crate) models: Models,
}

/// Where models are.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Models {
    /// Folders that hold model files; `~` is the home directory, other relative paths begin at the folder of the file.
    pub(crate) folders: Vec<PathBuf>,
}

impl Config {
    /// Reads the file named; without one the usual file, which need not exist. `home` is what `~` means.
    ///
    /// # Errors
    /// [`AppError::Input`] when it cannot be read or says something unknown.
    pub(crate) fn read(
        named: Option<&Path>,
        usual: Option<&Path>,
        home: Option<&Path>,
    ) -> Result<Self, AppError> {
        let Some(file) = named.or(usual.filter(|file| file.exists())) else { return Ok(Self::default()) };
        let refused = |reason: String| AppError::Input(format!("{}: {reason}", file.display()));
        let text =
            dyno_app::read_plain(file, CONFIG_BYTES_MAX).map_err(|error| refused(error.to_string()))?;
        let mut config: Self = toml::from_str(&text).map_err(|error| refused(error.to_string()))?;
        let folder = file.parent().unwrap_or(Path::new(""));
        for path in &mut config.models.folders {
            *path = match (path.strip_prefix("~"), home) {
                (Ok(rest), Some(home)) => home.join(rest),
                (Ok(_), None) => return Err(refused("there is no home directory for ~ to mean".to_owned())),
                (Err(_), _) => folder.join(&*path),
            };
        }
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_read_and_made_absolute() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config.toml");
        let home = Path::new("/home/me");
        assert_eq!(Config::read(None, Some(&file), Some(home)).unwrap(), Config::default());
        assert_eq!(Config::read(Some(&file), None, Some(home)).unwrap_err().exit_code(), 2);
        std::fs::write(&file, "[models]\nfolders = [\"/data\", \"~/gguf\", \"beside\"]\n").unwrap();
        let config = Config::read(None, Some(&file), Some(home)).unwrap();
        let beside = folder.path().join("beside");
        assert_eq!(config.models.folders, [Path::new("/data"), Path::new("/home/me/gguf"), &beside]);
        assert!(Config::read(Some(&file), None, None).unwrap_err().to_string().contains("home directory"));
        for text in
            ["[models]\nfolder = []", "[modles]", "folders = 1", "[models]\nfolders = \"/data\"", "\0"]
        {
            std::fs::write(&file, text).unwrap();
            let error = Config::read(Some(&file), None, Some(home)).unwrap_err();
            assert!(error.exit_code() == 2 && error.to_string().contains("config.toml"), "{text}: {error}");
        }
        std::fs::write(&file, "").unwrap();
        assert_eq!(Config::read(Some(&file), None, None).unwrap(), Config::default());
    }
}
