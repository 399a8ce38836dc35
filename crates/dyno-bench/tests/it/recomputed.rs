//! Old records by today's formulas: the same figures from the samples, intervals that never reach zero, nothing lost.

use dyno_bench::recomputed;
use dyno_types::RunRecord;

/// A record as it was kept by the first version, with intervals as they were made then.
fn old() -> RunRecord {
    serde_json::from_str(include_str!("../../../dyno-report/tests/fixtures/run-v1.json")).unwrap()
}

#[test]
fn figures_are_those_of_the_samples_whatever_was_stored() {
    let kept = old();
    // The fixture was made up: its figures are those of its samples, roughly.
    let mut broken = kept.clone();
    for summary in broken.metrics.values_mut() {
        (summary.mean, summary.median, summary.ci95) = (-1.0, -1.0, Some([-7.4, 50.1]));
    }
    broken.analysis = None;
    let shown = recomputed(broken);
    for (id, summary) in &shown.metrics {
        let mean = kept.metrics[id].mean;
        assert!((summary.mean / mean - 1.0).abs() < 0.02, "{id}: {} instead of {mean}", summary.mean);
        let [low, high] = summary.ci95.unwrap_or([summary.mean; 2]);
        assert!(0.0 < low && low <= summary.mean && summary.mean <= high, "{id}: {summary:?}");
    }
    assert_eq!(shown.metrics.keys().collect::<Vec<_>>(), kept.metrics.keys().collect::<Vec<_>>());
    assert!(shown.analysis.is_some());
    assert_eq!(recomputed(shown.clone()), shown);
}

#[test]
fn what_samples_do_not_say_stays_as_it_was() {
    let mut kept = old();
    let summary = kept.metrics["decode_tps"].clone();
    kept.metrics.insert("of_a_newer_version".to_owned(), summary.clone());
    let shown = recomputed(kept.clone());
    assert_eq!(shown.metrics["of_a_newer_version"], summary);
    assert_eq!(
        (&shown.validity, &shown.notes, &shown.predictions),
        (&kept.validity, &kept.notes, &kept.predictions)
    );
    let without_samples = RunRecord { stages: dyno_types::Stages::default(), ..kept };
    assert_eq!(recomputed(without_samples.clone()), without_samples);
}
