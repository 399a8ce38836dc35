//! Predictions for this machine, and what comes of them: every run is predicted, compared, and learned from.

use dyno_advise::{Bias, Correction, Disagreement, OnMachine, Outcome, Predictor as _, RawRate};
use dyno_store::LedgerEntry;
use dyno_types::{
    EngineRates, EngineSettings, HardwareProfile, Prediction, Remedy, RequestSample, RunRecord, StepWords,
    WindowOutcome,
};

use crate::Work;

impl Work {
    /// What predictions are made with: the rates of the engine, when they were measured, and the ledger of this machine's runs.
    pub(crate) fn predictor(&self, machine: &HardwareProfile) -> OnMachine {
        let rates = self.kept_rates(machine).ok().flatten();
        let correction =
            rates.as_ref().map_or_else(Correction::default, |rates| learned(rates, &self.ledger(machine)));
        OnMachine { instructions: self.matrix_instructions(machine), rates, correction }
    }

    /// What to know about predictions of speed here: what they are made from, and how good they were.
    pub(crate) fn speed_notes(
        &self,
        predictor: &OnMachine,
        machine: &HardwareProfile,
        words: StepWords,
    ) -> Vec<String> {
        let measure = words.remedy(Remedy::MeasureEngine);
        let basis = match &predictor.rates {
            Some(rates) => format!(
                "speed is predicted for {} threads from rates of the engine measured on this machine; intervals are those of models \
                 like the ones learned from, others may be outside",
                rates.threads
            ),
            None => format!("speed is not predicted before the engine was measured here: {measure}"),
        };
        let disagreement = predictor.correction.disagreement().map(|disagreement| {
            format!("{}; measure the engine again: {measure}", disagreement_sentence(&disagreement))
        });
        [basis].into_iter().chain(disagreement).chain(track_record(&self.ledger(machine))).collect()
    }

    /// Earlier predictions on this machine. A history that does not exist or cannot be read teaches nothing; whoever needs the
    /// history itself reports what is wrong with it.
    pub(crate) fn ledger(&self, machine: &HardwareProfile) -> Vec<LedgerEntry> {
        let history = self.existing_history();
        history
            .and_then(|history| history.ledger(&dyno_hardware::fingerprint(machine)).ok())
            .unwrap_or_default()
    }
}

/// What the runs since the last calibration teach. Those before it were predicted from other rates, which it took the place of.
pub(crate) fn learned(rates: &EngineRates, entries: &[LedgerEntry]) -> Correction {
    let since: Vec<&LedgerEntry> =
        entries.iter().filter(|entry| entry.started_unix_ms >= rates.measured_unix_ms).collect();
    Correction::learn(&outcomes(&since, "prefill_tps"), &outcomes(&since, "decode_tps"))
}

fn outcomes(entries: &[&LedgerEntry], metric: &str) -> Vec<Outcome> {
    let of = entries.iter().filter(|entry| entry.prediction.metric == metric);
    of.map(|entry| Outcome {
        subject: entry.subject.clone(),
        raw_tps: entry.prediction.raw,
        measured_tps: entry.prediction.measured,
    })
    .collect()
}

/// How far runs were from what the rates of the engine say.
pub(crate) fn disagreement_sentence(disagreement: &Disagreement) -> String {
    let Disagreement { models, ratio } = disagreement;
    let (percent, way) = if *ratio < 1.0 { (1.0 - ratio, "slower") } else { (ratio - 1.0, "faster") };
    format!(
        "{models} models ran {:.0} % {way} here since the engine was measured than its rates say",
        percent * 100.0
    )
}

/// How good earlier predictions were, a sentence for each metric that was ever predicted here.
pub(crate) fn track_record(entries: &[LedgerEntry]) -> Vec<String> {
    let metrics = [("decode_tps", "Decode"), ("prefill_tps", "Prefill"), ("rss_peak_bytes", "Memory")];
    metrics.into_iter().filter_map(|(metric, name)| track_record_of(entries, metric, name)).collect()
}

fn track_record_of(entries: &[LedgerEntry], metric: &str, name: &str) -> Option<String> {
    let of: Vec<&Prediction> =
        entries.iter().map(|entry| &entry.prediction).filter(|one| one.metric == metric).collect();
    let mut errors: Vec<f64> =
        of.iter().map(|one| one.error().abs()).filter(|error| error.is_finite()).collect();
    errors.sort_by(f64::total_cmp);
    let median = dyno_stats::percentile(&errors, 50.0)?;
    let ranges: Vec<([f64; 2], f64)> =
        of.iter().filter_map(|one| Some((one.interval?, one.measured))).collect();
    let inside = ranges.iter().filter(|(ends, measured)| (ends[0]..=ends[1]).contains(measured)).count();
    let coverage = match ranges.len() {
        0 => String::new(),
        all => format!(", {inside} of {all} inside their 90 % interval"),
    };
    let runs = if errors.len() == 1 { "1 run".to_owned() } else { format!("{} runs", errors.len()) };
    Some(format!(
        "{name} predictions of {runs} on this machine were off by {:.1} % (median){coverage}.",
        median * 100.0
    ))
}

/// What this predictor, set up before the run, says of the run, beside what the run measured. A figure that was not reached or cannot be
/// predicted is absent.
pub(crate) fn compared(predictor: &OnMachine, record: &RunRecord) -> Vec<Prediction> {
    [memory(predictor, record), prefill(predictor, record), decode(predictor, record)]
        .into_iter()
        .flatten()
        .collect()
}

/// Requests of the measured windows of this context.
fn windows(record: &RunRecord) -> impl Iterator<Item = (u32, &RequestSample)> {
    let samples = record.stages.context.iter().flat_map(|stage| &stage.samples);
    samples.filter_map(|sample| match &sample.outcome {
        WindowOutcome::Measured { request, .. } => Some((sample.context, request)),
        WindowOutcome::Failed { .. } => None,
    })
}

/// Of the largest window that was filled. A larger one that was only opened holds pages nobody touched, so that the peak says nothing about
/// it, and nothing about the smaller one either.
fn memory(predictor: &OnMachine, record: &RunRecord) -> Option<Prediction> {
    let measured = record.metrics.get("rss_peak_bytes")?.max;
    let context = filled_context(record)?;
    let settings = EngineSettings { context, ..record.settings.engine.clone() };
    let predicted = predictor.memory(&record.model, &settings)?.total_bytes() as f64;
    Some(Prediction {
        metric: "rss_peak_bytes".to_owned(),
        conditions: format!("window of {context} tokens"),
        raw: predicted,
        predicted,
        interval: None,
        measured,
    })
}

/// The largest window of the run, where it was filled.
fn filled_context(record: &RunRecord) -> Option<u32> {
    let filled = windows(record).map(|(window, _)| window).max()?;
    (filled >= record.settings.engine.context).then_some(filled)
}

/// Of the smallest window that was filled.
fn prefill(predictor: &OnMachine, record: &RunRecord) -> Option<Prediction> {
    let smallest = windows(record).map(|(window, _)| window).min()?;
    let requests: Vec<&RequestSample> =
        windows(record).filter(|(window, _)| *window == smallest).map(|(_, request)| request).collect();
    let computed = |request: &RequestSample| f64::from(request.n_in.saturating_sub(request.n_in_cached));
    let tokens: f64 = requests.iter().map(|request| computed(request)).sum();
    let seconds: f64 = requests.iter().map(|request| request.prefill_ms / 1e3).sum();
    let prompt = (tokens / requests.len() as f64).round();
    let raw = predictor.raw_speed(&record.model, &record.settings.engine, 0, prompt as u32)?.prefill;
    let conditions = format!("prompt of {prompt} tokens");
    let measured = tokens / seconds;
    MeasuredRate { metric: "prefill_tps", conditions, measured }.beside(raw, predictor.correction.prefill)
}

/// Of the standard prompts, at their mean depth.
fn decode(predictor: &OnMachine, record: &RunRecord) -> Option<Prediction> {
    let samples: Vec<&RequestSample> = record.stages.inference.as_ref()?.answers().collect();
    let depths = samples.iter().map(|sample| f64::from(sample.n_in) + f64::from(sample.n_out) / 2.0);
    let depth = (depths.sum::<f64>() / samples.len() as f64).round();
    let raw = predictor.raw_speed(&record.model, &record.settings.engine, depth as u32, 1)?.decode;
    let measured = record.metrics.get("decode_tps")?.mean;
    let conditions = format!("at {depth} tokens");
    MeasuredRate { metric: "decode_tps", conditions, measured }.beside(raw, predictor.correction.decode)
}

/// What a run measured of a rate that is predicted, and under which conditions.
struct MeasuredRate {
    metric: &'static str,
    conditions: String,
    measured: f64,
}

impl MeasuredRate {
    /// Beside what was predicted, as it was and corrected; absent where nothing was measured.
    fn beside(self, raw: RawRate, bias: Bias) -> Option<Prediction> {
        let Self { metric, conditions, measured } = self;
        let interval = bias.apply(raw);
        (measured.is_finite() && measured > 0.0).then(|| Prediction {
            metric: metric.to_owned(),
            conditions,
            raw: raw.tps,
            predicted: interval.likely,
            interval: Some([interval.low, interval.high]),
            measured,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(metric: &str, predicted: f64, measured: f64, interval: Option<[f64; 2]>) -> LedgerEntry {
        let prediction = Prediction {
            metric: metric.to_owned(),
            conditions: String::new(),
            raw: predicted,
            predicted,
            interval,
            measured,
        };
        LedgerEntry {
            run: "run".to_owned(),
            started_unix_ms: 1000,
            subject: format!("{predicted}"),
            prediction,
        }
    }

    #[test]
    fn memory_is_compared_only_where_the_largest_window_was_filled() {
        let run = |context: u32, windows: &[(u32, bool)]| {
            let mut record: RunRecord =
                serde_json::from_str(include_str!("../../dyno-report/tests/fixtures/run-v1.json")).unwrap();
            record.settings.engine.context = context;
            let stage = record.stages.context.as_mut().unwrap();
            let measured =
                stage.samples.iter().find(|sample| matches!(sample.outcome, WindowOutcome::Measured { .. }));
            let (measured, failed) = (
                measured.unwrap().clone(),
                WindowOutcome::Failed {
                    kind: dyno_types::WindowFailureKind::BeyondMemory,
                    reason: String::new(),
                },
            );
            stage.samples = windows
                .iter()
                .map(|(context, filled)| {
                    let outcome = if *filled { measured.outcome.clone() } else { failed.clone() };
                    dyno_types::WindowSample { context: *context, outcome, ..measured.clone() }
                })
                .collect();
            record
        };
        assert_eq!(filled_context(&run(1024, &[(512, true)])), None);
        assert_eq!(filled_context(&run(1024, &[(512, true), (1024, false)])), None);
        assert_eq!(filled_context(&run(1024, &[(1024, true), (512, true)])), Some(1024));
        assert_eq!(filled_context(&run(1024, &[(512, true), (2048, true)])), Some(2048));
        assert_eq!(filled_context(&run(1024, &[])), None);
        let unfilled = run(1024, &[(512, true)]);
        let predictor = OnMachine::default();
        assert!(unfilled.metrics.contains_key("rss_peak_bytes") && memory(&predictor, &unfilled).is_none());
    }

    #[test]
    fn a_track_record_is_the_median_error_and_what_the_intervals_held() {
        let entries = [
            entry("decode_tps", 11.0, 10.0, Some([9.0, 13.0])),
            entry("decode_tps", 8.0, 10.0, Some([7.0, 9.0])),
            entry("decode_tps", 10.5, 10.0, Some([9.0, 12.0])),
            entry("rss_peak_bytes", 98.0, 100.0, None),
        ];
        let expected = [
            "Decode predictions of 3 runs on this machine were off by 10.0 % (median), 2 of 3 inside their 90 % interval.",
            "Memory predictions of 1 run on this machine were off by 2.0 % (median).",
        ];
        assert_eq!(track_record(&entries), expected);
        assert!(track_record(&[]).is_empty());
    }

    #[test]
    fn corrections_come_from_what_was_measured_against_the_raw_prediction() {
        let entries: Vec<LedgerEntry> = (1..9)
            .map(|model| entry("decode_tps", f64::from(model) * 10.0, f64::from(model) * 8.0, None))
            .collect();
        let rates = |measured_unix_ms| EngineRates { measured_unix_ms, ..EngineRates::default() };
        let raw = |tps| RawRate { tps, borrowed: 0.0 };
        let correction = learned(&rates(1000), &entries);
        assert_eq!(correction.decode.models, 8);
        assert!(correction.decode.apply(raw(100.0)).likely < 86.0);
        assert_eq!(correction.prefill.apply(raw(100.0)).likely, 100.0);
        let after = learned(&rates(1001), &entries);
        assert_eq!(after.decode.models, 0, "they were predicted from the rates before");
    }
}
