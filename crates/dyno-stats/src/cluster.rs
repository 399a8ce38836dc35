//! Means of values that come in clusters: questions about one text, chunks of one document.

use std::collections::BTreeMap;

use rand_core::SeedableRng;
use rand_xoshiro::SplitMix64;

use crate::error::{check_finite, check_positive, check_same_length};
use crate::interval::t_quantile;
use crate::random::below;
use crate::sum::{mean, sum};
use crate::{Interval, StatsError, percentile};

/// A mean with a standard error that knows which values belong together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClusteredMean {
    /// Mean over all values.
    pub mean: f64,
    /// Standard error of the mean, clustered.
    pub standard_error: f64,
    /// Values.
    pub n: usize,
    /// Clusters, at least 2.
    pub clusters: usize,
}

/// Mean with its cluster-robust standard error: with d the distance of a value from the mean, n values and G clusters,
/// SE² = G/(G−1) · Σ_clusters (Σ_in d)² / n².
///
/// This is the clustered standard error of Miller, "Adding Error Bars to Evals" (2024), section 2.2, with the usual
/// small-sample factor G/(G−1) on every term; for clusters of one value each it is exactly s/√n.
/// Entry i of `clusters` labels the cluster of value i; equal labels belong together, wherever they stand.
///
/// # Errors
/// For different lengths, a value that is not finite, and fewer than two clusters.
pub fn clustered_mean(values: &[f64], clusters: &[usize]) -> Result<ClusteredMean, StatsError> {
    check_same_length(values, clusters)?;
    check_finite(values, 1)?;
    let centre = mean(values);
    let sums = sums_by_cluster(values.iter().map(|value| value - centre), clusters);
    let groups = sums.len();
    if groups < 2 {
        return Err(StatsError::TooFew { needed: 2, got: groups });
    }
    let squares = sum(sums.iter().map(|(total, _)| total * total));
    let (n, g) = (values.len() as f64, groups as f64);
    let standard_error = (g / (g - 1.0) * squares).sqrt() / n;
    Ok(ClusteredMean { mean: centre, standard_error, n: values.len(), clusters: groups })
}

impl ClusteredMean {
    /// Two-sided 95 % interval: mean ± t(0.975, G − 1)·SE. It has no width when all values are equal; proportions
    /// near 0 or 1 need [`crate::proportion_interval_95`].
    #[must_use]
    pub fn interval_95(&self) -> Interval {
        let half = t_quantile(0.975, self.clusters - 1) * self.standard_error;
        Interval { estimate: self.mean, low: self.mean - half, high: self.mean + half }
    }
}

/// A ratio of sums over clusters, e.g. negative log-likelihood per token over chunks of a text, with the standard error
/// that lets whole clusters vary: SE² = G/(G−1) · Σ (numerator − ratio·denominator)² / (Σ denominators)².
///
/// Entry i of both belongs to cluster i. The interval of the result is for G − 1 degrees of freedom.
///
/// # Errors
/// For different lengths, fewer than two clusters, values that are not finite, and denominators that are not positive.
pub fn clustered_ratio(numerators: &[f64], denominators: &[f64]) -> Result<ClusteredMean, StatsError> {
    check_same_length(numerators, denominators)?;
    check_finite(numerators, 2)?;
    check_positive(denominators, 2)?;
    let total = sum(denominators.iter().copied());
    let ratio = sum(numerators.iter().copied()) / total;
    let pairs = numerators.iter().zip(denominators);
    let squares = sum(pairs.map(|(top, below)| (top - ratio * below) * (top - ratio * below)));
    let (clusters, g) = (numerators.len(), numerators.len() as f64);
    let standard_error = (g / (g - 1.0) * squares).sqrt() / total;
    Ok(ClusteredMean { mean: ratio, standard_error, n: clusters, clusters })
}

/// Sum and number of values of each cluster, in order of the labels.
fn sums_by_cluster(values: impl Iterator<Item = f64>, clusters: &[usize]) -> Vec<(f64, usize)> {
    let mut groups: BTreeMap<usize, (f64, usize)> = BTreeMap::new();
    for (value, label) in values.zip(clusters) {
        let group = groups.entry(*label).or_default();
        group.0 += value;
        group.1 += 1;
    }
    groups.into_values().collect()
}

/// Bootstrap over whole clusters: every resample draws as many clusters as there are, with replacement, so that the
/// dependence inside a cluster survives. For pairs, give it the differences.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClusterBootstrap {
    /// Resamples, 100 to 100,000.
    pub resamples: usize,
    /// Seed; the same seed gives the same interval.
    pub seed: u64,
}

impl ClusterBootstrap {
    /// 95 % percentile interval of the mean.
    ///
    /// # Errors
    /// For different lengths, a value that is not finite, fewer than two clusters, and a number of resamples outside
    /// its range.
    pub fn mean_interval_95(&self, values: &[f64], clusters: &[usize]) -> Result<Interval, StatsError> {
        check_same_length(values, clusters)?;
        check_finite(values, 1)?;
        if !(100..=100_000).contains(&self.resamples) {
            let range = "100 to 100,000";
            return Err(StatsError::OutOfRange { name: "resamples", value: self.resamples as f64, range });
        }
        let groups = sums_by_cluster(values.iter().copied(), clusters);
        if groups.len() < 2 {
            return Err(StatsError::TooFew { needed: 2, got: groups.len() });
        }
        let mut random = SplitMix64::seed_from_u64(self.seed);
        let mut means: Vec<f64> = (0..self.resamples)
            .map(|_| {
                let (mut total, mut count) = (0.0, 0);
                for _ in 0..groups.len() {
                    let (group_sum, group_count) = groups[below(&mut random, groups.len())];
                    total += group_sum;
                    count += group_count;
                }
                total / count as f64
            })
            .collect();
        means.sort_unstable_by(f64::total_cmp);
        let end = |percent| percentile(&means, percent).expect("there are at least 100 resamples");
        Ok(Interval { estimate: mean(values), low: end(2.5), high: end(97.5) })
    }
}

#[cfg(test)]
mod tests {
    use rand_core::Rng;

    use super::*;
    use crate::sum::sample_sd;

    #[test]
    fn singletons_give_the_plain_standard_error() {
        let values = [0.0, 1.0, 1.0, 0.0, 1.0, 1.0];
        let clustered = clustered_mean(&values, &[5, 3, 9, 1, 0, 2]).unwrap();
        let plain = sample_sd(&values, mean(&values)) / 6.0_f64.sqrt();
        assert!((clustered.standard_error - plain).abs() < 1e-15);
        assert_eq!((clustered.n, clustered.clusters), (6, 6));
    }

    #[test]
    fn a_hand_computed_case() {
        // Mean 0.5; cluster sums of distances: (0.5 + 0.5), (−0.5 − 0.5), so Σ = 1 + 1 = 2; 2/1 · 2 / 16 = 0.25.
        let clustered = clustered_mean(&[1.0, 1.0, 0.0, 0.0], &[7, 7, 8, 8]).unwrap();
        assert!((clustered.standard_error - 0.5).abs() < 1e-15, "{clustered:?}");
        // The same values in mixed clusters cancel.
        let mixed = clustered_mean(&[1.0, 0.0, 1.0, 0.0], &[7, 7, 8, 8]).unwrap();
        assert!(mixed.standard_error.abs() < 1e-15, "{mixed:?}");
    }

    #[test]
    fn copies_of_one_cluster_add_nothing() {
        let once = clustered_mean(&[1.0, 0.0, 1.0], &[0, 1, 2]).unwrap();
        let thrice =
            clustered_mean(&[1.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0], &[0, 1, 2, 0, 1, 2, 0, 1, 2])
                .unwrap();
        assert!((once.standard_error - thrice.standard_error).abs() < 1e-15);
    }

    #[test]
    fn intervals_cover_clustered_truth() {
        // 40 clusters of 5 items; the cluster shifts the chance of each of its items by ±0.3 around 0.5.
        let mut random = SplitMix64::seed_from_u64(11);
        let mut unit = || (random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
        let (mut covered, mut naive_covered, trials) = (0, 0, 1000);
        for _ in 0..trials {
            let (mut values, mut labels) = (Vec::new(), Vec::new());
            for label in 0..40 {
                let chance = if unit() < 0.5 { 0.2 } else { 0.8 };
                for _ in 0..5 {
                    values.push(f64::from(unit() < chance));
                    labels.push(label);
                }
            }
            let covers = |interval: Interval| (interval.low..=interval.high).contains(&0.5);
            covered += usize::from(covers(clustered_mean(&values, &labels).unwrap().interval_95()));
            let alone: Vec<usize> = (0..values.len()).collect();
            naive_covered += usize::from(covers(clustered_mean(&values, &alone).unwrap().interval_95()));
        }
        assert!((930..=975).contains(&covered), "{covered}");
        assert!(naive_covered < 870, "ignoring clusters must be seen to be wrong: {naive_covered}");
    }

    #[test]
    fn the_bootstrap_agrees_with_the_formula_and_with_itself() {
        let values: Vec<f64> = (0..300).map(|i| f64::from(i % 7 < 3)).collect();
        let labels: Vec<usize> = (0..300).map(|i| i / 3).collect();
        let plan = ClusterBootstrap { resamples: 4000, seed: 3 };
        let drawn = plan.mean_interval_95(&values, &labels).unwrap();
        let formula = clustered_mean(&values, &labels).unwrap().interval_95();
        assert!((drawn.low - formula.low).abs() < 0.01 && (drawn.high - formula.high).abs() < 0.01);
        assert_eq!(Ok(drawn), plan.mean_interval_95(&values, &labels));
    }

    #[test]
    fn a_ratio_over_equal_clusters_is_their_mean() {
        let ratio = clustered_ratio(&[10.0, 14.0, 12.0], &[4.0, 4.0, 4.0]).unwrap();
        let means = clustered_mean(&[2.5, 3.5, 3.0], &[0, 1, 2]).unwrap();
        assert!((ratio.mean - means.mean).abs() < 1e-15);
        assert!((ratio.standard_error - means.standard_error).abs() < 1e-15);
        // Unequal: 30/10 = 3; residuals 2 − 3 = −1 and 28 − 27 = 1; 2/1 · 2 / 100.
        let unequal = clustered_ratio(&[2.0, 28.0], &[1.0, 9.0]).unwrap();
        assert!((unequal.mean - 3.0).abs() < 1e-15 && (unequal.standard_error - 0.2).abs() < 1e-15);
        assert!(
            clustered_ratio(&[1.0], &[1.0]).is_err() && clustered_ratio(&[1.0, 1.0], &[1.0, 0.0]).is_err()
        );
    }

    #[test]
    fn unusable_input_is_refused() {
        assert_eq!(clustered_mean(&[1.0, 2.0], &[4, 4]), Err(StatsError::TooFew { needed: 2, got: 1 }));
        assert!(matches!(clustered_mean(&[1.0], &[]), Err(StatsError::LengthMismatch { .. })));
        assert!(matches!(clustered_mean(&[1.0, f64::NAN], &[0, 1]), Err(StatsError::NotFinite { .. })));
        let few = ClusterBootstrap { resamples: 5, seed: 0 };
        assert!(matches!(few.mean_interval_95(&[1.0, 2.0], &[0, 1]), Err(StatsError::OutOfRange { .. })));
    }
}
