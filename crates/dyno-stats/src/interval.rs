//! Intervals of a mean over independent repetitions, and rates that combine correctly.

use statrs::distribution::{ContinuousCDF, StudentsT};

use crate::StatsError;
use crate::error::{check_finite, check_positive, check_same_length};
use crate::sum::{mean, sample_sd, sum};

/// An estimate and the ends of its interval, all in the unit of the samples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The estimate itself.
    pub estimate: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Interval {
    /// Both ends, as records store them.
    #[must_use]
    pub fn bounds(&self) -> [f64; 2] {
        [self.low, self.high]
    }
}

/// Two-sided 95 % t interval of the mean of independent repetitions: m ± t(0.975, n − 1)·s/√n.
///
/// Give it one mean per engine process: repetitions inside one process share its memory layout and clock state and
/// are not independent.
///
/// # Errors
/// For fewer than two values, and for a value that is not finite.
pub fn t_interval_95(means_of_processes: &[f64]) -> Result<Interval, StatsError> {
    check_finite(means_of_processes, 2)?;
    let n = means_of_processes.len();
    let estimate = mean(means_of_processes);
    let half = t_quantile(0.975, n - 1) * sample_sd(means_of_processes, estimate) / (n as f64).sqrt();
    Ok(Interval { estimate, low: estimate - half, high: estimate + half })
}

/// Quantile of Student's t distribution; `probability` in (0, 1), at least one degree of freedom.
///
/// # Panics
/// Never: fewer degrees of freedom count as one.
#[must_use]
pub fn t_quantile(probability: f64, freedom: usize) -> f64 {
    t_quantile_at(probability, freedom as f64)
}

/// The same for the fractional degrees of freedom of combined variances.
pub(crate) fn t_quantile_at(probability: f64, freedom: f64) -> f64 {
    StudentsT::new(0.0, 1.0, freedom.max(1.0))
        .expect("one degree of freedom or more is a valid t distribution")
        .inverse_cdf(probability)
}

/// The rate of several repetitions together: Σamounts/Σdurations. The mean of single rates would weigh short
/// repetitions too much.
///
/// # Errors
/// For no repetitions, different lengths, values that are not finite, and amounts or durations that are not positive.
pub fn ratio_of_sums(amounts: &[f64], durations: &[f64]) -> Result<f64, StatsError> {
    check_same_length(amounts, durations)?;
    check_positive(amounts, 1)?;
    check_positive(durations, 1)?;
    Ok(sum(amounts.iter().copied()) / sum(durations.iter().copied()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t_interval_matches_a_textbook_example() {
        // R: t.test(c(5.1, 4.9, 5.6, 5.8, 5.3))$conf.int is 4.887243 to 5.792757 about a mean of 5.34.
        let interval = t_interval_95(&[5.1, 4.9, 5.6, 5.8, 5.3]).unwrap();
        assert!((interval.estimate - 5.34).abs() < 1e-12, "{interval:?}");
        assert!((interval.low - 4.887).abs() < 2e-3 && (interval.high - 5.793).abs() < 2e-3, "{interval:?}");
    }

    #[test]
    fn t_quantiles_match_the_printed_table() {
        for (freedom, expected) in
            [(1, 12.706), (2, 4.303), (4, 2.776), (9, 2.262), (29, 2.045), (1000, 1.962)]
        {
            assert!((t_quantile(0.975, freedom) - expected).abs() < 6e-4, "{freedom}");
        }
    }

    #[test]
    fn rates_combine_by_time() {
        // 100 tokens in 1 s and 100 tokens in 3 s are 50 tokens/s, not the mean of 100 and 33.3.
        assert_eq!(ratio_of_sums(&[100.0, 100.0], &[1.0, 3.0]), Ok(50.0));
        assert_eq!(ratio_of_sums(&[1.0], &[]), Err(StatsError::LengthMismatch { left: 1, right: 0 }));
        assert_eq!(ratio_of_sums(&[1.0], &[0.0]), Err(StatsError::NotPositive { index: 0, value: 0.0 }));
    }

    #[test]
    fn one_process_gives_no_interval() {
        assert_eq!(t_interval_95(&[5.0]), Err(StatsError::TooFew { needed: 2, got: 1 }));
    }
}
