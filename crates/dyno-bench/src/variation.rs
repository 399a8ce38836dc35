//! How figures vary from run to run, and the intervals that follow. Pure.

use std::collections::BTreeMap;

use dyno_stats::{RunFigure, RunSpread, repetition_interval_95, session_interval_95};
use dyno_types::{Metric, RunRecord, RunVariation, Stages};

use crate::analyze;
use crate::summary::{Scope, run_figures, summarize};

/// An interval whose ends differ by more than this factor says nothing: two processes that differ much give such.
const SPAN_MAX: f64 = 100.0;

/// How each metric varied over earlier runs, from their samples.
#[must_use]
pub fn run_variation<'a>(earlier: impl IntoIterator<Item = &'a Stages>) -> BTreeMap<String, RunVariation> {
    let mut figures: BTreeMap<&str, Vec<RunFigure>> = BTreeMap::new();
    for stages in earlier {
        for (metric, figure) in run_figures(stages) {
            figures.entry(metric).or_default().push(figure);
        }
    }
    figures.into_iter().map(|(metric, runs)| (metric.to_owned(), kept(&RunSpread::of(&runs)))).collect()
}

/// The record with figures, intervals and analysis by today's formulas, from its own samples. What it holds no samples of, and what it
/// alone knows (its flags and remarks, the variation it was compared with), stays as it is.
#[must_use]
pub fn recomputed(mut record: RunRecord) -> RunRecord {
    record.metrics.extend(summarize(&record.stages, Scope::Repetition(&record.variation)));
    record.analysis = analyze(&record.stages).or(record.analysis);
    record
}

/// The interval of a figure; `None` with fewer than two processes, for figures without a logarithm, and where it would say nothing.
pub(crate) fn interval(metric: &Metric, run: &RunFigure, scope: Scope<'_>) -> Option<[f64; 2]> {
    let interval = match scope {
        Scope::Session => session_interval_95(run),
        Scope::Repetition(variation) => {
            let earlier = variation.get(metric.id).copied().unwrap_or_default();
            repetition_interval_95(run, &spread(&earlier), metric.assumed_variation())
        }
    };
    interval.ok().map(|interval| interval.bounds()).filter(|[low, high]| *high <= SPAN_MAX * *low)
}

fn kept(spread: &RunSpread) -> RunVariation {
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    RunVariation {
        runs: count(spread.runs),
        log_mean: spread.log_mean,
        log_variance: spread.log_variance,
        within_log_variance: spread.within_log_variance,
        within_freedom: count(spread.within_freedom),
    }
}

fn spread(kept: &RunVariation) -> RunSpread {
    RunSpread {
        runs: kept.runs as usize,
        log_mean: kept.log_mean,
        log_variance: kept.log_variance,
        within_log_variance: kept.within_log_variance,
        within_freedom: kept.within_freedom as usize,
    }
}
