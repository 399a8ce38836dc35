//! A small catalogue, and a predictor that follows two laws: memory is weights plus cache, speed is bandwidth by weights.

use dyno_advise::{
    Candidate, Interval, MeasuredRate, MeasuredRun, MeasuredScore, MemoryEstimate, Predictor, Request,
    SpeedEstimate, Variant, budget,
};
use dyno_types::{
    CatalogueModel, EngineSettings, KvType, ModelFacts, Priority, PublishedFigure, Role, StepWords,
    Whereabouts,
};

pub(crate) const GIB: u64 = 1 << 30;

/// Bytes of weights read per second.
const BANDWIDTH: f64 = 40e9;

/// Bits per weight, about.
pub(crate) const QUANTIZATIONS: [(&str, f64); 5] =
    [("q8_0", 8.5), ("q6_k", 6.6), ("q5_k_m", 5.7), ("q4_k_m", 4.85), ("q2_k", 3.0)];

/// The machine of the tests.
pub(crate) struct Laws;

impl Predictor for Laws {
    fn memory(&self, facts: &ModelFacts, settings: &EngineSettings) -> Option<MemoryEstimate> {
        let per_token = facts.kv_bytes_per_token(
            settings.kv_type_k.bytes_per_element(),
            settings.kv_type_v.bytes_per_element(),
        )?;
        Some(MemoryEstimate {
            weights_mapped_bytes: facts.weights_bytes,
            kv_bytes: (per_token * f64::from(settings.context)) as u64,
            compute_bytes: u64::from(settings.ubatch) << 19,
            process_bytes: 30 << 20,
            ..MemoryEstimate::default()
        })
    }

    fn speed(&self, facts: &ModelFacts, _settings: &EngineSettings) -> Option<SpeedEstimate> {
        let likely = BANDWIDTH / facts.weights_bytes as f64;
        let around = |likely: f64| Interval { likely, low: likely * 0.85, high: likely * 1.15 };
        Some(SpeedEstimate { prefill_tps: around(likely * 10.0), decode_tps: around(likely) })
    }
}

/// Facts of a model with so many billion parameters at so many bits.
pub(crate) fn facts(billions: f64, bits: f64) -> ModelFacts {
    ModelFacts {
        weights_bytes: (billions * 1e9 * bits / 8.0) as u64,
        layers: Some(32),
        heads: Some(32),
        kv_heads: Some(8),
        key_length: Some(128),
        value_length: Some(128),
        context_train: Some(131_072),
        ..ModelFacts::default()
    }
}

pub(crate) fn model(name: &str, roles: &[Role], figures: &[(&str, f64)]) -> CatalogueModel {
    let figure = |(metric, value): &(&str, f64)| PublishedFigure {
        metric: (*metric).to_owned(),
        value: *value,
        conditions: None,
        source: "paper".to_owned(),
    };
    CatalogueModel {
        name: name.to_owned(),
        title: name.to_uppercase(),
        aliases: Vec::new(),
        roles: roles.to_vec(),
        parameters: None,
        parameters_active: None,
        shape: Some(name.to_owned()),
        sizes: Vec::new(),
        memory: None,
        context: None,
        licence: None,
        repository: Some(format!("org/{name}")),
        runs_with: None,
        remark: None,
        figures: figures.iter().map(figure).collect(),
    }
}

/// A model in every quantization.
pub(crate) fn candidate(name: &str, billions: f64, figures: &[(&str, f64)]) -> Candidate {
    let variant = |(label, bits): (&str, f64)| Variant {
        quantization: label.to_owned(),
        facts: Some(facts(billions, bits)),
        file_bytes: None,
        measured: Vec::new(),
        evaluated: Vec::new(),
        here: None,
    };
    Candidate {
        model: model(name, &[Role::General], figures),
        variants: QUANTIZATIONS.into_iter().map(variant).collect(),
    }
}

/// A family from small to large.
pub(crate) fn family() -> Vec<Candidate> {
    [
        ("0.5b", 0.5, 47.5),
        ("1.5b", 1.5, 60.9),
        ("3b", 3.1, 65.6),
        ("7b", 7.6, 74.2),
        ("14b", 14.8, 79.7),
        ("70b", 70.6, 86.0),
    ]
    .into_iter()
    .map(|(name, billions, mmlu)| candidate(name, billions, &[("mmlu", mmlu)]))
    .collect()
}

/// A request for so many GiB with a quarter kept free.
pub(crate) fn request(priority: Priority, memory_bytes: u64) -> Request {
    Request {
        role: Role::General,
        priority,
        profile: None,
        context: None,
        model: None,
        among: Vec::new(),
        preferred: Vec::new(),
        budget: budget(memory_bytes, 0.25),
        words: StepWords(|step| format!("{step:?}")),
    }
}

pub(crate) fn run(id: &str, decode_tps: f64, rss_peak_bytes: u64) -> MeasuredRun {
    MeasuredRun {
        id: id.to_owned(),
        context: 4096,
        kv_type_k: KvType::F16,
        kv_type_v: KvType::F16,
        ubatch: 512,
        decode: Some(MeasuredRate {
            mean_tps: decode_tps,
            interval_tps: Some([decode_tps - 0.1, decode_tps + 0.1]),
        }),
        prefill: None,
        rss_peak_bytes: Some(rss_peak_bytes),
    }
}

/// Puts a file of one quantization on this machine.
pub(crate) fn put_here(candidate: &mut Candidate, quantization: &str) {
    let variant = candidate.variants.iter_mut().find(|variant| variant.quantization == quantization).unwrap();
    let reference = format!("models/{}-{quantization}.gguf", candidate.model.name);
    variant.here = Some(Whereabouts { reference, place: "folder".to_owned(), builtin: false });
}

/// Notes that so many of 200 questions of a suite were answered right.
pub(crate) fn evaluate(candidate: &mut Candidate, quantization: &str, suite: &str, right: u64) {
    let share = right as f64 / 200.0;
    let score = MeasuredScore {
        id: format!("eval-of-{}", candidate.model.name),
        suite: suite.to_owned(),
        suite_sha256: format!("digest of {suite}"),
        strategy: "direct".to_owned(),
        few_shot: 0,
        items: 200,
        metric: "accuracy".to_owned(),
        judge_sha256: None,
        share,
        ci95: Some([(share - 0.05).max(0.0), (share + 0.05).min(1.0)]),
        chance: None,
    };
    let variant = candidate.variants.iter_mut().find(|variant| variant.quantization == quantization).unwrap();
    variant.evaluated.push(score);
}
