//! Sampling presets of models, as `tune` finds them: one file per model beside the history, named after the digest of the
//! weights, so that a renamed model keeps its presets and a changed one has none.

use std::collections::BTreeMap;
use std::path::PathBuf;

use dyno_eval::{SamplingChoice, Weights};
use dyno_types::{Event, EventSink};
use serde::{Deserialize, Serialize};

use crate::{AppError, Work, kept};

/// Schema of the files.
const SCHEMA: &str = "dyno.sampling-presets/1";

/// What is known to be good for one model.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ModelPresets {
    /// The model as it was named when it was last tuned.
    pub model: String,
    /// SHA-256 of its weights.
    pub model_sha256: String,
    /// Task → preset.
    pub tasks: BTreeMap<String, TunedPreset>,
}

/// Sampling settings for one task, and where they come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TunedPreset {
    /// The settings.
    pub choice: SamplingChoice,
    /// Mean quality in the search, 0 to 1.
    pub quality: f64,
    /// Tokens/s in the search, as many answers side by side as were asked for.
    pub decode_tps: f64,
    /// Both, weighted.
    pub objective: f64,
    /// The weights.
    pub weights: Weights,
    /// Prompt strategy of the questions.
    pub strategy: String,
    /// Suites the questions are from.
    pub suites: Vec<String>,
    /// Model that rated answers to open questions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judge: Option<String>,
    /// Seed of the search.
    pub seed: u64,
    /// Generations it took.
    pub generations: usize,
    /// What the search says about it.
    pub sentence: String,
    /// dyno's version.
    pub dyno: String,
    /// When it was found, ms since 1970.
    pub found_unix_ms: i64,
}

impl Work {
    /// Presets of the model with this digest. A file that cannot be used is named in a warning and counts as none.
    pub(crate) fn model_presets(&self, sha256: &str) -> Option<ModelPresets> {
        let file = self.app.places.beside_history(presets_file(sha256))?;
        match kept::read::<ModelPresets>(&file, SCHEMA) {
            Ok(presets) => presets,
            Err(reason) => {
                let place = file.display();
                self.job.emit(Event::Warning(format!(
                    "{place} is not used: {reason}; `dyno tune` makes a new one"
                )));
                None
            }
        }
    }

    /// Whether presets can be kept at all; why not is said.
    pub(crate) fn has_place_for_presets(&self) -> bool {
        let place = self.app.places.history.path();
        if let Err(error) = &place {
            self.job.emit(Event::Warning(format!("what is found will not be kept: {error}")));
        }
        place.is_ok()
    }

    /// Keeps the preset of one task beside those of the model's other tasks; gives the file.
    pub(crate) fn keep_preset(
        &self,
        model: &str,
        sha256: &str,
        task: &str,
        preset: TunedPreset,
    ) -> Result<PathBuf, AppError> {
        let mut presets = self.model_presets(sha256).unwrap_or_default();
        model.clone_into(&mut presets.model);
        sha256.clone_into(&mut presets.model_sha256);
        presets.tasks.insert(task.to_owned(), preset);
        let file = self.app.places.history.path()?.with_file_name(presets_file(sha256));
        kept::write(&file, SCHEMA, &presets)?;
        Ok(file)
    }
}

/// Path beside the history.
fn presets_file(sha256: &str) -> String {
    format!("presets/{sha256}.json")
}
