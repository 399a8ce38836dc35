//! What is chosen from: models of the catalogue and of this machine, their quantizations, and what was measured of them here.

use dyno_types::{CatalogueModel, KvType, ModelFacts, Whereabouts};

/// A measured rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MeasuredRate {
    /// Mean, tokens/s.
    pub mean_tps: f64,
    /// Ends of its 95 % interval, tokens/s.
    pub interval_tps: Option<[f64; 2]>,
}

/// A valid run of the history on this machine.
#[derive(Debug, Clone, PartialEq)]
pub struct MeasuredRun {
    /// Run id.
    pub id: String,
    /// Context window it ran with, tokens.
    pub context: u32,
    /// KV cache type of keys.
    pub kv_type_k: KvType,
    /// KV cache type of values.
    pub kv_type_v: KvType,
    /// Most tokens computed at once.
    pub ubatch: u32,
    /// Decode rate.
    pub decode: Option<MeasuredRate>,
    /// Prefill rate.
    pub prefill: Option<MeasuredRate>,
    /// Highest resident set, bytes.
    pub rss_peak_bytes: Option<u64>,
}

/// What an evaluation of the history found: how well a suite was answered.
#[derive(Debug, Clone, PartialEq)]
pub struct MeasuredScore {
    /// Id of the evaluation.
    pub id: String,
    /// Name of the suite.
    pub suite: String,
    /// Digest of the suite: only the same questions are compared.
    pub suite_sha256: String,
    /// Prompt strategy.
    pub strategy: String,
    /// Worked examples before each question.
    pub few_shot: u32,
    /// Items that count.
    pub items: u64,
    /// What the share is: `accuracy`, `f1`, `judge` and so on; only the same is compared.
    pub metric: String,
    /// Digest of the judge's weights, where one rated the answers: another judge has another scale.
    pub judge_sha256: Option<String>,
    /// Share answered right, or mean grade, 0..=1.
    pub share: f64,
    /// Ends of its 95 % interval, 0..=1, where there is one.
    pub ci95: Option<[f64; 2]>,
    /// What guessing gets, 0..=1.
    pub chance: Option<f64>,
}

/// One quantization of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct Variant {
    /// Label, e.g. `q4_k_m`.
    pub quantization: String,
    /// Header facts of its file; absent for models that dyno's engine does not run.
    pub facts: Option<ModelFacts>,
    /// Size of the published file, where there are no facts, bytes.
    pub file_bytes: Option<u64>,
    /// Speed and memory measured of it here, newest first.
    pub measured: Vec<MeasuredRun>,
    /// Evaluations of these weights, newest first.
    pub evaluated: Vec<MeasuredScore>,
    /// Where its file is on this machine; absent when it has to be fetched.
    pub here: Option<Whereabouts>,
}

/// One model and its quantizations.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// The catalogue's row; of a model that is in none, what its file says.
    pub model: CatalogueModel,
    /// Quantizations to choose from, in any order.
    pub variants: Vec<Variant>,
}
