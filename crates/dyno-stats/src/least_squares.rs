//! Least squares with coefficients that cannot be negative: times are sums of costs, and no cost is below nothing.

/// Sweeps over the coefficients after which the solution is taken as it is.
const SWEEPS_MAX: usize = 20_000;
/// Change of a coefficient, relative to the largest, below which it stands still.
const STILL: f64 = 1e-10;

/// The coefficients ≥ 0 that bring `rows` × coefficients nearest to `targets` (least sum of squares), by coordinate descent,
/// which converges because the problem is convex (Franc, Hlaváč and Navara, "Sequential coordinate-wise algorithm for the
/// non-negative least squares problem", 2005). Columns without any weight get 0. `None` when there are no rows, their lengths
/// differ, or a figure is not finite.
#[must_use]
pub fn nonnegative_least_squares(rows: &[Vec<f64>], targets: &[f64]) -> Option<Vec<f64>> {
    let columns = rows.first()?.len();
    let regular = rows.len() == targets.len() && rows.iter().all(|row| row.len() == columns);
    if !regular || !rows.iter().flatten().chain(targets).all(|value| value.is_finite()) {
        return None;
    }
    // Columns are scaled to length one, so that units do not decide how fast each converges.
    let length = |column: usize| rows.iter().map(|row| row[column] * row[column]).sum::<f64>().sqrt();
    let lengths: Vec<f64> = (0..columns).map(length).collect();
    let scaled = |row: &[f64], column: usize| match lengths[column] {
        0.0 => 0.0,
        length => row[column] / length,
    };
    let product =
        |one: usize, other: usize| rows.iter().map(|row| scaled(row, one) * scaled(row, other)).sum();
    let gram: Vec<Vec<f64>> =
        (0..columns).map(|one| (0..columns).map(|other| product(one, other)).collect()).collect();
    let toward =
        |column: usize| rows.iter().zip(targets).map(|(row, target)| scaled(row, column) * target).sum();
    let aims: Vec<f64> = (0..columns).map(toward).collect();
    let found = descend(&gram, &aims);
    let unscaled = found.iter().zip(&lengths).map(|(value, length)| match *length {
        0.0 => 0.0,
        length => value / length,
    });
    Some(unscaled.collect())
}

/// The minimum of x·gram·x/2 − aims·x over x ≥ 0; the diagonal of `gram` is 1, or 0 where nothing is to be found.
fn descend(gram: &[Vec<f64>], aims: &[f64]) -> Vec<f64> {
    let mut found = vec![0.0; aims.len()];
    for _ in 0..SWEEPS_MAX {
        let (mut change, mut largest) = (0.0_f64, 0.0_f64);
        for column in (0..aims.len()).filter(|column| gram[*column][*column] > 0.0) {
            let slope: f64 = gram[column].iter().zip(&found).map(|(weight, value)| weight * value).sum();
            let next = (found[column] + aims[column] - slope).max(0.0);
            change = change.max((next - found[column]).abs());
            largest = largest.max(next);
            found[column] = next;
        }
        if change <= STILL * largest {
            break;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(found: &[f64], expected: &[f64]) {
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-6 * expected.abs().max(1.0), "{found} for {expected}");
        }
    }

    #[test]
    fn exact_sums_give_their_coefficients_back_whatever_the_units() {
        let truth = [3.0, 0.0, 2e-9];
        let rows: Vec<Vec<f64>> =
            vec![vec![1.0, 2.0, 5e8], vec![2.0, 1.0, 1e9], vec![1.0, 5.0, 3e9], vec![4.0, 1.0, 2e8]];
        let targets: Vec<f64> =
            rows.iter().map(|row| row.iter().zip(truth).map(|(amount, cost)| amount * cost).sum()).collect();
        let found = nonnegative_least_squares(&rows, &targets).unwrap();
        near(&[found[0], found[1], found[2] * 1e9], &[3.0, 0.0, 2.0]);
    }

    #[test]
    fn what_would_be_negative_is_zero_and_the_rest_is_fitted_without_it() {
        // Unconstrained, the second coefficient would be −1.
        let rows = vec![vec![1.0, 1.0], vec![1.0, 2.0]];
        let found = nonnegative_least_squares(&rows, &[1.0, 0.0]).unwrap();
        near(&found, &[0.5, 0.0]);
    }

    #[test]
    fn the_gradient_of_a_solution_points_nowhere_allowed() {
        // Karush, Kuhn and Tucker: no slope along positive coefficients, none downward along zero ones.
        let rows: Vec<Vec<f64>> = (0..12_i32)
            .map(|row| (0..5_i32).map(|column| f64::from((row * 7 + column * column * 3) % 11)).collect())
            .collect();
        let targets: Vec<f64> = (0..12_i32).map(|row| f64::from((row * 5) % 7)).collect();
        let found = nonnegative_least_squares(&rows, &targets).unwrap();
        for column in 0..5 {
            let slope: f64 = rows
                .iter()
                .zip(&targets)
                .map(|(row, target)| {
                    let value: f64 = row.iter().zip(&found).map(|(amount, cost)| amount * cost).sum();
                    row[column] * (value - target)
                })
                .sum();
            assert!(slope > -1e-5 && (found[column] == 0.0 || slope.abs() < 1e-5), "{column}: {slope}");
        }
        assert!(found.iter().any(|value| *value > 0.0));
    }

    #[test]
    fn nonsense_is_refused_and_an_empty_column_costs_nothing() {
        assert_eq!(nonnegative_least_squares(&[], &[]), None);
        assert_eq!(nonnegative_least_squares(&[vec![1.0], vec![1.0, 2.0]], &[1.0, 1.0]), None);
        assert_eq!(nonnegative_least_squares(&[vec![1.0]], &[1.0, 2.0]), None);
        assert_eq!(nonnegative_least_squares(&[vec![f64::NAN]], &[1.0]), None);
        near(&nonnegative_least_squares(&[vec![2.0, 0.0]], &[4.0]).unwrap(), &[2.0, 0.0]);
    }
}
