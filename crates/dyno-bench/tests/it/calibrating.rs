//! Timings for the rates of an engine: exact over a fake one, and bounded by what goes wrong.

use std::path::PathBuf;
use std::sync::Mutex;

use dyno_bench::{CalibrationModel, CancelFlag, TIMING_PASSES, time_models};
use dyno_engine::{EngineError, ExitCause, FakeEngine, FakeFailure, FakeFault, FakePoint, FakeScript};
use dyno_types::{KvType, ModelFacts};
use futures::executor::block_on;

fn model(depths: &[(u32, KvType)]) -> CalibrationModel {
    CalibrationModel {
        file: PathBuf::from("model.gguf"),
        facts: ModelFacts { name: Some("timed".to_owned()), ..ModelFacts::default() },
        depths: depths.to_vec(),
    }
}

#[test]
fn times_are_those_of_the_engine_at_each_depth() {
    let script = FakeScript::default();
    let models = [model(&[(0, KvType::F16), (512, KvType::Q8_0)])];
    let progress = Mutex::new(Vec::new());
    let done = |count| progress.lock().unwrap().push(count);
    let engine = FakeEngine::new(script.clone());
    let timings =
        block_on(time_models(&engine, &models, (2, 64), &CancelFlag::default(), &done)).unwrap().unwrap();
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
fn a_dying_engine_is_an_error_and_a_stop_is_no_result() {
    let models = [model(&[(0, KvType::F16)])];
    let failure = FakeFailure::Die(ExitCause::Signal(11));
    let fault = FakeFault { process: None, point: FakePoint::Measure, failure };
    let dying = FakeScript { faults: vec![fault], ..FakeScript::default() };
    let time = |script: FakeScript, cancel: &CancelFlag| {
        block_on(time_models(&FakeEngine::new(script), &models, (2, 64), cancel, &|_| ()))
    };
    assert!(matches!(time(dying, &CancelFlag::default()), Err(EngineError::Died { .. })));
    let stopped = CancelFlag::default();
    stopped.cancel();
    assert_eq!(time(FakeScript::default(), &stopped).unwrap(), None);
}
