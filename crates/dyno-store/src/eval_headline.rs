//! What a list of evaluations shows of one.

use dyno_types::EvalRecord;

use crate::headline::shown_name;

/// One line of a list of evaluations.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EvalHeadline {
    /// Id of the record.
    pub id: String,
    /// Wall clock at the start, Unix ms.
    pub started_unix_ms: i64,
    /// Name of the model: the one in its header, else its file name.
    pub model: String,
    /// How the user named the model.
    pub reference: String,
    /// Quantization label.
    pub quantization: String,
    /// Fingerprint of the model's header.
    pub fingerprint: String,
    /// SHA-256 (hex) of the model file.
    pub model_sha256: String,
    /// Processor of the machine.
    pub machine: String,
    /// Results in the record: suites times strategies.
    pub results: u64,
    /// Suite of the main score.
    pub suite: Option<String>,
    /// Prompt strategy of the main score.
    pub strategy: Option<String>,
    /// Items that count in the main score.
    pub items: Option<u64>,
    /// The main score, 0..=1; see [`EvalRecord::main_score`].
    pub accuracy: Option<f64>,
    /// What the main score is, e.g. `accuracy` or `f1`.
    pub metric: Option<String>,
    /// Perplexity, where it was measured.
    pub ppl: Option<f64>,
    /// Mean divergence from a reference, nats per token, where it was measured.
    pub kld_mean: Option<f64>,
    /// Whether the record may enter comparisons.
    pub valid: bool,
}

impl EvalHeadline {
    /// The headline of a record.
    #[must_use]
    pub fn of(record: &EvalRecord) -> Self {
        let main = record.main_score();
        let model = &record.model;
        Self {
            id: record.id.clone(),
            started_unix_ms: record.started_unix_ms,
            model: shown_name(model),
            reference: model.reference.clone(),
            quantization: model.quantization.clone(),
            fingerprint: model.fingerprint.clone(),
            model_sha256: record.model_sha256.clone(),
            machine: record.machine.cpu.clone(),
            results: record.suites.len() as u64,
            suite: main.map(|(result, _)| result.suite.name.clone()),
            strategy: main.map(|(result, _)| result.strategy.clone()),
            items: main.map(|(_, score)| score.n),
            accuracy: main.map(|(_, score)| score.value),
            metric: main.map(|(_, score)| score.metric.clone()),
            ppl: record.perplexity.as_ref().map(|result| result.ppl),
            kld_mean: record.divergence.as_ref().map(|result| result.kld_mean),
            valid: record.validity.valid,
        }
    }
}
