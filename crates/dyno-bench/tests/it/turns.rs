//! Models measured in turn: exact over a fake engine, complete as far as it went when something fails.

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::Ordering;

use dyno_bench::{
    BenchError, LossMeter, Scope, TurnModel, TurnPlan, TurnWatch, TurnsOutcome, WarmUp, measure_in_turn,
    summarize,
};
use dyno_engine::{ExitCause, FakeEngine, FakeFailure, FakeFault, FakePoint, FakeScript};
use dyno_types::{EngineSettings, Job, ProcessLoss};
use futures::executor::block_on;

use crate::disturbed::disturbing;
use crate::watched::Watched;

fn model(name: &str) -> TurnModel {
    TurnModel {
        file: PathBuf::from(format!("{name}.gguf")),
        name: name.to_owned(),
        settings: EngineSettings { context: 512, ..EngineSettings::default() },
    }
}

fn plan() -> TurnPlan {
    TurnPlan {
        processes: 2,
        prompt_tokens: 100,
        max_tokens: 9,
        requests: [2, 50],
        measured_ms: 1e3,
        warm_up: WarmUp { last: 2, variation_max: 0.05, requests_max: 4 },
    }
}

fn run(script: FakeScript, job: &Job, advance: &(dyn Fn(u32, &str) + Sync)) -> TurnsOutcome {
    let meter = LossMeter { scheduling: &|_| None, clock_ms: &|| 0.0, processors: 2 };
    let watch = TurnWatch { advance, process_cpu_s: &|_| Some(0.5), meter };
    block_on(measure_in_turn(&FakeEngine::new(script), &[model("a"), model("b")], &plan(), job, watch))
}

#[test]
fn rates_and_memory_are_those_of_the_engine_and_intervals_rest_on_processes() {
    let script = FakeScript { jitter_ppm: vec![0, 20_000, -20_000, 10_000], ..FakeScript::default() };
    let heard = Mutex::new(Vec::new());
    let advance = |done: u32, next: &str| heard.lock().unwrap().push(format!("{done} {next}"));
    let outcome = run(script.clone(), &Job::default(), &advance);
    assert!(outcome.error.is_none());
    let expected =
        ["0 a, process 1 of 2", "1 b, process 1 of 2", "2 b, process 2 of 2", "3 a, process 2 of 2", "4 "];
    assert_eq!(*heard.lock().unwrap(), expected, "A B B A");
    for turns in &outcome.models {
        let samples = &turns.stages.inference.as_ref().unwrap().samples;
        assert!(samples.iter().all(|sample| (sample.n_in, sample.n_in_cached, sample.n_out) == (100, 0, 9)));
        // A request takes about 0.36 s, so that three pass the asked second; two warmed each process up.
        assert_eq!(samples.len(), 6);
        assert_eq!(turns.stages.inference.as_ref().unwrap().warmup_discarded, [2, 2]);
        assert!(turns.warm && turns.cpu_s == 1.0 && turns.engine.name == "fake");
        assert_eq!(turns.memory.breakdown.kv_bytes, 512 * script.memory.kv_bytes_per_token);
    }
    // Model a had the processes 0 and 3: the plain one and one that is 1 % slower.
    let metrics = summarize(&outcome.models[0].stages, Scope::Session);
    let plain = 100.0 / (script.prefill.sum(0, 100) as f64 / 1e9);
    let prefill = &metrics["prefill_tps"];
    assert!((prefill.mean - plain / 1.005).abs() / plain < 1e-6, "{prefill:?} of {plain}");
    let [low, high] = prefill.ci95.unwrap();
    // Two logarithms that lie d apart: the interval is d/2 times t(0.975, 1) = 12.706 to each side.
    let half = 12.706 * 1.01_f64.ln() / 2.0;
    assert!(((high / low).ln() / 2.0 - half).abs() < half * 1e-3, "{low} {high}");
    assert!(metrics["decode_tps"].ci95.is_some() && metrics["rss_peak_bytes"].max > 0.0);
}

#[test]
fn what_was_measured_before_a_failure_stands() {
    let failure = FakeFailure::Die(ExitCause::Signal(9));
    let dies = FakeFault { process: Some(1), point: FakePoint::Token(3), failure };
    let outcome =
        run(FakeScript { faults: vec![dies], ..FakeScript::default() }, &Job::default(), &|_, _| ());
    assert!(matches!(outcome.error, Some(BenchError::Engine { .. })), "{:?}", outcome.error);
    assert!(outcome.models[0].stages.inference.is_some() && outcome.models[1].stages.inference.is_none());
    let job = Job::default();
    let stops = |done: u32, _: &str| {
        if done == 3 {
            job.cancel.cancel();
        }
    };
    let outcome = run(FakeScript::default(), &job, &stops);
    assert!(matches!(outcome.error, Some(BenchError::Cancelled)));
    let processes =
        |model: usize| outcome.models[model].stages.inference.as_ref().unwrap().warmup_discarded.len();
    assert_eq!((processes(0), processes(1)), (1, 2));
}

/// The turns of two models while others take so much from the processes named, counted from 0 in the order they start; and how many started.
fn disturbed(processes: &'static [u32], lost: f64) -> (TurnsOutcome, u32) {
    let engine = Watched::new(FakeScript::default());
    let context = disturbing(&engine, processes, lost);
    let meter = LossMeter { scheduling: &*context.scheduling, clock_ms: &*context.clock_ms, processors: 8 };
    let watch = TurnWatch { advance: &|_, _| (), process_cpu_s: &|_| None, meter };
    let models = [model("a"), model("b")];
    let outcome = block_on(measure_in_turn(&engine, &models, &plan(), &Job::default(), watch));
    assert!(outcome.error.is_none() && engine.orphans() == 0);
    (outcome, engine.seen.started.load(Ordering::SeqCst))
}

#[test]
fn a_turn_that_others_disturb_is_measured_again_within_bounds() {
    let everything: &[u32] = &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
    // Disturbed processes; share lost; processes started; discarded, and disturbed for good, of each model.
    let cases = [
        (&[][..], 0.0, 4, [0, 0], [0, 0]),
        (everything, 0.04, 4, [0, 0], [0, 0]),
        // The first process of b is repeated, and calm then.
        (&[1], 0.5, 5, [0, 1], [0, 0]),
        // Each first process is tried three times; after that the model is not repeated any more.
        (everything, 0.5, 8, [2, 2], [2, 2]),
    ];
    for (processes, lost, started, discarded, stayed) in cases {
        let (outcome, count) = disturbed(processes, lost);
        assert_eq!(count, started, "{processes:?} {lost}");
        for (index, turns) in outcome.models.iter().enumerate() {
            assert_eq!((turns.discarded.len(), turns.notes().len()), (discarded[index], discarded[index]));
            assert!(
                turns.notes().iter().all(|note| note.starts_with("engine process 1 ")),
                "{:?}",
                turns.notes()
            );
            let disturbed = turns.losses.iter().filter(|loss| ProcessLoss::is_disturbed(loss)).count();
            assert_eq!((turns.losses.len(), disturbed), (2, stayed[index]), "{:?}", turns.losses);
            let inference = turns.stages.inference.as_ref().unwrap();
            assert_eq!(inference.samples.len(), 6, "what was discarded counts in no figure");
            assert!(
                turns.discarded.iter().all(|one| one.stages.inference.as_ref().unwrap().samples.len() == 3)
            );
        }
    }
}
