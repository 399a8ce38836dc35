//! Classification of outliers. They are explained, never removed.

use crate::error::check_finite;
use crate::{StatsError, percentile};

/// How far out a sample lies, after Tukey.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// More than 1.5 interquartile ranges beyond the nearer quartile.
    Mild,
    /// More than 3 interquartile ranges beyond it.
    Severe,
}

/// On which side a sample lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Below the lower fence.
    Low,
    /// Above the upper fence.
    High,
}

/// One sample beyond the fences.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outlier {
    /// Position in the input, so that the circumstances can be looked up.
    pub index: usize,
    /// The sample.
    pub value: f64,
    /// How far out.
    pub severity: Severity,
    /// Which side.
    pub side: Side,
}

/// The outliers of a series in their order, by Tukey's fences over type 7 quartiles.
///
/// # Errors
/// For fewer than four samples, and for a sample that is not finite.
pub fn outliers(samples: &[f64]) -> Result<Vec<Outlier>, StatsError> {
    check_finite(samples, 4)?;
    let mut sorted = samples.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let quartile = |percent| percentile(&sorted, percent).expect("there are at least four samples");
    let (lower, upper) = (quartile(25.0), quartile(75.0));
    let range = upper - lower;
    let classify = |(index, &value): (usize, &f64)| {
        let (beyond, side) =
            if value < lower { (lower - value, Side::Low) } else { (value - upper, Side::High) };
        let severity = match beyond {
            far if far > 3.0 * range => Severity::Severe,
            far if far > 1.5 * range => Severity::Mild,
            _ => return None,
        };
        Some(Outlier { index, value, severity, side })
    };
    Ok(samples.iter().enumerate().filter_map(classify).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fences_separate_mild_from_severe() {
        let samples = [5.0, 1.0, 2.0, 3.0, 4.0, 6.0, 7.0, 8.0, 9.0];
        assert_eq!(outliers(&samples), Ok(vec![]));
        let far = [5.0, 5.0, 5.1, 4.9, 5.0, 5.05, 4.95, 5.3, 9.0, 4.0];
        let found = outliers(&far).unwrap();
        let kinds: Vec<_> = found.iter().map(|o| (o.index, o.severity, o.side)).collect();
        assert_eq!(
            kinds,
            [
                (7, Severity::Mild, Side::High),
                (8, Severity::Severe, Side::High),
                (9, Severity::Severe, Side::Low)
            ]
        );
    }

    #[test]
    fn too_few_samples_have_no_quartiles_worth_a_fence() {
        assert_eq!(outliers(&[1.0, 2.0, 50.0]), Err(StatsError::TooFew { needed: 4, got: 3 }));
    }
}
