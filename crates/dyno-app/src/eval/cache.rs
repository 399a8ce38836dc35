//! Answers given before, one file per model, suite and settings. Killing dyno loses at most what was being answered; the same
//! evaluation again asks nothing.

use std::collections::BTreeMap;
use std::path::Path;

use dyno_types::{EngineSettings, ItemOutcome, ItemResult, Sampling};
use serde::Serialize;

use crate::AppError;
use crate::eval::lines::{Line, Lines};

/// Schema of the files; raised when the meaning of a line changes, or when answers are judged differently.
const SCHEMA: &str = "dyno.answers/2";

/// Knobs that no answer depends on. Every other one is part of the key, a new one by itself.
pub(crate) const KNOBS_WITHOUT_EFFECT: [&str; 5] = [
    // They change the order of floating point sums at most, as stated where sampling is.
    "threads",
    "threads_prefill",
    "sequences",
    // They say where the same weights are held.
    "mmap",
    "mlock",
];

/// The settings that answers may depend on, by knob.
pub(crate) fn settings_that_count(settings: &EngineSettings) -> BTreeMap<String, serde_json::Value> {
    let all = serde_json::to_value(settings).expect("settings are plain data");
    let all = all.as_object().cloned().unwrap_or_default();
    all.into_iter().filter(|(knob, _)| !KNOBS_WITHOUT_EFFECT.contains(&knob.as_str())).collect()
}

/// Everything an answer depends on.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct AnswerKey {
    /// dyno's version: extraction and scoring belong to it.
    pub(crate) dyno: String,
    pub(crate) model_sha256: String,
    /// Name of the suite, for people who look into the file.
    pub(crate) suite: String,
    pub(crate) suite_sha256: String,
    /// The whole strategy, so that editing one changes the key.
    pub(crate) strategy: serde_json::Value,
    pub(crate) few_shot: u32,
    /// The whole template, too; of the model's own, which its digest covers, the name.
    pub(crate) template: serde_json::Value,
    pub(crate) sampling: Sampling,
    pub(crate) max_tokens: u32,
    /// What answers are held to; absent for plain ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) policy: Option<serde_json::Value>,
    /// Backend of the engine with its version.
    pub(crate) backend: String,
    /// Knobs; see [`settings_that_count`].
    pub(crate) settings: BTreeMap<String, serde_json::Value>,
    /// Whether generated code is run.
    pub(crate) code: String,
}

/// The answers of one key.
#[derive(Debug)]
pub(crate) struct AnswerCache(Lines<ItemResult>);

impl Line for ItemResult {
    fn id(&self) -> &str {
        &self.id
    }
}

impl AnswerCache {
    /// The answers known for this key, in a file of this folder.
    pub(crate) fn open(folder: &Path, key: &AnswerKey) -> Result<Self, AppError> {
        Lines::open(folder, SCHEMA, key).map(Self)
    }

    /// The answer to an item, when it was given before.
    pub(crate) fn get(&self, id: &str) -> Option<&ItemResult> {
        self.0.get(id)
    }

    /// Lines that could not be read.
    pub(crate) fn damaged(&self) -> usize {
        self.0.damaged()
    }

    /// Where the answers are kept.
    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Keeps an answer. What failed is not kept: the next run tries it again.
    pub(crate) fn keep(&mut self, item: &ItemResult) -> Result<(), AppError> {
        if matches!(item.outcome, ItemOutcome::Failed { .. }) {
            return Ok(());
        }
        self.0.keep(item)
    }
}

#[cfg(test)]
mod tests;
