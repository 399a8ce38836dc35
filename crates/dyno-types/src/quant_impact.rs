//! What a quantization costs and saves: size, memory, speed and quality of one model's variants side by side.

use serde::{Deserialize, Serialize};

use crate::{EvalRecord, PairedComparison, Score, metric_words};

/// A rate with its interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Rate {
    /// Tokens per second.
    pub tps: f64,
    /// 95 % interval over independent engine processes; absent with fewer than two.
    pub ci95: Option<[f64; 2]>,
}

/// Memory and speed of a model file, measured beside its quality.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Footprint {
    /// `rss_peak_bytes`: highest resident set of the engine process, bytes.
    pub rss_peak_bytes: Option<u64>,
    /// Weights, as the engine accounts for them, bytes.
    pub weights_bytes: Option<u64>,
    /// KV cache, as the engine accounts for it, bytes.
    pub kv_bytes: Option<u64>,
    /// `prefill_tps`.
    pub prefill_tps: Option<Rate>,
    /// `decode_tps`.
    pub decode_tps: Option<Rate>,
}

/// One variant of a model: what it needs, how fast it is, how good it is. A figure that was not measured is absent.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct QuantImpact {
    /// Quantization label, e.g. `q4_k_m`.
    pub name: String,
    /// Whether the others are compared with this one.
    pub original: bool,
    /// Size of the model file, bytes.
    pub file_bytes: u64,
    /// Memory and speed.
    pub footprint: Footprint,
    /// `ppl`.
    pub ppl: Option<f64>,
    /// Its standard error.
    pub ppl_standard_error: Option<f64>,
    /// Chunks it rests on.
    #[serde(default)]
    pub ppl_chunks: Option<u64>,
    /// `kld_mean` from the original, nats per token.
    pub kld_mean: Option<f64>,
    /// Its standard error.
    pub kld_standard_error: Option<f64>,
    /// `top1_agree` with the original, 0..=1.
    pub top1_agree: Option<f64>,
    /// Its standard error.
    pub top1_standard_error: Option<f64>,
    /// Suite and prompt strategy of the accuracy.
    pub task: Option<String>,
    /// Accuracy over all items of that suite.
    pub accuracy: Option<Score>,
    /// The same items, compared with the original.
    pub comparison: Option<PairedComparison>,
    /// Id of the evaluation these figures come from.
    #[serde(default)]
    pub eval: String,
}

impl QuantImpact {
    /// The row of one variant's evaluation. The original is the one that nothing compares it with: no divergence and no
    /// comparison by quantization. Accuracy is [`EvalRecord::main_score`]. Rates are those of single streams, where these were timed;
    /// answers written side by side have another.
    #[must_use]
    pub fn of(record: &EvalRecord) -> Self {
        let main = record.main_score();
        let by_quantization = |comparison: &&PairedComparison| comparison.kind == "quantization";
        let same_suite = |comparison: &&PairedComparison| {
            main.is_some_and(|(result, _)| comparison.suite == result.suite.name && comparison.group == "all")
        };
        let mut compared = record.comparisons.iter().filter(by_quantization);
        let (ppl, divergence) = (record.perplexity.as_ref(), record.divergence.as_ref());
        let task = main.map(|(result, score)| {
            let named = format!("{} · {}", result.suite.name, result.strategy);
            match score.metric.as_str() {
                "accuracy" => named,
                metric => format!("{named} ({})", metric_words(metric)),
            }
        });
        Self {
            name: record.model.quantization.clone(),
            original: divergence.is_none() && compared.clone().next().is_none(),
            file_bytes: record.model.file_bytes,
            footprint: record.footprint.unwrap_or_default(),
            ppl: ppl.map(|result| result.ppl),
            ppl_standard_error: ppl.map(|result| result.standard_error),
            ppl_chunks: ppl.map(|result| result.chunks),
            kld_mean: divergence.map(|result| result.kld_mean),
            kld_standard_error: divergence.map(|result| result.kld_standard_error),
            top1_agree: divergence.map(|result| result.top1_agree),
            top1_standard_error: divergence.map(|result| result.top1_standard_error),
            comparison: compared.find(same_suite).cloned(),
            accuracy: main.map(|(_, score)| score.clone()),
            task,
            eval: record.id.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AnswerSpeed, SuiteResult};

    #[test]
    fn answers_written_side_by_side_are_no_decode_rate() {
        let speed = AnswerSpeed { decode_tps: Some(3.0), ..AnswerSpeed::default() };
        let scores = vec![Score {
            metric: "accuracy".to_owned(),
            group: "all".to_owned(),
            n: 9,
            clusters: 9,
            value: 0.5,
            standard_error: 0.1,
            ci95: None,
            chance: None,
            unparsed: 0.0,
            tied: 0,
            failed: 0,
        }];
        let suites = vec![SuiteResult { speed, scores, ..SuiteResult::default() }];
        let mut record = EvalRecord { suites, ..EvalRecord::default() };
        assert!(record.main_score().is_some());
        assert_eq!(QuantImpact::of(&record).footprint.decode_tps, None);
        let timed = Some(Rate { tps: 9.0, ci95: None });
        record.footprint = Some(Footprint { decode_tps: timed, ..Footprint::default() });
        assert_eq!(QuantImpact::of(&record).footprint.decode_tps, timed);
    }
}
