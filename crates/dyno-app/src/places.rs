//! Where things are kept. A place may be missing: then whatever needs none works all the same.

use std::path::{Path, PathBuf};

use dyno_engine::{EngineError, temporary_folder};
use dyno_hub::HubSettings;
use dyno_models::{Builtin, ModelError};
use dyno_store::History;
use dyno_types::{Event, EventSink};

use crate::blocking::unless_cancelled;
use crate::{AppError, Work};

/// A file or folder of dyno's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// Where the user said.
    Named(PathBuf),
    /// Where such things usually are.
    Usual(PathBuf),
    /// Nowhere. A sentence says what is missing and what would name a place.
    Nowhere(String),
}

impl Location {
    /// The path.
    ///
    /// # Errors
    /// [`AppError::NoPlace`].
    pub fn path(&self) -> Result<&Path, AppError> {
        match self {
            Self::Named(path) | Self::Usual(path) => Ok(path),
            Self::Nowhere(reason) => Err(AppError::NoPlace(reason.clone())),
        }
    }
}

/// Where things are.
#[derive(Debug, Clone)]
pub struct Places {
    /// Model cache, a folder.
    pub cache: Location,
    /// SQLite history, a file; what is measured once is kept beside it.
    pub history: Location,
    /// An executable that calls [`crate::launch_code`] when its first argument is [`crate::CODE_LAUNCHER`]: dyno itself.
    pub executable: Option<PathBuf>,
    /// The hub that models are fetched from, and the bounds of the model cache.
    pub hub: HubSettings,
}

impl Places {
    /// A file or folder of this name beside the history, when there is a place for one.
    pub(crate) fn beside_history(&self, name: impl AsRef<Path>) -> Option<PathBuf> {
        Some(self.history.path().ok()?.with_file_name(name.as_ref()))
    }

    /// A folder for files that are gone after the run.
    pub(crate) fn scratch(&self) -> PathBuf {
        let beside = self.history.path().ok().and_then(Path::parent).map(Path::to_owned);
        let writable = beside.filter(|folder| {
            std::fs::create_dir_all(folder).is_ok() && tempfile::tempfile_in(folder).is_ok()
        });
        writable.unwrap_or_else(temporary_folder)
    }

    /// The disk that models are on, or would be.
    pub(crate) fn models_disk(&self) -> PathBuf {
        self.cache.path().map_or_else(|_| temporary_folder(), Path::to_owned)
    }
}

impl Work {
    /// Folder of the model cache. It may not exist yet.
    ///
    /// # Errors
    /// [`AppError::NoPlace`].
    pub fn cache_dir(&self) -> Result<&Path, AppError> {
        self.app.places.cache.path()
    }

    pub(crate) fn open_history(&self) -> Result<History, AppError> {
        let file = self.app.places.history.path()?.to_owned();
        let cancel = self.job.cancel.clone();
        let open = move || History::open_unless(&file, move || cancel.is_cancelled());
        Ok(unless_cancelled(&self.job.cancel, open)??)
    }

    /// The history to look into, when there is one: also where it cannot be written.
    ///
    /// # Errors
    /// [`AppError::NoPlace`], [`AppError::History`].
    pub(crate) fn history_to_read(&self) -> Result<Option<History>, AppError> {
        let file = self.app.places.history.path()?.to_owned();
        let cancel = self.job.cancel.clone();
        let open = move || match file.exists() {
            true => History::open_to_read_unless(&file, move || cancel.is_cancelled()).map(Some),
            false => Ok(None),
        };
        Ok(unless_cancelled(&self.job.cancel, open)??)
    }

    /// The same where it is no loss: one that cannot be read teaches nothing.
    pub(crate) fn existing_history(&self) -> Option<History> {
        self.history_to_read().ok().flatten()
    }

    /// The history to keep records in. Where nobody named one and the usual place cannot be written, what follows is worth doing
    /// without: that nothing is kept is said before it begins.
    ///
    /// # Errors
    /// [`AppError::History`] for one that was named, and for one that is there and cannot be used.
    pub(crate) fn history_to_keep(&self) -> Result<Option<History>, AppError> {
        let without = |error: AppError| {
            self.job.emit(Event::Warning(format!("nothing of this will be kept: {error}")));
            Ok(None)
        };
        match (self.open_history(), &self.app.places.history) {
            (Ok(history), _) => Ok(Some(history)),
            (Err(error @ AppError::NoPlace(_)), _) => without(error),
            (Err(AppError::History(error)), Location::Usual(_)) if error.is_of_the_place() => {
                without(error.into())
            }
            (Err(error), _) => Err(error),
        }
    }

    /// The file of a built-in model: in the cache, or, where the usual cache cannot be written, in a folder that is gone with this
    /// process.
    ///
    /// # Errors
    /// [`AppError::Model`] when it can be written nowhere.
    pub(crate) fn place_builtin(&self, builtin: &Builtin) -> Result<PathBuf, AppError> {
        let refused = match &self.app.places.cache {
            Location::Named(folder) => return Ok(builtin.place(folder)?),
            Location::Usual(folder) => match builtin.place(folder) {
                Err(error @ (ModelError::Write { .. } | ModelError::DiskFull { .. })) => Some(error),
                placed => return Ok(placed?),
            },
            Location::Nowhere(_) => None,
        };
        let placed = self.passing_folder().and_then(|folder| Ok(builtin.place(&folder)?));
        placed.map_err(|error| refused.map_or(error, AppError::from))
    }

    /// A folder that is gone with this process.
    fn passing_folder(&self) -> Result<PathBuf, AppError> {
        let mut held = self.app.passing.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(folder) = &*held {
            return Ok(folder.path().to_owned());
        }
        let parent = temporary_folder();
        let made = tempfile::Builder::new().prefix("dyno-models-").tempdir_in(&parent);
        let made = made.map_err(|error| EngineError::of_temporary_folder(&parent, &error))?;
        Ok(held.insert(made).path().to_owned())
    }
}
