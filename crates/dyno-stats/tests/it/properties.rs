//! Laws that hold for any input.

use dyno_stats::{
    BlockBootstrap, Summary, Tail, linear_fit, outliers, paired_log_ratio, percentile, power_fit,
    ratio_of_sums, sum, t_interval_95,
};
use proptest::prelude::*;

fn samples() -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec(-1e9..1e9_f64, 1..500)
}

fn positive() -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec(1e-6..1e9_f64, 2..200)
}

proptest! {
    #[test]
    fn summaries_do_not_depend_on_the_order(values in samples(), seed in any::<u64>()) {
        let mut shuffled = values.clone();
        let length = shuffled.len();
        for index in 0..length {
            shuffled.swap(index, (seed.wrapping_mul(index as u64 + 1) % length as u64) as usize);
        }
        prop_assert_eq!(Summary::of(&values, Tail::High), Summary::of(&shuffled, Tail::High));
    }

    #[test]
    fn summaries_stay_within_their_samples(values in samples()) {
        for tail in [Tail::High, Tail::Low] {
            let summary = Summary::of(&values, tail).unwrap();
            let inside = |value: f64| (summary.min..=summary.max).contains(&value);
            prop_assert!(inside(summary.mean) && inside(summary.median));
            prop_assert!(summary.sd.is_none_or(|sd| (0.0..=(summary.max - summary.min) * 1.000_001).contains(&sd)));
            for stated in &summary.percentiles {
                prop_assert!(stated.interval[0] <= stated.value && stated.value <= stated.interval[1]);
            }
        }
    }

    #[test]
    fn percentiles_grow_with_the_percentage(mut values in samples(), a in 0.0..=100.0_f64, b in 0.0..=100.0_f64) {
        values.sort_by(f64::total_cmp);
        let (low, high) = (a.min(b), a.max(b));
        prop_assert!(percentile(&values, low).unwrap() <= percentile(&values, high).unwrap());
    }

    #[test]
    fn the_sum_hardly_depends_on_the_order(values in samples()) {
        let (forward, backward) = (sum(values.iter().copied()), sum(values.iter().rev().copied()));
        prop_assert!((forward - backward).abs() <= 1e-15 * sum(values.iter().map(|value| value.abs())));
    }

    #[test]
    fn a_combined_rate_lies_between_the_single_ones(amounts in positive(), seed in 1_u32..1000) {
        let durations: Vec<f64> = (0..amounts.len()).map(|i| 0.1 + (f64::from(seed) * (i as f64 + 1.0)).sin().abs()).collect();
        let rates: Vec<f64> = amounts.iter().zip(&durations).map(|(a, d)| a / d).collect();
        let combined = ratio_of_sums(&amounts, &durations).unwrap();
        let (low, high) = rates.iter().fold((f64::MAX, 0.0_f64), |(low, high), rate| (low.min(*rate), high.max(*rate)));
        prop_assert!(combined >= low * (1.0 - 1e-12) && combined <= high * (1.0 + 1e-12));
    }

    #[test]
    fn intervals_contain_their_estimates(values in positive()) {
        let interval = t_interval_95(&values).unwrap();
        prop_assert!(interval.low <= interval.estimate && interval.estimate <= interval.high);
        let ratio = paired_log_ratio(&values, &vec![3.0; values.len()]).unwrap();
        prop_assert!(ratio.low <= ratio.ratio * (1.0 + 1e-12) && ratio.ratio <= ratio.high * (1.0 + 1e-12));
    }

    #[test]
    fn fits_answer_or_refuse_but_never_break(
        x in prop::collection::vec(prop::num::f64::ANY, 0..12), y in prop::collection::vec(prop::num::f64::ANY, 0..12),
    ) {
        if let Ok(fit) = linear_fit(&x, &y) {
            prop_assert!((0.0..=1.0).contains(&fit.r2) && fit.slope.is_finite() && fit.intercept.is_finite());
        }
        let _ = power_fit(&x, &y);
        let _ = outliers(&x);
        let _ = Summary::of(&x, Tail::Low);
    }

    #[test]
    fn a_shifted_line_keeps_its_slope(slope in -100.0..100.0_f64, base in -1e3..1e3_f64, shift in -1e3..1e3_f64) {
        let x = [512.0, 1024.0, 2048.0, 4096.0];
        let y = x.map(|x| base + slope * x);
        let moved = x.map(|x| x + shift);
        let (fit, shifted) = (linear_fit(&x, &y).unwrap(), linear_fit(&moved, &y).unwrap());
        prop_assert!((fit.slope - slope).abs() < 1e-9 && (shifted.slope - slope).abs() < 1e-9);
        prop_assert!((fit.intercept - base).abs() < 1e-6);
    }

    #[test]
    fn resampled_means_stay_within_the_series(values in positive(), seed in any::<u64>()) {
        let plan = BlockBootstrap { resamples: 100, ..BlockBootstrap::for_length(values.len(), seed) };
        let interval = plan.interval_95(&values, |series| sum(series.iter().copied()) / series.len() as f64).unwrap();
        let (low, high) = values.iter().fold((f64::MAX, 0.0_f64), |(low, high), v| (low.min(*v), high.max(*v)));
        prop_assert!(interval.low >= low * (1.0 - 1e-12) && interval.high <= high * (1.0 + 1e-12));
    }
}
