//! Charts over context: rates, time to first token and memory, for one record or several overlaid.

use dyno_types::{ContextAnalysis, RunRecord, Unit};

use crate::chart::{Axis, Chart, Ink, Mark, Point, SERIES_INKS};
use crate::columns::distinguishing_labels;
use crate::figure::Scale;
use crate::html::view::{Figure, Key};
use crate::windows::{Window, measured};

/// More points than this carry no numbers of their own; the table has them.
const LABELLED_POINTS_MAX: usize = 6;
/// Least distance between two labelled points, as a share of the axis: five digits side by side.
const LABEL_GAP: f64 = 0.112;
/// Points of a drawn law.
const LAW_POINTS: u32 = 48;

/// One chart over context, defined once for all records.
struct Curve {
    id: &'static str,
    title: &'static str,
    unit: Unit,
    /// Where the value stands on the horizontal axis.
    x: fn(&Window) -> f64,
    y: fn(&Window) -> Option<f64>,
    /// The fitted law, when the record has one.
    law: fn(&ContextAnalysis) -> Option<Law>,
    /// What the law is called in the legend.
    law_label: &'static str,
}

/// Whether a chart shows one record or several.
#[derive(Clone, Copy)]
enum Series {
    One,
    Several,
}

/// A law as a function of tokens.
type Law = Box<dyn Fn(f64) -> f64>;

const CURVES: [Curve; 4] = [
    Curve {
        id: "decode",
        title: "Decode speed",
        unit: Unit::TokensPerSecond,
        x: |window| window.filled,
        y: |window| window.decode_tps,
        law: |analysis| {
            let law = analysis.tpot.filter(|law| law.base > 0.0 && law.slope >= 0.0)?;
            Some(Box::new(move |tokens| 1000.0 / (law.base + law.slope * tokens)))
        },
        law_label: "fitted: 1 / (base + slope × tokens)",
    },
    Curve {
        id: "prefill",
        title: "Prefill speed",
        unit: Unit::TokensPerSecond,
        x: |window| window.filled,
        y: |window| window.prefill_tps,
        law: |_| None,
        law_label: "",
    },
    Curve {
        id: "ttft",
        title: "Time to first token",
        unit: Unit::Milliseconds,
        x: |window| window.filled,
        y: |window| window.ttft_ms,
        law: |analysis| {
            let law = analysis.ttft?;
            Some(Box::new(move |tokens| law.factor * tokens.powf(law.exponent)))
        },
        law_label: "fitted: a power of the tokens",
    },
    Curve {
        id: "memory",
        title: "Memory",
        unit: Unit::Bytes,
        x: |window| f64::from(window.context),
        y: |window| window.rss_bytes,
        law: |analysis| {
            let law = analysis.memory?;
            Some(Box::new(move |tokens| law.base + law.slope * tokens))
        },
        law_label: "fitted: base + slope × tokens",
    },
];

/// The charts over context of one record; none for fewer than two measured windows (a line needs two ends).
pub(crate) fn of_one(record: &RunRecord) -> Vec<Figure> {
    let windows = measured(record);
    CURVES.iter().filter_map(|curve| curve.single(record, &windows)).collect()
}

/// The same charts with one line per record.
pub(crate) fn of_many(records: &[RunRecord]) -> Vec<Figure> {
    let labels = distinguishing_labels(records);
    let windows: Vec<Vec<Window>> = records.iter().map(measured).collect();
    CURVES.iter().filter_map(|curve| curve.overlaid(&labels, &windows)).collect()
}

impl Curve {
    fn points(&self, windows: &[Window]) -> Vec<Point> {
        let point = |window| Some(((self.x)(window), (self.y)(window)?));
        windows
            .iter()
            .filter_map(point)
            .filter(|(x, y)| *x > 0.0 && x.is_finite() && *y > 0.0 && y.is_finite())
            .collect()
    }

    fn single(&self, record: &RunRecord, windows: &[Window]) -> Option<Figure> {
        let points = self.points(windows);
        if points.len() < 2 {
            return None;
        }
        let x = Axis::tokens(points.iter().map(|point| point.0));
        let law =
            record.analysis.as_ref().and_then(self.law).map(|law| law_points(&x, &points, law.as_ref()));
        let mut layers = Vec::new();
        let mut keys = Vec::new();
        layers.push((Mark::Line(points.clone()), Ink::Accent));
        if let Some(law) = law.filter(|law| law.len() > 1) {
            layers.push((Mark::Law(law), Ink::Law));
            keys = vec![Key::line(Ink::Accent, "measured"), Key::line(Ink::Law, self.law_label)];
        }
        layers.push((Mark::Dots(points.clone()), Ink::Accent));
        if points.len() <= LABELLED_POINTS_MAX {
            layers.push((Mark::Labels(self.labels(&points, &x)), Ink::Strong));
        }
        let y = self.upright(&layers, Series::One);
        Some(self.figure([x, y], layers, keys, String::new()))
    }

    fn overlaid(&self, labels: &[String], windows: &[Vec<Window>]) -> Option<Figure> {
        let series: Vec<(&String, Vec<Point>)> =
            labels.iter().zip(windows.iter().map(|windows| self.points(windows))).collect();
        let drawn =
            || series.iter().enumerate().take(SERIES_INKS).filter(|(_, (_, points))| points.len() > 1);
        drawn().next()?;
        let x = Axis::tokens(drawn().flat_map(|(_, (_, points))| points.iter().map(|point| point.0)));
        let (mut layers, mut keys) = (Vec::new(), Vec::new());
        for (index, (label, points)) in drawn() {
            let ink = Ink::Series(index as u8);
            layers.push((Mark::Line(points.clone()), ink));
            layers.push((Mark::Dots(points.clone()), ink));
            keys.push(Key::line(ink, label.as_str()));
        }
        let left_out = series.len().saturating_sub(SERIES_INKS);
        let note = match left_out {
            0 => String::new(),
            _ => format!("Only the first {SERIES_INKS} records are drawn; {left_out} more are in the table."),
        };
        let y = self.upright(&layers, Series::Several);
        Some(self.figure([x, y], layers, keys, note))
    }

    /// The upright axis; where several records share it, the smallest must not lie on the base line.
    fn upright(&self, layers: &[(Mark, Ink)], series: Series) -> Axis {
        let heights = || layers.iter().flat_map(|(mark, _)| heights(mark));
        let highest = heights().fold(0.0, f64::max);
        match series {
            Series::One => Axis::from_zero(self.unit, highest),
            Series::Several => Axis::reaching(self.unit, heights().fold(highest, f64::min), highest),
        }
    }

    fn figure(&self, [x, y]: [Axis; 2], layers: Vec<(Mark, Ink)>, keys: Vec<Key>, note: String) -> Figure {
        let spacing = if y.is_logarithmic() { ", logarithmic" } else { "" };
        let axes = format!("{}{spacing}, by tokens in the context", y.unit);
        let title = format!("{} by context", self.title);
        let description =
            format!("{} over {}; the table of windows below holds the values.", self.title, axes);
        let svg = Chart { title, description, x, y, layers }.svg(self.id);
        Figure { id: self.id, title: self.title.to_owned(), axes, svg, keys, note }
    }

    /// Numbers above the points; where points stand close together, every other one stays bare.
    fn labels(&self, points: &[Point], x: &Axis) -> Vec<(f64, f64, String)> {
        let highest = points.iter().map(|point| point.1).fold(0.0, f64::max);
        let lowest = points.iter().map(|point| point.1).fold(highest, f64::min);
        let scale = Scale::of(self.unit, highest).resolving(lowest);
        let width = x.high() - x.low();
        let mut last = f64::NEG_INFINITY;
        let mut labels = Vec::new();
        for (index, (at, value)) in points.iter().enumerate().rev() {
            let position = x.place(*at);
            let gap = if index + 1 == points.len() { 1.0 } else { (last - position) / width };
            if gap > LABEL_GAP {
                labels.push((*at, *value, scale.number(*value)));
                last = position;
            }
        }
        labels
    }
}

/// A law between the outermost points, as far as it is finite and not above what the axis will show.
fn law_points(x: &Axis, points: &[Point], law: &dyn Fn(f64) -> f64) -> Vec<Point> {
    let (first, last) = (points[0].0, points[points.len() - 1].0);
    let highest = points.iter().map(|point| point.1).fold(0.0, f64::max);
    let usable = |point: &Point| point.1.is_finite() && point.1 > 0.0 && point.1 < highest * 1.5;
    x.samples(first, last, LAW_POINTS)
        .into_iter()
        .map(|tokens| (tokens, law(tokens)))
        .filter(usable)
        .collect()
}

fn heights(mark: &Mark) -> Vec<f64> {
    match mark {
        Mark::Line(points) | Mark::Law(points) | Mark::Dots(points) => {
            points.iter().map(|point| point.1).collect()
        }
        _ => Vec::new(),
    }
}
