//! Models on this machine: in the cache, in the stores of other programs, in folders of the user, and what the history measured.

use std::path::{Path, PathBuf};

use dyno_hub::EntryKind;
use dyno_models::Reference;
use dyno_types::{Event, EventSink, ModelFacts, Whereabouts};

use super::measured::{Measured, Named};
use super::side_by_side::side_by_side;
use crate::{AppError, Work};

/// A model file whose header was read.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct LocalModel {
    pub(super) whereabouts: Whereabouts,
    pub(super) facts: ModelFacts,
    /// Digest of the weights, as far as it is known without reading them.
    pub(super) sha256: Option<String>,
}

/// A file that may be a model.
#[derive(Debug, Clone)]
struct Spot {
    whereabouts: Whereabouts,
    path: PathBuf,
    /// Fingerprint that the header must have: a file may have been replaced since it was measured.
    fingerprint: Option<String>,
}

impl Spot {
    fn new(reference: String, place: &str, path: PathBuf) -> Self {
        let whereabouts = Whereabouts { reference, place: place.to_owned(), builtin: false };
        Self { whereabouts, path, fingerprint: None }
    }
}

/// Every model on this machine that has weights of its own, once each.
///
/// # Errors
/// [`AppError::Hub`] when the cache cannot be read.
pub(super) fn on_this_machine(work: &Work, measured: &Measured) -> Result<Vec<LocalModel>, AppError> {
    let mut spots = in_cache(work)?;
    let stored = work.with_library(|library, job| library.stored(job))?;
    spots.extend(stored.into_iter().filter_map(|model| {
        let path = model.paths.into_iter().next()?;
        Some(Spot::new(model.name, &model.place.name(), path))
    }));
    spots.extend(measured.named().iter().filter_map(|named| measured_before(work, named)));
    let mut models: Vec<LocalModel> = Vec::new();
    let read_spot = |spot: Spot| {
        let model = read(work, &spot);
        (spot.fingerprint, model)
    };
    for (fingerprint, model) in side_by_side(spots, read_spot) {
        match model {
            Ok(model) => {
                let replaced = fingerprint.is_some_and(|known| known != model.facts.fingerprint);
                let known = models.iter().any(|other| other.facts.fingerprint == model.facts.fingerprint);
                if !replaced && !known && !model.facts.synthetic {
                    models.push(model);
                }
            }
            Err(error) => work.job.emit(Event::Warning(format!("a model is left out: {error}"))),
        }
    }
    Ok(models)
}

/// Models that were pulled, and quantizations that were made; synthetic ones have no quality.
fn in_cache(work: &Work) -> Result<Vec<Spot>, AppError> {
    let mut spots = Vec::new();
    for row in work.cached_models()? {
        match row.entry.kind {
            EntryKind::Hub => {
                let path = row.paths.into_iter().next();
                spots.extend(path.map(|path| Spot::new(row.name, "cache", path)));
            }
            EntryKind::Quantized => {
                let spot = |path: PathBuf| Spot::new(dyno_models::path_name(&path), "cache", path);
                spots.extend(row.paths.into_iter().map(spot));
            }
            EntryKind::Synthetic => {}
        }
    }
    Ok(spots)
}

/// A file or built-in model that a record names, when it is still there: where it was noted to be, else under the name it had.
fn measured_before(work: &Work, named: &Named) -> Option<Spot> {
    let (reference, path, place) = match Reference::parse(&named.reference).ok()? {
        Reference::File(typed) => {
            let noted = work.noted_file(&named.fingerprint).filter(|path| path.is_file());
            let path = noted.unwrap_or(typed);
            (dyno_models::path_name(&path), path, "measured before")
        }
        Reference::Builtin(builtin) => {
            (named.reference.clone(), work.place_builtin(builtin).ok()?, "inside dyno")
        }
        // Found in the cache or a store, when they are there.
        Reference::Hub(_) | Reference::Ollama(_) | Reference::Synthetic(_) | Reference::Url(_) => {
            return None;
        }
    };
    let mut spot = Spot::new(reference, place, path.is_file().then_some(path)?);
    spot.whereabouts.builtin = place == "inside dyno";
    spot.fingerprint = Some(named.fingerprint.clone());
    Some(spot)
}

fn read(work: &Work, spot: &Spot) -> Result<LocalModel, AppError> {
    let (facts, identity) = dyno_models::read_identified(&spot.path, &spot.whereabouts.reference)?;
    Ok(LocalModel { whereabouts: spot.whereabouts.clone(), facts, sha256: work.remembered_sha256(&identity) })
}

/// Whether a name that is no file could be nothing else: no model of the catalogue is called so.
fn is_meant_as_file(path: &Path) -> bool {
    path.extension().is_some_and(|end| end.eq_ignore_ascii_case("gguf")) && !path.exists()
}

/// One model by its reference, when it is on this machine: a file, a model of the cache or of a store, a built-in one.
///
/// # Errors
/// [`AppError`] when it is there and cannot be read.
pub(super) fn named(work: &Work, reference: &str) -> Result<Option<LocalModel>, AppError> {
    let (path, place) = match Reference::parse(reference)? {
        Reference::File(path) if is_meant_as_file(&path) => {
            return Err(dyno_models::ModelError::NotFound { path, hint: String::new() }.into());
        }
        Reference::File(path) => (path.is_file().then_some(path), "named"),
        Reference::Builtin(builtin) => (Some(work.place_builtin(builtin)?), "inside dyno"),
        Reference::Hub(hub) => {
            let found = work.with_library(|library, job| library.find_here(&hub, job))?;
            (found.and_then(|found| found.files.into_iter().next()), "cache")
        }
        Reference::Ollama(ollama) => {
            match work.with_library(|library, _| library.find_in_ollama(&ollama)) {
                Ok(model) => (Some(model.path), "Ollama"),
                // The catalogue knows names of Ollama, too.
                Err(_) if dyno_models::recognise(reference).is_some() => (None, "Ollama"),
                Err(error) => return Err(error),
            }
        }
        Reference::Synthetic(spec) => {
            let facts = ModelFacts { reference: reference.to_owned(), ..spec.facts() };
            let whereabouts = Whereabouts {
                reference: reference.to_owned(),
                place: "made here".to_owned(),
                builtin: false,
            };
            return Ok(Some(LocalModel { whereabouts, facts, sha256: None }));
        }
        Reference::Url(_) => (None, "elsewhere"),
    };
    let spot = path.map(|path| Spot::new(reference.to_owned(), place, path));
    spot.map(|spot| read(work, &spot)).transpose()
}
