//! Metrics computed from samples whose figures follow by hand.

use dyno_types::{CleanupStage, FinishReason, InferenceStage, LoadStage, MemoryBreakdown, ProcessMemory};

use super::*;

fn summarized(stages: &Stages) -> BTreeMap<String, MetricSummary> {
    summarize(stages, Scope::Session)
}

fn memory(bytes: u64) -> ProcessMemory {
    ProcessMemory { rss_bytes: bytes, rss_peak_bytes: bytes + 1, ..ProcessMemory::default() }
}

fn request(process: u32, n_in: u32, prefill_ms: f64, token_ms: &[f64]) -> RequestSample {
    RequestSample {
        process,
        run: 0,
        prompt: "p".to_owned(),
        n_in,
        n_in_cached: 0,
        n_out: token_ms.len() as u32,
        n_out_asked: token_ms.len() as u32,
        prefill_ms,
        queue_ms: 0.0,
        sampling_ms: 0.0,
        decode_backend_ms: 0.0,
        token_ms: token_ms.to_vec(),
        finish_reason: FinishReason::Length,
        memory: memory(1000),
    }
}

fn load(process: u32, page_cache: PageCache, ms: f64) -> LoadSample {
    LoadSample {
        process,
        page_cache,
        weights_ms: ms,
        context_ms: 1.0,
        start_ms: 5.0,
        before: memory(10),
        after: memory(900),
        breakdown: MemoryBreakdown::default(),
        timeline: Vec::new(),
    }
}

fn stages(requests: Vec<RequestSample>) -> Stages {
    let loads = vec![
        load(0, PageCache::Dropped, 500.0),
        load(1, PageCache::Warm, 100.0),
        load(2, PageCache::Warm, 110.0),
    ];
    let cleanup = CleanupSample {
        process: 1,
        loaded: memory(2000),
        unloaded: memory(30),
        unload_ms: 4.0,
        ..Default::default()
    };
    Stages {
        load: Some(LoadStage { samples: loads }),
        inference: Some(InferenceStage { warmup_discarded: vec![3], samples: requests }),
        cleanup: Some(CleanupStage { samples: vec![cleanup] }),
        ..Stages::default()
    }
}

#[test]
fn every_metric_comes_from_a_full_record() {
    let metrics = summarized(&stages(vec![
        request(1, 10, 20.0, &[21.0, 31.0]),
        request(2, 10, 20.0, &[21.0, 31.0]),
        long(1, 256.0),
    ]));
    let found: Vec<&str> = metrics.keys().map(String::as_str).collect();
    let mut all: Vec<&str> = METRICS.iter().map(|metric| metric.id).collect();
    all.sort_unstable();
    assert_eq!(found, all);
}

/// The long prompt.
fn long(process: u32, prefill_ms: f64) -> RequestSample {
    let prompt = dyno_types::LONG_PROMPT.to_owned();
    RequestSample {
        prompt,
        ..request(process, dyno_types::LONG_PROMPT_TOKENS, prefill_ms, &[prefill_ms + 1.0])
    }
}

#[test]
fn the_long_prompt_has_a_figure_of_its_own_and_touches_no_other() {
    let short = || vec![request(1, 10, 20.0, &[21.0, 31.0]), request(2, 10, 20.0, &[21.0, 31.0])];
    let with_long = summarized(&stages([short(), vec![long(1, 256.0), long(2, 128.0)]].concat()));
    let figure = &with_long["prefill_512_tps"];
    assert_eq!((figure.n, figure.min, figure.max), (2, 2000.0, 4000.0));
    assert!((figure.mean - 1024.0 / 0.384).abs() < 1e-9);
    let mut others = with_long.clone();
    others.remove("prefill_512_tps");
    assert_eq!(others, summarized(&stages(short())));
}

#[test]
fn rates_combine_by_time_and_values_by_count() {
    // 10 gaps in 100 ms and 1 gap in 100 ms: 11 gaps in 0.2 s, not the mean of 100 and 10 tokens/s.
    let even: Vec<f64> = (0..11).map(|n| 50.0 + 10.0 * f64::from(n)).collect();
    let metrics =
        summarized(&stages(vec![request(1, 100, 50.0, &even), request(1, 20, 50.0, &[50.0, 150.0])]));
    assert_eq!(metrics["decode_tps"].mean, 55.0);
    assert_eq!((metrics["decode_tps"].min, metrics["decode_tps"].max), (10.0, 100.0));
    assert_eq!(metrics["prefill_tps"].mean, 1200.0);
    assert_eq!((metrics["ttft_ms"].mean, metrics["ttft_ms"].n), (50.0, 2));
    assert_eq!((metrics["itl_ms"].n, metrics["itl_ms"].max), (11, 100.0));
    assert_eq!((metrics["tpot_ms"].min, metrics["tpot_ms"].max), (10.0, 100.0));
    assert_eq!(metrics["decode_tps"].ci95, None, "one process is no repetition");
}

#[test]
fn intervals_rest_on_processes_not_on_requests() {
    let in_process = |process, gap: f64| (0..3).map(move |_| request(process, 10, 20.0, &[20.0, 20.0 + gap]));
    let requests = in_process(1, 10.0).chain(in_process(2, 8.0)).chain(in_process(3, 12.5)).collect();
    let metrics = summarized(&stages(requests));
    let found = metrics["decode_tps"].ci95.unwrap();
    let run = RunFigure { figure: metrics["decode_tps"].mean, by_process: vec![100.0, 125.0, 80.0] };
    assert_eq!(found, dyno_stats::session_interval_95(&run).unwrap().bounds());
}

#[test]
fn an_interval_lies_around_the_printed_figure_however_uneven_the_processes() {
    // Two quick processes and one that took a hundred times as long: Σ/Σ is far from the mean of the rates.
    let in_process = |process, gap: f64| request(process, 10, 20.0, &[20.0, 20.0 + gap]);
    let stages = stages(vec![in_process(1, 10.0), in_process(2, 12.0), in_process(3, 1000.0)]);
    for scope in [Scope::Session, Scope::Repetition(&BTreeMap::new())] {
        for (id, summary) in summarize(&stages, scope) {
            if let Some([low, high]) = summary.ci95 {
                assert!(0.0 < low && low <= summary.mean && summary.mean <= high, "{id}: {summary:?}");
            }
        }
    }
}

#[test]
fn an_interval_that_says_nothing_is_none() {
    let in_process = |process, gap: f64| request(process, 10, 20.0, &[20.0, 20.0 + gap]);
    for (slower, told) in [(11.0, true), (14.0, true), (15.0, false), (20.0, false)] {
        let stages = stages(vec![in_process(1, 10.0), in_process(2, slower)]);
        let metrics = summarize(&stages, Scope::Session);
        assert_eq!(metrics["decode_tps"].ci95.is_some(), told, "{slower}: {:?}", metrics["decode_tps"].ci95);
    }
}

#[test]
fn the_variation_of_earlier_runs_decides_what_a_repetition_would_give() {
    let run =
        |gap: f64| stages((1..4).map(|process| request(process, 10, 20.0, &[20.0, 20.0 + gap])).collect());
    let earlier: Vec<Stages> = [10.0, 12.0, 9.0, 11.0, 10.5].into_iter().map(run).collect();
    let variation = crate::run_variation(&earlier);
    assert_eq!(variation["decode_tps"].runs, 5);
    assert!(variation["rss_peak_bytes"].log_variance < 1e-20);
    let this = run(10.0);
    let width = |scope| {
        let [low, high] = summarize(&this, scope)["decode_tps"].ci95.unwrap();
        (high / low).ln() / 2.0
    };
    assert!(width(Scope::Session) < 1e-12, "the three processes were alike");
    let logs: Vec<f64> = [10.0_f64, 12.0, 9.0, 11.0, 10.5, 10.0].iter().map(|gap| gap.ln()).collect();
    let mean = logs.iter().sum::<f64>() / 6.0;
    let variance = logs.iter().map(|log| (log - mean).powi(2)).sum::<f64>() / 5.0;
    let expected = dyno_stats::t_quantile(0.975, 5) * (2.0 * variance).sqrt();
    assert!((width(Scope::Repetition(&variation)) - expected).abs() < 1e-9);
    let none = BTreeMap::new();
    assert!(width(Scope::Repetition(&none)) > 0.1, "before there is a history, a variation is assumed");
}

#[test]
fn cached_tokens_are_not_prefilled_and_single_tokens_have_no_pace() {
    let cached = RequestSample { n_in_cached: 90, ..request(1, 100, 10.0, &[12.0]) };
    let metrics = summarized(&stages(vec![cached]));
    assert_eq!(metrics["prefill_tps"].mean, 1000.0);
    for absent in ["tpot_ms", "itl_ms", "decode_tps"] {
        assert!(!metrics.contains_key(absent), "{absent} is undefined for one token");
    }
}

#[test]
fn cold_and_warm_loads_are_kept_apart() {
    let metrics = summarized(&stages(Vec::new()));
    assert_eq!((metrics["load_cold_ms"].mean, metrics["load_cold_ms"].n), (501.0, 1));
    assert_eq!((metrics["load_ms"].mean, metrics["load_ms"].n), (106.0, 2));
    let mut unknown = stages(Vec::new());
    unknown.load = Some(LoadStage { samples: vec![load(0, PageCache::NotDropped, 500.0)] });
    let metrics = summarized(&unknown);
    assert!(
        !metrics.contains_key("load_ms") && !metrics.contains_key("load_cold_ms"),
        "neither cold nor warm for sure"
    );
}

#[test]
fn the_peak_is_that_of_processes_that_answered() {
    let metrics = summarized(&stages(vec![request(1, 10, 20.0, &[21.0])]));
    assert_eq!((metrics["rss_peak_bytes"].n, metrics["rss_peak_bytes"].mean), (1, 2001.0));
    let metrics = summarized(&stages(Vec::new()));
    assert_eq!(metrics["rss_peak_bytes"].n, 3, "without requests, those that loaded");
}

#[test]
fn rates_carry_the_low_tail_once_it_can_be_stated() {
    let requests =
        |n: u32| stages((0..n).map(|k| request(1, 10, 20.0, &[20.0, 30.0 + f64::from(k)])).collect());
    let many = summarized(&requests(40));
    assert!(
        many["decode_tps"].percentiles.contains_key("p10")
            && !many["decode_tps"].percentiles.contains_key("p90")
    );
    assert!(many["itl_ms"].percentiles.contains_key("p90"));
    assert!(summarized(&requests(30))["itl_ms"].percentiles.is_empty());
}
