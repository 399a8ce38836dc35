//! What a list of runs shows of one run, and which records a list shows.

use dyno_types::{BenchSettings, ModelFacts, RunRecord};

/// One line of a list of runs.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Headline {
    /// Run id.
    pub id: String,
    /// Wall clock at the start, Unix ms.
    pub started_unix_ms: i64,
    /// Name of the model: the one in its header, else its file name.
    pub model: String,
    /// How the user named the model.
    pub reference: String,
    /// Quantization label.
    pub quantization: String,
    /// Processor of the machine.
    pub machine: String,
    /// Mean decode rate, tokens/s.
    pub decode_tps: Option<f64>,
    /// Mean prefill rate, tokens/s.
    pub prefill_tps: Option<f64>,
    /// Mean time to first token, ms.
    pub ttft_ms: Option<f64>,
    /// Highest resident set of an engine process, bytes.
    pub rss_peak_bytes: Option<f64>,
    /// Whether the run may enter comparisons.
    pub valid: bool,
    /// Everything the run could be told to do; absent where the record cannot be read.
    pub settings: Option<BenchSettings>,
}

impl Headline {
    /// The headline of a record.
    #[must_use]
    pub fn of(record: &RunRecord) -> Self {
        let mean = |metric: &str| record.metrics.get(metric).map(|summary| summary.mean);
        let model = &record.model;
        Self {
            id: record.id.clone(),
            started_unix_ms: record.started_unix_ms,
            model: shown_name(model),
            reference: model.reference.clone(),
            quantization: model.quantization.clone(),
            machine: record.machine.cpu.clone(),
            decode_tps: mean("decode_tps"),
            prefill_tps: mean("prefill_tps"),
            ttft_ms: mean("ttft_ms"),
            rss_peak_bytes: mean("rss_peak_bytes"),
            valid: record.validity.valid,
            settings: Some(record.settings.clone()),
        }
    }
}

/// The name in the model's header, else its file name.
pub(crate) fn shown_name(model: &ModelFacts) -> String {
    let own = model.name.clone().filter(|name| !name.trim().is_empty());
    own.unwrap_or_else(|| model.file_name.clone())
}

/// Which runs or evaluations a list shows; the default shows all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// Part of the model's name or reference, in any case.
    pub model: Option<String>,
    /// Started at this moment or later, Unix ms.
    pub since_unix_ms: Option<i64>,
    /// Only records that may enter comparisons.
    pub only_valid: bool,
    /// At most this many, the newest; 0 is all.
    pub limit: u32,
}
