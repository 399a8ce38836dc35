//! What turns the logits of one place into log-probabilities: found once per place, used for every token asked for.

use dyno_types::{LOGPROB_MIN, TokenId};

use super::LogitsError;
use super::exponential::mass;
use super::likeliest::{first_at, highest};

/// The normaliser of one row of logits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LogSoftmax {
    /// Highest logit.
    pub highest: f32,
    /// ln Σ exp(logit − highest), accumulated in double precision.
    pub log_mass: f64,
}

impl LogSoftmax {
    /// Finds the normaliser in two passes over the row.
    ///
    /// # Errors
    /// When the logits hold NaN or +∞, or no finite value at all.
    pub fn of(logits: &[f32]) -> Result<Self, LogitsError> {
        let highest = highest(logits)?;
        Ok(Self { highest, log_mass: mass(logits, highest).ln() })
    }

    /// ln p of a token with this logit: at most 0, and finite ([`LOGPROB_MIN`] for probability 0).
    #[must_use]
    pub fn logprob(self, logit: f32) -> f64 {
        // Two steps, so that large logits keep their low digits.
        ((f64::from(logit) - f64::from(self.highest)) - self.log_mass).clamp(LOGPROB_MIN, 0.0)
    }

    /// Whether the token is the one a greedy choice takes: the likeliest, the lowest id among equals.
    #[must_use]
    pub fn is_greedy(self, logits: &[f32], token: TokenId) -> bool {
        logits[token as usize] == self.highest && self.likeliest(logits) == Some(token)
    }

    /// The likeliest token, the lowest id among equals; the logits must be those this was made of.
    #[must_use]
    pub fn likeliest(self, logits: &[f32]) -> Option<TokenId> {
        first_at(logits, self.highest)
    }
}
