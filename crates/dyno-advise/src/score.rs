//! The score that choices are ranked by.
//!
//! score = Q^w × S^(1 − w), where
//! - Q is the quality share ([`crate::quality_share`]), 0..1;
//! - S = r ÷ (r + 5), r the likely decode rate in tokens/s: half the credit at 5 tokens/s, about the pace of reading
//!   aloud; more speed always counts, and less and less;
//! - w is the weight of quality: 0.25 for speed, 0.5 balanced, 0.85 for quality.
//!
//! A geometric mean, so that a choice that is useless in one respect is not saved by the other. What is not known counts
//! as 0.05: enough that the other term still ranks, too little to win against evidence.

use dyno_types::{Priority, QualityFigure, RateFigure};

use crate::quality_share;

/// Decode rate that gets half the credit, tokens/s.
pub const HALF_CREDIT_TPS: f64 = 5.0;

/// Least decode rate that is recommended at all, tokens/s.
pub const LEAST_TPS: f64 = 1.0;

/// What an unknown or nearly absent quality or speed counts.
const UNKNOWN: f64 = 0.05;

/// Weight of quality, 0..1; the rest is the weight of speed.
#[must_use]
pub fn quality_weight(priority: Priority) -> f64 {
    match priority {
        Priority::Speed => 0.25,
        Priority::Balanced => 0.5,
        Priority::Quality => 0.85,
    }
}

/// Credit for a decode rate, 0..1.
#[must_use]
pub fn speed_share(decode_tps: f64) -> f64 {
    if decode_tps.is_finite() && decode_tps > 0.0 { decode_tps / (decode_tps + HALF_CREDIT_TPS) } else { 0.0 }
}

/// The score, 0..1.
#[must_use]
pub fn score(priority: Priority, quality: Option<&QualityFigure>, decode: Option<&RateFigure>) -> f64 {
    let weight = quality_weight(priority);
    let quality = quality.map_or(UNKNOWN, quality_share).max(UNKNOWN);
    let speed = decode.map_or(UNKNOWN, |rate| speed_share(rate.likely_tps)).max(UNKNOWN);
    quality.powf(weight) * speed.powf(1.0 - weight)
}

#[cfg(test)]
mod tests {
    use dyno_types::Evidence;
    use proptest::prelude::*;

    use super::*;

    fn rate(likely_tps: f64) -> RateFigure {
        RateFigure { likely_tps, interval_tps: None, evidence: Evidence::Predicted, source: None }
    }

    fn mmlu(value: f64) -> QualityFigure {
        QualityFigure {
            metric: "mmlu".to_owned(),
            label: "MMLU".to_owned(),
            value,
            interval: None,
            chance: 25.0,
            evidence: Evidence::Published,
            conditions: None,
            source: "s".to_owned(),
            kept: 1.0,
        }
    }

    #[test]
    fn the_priority_decides_between_small_and_fast_and_large_and_good() {
        // 1.5B, 3B, 7B and 14B of one family on a machine that reads 40 GB/s.
        let sizes = [(60.9, 35.0), (65.6, 18.0), (74.2, 8.0), (79.7, 4.3)];
        let best = |priority| {
            let score = |(value, tps): (f64, f64)| score(priority, Some(&mmlu(value)), Some(&rate(tps)));
            (0..sizes.len()).max_by(|a, b| score(sizes[*a]).total_cmp(&score(sizes[*b]))).unwrap()
        };
        assert_eq!([Priority::Speed, Priority::Balanced, Priority::Quality].map(best), [0, 1, 3]);
    }

    #[test]
    fn no_evidence_never_beats_evidence_of_the_same_speed() {
        let (fast, known) = (rate(100.0), mmlu(40.0));
        for (_, priority) in Priority::ALL {
            assert!(score(priority, None, Some(&fast)) < score(priority, Some(&known), Some(&fast)));
            assert!(score(priority, Some(&known), None) < score(priority, Some(&known), Some(&rate(1.0))));
        }
    }

    proptest! {
        #[test]
        fn more_quality_or_speed_never_scores_less(
            value in 0.0..100.0_f64, more in 0.0..50.0_f64, tps in 0.0..500.0_f64, faster in 0.0..500.0_f64
        ) {
            for (_, priority) in Priority::ALL {
                let base = score(priority, Some(&mmlu(value)), Some(&rate(tps)));
                prop_assert!((0.0..=1.0).contains(&base));
                prop_assert!(score(priority, Some(&mmlu((value + more).min(100.0))), Some(&rate(tps))) >= base);
                prop_assert!(score(priority, Some(&mmlu(value)), Some(&rate(tps + faster))) >= base);
            }
        }
    }
}
