//! Raw samples → one summary per metric. Pure; the same samples give the same figures for ever.

use std::collections::{BTreeMap, BTreeSet};

use dyno_stats::{RunFigure, Summary, Tail, sum};
use dyno_types::{
    Better, CleanupSample, InferenceStage, LoadSample, METRICS, Metric, MetricSummary, PageCache,
    RequestSample, RunVariation, Stages, WindowOutcome,
};

use crate::variation;

/// What an interval is to cover.
#[derive(Debug, Clone, Copy)]
pub enum Scope<'a> {
    /// What a repetition of the whole run on this machine, later, would give; from the variation over earlier runs, by metric id.
    Repetition(&'a BTreeMap<String, RunVariation>),
    /// The mean over processes of this session: for comparing what was measured in turn, where drift falls on all alike.
    Session,
}

/// One raw value as amount per duration, so that rates combine as Σamount/Σduration. A plain value has duration 1, and the
/// same formula gives the mean.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Observation {
    process: u32,
    amount: f64,
    duration: f64,
}

impl Observation {
    fn value(process: u32, value: f64) -> Self {
        Self { process, amount: value, duration: 1.0 }
    }

    /// Tokens per ms as tokens/s; `None` for no tokens or no time, which leave no rate.
    fn rate(process: u32, tokens: u32, ms: f64) -> Option<Self> {
        (tokens > 0 && ms > 0.0).then(|| Self { process, amount: f64::from(tokens), duration: ms / 1e3 })
    }
}

/// Summaries by metric id (definitions: [`METRICS`]); a metric without samples is absent. Speeds come from the inference stage
/// alone. Means of rates are Σtokens/Σtime; intervals rest on engine processes, each combined the same way, and cover what `scope` says.
#[must_use]
pub fn summarize(stages: &Stages, scope: Scope<'_>) -> BTreeMap<String, MetricSummary> {
    let summary = |metric: &Metric| {
        let summary = summary_of(metric, &observations(metric.id, stages), scope)?;
        Some((metric.id.to_owned(), summary))
    };
    METRICS.iter().filter_map(summary).collect()
}

/// The figure of each metric over the run, and over each of its processes.
pub(crate) fn run_figures(stages: &Stages) -> BTreeMap<&'static str, RunFigure> {
    let figure = |metric: &Metric| Some((metric.id, run_figure(&observations(metric.id, stages))?));
    METRICS.iter().filter_map(figure).collect()
}

fn run_figure(observations: &[Observation]) -> Option<RunFigure> {
    let processes: BTreeSet<u32> = observations.iter().map(|one| one.process).collect();
    let by_process = processes
        .iter()
        .map(|process| combined(observations.iter().filter(|one| one.process == *process)))
        .collect();
    (!observations.is_empty()).then(|| RunFigure { figure: combined(observations.iter()), by_process })
}

fn observations(id: &str, stages: &Stages) -> Vec<Observation> {
    match id {
        "load_ms" => loads(stages, |load| (load.page_cache == PageCache::Warm).then(|| load.load_ms())),
        "load_cold_ms" => {
            loads(stages, |load| (load.page_cache == PageCache::Dropped).then(|| load.load_ms()))
        }
        "ttft_ms" => requests(stages, RequestSample::ttft_ms),
        "tpot_ms" => requests(stages, tpot_ms),
        "itl_ms" => gaps(stages),
        "e2e_ms" => requests(stages, |request| request.token_ms.last().copied()),
        "prefill_tps" => rates(stages, |request| {
            (request.n_in.saturating_sub(request.n_in_cached), Some(request.prefill_ms))
        }),
        "prefill_512_tps" => long_prefills(stages),
        "decode_tps" => rates(stages, |request| (request.n_out.saturating_sub(1), request.decode_ms())),
        "rss_load_bytes" => loads(stages, |load| Some(load.after.rss_bytes as f64)),
        "rss_peak_bytes" => peaks(stages),
        "rss_after_unload_bytes" => cleanups(stages, |cleanup| cleanup.unloaded.rss_bytes as f64),
        "unload_ms" => cleanups(stages, |cleanup| cleanup.unload_ms),
        _ => Vec::new(),
    }
}

/// `tpot_ms` of one request: time per token after the first; absent for fewer than two.
pub(crate) fn tpot_ms(request: &RequestSample) -> Option<f64> {
    let gaps = request.n_out.checked_sub(1).filter(|gaps| *gaps > 0)?;
    Some(request.decode_ms()? / f64::from(gaps))
}

fn inference(stages: &Stages) -> impl Iterator<Item = &RequestSample> {
    stages.inference.iter().flat_map(InferenceStage::answers)
}

fn long_prefills(stages: &Stages) -> Vec<Observation> {
    let long = stages.inference.iter().flat_map(InferenceStage::long_prompts);
    let rate = |request: &RequestSample| {
        let tokens = request.n_in.saturating_sub(request.n_in_cached);
        Observation::rate(request.process, tokens, request.prefill_ms)
    };
    long.filter_map(rate).collect()
}

fn requests(stages: &Stages, value: impl Fn(&RequestSample) -> Option<f64>) -> Vec<Observation> {
    inference(stages)
        .filter_map(|request| Some(Observation::value(request.process, value(request)?)))
        .collect()
}

fn gaps(stages: &Stages) -> Vec<Observation> {
    inference(stages)
        .flat_map(|request| request.gaps_ms().map(|gap| Observation::value(request.process, gap)))
        .collect()
}

fn rates(stages: &Stages, parts: impl Fn(&RequestSample) -> (u32, Option<f64>)) -> Vec<Observation> {
    let rate = |request: &RequestSample| {
        let (tokens, ms) = parts(request);
        Observation::rate(request.process, tokens, ms?)
    };
    inference(stages).filter_map(rate).collect()
}

fn loads(stages: &Stages, value: impl Fn(&LoadSample) -> Option<f64>) -> Vec<Observation> {
    let samples = stages.load.iter().flat_map(|stage| &stage.samples);
    samples.filter_map(|load| Some(Observation::value(load.process, value(load)?))).collect()
}

fn cleanups(stages: &Stages, value: impl Fn(&CleanupSample) -> f64) -> Vec<Observation> {
    let samples = stages.cleanup.iter().flat_map(|stage| &stage.samples);
    samples.map(|cleanup| Observation::value(cleanup.process, value(cleanup))).collect()
}

/// Highest resident set ever seen of each process that answered requests; of each that loaded when none did.
fn peaks(stages: &Stages) -> Vec<Observation> {
    let mut peaks: BTreeMap<u32, u64> = BTreeMap::new();
    let mut see = |process: u32, bytes: u64| {
        let peak = peaks.entry(process).or_default();
        *peak = bytes.max(*peak);
    };
    for load in stages.load.iter().flat_map(|stage| &stage.samples) {
        see(load.process, load.after.rss_peak_bytes);
    }
    for request in inference(stages) {
        see(request.process, request.memory.rss_peak_bytes);
    }
    for window in stages.context.iter().flat_map(|stage| &stage.samples) {
        if let WindowOutcome::Measured { memory, .. } = &window.outcome {
            see(window.process, memory.process.rss_peak_bytes);
        }
    }
    for cleanup in stages.cleanup.iter().flat_map(|stage| &stage.samples) {
        see(cleanup.process, cleanup.loaded.rss_peak_bytes);
    }
    let measured: BTreeSet<u32> = inference(stages).map(|request| request.process).collect();
    peaks.retain(|process, bytes| *bytes > 0 && (measured.is_empty() || measured.contains(process)));
    peaks.into_iter().map(|(process, bytes)| Observation::value(process, bytes as f64)).collect()
}

fn summary_of(metric: &Metric, observations: &[Observation], scope: Scope<'_>) -> Option<MetricSummary> {
    let tail = match metric.better {
        Better::Higher => Tail::Low,
        Better::Lower => Tail::High,
    };
    let values: Vec<f64> = observations.iter().map(|one| one.amount / one.duration).collect();
    // Values that are not finite came from a broken engine; figures made of them would only look like figures.
    let summary = Summary::of(&values, tail).ok()?;
    let run = run_figure(observations)?;
    Some(MetricSummary {
        unit: metric.unit,
        better: metric.better,
        n: summary.n as u64,
        mean: run.figure,
        sd: summary.sd,
        median: summary.median,
        min: summary.min,
        max: summary.max,
        percentiles: summary
            .percentiles
            .iter()
            .map(|percentile| (percentile.name.to_owned(), percentile.value))
            .collect(),
        ci95: variation::interval(metric, &run, scope),
    })
}

/// Σamount/Σduration.
fn combined<'a>(observations: impl Iterator<Item = &'a Observation> + Clone) -> f64 {
    sum(observations.clone().map(|one| one.amount)) / sum(observations.map(|one| one.duration))
}

#[cfg(test)]
mod tests;
