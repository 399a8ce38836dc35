//! Asking an engine how likely texts are: log-likelihoods of continuations, perplexity of a text, divergence from a
//! reference, and the quantization that is judged by them.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::TokenId;

/// Most items of one [`ScoreRequest`].
pub const SCORE_ITEMS_MAX: usize = 100_000;

/// Most tokens of one [`ScoreItem`], its prefix and all its continuations together.
pub const SCORE_ITEM_TOKENS_MAX: usize = 4 << 20;

/// Most tokens of one [`ScoreRequest`], over all items.
pub const SCORE_TOKENS_MAX: usize = 32 << 20;

/// Longest text whose perplexity can be asked for, bytes.
pub const PERPLEXITY_TEXT_BYTES_MAX: usize = 32 << 20;

/// Largest file of reference log-probabilities, bytes, where the request states no smaller limit.
pub const REFERENCE_BYTES_MAX: u64 = 16 << 30;

/// The log-probability reported for a token that the model rules out (probability 0): finite, so that sums and records of
/// it are, too.
pub const LOGPROB_MIN: f64 = f32::MIN as f64;

/// Log-likelihoods to compute. Items keep what they share with the item before (a few-shot preamble, say) when they stand
/// next to each other.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ScoreRequest {
    /// Items, at most [`SCORE_ITEMS_MAX`].
    pub items: Vec<ScoreItem>,
}

/// Several ways to go on from one beginning.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ScoreItem {
    /// What stands before every continuation, at least one token (BOS where there is nothing else): submitted as it is,
    /// nothing is put before it.
    pub prefix: Vec<TokenId>,
    /// What may follow; at least one, each of at least one token. Prefix and continuation must fit the window together.
    pub continuations: Vec<Vec<TokenId>>,
}

impl ScoreItem {
    /// Tokens of the prefix and of all continuations.
    #[must_use]
    pub fn tokens(&self) -> usize {
        self.prefix.len() + self.continuations.iter().map(Vec::len).sum::<usize>()
    }

    /// Why this item cannot be scored with such a window and vocabulary; `None` when it can.
    #[must_use]
    pub fn refusal(&self, window: u32, vocabulary: u32) -> Option<ScoreRefusal> {
        let count = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
        if self.prefix.is_empty() {
            return Some(ScoreRefusal::EmptyPrefix);
        }
        let Some(longest) = self.continuations.iter().map(Vec::len).max() else {
            return Some(ScoreRefusal::NoContinuations);
        };
        let first_of = |length: usize| self.continuations.iter().position(|tokens| tokens.len() == length);
        if let Some(empty) = first_of(0) {
            return Some(ScoreRefusal::EmptyContinuation { continuation: count(empty) });
        }
        if self.prefix.len().saturating_add(longest) > window as usize {
            return Some(ScoreRefusal::TooLong {
                prefix_tokens: count(self.prefix.len()),
                continuation: count(first_of(longest).unwrap_or(0)),
                continuation_tokens: count(longest),
                window,
            });
        }
        let mut tokens = self.prefix.iter().chain(self.continuations.iter().flatten());
        let unknown = tokens.find(|token| **token >= vocabulary)?;
        Some(ScoreRefusal::UnknownToken { token: *unknown, vocabulary })
    }
}

/// How likely one continuation is after its prefix.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ContinuationScore {
    /// Natural log-probability of each of its tokens given everything before it; ≤ 0, finite ([`LOGPROB_MIN`] for the
    /// impossible).
    pub logprobs: Vec<f64>,
    /// Whether each of its tokens was the likeliest at its place (the lowest id among equals).
    pub greedy: bool,
}

impl ContinuationScore {
    /// Natural log-probability of the whole continuation.
    #[must_use]
    pub fn logprob(&self) -> f64 {
        self.logprobs.iter().sum()
    }

    /// Tokens of the continuation.
    #[must_use]
    pub fn tokens(&self) -> u32 {
        u32::try_from(self.logprobs.len()).unwrap_or(u32::MAX)
    }
}

/// Why one item has no scores. The other items of its request are not concerned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ScoreRefusal {
    /// The prefix is empty, so the first token of a continuation follows nothing.
    #[error("the prefix is empty; begin it with the model's beginning-of-sequence token")]
    EmptyPrefix,
    /// There is nothing to score.
    #[error("there are no continuations; give at least one")]
    NoContinuations,
    /// A continuation has no tokens.
    #[error("continuation {continuation} is empty; each needs at least one token")]
    EmptyContinuation {
        /// Which, counted from 0.
        continuation: u32,
    },
    /// Prefix and continuation do not fit the window.
    #[error(
        "a prefix of {prefix_tokens} tokens and continuation {continuation} of {continuation_tokens} do not fit the window of \
         {window}; shorten the item or open a larger window"
    )]
    TooLong {
        /// Tokens of the prefix.
        prefix_tokens: u32,
        /// The longest continuation, counted from 0.
        continuation: u32,
        /// Its tokens.
        continuation_tokens: u32,
        /// Window of a sequence, tokens.
        window: u32,
    },
    /// A token id is outside the vocabulary.
    #[error(
        "token {token} is outside the vocabulary of {vocabulary} tokens; tokenize the item with this model"
    )]
    UnknownToken {
        /// The token.
        token: TokenId,
        /// Tokens in the vocabulary.
        vocabulary: u32,
    },
    /// The model or the backend failed at this item.
    #[error("{reason}")]
    Failed {
        /// What happened, as a sentence.
        reason: String,
    },
}

/// What one item gave. Results come in the order of the items, as they are done.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoredItem {
    /// Which item of the request, counted from 0.
    pub index: u64,
    /// A score for each continuation, in their order.
    pub outcome: Result<Vec<ContinuationScore>, ScoreRefusal>,
}

/// The perplexity of a text, defined as `llama-perplexity` defines it: the whole text is tokenized (with BOS where the
/// tokenizer adds one, control tokens not parsed) and cut into chunks of `context` tokens, what is left over is dropped.
/// In each chunk the first token is replaced by BOS where the tokenizer adds one, and the tokens at the places
/// `context/2 + 1 .. context` are scored, each given everything before it in its chunk.
/// `ppl = exp(Σ nll / Σ tokens)`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PerplexityRequest {
    /// The text, at most [`PERPLEXITY_TEXT_BYTES_MAX`]; it must give at least one chunk. (`llama-perplexity` takes one
    /// newline off the end of a file, and asks for two chunks.)
    pub text: String,
    /// Tokens per chunk, at least 4; must fit the window.
    pub context: u32,
    /// Score only so many chunks; 0 scores all.
    pub chunks_max: u32,
    /// Write the distribution at every scored place into this file, as a reference for others; it appears when all
    /// chunks are done, whole, in place of what may be there.
    pub store: Option<PathBuf>,
    /// Largest such file, bytes; 0 is [`REFERENCE_BYTES_MAX`], which is also the most. A larger one is refused before
    /// anything is computed.
    pub store_bytes_max: u64,
    /// Compare each scored place with this reference: a file that `store` wrote for the same text and `context` with a
    /// model of the same vocabulary, and at least as many chunks.
    pub reference: Option<PathBuf>,
}

impl PerplexityRequest {
    /// Chunks to score of a text of so many tokens.
    #[must_use]
    pub fn chunks(&self, tokens: usize) -> u32 {
        let whole = u32::try_from(tokens / (self.context.max(1) as usize)).unwrap_or(u32::MAX);
        if self.chunks_max == 0 { whole } else { whole.min(self.chunks_max) }
    }

    /// Tokens scored in each chunk.
    #[must_use]
    pub fn scored_per_chunk(&self) -> u32 {
        (self.context - self.context / 2).saturating_sub(1)
    }
}

/// What one chunk of a text gave.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ChunkScore {
    /// Which chunk, counted from 0.
    pub index: u32,
    /// Chunks in all, so that progress can be told.
    pub chunks: u32,
    /// Tokens scored: `context − 1 − context/2`.
    pub tokens: u32,
    /// Sum of their negative log-likelihoods, nats.
    pub nll: f64,
    /// Sum of the squares of those, for a standard error over tokens.
    pub nll_squared: f64,
    /// Difference from the reference, where one was given.
    pub divergence: Option<ChunkDivergence>,
}

/// How far the predictions in one chunk lie from the reference's.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ChunkDivergence {
    /// Kullback-Leibler divergence of this model from the reference, D(reference ‖ this), at each scored place, nats, ≥ 0.
    /// Exact to about 1e-6, the rounding of single precision; the tokens that the reference holds for less than e^−24 as
    /// likely as its likeliest count as one.
    pub kld: Vec<f32>,
    /// Places where both like the same token best.
    pub top1_agreements: u32,
    /// Sum of the reference's own negative log-likelihoods, nats.
    pub reference_nll: f64,
}

impl ChunkDivergence {
    /// Sum of the divergences, nats.
    #[must_use]
    pub fn kld_sum(&self) -> f64 {
        self.kld.iter().map(|kld| f64::from(*kld)).sum()
    }
}

/// A model file to be written with other tensor types.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct QuantizeRequest {
    /// The model; must have passed the bounded header reader.
    pub source: PathBuf,
    /// The file to make. It must not exist; it appears whole or not at all.
    pub target: PathBuf,
    /// The mixture by its usual name, e.g. `q4_k_m`.
    pub type_name: String,
    /// Threads; 0 takes one per processor.
    pub threads: u32,
    /// Importance matrix (as llama.cpp's `imatrix` tool writes it), which some small types need.
    pub imatrix: Option<PathBuf>,
    /// All matrices in the one type, without the mixture's exceptions.
    pub pure_type: bool,
    /// Accept a source that is quantized already; its losses stay.
    pub allow_requantize: bool,
}

/// What a quantization gave.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct QuantizeReport {
    /// Size of the source file, bytes.
    pub source_bytes: u64,
    /// Size of the new file, bytes.
    pub target_bytes: u64,
    /// Time it took in the engine, ms.
    pub quantize_ms: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(prefix: usize, continuations: &[usize]) -> ScoreItem {
        let continuations = continuations.iter().map(|length| vec![2; *length]).collect();
        ScoreItem { prefix: vec![1; prefix], continuations }
    }

    #[test]
    fn an_item_that_cannot_be_scored_says_which_part_is_at_fault() {
        assert_eq!(item(3, &[2, 7, 7]).refusal(10, 3), None);
        assert_eq!(item(0, &[1]).refusal(10, 3), Some(ScoreRefusal::EmptyPrefix));
        assert_eq!(item(1, &[]).refusal(10, 3), Some(ScoreRefusal::NoContinuations));
        let empty = ScoreRefusal::EmptyContinuation { continuation: 1 };
        assert_eq!(item(1, &[1, 0]).refusal(10, 3), Some(empty));
        let unknown = ScoreRefusal::UnknownToken { token: 2, vocabulary: 2 };
        assert_eq!(item(1, &[1]).refusal(10, 2), Some(unknown));
        let too_long = item(3, &[2, 8, 8]).refusal(10, 3).unwrap();
        let told =
            ScoreRefusal::TooLong { prefix_tokens: 3, continuation: 1, continuation_tokens: 8, window: 10 };
        assert_eq!(too_long, told);
        assert!(too_long.to_string().contains("a prefix of 3 tokens and continuation 1 of 8"), "{too_long}");
    }

    #[test]
    fn the_second_half_of_each_whole_chunk_is_scored() {
        let request = |context, chunks_max| PerplexityRequest { context, chunks_max, ..Default::default() };
        assert_eq!(request(512, 0).scored_per_chunk(), 255);
        assert_eq!(request(5, 0).scored_per_chunk(), 2);
        assert_eq!(request(0, 0).scored_per_chunk(), 0);
        assert_eq!((request(512, 0).chunks(1535), request(512, 1).chunks(1535)), (2, 1));
    }
}
