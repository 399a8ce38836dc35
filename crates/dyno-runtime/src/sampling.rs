//! Choosing the next token from logits: filters, draw, and log-probabilities.
//!
//! Pure and seeded: the same logits, history and seed give the same token. The filters apply in the order of
//! [`Sampling`]'s fields: repetition penalty, top-k, top-p and min-p on probabilities at temperature 1, then temperature,
//! then the draw. A logit of −∞ means "never"; NaN and +∞ are a failure of the model.
//!
//! Nothing sorts a whole vocabulary: the likeliest k come from one pass with a rising threshold, a nucleus from a
//! quickselect by probability mass, and the greedy choice from one pass.

use std::cmp::Ordering;

use dyno_types::{Sampling, SamplingError, TokenId, TokenLogprob, TokenPiece};

use crate::random::Random;

mod exponential;
mod likeliest;
mod log_softmax;

pub(crate) use exponential::exp;
use exponential::{mass, run_sum};
use likeliest::{Candidate, LANES, collect_at_least, collect_likeliest, first_at, highest};
pub use log_softmax::LogSoftmax;

/// Logits nobody can choose from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LogitsError {
    /// NaN or +∞ among the logits.
    #[error(
        "the model computed logits that are not finite; its file or this engine build is broken (check with `dyno doctor`)"
    )]
    NotFinite,
    /// No token is possible.
    #[error(
        "the model ruled out every token; its file or this engine build is broken (check with `dyno doctor`)"
    )]
    NonePossible,
}

/// Chooses tokens for one sequence.
#[derive(Debug)]
pub struct Sampler {
    settings: Sampling,
    random: Random,
    /// Logits after the repetition penalty.
    penalized: Vec<f32>,
    /// Tokens the filters left.
    candidates: Vec<Candidate>,
    /// Their weights at the draw.
    weights: Vec<f32>,
}

impl Sampler {
    /// A sampler with checked settings.
    ///
    /// # Errors
    /// When a setting lies outside its documented range.
    pub fn new(settings: Sampling) -> Result<Self, SamplingError> {
        settings.validate()?;
        let random = Random::new(settings.seed);
        Ok(Self { settings, random, penalized: Vec::new(), candidates: Vec::new(), weights: Vec::new() })
    }

    /// The next token. `logits` has one entry per token of the vocabulary; `history` is the sequence so far, prompt
    /// included. At temperature 0 it is the likeliest token, the lowest id among equals, and nothing is drawn.
    ///
    /// # Errors
    /// When the logits hold NaN or +∞, or no finite value at all.
    pub fn sample(&mut self, logits: &[f32], history: &[TokenId]) -> Result<TokenId, LogitsError> {
        let mut penalized = std::mem::take(&mut self.penalized);
        let chosen = self.choose(self.penalize(logits, history, &mut penalized));
        self.penalized = penalized;
        chosen
    }

    /// The logits to choose from: the given ones, or a copy with the repetition penalty applied.
    fn penalize<'a>(&self, logits: &'a [f32], history: &[TokenId], scratch: &'a mut Vec<f32>) -> &'a [f32] {
        let penalty = self.settings.repetition_penalty;
        let window = self.settings.repetition_window as usize;
        let recent = &history[history.len().saturating_sub(window)..];
        if penalty == 1.0 || recent.is_empty() {
            return logits;
        }
        scratch.clear();
        scratch.extend_from_slice(logits);
        for token in recent {
            let index = *token as usize;
            // Read from the original, so that a token seen twice is penalized once.
            if let Some(logit) = logits.get(index) {
                scratch[index] = if *logit > 0.0 { logit / penalty } else { logit * penalty };
            }
        }
        scratch
    }

    fn choose(&mut self, logits: &[f32]) -> Result<TokenId, LogitsError> {
        let highest = highest(logits)?;
        if self.settings.temperature == 0.0 {
            return first_at(logits, highest).ok_or(LogitsError::NonePossible);
        }
        self.filter(logits, highest);
        Ok(self.draw(highest))
    }

    /// Leaves in `candidates` what top-k, top-p and min-p keep.
    fn filter(&mut self, logits: &[f32], highest: f32) {
        let Sampling { top_k, top_p, min_p, .. } = self.settings;
        // ln 0 is −∞, which every token reaches.
        let likely_enough = highest + min_p.ln();
        let filters_rank = top_k > 0 && (top_k as usize) < logits.len();
        match (filters_rank, top_p < 1.0) {
            (true, nucleus) => {
                collect_likeliest(logits, top_k as usize, &mut self.candidates);
                if nucleus {
                    let mass: f64 =
                        self.candidates.iter().map(|candidate| weight(candidate.logit, highest)).sum();
                    keep_nucleus(&mut self.candidates, f64::from(top_p) * mass, highest);
                }
            }
            (false, true) => {
                let mass = mass(logits, highest);
                // Tokens below this hold less than 1 − p of the mass together, so the nucleus lies above it (the factor
                // leaves room for rounding).
                let least = 0.999 * (1.0 - f64::from(top_p)) * mass / logits.len() as f64;
                collect_at_least(logits, highest + least.ln() as f32, &mut self.candidates);
                keep_nucleus(&mut self.candidates, f64::from(top_p) * mass, highest);
            }
            (false, false) => collect_at_least(logits, likely_enough, &mut self.candidates),
        }
        self.candidates.retain(|candidate| candidate.logit >= likely_enough);
    }

    /// Draws from the candidates at the temperature: walks along their weights until the drawn share of the sum is
    /// reached, first by runs, then inside one.
    fn draw(&mut self, highest: f32) -> TokenId {
        // Kept finite, so that the likeliest token's 0 stays 0 at temperatures next to nothing.
        let inverse = (1.0 / self.settings.temperature).min(1e30);
        self.weights.clear();
        self.weights
            .extend(self.candidates.iter().map(|candidate| exp((candidate.logit - highest) * inverse)));
        let run_mass = |run: &[f32]| f64::from(run_sum(run, |weight| weight));
        let total: f64 = self.weights.chunks(LANES).map(run_mass).sum();
        let mut left = self.random.unit() * total;
        let mut first = 0;
        for run in self.weights.chunks(LANES) {
            let mass = run_mass(run);
            // The last run takes what rounding leaves over.
            if left < mass || first + run.len() == self.weights.len() {
                break;
            }
            left -= mass;
            first += run.len();
        }
        let last = (first + LANES).min(self.weights.len()) - 1;
        let inside = self.weights[first..last].iter().position(|weight| {
            left -= f64::from(*weight);
            left < 0.0
        });
        self.candidates[inside.map_or(last, |offset| first + offset)].token
    }
}

/// Probability of a logit relative to the likeliest token's.
fn weight(logit: f32, highest: f32) -> f64 {
    f64::from(exp(logit - highest))
}

/// Keeps the smallest set of likeliest candidates whose weights reach `target`; at least one.
///
/// A quickselect that follows the mass instead of a rank: linear in the number of candidates.
fn keep_nucleus(candidates: &mut Vec<Candidate>, target: f64, highest: f32) {
    let mut low = 0;
    let mut high = candidates.len();
    let mut reached = 0.0;
    while high - low > 64 {
        let half = (high - low) / 2;
        candidates[low..high].select_nth_unstable_by(half, Candidate::likelier_first);
        let upper: f64 =
            candidates[low..low + half].iter().map(|candidate| weight(candidate.logit, highest)).sum();
        if reached + upper >= target {
            high = low + half;
        } else {
            reached += upper;
            low += half;
        }
    }
    candidates[low..high].sort_unstable_by(Candidate::likelier_first);
    let mut kept = low;
    while kept < high && (reached < target || kept == 0) {
        reached += weight(candidates[kept].logit, highest);
        kept += 1;
    }
    candidates.truncate(kept.max(1));
}

/// Natural-log probabilities before any filter: of the chosen token, and of the `top` likeliest, best first. What these stand for
/// is not known here.
///
/// # Errors
/// When the logits hold NaN or +∞, or no finite value at all.
pub fn log_probabilities(
    logits: &[f32],
    chosen: TokenId,
    top: u32,
) -> Result<(f32, Vec<TokenLogprob>), LogitsError> {
    let normaliser = LogSoftmax::of(logits)?;
    let logprob = |logit: f32| normaliser.logprob(logit) as f32;
    let mut candidates = Vec::new();
    collect_likeliest(logits, (top as usize).min(logits.len()), &mut candidates);
    candidates.sort_unstable_by(Candidate::likelier_first);
    let top = candidates.iter().map(|candidate| TokenLogprob {
        token: candidate.token,
        piece: TokenPiece::default(),
        logprob: logprob(candidate.logit),
    });
    let own = logits.get(chosen as usize).copied().unwrap_or(f32::NEG_INFINITY);
    Ok((logprob(own), top.collect()))
}

#[cfg(test)]
mod tests;
