//! Reasons not to trust a record, as far as the record itself shows them. Pure.

use std::collections::BTreeSet;

use dyno_types::{
    LOST_SHARE_MAX, PageCache, ProcessLoss, RequestSample, RunRecord, ValidityFlag, WindowOutcome,
};

/// Cached share of a prompt above which prefill figures are too good.
const CACHED_SHARE_MAX: f64 = 0.01;

/// Fewest engine processes for an interval worth printing; with two, the t factor alone is 12.7.
const PROCESSES_MIN: usize = 3;

/// Part of an expected rate below which something was in the way: an order of magnitude.
const FAR_SLOWER: f64 = 0.1;

/// Flags that follow from what the record holds. What only the run itself knew (an early end, a restart, a warm-up that did not
/// settle, the judgement of the machine) is not among them.
#[must_use]
pub fn flags(record: &RunRecord) -> Vec<ValidityFlag> {
    let mut checks = vec![
        (ValidityFlag::NoSamples, requests(record).next().is_none()),
        (ValidityFlag::OnBattery, record.machine.on_battery == Some(true)),
        (
            ValidityFlag::DebugBuild,
            [&record.tool.profile, &record.engine.profile].iter().any(|profile| *profile == "debug"),
        ),
        (ValidityFlag::UnplannedCacheHit, requests(record).any(was_cached)),
        (
            ValidityFlag::OutputLengthMismatch,
            requests(record).any(|request| request.n_out < request.n_out_asked),
        ),
        (ValidityFlag::TooFewSamples, processes_measured(record) < PROCESSES_MIN),
        (ValidityFlag::ColdLoadNotCold, cold_load_failed(record)),
        (ValidityFlag::Disturbed, record.losses.iter().any(ProcessLoss::is_disturbed)),
        (ValidityFlag::MoreThreadsThanProcessors, has_too_many_threads(record)),
        (ValidityFlag::Oversubscribed, record.losses.iter().any(is_costly_crowd)),
        (ValidityFlag::FarSlowerThanExpected, is_far_slower(record)),
    ];
    checks.retain(|(_, holds)| *holds);
    checks.into_iter().map(|(flag, _)| flag).collect()
}

/// Every request, of both stages, that produced a token.
fn requests(record: &RunRecord) -> impl Iterator<Item = &RequestSample> {
    let inference = record.stages.inference.iter().flat_map(|stage| &stage.samples);
    let windows = record.stages.context.iter().flat_map(|stage| &stage.samples);
    let filled = windows.filter_map(|sample| match &sample.outcome {
        WindowOutcome::Measured { request, .. } => Some(request),
        WindowOutcome::Failed { .. } => None,
    });
    inference.chain(filled).filter(|request| request.n_out > 0)
}

fn was_cached(request: &RequestSample) -> bool {
    f64::from(request.n_in_cached) > CACHED_SHARE_MAX * f64::from(request.n_in)
}

fn processes_measured(record: &RunRecord) -> usize {
    let samples = record.stages.inference.iter().flat_map(|stage| &stage.samples);
    samples.map(|request| request.process).collect::<BTreeSet<u32>>().len()
}

fn has_too_many_threads(record: &RunRecord) -> bool {
    let engine = &record.settings.engine;
    let usable = record.machine.cores_usable;
    usable > 0 && engine.threads.max(engine.threads_prefill) > usable
}

fn is_costly_crowd(loss: &ProcessLoss) -> bool {
    loss.is_oversubscribed() && loss.lost_share() > LOST_SHARE_MAX
}

/// Against the run's own comparison of thread counts, and against predictions. Prefill is not compared with the former, whose prompts
/// have another length.
fn is_far_slower(record: &RunRecord) -> bool {
    let decode = record.metrics.get("decode_tps").map(|summary| summary.mean);
    let chosen = record.settings.engine.threads;
    let mut sweep = record.settings.thread_sweep.iter().filter(|sample| sample.threads == chosen);
    let below_sweep = sweep.any(|sample| decode.is_some_and(|tps| tps < FAR_SLOWER * sample.decode_tps));
    let rates = record.predictions.iter().filter(|one| one.metric.ends_with("_tps"));
    below_sweep || rates.into_iter().any(|one| one.measured < FAR_SLOWER * one.predicted)
}

fn cold_load_failed(record: &RunRecord) -> bool {
    let loads = record.stages.load.iter().flat_map(|stage| &stage.samples);
    loads.map(|load| load.page_cache).any(|page_cache| page_cache == PageCache::NotDropped)
}

#[cfg(test)]
mod tests {
    use dyno_types::{
        FinishReason, InferenceStage, LoadSample, LoadStage, MemoryBreakdown, Prediction, ProcessMemory,
        ThreadSample,
    };

    use super::*;

    fn request(process: u32) -> RequestSample {
        RequestSample {
            process,
            run: 0,
            prompt: "p".to_owned(),
            n_in: 1000,
            n_in_cached: 0,
            n_out: 2,
            n_out_asked: 2,
            prefill_ms: 1.0,
            queue_ms: 0.0,
            sampling_ms: 0.0,
            decode_backend_ms: 0.0,
            token_ms: vec![1.0, 2.0],
            finish_reason: FinishReason::Length,
            memory: ProcessMemory::default(),
        }
    }

    fn record() -> RunRecord {
        let mut record = RunRecord::default();
        let samples = (0..3).map(request).collect();
        record.stages.inference = Some(InferenceStage { warmup_discarded: Vec::new(), samples });
        record
    }

    /// Of a window of a second on two processors.
    fn loss(threads: u32, waited_ms: f64) -> ProcessLoss {
        ProcessLoss { processors: 2, threads, measured_ms: 1000.0, waited_ms, ..ProcessLoss::default() }
    }

    fn set_threads(record: &mut RunRecord, [decode, prefill]: [u32; 2]) {
        record.machine.cores_usable = 2;
        (record.settings.engine.threads, record.settings.engine.threads_prefill) = (decode, prefill);
    }

    /// The sweep found 100 tokens/s with two threads and hardly anything with one.
    fn expect_decode(record: &mut RunRecord, measured_tps: f64) {
        record.settings.engine.threads = 2;
        let sample = |threads, decode_tps| ThreadSample { threads, prefill_tps: 1e6, decode_tps };
        record.settings.thread_sweep = vec![sample(1, 1e6), sample(2, 100.0)];
        let samples = std::mem::take(&mut record.stages.inference.as_mut().unwrap().samples);
        let gap_ms = 1000.0 / measured_tps;
        let slow = |sample: RequestSample| RequestSample { token_ms: vec![1.0, 1.0 + gap_ms], ..sample };
        record.stages.inference.as_mut().unwrap().samples = samples.into_iter().map(slow).collect();
        record.metrics = crate::summarize(&record.stages, crate::Scope::Session);
    }

    /// 100 were predicted.
    fn prediction(metric: &str, measured: f64) -> Prediction {
        Prediction {
            metric: metric.to_owned(),
            conditions: String::new(),
            raw: 100.0,
            predicted: 100.0,
            interval: None,
            measured,
        }
    }

    fn change_first(record: &mut RunRecord, change: impl Fn(&mut RequestSample)) {
        change(&mut record.stages.inference.as_mut().unwrap().samples[0]);
    }

    #[test]
    fn each_circumstance_raises_its_flag_alone() {
        type Change = fn(&mut RunRecord);
        let cases: &[(Change, &[ValidityFlag])] = &[
            (|_| (), &[]),
            (|r| r.machine.on_battery = Some(true), &[ValidityFlag::OnBattery]),
            (|r| r.machine.on_battery = Some(false), &[]),
            (|r| r.tool.profile = "debug".to_owned(), &[ValidityFlag::DebugBuild]),
            (|r| r.engine.profile = "debug".to_owned(), &[ValidityFlag::DebugBuild]),
            (|r| change_first(r, |q| q.n_in_cached = 10), &[]),
            (|r| change_first(r, |q| q.n_in_cached = 11), &[ValidityFlag::UnplannedCacheHit]),
            (|r| change_first(r, |q| q.n_out = 1), &[ValidityFlag::OutputLengthMismatch]),
            (|r| change_first(r, |q| q.process = 1), &[ValidityFlag::TooFewSamples]),
            (|r| r.losses = vec![loss(2, 50.0), loss(2, 50.0)], &[]),
            (|r| r.losses = vec![loss(2, 50.0), loss(2, 51.0)], &[ValidityFlag::Disturbed]),
            (|r| r.losses = vec![loss(4, 51.0)], &[ValidityFlag::Oversubscribed]),
            (|r| r.losses = vec![loss(4, 50.0)], &[]),
            (|r| set_threads(r, [2, 2]), &[]),
            (|r| set_threads(r, [2, 3]), &[ValidityFlag::MoreThreadsThanProcessors]),
            (|r| set_threads(r, [3, 2]), &[ValidityFlag::MoreThreadsThanProcessors]),
            (|r| expect_decode(r, 10.1), &[]),
            (|r| expect_decode(r, 9.9), &[ValidityFlag::FarSlowerThanExpected]),
            (|r| r.predictions = vec![prediction("decode_tps", 10.0)], &[]),
            (
                |r| r.predictions = vec![prediction("prefill_tps", 9.9)],
                &[ValidityFlag::FarSlowerThanExpected],
            ),
            (|r| r.predictions = vec![prediction("rss_peak_bytes", 1.0)], &[]),
            (|r| r.stages.inference = None, &[ValidityFlag::NoSamples, ValidityFlag::TooFewSamples]),
        ];
        for (index, (change, expected)) in cases.iter().enumerate() {
            let mut record = record();
            change(&mut record);
            assert_eq!(flags(&record), *expected, "case {index}");
        }
    }

    #[test]
    fn a_load_that_may_not_have_been_cold_is_flagged() {
        for (page_cache, expected) in [
            (PageCache::NotDropped, vec![ValidityFlag::ColdLoadNotCold]),
            (PageCache::Dropped, vec![]),
            (PageCache::Warm, vec![]),
        ] {
            let mut record = record();
            let memory = ProcessMemory::default();
            let sample = LoadSample {
                process: 0,
                page_cache,
                weights_ms: 1.0,
                context_ms: 1.0,
                start_ms: 1.0,
                before: memory,
                after: memory,
                breakdown: MemoryBreakdown::default(),
                timeline: Vec::new(),
            };
            record.stages.load = Some(LoadStage { samples: vec![sample] });
            assert_eq!(flags(&record), expected);
        }
    }
}
