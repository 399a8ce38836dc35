//! Ranking: what is chosen, what is refused, and what more memory does.

use dyno_advise::{OnMachine, Request, recommend};
use dyno_types::{Choice, Constraint, Evidence, Priority, ReadingPlan, RefusalReason, Role};
use proptest::prelude::*;

use crate::world::{GIB, Laws, candidate, family, put_here, request, run};

fn first(priority: Priority, gib: u64) -> Choice {
    recommend(&request(priority, gib * GIB), &family(), &Laws).choices.remove(0)
}

#[test]
fn the_priority_and_the_memory_decide() {
    let cases = [
        (Priority::Quality, 16, "14b"),
        (Priority::Balanced, 16, "3b"),
        (Priority::Speed, 16, "1.5b"),
        (Priority::Quality, 8, "7b"),
        (Priority::Quality, 4, "3b"),
        (Priority::Quality, 2, "1.5b"),
    ];
    for (priority, gib, model) in cases {
        assert_eq!(first(priority, gib).model, model, "{priority:?} with {gib} GiB");
    }
}

#[test]
fn seventy_billion_parameters_on_16_gib_are_refused_and_a_14b_is_named() {
    let asked = Request { model: Some("70b".to_owned()), ..request(Priority::Quality, 16 * GIB) };
    let advice = recommend(&asked, &family(), &Laws);
    assert!(advice.choices.is_empty());
    let [refusal] = advice.not_recommended.as_slice() else { panic!("{:?}", advice.not_recommended) };
    assert!(
        matches!(&refusal.reason, RefusalReason::TooLarge { quantization, needs_bytes, usable_bytes }
            if quantization == "q2_k" && *needs_bytes > 24 * GIB && *usable_bytes == 12 * GIB),
        "{refusal:?}"
    );
    assert_eq!(refusal.alternative.as_ref().unwrap()[0], "14b");
    for part in ["70B is not recommended", "q2_k", "12.0 GiB", "Use 14B at", "hf:org/14b:"] {
        assert!(advice.headline.contains(part), "{part:?} is not in {}", advice.headline);
    }
}

#[test]
fn a_model_asked_about_is_shown_in_every_worthwhile_quantization() {
    let asked = Request { model: Some("7b".to_owned()), ..request(Priority::Balanced, 16 * GIB) };
    let advice = recommend(&asked, &family(), &Laws);
    assert!(advice.choices.iter().all(|choice| choice.model == "7b") && advice.choices.len() == 5);
    assert!(advice.not_recommended.is_empty());
    assert!(advice.headline.starts_with("Use 7B at "), "{}", advice.headline);
}

#[test]
fn the_constraint_is_what_kept_the_next_better_quantization_out() {
    let choice = first(Priority::Quality, 16);
    assert!(
        matches!(&choice.constraint, Constraint::Memory { needs_bytes, usable_bytes, .. } if needs_bytes > usable_bytes)
            || matches!(&choice.constraint, Constraint::Speed { .. }),
        "{choice:?}"
    );
    // With one token of credit for speed nothing but memory can keep a 14B from its next quantization.
    let tight = recommend(&request(Priority::Quality, 13 * GIB), &family()[4..5], &Laws).choices.remove(0);
    assert!(matches!(tight.constraint, Constraint::Memory { .. }), "{tight:?}");
    assert!(tight.explanation.contains("would keep more quality, but needs"), "{}", tight.explanation);
    let speedy = first(Priority::Speed, 64);
    assert!(matches!(speedy.constraint, Constraint::Speed { .. }), "{speedy:?}");
}

#[test]
fn measured_predicted_and_published_are_told_apart() {
    let mut candidates = family();
    let measured =
        candidates[3].variants.iter_mut().find(|variant| variant.quantization == "q4_k_m").unwrap();
    measured.measured = vec![run("r1", 30.0, 5 * GIB)];
    let advice = recommend(&request(Priority::Balanced, 16 * GIB), &candidates, &Laws);
    let choice = &advice.choices[0];
    assert_eq!(
        (choice.model.as_str(), choice.quantization.as_str()),
        ("7b", "q4_k_m"),
        "measured to be fast"
    );
    let decode = choice.decode.as_ref().unwrap();
    assert_eq!((decode.evidence, decode.source.as_deref()), (Evidence::Measured, Some("r1")));
    let memory = choice.memory.as_ref().unwrap();
    assert_eq!((memory.total_bytes, memory.evidence), (5 * GIB, Evidence::Measured));
    assert_eq!(choice.quality.as_ref().unwrap().evidence, Evidence::Published);
    let others = advice.choices[1..].iter().filter_map(|choice| choice.decode.as_ref());
    assert!(others.clone().count() > 0);
    assert!(others.into_iter().all(|rate| rate.evidence == Evidence::Predicted));
}

#[test]
fn without_predictions_nothing_is_promised() {
    let advice = recommend(&request(Priority::Balanced, 16 * GIB), &family(), &WithoutRates);
    assert!(!advice.choices.is_empty());
    for choice in &advice.choices {
        assert_eq!((&choice.memory, &choice.constraint), (&None, &Constraint::Unpredicted));
        assert!(choice.weights_bytes.unwrap() <= advice.budget.usable_bytes);
    }
    assert!(advice.headline.starts_with("Nothing can be promised"), "{}", advice.headline);
    assert!(
        advice.not_recommended.iter().any(|refusal| refusal.model == "70b"),
        "its weights alone are too much"
    );
}

/// Predicts nothing at all.
struct WithoutRates;

impl dyno_advise::Predictor for WithoutRates {
    fn memory(
        &self,
        _: &dyno_types::ModelFacts,
        _: &dyno_types::EngineSettings,
    ) -> Option<dyno_advise::MemoryEstimate> {
        None
    }
    fn speed(
        &self,
        facts: &dyno_types::ModelFacts,
        settings: &dyno_types::EngineSettings,
    ) -> Option<dyno_advise::SpeedEstimate> {
        OnMachine::default().speed(facts, settings)
    }
}

#[test]
fn models_nobody_would_wait_for_are_refused_with_their_rate() {
    let advice = recommend(&request(Priority::Quality, 256 * GIB), &family()[5..], &Laws);
    assert_eq!(advice.choices.len(), 1, "q2_k of it is fast enough");
    let huge = [candidate("400b", 400.0, &[("mmlu", 88.0)])];
    let advice = recommend(&request(Priority::Quality, 1024 * GIB), &huge, &Laws);
    assert!(advice.choices.is_empty());
    assert!(
        matches!(advice.not_recommended[0].reason, RefusalReason::TooSlow { decode_tps, .. } if decode_tps < 1.0)
    );
}

#[test]
fn a_window_beyond_everything_gets_a_way_to_read_in_parts() {
    let asked = Request { context: Some(100_000), ..request(Priority::Quality, 4 * GIB) };
    let advice = recommend(&asked, &family(), &Laws);
    assert!(advice.choices.is_empty(), "{:?}", advice.choices);
    assert!(
        matches!(advice.reading, Some(ReadingPlan::Chunks { count, .. }) if count > 1),
        "{:?}",
        advice.reading
    );
    assert!(advice.notes[0].contains("pages"), "{}", advice.notes[0]);
    let asked = Request { context: Some(200_000), ..request(Priority::Quality, 512 * GIB) };
    let advice = recommend(&asked, &family(), &Laws);
    assert!(advice.choices.is_empty());
    assert!(advice.not_recommended.iter().all(|refusal| matches!(
        refusal.reason,
        RefusalReason::ContextTooLong { asked: 200_000, trained: 131_072 }
    )));
}

#[test]
fn a_model_that_is_there_to_test_the_program_is_no_advice() {
    let mut candidates = family();
    put_here(&mut candidates[0], "q8_0");
    let variant = candidates[0].variants.iter_mut().find(|variant| variant.here.is_some()).unwrap();
    variant.here.as_mut().unwrap().builtin = true;
    let advice = recommend(&request(Priority::Quality, 16 * GIB), &candidates, &Laws);
    assert_eq!(advice.choices[0].model, "0.5b");
    let begins =
        "Only 0.5b, which is there to test dyno, is here for general use. To be fetched: use 14B at ";
    assert!(advice.headline.starts_with(begins), "{}", advice.headline);
    put_here(&mut candidates[1], "q8_0");
    let advice = recommend(&request(Priority::Quality, 16 * GIB), &candidates, &Laws);
    let order: Vec<&str> = advice.choices.iter().take(2).map(|choice| choice.model.as_str()).collect();
    assert_eq!(order, ["1.5b", "0.5b"], "a file of the user goes before it");
    assert!(
        advice.headline.starts_with("Use 1.5B at q8_0 for general use: it is here (folder), needs "),
        "{}",
        advice.headline
    );
    assert!(
        advice.notes[0].contains("14B at ") && advice.notes[0].contains("would score higher"),
        "{:?}",
        advice.notes
    );
}

#[test]
fn a_sparing_cache_is_taken_only_where_it_is_needed() {
    let roomy = Request { context: Some(32_768), ..request(Priority::Quality, 32 * GIB) };
    let tight = Request { context: Some(32_768), ..request(Priority::Quality, 10 * GIB) };
    let kv = |request: &Request| recommend(request, &family()[3..4], &Laws).choices[0].settings.kv_type_k;
    assert_eq!(kv(&roomy), dyno_types::KvType::F16);
    assert_eq!(kv(&tight), dyno_types::KvType::Q8_0);
    let settings = recommend(&roomy, &family()[3..4], &Laws).choices[0].settings;
    assert_eq!(settings.ubatch, 512, "a smaller batch only slows the prompt where memory is no question");
    let command = recommend(&tight, &family()[3..4], &Laws).choices[0].command.clone().unwrap();
    assert!(command.contains("context: 32768") && command.contains("kv_type_k: Q8_0"), "{command}");
}

#[test]
fn what_a_choice_beats_in_everything_stands_apart() {
    let mut candidates = family();
    candidates.push(candidate("worse", 7.7, &[("mmlu", 50.0)]));
    candidates.push(candidate("unknown", 7.8, &[]));
    let advice = recommend(&request(Priority::Quality, 16 * GIB), &candidates, &Laws);
    let beaten: Vec<&str> = advice.beaten.iter().map(|choice| choice.model.as_str()).collect();
    assert!(beaten.contains(&"worse") && beaten.contains(&"unknown"), "{beaten:?}");
    assert!(advice.choices.iter().all(|choice| !beaten.contains(&choice.model.as_str())));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn nothing_that_does_not_fit_is_ever_recommended(
        mib in 64_u64..200_000, context in proptest::option::of(1_u32..200_000), priority in 0_usize..3, role in 0_usize..7
    ) {
        let asked = Request {
            context,
            role: Role::ALL[role].1,
            ..request(Priority::ALL[priority].1, mib << 20)
        };
        let advice = recommend(&asked, &family(), &Laws);
        for choice in advice.choices.iter().chain(&advice.beaten) {
            prop_assert!(choice.memory.as_ref().unwrap().total_bytes <= advice.budget.usable_bytes);
            prop_assert!((0.0..=1.0).contains(&choice.score));
        }
        // Every candidate is accounted for once.
        prop_assert_eq!(advice.choices.len() + advice.beaten.len() + advice.not_recommended.len(), family().len());
    }

    #[test]
    fn more_memory_never_makes_the_best_choice_worse(
        mib in 64_u64..100_000, more in 0_u64..100_000, context in 1_u32..131_072, priority in 0_usize..3
    ) {
        let best = |mib: u64| {
            let asked = Request { context: Some(context), ..request(Priority::ALL[priority].1, mib << 20) };
            recommend(&asked, &family(), &Laws).choices.first().map_or(0.0, |choice| choice.score)
        };
        prop_assert!(best(mib + more) >= best(mib));
    }

    #[test]
    fn the_order_of_the_candidates_does_not_matter(mib in 64_u64..100_000, turn in 0_usize..6, priority in 0_usize..3) {
        let asked = request(Priority::ALL[priority].1, mib << 20);
        let mut turned = family();
        turned.rotate_left(turn);
        for candidate in &mut turned {
            candidate.variants.reverse();
        }
        prop_assert_eq!(recommend(&asked, &family(), &Laws), recommend(&asked, &turned, &Laws));
    }
}
