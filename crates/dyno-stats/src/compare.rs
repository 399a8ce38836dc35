//! Comparison of two alternatives measured in pairs.

use crate::StatsError;
use crate::error::{check_positive, check_same_length};
use crate::interval::t_quantile;
use crate::sum::{mean, sample_sd};

/// Which direction of a figure is an improvement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Rates.
    HigherIsBetter,
    /// Times and sizes.
    LowerIsBetter,
}

/// What a comparison says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The candidate is better by more than the margin could hide.
    Faster,
    /// The candidate is worse.
    Slower,
    /// Any difference is smaller than the margin: the whole interval lies inside it.
    WithinNoise,
    /// The interval neither excludes equality nor fits into the margin.
    Inconclusive {
        /// About how many more pairs would show a difference of the margin; absent above a million.
        more_pairs: Option<usize>,
    },
}

/// Ratio candidate/baseline with its 95 % interval from paired log-ratios.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RatioInterval {
    /// Geometric mean of the paired ratios.
    pub ratio: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Pairs.
    pub n: usize,
    /// Sample standard deviation of the natural-log ratios.
    pub log_sd: f64,
}

/// Compares two alternatives that were measured alternately (A B B A …): entry i of both belongs to the same pair, so
/// that drift of the machine cancels. Paired t interval of ln(candidate/baseline).
///
/// # Errors
/// For different lengths, fewer than two pairs, and values that are not finite and positive.
pub fn paired_log_ratio(baseline: &[f64], candidate: &[f64]) -> Result<RatioInterval, StatsError> {
    check_same_length(baseline, candidate)?;
    check_positive(baseline, 2)?;
    check_positive(candidate, 2)?;
    let logs: Vec<f64> = baseline.iter().zip(candidate).map(|(b, c)| c.ln() - b.ln()).collect();
    let n = logs.len();
    let centre = mean(&logs);
    let log_sd = sample_sd(&logs, centre);
    let half = t_quantile(0.975, n - 1) * log_sd / (n as f64).sqrt();
    Ok(RatioInterval {
        ratio: centre.exp(),
        low: (centre - half).exp(),
        high: (centre + half).exp(),
        n,
        log_sd,
    })
}

impl RatioInterval {
    /// The verdict, where differences up to `margin` (relative, e.g. 0.02) do not matter.
    #[must_use]
    pub fn verdict(&self, direction: Direction, margin: f64) -> Verdict {
        let bound = 1.0 + margin.max(0.0);
        if self.low >= 1.0 / bound && self.high <= bound {
            return Verdict::WithinNoise;
        }
        match direction {
            Direction::HigherIsBetter if self.low > 1.0 => Verdict::Faster,
            Direction::HigherIsBetter if self.high < 1.0 => Verdict::Slower,
            Direction::LowerIsBetter if self.high < 1.0 => Verdict::Faster,
            Direction::LowerIsBetter if self.low > 1.0 => Verdict::Slower,
            _ => Verdict::Inconclusive { more_pairs: self.more_pairs(margin) },
        }
    }

    /// Smallest relative difference that this many pairs show with 80 % power at the 5 % level:
    /// exp((t(0.975) + t(0.8))·s/√n) − 1.
    #[must_use]
    pub fn minimum_detectable_effect(&self) -> f64 {
        detectable_log_ratio(self.log_sd, self.n).exp_m1()
    }

    /// About how many more pairs would make `margin` detectable, at least 1; `None` above a million pairs.
    fn more_pairs(&self, margin: f64) -> Option<usize> {
        const PAIRS_MAX: usize = 1_000_000;
        let target = margin.max(0.0).ln_1p();
        let detects = |n: usize| detectable_log_ratio(self.log_sd, n) <= target;
        if !detects(PAIRS_MAX) {
            return None;
        }
        let (mut refused, mut enough) = (self.n.min(PAIRS_MAX - 1), PAIRS_MAX);
        while enough - refused > 1 {
            let middle = refused + (enough - refused) / 2;
            if detects(middle) {
                enough = middle;
            } else {
                refused = middle;
            }
        }
        Some(enough.saturating_sub(self.n).max(1))
    }
}

fn detectable_log_ratio(log_sd: f64, n: usize) -> f64 {
    (t_quantile(0.975, n - 1) + t_quantile(0.8, n - 1)) * log_sd / (n as f64).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HIGHER: Direction = Direction::HigherIsBetter;

    #[test]
    fn drift_shared_by_a_pair_cancels() {
        let baseline = [100.0, 90.0, 80.0, 70.0];
        let candidate = baseline.map(|rate| rate * 1.10);
        let ratio = paired_log_ratio(&baseline, &candidate).unwrap();
        assert!((ratio.ratio - 1.10).abs() < 1e-12 && (ratio.high - ratio.low).abs() < 1e-9, "{ratio:?}");
        assert_eq!(ratio.verdict(HIGHER, 0.02), Verdict::Faster);
        assert_eq!(ratio.verdict(Direction::LowerIsBetter, 0.02), Verdict::Slower);
    }

    #[test]
    fn swapping_the_sides_inverts_the_interval() {
        let (a, b) = ([10.0, 11.0, 12.5], [12.0, 12.0, 12.0]);
        let (there, back) = (paired_log_ratio(&a, &b).unwrap(), paired_log_ratio(&b, &a).unwrap());
        assert!((there.ratio * back.ratio - 1.0).abs() < 1e-12);
        assert!((there.low * back.high - 1.0).abs() < 1e-12);
    }

    #[test]
    fn small_differences_are_noise_and_wide_intervals_decide_nothing() {
        let baseline = [100.0, 100.0, 100.0, 100.0];
        let near = paired_log_ratio(&baseline, &[100.3, 100.1, 99.9, 100.2]).unwrap();
        assert_eq!(near.verdict(HIGHER, 0.02), Verdict::WithinNoise);
        let wild = paired_log_ratio(&baseline, &[130.0, 80.0, 105.0, 95.0]).unwrap();
        let Verdict::Inconclusive { more_pairs: Some(more) } = wild.verdict(HIGHER, 0.02) else {
            panic!("{:?}", wild.verdict(HIGHER, 0.02));
        };
        let enough = RatioInterval { n: wild.n + more, ..wild };
        let not_quite = RatioInterval { n: wild.n + more - 1, ..wild };
        assert!(enough.minimum_detectable_effect() <= 0.02 && not_quite.minimum_detectable_effect() > 0.02);
        assert_eq!(wild.verdict(HIGHER, 0.0), Verdict::Inconclusive { more_pairs: None });
    }

    #[test]
    fn unusable_pairs_are_refused() {
        assert!(matches!(paired_log_ratio(&[1.0], &[1.0]), Err(StatsError::TooFew { .. })));
        assert!(matches!(paired_log_ratio(&[1.0, 2.0], &[1.0]), Err(StatsError::LengthMismatch { .. })));
        assert!(matches!(paired_log_ratio(&[1.0, 0.0], &[1.0, 1.0]), Err(StatsError::NotPositive { .. })));
    }
}
