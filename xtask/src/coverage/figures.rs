//! How often the interval of a run held the figure of a later one, with an interval of its own. Pure.

use dyno_stats::t_quantile;
use dyno_types::RunRecord;

/// What people read.
const METRICS: [&str; 5] = ["decode_tps", "prefill_tps", "ttft_ms", "load_ms", "rss_peak_bytes"];

/// Figure and interval of one run.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Run {
    figure: f64,
    ends: [f64; 2],
}

/// Share of pairs in which the earlier run's interval holds the later figure.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Coverage {
    share: f64,
    /// 95 % jackknife interval over runs, since pairs share them; absent for fewer than three runs.
    ends: Option<[f64; 2]>,
}

/// One run in a few words.
pub(super) fn line(record: &RunRecord) -> String {
    let figure = |id: &str| record.metrics.get(id).map_or(f64::NAN, |summary| summary.mean);
    let valid = if record.validity.valid { "valid" } else { "NOT valid" };
    format!(
        "decode {:.0} tokens/s, prefill {:.0} tokens/s, {valid}",
        figure("decode_tps"),
        figure("prefill_tps")
    )
}

/// The table.
pub(super) fn report(records: &[RunRecord]) -> String {
    let valid = records.iter().filter(|record| record.validity.valid).count();
    let mut text = format!("\n{} runs, {valid} of them valid\n", records.len());
    text += "metric            runs   coverage of a later run   deviation from run to run\n";
    for id in METRICS {
        let runs: Vec<Run> = records.iter().filter_map(|record| run(record, id)).collect();
        let Some(coverage) = coverage(&runs) else { continue };
        let percent = |share: f64| format!("{:.1}", share * 100.0);
        let ends = coverage
            .ends
            .map_or_else(String::new, |[low, high]| format!(" [{}, {}]", percent(low), percent(high)));
        let cell = format!("{} %{ends}", percent(coverage.share));
        text += &format!("{id:<16} {:>5}   {cell:<23}   {} %\n", runs.len(), percent(log_sd(&runs)));
    }
    text
}

fn run(record: &RunRecord, id: &str) -> Option<Run> {
    let summary = record.metrics.get(id)?;
    Some(Run { figure: summary.mean, ends: summary.ci95? })
}

/// Over all pairs of an earlier and a later run; `None` for fewer than two runs.
fn coverage(runs: &[Run]) -> Option<Coverage> {
    let share = share_of_pairs(runs, None)?;
    let n = runs.len() as f64;
    let without: Vec<f64> = (0..runs.len()).filter_map(|left| share_of_pairs(runs, Some(left))).collect();
    let ends = (runs.len() > 2).then(|| {
        let mean = without.iter().sum::<f64>() / n;
        let squares: f64 = without.iter().map(|one| (one - mean).powi(2)).sum();
        let half = t_quantile(0.975, runs.len() - 1) * ((n - 1.0) / n * squares).sqrt();
        [(share - half).max(0.0), (share + half).min(1.0)]
    });
    Some(Coverage { share, ends })
}

fn share_of_pairs(runs: &[Run], left_out: Option<usize>) -> Option<f64> {
    let kept: Vec<&Run> =
        runs.iter().enumerate().filter(|(index, _)| Some(*index) != left_out).map(|(_, run)| run).collect();
    let (mut pairs, mut held) = (0_u32, 0_u32);
    for (index, earlier) in kept.iter().enumerate() {
        for later in &kept[index + 1..] {
            pairs += 1;
            held += u32::from((earlier.ends[0]..=earlier.ends[1]).contains(&later.figure));
        }
    }
    (pairs > 0).then(|| f64::from(held) / f64::from(pairs))
}

/// Standard deviation of the figures' logarithms; 0 for fewer than two.
fn log_sd(runs: &[Run]) -> f64 {
    let logs: Vec<f64> = runs.iter().map(|run| run.figure.ln()).collect();
    let n = logs.len() as f64;
    let mean = logs.iter().sum::<f64>() / n;
    (logs.iter().map(|log| (log - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(figure: f64, half: f64) -> Run {
        Run { figure, ends: [figure - half, figure + half] }
    }

    #[test]
    fn only_later_runs_count() {
        assert_eq!(coverage(&[run(1.0, 1.0)]), None);
        let narrow_first = [run(10.0, 1.0), run(12.0, 5.0)];
        assert_eq!(coverage(&narrow_first), Some(Coverage { share: 0.0, ends: None }));
        let wide_first = [run(10.0, 5.0), run(12.0, 1.0)];
        assert_eq!(coverage(&wide_first).unwrap().share, 1.0);
    }

    #[test]
    fn the_share_has_an_interval_that_shrinks_with_runs() {
        let series = |n: usize| (0..n).map(|i| run(10.0 + (i * 7 % 10) as f64, 5.0)).collect::<Vec<Run>>();
        let width = |n| {
            let found = coverage(&series(n)).unwrap();
            let [low, high] = found.ends.unwrap();
            assert!(low <= found.share && found.share <= high, "{found:?}");
            high - low
        };
        assert!(width(80) < width(20), "{} {}", width(80), width(20));
        let all = coverage(&[run(1.0, 9.0); 12]).unwrap();
        assert_eq!(all, Coverage { share: 1.0, ends: Some([1.0, 1.0]) });
    }

    #[test]
    fn the_table_names_every_metric_that_has_intervals() {
        let summary: dyno_types::MetricSummary = serde_json::from_str(
            r#"{"unit":"tokens/s","better":"higher","n":9,"mean":100.0,"sd":null,"median":100.0,"min":99.0,"max":101.0,"percentiles":{},"ci95":[90.0,110.0]}"#,
        )
        .unwrap();
        let mut record = RunRecord::default();
        record.metrics.insert("decode_tps".to_owned(), summary);
        let text = report(&[record.clone(), record.clone(), record]);
        assert!(
            text.contains("3 runs, 0 of them valid")
                && text.contains("decode_tps           3   100.0 % [100.0, 100.0]"),
            "{text}"
        );
        assert!(!text.contains("ttft_ms"), "{text}");
    }
}
