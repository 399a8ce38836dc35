//! Two results over the same items: who gained, who lost, and whether that says anything.

use std::collections::HashMap;

use dyno_stats::{
    ClusterBootstrap, Interval, clustered_mean, holm, mcnemar, paired_share_interval_95, t_quantile,
    t_two_sided_p,
};
use dyno_types::{ItemOutcome, ItemResult, PairedComparison, enough_judged};

use crate::summary::{ALL_ITEMS, cluster_labels, distinct, points};

/// Level of every verdict.
const LEVEL: f64 = 0.05;

/// What is compared, in words that the record keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Contrast<'a> {
    /// `strategy`, `quantization`, `model`, `sampling`.
    pub kind: &'a str,
    /// Suite.
    pub suite: &'a str,
    /// Name of the one compared with.
    pub baseline: &'a str,
    /// Name of the one compared.
    pub candidate: &'a str,
}

/// One item that counts on both sides.
struct Pair<'a> {
    task: &'a str,
    cluster: Option<&'a str>,
    baseline: f64,
    candidate: f64,
}

/// Compares two results over the items that count in both (by id): all items first, then each task where there are several.
/// Right and wrong are compared; only where no item is right or wrong are grades compared. Groups of which too few items were
/// judged in both ([`dyno_types::JUDGED_SHARE_MIN`]) are left out. `p_adjusted` is `p_value` until [`adjust_together`] has seen all comparisons.
///
/// The interval is Bonett and Price's for independent items; where items come in clusters it is the clustered t interval
/// (Miller 2024, section 4) or, if that is wider, still Bonett and Price's. The p value is McNemar's mid-p, or that of the
/// clustered t test, and of the paired t test for grades.
#[must_use]
pub fn compare(
    contrast: Contrast<'_>,
    baseline: &[ItemResult],
    candidate: &[ItemResult],
) -> Vec<PairedComparison> {
    let right_or_wrong = pairs(baseline, candidate, points);
    let pairs = if right_or_wrong.is_empty() { pairs(baseline, candidate, grade) } else { right_or_wrong };
    let mut tasks: Vec<&str> = Vec::new();
    for pair in &pairs {
        if !tasks.contains(&pair.task) {
            tasks.push(pair.task);
        }
    }
    let unjudged = tasks_of_unjudged(baseline, candidate);
    let enough = |pairs: usize, unjudged: usize| enough_judged(pairs as u64, (pairs + unjudged) as u64);
    let mut found: Vec<PairedComparison> = Vec::new();
    if enough(pairs.len(), unjudged.len()) {
        let all: Vec<&Pair<'_>> = pairs.iter().collect();
        found.extend(comparison(contrast, ALL_ITEMS, &all));
    }
    if tasks.len() > 1 {
        for task in tasks {
            let members: Vec<&Pair<'_>> = pairs.iter().filter(|pair| pair.task == task).collect();
            if enough(members.len(), unjudged.iter().filter(|of| **of == task).count()) {
                found.extend(comparison(contrast, task, &members));
            }
        }
    }
    found
}

/// The task of every item that both results have and that could not be asked or judged in one of them.
fn tasks_of_unjudged<'a>(baseline: &'a [ItemResult], candidate: &[ItemResult]) -> Vec<&'a str> {
    let failed = |item: &ItemResult| matches!(item.outcome, ItemOutcome::Failed { .. });
    let theirs: HashMap<&str, bool> = candidate.iter().map(|item| (item.id.as_str(), failed(item))).collect();
    let unjudged =
        |item: &&ItemResult| theirs.get(item.id.as_str()).is_some_and(|theirs| *theirs || failed(item));
    baseline.iter().filter(unjudged).map(|item| item.task.as_str()).collect()
}

fn grade(outcome: &ItemOutcome) -> Option<f64> {
    match outcome {
        ItemOutcome::Graded { grade } => Some(*grade),
        _ => None,
    }
}

fn pairs<'a>(
    baseline: &'a [ItemResult],
    candidate: &[ItemResult],
    value: fn(&ItemOutcome) -> Option<f64>,
) -> Vec<Pair<'a>> {
    let by_id: HashMap<&str, f64> =
        candidate.iter().filter_map(|item| Some((item.id.as_str(), value(&item.outcome)?))).collect();
    let pair = |item: &'a ItemResult| {
        Some(Pair {
            task: &item.task,
            cluster: item.cluster.as_deref(),
            baseline: value(&item.outcome)?,
            candidate: *by_id.get(item.id.as_str())?,
        })
    };
    baseline.iter().filter_map(pair).collect()
}

fn comparison(contrast: Contrast<'_>, group: &str, pairs: &[&Pair<'_>]) -> Option<PairedComparison> {
    if pairs.is_empty() {
        return None;
    }
    let differences: Vec<f64> = pairs.iter().map(|pair| pair.candidate - pair.baseline).collect();
    let labels = cluster_labels(pairs.iter().map(|pair| pair.cluster));
    let gained = differences.iter().filter(|difference| **difference > 0.0).count() as u64;
    let lost = differences.iter().filter(|difference| **difference < 0.0).count() as u64;
    let whole = differences.iter().all(|difference| difference.fract() == 0.0);
    let (interval, p_value) = evidence(&differences, &labels, gained, lost, whole)?;
    Some(PairedComparison {
        kind: contrast.kind.to_owned(),
        suite: contrast.suite.to_owned(),
        group: group.to_owned(),
        baseline: contrast.baseline.to_owned(),
        candidate: contrast.candidate.to_owned(),
        n: pairs.len() as u64,
        gained,
        lost,
        difference: interval.estimate,
        ci95: interval.bounds(),
        p_value,
        p_adjusted: p_value,
    })
}

/// Interval and p value of the mean difference.
fn evidence(
    differences: &[f64],
    labels: &[usize],
    gained: u64,
    lost: u64,
    whole: bool,
) -> Option<(Interval, f64)> {
    let n = differences.len();
    let estimate = dyno_stats::sum(differences.iter().copied()) / n as f64;
    let clusters = distinct(labels);
    let independent = || paired_share_interval_95(gained, lost, n as u64).ok();
    if whole && clusters == n {
        return Some((independent()?, mcnemar(gained, lost).mid_p));
    }
    let Ok(mean) = clustered_mean(differences, labels) else {
        // One cluster: nothing is known about how clusters differ.
        return Some((Interval { estimate, low: -1.0, high: 1.0 }, 1.0));
    };
    let mut half = t_quantile(0.975, clusters - 1) * mean.standard_error;
    if whole {
        let interval = independent()?;
        half = half.max((interval.high - interval.low) / 2.0);
    }
    let interval = Interval { estimate, low: (estimate - half).max(-1.0), high: (estimate + half).min(1.0) };
    let p = if estimate == 0.0 { 1.0 } else { t_two_sided_p(estimate / mean.standard_error, clusters - 1) };
    // A standard error of 0 would make any difference certain; few items cannot.
    let alike = mean.standard_error == 0.0;
    Some((interval, if alike { p.max(mcnemar(gained, lost).mid_p) } else { p }))
}

/// Corrects the p values of comparisons that were made together (Holm), each family of the same kind, suite and group on
/// its own.
pub fn adjust_together(comparisons: &mut [PairedComparison]) {
    let family = |comparison: &PairedComparison| {
        (comparison.kind.clone(), comparison.suite.clone(), comparison.group.clone())
    };
    let mut families: HashMap<(String, String, String), Vec<usize>> = HashMap::new();
    for (index, comparison) in comparisons.iter().enumerate() {
        families.entry(family(comparison)).or_default().push(index);
    }
    for members in families.into_values() {
        let p_values: Vec<f64> = members.iter().map(|index| comparisons[*index].p_value).collect();
        let Ok(adjusted) = holm(&p_values) else { continue };
        for (index, p) in members.into_iter().zip(adjusted) {
            comparisons[index].p_adjusted = p;
        }
    }
}

/// 95 % interval of the mean difference by bootstrap over clusters: a second opinion that assumes no distribution.
/// `None` for fewer than two independent pairs.
#[must_use]
pub fn bootstrap_difference(
    baseline: &[ItemResult],
    candidate: &[ItemResult],
    seed: u64,
) -> Option<Interval> {
    let right_or_wrong = pairs(baseline, candidate, points);
    let pairs = if right_or_wrong.is_empty() { pairs(baseline, candidate, grade) } else { right_or_wrong };
    let differences: Vec<f64> = pairs.iter().map(|pair| pair.candidate - pair.baseline).collect();
    let labels = cluster_labels(pairs.iter().map(|pair| pair.cluster));
    ClusterBootstrap { resamples: 2000, seed }.mean_interval_95(&differences, &labels).ok()
}

/// What a comparison says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QualityVerdict {
    /// The candidate is better.
    Improves,
    /// The candidate is worse.
    Worsens,
    /// No difference is visible; that is not to say that there is none.
    NoVisibleDifference,
}

/// The verdict: a difference is visible when the corrected p value is under 5 % and the interval leaves out 0.
#[must_use]
pub fn verdict(comparison: &PairedComparison) -> QualityVerdict {
    let [low, high] = comparison.ci95;
    if comparison.p_adjusted < LEVEL && low > 0.0 {
        QualityVerdict::Improves
    } else if comparison.p_adjusted < LEVEL && high < 0.0 {
        QualityVerdict::Worsens
    } else {
        QualityVerdict::NoVisibleDifference
    }
}

/// The verdict as a sentence, e.g. "improves by 31.2 points [24.0, 38.3]" or "no difference visible with 240 items
/// [-2.1, 4.0]". Points are hundredths of the score.
#[must_use]
pub fn verdict_sentence(comparison: &PairedComparison) -> String {
    // `+ 0.0` turns a negative zero into a plain one.
    let point = |share: f64| format!("{:.1}", (share * 1000.0).round() / 10.0 + 0.0);
    let interval = format!("[{}, {}]", point(comparison.ci95[0]), point(comparison.ci95[1]));
    match verdict(comparison) {
        QualityVerdict::Improves => format!("improves by {} points {interval}", point(comparison.difference)),
        QualityVerdict::Worsens => format!("worsens by {} points {interval}", point(-comparison.difference)),
        QualityVerdict::NoVisibleDifference => {
            format!("no difference visible with {} items {interval}", comparison.n)
        }
    }
}

#[cfg(test)]
mod tests {
    use dyno_types::ItemOutcome::{Correct, Failed, Graded, Tied, Wrong};
    use proptest::prelude::*;

    use super::*;
    use crate::summary::tests::result;

    const CONTRAST: Contrast<'_> =
        Contrast { kind: "strategy", suite: "s", baseline: "direct", candidate: "thinking" };

    /// Results of `n` items of which the first `right` are right.
    fn results(n: usize, right: std::ops::Range<usize>) -> Vec<ItemResult> {
        (0..n).map(|id| result(id, "t", if right.contains(&id) { Correct } else { Wrong }, 0)).collect()
    }

    #[test]
    fn where_too_little_was_judged_on_both_sides_nothing_is_compared() {
        let failing = |n: usize| {
            let mut items = results(20, 0..20);
            for item in items.iter_mut().take(n) {
                item.outcome = Failed { reason: "gone".to_owned() };
            }
            items
        };
        for (baseline, candidate, compared) in
            [(0, 0, Some(20)), (4, 4, Some(16)), (5, 0, None), (0, 5, None)]
        {
            let found = compare(CONTRAST, &failing(baseline), &failing(candidate));
            assert_eq!(found.first().map(|found| found.n), compared, "{baseline} {candidate}");
            assert!(found.iter().all(|found| (found.gained, found.lost) == (0, 0)), "{found:?}");
        }
    }

    #[test]
    fn a_clear_gain_is_stated_in_points() {
        let found = compare(CONTRAST, &results(240, 0..100), &results(240, 0..175));
        assert_eq!(found.len(), 1);
        let gain = &found[0];
        assert_eq!((gain.n, gain.gained, gain.lost), (240, 75, 0));
        assert!((gain.difference - 0.3125).abs() < 1e-12 && gain.p_value < 1e-10);
        assert_eq!(verdict(gain), QualityVerdict::Improves);
        let sentence = verdict_sentence(gain);
        assert!(sentence.starts_with("improves by 31.3 points [25."), "{sentence}");
        let back = &compare(CONTRAST, &results(240, 0..175), &results(240, 0..100))[0];
        assert!(
            verdict_sentence(back).starts_with("worsens by 31.3 points [-3"),
            "{}",
            verdict_sentence(back)
        );
    }

    #[test]
    fn equal_results_show_no_difference_and_claim_no_certainty() {
        let same = &compare(CONTRAST, &results(240, 0..100), &results(240, 0..100))[0];
        assert_eq!((same.p_value, same.difference), (1.0, 0.0));
        assert!(same.ci95[0] < -0.005 && same.ci95[1] > 0.005, "{same:?}");
        assert!(
            verdict_sentence(same).starts_with("no difference visible with 240 items [-1"),
            "{}",
            verdict_sentence(same)
        );
        let few = &compare(CONTRAST, &results(6, 0..0), &results(6, 0..3))[0];
        assert_eq!(verdict(few), QualityVerdict::NoVisibleDifference, "{few:?}");
    }

    #[test]
    fn only_items_that_count_on_both_sides_are_paired() {
        let mut left = results(4, 0..4);
        left[0].outcome = Tied;
        let mut right = results(5, 0..4);
        right[1].id = "other".to_owned();
        assert_eq!(compare(CONTRAST, &left, &right)[0].n, 2);
        assert!(compare(CONTRAST, &left, &[]).is_empty());
    }

    #[test]
    fn copies_inside_clusters_do_not_count_as_evidence() {
        let clustered = |mut items: Vec<ItemResult>| {
            for (index, item) in items.iter_mut().enumerate() {
                item.cluster = Some((index / 20).to_string());
            }
            items
        };
        // 4 clusters of 20 copies: 3 gained, 1 lost.
        let left = clustered(results(80, 0..20));
        let right = clustered(results(80, 20..80));
        let found = &compare(CONTRAST, &left, &right)[0];
        assert_eq!((found.gained, found.lost), (60, 20));
        assert_eq!(verdict(found), QualityVerdict::NoVisibleDifference, "{found:?}");
        let naive = &compare(CONTRAST, &results(80, 0..20), &results(80, 20..80))[0];
        assert_eq!(verdict(naive), QualityVerdict::Improves);
    }

    #[test]
    fn grades_are_compared_where_nothing_is_right_or_wrong() {
        let graded = |by: f64| -> Vec<ItemResult> {
            (0..30)
                .map(|id| result(id, "t", Graded { grade: 0.5 + by + (id % 3) as f64 / 100.0 * by }, 0))
                .collect()
        };
        let found = &compare(CONTRAST, &graded(0.0), &graded(0.2))[0];
        assert!(found.gained == 30 && found.difference > 0.2 && found.p_value < 1e-6, "{found:?}");
    }

    #[test]
    fn many_comparisons_are_corrected_together() {
        let one = compare(CONTRAST, &results(100, 0..50), &results(100, 0..56)).remove(0);
        assert!(one.p_value < 0.05 && verdict(&one) == QualityVerdict::Improves, "{one:?}");
        let mut many = vec![one.clone(), one.clone(), one.clone(), one.clone(), one];
        many[4].suite = "another".to_owned();
        adjust_together(&mut many);
        assert!((many[0].p_adjusted - 4.0 * many[0].p_value).abs() < 1e-12);
        assert_eq!(many[4].p_adjusted, many[4].p_value);
        assert_eq!(verdict(&many[0]), QualityVerdict::NoVisibleDifference);
    }

    #[test]
    fn the_bootstrap_agrees() {
        let (left, right) = (results(240, 0..100), results(240, 0..175));
        let drawn = bootstrap_difference(&left, &right, 1).unwrap();
        let formula = compare(CONTRAST, &left, &right)[0].ci95;
        assert!(
            (drawn.low - formula[0]).abs() < 0.02 && (drawn.high - formula[1]).abs() < 0.02,
            "{drawn:?} {formula:?}"
        );
        assert_eq!(bootstrap_difference(&left[..1], &right, 1), None);
    }

    proptest! {
        #[test]
        fn swapping_sides_mirrors_everything(
            left in proptest::collection::vec(any::<bool>(), 2..60),
            flips in proptest::collection::vec(any::<bool>(), 60),
            cluster in 1_usize..8,
        ) {
            let items = |right: &dyn Fn(usize) -> bool| -> Vec<ItemResult> {
                (0..left.len())
                    .map(|id| ItemResult {
                        cluster: (id % 2 == 0).then(|| (id % cluster).to_string()),
                        ..result(id, "t", if right(id) { Correct } else { Wrong }, 0)
                    })
                    .collect()
            };
            let one = items(&|id| left[id]);
            let other = items(&|id| left[id] != flips[id]);
            let there = &compare(CONTRAST, &one, &other)[0];
            let back = &compare(CONTRAST, &other, &one)[0];
            prop_assert!((there.difference + back.difference).abs() < 1e-12);
            prop_assert!((there.ci95[0] + back.ci95[1]).abs() < 1e-9, "{there:?} {back:?}");
            prop_assert!((there.p_value - back.p_value).abs() < 1e-9);
            prop_assert!((0.0..=1.0).contains(&there.p_value));
            prop_assert!(there.ci95[0] <= there.difference + 1e-12 && there.difference <= there.ci95[1] + 1e-12);
        }
    }
}
