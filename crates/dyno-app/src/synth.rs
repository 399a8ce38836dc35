//! `synth`: make a model with random weights in a true shape.

use std::path::{Path, PathBuf};

use dyno_types::{Event, EventSink, ModelFacts};
use serde::Serialize;

use crate::{AppError, Work};

/// What can be made.
#[derive(Debug, Clone, Serialize)]
pub struct SynthCatalogue {
    /// Names of shapes.
    pub shapes: Vec<String>,
    /// Names of quantizations.
    pub quantizations: Vec<String>,
}

/// A model file that is there now.
#[derive(Debug, Clone, Serialize)]
pub struct Synthesized {
    /// The file.
    pub path: PathBuf,
    /// Facts from its header.
    pub model: ModelFacts,
}

impl Work {
    /// Shapes and quantizations by name.
    #[must_use]
    pub fn synth_catalogue(&self) -> SynthCatalogue {
        SynthCatalogue {
            shapes: dyno_models::shape_names().into_iter().map(ToOwned::to_owned).collect(),
            quantizations: dyno_models::quant_names().into_iter().map(ToOwned::to_owned).collect(),
        }
    }

    /// Makes `SHAPE@QUANT` in `folder` (the cache by default), or finds it there.
    ///
    /// # Errors
    /// [`AppError::Model`] for an unknown shape or quantization, or a file that cannot be written.
    pub fn synth(&self, model: &str, seed: u64, folder: Option<&Path>) -> Result<Synthesized, AppError> {
        let spec = dyno_models::SynthSpec::parse(model, seed)?;
        let folder = folder.map_or_else(|| self.cache_dir(), Ok)?;
        let mut started = false;
        let mut progress = |done: u64, total: u64| {
            if !started {
                started = true;
                self.job.emit(Event::PhaseStarted { phase: format!("making {model}"), total });
            }
            self.job.emit(Event::PhaseAdvanced { done, detail: String::new() });
            !self.job.cancel.is_cancelled()
        };
        let path = dyno_models::synthesize(&spec, folder, &mut progress);
        if started {
            self.job.emit(Event::PhaseEnded);
        }
        let path = path?;
        let facts = dyno_models::read_facts(&path, model)?;
        Ok(Synthesized { path, model: facts })
    }
}
