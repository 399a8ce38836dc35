//! How the next token is chosen.

use serde::{Deserialize, Serialize};

/// Sampling settings of one generation. Every filter applies in the order of the fields.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sampling {
    /// Divides the logit of a token seen in the last `repetition_window` tokens (multiplies when negative); 1 is off; 1..=2.
    pub repetition_penalty: f32,
    /// How many of the latest tokens the repetition penalty looks at.
    pub repetition_window: u32,
    /// Keeps the k most likely tokens; 0 keeps all.
    pub top_k: u32,
    /// Keeps the smallest set of tokens whose probability sums to p; 1 is off; (0, 1].
    pub top_p: f32,
    /// Keeps tokens at least this fraction as likely as the likeliest; 0 is off; [0, 1).
    pub min_p: f32,
    /// Divides the logits before the draw; 0 is greedy and repeatable; 0..=2.
    pub temperature: f32,
    /// Seed of the draw. The same seed gives the same text from the same model, settings and batch shape.
    pub seed: u64,
}

impl Default for Sampling {
    fn default() -> Self {
        Self {
            repetition_penalty: 1.0,
            repetition_window: 64,
            top_k: 40,
            top_p: 0.9,
            min_p: 0.0,
            temperature: 0.7,
            seed: 0,
        }
    }
}

/// A sampling value outside its range.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{name} is {value}; choose {range}")]
pub struct SamplingError {
    /// Name of the field.
    pub name: &'static str,
    /// The refused value.
    pub value: f64,
    /// Accepted range, as text.
    pub range: &'static str,
}

impl Sampling {
    /// Greedy decoding: always the likeliest token.
    #[must_use]
    pub fn greedy() -> Self {
        Self { temperature: 0.0, ..Self::default() }
    }

    /// Checks each value against its documented range.
    ///
    /// # Errors
    /// Names the first value that lies outside its range (NaN lies outside every range).
    pub fn validate(&self) -> Result<(), SamplingError> {
        let check = |ok: bool, name, value: f32, range| {
            if ok { Ok(()) } else { Err(SamplingError { name, value: f64::from(value), range }) }
        };
        check((0.0..=2.0).contains(&self.temperature), "temperature", self.temperature, "0 to 2")?;
        check(self.top_p > 0.0 && self.top_p <= 1.0, "top_p", self.top_p, "more than 0, up to 1")?;
        check((0.0..1.0).contains(&self.min_p), "min_p", self.min_p, "0 or more, below 1")?;
        check(
            (1.0..=2.0).contains(&self.repetition_penalty),
            "repetition_penalty",
            self.repetition_penalty,
            "1 to 2",
        )
    }
}
