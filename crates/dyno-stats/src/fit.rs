//! Laws of growth fitted by least squares: straight lines and powers.

use crate::StatsError;
use crate::error::{check_finite, check_positive, check_same_length};
use crate::interval::t_quantile;
use crate::sum::{mean, sum};

/// y = intercept + slope·x, by ordinary least squares.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LinearFit {
    /// y at x = 0.
    pub intercept: f64,
    /// Change of y per unit of x.
    pub slope: f64,
    /// Two-sided 95 % interval of the slope (t with n − 2 degrees of freedom); absent for fewer than three points.
    pub slope_interval: Option<[f64; 2]>,
    /// Coefficient of determination, 0..=1; 1 when y does not vary at all.
    pub r2: f64,
    /// Points fitted.
    pub n: usize,
}

impl LinearFit {
    /// y at x.
    #[must_use]
    pub fn at(&self, x: f64) -> f64 {
        self.intercept + self.slope * x
    }
}

/// y = factor·x^exponent, by least squares in log space.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PowerFit {
    /// y at x = 1.
    pub factor: f64,
    /// Exponent; y grows by 2^exponent when x doubles.
    pub exponent: f64,
    /// Two-sided 95 % interval of the exponent; absent for fewer than three points.
    pub exponent_interval: Option<[f64; 2]>,
    /// Coefficient of determination in log space.
    pub r2: f64,
    /// Points fitted.
    pub n: usize,
}

impl PowerFit {
    /// y at x > 0.
    #[must_use]
    pub fn at(&self, x: f64) -> f64 {
        self.factor * x.powf(self.exponent)
    }
}

/// Fits a straight line.
///
/// # Errors
/// For different lengths, fewer than two distinct x, values that are not finite, and values so far apart that their
/// squares overflow.
pub fn linear_fit(x: &[f64], y: &[f64]) -> Result<LinearFit, StatsError> {
    check_same_length(x, y)?;
    check_finite(x, 2)?;
    check_finite(y, 2)?;
    let (mean_x, mean_y) = (mean(x), mean(y));
    let points = || x.iter().zip(y).map(|(x, y)| (x - mean_x, y - mean_y));
    let spread_x = sum(points().map(|(dx, _)| dx * dx));
    if x.iter().all(|value| *value == x[0]) || spread_x <= 0.0 {
        return Err(StatsError::TooFewDistinct);
    }
    let slope = sum(points().map(|(dx, dy)| dx * dy)) / spread_x;
    let spread_y = sum(points().map(|(_, dy)| dy * dy));
    let residual = sum(points().map(|(dx, dy)| (dy - slope * dx).powi(2)));
    let slope_interval = (x.len() > 2).then(|| {
        let freedom = x.len() - 2;
        let half = t_quantile(0.975, freedom) * (residual / freedom as f64 / spread_x).sqrt();
        [slope - half, slope + half]
    });
    let r2 = if spread_y > 0.0 { (1.0 - residual / spread_y).clamp(0.0, 1.0) } else { 1.0 };
    let intercept = mean_y - slope * mean_x;
    if [slope, intercept, r2].iter().any(|figure| !figure.is_finite()) {
        let range = "what a 64-bit float can square";
        return Err(StatsError::OutOfRange { name: "spread of the points", value: spread_x, range });
    }
    Ok(LinearFit { intercept, slope, slope_interval, r2, n: x.len() })
}

/// Fits a power law.
///
/// # Errors
/// For different lengths, fewer than two distinct x, and values that are not finite and positive.
pub fn power_fit(x: &[f64], y: &[f64]) -> Result<PowerFit, StatsError> {
    check_same_length(x, y)?;
    check_positive(x, 2)?;
    check_positive(y, 2)?;
    let logs = |values: &[f64]| values.iter().map(|value| value.ln()).collect::<Vec<_>>();
    let line = linear_fit(&logs(x), &logs(y))?;
    Ok(PowerFit {
        factor: line.intercept.exp(),
        exponent: line.slope,
        exponent_interval: line.slope_interval,
        r2: line.r2,
        n: line.n,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_found_exactly() {
        let fit = linear_fit(&[0.0, 1.0, 2.0, 3.0], &[1.0, 3.0, 5.0, 7.0]).unwrap();
        assert_eq!((fit.intercept, fit.slope, fit.r2, fit.n), (1.0, 2.0, 1.0, 4));
        assert_eq!(fit.slope_interval, Some([2.0, 2.0]));
        assert_eq!(fit.at(10.0), 21.0);
    }

    #[test]
    fn the_slope_interval_matches_a_hand_calculation() {
        // x = 1..4, y = 2, 3, 5, 4: slope 0.8, residual 1.8, se = √(0.9/5) = 0.424264, t(0.975, 2) = 4.302653.
        let fit = linear_fit(&[1.0, 2.0, 3.0, 4.0], &[2.0, 3.0, 5.0, 4.0]).unwrap();
        let [low, high] = fit.slope_interval.unwrap();
        assert!((fit.slope - 0.8).abs() < 1e-12 && (fit.r2 - 0.64).abs() < 1e-12, "{fit:?}");
        assert!((high - 0.8 - 1.825_456).abs() < 1e-4 && (0.8 - low - 1.825_456).abs() < 1e-4, "{fit:?}");
    }

    #[test]
    fn a_power_is_found_exactly() {
        let x = [512.0, 1024.0, 2048.0, 4096.0_f64];
        let y: Vec<f64> = x.iter().map(|x| 0.5 * x.powf(1.25)).collect();
        let fit = power_fit(&x, &y).unwrap();
        assert!((fit.exponent - 1.25).abs() < 1e-12 && (fit.factor - 0.5).abs() < 1e-10, "{fit:?}");
        assert!((fit.at(8192.0) - 0.5 * 8192.0_f64.powf(1.25)).abs() < 1e-6);
    }

    #[test]
    fn two_points_have_no_interval_and_a_flat_line_is_perfect() {
        let fit = linear_fit(&[1.0, 2.0], &[5.0, 5.0]).unwrap();
        assert_eq!((fit.slope, fit.slope_interval, fit.r2), (0.0, None, 1.0));
    }

    #[test]
    fn degenerate_input_is_refused() {
        assert_eq!(linear_fit(&[2.0, 2.0, 2.0], &[1.0, 2.0, 3.0]), Err(StatsError::TooFewDistinct));
        assert_eq!(linear_fit(&[0.1; 3], &[1.0, 2.0, 3.0]), Err(StatsError::TooFewDistinct));
        assert_eq!(linear_fit(&[2.0], &[1.0]), Err(StatsError::TooFew { needed: 2, got: 1 }));
        assert!(matches!(
            linear_fit(&[1.0, f64::NAN], &[1.0, 2.0]),
            Err(StatsError::NotFinite { index: 1, .. })
        ));
        assert!(matches!(power_fit(&[1.0, 2.0], &[1.0, 0.0]), Err(StatsError::NotPositive { index: 1, .. })));
    }
}
