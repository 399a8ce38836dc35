//! From answers to the record: scores, speed, comparisons, and whether to trust it.

use std::collections::HashMap;

use dyno_eval::{BASELINE_STRATEGY, Contrast, Measures, Suite, adjust_together, compare, form_checks};
use dyno_types::{
    Degeneration, EVAL_SCHEMA, EngineInfo, EngineMemory, EngineSettings, EvalRecord, Footprint, ItemResult,
    PairedComparison, SuiteResult, TemplateUse, Validity, ValidityFlag,
};

use crate::eval::ask::Manner;
use crate::eval::held;
use crate::eval::speed::{Pace, answer_speed, task_speeds};
use crate::eval::suites::Questions;
use crate::eval::{Findings, Subject};

/// Under which circumstances the answers came.
#[derive(Debug)]
pub(crate) struct Circumstances {
    pub(crate) started_unix_ms: i64,
    pub(crate) ended_unix_ms: i64,
    pub(crate) engine: EngineInfo,
    pub(crate) settings: EngineSettings,
    pub(crate) template: TemplateUse,
    /// Memory of the engine at the end, where it still answered.
    pub(crate) memory: Option<EngineMemory>,
    /// Whether everything planned was done.
    pub(crate) complete: bool,
    /// Whether the model's files changed meanwhile.
    pub(crate) model_changed: bool,
}

/// The result of one suite in one manner.
pub(crate) fn suite_result(
    questions: &Questions,
    manner: &Manner,
    items: Vec<ItemResult>,
    pace: Pace,
) -> SuiteResult {
    let mut result = SuiteResult {
        suite: questions.id.clone(),
        strategy: manner.strategy.name.clone(),
        few_shot: manner.few_shot,
        sampling: manner.sampling.clone(),
        items_cached: items.iter().filter(|item| item.cached).count() as u64,
        scores: Vec::new(),
        unscored: Vec::new(),
        form_checks: Vec::new(),
        judge: None,
        speed: answer_speed(&items, pace),
        speeds: task_speeds(&items, pace),
        degeneration: degeneration(questions, manner, &items),
        items,
    };
    score(&mut result, &questions.suite);
    result
}

/// Scores and form checks of a result, from what became of its items.
pub(crate) fn score(result: &mut SuiteResult, suite: &Suite) {
    result.scores = dyno_eval::scores(&result.items, Measures::of(&suite.items));
    result.unscored = dyno_eval::unscored(&result.items);
    let check = suite.items.iter().find_map(|item| item.scorer);
    result.form_checks = check.map(|check| form_checks(&result.items, check)).unwrap_or_default();
}

/// How written answers look; an answer as long as it could be was cut off.
fn degeneration(questions: &Questions, manner: &Manner, items: &[ItemResult]) -> Option<Degeneration> {
    let most: HashMap<&str, u64> = questions
        .suite
        .items
        .iter()
        .map(|item| {
            // Of answers held to a policy only those are told to be cut off whose every attempt was.
            let attempts = manner.policy.as_ref().map_or(1, |policy| u64::from(policy.policy.attempts));
            let turns = attempts * (1 + item.turns.len() as u64);
            (item.id.as_str(), turns * u64::from(item.max_tokens.unwrap_or(manner.max_tokens)))
        })
        .collect();
    let cut_off = |item: &ItemResult| {
        most.get(item.id.as_str()).is_some_and(|most| u64::from(item.tokens_out) >= *most)
    };
    dyno_eval::degeneration(items, cut_off)
}

/// Every other strategy against `direct`, on the items both answered; corrected together.
fn comparisons(suites: &[SuiteResult]) -> Vec<PairedComparison> {
    let mut found = Vec::new();
    for baseline in suites.iter().filter(|result| result.strategy == BASELINE_STRATEGY) {
        let same = |other: &&SuiteResult| {
            other.suite == baseline.suite
                && other.few_shot == baseline.few_shot
                && other.strategy != baseline.strategy
                && held::plain_name(other).is_none()
        };
        for candidate in suites.iter().filter(same) {
            let contrast = Contrast {
                kind: "strategy",
                suite: &baseline.suite.name,
                baseline: &baseline.strategy,
                candidate: &candidate.strategy,
            };
            found.extend(compare(contrast, &baseline.items, &candidate.items));
        }
    }
    found.extend(held::comparisons(suites));
    adjust_together(&mut found);
    found
}

/// Whether to trust the record. Unlike speed, answers do not suffer from a debug build or an engine that was started anew:
/// these are noted, and only a record that is not whole, or holds nothing that was judged, is invalid.
fn validity(circumstances: &Circumstances, findings: &Findings) -> Validity {
    let Circumstances { complete, model_changed, engine, .. } = circumstances;
    let too_few = |result: &SuiteResult| result.unscored.iter().any(|unscored| unscored.items > 0);
    let says_nothing = !findings.suites.is_empty()
        && findings.perplexity.is_none()
        && findings.suites.iter().all(|result| result.nothing_judged().is_some());
    let flags = [
        (!complete, ValidityFlag::Incomplete),
        (*model_changed, ValidityFlag::ModelChanged),
        (engine.profile == "debug", ValidityFlag::DebugBuild),
        (findings.deaths > 0, ValidityFlag::EngineRestarted),
        (findings.suites.iter().any(too_few), ValidityFlag::TooFewJudged),
    ];
    let flags = flags.into_iter().filter(|(raised, _)| *raised).map(|(_, flag)| flag).collect();
    Validity { valid: *complete && !model_changed && !says_nothing, ..Validity::from_flags(flags) }
}

/// Rates are those of single streams; answers given side by side say nothing about them.
fn footprint(memory: EngineMemory) -> Footprint {
    Footprint {
        rss_peak_bytes: Some(memory.process.rss_peak_bytes),
        weights_bytes: Some(memory.breakdown.weights_bytes),
        kv_bytes: Some(memory.breakdown.kv_bytes),
        prefill_tps: None,
        decode_tps: None,
    }
}

/// The record of everything that was found out.
pub(crate) fn record(subject: &Subject, circumstances: Circumstances, findings: Findings) -> EvalRecord {
    let machine = dyno_hardware::profile();
    let validity = validity(&circumstances, &findings);
    let Circumstances { started_unix_ms, ended_unix_ms, engine, settings, template, memory, .. } =
        circumstances;
    let mut notes = findings.notes;
    notes.extend(held::remarks(&findings.suites));
    if findings.deaths > 0 {
        notes.push(format!("the engine died {} time(s) and was restarted", findings.deaths));
    }
    EvalRecord {
        schema: EVAL_SCHEMA.to_owned(),
        id: dyno_store::new_run_id(
            started_unix_ms,
            std::process::id() ^ (ended_unix_ms as u32).rotate_left(8),
        ),
        started_unix_ms,
        ended_unix_ms,
        tool: crate::app::tool(),
        machine_fingerprint: dyno_hardware::fingerprint(&machine),
        machine,
        model: subject.model.facts.clone(),
        model_sha256: subject.sha256.clone(),
        validity,
        engine,
        engine_settings: settings,
        thread_choice: Some(subject.thread_choice),
        template,
        comparisons: comparisons(&findings.suites),
        suites: findings.suites,
        judged_pairs: Vec::new(),
        perplexity: findings.perplexity,
        divergence: findings.divergence,
        footprint: memory.map(footprint),
        together: Vec::new(),
        notes,
    }
}
