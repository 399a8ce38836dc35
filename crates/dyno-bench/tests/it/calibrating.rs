//! Timings for the rates of an engine: exact over a fake one, and bounded by what goes wrong.

use std::path::PathBuf;
use std::sync::Mutex;

use dyno_bench::{Calibration, CalibrationModel, Calibrator, LossMeter, TIMING_PASSES};
use dyno_engine::{EngineError, ExitCause, FakeEngine, FakeFailure, FakeFault, FakePoint, FakeScript};
use dyno_types::{Job, KvType, ModelFacts};
use futures::executor::block_on;

use crate::disturbed::disturbing;
use crate::watched::Watched;

fn model(depths: &[(u32, KvType)]) -> CalibrationModel {
    CalibrationModel {
        file: PathBuf::from("model.gguf"),
        facts: ModelFacts { name: Some("timed".to_owned()), ..ModelFacts::default() },
        depths: depths.to_vec(),
    }
}

/// Times with two threads and prompts of 64 tokens on a machine that counts no losses.
fn time(
    script: FakeScript,
    models: &[CalibrationModel],
    job: &Job,
    done: &(dyn Fn(usize) + Sync),
) -> Result<Option<Calibration>, EngineError> {
    let meter = LossMeter { scheduling: &|_| None, clock_ms: &|| 0.0, processors: 2 };
    let engine = FakeEngine::new(script);
    let calibrator = Calibrator { engine: &engine, meter, threads: 2, prompt_tokens: 64, job };
    block_on(calibrator.time(models, done))
}

#[test]
fn times_are_those_of_the_engine_at_each_depth() {
    let script = FakeScript::default();
    let models = [model(&[(0, KvType::F16), (512, KvType::Q8_0)])];
    let progress = Mutex::new(Vec::new());
    let done = |count| progress.lock().unwrap().push(count);
    let calibration = time(script.clone(), &models, &Job::default(), &done).unwrap().unwrap();
    let Calibration { timings, disturbed } = calibration;
    assert_eq!(disturbed, 0);
    let found: Vec<(u32, KvType, u32)> =
        timings.iter().map(|timing| (timing.depth, timing.kv_type, timing.prefill_tokens)).collect();
    assert_eq!(found, [(0, KvType::F16, 64), (512, KvType::Q8_0, 64)]);
    for timing in &timings {
        let expected_s = script.prefill.sum(timing.depth, timing.depth + 64) as f64 / 1e9;
        assert!((timing.prefill_s / expected_s - 1.0).abs() < 1e-9, "{timing:?} for {expected_s}");
        assert!(timing.decode_s > 0.0 && timing.facts.name.as_deref() == Some("timed"));
    }
    assert!(timings[1].decode_s > timings[0].decode_s, "depth costs");
    assert_eq!(*progress.lock().unwrap(), (1..=TIMING_PASSES).collect::<Vec<_>>());
}

#[test]
fn a_disturbed_process_gives_way_to_the_other_of_its_model() {
    let calm = FakeScript::default();
    // Processes 0 and 2 are of the first model, 1 and 3 of the second.
    let disturbed = FakeScript { jitter_ppm: vec![500_000, 0, 0, 500_000], ..calm.clone() };
    let models = [model(&[(0, KvType::F16)]), model(&[(0, KvType::F16)])];
    let time = |script| time(script, &models, &Job::default(), &|_| ()).unwrap();
    assert_eq!(time(disturbed), time(calm));
}

#[test]
fn timings_that_others_disturb_in_every_process_are_counted() {
    let models = [model(&[(0, KvType::F16), (512, KvType::Q8_0)]), model(&[(0, KvType::F16)])];
    // Processes 0 and 2 are of the first model, 1 and 3 of the second.
    let cases: [(&'static [u32], f64, usize); 4] =
        [(&[], 0.5, 0), (&[0, 1], 0.5, 0), (&[0, 1, 2], 0.5, 2), (&[0, 1, 2, 3], 0.04, 0)];
    for (processes, lost, disturbed) in cases {
        let engine = Watched::new(FakeScript::default());
        let context = disturbing(&engine, processes, lost);
        let meter =
            LossMeter { scheduling: &*context.scheduling, clock_ms: &*context.clock_ms, processors: 8 };
        let job = &Job::default();
        let calibrator = Calibrator { engine: &engine, meter, threads: 2, prompt_tokens: 64, job };
        let calibration = block_on(calibrator.time(&models, &|_| ())).unwrap().unwrap();
        assert_eq!(
            (calibration.timings.len(), calibration.disturbed),
            (3, disturbed),
            "{processes:?} {lost}"
        );
    }
}

#[test]
fn a_dying_engine_is_an_error_and_a_stop_is_no_result() {
    let models = [model(&[(0, KvType::F16)])];
    let failure = FakeFailure::Die(ExitCause::Signal(11));
    let fault = FakeFault { process: None, point: FakePoint::Measure, failure };
    let dying = FakeScript { faults: vec![fault], ..FakeScript::default() };
    let time = |script, job: &Job| time(script, &models, job, &|_| ());
    assert!(matches!(time(dying, &Job::default()), Err(EngineError::Died { .. })));
    let stopped = Job::default();
    stopped.cancel.cancel();
    assert_eq!(time(FakeScript::default(), &stopped).unwrap(), None);
}
