//! Charts of quality: accuracy by task, differences against a baseline, accuracy along the context, and what quantizations are worth.

use std::collections::BTreeSet;

use dyno_types::{
    Degeneration, EvalRecord, INTERVAL_ITEMS_MIN, PairedComparison, QuantImpact, Score, SuiteResult, Unit,
};

use crate::chart::{Axis, Chart, Ink, Mark, Row, RowChart, RowValue, SERIES_INKS, token_label};
use crate::html::view::{Figure, Key};
use crate::quality::{self as said, WHOLE, Yardstick};
use crate::text::plain;

/// Rows of one chart; the table has all.
const ROWS_MAX: usize = 48;

/// The charts of one evaluation: those of whole suites first, the tall ones by task last.
pub(crate) fn of_one(record: &EvalRecord) -> Vec<Figure> {
    let differences = KINDS.iter().map(|kind| differences(kind, &record.comparisons));
    let (of_suites, by_task): (Vec<_>, Vec<_>) = differences.unzip();
    let along = [along(record, &BY_POSITION), along(record, &BY_LENGTH)];
    let figures = [suites(record)].into_iter().chain(of_suites).chain(along);
    figures.chain([tasks(record)]).chain(by_task).flatten().collect()
}

/// The charts of several evaluations.
pub(crate) fn of_many(records: &[EvalRecord], labels: &[String]) -> Vec<Figure> {
    let mut figures: Vec<Figure> = models(records, labels).into_iter().collect();
    let comparisons: Vec<PairedComparison> =
        records.iter().flat_map(|record| record.comparisons.iter().cloned()).collect();
    for kind in &KINDS {
        let (of_suites, by_task) = differences(kind, &comparisons);
        figures.extend(of_suites.into_iter().chain(by_task));
    }
    figures.extend(of_variants(records));
    figures
}

/// What quantizations of one model are worth; nothing for records of several models, or for one.
pub(crate) fn of_variants(records: &[EvalRecord]) -> Vec<Figure> {
    if records.len() < 2 || !said::same_base(records) {
        return Vec::new();
    }
    let rows = said::rows_of(records);
    [pareto(&rows, &BY_SIZE), pareto(&rows, &BY_SPEED)].into_iter().flatten().collect()
}

/// Series in the order they appear, and the ink of each.
struct Series(Vec<String>);

impl Series {
    fn of(names: impl Iterator<Item = String>) -> Self {
        let mut known: Vec<String> = Vec::new();
        for name in names {
            if !known.contains(&name) && known.len() < SERIES_INKS {
                known.push(name);
            }
        }
        Self(known)
    }

    /// `None` for a series that is not drawn.
    fn ink(&self, name: &str) -> Option<Ink> {
        let index = self.0.iter().position(|known| known == name)?;
        Some(if self.0.len() == 1 { Ink::Accent } else { Ink::Series(index as u8) })
    }

    /// What the inks mean; nothing where there is one series.
    fn keys(&self) -> Vec<Key> {
        let several = self.0.iter().filter(|_| self.0.len() > 1);
        several.filter_map(|name| Some(Key::line(self.ink(name)?, name.as_str()))).collect()
    }
}

/// Accuracy over whole suites, one value per strategy; nothing where the chart by task shows no more than this.
fn suites(record: &EvalRecord) -> Option<Figure> {
    let names = distinct(record.suites.iter().map(|result| result.suite.name.as_str()));
    if names.len() < 2 || !has_groups(record) {
        return None;
    }
    let series = Series::of(record.suites.iter().map(said::strategy));
    let row = |suite: &str| {
        let results = record.suites.iter().filter(|one| one.suite.name == suite);
        Row::Values(suite.to_owned(), values_of_group(results, WHOLE, &series))
    };
    let rows = names.into_iter().map(row).collect();
    let title = "Accuracy by suite";
    let description = "One dot per suite and strategy with its 95 % interval; an upright stroke marks what guessing gives. The table \
                       of scores holds the values.";
    accuracy_rows("suites", [title, description], rows, &series)
}

fn has_groups(record: &EvalRecord) -> bool {
    record.suites.iter().flat_map(|result| &result.scores).any(|score| score.group != WHOLE)
}

fn values_of_group<'a>(
    results: impl Iterator<Item = &'a SuiteResult>,
    group: &str,
    series: &Series,
) -> Vec<RowValue> {
    let of_result = |result: &SuiteResult| {
        let main = result.main_score().or(result.scores.first())?;
        let score = result.scores.iter().find(|score| score.group == group && score.metric == main.metric)?;
        value(score, series.ink(&said::strategy(result))?)
    };
    results.filter_map(of_result).collect()
}

/// Accuracy by suite and task, one value per strategy.
fn tasks(record: &EvalRecord) -> Option<Figure> {
    let series = Series::of(record.suites.iter().map(said::strategy));
    let mut rows = Vec::new();
    for suite in distinct(record.suites.iter().map(|result| result.suite.name.as_str())) {
        let results = || record.suites.iter().filter(|one| one.suite.name == suite);
        rows.push(Row::Heading(suite.to_owned()));
        for group in distinct(results().flat_map(|one| one.scores.iter()).map(|score| score.group.as_str())) {
            rows.push(Row::Values(group.to_owned(), values_of_group(results(), group, &series)));
        }
    }
    let title = "Accuracy by task";
    let description = "One dot per task and strategy with its 95 % interval; an upright stroke marks what guessing gives. The table \
                       of scores holds the values.";
    accuracy_rows("tasks", [title, description], rows, &series)
}

/// Accuracy over whole suites: a row for each record under each suite and strategy.
fn models(records: &[EvalRecord], labels: &[String]) -> Option<Figure> {
    let results = || records.iter().flat_map(|one| one.suites.iter());
    let asked = |result: &SuiteResult| (result.suite.name.clone(), said::strategy(result));
    let mut known = BTreeSet::new();
    let mut rows = Vec::new();
    for way in results().map(asked).filter(|way| known.insert(way.clone())) {
        rows.push(Row::Heading(format!("{} · {}", way.0, way.1)));
        let of_record = |(record, label): (&EvalRecord, &String)| {
            let result = record.suites.iter().find(|result| asked(result) == way)?;
            Some(Row::Values(label.clone(), vec![value(result.main_score()?, Ink::Accent)?]))
        };
        rows.extend(records.iter().zip(labels).filter_map(of_record));
    }
    let title = "Accuracy by model";
    let description = "One dot per model with its 95 % interval, for each suite and strategy; an upright stroke marks what guessing \
                       gives. The table of scores holds the values.";
    accuracy_rows("models", [title, description], rows, &Series(Vec::new()))
}

fn accuracy_rows(
    id: &'static str,
    [title, description]: [&str; 2],
    rows: Vec<Row>,
    series: &Series,
) -> Option<Figure> {
    let (rows, left_out) = drawable(rows);
    let values = || rows.iter().flat_map(values_of);
    values().next()?;
    let mut keys = series.keys();
    if values().any(|value| value.reference.is_some()) {
        keys.push(Key::line(Ink::Axis, "guessing"));
    }
    let x = Axis::between(0.0, 100.0, "%");
    let chart =
        RowChart { title: title.to_owned(), description: description.to_owned(), x, rows, line: None };
    Some(Figure {
        id,
        title: title.to_owned(),
        axes: "share of items answered right in %, with 95 % intervals".to_owned(),
        svg: chart.svg(id),
        keys,
        note: left_out,
    })
}

fn value(score: &Score, ink: Ink) -> Option<RowValue> {
    let percent = |share: f64| share * 100.0;
    let value = RowValue {
        value: percent(score.value),
        interval: score.ci95.unwrap_or([score.value; 2]).map(percent),
        reference: score.chance.filter(|chance| *chance > 0.0 && chance.is_finite()).map(percent),
        ink,
    };
    // Ratings are no shares.
    (score.n > 0 && score.metric != "judge" && is_drawable(&value)).then_some(value)
}

fn is_drawable(value: &RowValue) -> bool {
    value.value.is_finite() && value.interval.iter().all(|end| end.is_finite())
}

fn values_of(row: &Row) -> &[RowValue] {
    match row {
        Row::Heading(_) => &[],
        Row::Values(_, values) => values,
    }
}

/// Rows that have something to draw, suite by suite as far as a chart has room for the whole of it, and what to say about the
/// others. A suite that alone is too long is cut.
fn drawable(rows: Vec<Row>) -> (Vec<Row>, String) {
    let mut suites: Vec<Vec<Row>> = Vec::new();
    for row in rows.into_iter().filter(|row| matches!(row, Row::Heading(_)) || !values_of(row).is_empty()) {
        match suites.last_mut() {
            Some(suite) if matches!(row, Row::Values(..)) => suite.push(row),
            _ => suites.push(vec![row]),
        }
    }
    let mut kept: Vec<Row> = Vec::new();
    let mut left_out = false;
    for mut suite in suites.into_iter().filter(|suite| suite.iter().any(|row| !values_of(row).is_empty())) {
        if kept.is_empty() && suite.len() > ROWS_MAX {
            suite.truncate(ROWS_MAX);
            left_out = true;
        }
        if kept.len() + suite.len() <= ROWS_MAX {
            kept.extend(suite);
        } else {
            left_out = true;
        }
    }
    let note = if left_out { "There is not room for every row; the table has all." } else { "" };
    (kept, note.to_owned())
}

fn distinct<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut seen = BTreeSet::new();
    names.filter(|name| seen.insert(*name)).collect()
}

/// A kind of comparison that has a chart.
struct Kind {
    kind: &'static str,
    /// Of the chart of whole suites, and of the one by task.
    ids: [&'static str; 2],
    title: &'static str,
}

const KINDS: [Kind; 5] = [
    Kind {
        kind: "strategy",
        ids: ["by-strategy", "by-strategy-task"],
        title: "What the way of asking changes",
    },
    Kind {
        kind: "quantization",
        ids: ["by-quantization", "by-quantization-task"],
        title: "What the quantization changes",
    },
    Kind { kind: "model", ids: ["by-model", "by-model-task"], title: "How the models differ" },
    Kind { kind: "sampling", ids: ["by-sampling", "by-sampling-task"], title: "What the sampling changes" },
    Kind {
        kind: "policy",
        ids: ["by-policy", "by-policy-task"],
        title: "What checking and asking again changes",
    },
];

/// Differences against a baseline over the same items: a chart of whole suites, and one by task, where they are not the same. Of a few
/// items nothing is drawn, as nothing is said.
fn differences(kind: &Kind, comparisons: &[PairedComparison]) -> (Option<Figure>, Option<Figure>) {
    let own: Vec<&PairedComparison> =
        comparisons.iter().filter(|one| one.kind == kind.kind && one.n >= INTERVAL_ITEMS_MIN).collect();
    let whole: Vec<&PairedComparison> = own.iter().filter(|one| one.group == WHOLE).copied().collect();
    let several = distinct(whole.iter().map(|one| one.suite.as_str())).len() > 1;
    let [id, id_by_task] = kind.ids;
    let title = kind.title.to_owned();
    match (whole.len() < own.len(), several) {
        (false, _) => (difference_chart(id, title, &whole), None),
        (true, false) => (None, difference_chart(id, title, &own)),
        (true, true) => (
            difference_chart(id, title.clone(), &whole),
            difference_chart(id_by_task, format!("{title}, by task"), &own),
        ),
    }
}

fn difference_chart(id: &'static str, title: String, own: &[&PairedComparison]) -> Option<Figure> {
    let groups = distinct(own.iter().map(|one| one.group.as_str()));
    // Where all comparisons are over whole suites, a row for each candidate; else a row for each group, and the candidates in it.
    let by_candidate = groups.len() < 2;
    let names = own.iter().filter(|_| !by_candidate).map(|one| plain(&one.candidate));
    let series = Series::of(names);
    let row_of =
        |one: &PairedComparison| if by_candidate { one.candidate.clone() } else { one.group.clone() };
    let mut rows = Vec::new();
    for suite in distinct(own.iter().map(|one| one.suite.as_str())) {
        rows.push(Row::Heading(suite.to_owned()));
        let inside = || own.iter().filter(|one| one.suite == suite);
        let mut known = BTreeSet::new();
        for name in inside().map(|one| row_of(one)).filter(|name| known.insert(name.clone())) {
            let same = inside().filter(|one| row_of(one) == name);
            let values = same.filter_map(|one| {
                let ink = if by_candidate { Ink::Accent } else { series.ink(&plain(&one.candidate))? };
                difference(one, ink)
            });
            let values = values.collect();
            rows.push(Row::Values(name, values));
        }
    }
    let (rows, note) = drawable(rows);
    let ends = || rows.iter().flat_map(values_of).flat_map(|value| value.interval);
    ends().next()?;
    let (low, high) = ends().fold((0.0_f64, 0.0_f64), |(low, high), end| (low.min(end), high.max(end)));
    let baselines = distinct(own.iter().map(|one| one.baseline.as_str())).into_iter().map(plain);
    let baselines = baselines.collect::<Vec<_>>().join(", ");
    let description = format!(
        "Difference in accuracy from {baselines} over the same items with its 95 % interval; the upright line is no difference."
    );
    let x = Axis::between(low, high, "points");
    let keys = series.0.iter().filter_map(|name| Some(Key::line(series.ink(name)?, name.as_str()))).collect();
    let chart = RowChart { title: title.clone(), description, x, rows, line: Some(0.0) };
    Some(Figure {
        id,
        title,
        axes: format!("difference in accuracy from {baselines} in points, with 95 % intervals"),
        svg: chart.svg(id),
        keys,
        note,
    })
}

fn difference(one: &PairedComparison, ink: Ink) -> Option<RowValue> {
    let points = |share: f64| share * 100.0;
    let value =
        RowValue { value: points(one.difference), interval: one.ci95.map(points), reference: None, ink };
    is_drawable(&value).then_some(value)
}

/// Accuracy along something that items have.
struct Along {
    id: &'static str,
    title: &'static str,
    axes: &'static str,
    bins: fn(&Degeneration) -> &[(f64, u64, f64)],
    label: fn(f64) -> String,
}

const BY_POSITION: Along = Along {
    id: "position",
    title: "Accuracy by position of the needed fact",
    axes: "accuracy in %, by how far into the context the fact stands (up to)",
    bins: |seen| &seen.by_position,
    label: |edge| format!("{:.0} %", edge * 100.0),
};
const BY_LENGTH: Along = Along {
    id: "length",
    title: "Accuracy by length of the context",
    axes: "accuracy in %, by length of the context (up to)",
    bins: |seen| &seen.by_length,
    label: token_label,
};

/// Accuracy by bins; nothing where no result has two bins.
fn along(record: &EvalRecord, what: &Along) -> Option<Figure> {
    type Bins<'a> = &'a [(f64, u64, f64)];
    let usable =
        |(edge, n, share): &&(f64, u64, f64)| edge.is_finite() && *n > 0 && (0.0..=1.0).contains(share);
    let binned: Vec<(String, Bins<'_>)> = record
        .suites
        .iter()
        .filter_map(|result| Some((said::named(result), (what.bins)(result.degeneration.as_ref()?))))
        .filter(|(_, bins)| bins.iter().filter(usable).count() > 1)
        .collect();
    let mut edges: Vec<f64> =
        binned.iter().flat_map(|(_, bins)| bins.iter().filter(usable).map(|bin| bin.0)).collect();
    edges.sort_by(f64::total_cmp);
    edges.dedup();
    if edges.len() < 2 {
        return None;
    }
    let series = Series::of(binned.iter().map(|(name, _)| name.clone()));
    let drawn = || binned.iter().filter_map(|(name, bins)| Some((series.ink(name)?, *bins))).enumerate();
    let count = drawn().count().max(1) as f64;
    let mut layers = Vec::new();
    for (index, (ink, bins)) in drawn() {
        // Series stand beside each other, so that their intervals do not cover each other.
        let shift = (index as f64 - (count - 1.0) / 2.0) * 0.5 / count;
        let place = |edge: f64| edges.iter().position(|known| *known == edge).unwrap_or(0) as f64 + shift;
        let points: Vec<(f64, f64)> =
            bins.iter().filter(usable).map(|(edge, _, share)| (place(*edge), share * 100.0)).collect();
        let intervals = bins.iter().filter(usable).filter_map(|(edge, n, share)| {
            let right = (share * *n as f64).round() as u64;
            let interval = dyno_stats::wilson_95(right.min(*n), *n).ok()?;
            Some((place(*edge), interval.low * 100.0, interval.high * 100.0))
        });
        layers.push((Mark::Intervals(intervals.collect()), ink));
        layers.push((Mark::Line(points.clone()), ink));
        layers.push((Mark::Dots(points), ink));
    }
    let names: Vec<String> = edges.iter().map(|edge| (what.label)(*edge)).collect();
    let description = "One dot per bin with its 95 % interval (Wilson).".to_owned();
    let y = Axis::between(0.0, 100.0, "%");
    let svg = Chart { title: what.title.to_owned(), description, x: Axis::categories(&names), y, layers }
        .svg(what.id);
    Some(Figure {
        id: what.id,
        title: what.title.to_owned(),
        axes: what.axes.to_owned(),
        svg,
        keys: series.keys(),
        note: "With 95 % intervals (Wilson), which take items as independent.".to_owned(),
    })
}

/// What variants cost, against which their quality is drawn.
struct Cost {
    id: &'static str,
    title: &'static str,
    unit: Unit,
    what: &'static str,
    value: fn(&QuantImpact) -> Option<f64>,
    best: fn(&[QuantImpact], Yardstick) -> Vec<bool>,
}

const BY_SIZE: Cost = Cost {
    id: "pareto-size",
    title: "Quality against size",
    unit: Unit::Bytes,
    what: "size of the file",
    value: |row| (row.file_bytes > 0).then_some(row.file_bytes as f64),
    best: said::best_for_size,
};
const BY_SPEED: Cost = Cost {
    id: "pareto-speed",
    title: "Quality against speed",
    unit: Unit::TokensPerSecond,
    what: "decode rate",
    value: |row| row.footprint.decode_tps.map(|rate| rate.tps).filter(|tps| tps.is_finite() && *tps > 0.0),
    best: said::best_for_speed,
};

/// Variants by cost and quality, the Pareto set joined; nothing for fewer than two.
fn pareto(rows: &[QuantImpact], cost: &Cost) -> Option<Figure> {
    let yardstick = Yardstick::of(rows)?;
    let scale = if yardstick == Yardstick::Accuracy { 100.0 } else { 1.0 };
    let best = (cost.best)(rows, yardstick);
    let mut variants: Vec<(f64, f64, [f64; 2], &QuantImpact, bool)> = rows
        .iter()
        .zip(best)
        .filter_map(|(row, best)| {
            let (x, y) = ((cost.value)(row)?, yardstick.value(row)?);
            let ends = yardstick.interval(row).unwrap_or([y, y]);
            Some((x, y * scale, ends.map(|end| end * scale), row, best))
        })
        .collect();
    if variants.len() < 2 {
        return None;
    }
    variants.sort_by(|one, other| one.0.total_cmp(&other.0));
    let fold = |pick: fn(f64, f64) -> f64, start: f64, end: usize| {
        variants.iter().fold(start, |so_far, one| pick(so_far, one.2[end]))
    };
    let (low, high) = (fold(f64::min, f64::MAX, 0), fold(f64::max, f64::MIN, 1));
    let y = if yardstick == Yardstick::Accuracy {
        Axis::percent_around(low, high)
    } else {
        Axis::spanning(low, high)
    };
    let x = Axis::reaching(cost.unit, variants[0].0, variants[variants.len() - 1].0);
    let points = |inside: bool| {
        variants.iter().filter(|one| one.4 == inside).map(|one| (one.0, one.1)).collect::<Vec<_>>()
    };
    let layers = vec![
        (Mark::Intervals(variants.iter().map(|one| (one.0, one.2[0], one.2[1])).collect()), Ink::Soft),
        (Mark::Line(points(true)), Ink::Accent),
        (Mark::Dots(points(false)), Ink::Second),
        (Mark::Dots(points(true)), Ink::Accent),
        (Mark::Names(variants.iter().map(|one| (one.0, one.1, short(&one.3.name))).collect()), Ink::Strong),
    ];
    let (measure, better) = match yardstick {
        Yardstick::Accuracy => ("accuracy in %", "more accurate"),
        Yardstick::Perplexity => ("perplexity (lower is better)", "of lower perplexity"),
    };
    let spacing = |axis: &Axis| if axis.is_logarithmic() { ", logarithmic" } else { "" };
    let axes = format!(
        "{measure}{}, by {} in {}{}; the upright axis does not start at zero",
        spacing(&y),
        cost.what,
        x.unit,
        spacing(&x)
    );
    let described: Vec<String> =
        variants.iter().map(|one| format!("{} {:.1}", short(&one.3.name), one.1)).collect();
    let description = format!("One named dot per variant with its 95 % interval: {}.", described.join(", "));
    let svg = Chart { title: cost.title.to_owned(), description, x, y, layers }.svg(cost.id);
    let worthwhile = if cost.unit == Unit::Bytes { "smaller" } else { "faster" };
    Some(Figure {
        id: cost.id,
        title: cost.title.to_owned(),
        axes,
        svg,
        keys: vec![
            Key::line(Ink::Accent, format!("no variant is both {worthwhile} and {better}")),
            Key::line(Ink::Second, "beaten by another"),
        ],
        note: String::new(),
    })
}

/// A name as a drawing shows it.
fn short(name: &str) -> String {
    plain(name).chars().take(crate::chart::ROW_NAME_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compared(group: &str, n: u64) -> PairedComparison {
        PairedComparison {
            kind: "quantization".to_owned(),
            suite: "sums".to_owned(),
            group: group.to_owned(),
            baseline: "f16".to_owned(),
            candidate: "q4_0".to_owned(),
            n,
            gained: 0,
            lost: 0,
            difference: 0.0,
            ci95: [-0.6, 0.6],
            p_value: 1.0,
            p_adjusted: 1.0,
        }
    }

    #[test]
    fn groups_of_a_few_items_are_not_drawn() {
        let kind = &KINDS[1];
        let all = [compared(WHOLE, 20), compared("addition", 1), compared("division", INTERVAL_ITEMS_MIN)];
        let drawn = differences(kind, &all).1.unwrap().svg;
        assert!(drawn.contains("division") && !drawn.contains("addition"), "{drawn}");
        assert!(matches!(differences(kind, &[compared(WHOLE, 2)]), (None, None)));
    }
}
