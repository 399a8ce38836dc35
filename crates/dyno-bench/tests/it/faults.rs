//! Failures at every stage: an error beside a record that keeps what was measured before.

use dyno_bench::{BenchPlan, WarmUp};
use dyno_engine::{EngineError, ExitCause, FakeEngine, FakeFailure, FakeFault, FakePoint, FakeScript};
use proptest::prelude::*;

use dyno_types::{MachineState, ModelFacts, ValidityFlag, WindowFailureKind, WindowOutcome};

use crate::bench::{complete, context, plan, request, run, run_in, windows};
use crate::watched::Watched;

fn script(process: Option<u32>, point: FakePoint, failure: FakeFailure) -> FakeScript {
    FakeScript { faults: vec![FakeFault { process, point, failure }], ..FakeScript::default() }
}

fn died() -> FakeFailure {
    FakeFailure::Die(ExitCause::Signal(9))
}

#[test]
fn a_process_that_dies_keeps_the_processes_before_it() {
    let cases = [
        (FakePoint::Start, 2),
        (FakePoint::Load, 2),
        (FakePoint::Token(5), 2),
        (FakePoint::ContextOver(0), 2),
        (FakePoint::PromptOver(0), 2),
    ];
    for (point, process) in cases {
        let engine = Watched::new(script(Some(process), point, died()));
        let outcome = run(&plan(), &engine);
        let error = outcome.error.unwrap_or_else(|| panic!("{point:?} must be reported"));
        assert!(matches!(error.engine(), Some(EngineError::Died { .. })), "{point:?}: {error}");
        let record = outcome.record;
        assert!(
            !record.validity.valid && record.validity.flags.contains(&ValidityFlag::Incomplete),
            "{point:?}"
        );
        assert!(record.notes.iter().any(|note| note.contains("signal 9")), "{:?}", record.notes);
        assert_eq!(
            record.stages.inference.unwrap().samples.len(),
            6,
            "{point:?}: the first measured process is kept"
        );
        assert!(record.metrics.contains_key("decode_tps"), "{point:?}");
        assert_eq!(windows_of(&record.stages.context), 4, "{point:?}");
        assert_eq!(engine.orphans(), 0, "{point:?}");
    }
}

fn windows_of(stage: &Option<dyno_types::ContextStage>) -> usize {
    stage.as_ref().map_or(0, |stage| stage.samples.len())
}

#[test]
fn a_death_in_the_middle_of_inference_keeps_the_requests_before_it() {
    // 96 prompt tokens: only the longest standard prompt dies, which comes second in the first measured process.
    let engine = Watched::new(script(Some(1), FakePoint::PromptOver(95), died()));
    let outcome = run(&plan().with_warm_up(WarmUp { requests_max: 1, ..WarmUp::default() }), &engine);
    assert!(outcome.error.is_some());
    let samples = outcome.record.stages.inference.as_ref().unwrap().samples.len();
    assert_eq!(samples, 1);
    assert!(outcome.record.metrics.contains_key("ttft_ms") && outcome.record.stages.context.is_none());
    assert_eq!(engine.orphans(), 0);
}

#[test]
fn nothing_measured_is_said_so() {
    for point in [FakePoint::Start, FakePoint::Load] {
        let outcome = run(&plan(), &FakeEngine::new(script(None, point, died())));
        assert!(outcome.error.is_some());
        let flags = outcome.record.validity.flags;
        assert!(
            flags.contains(&ValidityFlag::NoSamples) && flags.contains(&ValidityFlag::Incomplete),
            "{flags:?}"
        );
        assert!(outcome.record.stages.inference.is_none() && outcome.record.stages.metadata.is_some());
    }
    let refused = run(
        &plan(),
        &FakeEngine::new(script(None, FakePoint::Load, FakeFailure::Refuse("bad tensor".to_owned()))),
    );
    assert!(matches!(refused.error.unwrap().engine(), Some(EngineError::Model { .. })));
}

#[test]
fn a_window_that_kills_the_engine_is_tried_once_and_the_others_are_measured() {
    for failure in [died(), FakeFailure::Hang] {
        let engine = Watched::new(script(None, FakePoint::ContextOver(512), failure));
        let outcome = run(&plan(), &engine);
        assert_eq!(outcome.error, None);
        let record = outcome.record;
        let died = Some(WindowFailureKind::EngineDied);
        let measured = [(256, None), (512, None)];
        let expected = [
            &[(4096, Some(WindowFailureKind::BeyondTraining))][..],
            &measured,
            &[(1024, died)],
            &[(512, None), (256, None)],
            &measured,
        ]
        .concat();
        assert_eq!(windows(&record), expected);
        assert!(record.validity.flags.contains(&ValidityFlag::EngineRestarted) && !record.validity.valid);
        assert!(
            record.notes.iter().any(|note| note.contains("1024 tokens ended engine process 1")),
            "{:?}",
            record.notes
        );
        assert_eq!(record.stages.load.unwrap().samples.len(), 5, "the new process loaded too");
        assert_eq!(engine.orphans(), 0);
    }
}

#[test]
fn a_window_that_dies_while_reading_its_prompt_is_a_failure_of_that_window() {
    let record = complete(&plan(), script(None, FakePoint::PromptOver(1000), died()));
    assert!(windows(&record).contains(&(1024, Some(WindowFailureKind::EngineDied))));
    assert_eq!(record.analysis.unwrap().tpot.unwrap().n, 6);
}

#[test]
fn a_refused_window_costs_nothing_else() {
    for failure in [FakeFailure::OutOfMemory, FakeFailure::Refuse("no such window".to_owned())] {
        let record = complete(&plan(), script(None, FakePoint::ContextOver(512), failure));
        let refused = windows(&record)
            .iter()
            .filter(|(w, kind)| *w == 1024 && *kind == Some(WindowFailureKind::Refused))
            .count();
        assert_eq!(refused, 3, "every process tried");
        assert!(record.validity.valid, "{:?}", record.validity);
        assert_eq!(windows(&record).iter().filter(|(_, kind)| kind.is_none()).count(), 6);
    }
}

#[test]
fn memory_is_checked_before_a_window_is_opened() {
    let script = FakeScript::default();
    // Beyond the 512 tokens open at the start, 1024 need 512 × 8 KiB = 4 MiB and another 16 MiB of scratch in proportion.
    let mut tight = context();
    tight.machine_state =
        Box::new(|| MachineState { ram_available_bytes: 4 << 20, ..MachineState::default() });
    let engine = Watched::new(script);
    let outcome = run_in(&plan(), &engine, &tight);
    assert_eq!(outcome.error, None);
    let kinds = windows(&outcome.record);
    assert!(
        kinds.contains(&(1024, Some(WindowFailureKind::BeyondMemory))) && kinds.contains(&(512, None)),
        "{kinds:?}"
    );
    assert!(
        engine.seen.contexts.lock().unwrap().iter().all(|settings| settings.context <= 512),
        "never tried"
    );
    let reason =
        outcome.record.stages.context.unwrap().samples.into_iter().find_map(|sample| match sample.outcome {
            WindowOutcome::Failed { kind: WindowFailureKind::BeyondMemory, reason } => Some(reason),
            _ => None,
        });
    assert!(reason.unwrap().contains("are free"));
}

#[test]
fn a_model_with_a_small_training_context_is_measured_there() {
    let mut request = request();
    request.facts = ModelFacts { context_train: Some(200), ..request.facts };
    request.settings.context = 200;
    let record = complete(
        &BenchPlan::new(request).unwrap(),
        FakeScript { context_train: 200, ..FakeScript::default() },
    );
    let measured: Vec<u32> =
        windows(&record).iter().filter(|(_, kind)| kind.is_none()).map(|(w, _)| *w).collect();
    assert_eq!(measured, [200, 200, 200]);
    assert_eq!(record.settings.contexts, [200, 256, 512, 1024, 4096]);
    assert_eq!(record.analysis.unwrap().recommended_context, Some(200));
}

#[test]
fn a_broken_chat_template_falls_back_to_plain_text_with_a_note() {
    let outcome = run(&plan(), &Watched::new(FakeScript::default()).with_broken_template());
    assert_eq!(outcome.error, None);
    let notes = outcome.record.notes;
    assert!(
        notes.len() == 1 && notes[0].contains("unknown function") && notes[0].contains("plain text"),
        "{notes:?}"
    );
    assert_eq!(outcome.record.stages.inference.unwrap().samples.len(), 18);
}

#[test]
fn a_machine_that_disturbs_is_in_the_flags() {
    let mut hot = context();
    hot.judge = Box::new(|_, _, _| vec![ValidityFlag::Throttled, ValidityFlag::ForeignLoad]);
    let outcome = run_in(&plan(), &FakeEngine::new(FakeScript::default()), &hot);
    assert_eq!(outcome.record.validity.flags, [ValidityFlag::Throttled, ValidityFlag::ForeignLoad]);
}

#[test]
fn processor_time_of_front_and_engines_is_handed_to_the_judge() {
    let seen = std::sync::Arc::new(std::sync::Mutex::new(None));
    let mut counted = context();
    let kept = std::sync::Arc::clone(&seen);
    counted.judge = Box::new(move |_, _, own_cpu_s| {
        *kept.lock().unwrap() = Some(own_cpu_s);
        Vec::new()
    });
    // The fake's process id is 0; the front's own time stands still.
    counted.process_cpu_s = Box::new(|pid| (pid == 0).then_some(2.5));
    run_in(&plan(), &FakeEngine::new(FakeScript::default()), &counted);
    assert_eq!(*seen.lock().unwrap(), Some(4.0 * 2.5), "one first and three measured processes");
}

fn any_fault() -> impl Strategy<Value = FakeFault> {
    let point = prop_oneof![
        Just(FakePoint::Start),
        Just(FakePoint::Load),
        Just(FakePoint::Measure),
        (0..1200_u32).prop_map(FakePoint::ContextOver),
        (0..1200_u32).prop_map(FakePoint::PromptOver),
        (1..20_u32).prop_map(FakePoint::Token),
    ];
    let failure = prop_oneof![
        Just(died()),
        Just(FakeFailure::Hang),
        Just(FakeFailure::OutOfMemory),
        Just(FakeFailure::Refuse("no".to_owned())),
    ];
    (prop::option::of(0..6_u32), point, failure).prop_map(|(process, point, failure)| FakeFault {
        process,
        point,
        failure,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_fails_there_is_a_record_and_no_process_is_left(
        faults in prop::collection::vec(any_fault(), 0..3),
        auto_threads in any::<bool>(),
    ) {
        let mut request = request();
        request.settings.threads = if auto_threads { 0 } else { 2 };
        let engine = Watched::new(FakeScript { faults, ..FakeScript::default() });
        let outcome = run(&BenchPlan::new(request).unwrap(), &engine);
        prop_assert_eq!(engine.orphans(), 0);
        let record = outcome.record;
        let incomplete = record.validity.flags.contains(&ValidityFlag::Incomplete);
        prop_assert_eq!(incomplete, outcome.error.is_some(), "an early end is an error and a flag");
        let tried = windows(&record);
        prop_assert!(tried.is_empty() || [256, 512, 1024, 4096].iter().all(|w| tried.iter().any(|(seen, _)| seen == w)));
        if outcome.error.is_none() {
            prop_assert_eq!(record.stages.inference.unwrap().samples.len(), 18);
            prop_assert_eq!(record.stages.cleanup.unwrap().samples.len(), 3);
        }
    }
}
