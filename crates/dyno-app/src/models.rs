//! `models`: the models in the cache and on a hub.

use std::path::PathBuf;
use std::time::Instant;

use dyno_hub::{Checked, Found, HubError, Library, Origin, RemoteHeader, Row, StoredModel, Verdict};
use dyno_models::{HubReference, ModelFiles, OllamaReference, Reference};
use dyno_report::{CachedModel, Inspection, KeptModel};
use dyno_types::{Event, EventSink as _, Job};
use serde::Serialize;

use crate::{AppError, Work};

/// A model in the cache, as `list` and `show` state it.
pub type ModelRow = Row;

/// A model that is in the cache now.
#[derive(Debug, Clone, Serialize)]
pub struct Fetched {
    /// How it was asked for.
    pub reference: String,
    /// The file to load.
    pub path: PathBuf,
    /// All files.
    pub files: Vec<PathBuf>,
    /// Size of all files, bytes.
    pub bytes: u64,
    /// Where it was found.
    pub origin: Origin,
}

/// An inspected model.
#[derive(Debug, Clone, Serialize)]
pub struct Inspected {
    /// What its header says.
    #[serde(flatten)]
    pub inspection: Inspection,
    /// Bytes fetched to know it, for a model elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fetched_bytes: Option<u64>,
}

impl Work {
    /// Does work with the models within reach.
    pub(crate) fn with_library<T>(
        &self,
        work: impl FnOnce(&Library, &Job) -> Result<T, HubError>,
    ) -> Result<T, AppError> {
        self.with_cache(|job| work(&Library::new(self.app.places.hub.clone()), job))
    }

    /// Does work in the model cache; says where that could be when there is none.
    pub(crate) fn with_cache<T>(
        &self,
        work: impl FnOnce(&Job) -> Result<T, HubError>,
    ) -> Result<T, AppError> {
        match work(&self.job) {
            Err(HubError::NoCache) => Err(self.cache_dir().err().unwrap_or(HubError::NoCache.into())),
            other => Ok(other?),
        }
    }

    /// Fetches a model of a hub into the cache, or makes a synthetic one there.
    ///
    /// # Errors
    /// [`AppError::Hub`]; [`AppError::Input`] for references of other kinds.
    pub fn pull(&self, reference: &str) -> Result<Fetched, AppError> {
        let found = match Reference::parse(reference)? {
            Reference::Hub(hub) => self.with_library(|library, job| library.pull(&hub, job))?,
            Reference::Synthetic(spec) => {
                let mut progress = self.making(reference);
                self.with_library(|library, job| library.synthesize(reference, &spec, &mut progress, job))?
            }
            Reference::File(_) | Reference::Builtin(_) | Reference::Ollama(_) | Reference::Url(_) => {
                return Err(AppError::Input(format!(
                    "{reference:?} is nothing to pull; name a model of a hub: hf:ORG/REPO[@REVISION][:FILE-OR-QUANT]"
                )));
            }
        };
        let path = found.files.first().cloned().unwrap_or_default();
        let (files, bytes, origin) = (found.files, found.bytes, found.origin);
        Ok(Fetched { reference: reference.to_owned(), path, files, bytes, origin })
    }

    /// Models in the cache, the last used first.
    ///
    /// # Errors
    /// [`AppError::Hub`] when the cache cannot be read.
    pub fn cached_models(&self) -> Result<Vec<ModelRow>, AppError> {
        self.with_library(|library, job| library.list(job))
    }

    /// Models that other programs keep on this machine, and those in the folders of the user.
    ///
    /// # Errors
    /// [`AppError::Cancelled`]; what cannot be read gets a warning.
    pub fn stored_models(&self) -> Result<Vec<StoredModel>, AppError> {
        self.with_library(|library, job| library.stored(job))
    }

    /// The file of a model in an Ollama store, after its content was compared with the digest that the store states: read once, and
    /// again when the file has changed.
    ///
    /// # Errors
    /// [`AppError::Hub`] when it is not there, or not what the store says.
    pub(crate) fn checked_ollama(&self, reference: &OllamaReference) -> Result<PathBuf, AppError> {
        let model = self.with_library(|library, _| library.find_in_ollama(reference))?;
        let (_, identity) = ModelFiles::open_identified(&model.path)?;
        let found = self.model_sha256(&identity)?;
        if found == model.sha256 {
            return Ok(model.path);
        }
        Err(AppError::Hub(HubError::OllamaStore {
            reference: reference.to_string(),
            path: model.path,
            reason: format!("its content has the digest {found}"),
        }))
    }

    /// One model in the cache.
    ///
    /// # Errors
    /// [`AppError::Hub`] when there is none of that name, or several.
    pub fn cached_model(&self, reference: &str) -> Result<ModelRow, AppError> {
        self.with_library(|library, job| library.show(reference, job))
    }

    /// Reads every byte of a model, or of all models, and compares it with what was put there. Damaged files are set aside.
    ///
    /// # Errors
    /// [`AppError::Hub`]. Damaged models are a result, not an error.
    pub fn verify_models(&self, reference: Option<&str>) -> Result<Vec<Checked>, AppError> {
        self.with_library(|library, job| library.verify(reference, job))
    }

    /// Keeps a model from being evicted, or lets it go again.
    ///
    /// # Errors
    /// [`AppError::Hub`].
    pub fn pin_model(&self, reference: &str, pinned: bool) -> Result<ModelRow, AppError> {
        self.with_library(|library, job| library.pin(reference, pinned, job))
    }

    /// Removes a model from the cache.
    ///
    /// # Errors
    /// [`AppError::Hub`], also when it is pinned or in use.
    pub fn remove_model(&self, reference: &str) -> Result<ModelRow, AppError> {
        self.with_library(|library, job| library.remove(reference, job))
    }

    fn inspect_kept(&self, found: Found, reference: &str) -> Result<Inspected, AppError> {
        let begun = Instant::now();
        let facts = dyno_models::read_facts(&self.keep(found), reference)?;
        let read_ms = begun.elapsed().as_secs_f64() * 1e3;
        Ok(Inspected { inspection: self.inspection(facts, read_ms), fetched_bytes: None })
    }

    /// The inspection of a model of a hub or a web server, by its header alone; `None` for every other reference.
    pub(crate) fn inspect_remote(&self, reference: &str) -> Result<Option<Inspected>, AppError> {
        let begun = Instant::now();
        let (headers, fetched_bytes) = match Reference::parse(reference)? {
            Reference::Hub(hub) => {
                let found = self.with_library(|library, job| header_or_file(library, &hub, job))?;
                match found {
                    HubModel::File(found) => return self.inspect_kept(found, reference).map(Some),
                    HubModel::Headers(headers, fetched_bytes) => (headers, fetched_bytes),
                }
            }
            Reference::Url(address) => {
                let (header, bytes) =
                    self.with_library(|library, job| library.remote_header(&address, job))?;
                (vec![header], bytes)
            }
            Reference::File(_) | Reference::Builtin(_) | Reference::Synthetic(_) | Reference::Ollama(_) => {
                return Ok(None);
            }
        };
        let part = |RemoteHeader { name, header }: RemoteHeader| (PathBuf::from(name), header);
        let files = ModelFiles { parts: headers.into_iter().map(part).collect() };
        let facts = dyno_models::facts_of(&files, reference);
        let read_ms = begun.elapsed().as_secs_f64() * 1e3;
        let whole = facts.file_bytes;
        self.job.emit(Event::Note(format!("read {fetched_bytes} of {whole} bytes, the header alone")));
        Ok(Some(Inspected {
            inspection: self.inspection(facts, read_ms),
            fetched_bytes: Some(fetched_bytes),
        }))
    }
}

/// How a model of a hub is inspected.
enum HubModel {
    /// It is on this machine.
    File(Found),
    /// Its headers, and the bytes fetched to know them.
    Headers(Vec<RemoteHeader>, u64),
}

/// The model on this machine, else its headers from the hub; where that cannot be asked, what is here and most likely meant.
fn header_or_file(library: &Library, hub: &HubReference, job: &Job) -> Result<HubModel, HubError> {
    if let Some(found) = library.find_here(hub, job)? {
        return Ok(HubModel::File(found));
    }
    match library.remote_headers(hub, job) {
        Ok((headers, bytes)) => Ok(HubModel::Headers(headers, bytes)),
        Err(outage) if outage.is_outage() => library.guessed(hub, job)?.map(HubModel::File).ok_or(outage),
        Err(error) => Err(error),
    }
}

/// What a list shows of a model.
#[must_use]
pub fn listed(row: &ModelRow) -> CachedModel {
    CachedModel {
        name: row.name.clone(),
        bytes: row.bytes,
        last_used_unix_ms: i64::try_from(row.entry.last_used_unix_ns / 1_000_000).unwrap_or(i64::MAX),
        pinned: row.entry.pinned,
        in_use: row.in_use,
    }
}

/// A model of `list`: of the cache, or kept elsewhere on this machine.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum ListedModel {
    /// In the cache.
    Cached {
        /// `cache`.
        place: &'static str,
        /// Everything known.
        #[serde(flatten)]
        row: Box<ModelRow>,
    },
    /// In the store of another program, or in a folder of the user.
    Kept(StoredModel),
}

/// What a list shows of a model outside the cache.
#[must_use]
pub fn kept_elsewhere(model: &StoredModel) -> KeptModel {
    KeptModel { name: model.name.clone(), place: model.place.name(), bytes: model.bytes }
}

/// How many of the checked models were damaged.
#[must_use]
pub fn damaged(checked: &[Checked]) -> usize {
    checked.iter().filter(|checked| matches!(checked.verdict, Verdict::Damaged { .. })).count()
}
