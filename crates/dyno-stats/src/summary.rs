//! Everything a table says about one series of samples.

use crate::error::check_finite;
use crate::percentile::available;
use crate::sum::{mean, sample_sd};
use crate::{NamedPercentile, StatsError, Tail, percentile};

/// Summary of one series; every figure in the unit of the samples.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// Number of samples.
    pub n: usize,
    /// Arithmetic mean. For rates report [`crate::ratio_of_sums`] instead.
    pub mean: f64,
    /// Sample standard deviation (n − 1); absent for one sample.
    pub sd: Option<f64>,
    /// Median (type 7).
    pub median: f64,
    /// Smallest.
    pub min: f64,
    /// Largest.
    pub max: f64,
    /// Percentiles of the tail that hurts whose 95 % order-statistic interval exists, outermost last.
    pub percentiles: Vec<NamedPercentile>,
}

impl Summary {
    /// Summarises samples; one sort, so a million samples take a fraction of a second. The order of the samples
    /// does not change a single bit of the result.
    ///
    /// # Errors
    /// For no samples, and for a sample that is not finite.
    pub fn of(samples: &[f64], tail: Tail) -> Result<Self, StatsError> {
        check_finite(samples, 1)?;
        let mut sorted = samples.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        Ok(Self::of_sorted(&sorted, tail))
    }

    fn of_sorted(sorted: &[f64], tail: Tail) -> Self {
        let (min, max) = (sorted[0], sorted[sorted.len() - 1]);
        let mean = mean(sorted).clamp(min, max);
        Self {
            n: sorted.len(),
            mean,
            sd: (sorted.len() > 1).then(|| sample_sd(sorted, mean)),
            median: percentile(sorted, 50.0).expect("there is at least one sample"),
            min,
            max,
            percentiles: available(sorted, tail),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_sample_has_no_deviation_and_no_percentiles() {
        let summary = Summary::of(&[4.0], Tail::High).unwrap();
        assert_eq!((summary.n, summary.mean, summary.sd, summary.median), (1, 4.0, None, 4.0));
        assert!(summary.percentiles.is_empty());
    }

    #[test]
    fn broken_samples_are_refused() {
        assert_eq!(Summary::of(&[], Tail::Low), Err(StatsError::TooFew { needed: 1, got: 0 }));
        let error = Summary::of(&[1.0, f64::INFINITY], Tail::Low).unwrap_err();
        assert!(error.to_string().contains("position 1"), "{error}");
    }
}
