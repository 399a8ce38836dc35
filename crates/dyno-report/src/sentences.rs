//! What a record says, in sentences: growth with context, advice, where the time goes, and whether to trust it.

use dyno_types::{
    ContextAnalysis, LinearLaw, Metric, ModelFacts, PowerLaw, Prediction, ProcessLoss, RequestSample,
    RunRecord, Unit, Validity,
};

use crate::figure::{Scale, about, bytes, count, figure, number, percent, signed_percent};
use crate::text::plain;
use crate::windows;

/// Below this coefficient of determination a fitted law is called weak.
const R2_WEAK: f64 = 0.9;

/// Share of the measured time from which a loss is worth a sentence.
const LOSS_SHOWN: f64 = 0.01;

/// One remark about trust.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Remark {
    /// Whether this alone makes the record unusable in comparisons.
    pub(crate) voids: bool,
    /// The remark, a sentence.
    pub(crate) text: String,
}

/// The verdict over a record, one sentence.
pub(crate) fn verdict(validity: &Validity) -> &'static str {
    match (validity.valid, validity.is_spotless()) {
        (true, true) => "Valid: nothing disturbed this measurement.",
        (true, false) => "Valid, with remarks.",
        (false, _) => "Not valid: do not compare these figures with others.",
    }
}

/// Validity flags in plain words (voiding ones first), synthetic weights, then the record's own notes.
pub(crate) fn remarks(validity: &Validity, model: &ModelFacts, notes: &[String]) -> Vec<Remark> {
    let mut flags: Vec<Remark> = validity
        .flags
        .iter()
        .map(|flag| Remark { voids: flag.voids() && !validity.valid, text: flag.explain().to_owned() })
        .collect();
    flags.sort_by_key(|remark| !remark.voids);
    flags.extend(validity.unknown_flags.iter().map(|name| Remark {
        voids: false,
        text: format!("A newer dyno noted \"{}\", which this one does not know.", plain(name)),
    }));
    if model.synthetic {
        let text =
            "The weights are random (a synthetic model): speed and memory are real, quality does not apply.";
        flags.push(Remark { voids: false, text: text.to_owned() });
    }
    flags.extend(notes.iter().map(|note| Remark { voids: false, text: plain(note) }));
    flags
}

/// The analysis as sentences; empty when the record has none.
pub(crate) fn analysis(record: &RunRecord) -> Vec<String> {
    let mut sentences: Vec<String> =
        [interval_sentence(record), loss_sentence(record)].into_iter().flatten().collect();
    if let Some(analysis) = &record.analysis {
        sentences.extend(analysis.ttft.as_ref().map(ttft_sentence));
        sentences.extend(analysis.tpot.as_ref().map(tpot_sentence));
        sentences.extend(half_depth_sentence(analysis));
        sentences.extend(analysis.memory.as_ref().map(memory_sentence));
        sentences.extend(advice_sentences(analysis));
    }
    sentences.extend(decode_share_sentence(record));
    sentences.extend(record.predictions.iter().filter_map(prediction_sentence));
    sentences
}

/// What the intervals cover, and from what that is known; nothing without intervals.
fn interval_sentence(record: &RunRecord) -> Option<String> {
    const OF_DECODE: &str = "decode_tps";
    record.metrics.values().find(|summary| summary.ci95.is_some())?;
    let runs = record.variation.get(OF_DECODE).map_or(0, |variation| variation.runs);
    let basis = if runs as usize >= dyno_stats::RUNS_ENOUGH {
        format!("as far as {runs} earlier runs like this one differ")
    } else {
        let assumed = |id: &str| Metric::find(id).map_or(0.0, Metric::assumed_variation);
        format!(
            "with an assumed deviation from run to run ({} for decode, {} for prefill and TTFT, {} for loads), until {} earlier runs like \
             this one are in the history (now {runs})",
            percent(assumed(OF_DECODE)),
            percent(assumed("prefill_tps")),
            percent(assumed("load_ms")),
            dyno_stats::RUNS_ENOUGH
        )
    };
    Some(format!("The 95 % intervals hold what a repetition of this run here, later, would give, {basis}."))
}

/// What the engine's threads lost to others; nothing where it was nothing, or is not known.
fn loss_sentence(record: &RunRecord) -> Option<String> {
    let shares: Vec<f64> = record.losses.iter().map(ProcessLoss::lost_share).collect();
    let most = shares.iter().copied().fold(0.0, f64::max);
    let switches: u64 = record.losses.iter().map(|loss| loss.involuntary_switches).sum();
    let of = if record.losses.iter().any(ProcessLoss::is_oversubscribed) {
        "each other, other programs"
    } else {
        "other programs"
    };
    (most >= LOSS_SHOWN).then(|| {
        format!(
            "The engine's threads lost up to {} of the measured time of a process to {of}, the host or want of memory, and were taken off \
             their processors {} times.",
            percent(most),
            count(switches)
        )
    })
}

/// How far off a prediction was that was made before the run.
fn prediction_sentence(prediction: &Prediction) -> Option<String> {
    let metric = Metric::find(&prediction.metric)?;
    let error = prediction.error();
    if !error.is_finite() {
        return None;
    }
    let scale = Scale::with_interval(metric.unit, prediction.predicted, prediction.interval);
    let (interval, inside) = match prediction.interval {
        None => (String::new(), String::new()),
        Some(ends) => {
            let within = (ends[0]..=ends[1]).contains(&prediction.measured);
            let place = if within { "inside" } else { "outside" };
            (format!(" {}", scale.interval(ends)), format!(", {place} the 90 % interval"))
        }
    };
    Some(format!(
        "Predicted {} ({}): {}{interval}; measured {}: off by {}{inside}.",
        metric.label,
        plain(&prediction.conditions),
        scale.text(prediction.predicted),
        figure(metric.unit, prediction.measured),
        signed_percent(error),
    ))
}

fn ttft_sentence(law: &PowerLaw) -> String {
    let interval = law.exponent_ci95.map(|ends| [ends[0].exp2(), ends[1].exp2()]);
    let ends =
        interval.map_or_else(String::new, |[low, high]| format!(" [{}, {}]", number(low), number(high)));
    let factor = number(law.per_doubling());
    format!("Doubling the context multiplies TTFT by {factor}{ends}{}.", fit_remark(law.r2, law.n))
}

fn tpot_sentence(law: &LinearLaw) -> String {
    if law.slope <= 0.0 {
        return format!("Decode does not slow down measurably with depth{}.", fit_remark(law.r2, law.n));
    }
    let per_1k = law.slope * 1000.0;
    let interval = law.slope_ci95.map(|ends| ends.map(|end| end * 1000.0));
    let scale = Scale::with_interval(Unit::Milliseconds, per_1k, interval);
    let ends = interval.map_or_else(String::new, |ends| format!(" {}", scale.interval(ends)));
    if !law.grows() {
        return format!(
            "No slowdown of decode with depth is visible ({}{ends} per 1,000 tokens in the context){}.",
            scale.text(per_1k),
            fit_remark(law.r2, law.n)
        );
    }
    format!(
        "Every 1,000 tokens in the context add {}{ends} to each generated token, on top of {}{}.",
        scale.text(per_1k),
        figure(Unit::Milliseconds, law.base),
        fit_remark(law.r2, law.n)
    )
}

fn half_depth_sentence(analysis: &ContextAnalysis) -> Option<String> {
    let tokens = analysis.half_depth_tokens.filter(|tokens| tokens.is_finite() && *tokens > 0.0)?;
    let source = if analysis.half_depth_extrapolated {
        " (extrapolated beyond the largest measured window)"
    } else {
        ""
    };
    Some(format!("Decode falls to half of its initial speed at about {} tokens{source}.", about(tokens)))
}

fn memory_sentence(law: &LinearLaw) -> String {
    if law.slope <= 0.0 {
        return format!("Memory does not grow measurably with the context{}.", fit_remark(law.r2, law.n));
    }
    let per_1k = law.slope * 1000.0;
    let interval = law.slope_ci95.map(|ends| ends.map(|end| end * 1000.0));
    let scale = Scale::with_interval(Unit::Bytes, per_1k, interval);
    let ends = interval.map_or_else(String::new, |ends| format!(" {}", scale.interval(ends)));
    if !law.grows() {
        return format!(
            "No growth of memory with the window is visible ({}{ends} per 1,000 tokens){}.",
            scale.text(per_1k),
            fit_remark(law.r2, law.n)
        );
    }
    format!(
        "Memory grows by {}{ends} per 1,000 tokens of window, from a base of {}{}.",
        scale.text(per_1k),
        figure(Unit::Bytes, law.base),
        fit_remark(law.r2, law.n)
    )
}

fn advice_sentences(analysis: &ContextAnalysis) -> Vec<String> {
    let mut advice = Vec::new();
    if let Some(window) = analysis.recommended_context {
        advice.push(format!(
            "Recommended window: {} tokens, the largest measured one that keeps at least half the decode speed and fits \
             in memory.",
            count(u64::from(window))
        ));
    }
    if let (Some(base), Some(per_1k)) = (analysis.buffer_base_bytes, analysis.buffer_per_1k_tokens_bytes) {
        advice.push(format!(
            "Set aside {} plus {} per 1,000 tokens of window (a tenth of headroom included).",
            bytes(base),
            bytes(per_1k)
        ));
    }
    advice
}

/// Where the time between tokens goes: the backend, choosing tokens, everything else.
fn decode_share_sentence(record: &RunRecord) -> Option<String> {
    let samples = &record.stages.inference.as_ref()?.samples;
    let usable = || samples.iter().filter(|sample| sample.decode_ms().is_some_and(|ms| ms > 0.0));
    let total = |part: fn(&RequestSample) -> f64| dyno_stats::sum(usable().map(part));
    let decode = total(|sample| sample.decode_ms().unwrap_or_default());
    let (backend, sampling) = (total(|sample| sample.decode_backend_ms), total(|sample| sample.sampling_ms));
    if !(decode > 0.0 && backend > 0.0) {
        return None;
    }
    // The first token's sampling falls before the first token, so the three parts need not sum up exactly.
    let rest = (decode - backend - sampling).max(0.0);
    Some(format!(
        "Of the time between tokens, {} is the model's computation, {} choosing tokens, {} everything else.",
        percent(backend / decode),
        percent(sampling / decode),
        percent(rest / decode)
    ))
}

fn fit_remark(r2: f64, points: u32) -> String {
    match (r2 < R2_WEAK, points) {
        (true, _) => format!(" (a weak fit: r² {} over {points} points)", number(r2)),
        (false, ..3) => format!(" (from {points} points only, so without an interval)"),
        _ => String::new(),
    }
}

/// Failed windows as sentences.
pub(crate) fn failures(record: &RunRecord) -> Vec<String> {
    let sentence = |failure: windows::WindowFailure| {
        let times = if failure.tries > 1 { format!(" ({} tries)", failure.tries) } else { String::new() };
        let context = count(u64::from(failure.context));
        format!("{context} tokens: {}{times}. {}", failure.kind, plain(&failure.reason))
    };
    windows::failed(record).into_iter().map(sentence).collect()
}

#[cfg(test)]
mod tests {
    use dyno_types::{MetricSummary, RunVariation};

    use super::*;

    fn prediction(metric: &str, predicted: f64, interval: Option<[f64; 2]>, measured: f64) -> Prediction {
        let conditions = "at 60 tokens".to_owned();
        Prediction { metric: metric.to_owned(), conditions, raw: predicted, predicted, interval, measured }
    }

    #[test]
    fn what_a_newer_version_noted_is_shown_as_unknown() {
        let validity =
            Validity { valid: true, unknown_flags: vec!["on_the_\nmoon".to_owned()], ..Validity::default() };
        assert_eq!(verdict(&validity), "Valid, with remarks.");
        let said = remarks(&validity, &ModelFacts::default(), &[]);
        let [Remark { voids: false, text }] = said.as_slice() else { panic!("{said:?}") };
        assert!(text.contains("on_the_") && text.contains("does not know") && !text.contains('\n'), "{text}");
    }

    #[test]
    fn growth_that_may_as_well_be_none_is_not_called_growth() {
        let law = |slope: f64, slope_ci95| LinearLaw { base: 10.0, slope, slope_ci95, r2: 0.6, n: 6 };
        let unsure = law(0.5e-3, Some([-0.1e-3, 1.1e-3]));
        let said = tpot_sentence(&unsure);
        assert!(
            said.starts_with("No slowdown of decode with depth is visible (500.0 µs [-100.0, 1,100.0]"),
            "{said}"
        );
        let said = memory_sentence(&law(1e4, Some([-6e3, 2.6e4])));
        assert!(
            said.starts_with("No growth of memory with the window is visible (") && said.contains("[-"),
            "{said}"
        );
        assert!(tpot_sentence(&law(0.5e-3, Some([0.1e-3, 0.9e-3]))).starts_with("Every 1,000 tokens"));
        assert!(memory_sentence(&law(1e4, None)).starts_with("Memory grows by"));
    }

    #[test]
    fn a_doubt_that_voided_nothing_is_not_marked_as_if_it_had() {
        use dyno_types::ValidityFlag;

        let flags = vec![ValidityFlag::DebugBuild];
        let voids = |valid| {
            let validity = Validity { valid, flags: flags.clone(), ..Validity::default() };
            remarks(&validity, &ModelFacts::default(), &[])
                .iter()
                .map(|remark| remark.voids)
                .collect::<Vec<_>>()
        };
        assert_eq!((voids(true), voids(false)), (vec![false], vec![true]));
    }

    #[test]
    fn what_intervals_cover_and_rest_on_is_said() {
        let mut record = RunRecord::default();
        assert_eq!(interval_sentence(&record), None);
        let summary = MetricSummary {
            unit: Unit::TokensPerSecond,
            better: dyno_types::Better::Higher,
            n: 3,
            mean: 10.0,
            sd: None,
            median: 10.0,
            min: 9.0,
            max: 11.0,
            percentiles: std::collections::BTreeMap::new(),
            ci95: Some([9.0, 11.0]),
        };
        record.metrics.insert("decode_tps".to_owned(), summary);
        let text = interval_sentence(&record).unwrap();
        assert!(
            text.contains("assumed") && text.contains("5.0 % for decode") && text.contains("(now 0)"),
            "{text}"
        );
        let variation = |runs| RunVariation { runs, ..RunVariation::default() };
        record.variation.insert("decode_tps".to_owned(), variation(4));
        assert!(interval_sentence(&record).unwrap().contains("(now 4)"));
        record.variation.insert("decode_tps".to_owned(), variation(5));
        let text = interval_sentence(&record).unwrap();
        assert!(
            text.ends_with("later, would give, as far as 5 earlier runs like this one differ."),
            "{text}"
        );
    }

    #[test]
    fn losses_are_told_from_one_per_cent_on() {
        let loss = |waited_ms| ProcessLoss {
            processors: 2,
            threads: 2,
            measured_ms: 1000.0,
            waited_ms,
            involuntary_switches: 700,
            ..ProcessLoss::default()
        };
        let said = |losses| loss_sentence(&RunRecord { losses, ..RunRecord::default() });
        assert_eq!((said(Vec::new()), said(vec![loss(9.0)])), (None, None));
        let text = said(vec![loss(1.0), loss(32.0)]).unwrap();
        assert!(text.contains("up to 3.2 %") && text.contains("1,400 times"), "{text}");
        let text = said(vec![ProcessLoss { threads: 4, ..loss(320.0) }]).unwrap();
        assert!(text.contains("to each other, other programs"), "{text}");
    }

    #[test]
    fn predictions_are_told_with_their_error() {
        let inside = prediction("decode_tps", 14.0, Some([12.0, 16.0]), 12.5);
        let text = prediction_sentence(&inside).unwrap();
        assert_eq!(
            text,
            "Predicted decode (at 60 tokens): 14.0 tokens/s [12.0, 16.0]; measured 12.5 tokens/s: off by +12.0 %, inside the 90 % interval."
        );
        let outside = prediction_sentence(&prediction("decode_tps", 14.0, Some([12.0, 16.0]), 20.0)).unwrap();
        assert!(outside.contains("-30.0 %, outside the 90 %"), "{outside}");
        let memory = prediction_sentence(&prediction("rss_peak_bytes", 1e9, None, 1e9)).unwrap();
        assert!(memory.contains("off by +0.0 %."), "{memory}");
        assert_eq!(prediction_sentence(&prediction("decode_tps", 14.0, None, 0.0)), None);
        assert_eq!(prediction_sentence(&prediction("of another version", 14.0, None, 1.0)), None);
    }
}
