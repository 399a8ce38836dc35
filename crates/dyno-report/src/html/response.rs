//! Charts of a sweep: how each headline figure responds to what was varied.

use dyno_types::{KnobKind, MetricSummary, Unit};

use crate::chart::{Axis, Chart, Ink, Mark, Point, SERIES_INKS};
use crate::columns::{HEADLINES, metric_label};
use crate::figure::Scale;
use crate::html::page::capitalized;
use crate::html::view::{Figure, Key};
use crate::sweep::{Place, Sweep};

/// More points than this carry no numbers of their own; the table has them.
const LABELLED_POINTS_MAX: usize = 6;

/// Anchors of the charts, in the order of [`HEADLINES`].
const IDS: [&str; HEADLINES.len()] =
    ["by-setting-1", "by-setting-2", "by-setting-3", "by-setting-4", "by-setting-5"];

/// One run in a chart.
struct Dot<'a> {
    place: Place,
    summary: &'a MetricSummary,
}

/// A chart for each headline figure that at least two runs have.
pub(crate) fn of_sweep(sweep: &Sweep<'_>) -> Vec<Figure> {
    HEADLINES.iter().zip(IDS).filter_map(|(metric, id)| response(sweep, metric, id)).collect()
}

fn response(sweep: &Sweep<'_>, metric: &str, id: &'static str) -> Option<Figure> {
    let dots: Vec<Dot<'_>> = sweep
        .records
        .iter()
        .filter_map(|record| {
            let summary = record.metrics.get(metric).filter(|one| one.mean.is_finite() && one.mean > 0.0)?;
            let place = sweep.place(record).filter(|place| place.series < SERIES_INKS)?;
            Some(Dot { place, summary })
        })
        .collect();
    if dots.len() < 2 {
        return None;
    }
    let unit = dots[0].summary.unit;
    let y = axis(unit, &dots);
    let label = capitalized(&metric_label(metric));
    let spacing = if y.is_logarithmic() { ", logarithmic" } else { "" };
    let axes = format!("{}{spacing}, by {}", y.unit, sweep.knob.label);
    let title = format!("{label} by {}", sweep.knob.label);
    let description =
        format!("{title}: one dot per run with its 95 % interval; the table above holds the values.");
    let drawn = sweep.series.len().min(SERIES_INKS);
    let all = || (0..drawn).map(|index| Series { index, of: drawn });
    let layers = all().flat_map(|series| series.layers(sweep, &dots, unit)).collect();
    let svg =
        Chart { title: title.clone(), description, x: Axis::categories(&sweep.values), y, layers }.svg(id);
    let keys = all().zip(&sweep.series).filter(|_| drawn > 1);
    let keys = keys.map(|(series, text)| Key::line(series.ink(), text.as_str())).collect();
    Some(Figure { id, title, axes, svg, keys, note: note(sweep) })
}

/// From zero to the upper ends of the intervals, by ratios where that is needed.
fn axis(unit: Unit, dots: &[Dot<'_>]) -> Axis {
    let means = || dots.iter().map(|dot| dot.summary.mean);
    let tops =
        dots.iter().filter_map(|dot| dot.summary.ci95).map(|ends| ends[1]).filter(|end| end.is_finite());
    let greatest = means().chain(tops).fold(0.0, f64::max);
    Axis::reaching(unit, means().fold(greatest, f64::min), greatest)
}

/// One of the series that are drawn beside each other.
#[derive(Clone, Copy)]
struct Series {
    index: usize,
    of: usize,
}

impl Series {
    fn is_alone(self) -> bool {
        self.of == 1
    }

    fn ink(self) -> Ink {
        if self.is_alone() { Ink::Accent } else { Ink::Series(self.index as u8) }
    }

    /// How far its dots stand from the middle, so that the intervals of several do not cover each other.
    fn shift(self) -> f64 {
        (self.index as f64 - (self.of as f64 - 1.0) / 2.0) * 0.5 / self.of as f64
    }

    /// What is drawn of it.
    fn layers(self, sweep: &Sweep<'_>, dots: &[Dot<'_>], unit: Unit) -> Vec<(Mark, Ink)> {
        let mut own: Vec<&Dot<'_>> = dots.iter().filter(|dot| dot.place.series == self.index).collect();
        own.sort_by_key(|dot| dot.place.value);
        let x = |dot: &Dot<'_>| dot.place.value as f64 + self.shift();
        let points: Vec<Point> = own.iter().map(|dot| (x(dot), dot.summary.mean)).collect();
        let intervals = own.iter().filter_map(|dot| {
            let [low, high] = dot.summary.ci95.filter(|ends| ends.iter().all(|end| end.is_finite()))?;
            Some((x(dot), low, high))
        });
        let ink = self.ink();
        let around = if self.is_alone() { Ink::Soft } else { ink };
        let mut layers = vec![(Mark::Intervals(intervals.collect()), around)];
        // A line joins what has an order.
        if matches!(sweep.knob.kind, KnobKind::Number { .. }) {
            layers.push((Mark::Line(points.clone()), ink));
        }
        layers.push((Mark::Dots(points.clone()), ink));
        if self.is_alone() && points.len() <= LABELLED_POINTS_MAX {
            let greatest = points.iter().map(|point| point.1).fold(0.0, f64::max);
            let least = points.iter().map(|point| point.1).fold(greatest, f64::min);
            let scale = Scale::of(unit, greatest).resolving(least);
            let labels = points.iter().map(|(x, y)| (*x, *y, scale.number(*y))).collect();
            layers.push((Mark::Labels(labels), Ink::Strong));
        }
        layers
    }
}

fn note(sweep: &Sweep<'_>) -> String {
    let left_out = sweep.series.len().saturating_sub(SERIES_INKS);
    let invalid = sweep.records.iter().filter(|record| !record.validity.valid).count();
    let mut notes = Vec::new();
    if left_out > 0 {
        notes.push(format!(
            "Only the first {SERIES_INKS} combinations of the other settings are drawn; the table has all."
        ));
    }
    if invalid > 0 {
        notes.push(format!("{invalid} of these {} runs are not valid.", sweep.records.len()));
    }
    notes.join(" ")
}
