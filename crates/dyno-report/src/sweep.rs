//! Runs of one model on one machine under different engine settings: what was varied, which setting is best, and whether that
//! is beyond noise.

use std::collections::{BTreeMap, BTreeSet};

use dyno_types::{Better, KNOBS, Knob, KnobKind, MetricSummary, RunRecord};

use crate::columns::{metric_label, value_with_interval};
use crate::figure::{count, figure};

/// Figures that settings are judged by.
const JUDGED: [&str; 4] = ["decode_tps", "prefill_tps", "ttft_ms", "rss_peak_bytes"];

/// Figures closer together than this share are called the same.
const SAME: f64 = 0.01;

/// Runs that differ in engine settings.
pub(crate) struct Sweep<'a> {
    pub(crate) records: &'a [RunRecord],
    /// The knob with most values.
    pub(crate) knob: &'static Knob,
    /// Its values, in order.
    pub(crate) values: Vec<String>,
    /// What the other knobs that vary are set to, in the order met; one empty text where no other varies.
    pub(crate) series: Vec<String>,
    /// Knobs that vary beside the first and do not follow from it.
    others: Vec<&'static Knob>,
}

/// Where a run stands in a sweep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// Index of its value of the knob.
    pub(crate) value: usize,
    /// Index of its series.
    pub(crate) series: usize,
}

/// The best of several settings by one figure.
struct Best {
    best: usize,
    worst: usize,
    /// Whose intervals overlap that of the best.
    overlapping: Vec<usize>,
    /// Whether an interval is missing.
    unsure: bool,
}

impl<'a> Sweep<'a> {
    /// What was varied; `None` where nothing was, or where more than settings differs.
    pub(crate) fn of(records: &'a [RunRecord]) -> Option<Self> {
        let first = records.first()?;
        let circumstances = |record: &RunRecord| {
            let (model, machine) = (&record.model, &record.machine);
            [
                model.fingerprint.clone(),
                model.file_name.clone(),
                machine.cpu.clone(),
                record.engine.backend.clone(),
            ]
        };
        if records.iter().any(|record| circumstances(record) != circumstances(first)) {
            return None;
        }
        let varying: Vec<&'static Knob> =
            KNOBS.iter().filter(|knob| distinct(records, knob).len() > 1).collect();
        // Of equals the one defined first.
        let knob = *varying.iter().rev().max_by_key(|knob| distinct(records, knob).len())?;
        let others =
            varying.into_iter().filter(|other| other.id != knob.id && !follows(records, other, knob));
        let mut sweep = Self {
            records,
            knob,
            values: ordered(records, knob),
            series: Vec::new(),
            others: others.collect(),
        };
        for record in records {
            let text = sweep.of_others(record);
            if !sweep.series.contains(&text) {
                sweep.series.push(text);
            }
        }
        Some(sweep)
    }

    /// What the knobs beside the first are set to.
    fn of_others(&self, record: &RunRecord) -> String {
        let set = |knob: &&Knob| format!("{} {}", knob.label, (knob.get)(&record.settings.engine));
        self.others.iter().map(set).collect::<Vec<_>>().join(" · ")
    }

    /// Place of a record.
    pub(crate) fn place(&self, record: &RunRecord) -> Option<Place> {
        let value = (self.knob.get)(&record.settings.engine);
        let series = self.of_others(record);
        Some(Place {
            value: self.values.iter().position(|known| *known == value)?,
            series: self.series.iter().position(|known| *known == series)?,
        })
    }

    /// What was varied, as a line.
    pub(crate) fn varied(&self) -> String {
        let knobs = std::iter::once(&self.knob).chain(&self.others);
        let knob =
            |knob: &&'static Knob| format!("{} ({})", knob.label, ordered(self.records, knob).join(", "));
        format!("Varied: {}.", knobs.map(knob).collect::<Vec<_>>().join("; "))
    }

    /// The setting of a record.
    pub(crate) fn setting(&self, index: usize) -> String {
        let record = &self.records[index];
        let first = format!("{} {}", self.knob.label, (self.knob.get)(&record.settings.engine));
        let others = self.of_others(record);
        if others.is_empty() { first } else { format!("{first} · {others}") }
    }

    /// Which setting is best by each figure, and whether that is beyond noise.
    pub(crate) fn sentences(&self) -> Vec<String> {
        let invalid = self.records.iter().filter(|record| !record.validity.valid).count();
        if invalid + 1 >= self.records.len() {
            return vec![
                "Fewer than two of these runs are valid, so no setting is called the best.".to_owned(),
            ];
        }
        let mut said: Vec<String> = JUDGED.iter().filter_map(|id| self.sentence(id)).collect();
        match invalid {
            0 => {}
            1 => said.push("One run that is not valid takes no part in that.".to_owned()),
            more => {
                said.push(format!("{} runs that are not valid take no part in that.", count(more as u64)))
            }
        }
        said
    }

    fn sentence(&self, id: &str) -> Option<String> {
        let Best { best, worst, overlapping, unsure } = self.best(id)?;
        let summary = |index: usize| &self.records[index].metrics[id];
        let (top, bottom) = (summary(best), summary(worst));
        let mut label = metric_label(id);
        label[..1].make_ascii_uppercase();
        if (top.mean - bottom.mean).abs() <= SAME * bottom.mean.abs() {
            let value = figure(top.unit, top.mean);
            return Some(format!("{label}: the same with every setting to within 1 % ({value})."));
        }
        let sure = if unsure {
            "whether that is beyond noise is not known without intervals: measure with three processes or more".to_owned()
        } else if overlapping.is_empty() {
            "beyond noise: its interval overlaps no other".to_owned()
        } else {
            let names: Vec<String> = overlapping.iter().map(|index| self.setting(*index)).collect();
            format!("not beyond noise: its interval overlaps that of {}", names.join(", "))
        };
        Some(format!(
            "{label}: best with {}, {} against {} with {}; {sure}.",
            self.setting(best),
            value_with_interval(top),
            figure(bottom.unit, bottom.mean),
            self.setting(worst)
        ))
    }

    /// The best and the worst of the valid runs; `None` where fewer than two have this figure.
    fn best(&self, id: &str) -> Option<Best> {
        let usable = |(index, record): (usize, &'a RunRecord)| {
            let summary = record.metrics.get(id).filter(|summary| summary.mean.is_finite())?;
            record.validity.valid.then_some((index, summary))
        };
        let runs: Vec<(usize, &MetricSummary)> = self.records.iter().enumerate().filter_map(usable).collect();
        let (higher, rank) =
            (runs.first()?.1.better == Better::Higher, |run: &(usize, &MetricSummary)| run.1.mean);
        let least = *runs.iter().min_by(|one, other| rank(one).total_cmp(&rank(other)))?;
        let greatest = *runs.iter().rev().max_by(|one, other| rank(one).total_cmp(&rank(other)))?;
        let (best, worst) = if higher { (greatest, least) } else { (least, greatest) };
        let interval = |summary: &MetricSummary| summary.ci95.unwrap_or([summary.mean; 2]);
        let [low, high] = interval(best.1);
        let overlaps = |run: &&(usize, &MetricSummary)| {
            let [other_low, other_high] = interval(run.1);
            run.0 != best.0 && other_low <= high && other_high >= low
        };
        Some(Best {
            best: best.0,
            worst: worst.0,
            overlapping: runs.iter().filter(overlaps).map(|run| run.0).collect(),
            unsure: runs.iter().any(|run| run.1.ci95.is_none()),
        })
        .filter(|_| runs.len() > 1)
    }
}

fn distinct(records: &[RunRecord], knob: &Knob) -> BTreeSet<String> {
    records.iter().map(|record| (knob.get)(&record.settings.engine)).collect()
}

/// Whether a knob has one value for each of another's.
fn follows(records: &[RunRecord], knob: &Knob, other: &Knob) -> bool {
    let mut known: BTreeMap<String, String> = BTreeMap::new();
    records.iter().all(|record| {
        let value = (knob.get)(&record.settings.engine);
        *known.entry((other.get)(&record.settings.engine)).or_insert_with(|| value.clone()) == value
    })
}

/// The values of a knob, numbers by size and words in the order they are defined.
fn ordered(records: &[RunRecord], knob: &Knob) -> Vec<String> {
    let mut values: Vec<String> = distinct(records, knob).into_iter().collect();
    match knob.kind {
        KnobKind::Number { .. } => values.sort_by_key(|value| value.parse::<u64>().unwrap_or(0)),
        KnobKind::Choice(words) => values.sort_by_key(|value| words.iter().position(|word| word == value)),
    }
    values
}

#[cfg(test)]
mod tests {
    use dyno_types::{KvType, Unit, Validity};

    use super::*;

    /// A run with these threads, KV type and decode rate.
    fn run(threads: u32, kv_type_k: KvType, decode: (f64, Option<[f64; 2]>)) -> RunRecord {
        let mut record =
            RunRecord { validity: Validity { valid: true, ..Validity::default() }, ..RunRecord::default() };
        record.settings.engine.threads = threads;
        record.settings.engine.threads_prefill = threads;
        record.settings.engine.kv_type_k = kv_type_k;
        let summary = MetricSummary {
            unit: Unit::TokensPerSecond,
            better: Better::Higher,
            n: 9,
            mean: decode.0,
            sd: None,
            median: decode.0,
            min: decode.0,
            max: decode.0,
            percentiles: BTreeMap::new(),
            ci95: decode.1,
        };
        record.metrics.insert("decode_tps".to_owned(), summary);
        record
    }

    fn said(runs: &[RunRecord]) -> Vec<String> {
        Sweep::of(runs).unwrap().sentences()
    }

    #[test]
    fn a_knob_that_follows_another_is_no_axis_of_its_own() {
        let rate = (1.0, None);
        let runs = [run(4, KvType::F16, rate), run(1, KvType::Q8_0, rate), run(16, KvType::F16, rate)];
        let sweep = Sweep::of(&runs).unwrap();
        assert_eq!(
            (sweep.knob.id, sweep.values.as_slice()),
            ("threads", &["1", "4", "16"].map(str::to_owned)[..])
        );
        assert_eq!(sweep.varied(), "Varied: threads (1, 4, 16).", "the type follows from the threads here");
        let runs = [run(1, KvType::F16, rate), run(1, KvType::Q8_0, rate), run(2, KvType::F16, rate)];
        let sweep = Sweep::of(&runs).unwrap();
        assert_eq!(sweep.varied(), "Varied: threads (1, 2); KV type K (f16, q8_0).");
        let place = |value, series| Place { value, series };
        assert_eq!(
            runs.each_ref().map(|run| sweep.place(run).unwrap()),
            [place(0, 0), place(0, 1), place(1, 0)]
        );
    }

    #[test]
    fn only_settings_may_differ() {
        let one = run(1, KvType::F16, (1.0, None));
        assert!(Sweep::of(&[one.clone(), one.clone()]).is_none() && Sweep::of(&[]).is_none());
        let mut other = run(2, KvType::F16, (1.0, None));
        other.model.file_name = "another.gguf".to_owned();
        assert!(Sweep::of(&[one, other]).is_none());
    }

    #[test]
    fn the_best_setting_is_told_with_what_noise_leaves_of_it() {
        let clear = [
            run(1, KvType::F16, (100.0, Some([95.0, 105.0]))),
            run(2, KvType::F16, (180.0, Some([170.0, 190.0]))),
            run(4, KvType::F16, (60.0, Some([50.0, 70.0]))),
        ];
        assert_eq!(
            said(&clear),
            [
                "Decode: best with threads 2, 180.0 tokens/s [170.0, 190.0] against 60.0 tokens/s with threads 4; beyond noise: \
              its interval overlaps no other."
            ]
        );
        let mut close = clear.clone();
        close[0].metrics.get_mut("decode_tps").unwrap().ci95 = Some([20.0, 171.0]);
        assert!(said(&close)[0].ends_with("not beyond noise: its interval overlaps that of threads 1."));
        close[2].metrics.get_mut("decode_tps").unwrap().ci95 = None;
        assert!(said(&close)[0].contains("not known without intervals"));
        let same = [run(1, KvType::F16, (100.0, None)), run(2, KvType::F16, (100.9, None))];
        assert_eq!(said(&same), ["Decode: the same with every setting to within 1 % (100.9 tokens/s)."]);
    }

    #[test]
    fn runs_that_are_not_valid_win_nothing() {
        let mut runs = [
            run(1, KvType::F16, (100.0, None)),
            run(2, KvType::F16, (180.0, None)),
            run(4, KvType::F16, (900.0, None)),
        ];
        runs[2].validity.valid = false;
        let found = said(&runs);
        assert!(found[0].contains("best with threads 2") && found[1].contains("not valid"), "{found:?}");
        runs[1].validity.valid = false;
        assert_eq!(said(&runs).len(), 1);
        assert!(said(&runs)[0].contains("no setting is called the best"));
    }
}
