//! Where measured model files are, kept beside the history: records say how a file was named, which leads nowhere from another folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use dyno_models::Reference;
use dyno_types::{Event, EventSink};

use crate::app::Model;
use crate::{AppError, Work, kept};

/// Schema of the file.
const SCHEMA: &str = "dyno.model-files/1";

/// Most files remembered; what is kept stays far below what [`kept`] reads.
const FILES_MAX: usize = 500;

/// Absolute path, as [`dyno_models::path_name`] writes it, by fingerprint of the header.
type Files = BTreeMap<String, String>;

impl Work {
    /// Notes where the file of a measured model is. Models of a cache or store are found there.
    pub(crate) fn note_file(&self, model: &Model) {
        if !matches!(Reference::parse(&model.facts.reference), Ok(Reference::File(_))) {
            return;
        }
        if let Err(error) = self.add_file(&model.facts.fingerprint, &model.path) {
            self.job.emit(Event::Warning(format!("where the model is cannot be noted: {error}")));
        }
    }

    /// Where the file with this header was when it was measured; it may be gone, or another by now.
    pub(crate) fn noted_file(&self, fingerprint: &str) -> Option<PathBuf> {
        let files = kept::read::<Files>(&self.known_files()?, SCHEMA).ok()??;
        files.get(fingerprint).map(|name| dyno_models::named_path(name))
    }

    fn add_file(&self, fingerprint: &str, path: &Path) -> Result<(), AppError> {
        let path =
            std::path::absolute(path).map_err(|source| AppError::Read { path: path.to_owned(), source })?;
        let path = dyno_models::path_name(&path);
        let Some(file) = self.known_files() else { return Ok(()) };
        // What cannot be read is no loss: it is noted again with the next measurement.
        let mut files = kept::read::<Files>(&file, SCHEMA).ok().flatten().unwrap_or_default();
        if files.get(fingerprint) == Some(&path) {
            return Ok(());
        }
        files.insert(fingerprint.to_owned(), path);
        if files.len() > FILES_MAX {
            files.retain(|known, path| known == fingerprint || dyno_models::named_path(path).exists());
        }
        while files.len() > FILES_MAX {
            let other = files.keys().find(|known| *known != fingerprint).cloned();
            other.map(|other| files.remove(&other));
        }
        kept::write(&file, SCHEMA, &files)
    }

    fn known_files(&self) -> Option<PathBuf> {
        self.app.places.beside_history("model-files.json")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_place_of_a_file_is_remembered_and_the_number_is_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let app = crate::testing::work(folder.path());
        assert_eq!(app.noted_file("f"), None);
        app.add_file("f", Path::new("/old/a.gguf")).unwrap();
        app.add_file("f", Path::new("/new/a.gguf")).unwrap();
        assert_eq!(app.noted_file("f"), Some(PathBuf::from("/new/a.gguf")));
        app.add_file("g", Path::new("b.gguf")).unwrap();
        assert!(app.noted_file("g").unwrap().is_absolute());
        for number in 0..FILES_MAX + 1 {
            app.add_file(&format!("{number:04}"), Path::new("/nowhere/x.gguf")).unwrap();
        }
        assert_eq!(
            (app.noted_file("f"), app.noted_file("0500").is_some()),
            (None, true),
            "those that are gone go first"
        );
        std::fs::write(app.known_files().unwrap(), "damaged").unwrap();
        assert_eq!(app.noted_file("0500"), None);
        app.add_file("h", Path::new("/c.gguf")).unwrap();
        assert_eq!(app.noted_file("h"), Some(PathBuf::from("/c.gguf")));
    }
}
