//! When a warm-up is over.

use crate::error::check_finite;
use crate::sum::{mean, sample_sd};

/// Sample standard deviation over the absolute mean; `None` for fewer than two values, a value that is not finite, or
/// a mean of zero.
#[must_use]
pub fn coefficient_of_variation(values: &[f64]) -> Option<f64> {
    check_finite(values, 2).ok()?;
    let mean = mean(values);
    (mean != 0.0).then(|| sample_sd(values, mean) / mean.abs())
}

/// Whether the last `last_k` values (at least 2) vary by no more than `threshold` (coefficient of variation, e.g.
/// 0.05). False while there are fewer than `last_k` values.
#[must_use]
pub fn steady(values: &[f64], last_k: usize, threshold: f64) -> bool {
    if last_k < 2 || values.len() < last_k {
        return false;
    }
    coefficient_of_variation(&values[values.len() - last_k..]).is_some_and(|variation| variation <= threshold)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_values_count() {
        let warming = [40.0, 80.0, 99.0, 100.0, 101.0];
        assert!(steady(&warming, 3, 0.02));
        assert!(!steady(&warming, 4, 0.02));
        assert!(!steady(&warming[..2], 3, 0.02));
    }

    #[test]
    fn undefined_variation_is_not_steady() {
        assert_eq!(coefficient_of_variation(&[1.0]), None);
        assert_eq!(coefficient_of_variation(&[-1.0, 1.0]), None);
        assert_eq!(coefficient_of_variation(&[1.0, f64::NAN]), None);
        assert_eq!(coefficient_of_variation(&[3.0, 3.0]), Some(0.0));
        assert!(!steady(&[5.0, 5.0], 1, 0.1));
    }
}
