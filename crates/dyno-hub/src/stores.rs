//! Models that other programs keep on this machine, and folders of the user: read where they are, never changed.

mod folder;
mod lm_studio;
mod ollama;

use std::path::{Path, PathBuf};

use dyno_types::{Event, Job};
use serde::{Serialize, Serializer};

pub(crate) use lm_studio::lm_studio_folders;
pub use ollama::OllamaModel;
pub(crate) use ollama::{find as find_in_ollama, ollama_folders};

use crate::cache::huggingface;
use crate::{HubError, HubSettings};

/// Who keeps a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The Hugging Face cache of other programs.
    HuggingFace,
    /// An Ollama store.
    Ollama,
    /// LM Studio.
    LmStudio,
    /// A folder of the user.
    Folder(PathBuf),
}

impl Place {
    /// The place in words.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::HuggingFace => "Hugging Face cache".to_owned(),
            Self::Ollama => "Ollama".to_owned(),
            Self::LmStudio => "LM Studio".to_owned(),
            Self::Folder(folder) => folder.display().to_string(),
        }
    }
}

impl Serialize for Place {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.name())
    }
}

/// A model of one of these places.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StoredModel {
    /// What to type to use it.
    pub name: String,
    /// Who keeps it.
    pub place: Place,
    /// Size of all files, bytes.
    pub bytes: u64,
    /// Files; the first is the one to load.
    pub paths: Vec<PathBuf>,
}

/// Models of all places that the settings name, in a fixed order; a file that is in several is listed once. Places that are not
/// there hold nothing; a folder that the user named gets a warning.
///
/// # Errors
/// [`HubError::Cancelled`].
pub(crate) fn stored(settings: &HubSettings, job: &Job) -> Result<Vec<StoredModel>, HubError> {
    let mut models = Vec::new();
    for folder in &settings.folders {
        let reason = match std::fs::read_dir(folder) {
            Err(error) => Some(error.to_string()),
            Ok(_) if folder::is_of_the_kernel(folder) => {
                Some("it holds no files, but shows the kernel".to_owned())
            }
            Ok(_) => None,
        };
        if let Some(reason) = reason {
            let text = format!("{} of models.folders is left out: {reason}", folder.display());
            job.events.emit(Event::Warning(text));
        }
        models.extend(folder::models(folder, &Place::Folder(folder.clone()), job)?);
    }
    for folder in &settings.lm_studio {
        models.extend(folder::models(folder, &Place::LmStudio, job)?);
    }
    models.extend(settings.huggingface_cache.iter().flat_map(|hub| in_huggingface(hub)));
    for store in &settings.ollama {
        models.extend(ollama::models(store));
    }
    let mut seen: Vec<(PathBuf, Place)> = Vec::new();
    models.retain(|model| {
        let Some(file) = model.paths.first().and_then(|path| path.canonicalize().ok()) else { return false };
        // Tags of Ollama are names of their own, also where several mean one file.
        let tag = |place: &Place| *place == Place::Ollama && model.place == Place::Ollama;
        let new = seen.iter().all(|(other, place)| *other != file || tag(place));
        seen.push((file, model.place.clone()));
        new
    });
    Ok(models)
}

fn in_huggingface(hub: &Path) -> Vec<StoredModel> {
    let models = huggingface::models(hub).into_iter();
    let stored = models.filter_map(|(reference, paths)| stored_model(reference, Place::HuggingFace, paths));
    stored.collect()
}

/// A model with the size of its files; `None` when one of them is gone.
fn stored_model(name: String, place: Place, paths: Vec<PathBuf>) -> Option<StoredModel> {
    let bytes = paths.iter().map(|path| Some(path.metadata().ok()?.len())).sum::<Option<u64>>()?;
    Some(StoredModel { name, place, bytes, paths })
}
