//! The advice of `dyno recommend`: measured, predicted and published look different, and nothing in it escapes.

use dyno_report::{AdviceDetail, advice_text, stacks_text};
use dyno_types::{
    ADVICE_SCHEMA, Advice, AdviceRequest, Choice, ChosenSettings, Constraint, Evidence, KvType, Loading,
    MemoryBudget, MemoryNeed, MemoryParts, NextStep, Priority, Profile, PublishedFigure, QualityFigure,
    RateFigure, ReadingPlan, Refusal, RefusalReason, Remedy, Role, Stack, StackAdvice, Standing, StepWords,
    Whereabouts, Wish,
};
use insta::assert_snapshot;

const GIB: u64 = 1 << 30;

fn budget() -> MemoryBudget {
    MemoryBudget { memory_bytes: 16 * GIB, margin: 0.25, usable_bytes: 12 * GIB }
}

fn rate(likely_tps: f64, evidence: Evidence) -> Option<RateFigure> {
    let interval_tps = Some([likely_tps * 0.9, likely_tps * 1.1]);
    Some(RateFigure { likely_tps, interval_tps, evidence, source: Some("r1".to_owned()) })
}

/// Measured here.
fn measured() -> Choice {
    Choice {
        model: "qwen2.5-coder-7b".to_owned(),
        title: "Qwen2.5 Coder 7B Instruct".to_owned(),
        parameters: Some(7_615_616_512),
        quantization: "q4_k_m".to_owned(),
        settings: ChosenSettings {
            context: 4096,
            kv_type_k: KvType::F16,
            kv_type_v: KvType::F16,
            ubatch: 512,
        },
        memory: Some(MemoryNeed {
            total_bytes: 5 * GIB,
            parts: None,
            evidence: Evidence::Measured,
            source: Some("r1".to_owned()),
        }),
        weights_bytes: Some(4 * GIB),
        decode: rate(8.25, Evidence::Measured),
        prefill: rate(61.0, Evidence::Measured),
        quality: Some(QualityFigure {
            metric: "humaneval".to_owned(),
            label: "HumanEval".to_owned(),
            value: 88.4,
            interval: None,
            chance: 0.0,
            evidence: Evidence::Published,
            conditions: Some("instruction-tuned".to_owned()),
            source: "a report".to_owned(),
            kept: 0.9728,
        }),
        score: 0.642,
        constraint: Constraint::Speed { quantization: "q5_k_m".to_owned(), decode_tps: 6.5 },
        explanation: "One sentence.".to_owned(),
        command: Some("dyno generate hf:org/model:q4_k_m --prompt \"Hello\"".to_owned()),
        runs_with: None,
        licence: Some("apache-2.0".to_owned()),
        remark: None,
        here: Some(Whereabouts {
            reference: "hf:org/model:q4_k_m".to_owned(),
            place: "cache".to_owned(),
            builtin: false,
        }),
        standing: Standing::Here,
        claims: Vec::new(),
    }
}

/// Predicted by its header.
fn predicted() -> Choice {
    let parts = MemoryParts {
        weights_mapped_bytes: 8 * GIB,
        weights_anonymous_bytes: 0,
        kv_bytes: GIB,
        compute_bytes: GIB / 2,
        process_bytes: GIB / 32,
    };
    let memory = MemoryNeed {
        total_bytes: 9 * GIB + GIB / 2 + GIB / 32,
        parts: Some(parts),
        evidence: Evidence::Predicted,
        source: None,
    };
    let claim = PublishedFigure {
        metric: "memory_peak_gb".to_owned(),
        value: 14.8,
        conditions: Some("q4_k_m".to_owned()),
        source: "expectation: a document".to_owned(),
    };
    Choice {
        model: "qwen2.5-coder-14b".to_owned(),
        here: None,
        standing: Standing::Elsewhere,
        claims: vec![claim],
        memory: Some(memory),
        decode: rate(4.25, Evidence::Predicted),
        quality: None,
        constraint: Constraint::Memory {
            quantization: "q8_0".to_owned(),
            needs_bytes: 15 * GIB,
            usable_bytes: 12 * GIB,
        },
        ..measured()
    }
}

/// Only published, and run by another program.
fn published() -> Choice {
    Choice {
        model: "whisper-base".to_owned(),
        memory: Some(MemoryNeed {
            total_bytes: GIB / 2,
            parts: None,
            evidence: Evidence::Published,
            source: Some("README".to_owned()),
        }),
        decode: None,
        prefill: None,
        constraint: Constraint::Best,
        command: None,
        runs_with: Some("whisper.cpp".to_owned()),
        remark: Some("A remark.".to_owned()),
        ..measured()
    }
}

/// Nothing predicted.
fn unknown() -> Choice {
    Choice {
        model: "mystery".to_owned(),
        memory: None,
        decode: None,
        constraint: Constraint::Unpredicted,
        ..measured()
    }
}

fn advice() -> Advice {
    Advice {
        schema: ADVICE_SCHEMA.to_owned(),
        headline: "Use this, because.".to_owned(),
        request: AdviceRequest {
            role: Role::Coding,
            priority: Priority::Balanced,
            profile: Some(Profile::Production),
            context: 4096,
            model: None,
            among: Vec::new(),
        },
        budget: budget(),
        choices: vec![measured(), predicted(), published(), unknown()],
        beaten: vec![Choice { model: "old".to_owned(), ..measured() }],
        not_recommended: vec![Refusal {
            model: "llama-3.3-70b".to_owned(),
            title: "Llama 3.3 70B".to_owned(),
            reason: RefusalReason::Unknown,
            alternative: Some(["qwen2.5-14b".to_owned(), "q4_k_m".to_owned()]),
            explanation: "Llama 3.3 70B is not recommended: it is too large.".to_owned(),
        }],
        reading: Some(ReadingPlan::Chunks { chunk: 7168, overlap: 716, count: 16 }),
        notes: vec!["a remark".to_owned()],
    }
}

fn words(step: &NextStep) -> String {
    match step {
        NextStep::Mend(Remedy::Shows(Wish::AllRefusals)) => "--all says why".to_owned(),
        NextStep::Mend(Remedy::Shows(Wish::Top)) => "--top shows them".to_owned(),
        other => format!("{other:?}"),
    }
}

fn detail(top: usize, explain: bool) -> AdviceDetail {
    AdviceDetail { top, explain, all_refusals: false, words: StepWords(words) }
}

#[test]
fn three_refusals_are_named_and_the_rest_is_counted() {
    let mut advice = advice();
    for number in 1..9 {
        let title = format!("Model {number}");
        advice.not_recommended.push(Refusal { title, ..advice.not_recommended[0].clone() });
    }
    let text = advice_text(&advice, detail(8, false));
    let line = "NOT RECOMMENDED: Llama 3.3 70B, Model 1, Model 2 and 6 more; --all says why.";
    assert!(text.contains(line) && !text.contains("it is too large"), "{text}");
    let all = advice_text(&advice, AdviceDetail { all_refusals: true, ..detail(8, false) });
    assert_eq!(all.matches("it is too large").count(), 9, "{all}");
}

#[test]
fn a_model_made_for_a_shorter_window_is_no_silent_exception() {
    let mut advice = advice();
    let asked = |advice: &Advice| advice_text(advice, detail(8, false)).lines().nth(1).unwrap().to_owned();
    assert!(asked(&advice).contains("window 4,096 tokens · "), "{}", asked(&advice));
    advice.choices[0].settings.context = 1024;
    assert!(
        asked(&advice).contains("window 4,096 tokens, or as many as a model was made for · "),
        "{}",
        asked(&advice)
    );
}

#[test]
fn advice_for_a_terminal() {
    assert_snapshot!(advice_text(&advice(), detail(8, false)));
}

#[test]
fn advice_explained() {
    assert_snapshot!(advice_text(&advice(), detail(3, true)));
}

#[test]
fn stacks_for_a_terminal() {
    let stack = |loading| Stack {
        budget: budget(),
        loading,
        choices: vec![(Role::Coding, measured()), (Role::Speech, published())],
        unfilled: vec![Role::Vision],
        peak_bytes: 5 * GIB,
    };
    assert_snapshot!(stacks_text(&StackAdvice {
        schema: ADVICE_SCHEMA.to_owned(),
        headline: "With 16.0 GiB, use these.".to_owned(),
        priority: Priority::Balanced,
        profile: None,
        stacks: vec![stack(Loading::OneAtATime), stack(Loading::Together)],
        notes: Vec::new(),
    }));
}

#[test]
fn json_names_the_evidence_of_every_figure() {
    let json = serde_json::to_value(advice()).unwrap();
    let evidence = |index: usize, figure: &str| json["choices"][index][figure]["evidence"].clone();
    assert_eq!(evidence(0, "decode"), "measured");
    assert_eq!(evidence(1, "decode"), "predicted");
    assert_eq!(evidence(2, "memory"), "published");
    assert_eq!(evidence(0, "quality"), "published");
    assert!(json["choices"][3]["memory"].is_null());
    assert_eq!(json["choices"][1]["constraint"]["kind"], "memory");
    assert_eq!(serde_json::from_value::<Advice>(json).unwrap(), advice());
}

#[test]
fn nothing_in_an_advice_begins_a_line() {
    let hostile = "a\u{1b}[31mb\nc";
    let mut advice = advice();
    advice.headline = hostile.to_owned();
    advice.notes = vec![hostile.to_owned()];
    advice.not_recommended[0].explanation = hostile.to_owned();
    for choice in &mut advice.choices {
        choice.model = hostile.to_owned();
        choice.quantization = hostile.to_owned();
        choice.explanation = hostile.to_owned();
        choice.remark = Some(hostile.to_owned());
        choice.runs_with = Some(hostile.to_owned());
    }
    let text = advice_text(&advice, detail(8, true));
    assert!(text.contains("a\u{1b}[31mb\u{FFFD}c") && !text.contains("b\nc"), "{text}");
}
