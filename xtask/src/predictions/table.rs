//! Errors of predictions, and what they come to.

/// (predicted − measured)/measured.
pub(super) fn error(predicted: f64, measured: f64) -> f64 {
    (predicted - measured) / measured
}

/// Median and worst error without sign; nothing without errors.
pub(super) fn median_and_worst(errors: &[f64]) -> Option<(f64, f64)> {
    let mut sizes: Vec<f64> = errors.iter().map(|error| error.abs()).collect();
    sizes.sort_by(f64::total_cmp);
    let worst = *sizes.last()?;
    Some((dyno_stats::percentile(&sizes, 50.0)?, worst))
}

/// Prints them.
pub(super) fn print_summary(what: &str, errors: &[f64]) {
    if let Some((median, worst)) = median_and_worst(errors) {
        println!("{what}: median error {:.1} %, worst {:.1} %", median * 100.0, worst * 100.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_count_without_sign() {
        assert_eq!(error(90.0, 100.0), -0.1);
        assert_eq!(median_and_worst(&[-0.3, 0.1, 0.2]), Some((0.2, 0.3)));
        assert_eq!(median_and_worst(&[]), None);
    }
}
