//! Shares of right answers: their intervals, and tests of two shares over the same items.

use statrs::distribution::{Binomial, ContinuousCDF, Discrete, DiscreteCDF, StudentsT};

use crate::interval::t_quantile;
use crate::{Interval, StatsError};

/// 97.5 % quantile of the normal distribution.
const Z_95: f64 = 1.959_963_984_540_054;

/// 95 % interval of a share by Wilson's score method (1927); right near 0 and 1, where mean ± 1.96·SE is not.
///
/// # Errors
/// For no trials, and for more successes than trials.
pub fn wilson_95(successes: u64, trials: u64) -> Result<Interval, StatsError> {
    if trials == 0 {
        return Err(StatsError::TooFew { needed: 1, got: 0 });
    }
    if successes > trials {
        let range = "0 to the number of trials";
        return Err(StatsError::OutOfRange { name: "successes", value: successes as f64, range });
    }
    Ok(wilson(successes as f64 / trials as f64, trials as f64, Z_95))
}

/// 95 % interval of a share whose items come in clusters: Wilson's interval at the number of independent items that
/// would give this standard error, n* = p(1−p)/SE² (at most n; the number of clusters for a share of 0 or 1), with
/// t(0.975, G−1) in place of the normal quantile where there are fewer clusters than items (Korn and Graubard 1998 use
/// the same effective sample size).
///
/// # Errors
/// For a share outside 0..=1, no items, and more clusters than items.
pub fn proportion_interval_95(
    share: f64,
    standard_error: f64,
    n: usize,
    clusters: usize,
) -> Result<Interval, StatsError> {
    if !(0.0..=1.0).contains(&share) {
        return Err(StatsError::OutOfRange { name: "share", value: share, range: "0 to 1" });
    }
    if n == 0 || clusters == 0 {
        return Err(StatsError::TooFew { needed: 1, got: 0 });
    }
    if clusters > n {
        let range = "1 to the number of items";
        return Err(StatsError::OutOfRange { name: "clusters", value: clusters as f64, range });
    }
    if clusters == n {
        return Ok(wilson(share, n as f64, Z_95));
    }
    let spread = share * (1.0 - share);
    let effective = if spread == 0.0 {
        clusters as f64
    } else {
        // An error of 0 here means that clusters cancel exactly; n items are then the most that can be claimed.
        (spread / (standard_error * standard_error)).clamp(1.0, n as f64)
    };
    Ok(wilson(share, effective, t_quantile(0.975, clusters.max(2) - 1)))
}

fn wilson(share: f64, n: f64, z: f64) -> Interval {
    let shrink = 1.0 + z * z / n;
    let centre = (share + z * z / (2.0 * n)) / shrink;
    let half = z / shrink * (share * (1.0 - share) / n + z * z / (4.0 * n * n)).sqrt();
    Interval {
        estimate: share,
        low: (centre - half).clamp(0.0, share),
        high: (centre + half).clamp(share, 1.0),
    }
}

/// McNemar's test of two shares over the same items; only items on which the two differ count.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct McNemar {
    /// Two-sided exact conditional p: never too small, often too large.
    pub exact_p: f64,
    /// Two-sided mid-p (Fagerland, Lydersen and Laake 2013): close to the nominal level.
    pub mid_p: f64,
}

/// McNemar's exact and mid-p tests from the numbers of items that only one side got right.
///
/// With n = gained + lost and B ~ Binomial(n, ½): exact = min(1, 2·P(B ≤ smaller)); mid-p takes P(B = smaller) off
/// (half of it when both sides are equal). Without any difference both are 1.
#[must_use]
pub fn mcnemar(gained: u64, lost: u64) -> McNemar {
    let (n, smaller) = (gained.saturating_add(lost), gained.min(lost));
    let Ok(binomial) = Binomial::new(0.5, n) else { return McNemar { exact_p: 1.0, mid_p: 1.0 } };
    if n == 0 {
        return McNemar { exact_p: 1.0, mid_p: 1.0 };
    }
    let point = binomial.pmf(smaller);
    if gained == lost {
        return McNemar { exact_p: 1.0, mid_p: 1.0 - 0.5 * point };
    }
    let exact_p = (2.0 * binomial.cdf(smaller)).min(1.0);
    McNemar { exact_p, mid_p: (exact_p - point).max(0.0) }
}

/// 95 % interval of the difference of two shares over the same n items, by Bonett and Price (2012): one imaginary
/// item is added to each of the two differing cells, so that it keeps a width where no item differs.
///
/// # Errors
/// For no items, and for more differing items than items.
pub fn paired_share_interval_95(gained: u64, lost: u64, n: u64) -> Result<Interval, StatsError> {
    if n == 0 {
        return Err(StatsError::TooFew { needed: 1, got: 0 });
    }
    let differing = gained.saturating_add(lost);
    if differing > n {
        let range = "0 to the number of items";
        return Err(StatsError::OutOfRange { name: "gained + lost", value: differing as f64, range });
    }
    let total = n as f64 + 2.0;
    let (up, down) = ((gained as f64 + 1.0) / total, (lost as f64 + 1.0) / total);
    let half = Z_95 * ((up + down - (up - down) * (up - down)) / total).sqrt();
    let estimate = (gained as f64 - lost as f64) / n as f64;
    let low = (up - down - half).clamp(-1.0, estimate);
    Ok(Interval { estimate, low, high: (up - down + half).clamp(estimate, 1.0) })
}

/// Two-sided p of Student's t statistic; `freedom` below 1 counts as 1. A statistic that is not a number gives 1.
///
/// # Panics
/// Never: fewer degrees of freedom count as one.
#[must_use]
pub fn t_two_sided_p(statistic: f64, freedom: usize) -> f64 {
    if statistic.is_nan() {
        return 1.0;
    }
    let t = StudentsT::new(0.0, 1.0, freedom.max(1) as f64).expect("one degree of freedom or more is valid");
    (2.0 * t.sf(statistic.abs())).min(1.0)
}

/// p values corrected for being made together, by Holm's step-down method (1979), in the order given.
///
/// # Errors
/// For a value outside 0..=1.
pub fn holm(p_values: &[f64]) -> Result<Vec<f64>, StatsError> {
    if let Some(value) = p_values.iter().find(|p| !(0.0..=1.0).contains(*p)) {
        return Err(StatsError::OutOfRange { name: "p", value: *value, range: "0 to 1" });
    }
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|a, b| p_values[*a].total_cmp(&p_values[*b]));
    let mut adjusted = vec![1.0; p_values.len()];
    let mut largest = 0.0_f64;
    for (rank, index) in order.iter().enumerate() {
        largest = largest.max(p_values[*index] * (p_values.len() - rank) as f64).min(1.0);
        adjusted[*index] = largest;
    }
    Ok(adjusted)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn near(left: f64, right: f64, within: f64) -> bool {
        (left - right).abs() <= within
    }

    #[test]
    fn wilson_matches_published_values() {
        // R: prop.test(x, n, correct = FALSE)$conf.int
        for (successes, trials, low, high) in [
            (81, 263, 0.255_289, 0.366_205),
            (0, 20, 0.0, 0.161_125),
            (20, 20, 0.838_875, 1.0),
            (1, 29, 0.006_113, 0.171_755),
        ] {
            let interval = wilson_95(successes, trials).unwrap();
            assert!(near(interval.low, low, 2e-4) && near(interval.high, high, 2e-4), "{interval:?}");
        }
        assert!(wilson_95(1, 0).is_err() && wilson_95(3, 2).is_err());
    }

    #[test]
    fn clusters_widen_the_interval_and_certainty_is_never_claimed() {
        let alone = proportion_interval_95(0.5, 0.05, 100, 100).unwrap();
        assert_eq!(alone, wilson_95(50, 100).unwrap());
        let clustered = proportion_interval_95(0.5, 0.1, 100, 20).unwrap();
        assert!(clustered.high - clustered.low > 1.8 * (alone.high - alone.low), "{clustered:?}");
        let perfect = proportion_interval_95(1.0, 0.0, 100, 10).unwrap();
        assert!(perfect.low < 0.75 && perfect.high == 1.0, "{perfect:?}");
        assert!(proportion_interval_95(1.1, 0.0, 1, 1).is_err());
        assert!(proportion_interval_95(0.5, 0.0, 2, 3).is_err());
    }

    #[test]
    fn mcnemar_matches_hand_computed_binomials() {
        // n = 10, 2 against 8: 2·P(B ≤ 2) = 2·56/1024; the point is 45/1024.
        let test = mcnemar(8, 2);
        assert!(near(test.exact_p, 112.0 / 1024.0, 1e-12) && near(test.mid_p, 67.0 / 1024.0, 1e-12));
        assert_eq!(mcnemar(2, 8), test);
        assert_eq!(mcnemar(0, 0), McNemar { exact_p: 1.0, mid_p: 1.0 });
        // 3 against 3: 1 − ½·20/64.
        assert!(near(mcnemar(3, 3).mid_p, 1.0 - 10.0 / 64.0, 1e-12));
        // Fagerland et al. 2013, table 1 (airway hyper-responsiveness): 1 and 7: exact 0.0703, mid-p 0.0391.
        let published = mcnemar(1, 7);
        assert!(near(published.exact_p, 0.0703, 5e-5) && near(published.mid_p, 0.0391, 5e-5));
        assert!(mcnemar(3_000_000, 10).mid_p < 1e-12);
    }

    #[test]
    fn paired_shares_keep_a_width_without_differences() {
        let none = paired_share_interval_95(0, 0, 50).unwrap();
        assert!(none.low < -0.03 && none.high > 0.03 && none.estimate == 0.0, "{none:?}");
        let gained = paired_share_interval_95(75, 0, 240).unwrap();
        assert!(
            near(gained.estimate, 0.3125, 1e-12) && gained.low > 0.24 && gained.high < 0.38,
            "{gained:?}"
        );
        assert!(paired_share_interval_95(3, 3, 5).is_err() && paired_share_interval_95(0, 0, 0).is_err());
    }

    #[test]
    fn holm_matches_the_worked_example() {
        // R: p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm")
        let adjusted = holm(&[0.01, 0.04, 0.03, 0.005]).unwrap();
        for (got, expected) in adjusted.iter().zip([0.03, 0.06, 0.06, 0.02]) {
            assert!(near(*got, expected, 1e-12), "{adjusted:?}");
        }
        assert_eq!(holm(&[]), Ok(vec![]));
        assert!(holm(&[f64::NAN]).is_err() && holm(&[1.5]).is_err());
    }

    #[test]
    fn two_sided_p_matches_the_t_table() {
        assert!(near(t_two_sided_p(2.262, 9), 0.05, 1e-4) && near(t_two_sided_p(-12.706, 1), 0.05, 1e-4));
        assert_eq!(t_two_sided_p(f64::NAN, 5), 1.0);
        assert_eq!(t_two_sided_p(f64::INFINITY, 5), 0.0);
    }

    proptest! {
        #[test]
        fn intervals_enclose_their_estimate(gained in 0_u64..500, lost in 0_u64..500, agree in 0_u64..500) {
            let n = gained + lost + agree;
            prop_assume!(n > 0);
            let paired = paired_share_interval_95(gained, lost, n).unwrap();
            prop_assert!(-1.0 <= paired.low && paired.low <= paired.estimate);
            prop_assert!(paired.estimate <= paired.high && paired.high <= 1.0);
            let single = wilson_95(gained, n).unwrap();
            prop_assert!(0.0 <= single.low && single.low <= single.estimate);
            prop_assert!(single.estimate <= single.high && single.high <= 1.0);
            let test = mcnemar(gained, lost);
            prop_assert!(test.mid_p <= test.exact_p && (0.0..=1.0).contains(&test.mid_p));
        }

        #[test]
        fn holm_keeps_the_order_and_never_helps(p in proptest::collection::vec(0.0_f64..=1.0, 0..20)) {
            let adjusted = holm(&p).unwrap();
            for (i, raw) in p.iter().enumerate() {
                prop_assert!(adjusted[i] >= *raw && adjusted[i] <= 1.0);
                for (j, other) in p.iter().enumerate() {
                    prop_assert!(raw > other || adjusted[i] <= adjusted[j] || raw == other);
                }
            }
        }
    }
}
