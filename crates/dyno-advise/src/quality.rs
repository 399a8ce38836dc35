//! How good a model is, as far as published figures say: one comparable metric per role, and what a quantization keeps.

use dyno_types::{CatalogueModel, ChosenSettings, Evidence, KvType, QualityFigure, Role};

/// The metric that models of one role are compared by.
struct RoleMetric {
    role: Role,
    id: &'static str,
    label: &'static str,
    /// What guessing gets, percent.
    chance: f64,
    /// Whether a smaller value is better (an error rate).
    error_rate: bool,
}

/// One metric per role, so that only like is compared with like. Roles that nobody publishes a comparable figure for
/// (voice) have none.
const METRICS: [RoleMetric; 6] = [
    RoleMetric { role: Role::General, id: "mmlu", label: "MMLU", chance: 25.0, error_rate: false },
    RoleMetric { role: Role::Coding, id: "humaneval", label: "HumanEval", chance: 0.0, error_rate: false },
    RoleMetric { role: Role::Reasoning, id: "math", label: "MATH", chance: 0.0, error_rate: false },
    RoleMetric { role: Role::Vision, id: "mmmu", label: "MMMU", chance: 25.0, error_rate: false },
    RoleMetric {
        role: Role::Speech,
        id: "wer_librispeech_clean",
        label: "word errors on LibriSpeech",
        chance: 0.0,
        error_rate: true,
    },
    RoleMetric {
        role: Role::Embedding,
        id: "mteb_multilingual",
        label: "MTEB (multilingual)",
        chance: 0.0,
        error_rate: false,
    },
];

/// Perplexity of Llama 3 8B on WikiText-2 by quantization, without importance matrix: llama.cpp,
/// `tools/perplexity/README.md`, table "LLaMA 3 8b Scoreboard".
const PERPLEXITIES: [(&str, f64); 15] = [
    ("f16", 6.233_160),
    ("q8_0", 6.234_284),
    ("q6_k", 6.253_382),
    ("q5_k_m", 6.288_607),
    ("q5_k_s", 6.336_598),
    ("q5_1", 6.337_857),
    ("q5_0", 6.363_224),
    ("q4_k_m", 6.407_115),
    ("q4_k_s", 6.500_529),
    ("q4_1", 6.682_737),
    ("q4_0", 6.700_147),
    ("q3_k_l", 6.787_876),
    ("q3_k_m", 6.888_498),
    ("q3_k_s", 7.863_786),
    ("q2_k", 9.751_568),
];

/// What quantizations outside the table are taken to keep: as little as the worst in it.
const KEPT_UNKNOWN: f64 = PERPLEXITIES[0].1 / PERPLEXITIES[14].1;

/// Share of a model's quality that a quantization is taken to keep: perplexity at f16 ÷ perplexity, of Llama 3 8B. A
/// stand-in until quality is measured for the model itself: smaller models usually lose more, larger ones less.
#[must_use]
pub fn kept_by_quantization(label: &str) -> f64 {
    if matches!(label, "f32" | "bf16") {
        return 1.0;
    }
    let perplexity = PERPLEXITIES.iter().find(|(known, _)| *known == label).map(|(_, value)| *value);
    perplexity.map_or(KEPT_UNKNOWN, |value| PERPLEXITIES[0].1 / value)
}

/// Share that a KV cache type is taken to keep. An assumption, not a measurement: it makes half-precision win where it fits,
/// and 8 bits win over 4.
#[must_use]
pub fn kept_by_kv_type(kind: KvType) -> f64 {
    match kind {
        KvType::F32 | KvType::F16 | KvType::Bf16 => 1.0,
        KvType::Q8_0 => 0.995,
        KvType::Q4_0 => 0.95,
        // Nobody can ask for it.
        KvType::Unknown => 0.0,
    }
}

/// The model's figure for this role and what is kept of it; `None` when nothing comparable is published.
#[must_use]
pub fn quality(
    model: &CatalogueModel,
    role: Role,
    quantization: &str,
    settings: &ChosenSettings,
) -> Option<QualityFigure> {
    let metric = METRICS.iter().find(|metric| metric.role == role)?;
    let figure = model.figures.iter().find(|figure| figure.metric == metric.id)?;
    let kv = (kept_by_kv_type(settings.kv_type_k) * kept_by_kv_type(settings.kv_type_v)).sqrt();
    Some(QualityFigure {
        metric: metric.id.to_owned(),
        label: metric.label.to_owned(),
        value: figure.value,
        interval: None,
        chance: metric.chance,
        evidence: Evidence::Published,
        conditions: figure.conditions.clone(),
        source: figure.source.clone(),
        kept: kept_by_quantization(quantization) * kv,
    })
}

/// The figure as a share of what is possible, 0..=1: (value × kept − chance) ÷ (100 − chance); for an error rate
/// (100 − value) × kept ÷ 100.
#[must_use]
pub fn quality_share(figure: &QualityFigure) -> f64 {
    let counts_errors = METRICS.iter().any(|metric| metric.error_rate && metric.id == figure.metric);
    let right = if counts_errors { 100.0 - figure.value } else { figure.value };
    let possible = 100.0 - figure.chance;
    if possible > 0.0 { ((right * figure.kept - figure.chance) / possible).clamp(0.0, 1.0) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: ChosenSettings =
        ChosenSettings { context: 4096, kv_type_k: KvType::F16, kv_type_v: KvType::F16, ubatch: 512 };

    fn model(metric: &str, value: f64) -> CatalogueModel {
        let text = format!(
            r#"{{"name":"m","title":"M","roles":["coding"],"figures":[{{"metric":"{metric}","value":{value},"source":"s"}}]}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn fewer_bits_keep_less() {
        let labels = ["bf16", "q8_0", "q6_k", "q5_k_m", "q4_k_m", "q4_0", "q3_k_m", "q2_k"];
        let kept: Vec<f64> = labels.iter().map(|label| kept_by_quantization(label)).collect();
        assert!(kept.windows(2).all(|pair| pair[0] > pair[1]), "{kept:?}");
        assert!((kept[4] - 0.9728).abs() < 1e-4, "q4_k_m keeps {}", kept[4]);
        assert_eq!(kept_by_quantization("iq1_s"), kept_by_quantization("q2_k"));
    }

    #[test]
    fn a_share_counts_from_chance_and_errors_count_backwards() {
        let share = |role, metric, value| {
            quality_share(&quality(&model(metric, value), role, "f16", &SETTINGS).unwrap())
        };
        assert!((share(Role::General, "mmlu", 70.0) - 0.6).abs() < 1e-12);
        assert!((share(Role::Coding, "humaneval", 88.4) - 0.884).abs() < 1e-12);
        assert!((share(Role::Speech, "wer_librispeech_clean", 2.7) - 0.973).abs() < 1e-12);
        assert!(share(Role::General, "mmlu", 20.0) == 0.0, "worse than guessing");
    }

    #[test]
    fn only_the_metric_of_the_role_counts() {
        let coder = model("humaneval", 88.4);
        assert!(quality(&coder, Role::General, "q8_0", &SETTINGS).is_none());
        assert!(quality(&coder, Role::Voice, "q8_0", &SETTINGS).is_none());
        let promise = model("code_accuracy", 99.0);
        assert!(quality(&promise, Role::Coding, "q8_0", &SETTINGS).is_none(), "expectations never rank");
        let small_cache = ChosenSettings { kv_type_k: KvType::Q8_0, kv_type_v: KvType::Q8_0, ..SETTINGS };
        let figure = quality(&coder, Role::Coding, "f16", &small_cache).unwrap();
        assert!((figure.kept - 0.995).abs() < 1e-12);
    }
}
