//! Without failures: samples equal the script to the nanosecond, and figures equal the arithmetic over it.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dyno_bench::{run_bench, standard_prompts};
use dyno_engine::FakeScript;
use dyno_types::{
    CancelFlag, Event, EventSink, Job, PageCache, Prompt, RequestSample, RunRecord, ValidityFlag,
    WindowFailureKind, WindowOutcome,
};
use futures::executor::block_on;

use crate::bench::{Recorder, complete, context, plan, request, windows};
use crate::watched::{Seen, Watched};

/// Bytes (the fake's tokens) of the unique line in front of a prompt, with its line break.
const LINE: u32 = "Request 000001 of series 0000.\n".len() as u32;

fn ns(ms: f64) -> u64 {
    (ms * 1e6).round() as u64
}

/// What the script says about a prompt of `n` tokens: prompt pass, and when each token is there, ns.
fn truth(script: &FakeScript, n: u32, out: u32) -> (u64, Vec<u64>) {
    let prefill = script.prefill.sum(0, n);
    let mut at = vec![script.queue_ns + prefill + script.sampling_ns];
    for k in 2..=out {
        at.push(at[at.len() - 1] + script.decode.at(n + k - 2) + script.sampling_ns);
    }
    (prefill, at)
}

fn assert_true(sample: &RequestSample, script: &FakeScript) {
    let (prefill, at) = truth(script, sample.n_in, sample.n_out_asked);
    assert_eq!(ns(sample.prefill_ms), prefill);
    assert_eq!(ns(sample.queue_ms), script.queue_ns);
    assert_eq!(sample.token_ms.iter().map(|ms| ns(*ms)).collect::<Vec<_>>(), at);
    assert_eq!(ns(sample.sampling_ms), script.sampling_ns * u64::from(sample.n_out));
    assert_eq!(sample.n_in_cached, 0);
}

fn inference(record: &RunRecord) -> &[RequestSample] {
    &record.stages.inference.as_ref().unwrap().samples
}

fn close(found: f64, truth: f64) -> bool {
    (found - truth).abs() <= 1e-9 * truth
}

#[test]
fn samples_equal_the_script_to_the_nanosecond() {
    let script = FakeScript::default();
    let record = complete(&plan(), script.clone());
    assert_eq!(inference(&record).len(), 3 * 2 * 3);
    for sample in inference(&record) {
        let prompts = standard_prompts();
        let text = &prompts.iter().find(|prompt| prompt.id == sample.prompt).unwrap().text;
        // BOS, `user: `, the unique line, the text, and the fake template's line break.
        assert_eq!(sample.n_in, 1 + 6 + LINE + text.len() as u32 + 1);
        assert_eq!((sample.n_out, sample.n_out_asked), (8, 8));
        assert_true(sample, &script);
    }
    assert_eq!(record.stages.metadata.unwrap().read_ms, 1.5);
    assert!(record.validity.valid && record.validity.flags.is_empty(), "{:?}", record.validity);
}

#[test]
fn figures_equal_the_arithmetic_over_the_script() {
    let script = FakeScript::default();
    let record = complete(&plan(), script.clone());
    let truths: Vec<(u32, u64, Vec<u64>)> = inference(&record)
        .iter()
        .map(|sample| {
            let (prefill, at) = truth(&script, sample.n_in, 8);
            (sample.n_in, prefill, at)
        })
        .collect();
    let seconds = |total: u64| total as f64 / 1e9;
    let decode_s = seconds(truths.iter().map(|(_, _, at)| at[7] - at[0]).sum());
    let prefill_s = seconds(truths.iter().map(|(_, prefill, _)| prefill).sum());
    let tokens_in: u32 = truths.iter().map(|(n_in, _, _)| n_in).sum();
    let metric = |id: &str| &record.metrics[id];
    assert!(close(metric("decode_tps").mean, 18.0 * 7.0 / decode_s));
    assert!(close(metric("prefill_tps").mean, f64::from(tokens_in) / prefill_s));
    let ttft_ms = seconds(truths.iter().map(|(_, _, at)| at[0]).sum()) * 1e3 / 18.0;
    assert!(close(metric("ttft_ms").mean, ttft_ms));
    assert_eq!(metric("itl_ms").n, 18 * 7);
    assert!(close(metric("itl_ms").mean, decode_s * 1e3 / f64::from(18 * 7)));
    // Without jitter every process is the same, so the interval holds nothing but the assumed variation from run to run.
    let [low, high] = metric("decode_tps").ci95.unwrap();
    let assumed = dyno_types::Metric::find("decode_tps").unwrap().assumed_variation();
    let half = dyno_stats::t_quantile(0.975, 4) * assumed * std::f64::consts::SQRT_2;
    assert!(
        close(low, metric("decode_tps").mean * (-half).exp())
            && close(high, metric("decode_tps").mean * half.exp())
    );
    let context_ms = 3.0 + 0.001 * 512.0;
    assert!(close(metric("load_ms").mean, 250.0 + context_ms) && metric("load_ms").n == 3);
    assert!(close(metric("load_cold_ms").mean, 250.0 + context_ms) && metric("load_cold_ms").n == 1);
    assert_eq!(metric("unload_ms").mean, 7.0);
    let memory = script.memory;
    let loaded =
        memory.base_bytes + memory.weights_bytes + memory.compute_bytes + 512 * memory.kv_bytes_per_token;
    assert!(close(metric("rss_load_bytes").mean, loaded as f64));
    let largest = loaded + 512 * memory.kv_bytes_per_token;
    assert!(close(metric("rss_peak_bytes").mean, largest as f64));
    assert_eq!(metric("rss_after_unload_bytes").max, (memory.base_bytes + memory.residual_bytes) as f64);
}

#[test]
fn the_analysis_finds_the_scripted_laws() {
    let script = FakeScript::default();
    let analysis = complete(&plan(), script.clone()).analysis.unwrap();
    let tpot = analysis.tpot.unwrap();
    assert!((tpot.base - 20.1).abs() < 1e-9 && (tpot.slope - 0.002).abs() < 1e-9, "{tpot:?}");
    assert!(
        (analysis.half_depth_tokens.unwrap() - 10_050.0).abs() < 1e-3 && analysis.half_depth_extrapolated
    );
    let memory = analysis.memory.unwrap();
    assert!((memory.slope - script.memory.kv_bytes_per_token as f64).abs() < 1e-6, "{memory:?}");
    assert_eq!(analysis.recommended_context, Some(1024));
    // 2 ms a token, growing a little with depth: slightly worse than proportional.
    let doubling = analysis.ttft.unwrap().per_doubling();
    assert!(doubling > 2.0 && doubling < 2.1, "{doubling}");
    // Three processes tried each of three windows.
    assert_eq!((tpot.n, memory.n), (9, 9));
}

#[test]
fn windows_are_filled_to_the_last_token_and_alternate() {
    let script = FakeScript::default();
    let record = complete(&plan(), script.clone());
    let beyond = (4096, Some(WindowFailureKind::BeyondTraining));
    let (up, down) = ([256, 512, 1024].map(|w| (w, None)), [1024, 512, 256].map(|w| (w, None)));
    assert_eq!(windows(&record), [&[beyond][..], &up, &down, &up].concat());
    for sample in &record.stages.context.as_ref().unwrap().samples {
        if let WindowOutcome::Measured { request, memory, .. } = &sample.outcome {
            assert_eq!((request.n_in + request.n_out, request.n_out), (sample.context, 16));
            assert_true(request, &script);
            assert_eq!(
                memory.breakdown.kv_bytes,
                u64::from(sample.context) * script.memory.kv_bytes_per_token
            );
        }
    }
}

#[test]
fn a_single_process_repeats_each_window() {
    let mut request = request();
    request.processes = 1;
    let record = complete(&dyno_bench::BenchPlan::new(request).unwrap(), FakeScript::default());
    let measured: Vec<u32> =
        windows(&record).iter().filter(|(_, failure)| failure.is_none()).map(|(w, _)| *w).collect();
    assert_eq!(measured, [256, 512, 1024, 1024, 512, 256]);
    let runs: Vec<u32> = record
        .stages
        .context
        .unwrap()
        .samples
        .iter()
        .filter_map(|sample| match &sample.outcome {
            WindowOutcome::Measured { request, .. } => Some(request.run),
            WindowOutcome::Failed { .. } => None,
        })
        .collect();
    assert_eq!(runs, [0, 0, 0, 1, 1, 1]);
    assert_eq!(record.validity.flags, [ValidityFlag::TooFewSamples]);
}

#[test]
fn no_prompt_is_ever_sent_twice_and_all_are_real_text() {
    let engine = Watched::new(FakeScript { reuses_prefix: true, ..FakeScript::default() });
    let outcome = crate::bench::run(&plan(), &engine);
    let requests = engine.seen.requests.lock().unwrap();
    let prompts: BTreeSet<String> = requests.iter().map(|request| format!("{:?}", request.prompt)).collect();
    assert_eq!(prompts.len(), requests.len());
    let ids: BTreeSet<u64> = requests.iter().map(|request| request.id).collect();
    assert_eq!(ids.len(), requests.len());
    assert!(requests.iter().all(|request| request.ignore_eos));
    let mut seen_corpus = 0;
    for request in requests.iter() {
        if let Prompt::Tokens(tokens) = &request.prompt {
            let text: String =
                tokens[1..].iter().map(|token| char::from(u8::try_from(*token).unwrap())).collect();
            assert!(tokens[0] == 256 && text.starts_with("Request "), "{text}");
            seen_corpus += u32::from(text.contains("Alice was beginning to get very tired"));
        }
    }
    assert_eq!(seen_corpus, 9);
    assert!(!outcome.record.validity.flags.contains(&ValidityFlag::UnplannedCacheHit));
}

#[test]
fn a_long_window_takes_the_corpus_several_times() {
    let mut request = request();
    request.facts.context_train = Some(65_536);
    request.contexts = vec![30_000];
    request.processes = 1;
    let engine = Watched::new(FakeScript { context_train: 65_536, ..FakeScript::default() });
    let outcome = crate::bench::run(&dyno_bench::BenchPlan::new(request).unwrap(), &engine);
    assert_eq!(outcome.error, None);
    let requests = engine.seen.requests.lock().unwrap();
    let Prompt::Tokens(tokens) = &requests.last().unwrap().prompt else { panic!("tokens expected") };
    assert_eq!(tokens.len(), 30_000 - 16);
    let text: String = tokens[1..].iter().map(|token| char::from(u8::try_from(*token).unwrap())).collect();
    assert_eq!(text.matches("Alice was beginning").count(), 3);
    assert_eq!(text.matches("of series").count(), 3, "each time behind a line of its own");
}

#[test]
fn the_first_load_is_cold_and_every_measured_process_is_warm() {
    let record = complete(&plan(), FakeScript::default());
    let loads = &record.stages.load.as_ref().unwrap().samples;
    let kinds: Vec<(u32, PageCache)> = loads.iter().map(|load| (load.process, load.page_cache)).collect();
    assert_eq!(
        kinds,
        [(0, PageCache::Dropped), (1, PageCache::Warm), (2, PageCache::Warm), (3, PageCache::Warm)]
    );
    assert_eq!(loads[0].timeline.len(), 11);
    assert!(loads[0].timeline.is_sorted() && loads[0].timeline.last().unwrap().1 == 1.0);
    let cleanup = &record.stages.cleanup.as_ref().unwrap().samples;
    assert_eq!(cleanup.iter().map(|sample| sample.process).collect::<Vec<_>>(), [1, 2, 3]);
    assert!(
        cleanup
            .iter()
            .all(|sample| sample.unloaded.rss_bytes > sample.before_load.rss_bytes && sample.exit_ms > 0.0)
    );
}

#[test]
fn prompts_of_512_tokens_are_measured_where_the_window_has_room() {
    let long = |context| {
        let mut request = request();
        request.settings.context = context;
        let record = complete(&dyno_bench::BenchPlan::new(request).unwrap(), FakeScript::default());
        let stage = record.stages.inference.clone().unwrap();
        assert_eq!(stage.answers().count(), 18);
        let samples: Vec<RequestSample> = stage.long_prompts().cloned().collect();
        (samples, stage.warmup_discarded, record.metrics.get("prefill_512_tps").map(|summary| summary.mean))
    };
    assert_eq!(long(512), (Vec::new(), vec![3, 3, 3], None));
    let (samples, discarded, tps) = long(513);
    assert_eq!((samples.len(), discarded.as_slice()), (3 * 2, &[4, 4, 4][..]));
    assert!(samples.iter().all(|sample| (sample.n_in, sample.n_in_cached, sample.n_out) == (512, 0, 1)));
    let prefill_s = FakeScript::default().prefill.sum(0, 512) as f64 / 1e9;
    assert!(close(tps.unwrap(), 512.0 / prefill_s));
}

#[test]
fn spread_between_processes_becomes_the_interval() {
    let script = FakeScript { jitter_ppm: vec![0, -20_000, 0, 20_000], ..FakeScript::default() };
    let record = complete(&plan(), script);
    let decode = &record.metrics["decode_tps"];
    let [low, high] = decode.ci95.unwrap();
    let still = complete(&plan(), FakeScript::default()).metrics["decode_tps"].ci95.unwrap();
    // Rates of ±2 % from process to process come on top of the 5 % assumed from run to run: 0.02²/3 + 0.05², known with 4.4 degrees
    // of freedom instead of 4.
    let (width, assumed) = ((high / low).ln(), (still[1] / still[0]).ln());
    assert!((width / assumed - 0.99).abs() < 0.01, "{decode:?} {still:?}");
    assert!((decode.mean.powi(2) / (low * high) - 1.0).abs() < 1e-9, "{decode:?}");
}

/// Notes whether an event ever came while a generation was running.
struct DuringGeneration {
    seen: Arc<Seen>,
    disturbed: Mutex<u32>,
}

impl EventSink for DuringGeneration {
    fn emit(&self, _event: Event) {
        *self.disturbed.lock().unwrap() += self.seen.generating.load(Ordering::SeqCst);
    }
}

#[test]
fn progress_is_told_between_requests_and_adds_up() {
    let engine = Watched::new(FakeScript::default());
    let sink = Arc::new(DuringGeneration { seen: Arc::clone(&engine.seen), disturbed: Mutex::new(0) });
    let job = Job::new(sink.clone(), CancelFlag::default(), Duration::from_secs(60));
    block_on(run_bench(&plan(), &engine, &context(), &job));
    assert_eq!(*sink.disturbed.lock().unwrap(), 0);

    let mut auto = request();
    auto.settings.threads = 0;
    for plan in [plan(), dyno_bench::BenchPlan::new(auto).unwrap()] {
        let recorder = Recorder::new(None);
        assert_eq!(recorder.run(&plan, &Watched::new(FakeScript::default())).error, None);
        let events = recorder.heard();
        let Some(Event::PhaseStarted { total, .. }) = events.first() else { panic!("{:?}", events.first()) };
        assert_eq!(events.last(), Some(&Event::PhaseEnded));
        let done: Vec<u64> = events
            .iter()
            .filter_map(|event| match event {
                Event::PhaseAdvanced { done, .. } => Some(*done),
                _ => None,
            })
            .collect();
        assert!(done.is_sorted());
        assert_eq!(done.last(), Some(total), "the total was known ahead");
    }
}

#[test]
fn a_record_survives_json() {
    let record = complete(&plan(), FakeScript::default());
    let text = serde_json::to_string(&record).unwrap();
    assert_eq!(serde_json::from_str::<RunRecord>(&text).unwrap(), record);
}
