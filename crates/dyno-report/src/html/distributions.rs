//! Charts that are not curves over context: memory by purpose, token gaps, loading, and how far engine processes agree.

use dyno_stats::percentile;
use dyno_types::{LoadSample, PageCache, RequestSample, RunRecord, Unit};

use crate::chart::{Axis, Chart, Ink, Mark, Point, Rule, token_label};
use crate::figure::{count, figure};
use crate::html::view::{Figure, Key};
use crate::windows::{Resident, Window, decode_rate, decode_tps, measured};

/// Bars of the histogram.
const BINS: u32 = 44;
/// Fewer gaps than this are no distribution.
const GAPS_MIN: usize = 10;
/// Gaps beyond this multiple of p99 are told in words: drawn, they would squeeze everything else into one bar.
const TAIL_SHOWN: f64 = 1.3;
/// p99 over median from which the axis is logarithmic.
const SKEWED: f64 = 6.0;
/// Engine processes, loads and stacks drawn; whatever a run has more of is in its tables.
const DRAWN_MAX: usize = 24;
/// Points of one progress curve.
const PROGRESS_POINTS_MAX: usize = 400;

/// The charts of one record for which it has samples.
pub(crate) fn of_one(record: &RunRecord) -> Vec<Figure> {
    [purposes(record), gaps(record), processes(record), load(record)].into_iter().flatten().collect()
}

fn requests(record: &RunRecord) -> &[RequestSample] {
    record.stages.inference.as_ref().map_or(&[], |stage| &stage.samples)
}

/// Parts of a stack, from the bottom: their inks and names.
const RESIDENT_PARTS: [(Ink, &str); 4] = [
    (Ink::Soft, "weights"),
    (Ink::Accent, "KV cache"),
    (Ink::Second, "compute buffers, as far as touched"),
    (Ink::Series(2), "everything else of the process"),
];

/// The resident set by purpose in every window, stacked; what is only reserved stands apart, in words.
fn purposes(record: &RunRecord) -> Option<Figure> {
    let mut windows = measured(record);
    windows.truncate(DRAWN_MAX);
    let resident: Option<Vec<Resident>> = windows.iter().map(|window| window.resident).collect();
    let stacks: Vec<[f64; 4]> = match &resident {
        Some(resident) => resident.iter().map(resident_parts).collect(),
        None => windows.iter().map(accounted_parts).collect(),
    };
    let highest = stacks.iter().map(|parts| parts.iter().sum::<f64>()).fold(0.0, f64::max);
    if highest <= 0.0 {
        return None;
    }
    let drawn =
        RESIDENT_PARTS.iter().enumerate().filter(|(part, _)| stacks.iter().any(|one| one[*part] > 0.0));
    let drawn: Vec<(usize, &(Ink, &str))> = drawn.collect();
    // The tallest stack first: every following layer covers the part below it.
    let layer = |(top, (ink, _)): &(usize, &(Ink, &str))| {
        let bar = |(column, parts): (usize, &[f64; 4])| {
            (column as f64 - 0.3, column as f64 + 0.3, parts[..=*top].iter().sum())
        };
        (Mark::Bars(stacks.iter().enumerate().map(bar).collect()), *ink)
    };
    let layers = drawn.iter().rev().map(layer).collect();
    let names: Vec<String> = windows.iter().map(|window| token_label(f64::from(window.context))).collect();
    let y = Axis::from_zero(Unit::Bytes, highest);
    let what = if resident.is_some() { "resident memory" } else { "memory" };
    let axes = format!("{what} in {}, by window in tokens", y.unit);
    let title = "Memory by purpose and window".to_owned();
    let description =
        "Stacked bars: weights, KV cache, compute buffers and the rest of the process.".to_owned();
    let svg = Chart { title, description, x: Axis::categories(&names), y, layers }.svg("purposes");
    let keys = drawn.iter().map(|(_, (ink, label))| Key::area(*ink, *label)).collect();
    let note = match &resident {
        Some(resident) => reserved_note(&windows, resident),
        None => "As the engine accounts for it; how much of it is resident is not known.".to_owned(),
    };
    Some(Figure { id: "purposes", title: "Where the memory goes".to_owned(), axes, svg, keys, note })
}

fn resident_parts(resident: &Resident) -> [f64; 4] {
    [resident.weights_bytes, resident.kv_bytes, resident.compute_bytes, resident.process_bytes]
}

fn accounted_parts(window: &Window) -> [f64; 4] {
    let [weights, kv, compute] =
        [window.weights_bytes, window.kv_bytes, window.compute_bytes].map(|bytes| bytes.unwrap_or(0.0));
    [weights, kv, compute, 0.0]
}

/// What buffers reserve beyond what was touched, where that is worth a word.
fn reserved_note(windows: &[Window], resident: &[Resident]) -> String {
    /// Less than this share of the resident set is no news.
    const NEWS: f64 = 0.02;
    let most = windows
        .iter()
        .zip(resident)
        .max_by(|one, other| one.1.reserved_bytes.total_cmp(&other.1.reserved_bytes));
    let whole = |resident: &Resident| resident_parts(resident).iter().sum::<f64>();
    match most.filter(|(_, resident)| resident.reserved_bytes > NEWS * whole(resident)) {
        None => "The stacks are the resident set right after each window was filled.".to_owned(),
        Some((window, resident)) => format!(
            "The stacks are the resident set right after each window was filled. Buffers reserve up to {} more (window of {} \
             tokens) that was never touched: it takes addresses, not memory.",
            figure(Unit::Bytes, resident.reserved_bytes),
            count(u64::from(window.context))
        ),
    }
}

/// Histogram of the gaps between tokens, pooled over the inference stage.
fn gaps(record: &RunRecord) -> Option<Figure> {
    let usable = |gap: &f64| gap.is_finite() && *gap > 0.0;
    let mut gaps: Vec<f64> =
        requests(record).iter().flat_map(RequestSample::gaps_ms).filter(usable).collect();
    if gaps.len() < GAPS_MIN {
        return None;
    }
    gaps.sort_unstable_by(f64::total_cmp);
    let (median, p99) = (percentile(&gaps, 50.0)?, percentile(&gaps, 99.0)?);
    let shown = gaps[gaps.len() - 1].min(p99 * TAIL_SHOWN);
    let skewed = p99 / median > SKEWED;
    let x = Axis::times(gaps[0], shown, skewed);
    let within = gaps.partition_point(|gap| *gap <= shown);
    let bars = histogram(&gaps[..within], gaps.len(), &x);
    let tallest = bars.iter().map(|bar| bar.2).fold(0.0, f64::max);
    let y = Axis::percent(tallest * 1.25);
    // A single gap among thousands is the one that matters; it must not vanish below the line width.
    let visible = |(left, right, share): (f64, f64, f64)| (left, right, share.max(tallest * 0.012));
    let mut layers = vec![(Mark::Bars(bars.into_iter().map(visible).collect()), Ink::Soft)];
    layers.push((rule(median, "median", 0), Ink::Accent));
    if dyno_stats::order_statistic_interval_95(&gaps, 99.0).is_some() {
        layers.push((rule(p99, "p99", 1), Ink::Law));
    }
    let spacing = if skewed { ", logarithmic" } else { "" };
    let axes = format!("share of gaps in %, by gap in {}{spacing}", x.unit);
    let title = "Distribution of the gaps between tokens".to_owned();
    let description =
        format!("Histogram of {} gaps; median {}.", gaps.len(), figure(Unit::Milliseconds, median));
    let svg = Chart { title, description, x, y, layers }.svg("gaps");
    let note = gap_note(&gaps, within, shown);
    Some(Figure { id: "gaps", title: "Token gaps".to_owned(), axes, svg, keys: Vec::new(), note })
}

fn gap_note(sorted: &[f64], within: usize, shown: f64) -> String {
    let all = count(sorted.len() as u64);
    match sorted.len() - within {
        0 => format!("{all} gaps, pooled over all requests of the inference stage."),
        beyond => format!(
            "{all} gaps, pooled over all requests of the inference stage. {} longer than {} {} not drawn; the longest \
             took {}.",
            count(beyond as u64),
            figure(Unit::Milliseconds, shown),
            if beyond == 1 { "is" } else { "are" },
            figure(Unit::Milliseconds, sorted[sorted.len() - 1])
        ),
    }
}

fn rule(x: f64, name: &str, row: u32) -> Mark {
    Mark::Rule(Rule { x, label: format!("{name} {}", figure(Unit::Milliseconds, x)), row })
}

/// Equal bins along the axis (so equal ratios when it is logarithmic): (left, right, share of `total` in %); empty
/// bins left out.
fn histogram(sorted: &[f64], total: usize, x: &Axis) -> Vec<(f64, f64, f64)> {
    let (first, last) = (sorted[0], sorted[sorted.len() - 1]);
    let edges =
        if last > first { x.samples(first, last, BINS + 1) } else { vec![first * 0.995, first * 1.005] };
    let inner = edges.len() - 2;
    let share = |(index, pair): (usize, &[f64])| {
        let from = if index == 0 { 0 } else { sorted.partition_point(|gap| *gap < pair[0]) };
        let to = if index == inner { sorted.len() } else { sorted.partition_point(|gap| *gap < pair[1]) };
        (pair[0], pair[1], to.saturating_sub(from) as f64 * 100.0 / total as f64)
    };
    edges.windows(2).enumerate().map(share).filter(|bar| bar.2 > 0.0).collect()
}

/// Progress of every load over time.
fn load(record: &RunRecord) -> Option<Figure> {
    let samples = &record.stages.load.as_ref()?.samples;
    let usable = |sample: &&LoadSample| sample.load_ms().is_finite() && sample.load_ms() > 0.0;
    let drawn: Vec<&LoadSample> = samples.iter().filter(usable).take(DRAWN_MAX).collect();
    let longest = drawn.iter().map(|sample| sample.load_ms()).reduce(f64::max)?;
    let x = Axis::from_zero(Unit::Milliseconds, longest);
    let axes = format!("weights loaded in %, by {} since the load was asked for", x.unit);
    let mut layers: Vec<(Mark, Ink)> = Vec::new();
    // Cold loads last, so that they stay visible on top of the warm ones.
    for cold in [false, true] {
        let ink = if cold { Ink::Second } else { Ink::Accent };
        for sample in drawn.iter().filter(|sample| is_cold(sample) == cold) {
            layers.push((Mark::Line(progress(sample)), ink));
            layers.push((Mark::Dots(vec![(sample.load_ms(), 100.0)]), ink));
        }
    }
    let has = |cold: bool| drawn.iter().any(|sample| is_cold(sample) == cold);
    let mut keys = Vec::new();
    if has(false) {
        keys.push(Key::line(Ink::Accent, "warm: file in the page cache"));
    }
    if has(true) {
        keys.push(Key::line(Ink::Second, "cold: file dropped from the page cache"));
    }
    let title = "Progress of loading".to_owned();
    let description = format!("{} loads; each ends in a dot when the context is open too.", drawn.len());
    let chart = Chart { title, description, x, y: Axis::percent(100.0), layers };
    let note =
        "The level end of each line is the opening of the context; the dot marks readiness.".to_owned();
    Some(Figure { id: "load", title: "Loading".to_owned(), axes, svg: chart.svg("load"), keys, note })
}

fn is_cold(sample: &LoadSample) -> bool {
    sample.page_cache == PageCache::Dropped
}

fn progress(sample: &LoadSample) -> Vec<Point> {
    let reported = sample.timeline.iter().map(|(ms, fraction)| (*ms, f64::from(*fraction) * 100.0));
    let inside = reported.filter(|(ms, _)| ms.is_finite() && *ms >= 0.0 && *ms <= sample.weights_ms);
    let thinned = inside.step_by(sample.timeline.len() / PROGRESS_POINTS_MAX + 1);
    let mut points = vec![(0.0, 0.0)];
    points.extend(
        thinned.map(|(ms, percent)| (ms, if percent.is_finite() { percent.clamp(0.0, 100.0) } else { 0.0 })),
    );
    points.push((sample.weights_ms, 100.0));
    points.push((sample.load_ms(), 100.0));
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    points
}

/// Decode rate of every request by engine process, with each process's combined rate.
fn processes(record: &RunRecord) -> Option<Figure> {
    let samples = requests(record);
    let mut ids: Vec<u32> = samples.iter().map(|sample| sample.process).collect();
    ids.sort_unstable();
    ids.dedup();
    ids.truncate(DRAWN_MAX);
    let (mut dots, mut levels): (Vec<Point>, Vec<(f64, f64, f64)>) = (Vec::new(), Vec::new());
    for (column, id) in ids.iter().enumerate() {
        let own = || samples.iter().filter(|sample| sample.process == *id);
        let rates: Vec<f64> = own().filter_map(decode_tps).collect();
        let place = |index: usize| column as f64 - 0.3 + 0.6 * (index as f64 + 0.5) / rates.len() as f64;
        dots.extend(rates.iter().enumerate().map(|(index, rate)| (place(index), *rate)));
        levels.extend(decode_rate(own()).map(|rate| (column as f64 - 0.38, column as f64 + 0.38, rate)));
    }
    let (least, greatest) = dots.iter().fold((f64::MAX, 0.0_f64), |(l, g), dot| (l.min(dot.1), g.max(dot.1)));
    if dots.is_empty() {
        return None;
    }
    let y = Axis::zoomed(Unit::TokensPerSecond, least, greatest);
    let axes = format!("decode in {}, by engine process; the axis does not start at zero", y.unit);
    let layers = vec![(Mark::Levels(levels), Ink::Axis), (Mark::Dots(dots), Ink::Accent)];
    let names: Vec<String> = (1..=ids.len()).map(|number| number.to_string()).collect();
    let title = "Decode speed of every request by engine process".to_owned();
    let description = "One dot per request; the level stroke is the process's combined rate.".to_owned();
    let svg = Chart { title, description, x: Axis::categories(&names), y, layers }.svg("processes");
    let note = "One dot per request in its order; the stroke is the process's combined rate.".to_owned();
    Some(Figure {
        id: "processes",
        title: "Do the processes agree?".to_owned(),
        axes,
        svg,
        keys: Vec::new(),
        note,
    })
}
