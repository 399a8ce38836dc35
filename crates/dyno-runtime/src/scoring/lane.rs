//! One sequence of the context at work on one item.

use dyno_types::{ContinuationScore, ScoreItem, TokenId};

use super::position;
use crate::sampling::{LogSoftmax, LogitsError};
use crate::{Backend, BatchItem};

/// Length of the longest common beginning.
pub(super) fn common_prefix(a: &[TokenId], b: &[TokenId]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

/// An item being scored, one continuation after another.
#[derive(Debug)]
pub(super) struct Work {
    /// Index of the item.
    pub(super) item: usize,
    prefix: usize,
    continuations: Vec<Vec<TokenId>>,
    /// Scores so far, in the order of the continuations.
    scores: Vec<ContinuationScore>,
    /// The continuation being computed.
    current: usize,
    /// Everything that must be in the context for it: the prefix, and the continuation without its last token.
    path: Vec<TokenId>,
}

impl Work {
    /// Begins with the longest continuation, which goes into one batch with the prefix.
    pub(super) fn new(item: usize, content: ScoreItem) -> Self {
        let ScoreItem { prefix, continuations } = content;
        let empty =
            |tokens: &Vec<_>| ContinuationScore { logprobs: Vec::with_capacity(tokens.len()), greedy: true };
        let scores = continuations.iter().map(empty).collect();
        let longest = (0..continuations.len()).max_by_key(|index| continuations[*index].len()).unwrap_or(0);
        let mut work =
            Self { item, prefix: prefix.len(), continuations, scores, current: longest, path: prefix };
        work.set_path(longest);
        work
    }

    fn set_path(&mut self, current: usize) {
        self.current = current;
        self.path.truncate(self.prefix);
        if let Some((_last, before)) = self.continuations[current].split_last() {
            self.path.extend_from_slice(before);
        }
    }

    pub(super) fn path(&self) -> &[TokenId] {
        &self.path
    }

    /// The first place whose prediction is still unknown.
    fn wanted_from(&self) -> usize {
        self.prefix - 1 + self.scores[self.current].logprobs.len()
    }

    fn is_complete(&self, continuation: usize) -> bool {
        self.scores[continuation].logprobs.len() == self.continuations[continuation].len()
    }

    /// Whether the current continuation is scored.
    pub(super) fn is_path_done(&self) -> bool {
        self.is_complete(self.current)
    }

    /// The next continuation to compute, the longest of those left; false when there is none.
    pub(super) fn next_path(&mut self) -> bool {
        let left = (0..self.continuations.len()).filter(|index| !self.is_complete(*index));
        let Some(next) = left.max_by_key(|index| self.continuations[*index].len()) else { return false };
        self.set_path(next);
        true
    }

    /// Whether another continuation will need the state after the prefix.
    fn returns_to_prefix(&self) -> bool {
        let others = (0..self.continuations.len()).filter(|index| *index != self.current);
        others.into_iter().any(|index| self.continuations[index].len() > 1 && !self.is_complete(index))
    }

    /// Takes the prediction made at a place.
    fn take_row(&mut self, place: usize, logits: &[f32]) -> Result<(), LogitsError> {
        let row = LogSoftmax::of(logits)?;
        let mut note = |continuation: usize, token: TokenId| {
            let score = &mut self.scores[continuation];
            score.logprobs.push(row.logprob(logits[token as usize]));
            score.greedy = score.greedy && row.is_greedy(logits, token);
        };
        if place + 1 == self.prefix {
            for (continuation, tokens) in self.continuations.iter().enumerate() {
                note(continuation, tokens[0]);
            }
        } else {
            note(self.current, self.continuations[self.current][place + 1 - self.prefix]);
        }
        Ok(())
    }

    /// The item's index and its scores.
    pub(super) fn into_scores(self) -> (usize, Vec<ContinuationScore>) {
        (self.item, self.scores)
    }
}

/// A sequence and what it is doing.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) sequence: u32,
    /// The sequence that keeps the state after the prefix, for models that cannot be cut.
    pub(super) keeper: Option<u32>,
    /// What `sequence` holds.
    pub(super) held: Vec<TokenId>,
    /// What `keeper` holds.
    pub(super) kept: Vec<TokenId>,
    pub(super) work: Option<Work>,
    /// Was part of a batch that failed, so it is computed alone until its item is over.
    pub(super) suspect: bool,
}

impl Lane {
    pub(super) fn new(sequence: u32, keeper: Option<u32>) -> Self {
        Self { sequence, keeper, held: Vec::new(), kept: Vec::new(), work: None, suspect: false }
    }

    /// The context was cleared.
    pub(super) fn forget(&mut self) {
        self.held.clear();
        self.kept.clear();
    }

    /// How much of what it holds serves the current path; what is still to be predicted must be computed again.
    pub(super) fn reusable(&self) -> Option<usize> {
        let work = self.work.as_ref()?;
        Some(common_prefix(&self.held, &work.path).min(work.wanted_from()))
    }

    /// Whether the keeper holds a beginning of the current path.
    pub(super) fn keeper_fits(&self) -> bool {
        let fits = |work: &Work| work.path.starts_with(&self.kept) && self.kept.len() <= work.wanted_from();
        self.keeper.is_some() && self.work.as_ref().is_some_and(fits)
    }

    /// Whether the state after the prefix is still to be kept.
    fn must_keep(&self) -> bool {
        let lacks = |work: &Work| {
            work.returns_to_prefix()
                && self.kept != work.path[..work.prefix]
                && self.held.len() <= work.prefix
        };
        self.keeper.is_some() && self.work.as_ref().is_some_and(lacks)
    }

    /// What to copy (from, to) when the prefix is complete and its state is to be kept.
    pub(super) fn keeping(&self) -> Option<(u32, u32)> {
        let at_prefix = self.work.as_ref().is_some_and(|work| self.held.len() == work.prefix);
        let keeper = self.keeper.filter(|_| at_prefix && self.must_keep())?;
        Some((self.sequence, keeper))
    }

    /// Batch items still to compute for the current path; not past a prefix whose state is to be kept.
    pub(super) fn next_items(&self) -> impl Iterator<Item = BatchItem> + '_ {
        let work = self.work.as_ref();
        let end = work.map_or(0, |work| if self.must_keep() { work.prefix } else { work.path.len() });
        let wanted_from = work.map_or(0, Work::wanted_from);
        (self.held.len().min(end)..end).filter_map(move |place| {
            Some(BatchItem {
                token: *work?.path.get(place)?,
                position: position(place),
                sequence: self.sequence,
                wants_logits: place >= wanted_from,
            })
        })
    }

    /// Takes note of computed items, the first of them at `first` in the batch, and reads the predictions.
    pub(super) fn take_rows(
        &mut self,
        items: &[BatchItem],
        first: usize,
        backend: &dyn Backend,
    ) -> Result<(), LogitsError> {
        let Some(work) = &mut self.work else { return Ok(()) };
        for (row, item) in (first..).zip(items) {
            self.held.push(item.token);
            if item.wants_logits {
                work.take_row(item.position as usize, backend.logits(row))?;
            }
        }
        Ok(())
    }
}
