//! Exact percentiles and the rule that says when one may be printed.

use statrs::distribution::{Binomial, DiscreteCDF};

/// Which end of a distribution hurts: the high one when lower is better (times), the low one when higher is better
/// (rates).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tail {
    /// Large values hurt: p90, p95, p99, p99.9.
    High,
    /// Small values hurt: p10, p5, p1, p0.1.
    Low,
}

/// A percentile that summaries may carry.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PercentileName {
    /// Name in records and tables, e.g. `p99.9`.
    pub name: &'static str,
    /// The same as a number, percent.
    pub percent: f64,
}

/// Percentiles of the high tail, outermost last.
pub const HIGH_TAIL: [PercentileName; 4] = [
    PercentileName { name: "p90", percent: 90.0 },
    PercentileName { name: "p95", percent: 95.0 },
    PercentileName { name: "p99", percent: 99.0 },
    PercentileName { name: "p99.9", percent: 99.9 },
];

/// Percentiles of the low tail, outermost last; the mirror of [`HIGH_TAIL`].
pub const LOW_TAIL: [PercentileName; 4] = [
    PercentileName { name: "p10", percent: 10.0 },
    PercentileName { name: "p5", percent: 5.0 },
    PercentileName { name: "p1", percent: 1.0 },
    PercentileName { name: "p0.1", percent: 0.1 },
];

impl Tail {
    /// The percentiles of this tail, outermost last.
    #[must_use]
    pub fn percentiles(self) -> &'static [PercentileName] {
        match self {
            Self::High => &HIGH_TAIL,
            Self::Low => &LOW_TAIL,
        }
    }
}

/// A percentile with its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NamedPercentile {
    /// Name, e.g. `p90`.
    pub name: &'static str,
    /// Percent, 0 to 100.
    pub percent: f64,
    /// Exact value (type 7), in the unit of the samples.
    pub value: f64,
    /// Two-sided interval from order statistics that covers the true percentile with at least 95 %.
    pub interval: [f64; 2],
}

/// Probability that may lie beyond each end of a two-sided 95 % interval.
const TAIL_PROBABILITY: f64 = 0.025;

/// Exact percentile of ascending values by linear interpolation between order statistics: Hyndman and Fan's type 7,
/// position (n − 1)·p/100. `percent` lies in 0..=100; `None` for no values or a percentage outside.
#[must_use]
pub fn percentile(sorted: &[f64], percent: f64) -> Option<f64> {
    if sorted.is_empty() || !(0.0..=100.0).contains(&percent) {
        return None;
    }
    let position = (sorted.len() - 1) as f64 * (percent / 100.0);
    let below = (position.floor() as usize).min(sorted.len() - 1);
    let above = (below + 1).min(sorted.len() - 1);
    let fraction = position - below as f64;
    let value = sorted[below] + fraction * (sorted[above] - sorted[below]);
    // Interpolation may round one step past its neighbours.
    Some(value.clamp(sorted[below], sorted[above]))
}

/// Two-sided 95 % interval of a percentile from order statistics of ascending values, distribution-free.
///
/// The number of samples below the true percentile is Binomial(n, p), so the l-th and u-th smallest values enclose it
/// with probability ≥ 95 % when P(B < l) ≤ 2.5 % and P(B ≥ u) ≤ 2.5 %. `None` when no such pair exists, that is when
/// there are too few samples to state this percentile at all.
#[must_use]
pub fn order_statistic_interval_95(sorted: &[f64], percent: f64) -> Option<[f64; 2]> {
    let (lower, upper) = order_statistic_ranks_95(sorted.len(), percent)?;
    Some([sorted[lower - 1], sorted[upper - 1]])
}

/// Ranks (from 1) of the order statistics that enclose the percentile; `None` when they do not exist.
fn order_statistic_ranks_95(n: usize, percent: f64) -> Option<(usize, usize)> {
    if n == 0 || !(percent > 0.0 && percent < 100.0) {
        return None;
    }
    let below = Binomial::new(percent / 100.0, n as u64).ok()?;
    let too_low = |rank: usize| below.cdf(rank as u64 - 1) <= TAIL_PROBABILITY;
    let high_enough = |rank: usize| below.sf(rank as u64 - 1) <= TAIL_PROBABILITY;
    if !too_low(1) || !high_enough(n) {
        return None;
    }
    let lower = largest_rank(n, too_low);
    let upper = n + 1 - largest_rank(n, |mirrored| high_enough(n + 1 - mirrored));
    Some((lower, upper))
}

/// The largest rank in 1..=n for which a monotone condition holds; it must hold for 1.
fn largest_rank(n: usize, holds: impl Fn(usize) -> bool) -> usize {
    let (mut known, mut refused) = (1, n + 1);
    while refused - known > 1 {
        let middle = known + (refused - known) / 2;
        if holds(middle) {
            known = middle;
        } else {
            refused = middle;
        }
    }
    known
}

/// Smallest number of samples for which a percentile's 95 % order-statistic interval exists; `None` outside (0, 100).
#[must_use]
pub fn samples_needed(percent: f64) -> Option<usize> {
    if !(percent > 0.0 && percent < 100.0) {
        return None;
    }
    // The interval exists when both outermost ranks do: p^n and (1 − p)^n at most 2.5 %; the rarer side decides.
    let rarer = (percent / 100.0).max(1.0 - percent / 100.0);
    let guess = (TAIL_PROBABILITY.ln() / rarer.ln()).floor().max(1.0) as usize;
    (guess.saturating_sub(1).max(1)..=guess + 2).find(|&n| order_statistic_ranks_95(n, percent).is_some())
}

/// The percentiles of a tail whose interval exists, for ascending values.
pub(crate) fn available(sorted: &[f64], tail: Tail) -> Vec<NamedPercentile> {
    let stated = |name: &PercentileName| {
        Some(NamedPercentile {
            name: name.name,
            percent: name.percent,
            value: percentile(sorted, name.percent)?,
            interval: order_statistic_interval_95(sorted, name.percent)?,
        })
    };
    tail.percentiles().iter().filter_map(stated).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn type_7_matches_published_values() {
        // R: quantile(c(1, 2, 3, 4), c(.25, .5, .9), type = 7)
        let sorted = [1.0, 2.0, 3.0, 4.0];
        assert_eq!(percentile(&sorted, 25.0), Some(1.75));
        assert_eq!(percentile(&sorted, 50.0), Some(2.5));
        assert!((percentile(&sorted, 90.0).unwrap() - 3.7).abs() < 1e-12);
        assert_eq!(percentile(&sorted, 0.0), Some(1.0));
        assert_eq!(percentile(&sorted, 100.0), Some(4.0));
        assert_eq!(percentile(&[7.0], 99.0), Some(7.0));
        assert_eq!(percentile(&[], 50.0), None);
        assert_eq!(percentile(&sorted, 101.0), None);
        assert_eq!(percentile(&sorted, f64::NAN), None);
    }

    #[test]
    fn percentiles_exist_from_the_defined_sample_counts_on() {
        let table = [
            (90.0, 36),
            (95.0, 72),
            (99.0, 368),
            (99.9, 3688),
            (10.0, 36),
            (5.0, 72),
            (1.0, 368),
            (0.1, 3688),
            (50.0, 6),
        ];
        for (percent, needed) in table {
            let ramp: Vec<f64> = (0..needed).map(|i| i as f64).collect();
            assert!(order_statistic_interval_95(&ramp, percent).is_some(), "p{percent} with {needed}");
            assert!(order_statistic_interval_95(&ramp[1..], percent).is_none(), "p{percent} with one fewer");
            assert_eq!(samples_needed(percent), Some(needed), "p{percent}");
        }
        assert_eq!(samples_needed(0.0), None);
        assert_eq!(samples_needed(100.0), None);
    }

    #[test]
    fn median_ranks_match_the_sign_test_table() {
        // Conover, Practical Nonparametric Statistics: n = 20, 95 %: the 6th and 15th order statistics.
        assert_eq!(order_statistic_ranks_95(20, 50.0), Some((6, 15)));
        assert_eq!(order_statistic_ranks_95(6, 50.0), Some((1, 6)));
    }

    #[test]
    fn tails_name_their_own_side() {
        let ramp: Vec<f64> = (0..400).map(f64::from).collect();
        let names = |tail| available(&ramp, tail).iter().map(|p| p.name).collect::<Vec<_>>();
        assert_eq!(names(Tail::High), ["p90", "p95", "p99"]);
        assert_eq!(names(Tail::Low), ["p10", "p5", "p1"]);
    }
}
