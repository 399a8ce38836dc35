//! Everything a model could be run as: each quantization with each setting, with its memory, speed, quality and score.

use dyno_types::{
    Choice, ChosenSettings, Constraint, EngineSettings, Evidence, KvType, MemoryNeed, MemoryParts, Priority,
    QualityFigure, RateFigure, Role, Standing,
};

use crate::estimate::estimated_memory;
use crate::fit::kv_type_suits;
use crate::quality::quality;
use crate::score::score;
use crate::yardstick::Yardstick;
use crate::{Candidate, MeasuredRate, MeasuredRun, MemoryEstimate, Predictor, Variant};

/// Settings tried for every quantization, from exact to sparing: KV type and physical batch.
const LADDER: [(KvType, u32); 4] =
    [(KvType::F16, 512), (KvType::F16, 128), (KvType::Q8_0, 512), (KvType::Q8_0, 128)];

/// What an evaluation depends on beside the candidate.
#[derive(Clone, Copy)]
pub(crate) struct Question<'a> {
    pub(crate) role: Role,
    pub(crate) priority: Priority,
    pub(crate) context: u32,
    pub(crate) predictor: &'a dyn Predictor,
    /// What answers are compared by, where any of the candidates was evaluated.
    pub(crate) yardstick: Option<&'a Yardstick>,
}

/// Programs that run models of a role that dyno does not run: it can neither show them pictures nor read vectors or sound off
/// them. `None` for roles that it runs.
fn other_program(role: Role) -> Option<&'static str> {
    match role {
        Role::General | Role::Coding | Role::Reasoning => None,
        Role::Vision => Some("llama.cpp (llama-mtmd-cli)"),
        Role::Embedding => Some("llama.cpp (llama-embedding)"),
        Role::Speech | Role::Voice => Some("another program"),
    }
}

/// Whether dyno runs models of this role.
#[must_use]
pub fn runs_role(role: Role) -> bool {
    other_program(role).is_none()
}

/// Every way to run the candidate at the question's context, in a fixed order. Constraint, explanation and command are
/// filled in later, for what is shown.
pub(crate) fn evaluate(question: Question<'_>, candidate: &Candidate) -> Vec<Choice> {
    let rungs = |variant: &'_ Variant| {
        let count = if variant.facts.is_some() { LADDER.len() } else { 1 };
        (0..count).collect::<Vec<_>>()
    };
    candidate
        .variants
        .iter()
        .flat_map(|variant| rungs(variant).into_iter().map(move |rung| (variant, rung)))
        .filter_map(|(variant, rung)| one(question, candidate, variant, rung))
        .collect()
}

fn one(question: Question<'_>, candidate: &Candidate, variant: &Variant, rung: usize) -> Option<Choice> {
    let (kv_type, ubatch) = LADDER[rung];
    let context = question.context;
    let settings = ChosenSettings { context, kv_type_k: kv_type, kv_type_v: kv_type, ubatch };
    if variant.facts.as_ref().is_some_and(|facts| !kv_type_suits(facts, kv_type)) {
        return None;
    }
    let memory = memory(question, candidate, variant, &settings);
    if memory.is_none() && rung > 0 {
        // Nothing is gained by variations of what cannot be predicted.
        return None;
    }
    let [decode, prefill] = speed(question, variant, &settings);
    let measured = question.yardstick.and_then(|yardstick| yardstick.measure(variant));
    let published = || quality(&candidate.model, question.role, &variant.quantization, &settings);
    let quality = measured.or_else(published);
    let other_program = || other_program(question.role).map(ToOwned::to_owned);
    let weights = variant.facts.as_ref().map(|facts| facts.weights_bytes).or(variant.file_bytes);
    Some(Choice {
        model: candidate.model.name.clone(),
        title: candidate.model.title.clone(),
        parameters: candidate.model.parameters,
        quantization: variant.quantization.clone(),
        settings,
        memory,
        weights_bytes: weights,
        score: score(question.priority, quality.as_ref(), decode.as_ref()),
        standing: standing(question.priority, variant, quality.as_ref(), decode.as_ref()),
        decode,
        prefill,
        quality,
        constraint: Constraint::Best,
        explanation: String::new(),
        command: None,
        runs_with: candidate.model.runs_with.clone().or_else(other_program),
        licence: candidate.model.licence.clone(),
        remark: candidate.model.remark.clone(),
        here: variant.here.clone(),
        claims: candidate.model.figures.iter().filter(|figure| figure.is_claim()).cloned().collect(),
    })
}

/// Whether the file is here, and whether what the priority asks for was measured of it: its speed, else the quality of its
/// answers, which nothing predicts.
fn standing(
    priority: Priority,
    variant: &Variant,
    quality: Option<&QualityFigure>,
    decode: Option<&RateFigure>,
) -> Standing {
    let Some(here) = &variant.here else { return Standing::Elsewhere };
    let evidence = match priority {
        Priority::Speed => decode.map(|rate| rate.evidence),
        Priority::Balanced | Priority::Quality => quality.map(|figure| figure.evidence),
    };
    match evidence {
        _ if here.builtin => Standing::Builtin,
        Some(Evidence::Measured) => Standing::Measured,
        _ => Standing::Here,
    }
}

/// The knobs a choice stands for; all others at their defaults.
#[must_use]
pub fn engine_settings(settings: &ChosenSettings) -> EngineSettings {
    EngineSettings {
        context: settings.context,
        ubatch: settings.ubatch,
        kv_type_k: settings.kv_type_k,
        kv_type_v: settings.kv_type_v,
        ..EngineSettings::default()
    }
}

/// Measured with just these settings, else predicted, else as published, else estimated from the weights.
fn memory(
    question: Question<'_>,
    candidate: &Candidate,
    variant: &Variant,
    settings: &ChosenSettings,
) -> Option<MemoryNeed> {
    let measured = variant.measured.iter().find_map(|run| {
        let same = alike(run, settings) && run.context == settings.context && run.ubatch == settings.ubatch;
        Some((run, run.rss_peak_bytes.filter(|_| same)?))
    });
    let predicted = variant
        .facts
        .as_ref()
        .and_then(|facts| question.predictor.memory(facts, &engine_settings(settings)))
        .map(parts);
    if let Some((run, total_bytes)) = measured {
        let source = Some(run.id.clone());
        return Some(MemoryNeed { total_bytes, parts: None, evidence: Evidence::Measured, source });
    }
    if let Some((parts, total_bytes)) = predicted {
        let parts = Some(parts);
        return Some(MemoryNeed { total_bytes, parts, evidence: Evidence::Predicted, source: None });
    }
    if variant.facts.is_some() {
        return None;
    }
    let need = |total_bytes, evidence, source| MemoryNeed { total_bytes, parts: None, evidence, source };
    if let Some(stated) = &candidate.model.memory {
        return Some(need(stated.bytes, Evidence::Published, Some(stated.source.clone())));
    }
    let estimated = estimated_memory(&candidate.model, &variant.quantization, variant.file_bytes);
    estimated.map(|bytes| need(bytes, Evidence::Estimated, None))
}

fn parts(estimate: MemoryEstimate) -> (MemoryParts, u64) {
    let parts = MemoryParts {
        weights_mapped_bytes: estimate.weights_mapped_bytes,
        weights_anonymous_bytes: estimate.weights_anonymous_bytes,
        kv_bytes: estimate.kv_bytes,
        compute_bytes: estimate.compute_bytes,
        process_bytes: estimate.process_bytes,
    };
    (parts, estimate.total_bytes())
}

/// Decode and prefill: measured with the same KV cache types, else predicted.
fn speed(question: Question<'_>, variant: &Variant, settings: &ChosenSettings) -> [Option<RateFigure>; 2] {
    let measured = |rate: fn(&MeasuredRun) -> Option<MeasuredRate>| {
        variant.measured.iter().filter(|run| alike(run, settings)).find_map(|run| {
            let MeasuredRate { mean_tps: likely_tps, interval_tps } = rate(run)?;
            let (evidence, source) = (Evidence::Measured, Some(run.id.clone()));
            Some(RateFigure { likely_tps, interval_tps, evidence, source })
        })
    };
    let predicted =
        variant.facts.as_ref().and_then(|facts| question.predictor.speed(facts, &engine_settings(settings)));
    let decode = measured(|run| run.decode).or(predicted.map(|speed| speed.decode_tps.into()));
    let prefill = measured(|run| run.prefill).or(predicted.map(|speed| speed.prefill_tps.into()));
    [decode, prefill]
}

fn alike(run: &MeasuredRun, settings: &ChosenSettings) -> bool {
    run.kv_type_k == settings.kv_type_k && run.kv_type_v == settings.kv_type_v
}
