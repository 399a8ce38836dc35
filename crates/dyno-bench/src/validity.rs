//! Reasons not to trust a record, as far as the record itself shows them. Pure.

use std::collections::BTreeSet;

use dyno_types::{PageCache, RequestSample, RunRecord, ValidityFlag, WindowOutcome};

/// Cached share of a prompt above which prefill figures are too good.
const CACHED_SHARE_MAX: f64 = 0.01;

/// Fewest engine processes for an interval worth printing; with two, the t factor alone is 12.7.
const PROCESSES_MIN: usize = 3;

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

fn cold_load_failed(record: &RunRecord) -> bool {
    let loads = record.stages.load.iter().flat_map(|stage| &stage.samples);
    loads.map(|load| load.page_cache).any(|page_cache| page_cache == PageCache::NotDropped)
}

#[cfg(test)]
mod tests {
    use dyno_types::{FinishReason, InferenceStage, LoadSample, LoadStage, MemoryBreakdown, ProcessMemory};

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
