//! Descriptive interval of one dependent series by block bootstrap.

use crate::error::check_finite;
use rand_core::SeedableRng;
use rand_xoshiro::SplitMix64;

use crate::random::below;
use crate::{Interval, StatsError, percentile};

/// Moving-block bootstrap (Künsch 1989): resamples whole stretches, so that the dependence of neighbouring samples
/// (token gaps, chunks of a text) survives.
///
/// The interval is descriptive: it says how far the figure could move within this one process, and knows nothing of
/// the variation between processes. Label it so, and prefer [`crate::t_interval_95`] over processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockBootstrap {
    /// Samples per block, at least 1.
    pub block: usize,
    /// Resampled series, 100 to 100,000.
    pub resamples: usize,
    /// Seed; the same seed gives the same interval.
    pub seed: u64,
}

impl BlockBootstrap {
    /// A block length of ∛n, rounded up, which keeps dependence over short distances, and 1,000 resamples.
    #[must_use]
    pub fn for_length(n: usize, seed: u64) -> Self {
        Self { block: ((n as f64).cbrt().ceil() as usize).max(1), resamples: 1000, seed }
    }

    /// 95 % percentile interval of a statistic of the series. The statistic receives series of the same length.
    ///
    /// # Errors
    /// For fewer than two samples, a sample or a statistic that is not finite, a block length of 0 or above the
    /// length of the series, and a number of resamples outside its range.
    pub fn interval_95(
        &self,
        series: &[f64],
        statistic: impl Fn(&[f64]) -> f64,
    ) -> Result<Interval, StatsError> {
        check_finite(series, 2)?;
        self.check(series.len())?;
        let estimate = statistic(series);
        let mut random = SplitMix64::seed_from_u64(self.seed);
        let mut resampled = Vec::with_capacity(series.len() + self.block);
        let mut figures = Vec::with_capacity(self.resamples);
        for _ in 0..self.resamples {
            resampled.clear();
            while resampled.len() < series.len() {
                let start = below(&mut random, series.len() - self.block + 1);
                resampled.extend_from_slice(&series[start..start + self.block]);
            }
            resampled.truncate(series.len());
            figures.push(statistic(&resampled));
        }
        check_finite(&figures, 1)?;
        figures.sort_unstable_by(f64::total_cmp);
        let end = |percent| percentile(&figures, percent).expect("there are at least 100 resamples");
        Ok(Interval { estimate, low: end(2.5), high: end(97.5) })
    }

    fn check(&self, length: usize) -> Result<(), StatsError> {
        if self.block == 0 || self.block > length {
            let range = "1 to the length of the series";
            return Err(StatsError::OutOfRange { name: "block", value: self.block as f64, range });
        }
        if !(100..=100_000).contains(&self.resamples) {
            let range = "100 to 100,000";
            return Err(StatsError::OutOfRange { name: "resamples", value: self.resamples as f64, range });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sum::mean;

    /// A slow wave: strongly dependent neighbours.
    fn wave() -> Vec<f64> {
        (0..400).map(|i| 10.0 + (f64::from(i) / 30.0).sin()).collect()
    }

    #[test]
    fn the_seed_decides_the_interval() {
        let (series, plan) = (wave(), BlockBootstrap::for_length(400, 7));
        assert_eq!(plan.interval_95(&series, mean), plan.interval_95(&series, mean));
        let other = BlockBootstrap { seed: 8, ..plan };
        assert_ne!(plan.interval_95(&series, mean), other.interval_95(&series, mean));
    }

    #[test]
    fn blocks_keep_dependence_and_so_widen_the_interval() {
        let series = wave();
        let width = |block| {
            let interval =
                BlockBootstrap { block, resamples: 2000, seed: 1 }.interval_95(&series, mean).unwrap();
            assert!(interval.low < interval.estimate && interval.estimate < interval.high);
            interval.high - interval.low
        };
        assert!(width(40) > 2.0 * width(1), "{} against {}", width(40), width(1));
    }

    #[test]
    fn senseless_plans_are_refused() {
        let plan = BlockBootstrap { block: 3, resamples: 1000, seed: 0 };
        assert!(matches!(
            plan.interval_95(&[1.0, 2.0], mean),
            Err(StatsError::OutOfRange { name: "block", .. })
        ));
        let plan = BlockBootstrap { block: 1, resamples: 5, seed: 0 };
        assert!(matches!(
            plan.interval_95(&[1.0, 2.0], mean),
            Err(StatsError::OutOfRange { name: "resamples", .. })
        ));
        let broken =
            BlockBootstrap { block: 1, resamples: 100, seed: 0 }.interval_95(&[1.0, 2.0], |_| f64::NAN);
        assert!(matches!(broken, Err(StatsError::NotFinite { .. })));
    }
}
