//! Does this very build of dyno measure right? A whole benchmark against an engine whose times are known exactly.

use std::path::PathBuf;

use dyno_bench::{BenchContext, BenchPlan, PlanRequest};
use dyno_engine::{FakeEngine, FakeScript};
use dyno_types::{
    EngineSettings, HardwareProfile, Job, MachineState, ModelFacts, PageCache, RequestSample, RunRecord,
    Sampling,
};

use super::Check;

/// Largest accepted difference between measured and true figure, relative; floating-point rounding stays far below.
const DIFFERENCE_MAX: f64 = 1e-6;

/// Runs the self-test.
pub(super) async fn check(job: &Job) -> Check {
    let subject = "dyno's own arithmetic";
    let remedy = "this build of dyno must not be trusted: build it again with `make build`, and report this";
    let engine = FakeEngine::new(FakeScript::default());
    let plan = match plan() {
        Ok(plan) => plan,
        Err(error) => return Check::problem(subject, error.to_string(), remedy),
    };
    let outcome = dyno_bench::run_bench(&plan, &engine, &circumstances(), &job.unheard()).await;
    if let Some(error) = outcome.error {
        return Check::problem(subject, error.to_string(), remedy);
    }
    let wrong: Vec<String> = figures(engine.script(), &outcome.record)
        .into_iter()
        .filter(|(_, measured, truth)| {
            !measured.is_some_and(|measured| (measured / truth - 1.0).abs() <= DIFFERENCE_MAX)
        })
        .map(|(id, measured, truth)| format!("{id} came out as {measured:?} instead of {truth}"))
        .collect();
    if wrong.is_empty() {
        Check::ok(subject, "a benchmark of an engine with known times finds exactly those times")
    } else {
        Check::problem(subject, wrong.join("; "), remedy)
    }
}

fn plan() -> Result<BenchPlan, dyno_bench::PlanError> {
    let script = FakeScript::default();
    BenchPlan::new(PlanRequest {
        path: PathBuf::from("self-test.gguf"),
        facts: ModelFacts {
            reference: "self-test".to_owned(),
            context_train: Some(u64::from(script.context_train)),
            ..ModelFacts::default()
        },
        settings: EngineSettings { threads: 1, threads_prefill: 1, ..EngineSettings::default() },
        sampling: Sampling::greedy(),
        runs: 2,
        processes: 2,
        max_tokens: 16,
        contexts: vec![512],
        context_decode_tokens: 8,
    })
}

/// (metric, measured, true) for figures that follow from the script and the number of tokens alone.
fn figures(script: &FakeScript, record: &RunRecord) -> Vec<(&'static str, Option<f64>, f64)> {
    let samples: Vec<&RequestSample> =
        record.stages.inference.iter().flat_map(dyno_types::InferenceStage::answers).collect();
    let sum = |time_ns: &dyn Fn(&RequestSample) -> u64| {
        samples.iter().map(|sample| time_ns(sample) as f64).sum::<f64>()
    };
    let decode_ns = |sample: &RequestSample| {
        let steps = sample.n_out.saturating_sub(1);
        script.decode.sum(sample.n_in, sample.n_in + steps) + u64::from(steps) * script.sampling_ns
    };
    let prefill_ns = |sample: &RequestSample| script.prefill.sum(0, sample.n_in);
    let first_ns = |sample: &RequestSample| script.queue_ns + prefill_ns(sample) + script.sampling_ns;
    let decoded: f64 = samples.iter().map(|sample| f64::from(sample.n_out) - 1.0).sum();
    let prompt: f64 = samples.iter().map(|sample| f64::from(sample.n_in)).sum();
    let measured = |id: &str| record.metrics.get(id).map(|summary| summary.mean);
    vec![
        ("decode_tps", measured("decode_tps"), decoded / sum(&decode_ns) * 1e9),
        ("prefill_tps", measured("prefill_tps"), prompt / sum(&prefill_ns) * 1e9),
        ("ttft_ms", measured("ttft_ms"), sum(&first_ns) / samples.len() as f64 / 1e6),
    ]
}

fn circumstances() -> BenchContext {
    BenchContext {
        id: "self-test".to_owned(),
        tool: crate::app::tool(),
        machine: HardwareProfile { ram_limit_bytes: 1 << 40, ..HardwareProfile::default() },
        metadata_read_ms: 0.0,
        unix_ms: Box::new(|| 0),
        clock_ms: Box::new(|| 0.0),
        machine_state: Box::new(|| MachineState { ram_available_bytes: 1 << 40, ..MachineState::default() }),
        judge: Box::new(|_, _, _| Vec::new()),
        process_cpu_s: Box::new(|_| None),
        scheduling: Box::new(|_| None),
        pause: Box::new(|_| Box::pin(std::future::ready(()))),
        drop_page_cache: Box::new(|| PageCache::Dropped),
        process_memory: Box::new(|_| None),
    }
}
