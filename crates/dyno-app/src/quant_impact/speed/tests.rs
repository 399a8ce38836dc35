//! Doubts about speeds reach the record of the file they were measured on.

use std::path::PathBuf;

use dyno_types::{
    DiscardedProcess, EngineRates, EvalRecord, FinishReason, InferenceStage, ModelFacts, ProcessLoss,
    ProcessMemory, RequestSample, Stages, ThreadChoice, WeightRate,
};

use super::*;
use crate::app::Model;

/// Three processes that write 10 tokens a second.
fn turns() -> Turns {
    let sample = |process| RequestSample {
        process,
        run: 0,
        prompt: "prose".to_owned(),
        n_in: 256,
        n_in_cached: 0,
        n_out: 3,
        n_out_asked: 3,
        prefill_ms: 100.0,
        queue_ms: 0.0,
        sampling_ms: 0.0,
        decode_backend_ms: 0.0,
        token_ms: vec![100.0, 200.0, 300.0],
        finish_reason: FinishReason::Length,
        memory: ProcessMemory { rss_bytes: 1, rss_peak_bytes: 1, ..ProcessMemory::default() },
    };
    let inference = InferenceStage { warmup_discarded: vec![2; 3], samples: (0..3).map(sample).collect() };
    let stages = Stages { inference: Some(inference), ..Stages::default() };
    Turns { stages, warm: true, ..Turns::default() }
}

fn lost(process: u32, waited_ms: f64) -> ProcessLoss {
    ProcessLoss {
        process,
        processors: 2,
        threads: 2,
        measured_ms: 1000.0,
        waited_ms,
        ..ProcessLoss::default()
    }
}

fn subject() -> Subject {
    let model = Model {
        path: PathBuf::from("m.gguf"),
        facts: ModelFacts::default(),
        identity: dyno_models::ModelIdentity::default(),
        read_ms: 0.0,
    };
    let settings = EngineSettings { threads: 2, threads_prefill: 2, ..EngineSettings::default() };
    Subject { model, sha256: String::new(), settings, thread_choice: ThreadChoice::Fixed }
}

fn entered(turns: &Turns, subject: &Subject, expected: &OnMachine) -> EvalRecord {
    let valid = Validity { valid: true, ..Validity::default() };
    let mut record = EvalRecord { validity: valid, ..EvalRecord::default() };
    record.machine.cores_usable = 2;
    Measured { turns, subject, machine_flags: &[] }.enter(&mut record, expected);
    record
}

fn nothing_expected() -> OnMachine {
    OnMachine::default()
}

#[test]
fn what_processes_lost_is_said_beside_their_speed_and_voids_no_answer() {
    let cases = [
        (vec![lost(0, 50.0), lost(1, 0.0)], vec![], 0),
        (vec![lost(0, 51.0), lost(1, 0.0)], vec![ValidityFlag::Disturbed], 0),
        (vec![], vec![], 1),
    ];
    for (losses, flags, discarded) in cases {
        let one = DiscardedProcess { loss: lost(1, 400.0), ..DiscardedProcess::default() };
        let turns = Turns { losses, discarded: vec![one; discarded], ..turns() };
        let record = entered(&turns, &subject(), &nothing_expected());
        assert_eq!(record.validity, Validity { valid: true, flags, ..Validity::default() });
        assert_eq!(record.notes.len(), discarded);
        assert!(record.notes.iter().all(|note| note.contains("process 2 lost 40 %")), "{:?}", record.notes);
        let rate = record.footprint.unwrap().decode_tps.unwrap();
        assert!((rate.tps - 10.0).abs() < 1e-9, "{rate:?}");
    }
    let mut crowded = subject();
    crowded.settings.threads = 3;
    let record = entered(&turns(), &crowded, &nothing_expected());
    assert_eq!(record.validity.flags, [ValidityFlag::MoreThreadsThanProcessors]);
}

#[test]
fn a_speed_far_below_its_prediction_is_doubted() {
    let spec = dyno_models::SynthSpec::parse("tiny-llama@f16", 0).unwrap();
    let mut predicted = subject();
    predicted.model.facts = spec.facts();
    for (bytes_per_s, flags) in [(1e7, vec![]), (1e12, vec![ValidityFlag::FarSlowerThanExpected])] {
        let weights = ["f16", "f32"].map(|kind| WeightRate {
            kind: kind.to_owned(),
            prefill_flops: 1e9,
            expert_flops: None,
            decode_bytes_per_s: bytes_per_s,
        });
        let rates = EngineRates { threads: 2, weights: weights.to_vec(), ..EngineRates::default() };
        let expected = OnMachine { rates: Some(rates), ..nothing_expected() };
        assert_eq!(entered(&turns(), &predicted, &expected).validity.flags, flags, "{bytes_per_s}");
    }
}
