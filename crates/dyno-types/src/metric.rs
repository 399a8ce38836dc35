//! Metrics: one definition each. Ids, labels, units and directions in records, tables and pages come from here.

use serde::{Deserialize, Serialize};

/// Which direction is an improvement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Better {
    /// Greater values are better.
    Higher,
    /// Smaller values are better.
    Lower,
}

/// Unit of a metric, which also decides how it is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unit {
    /// Milliseconds.
    #[serde(rename = "ms")]
    Milliseconds,
    /// Tokens per second.
    #[serde(rename = "tokens/s")]
    TokensPerSecond,
    /// Bytes.
    #[serde(rename = "bytes")]
    Bytes,
}

impl Unit {
    /// The unit as text.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Milliseconds => "ms",
            Self::TokensPerSecond => "tokens/s",
            Self::Bytes => "bytes",
        }
    }
}

/// The single definition of one metric.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// Id in records and columns; ends in its unit.
    pub id: &'static str,
    /// Label for tables and pages.
    pub label: &'static str,
    /// Unit.
    pub unit: Unit,
    /// Direction of improvement.
    pub better: Better,
    /// What exactly is measured, with its formula.
    pub definition: &'static str,
}

/// Standard deviation of the logarithm from run to run that is assumed where the history does not say, by metric id.
const ASSUMED_VARIATION: [(&str, f64); 4] =
    [("decode_tps", 0.05), ("load_ms", 0.12), ("load_cold_ms", 0.25), ("unload_ms", 0.25)];
/// The same for all other times and rates.
const ASSUMED_VARIATION_OF_TIMES: f64 = 0.08;
/// The same for sizes.
const ASSUMED_VARIATION_OF_SIZES: f64 = 0.005;

impl Metric {
    /// Standard deviation of the logarithm from run to run that is assumed before the history knows; 0.05 is about five per cent.
    #[must_use]
    pub fn assumed_variation(&self) -> f64 {
        let own = ASSUMED_VARIATION.iter().find(|(id, _)| *id == self.id).map(|(_, log_sd)| *log_sd);
        own.unwrap_or(match self.unit {
            Unit::Bytes => ASSUMED_VARIATION_OF_SIZES,
            Unit::Milliseconds | Unit::TokensPerSecond => ASSUMED_VARIATION_OF_TIMES,
        })
    }

    /// The metric with this id.
    #[must_use]
    pub fn find(id: &str) -> Option<&'static Self> {
        METRICS.iter().find(|metric| metric.id == id)
    }
}

const fn lower_ms(id: &'static str, label: &'static str, definition: &'static str) -> Metric {
    Metric { id, label, unit: Unit::Milliseconds, better: Better::Lower, definition }
}

const fn higher_tps(id: &'static str, label: &'static str, definition: &'static str) -> Metric {
    Metric { id, label, unit: Unit::TokensPerSecond, better: Better::Higher, definition }
}

const fn lower_bytes(id: &'static str, label: &'static str, definition: &'static str) -> Metric {
    Metric { id, label, unit: Unit::Bytes, better: Better::Lower, definition }
}

/// Every metric a benchmark record may carry.
pub const METRICS: &[Metric] = &[
    lower_ms(
        "load_ms",
        "load (warm)",
        "file open to ready for the first decode, weights and context, file in the page cache",
    ),
    lower_ms(
        "load_cold_ms",
        "load (cold)",
        "file open to ready for the first decode after the file was dropped from the page cache",
    ),
    lower_ms("ttft_ms", "TTFT", "t_first_tok - t_send: submission to first generated token"),
    lower_ms("tpot_ms", "TPOT", "(t_last_tok - t_first_tok)/(n_out - 1) per request; absent for n_out < 2"),
    lower_ms("itl_ms", "token gap", "gaps between consecutive tokens, pooled over tokens"),
    lower_ms("e2e_ms", "end to end", "t_last_tok - t_send"),
    higher_tps(
        "prefill_tps",
        "prefill",
        "uncached prompt tokens / time of the prompt pass in the engine; repetitions combine as sum(tokens)/sum(time)",
    ),
    higher_tps(
        "prefill_512_tps",
        "prefill of 512 tokens",
        "the same for prompts of 512 tokens in an empty context, as llama-bench's pp512; absent where the window has no room",
    ),
    higher_tps(
        "decode_tps",
        "decode",
        "(n_out - 1)/(t_last_tok - t_first_tok); repetitions combine as sum(tokens)/sum(time)",
    ),
    lower_bytes(
        "rss_load_bytes",
        "memory after load",
        "resident set of the engine process after load (VmRSS)",
    ),
    lower_bytes("rss_peak_bytes", "peak memory", "highest resident set of the engine process (VmHWM)"),
    lower_bytes(
        "rss_after_unload_bytes",
        "memory after unload",
        "resident set of the engine process after unloading, before it ends",
    ),
    lower_ms("unload_ms", "unload", "time to free context and weights"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_has_an_assumed_variation() {
        for metric in METRICS {
            let most = if metric.unit == Unit::Bytes { 0.01 } else { 0.3 };
            assert!((0.001..=most).contains(&metric.assumed_variation()), "{}", metric.id);
        }
        assert!(ASSUMED_VARIATION.iter().all(|(id, _)| Metric::find(id).is_some()));
    }

    #[test]
    fn ids_are_unique_and_end_in_their_unit() {
        for (index, metric) in METRICS.iter().enumerate() {
            let suffix = match metric.unit {
                Unit::Milliseconds => "_ms",
                Unit::TokensPerSecond => "_tps",
                Unit::Bytes => "_bytes",
            };
            assert!(metric.id.ends_with(suffix), "{}", metric.id);
            assert!(METRICS[..index].iter().all(|other| other.id != metric.id), "{} twice", metric.id);
        }
    }
}
