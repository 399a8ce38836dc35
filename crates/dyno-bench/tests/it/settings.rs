//! What is chosen and kept: thread counts, warm-up, sampling.

use dyno_bench::{BenchPlan, WarmUp, Wording};
use dyno_engine::{FakeEngine, FakeFailure, FakeFault, FakePoint, FakeScript};
use dyno_types::{ThreadChoice, ValidityFlag};

use crate::bench::{complete, plan, request, run};

fn auto() -> BenchPlan {
    let mut request = request();
    (request.settings.threads, request.settings.threads_prefill) = (0, 0);
    BenchPlan::new(request).unwrap()
}

#[test]
fn the_fastest_thread_count_is_measured_and_used() {
    // Percent of the time of one thread, for 1 to 8 threads: best at 4; 7 and 8 trip over each other.
    let threads_percent = vec![100, 52, 40, 30, 31, 31, 29, 250];
    let record = complete(&auto(), FakeScript { threads_percent, ..FakeScript::default() });
    let settings = &record.settings;
    assert_eq!(settings.thread_choice, ThreadChoice::Measured);
    let tried: Vec<u32> = settings.thread_sweep.iter().map(|sample| sample.threads).collect();
    assert_eq!(tried, [1, 2, 4, 7, 8]);
    // 7 threads are 3.4 % faster than 4, which is more than a tie.
    assert_eq!((settings.engine.threads, settings.engine.threads_prefill), (7, 7));
    let single = settings.thread_sweep[0];
    // 2 ms + 100 ns × depth per prompt token; 125 tokens take 0.25 s at the warm-up's rate.
    assert!((single.prefill_tps - 499.0).abs() < 2.0, "{single:?}");
}

#[test]
fn a_tie_goes_to_fewer_threads() {
    let threads_percent = vec![100, 52, 40, 30, 31, 31, 30, 30];
    let record = complete(&auto(), FakeScript { threads_percent, ..FakeScript::default() });
    assert_eq!((record.settings.engine.threads, record.settings.engine.threads_prefill), (4, 4));
    assert!(record.stages.load.unwrap().samples.len() == 4, "the sweep takes no process of its own");
}

#[test]
fn a_given_count_stays_and_only_the_other_is_measured() {
    let mut request = request();
    (request.settings.threads, request.settings.threads_prefill) = (3, 0);
    let script = FakeScript { threads_percent: vec![100, 50], ..FakeScript::default() };
    let record = complete(&BenchPlan::new(request).unwrap(), script);
    assert_eq!((record.settings.engine.threads, record.settings.engine.threads_prefill), (3, 2));
}

#[test]
fn given_counts_are_not_measured() {
    let record = complete(&plan(), FakeScript::default());
    assert_eq!(record.settings.thread_choice, ThreadChoice::Fixed);
    assert!(record.settings.thread_sweep.is_empty());
}

#[test]
fn a_failing_sweep_ends_the_run_with_its_reason() {
    let fault = FakeFault {
        process: None,
        point: FakePoint::Measure,
        failure: FakeFailure::Refuse("no measuring".to_owned()),
    };
    let outcome = run(&auto(), &FakeEngine::new(FakeScript { faults: vec![fault], ..FakeScript::default() }));
    let error = outcome.error.unwrap().to_string();
    assert!(error.contains("comparing thread counts") && error.contains("no measuring"), "{error}");
    assert_eq!(outcome.record.stages.load.unwrap().samples.len(), 1);
}

#[test]
fn a_steady_engine_needs_three_requests_to_warm_up() {
    let record = complete(&plan(), FakeScript::default());
    assert_eq!(record.stages.inference.unwrap().warmup_discarded, [3, 3, 3]);
}

#[test]
fn a_warm_up_that_does_not_settle_is_flagged() {
    let strict = plan().with_warm_up(WarmUp { variation_max: 0.0, ..WarmUp::default() });
    let record = complete(&strict, FakeScript::default());
    assert_eq!(record.stages.inference.as_ref().unwrap().warmup_discarded, [6, 6, 6]);
    assert_eq!(record.validity.flags, [ValidityFlag::NotWarm]);
}

#[test]
fn models_without_a_template_read_plain_text() {
    let record = complete(&plan(), FakeScript { has_chat_template: false, ..FakeScript::default() });
    assert_eq!(record.notes, [dyno_bench::NO_TEMPLATE]);
    let shortest = record.stages.inference.unwrap().samples.iter().map(|sample| sample.n_in).min().unwrap();
    // BOS, the unique line, the shortest standard prompt; no template around them.
    assert_eq!(shortest, 1 + 31 + 49);
}

#[test]
fn prompts_can_be_plain_or_within_a_known_template_whatever_the_model_says() {
    let shortest = |wording: Wording| {
        let record = complete(&plan().with_wording(wording), FakeScript::default());
        let samples = record.stages.inference.unwrap().samples;
        (samples.iter().map(|sample| sample.n_in).min().unwrap(), record.notes.join(" "))
    };
    let (plain, note) = shortest(Wording::Plain);
    assert!(plain == 1 + 31 + 49 && note.contains("plain text, as was asked for"), "{plain} {note}");
    let known = Wording::Known {
        name: "brackets".to_owned(),
        before: "[[".to_owned(),
        after: "]]".to_owned(),
        add_special: false,
    };
    let (known, note) = shortest(known);
    assert!(known == 31 + 49 + 4 && note.contains("template brackets"), "{known} {note}");
}

#[test]
fn single_tokens_are_measured_too() {
    let mut request = request();
    (request.max_tokens, request.context_decode_tokens) = (1, 1);
    let record = complete(&BenchPlan::new(request).unwrap(), FakeScript::default());
    assert!(record.metrics.contains_key("ttft_ms") && !record.metrics.contains_key("decode_tps"));
    assert_eq!(record.stages.inference.unwrap().warmup_discarded.len(), 3);
    assert!(record.analysis.unwrap().tpot.is_none());
}
