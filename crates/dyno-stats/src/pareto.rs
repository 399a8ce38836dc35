//! The Pareto set: what no other choice beats in every respect.

use crate::Direction;

/// Which points are in the Pareto set: no other point is at least as good in every respect and better in one. Equal points
/// are in it together. A point with a figure that is not finite is never in it, and beats nothing.
///
/// `directions` says for each respect which way is better. O(n²), meant for a table's worth of points.
#[must_use]
pub fn pareto_set<const N: usize>(points: &[[f64; N]], directions: &[Direction; N]) -> Vec<bool> {
    let usable = |point: &[f64; N]| N > 0 && point.iter().all(|figure| figure.is_finite());
    // Higher is better in every respect from here on.
    let gain = |point: &[f64; N], respect: usize| match directions[respect] {
        Direction::HigherIsBetter => point[respect],
        Direction::LowerIsBetter => -point[respect],
    };
    let beats = |one: &[f64; N], other: &[f64; N]| {
        (0..N).all(|respect| gain(one, respect) >= gain(other, respect))
            && (0..N).any(|respect| gain(one, respect) > gain(other, respect))
    };
    points
        .iter()
        .map(|point| usable(point) && !points.iter().any(|other| usable(other) && beats(other, point)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL_AND_GOOD: [Direction; 2] = [Direction::LowerIsBetter, Direction::HigherIsBetter];

    #[test]
    fn what_is_larger_and_no_better_falls_out() {
        let points = [[16.0, 0.90], [8.0, 0.90], [5.0, 0.88], [4.5, 0.80], [4.4, 0.85]];
        assert_eq!(pareto_set(&points, &SMALL_AND_GOOD), [false, true, true, false, true]);
        let fast = [Direction::HigherIsBetter, Direction::HigherIsBetter];
        assert_eq!(pareto_set(&[[10.0, 0.9], [20.0, 0.8], [15.0, 0.8]], &fast), [true, true, false]);
    }

    #[test]
    fn equal_points_stay_together_and_one_point_stays_alone() {
        assert_eq!(pareto_set(&[[1.0, 1.0], [1.0, 1.0]], &SMALL_AND_GOOD), [true, true]);
        assert_eq!(pareto_set(&[[1.0, 1.0]], &SMALL_AND_GOOD), [true]);
        assert_eq!(pareto_set::<2>(&[], &SMALL_AND_GOOD), [false; 0]);
    }

    #[test]
    fn a_figure_that_is_none_neither_stays_nor_beats() {
        let points = [[f64::NAN, 1.0], [1.0, f64::INFINITY], [2.0, 0.5]];
        assert_eq!(pareto_set(&points, &SMALL_AND_GOOD), [false, false, true]);
    }

    #[test]
    fn every_point_outside_is_beaten_by_one_inside() {
        // A fixed scatter of points, drawn by a linear congruential generator.
        let mut state = 7_u64;
        let mut draw = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f64
        };
        let points: Vec<[f64; 3]> = (0..200).map(|_| [draw(), draw(), draw()]).collect();
        let directions = [Direction::LowerIsBetter, Direction::HigherIsBetter, Direction::HigherIsBetter];
        let inside = pareto_set(&points, &directions);
        let members = || points.iter().zip(&inside).filter(|(_, inside)| **inside).map(|(point, _)| point);
        assert!(members().count() > 1);
        for (point, inside) in points.iter().zip(&inside) {
            let beaten = members().any(|other| {
                other != point && other[0] <= point[0] && other[1] >= point[1] && other[2] >= point[2]
            });
            assert_eq!(beaten, !inside, "{point:?}");
        }
    }
}
