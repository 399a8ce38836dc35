//! What earlier runs teach: how far the model of speed is off on this machine, and how much to trust it.

use std::collections::BTreeMap;

use dyno_stats::t_quantile;
use serde::{Deserialize, Serialize};

use crate::{Interval, RawRate};

/// What is believed before any run.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Prior {
    /// Scatter of ln(measured/predicted) over models and over the hours in which a machine is faster or slower.
    sd: f64,
    /// The same where the types of all weights were never measured: kernels of like types differ by so much.
    borrowed_sd: f64,
}

/// From some thirty shapes drawn at random on one machine, fitted once; twenty others, drawn later, are in docs/predictions.md.
const PREFILL: Prior = Prior { sd: 0.15, borrowed_sd: 0.6 };
const DECODE: Prior = Prior { sd: 0.15, borrowed_sd: 0.2 };
/// How many observations the belief in a scatter is worth.
const PRIOR_OBSERVATIONS: f64 = 4.0;
/// How many observations the belief is worth that predictions are right on average.
const PRIOR_MEAN_OBSERVATIONS: f64 = 2.0;
/// Models that must agree before the rates are doubted.
const MODELS_DOUBT: usize = 3;
/// Ratio of measured to predicted from which, either way, the machine is not the one that was measured.
const RATIO_DOUBT: f64 = 1.25;
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
/// from a weak belief about how right predictions are. Runs of one model count as one observation, their mean.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Bias {
    /// Mean of ln(measured/raw) as far as the models learned from determine it; what the next value is expected to be.
    pub mean: f64,
    /// Plain mean of ln(measured/raw) over the models learned from; 0 without any.
    pub average: f64,
    /// Scale of the distribution of the next value.
    pub scale: f64,
    /// Degrees of freedom.
    pub freedom: f64,
    /// Models learned from.
    pub models: usize,
    /// Scatter to add where all of the time rests on types of weights that were never measured.
    pub borrowed_sd: f64,
}

/// Corrections of both rates.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Correction {
    /// Of prefill.
    pub prefill: Bias,
    /// Of decode.
    pub decode: Bias,
}

/// Runs that say the rates are no longer those of the machine.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Disagreement {
    /// Models that ran.
    pub models: usize,
    /// Geometric mean of measured over predicted.
    pub ratio: f64,
}

impl Default for Correction {
    fn default() -> Self {
        Self::learn(&[], &[])
    }
}

impl Correction {
    /// Learns from the outcomes of earlier predictions of prefill and of decode; those that are not positive and finite are passed over.
    #[must_use]
    pub fn learn(prefill: &[Outcome], decode: &[Outcome]) -> Self {
        Self { prefill: Bias::learn(prefill, PREFILL), decode: Bias::learn(decode, DECODE) }
    }

    /// What speaks against the rates, if anything does: the phase that is further off.
    #[must_use]
    pub fn disagreement(&self) -> Option<Disagreement> {
        let further =
            if self.prefill.average.abs() > self.decode.average.abs() { self.prefill } else { self.decode };
        let doubtful = further.models >= MODELS_DOUBT && further.average.abs() > RATIO_DOUBT.ln();
        doubtful.then(|| Disagreement { models: further.models, ratio: further.average.exp() })
    }
}

impl Bias {
    fn learn(outcomes: &[Outcome], prior: Prior) -> Self {
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
        let variance = (PRIOR_OBSERVATIONS * prior.sd.powi(2) + scatter + disagreement) / freedom;
        Self {
            mean: n * average / weight,
            average,
            scale: (variance * (1.0 + 1.0 / weight)).sqrt(),
            freedom,
            models: means.len(),
            borrowed_sd: prior.borrowed_sd,
        }
    }

    /// The prediction for a raw rate.
    #[must_use]
    pub fn apply(&self, raw: RawRate) -> Interval {
        let scale = self.scale.hypot(self.borrowed_sd * raw.borrowed);
        let half = t_quantile(UPPER, self.freedom.round().max(1.0) as usize) * scale;
        let at = |shift: f64| raw.tps * (self.mean + shift).exp();
        Interval { likely: at(0.0), low: at(-half), high: at(half) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 100 tokens/s from types that were all measured.
    const MEASURED: RawRate = RawRate { tps: 100.0, borrowed: 0.0 };

    fn outcome(subject: &str, raw_tps: f64, measured_tps: f64) -> Outcome {
        Outcome { subject: subject.to_owned(), raw_tps, measured_tps }
    }

    #[test]
    fn without_runs_the_prediction_stands_with_a_wide_interval() {
        let interval = Bias::learn(&[], DECODE).apply(MEASURED);
        assert_eq!(interval.likely, 100.0);
        assert!(interval.low < 80.0 && interval.high > 125.0, "{interval:?}");
    }

    #[test]
    fn a_steady_bias_is_learned_and_the_interval_narrows() {
        let outcomes: Vec<Outcome> = (0..20).map(|model| outcome(&model.to_string(), 10.0, 8.0)).collect();
        let bias = Bias::learn(&outcomes, DECODE);
        let interval = bias.apply(MEASURED);
        assert!((interval.likely - 80.0).abs() < 2.5, "{interval:?}");
        let before = Bias::learn(&[], DECODE).apply(MEASURED);
        assert!(interval.high / interval.low < before.high / before.low, "{interval:?}");
        assert_eq!(bias.models, 20);
    }

    #[test]
    fn scatter_widens_the_interval() {
        let steady: Vec<Outcome> = (0..8).map(|model| outcome(&model.to_string(), 10.0, 10.0)).collect();
        let wild: Vec<Outcome> = (0..8)
            .map(|model| outcome(&model.to_string(), 10.0, if model % 2 == 0 { 5.0 } else { 20.0 }))
            .collect();
        assert!(Bias::learn(&wild, DECODE).scale > 3.0 * Bias::learn(&steady, DECODE).scale);
    }

    #[test]
    fn runs_of_one_model_are_one_observation_and_nonsense_is_none() {
        let many: Vec<Outcome> = (0..4).map(|_| outcome("a", 10.0, 5.0)).collect();
        assert_eq!(Bias::learn(&many, DECODE), Bias::learn(&many[..1], DECODE));
        let nonsense = [outcome("a", 0.0, 5.0), outcome("b", 10.0, 0.0), outcome("c", f64::NAN, 1.0)];
        assert_eq!(Bias::learn(&nonsense, DECODE), Bias::learn(&[], DECODE));
    }

    #[test]
    fn types_never_measured_widen_the_interval_as_far_as_they_count() {
        let bias = Bias::learn(&[], PREFILL);
        let width = |borrowed: f64| {
            let Interval { low, high, .. } = bias.apply(RawRate { tps: 100.0, borrowed });
            high / low
        };
        assert!(width(0.0) < width(0.3) && width(0.3) < width(1.0));
        assert!(width(1.0) > 9.0, "a like type may be three times as fast: {}", width(1.0));
    }

    #[test]
    fn rates_are_doubted_when_several_models_agree_against_them() {
        let slow = |models: usize, ratio: f64| -> Vec<Outcome> {
            (0..models).map(|model| outcome(&model.to_string(), 10.0, 10.0 * ratio)).collect()
        };
        assert_eq!(Correction::learn(&[], &slow(2, 0.5)).disagreement(), None, "two may be odd ones");
        assert_eq!(Correction::learn(&slow(9, 0.9), &slow(9, 1.1)).disagreement(), None);
        let doubt = Correction::learn(&slow(4, 0.9), &slow(3, 0.5)).disagreement().unwrap();
        assert!(doubt.models == 3 && (doubt.ratio - 0.5).abs() < 1e-12, "{doubt:?}");
        let doubt = Correction::learn(&slow(4, 1.6), &slow(3, 1.1)).disagreement().unwrap();
        assert!(doubt.models == 4 && (doubt.ratio - 1.6).abs() < 1e-12, "{doubt:?}");
    }
}
