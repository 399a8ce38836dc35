//! What earlier runs teach: how far the model of speed is off on this machine, and how much to trust it.

use std::collections::BTreeMap;

use dyno_stats::t_quantile;
use serde::{Deserialize, Serialize};

use crate::Interval;

/// Before any run: the scatter of ln(measured/predicted) over models, and how many observations that belief is worth.
const PRIOR_SD: f64 = 0.10;
const PRIOR_OBSERVATIONS: f64 = 4.0;
/// How many observations the belief is worth that predictions are right on average.
const PRIOR_MEAN_OBSERVATIONS: f64 = 2.0;
/// Nine of ten measured values lie between the 5th and the 95th percentile.
const UPPER: f64 = 0.95;

/// A prediction of a rate, made before the run, and what was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// What makes two runs the same question: model and quantization.
    pub subject: String,
    /// Rate predicted from header and engine rates alone, before corrections; tokens/s.
    pub raw_tps: f64,
    /// Rate measured, tokens/s.
    pub measured_tps: f64,
}

/// Distribution of ln(measured/raw) for the next model: Student's t around `mean`.
///
/// Conjugate analysis of a normal with unknown mean and variance (Gelman et al., Bayesian Data Analysis, 3rd edition, §3.3), starting
/// from a weak belief that predictions are right within a tenth. Runs of one model count as one observation, their mean.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Bias {
    /// Mean of ln(measured/raw).
    pub mean: f64,
    /// Scale of the distribution of the next value.
    pub scale: f64,
    /// Degrees of freedom.
    pub freedom: f64,
    /// Models learned from.
    pub models: usize,
}

/// Corrections of both rates.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Correction {
    /// Of prefill.
    pub prefill: Bias,
    /// Of decode.
    pub decode: Bias,
}

impl Bias {
    /// Learns from outcomes; those that are not positive and finite are passed over.
    #[must_use]
    pub fn learn(outcomes: &[Outcome]) -> Self {
        let mut subjects: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
        for outcome in outcomes {
            let ratio = (outcome.measured_tps / outcome.raw_tps).ln();
            if ratio.is_finite() {
                subjects.entry(&outcome.subject).or_default().push(ratio);
            }
        }
        let means: Vec<f64> =
            subjects.values().map(|ratios| ratios.iter().sum::<f64>() / ratios.len() as f64).collect();
        let n = means.len() as f64;
        let average = if means.is_empty() { 0.0 } else { means.iter().sum::<f64>() / n };
        let weight = PRIOR_MEAN_OBSERVATIONS + n;
        let freedom = PRIOR_OBSERVATIONS + n;
        let scatter: f64 = means.iter().map(|mean| (mean - average).powi(2)).sum();
        let disagreement = PRIOR_MEAN_OBSERVATIONS * n / weight * average.powi(2);
        let variance = (PRIOR_OBSERVATIONS * PRIOR_SD.powi(2) + scatter + disagreement) / freedom;
        Self {
            mean: n * average / weight,
            scale: (variance * (1.0 + 1.0 / weight)).sqrt(),
            freedom,
            models: means.len(),
        }
    }

    /// The prediction for a raw rate.
    #[must_use]
    pub fn apply(&self, raw_tps: f64) -> Interval {
        let half = t_quantile(UPPER, self.freedom.round().max(1.0) as usize) * self.scale;
        let at = |shift: f64| raw_tps * (self.mean + shift).exp();
        Interval { likely: at(0.0), low: at(-half), high: at(half) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(subject: &str, raw_tps: f64, measured_tps: f64) -> Outcome {
        Outcome { subject: subject.to_owned(), raw_tps, measured_tps }
    }

    #[test]
    fn without_runs_the_prediction_stands_with_a_wide_interval() {
        let interval = Bias::learn(&[]).apply(100.0);
        assert_eq!(interval.likely, 100.0);
        assert!(interval.low < 80.0 && interval.high > 125.0, "{interval:?}");
    }

    #[test]
    fn a_steady_bias_is_learned_and_the_interval_narrows() {
        let outcomes: Vec<Outcome> = (0..20).map(|model| outcome(&model.to_string(), 10.0, 8.0)).collect();
        let bias = Bias::learn(&outcomes);
        let interval = bias.apply(100.0);
        assert!((interval.likely - 80.0).abs() < 2.5, "{interval:?}");
        let before = Bias::learn(&[]).apply(100.0);
        assert!(interval.high / interval.low < before.high / before.low, "{interval:?}");
        assert_eq!(bias.models, 20);
    }

    #[test]
    fn scatter_widens_the_interval() {
        let steady: Vec<Outcome> = (0..8).map(|model| outcome(&model.to_string(), 10.0, 10.0)).collect();
        let wild: Vec<Outcome> = (0..8)
            .map(|model| outcome(&model.to_string(), 10.0, if model % 2 == 0 { 5.0 } else { 20.0 }))
            .collect();
        assert!(Bias::learn(&wild).scale > 3.0 * Bias::learn(&steady).scale);
    }

    #[test]
    fn runs_of_one_model_are_one_observation_and_nonsense_is_none() {
        let many: Vec<Outcome> = (0..4).map(|_| outcome("a", 10.0, 5.0)).collect();
        assert_eq!(Bias::learn(&many), Bias::learn(&many[..1]));
        let nonsense = [outcome("a", 0.0, 5.0), outcome("b", 10.0, 0.0), outcome("c", f64::NAN, 1.0)];
        assert_eq!(Bias::learn(&nonsense), Bias::learn(&[]));
    }
}
