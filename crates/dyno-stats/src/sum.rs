//! Compensated summation.

/// Sum with a running correction of rounding errors (Neumaier 1974): exact to about one rounding for any order of
/// magnitude, where a plain loop loses digits over a million samples. 0 for no values.
#[must_use]
pub fn sum(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut total = 0.0_f64;
    let mut correction = 0.0_f64;
    for value in values {
        let next = total + value;
        // The smaller of the two addends is the one that lost its low digits.
        correction +=
            if total.abs() >= value.abs() { (total - next) + value } else { (value - next) + total };
        total = next;
    }
    total + correction
}

/// Arithmetic mean of a non-empty slice.
pub(crate) fn mean(values: &[f64]) -> f64 {
    sum(values.iter().copied()) / values.len() as f64
}

/// Sample standard deviation (n − 1) about a known mean; needs at least two values.
pub(crate) fn sample_sd(values: &[f64], mean: f64) -> f64 {
    let squares = sum(values.iter().map(|value| (value - mean) * (value - mean)));
    (squares / (values.len() as f64 - 1.0)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_what_a_plain_loop_loses() {
        let values = [1.0, 1e100, 1.0, -1e100];
        assert_eq!(values.iter().sum::<f64>(), 0.0);
        assert_eq!(sum(values), 2.0);
        assert_eq!(sum(std::iter::repeat_n(0.1, 1_000_000)), 100_000.0);
        assert_eq!(sum([]), 0.0);
    }

    #[test]
    fn standard_deviation_is_the_sample_one() {
        let values = [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0];
        assert!((sample_sd(&values, mean(&values)) - (32.0_f64 / 7.0).sqrt()).abs() < 1e-15);
    }
}
