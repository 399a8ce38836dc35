//! An item being scored.

use dyno_types::{ContinuationScore, TokenId};

use crate::sampling::{LogSoftmax, LogitsError};

/// An item being scored.
#[derive(Debug)]
pub(super) struct Work {
    /// Index of the item.
    pub(super) item: usize,
    /// Sequence of the strand that completes the prefix.
    pub(super) prefix: u32,
    /// Continuations without a strand, the longest last.
    pub(super) waiting: Vec<usize>,
    /// Sequences of the continuations being computed.
    pub(super) open: Vec<u32>,
    /// Scores so far.
    scores: Vec<ContinuationScore>,
}

impl Work {
    pub(super) fn new(item: usize, continuations: &[Vec<TokenId>]) -> Self {
        let empty =
            |tokens: &Vec<_>| ContinuationScore { logprobs: Vec::with_capacity(tokens.len()), greedy: true };
        let mut waiting: Vec<_> =
            (0..continuations.len()).filter(|index| continuations[*index].len() > 1).collect();
        waiting.sort_by_key(|index| continuations[*index].len());
        let scores = continuations.iter().map(empty).collect();
        Self { item, prefix: 0, waiting, open: Vec::new(), scores }
    }

    /// Takes the prediction behind the prefix: the first token of every continuation.
    pub(super) fn take_first(
        &mut self,
        continuations: &[Vec<TokenId>],
        logits: &[f32],
    ) -> Result<(), LogitsError> {
        let row = LogSoftmax::of(logits)?;
        for (score, tokens) in self.scores.iter_mut().zip(continuations) {
            note(score, &row, logits, tokens[0]);
        }
        Ok(())
    }

    /// Takes the prediction of the next token of a continuation.
    pub(super) fn take_next(
        &mut self,
        continuation: usize,
        tokens: &[TokenId],
        logits: &[f32],
    ) -> Result<(), LogitsError> {
        let score = &mut self.scores[continuation];
        note(score, &LogSoftmax::of(logits)?, logits, tokens[score.logprobs.len()]);
        Ok(())
    }

    pub(super) fn into_scores(self) -> Vec<ContinuationScore> {
        self.scores
    }
}

fn note(score: &mut ContinuationScore, row: &LogSoftmax, logits: &[f32], token: TokenId) {
    score.logprobs.push(row.logprob(logits[token as usize]));
    score.greedy = score.greedy && row.is_greedy(logits, token);
}
