//! What is chosen from: models of the catalogue, their quantizations, and what was measured of them here.

use dyno_types::{CatalogueModel, KvType, ModelFacts};

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

/// One quantization of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct Variant {
    /// Label, e.g. `q4_k_m`.
    pub quantization: String,
    /// Header facts of its file; absent for models that dyno's engine does not run.
    pub facts: Option<ModelFacts>,
    /// Size of the published file, where there are no facts, bytes.
    pub file_bytes: Option<u64>,
    /// What was measured of it here, newest first.
    pub measured: Vec<MeasuredRun>,
}

/// One model and its quantizations.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// The catalogue's row.
    pub model: CatalogueModel,
    /// Quantizations to choose from, in any order.
    pub variants: Vec<Variant>,
}
