//! Log-likelihoods of continuations, many items at a time.
//!
//! Each *lane* is one sequence of the context and works on one item: it holds the item's prefix, computes one continuation
//! behind it, is cut back to the prefix, computes the next. What the lane still holds of the item before (a few-shot
//! preamble) is kept, and what another lane holds is copied when that saves enough. All lanes share every batch. Only the
//! places whose prediction is asked for want logits: the last of the prefix (which serves the first token of every
//! continuation, so that continuations of one token need no computation of their own) and the continuation but for its
//! last token.
//!
//! Models whose state cannot be cut (recurrent ones) get a second sequence per lane that keeps the state after the prefix;
//! with one sequence only, the prefix is computed again for each continuation.

use std::collections::BTreeMap;

use dyno_types::{ContinuationScore, ScoreItem, ScoreRefusal, ScoredItem, TokenId};

use crate::scheduler::Limits;
use crate::{Backend, BackendError, BatchItem};

mod lane;

use lane::{Lane, Work, common_prefix};

/// Tokens that must be saved before a sequence is copied: a copy moves a whole window.
const COPY_GAIN: usize = 32;

/// Most memory for the logits of one batch, bytes.
const LOGITS_BYTES_MAX: usize = 256 << 20;

/// Rows of logits that one batch may ask for.
pub(crate) fn rows_max(vocabulary: u32) -> usize {
    (LOGITS_BYTES_MAX / size_of::<f32>() / (vocabulary.max(1) as usize)).max(1)
}

type Outcome = Result<Vec<ContinuationScore>, ScoreRefusal>;

/// One lane's part of the current batch.
#[derive(Debug, Clone)]
struct Span {
    lane: usize,
    items: std::ops::Range<usize>,
}

/// A score request on its way through an otherwise unused context, one batch per step.
#[derive(Debug)]
pub struct Scorer {
    limits: Limits,
    items: Vec<ScoreItem>,
    /// The first item that no lane has taken.
    next: usize,
    /// Empty until the first step.
    lanes: Vec<Lane>,
    /// Whether the model's state can be cut back at all.
    can_cut: bool,
    /// Results that wait for those of items before them.
    done: BTreeMap<u64, Outcome>,
    /// The first item whose result has not been told.
    untold: u64,
    batch: Vec<BatchItem>,
    spans: Vec<Span>,
}

impl Scorer {
    /// A scorer over an empty context.
    #[must_use]
    pub fn new(items: Vec<ScoreItem>, limits: Limits) -> Self {
        Self {
            limits,
            items,
            next: 0,
            lanes: Vec::new(),
            can_cut: true,
            done: BTreeMap::new(),
            untold: 0,
            batch: Vec::with_capacity(limits.batch as usize),
            spans: Vec::with_capacity(limits.sequences as usize),
        }
    }

    /// Whether every result has been told.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.untold == self.items.len() as u64
    }

    /// Computes one batch, and appends the results that are complete and next in order.
    pub fn step(&mut self, backend: &mut dyn Backend, results: &mut Vec<ScoredItem>) {
        if self.lanes.is_empty() {
            self.set_out(backend);
        }
        self.admit(backend);
        self.plan();
        if !self.spans.is_empty() {
            self.compute(backend);
        }
        while let Some(outcome) = self.done.remove(&self.untold) {
            results.push(ScoredItem { index: self.untold, outcome });
            self.untold += 1;
        }
    }

    /// Finds out what the model's state allows, and lays out the lanes.
    fn set_out(&mut self, backend: &mut dyn Backend) {
        backend.clear();
        let (cuts, drops) = try_cutting(backend, self.limits.window);
        backend.clear();
        self.can_cut = cuts;
        let sequences = self.limits.sequences;
        let (lanes, keeps) = match (cuts, drops) {
            (true, _) => (sequences, false),
            (false, true) => ((sequences / 2).max(1), sequences > 1),
            // Where no sequence can be dropped alone, lanes would end each other's work.
            (false, false) => (1, false),
        };
        self.lanes = (0..lanes).map(|lane| Lane::new(lane, keeps.then_some(lanes + lane))).collect();
    }

    /// Gives items to idle lanes, in order.
    fn admit(&mut self, backend: &mut dyn Backend) {
        while let Some(item) = self.items.get(self.next) {
            if let Some(refusal) = item.refusal(self.limits.window, self.limits.vocabulary) {
                self.done.insert(self.next as u64, Err(refusal));
                self.next += 1;
                continue;
            }
            let Some((chosen, source)) = self.place(&item.prefix) else { return };
            if let Some(source) = source {
                backend.copy_sequence(self.lanes[source].sequence, self.lanes[chosen].sequence);
                self.lanes[chosen].held = self.lanes[source].held.clone();
            }
            let content = std::mem::take(&mut self.items[self.next]);
            self.lanes[chosen].work = Some(Work::new(self.next, content));
            self.next += 1;
            self.begin_path(chosen, backend);
        }
    }

    /// The idle lane for an item with this prefix, and the lane to copy from first where that pays. `None` when all are
    /// busy, or when one of those will soon have so much of the prefix that waiting for it pays.
    fn place(&self, prefix: &[TokenId]) -> Option<(usize, Option<usize>)> {
        let held = |index: &usize| common_prefix(&self.lanes[*index].held, prefix);
        let coming = |lane: &Lane| lane.work.as_ref().map_or(0, |work| common_prefix(work.path(), prefix));
        // The first of equals: neighbours share batches better.
        let idle = (0..self.lanes.len()).rev().filter(|index| self.lanes[*index].work.is_none());
        let chosen = idle.max_by_key(held)?;
        let source = (0..self.lanes.len()).max_by_key(held)?;
        let source = Some(source).filter(|source| self.can_cut && held(source) >= held(&chosen) + COPY_GAIN);
        let now = held(&source.unwrap_or(chosen));
        let soon = self.lanes.iter().map(coming).max().unwrap_or(0);
        (!self.can_cut || soon < now + COPY_GAIN).then_some((chosen, source))
    }

    /// Makes a lane's sequence a beginning of the path it is to compute now.
    fn begin_path(&mut self, index: usize, backend: &mut dyn Backend) {
        let lane = &mut self.lanes[index];
        let Some(keep) = lane.reusable() else { return };
        if keep == lane.held.len() {
            return;
        }
        if self.can_cut && keep > 0 && backend.trim_sequence(lane.sequence, position(keep)) {
            lane.held.truncate(keep);
            return;
        }
        let restored = lane.keeper_fits();
        self.drop_content(index, backend);
        let lane = &mut self.lanes[index];
        if let (Some(keeper), true) = (lane.keeper, restored && !lane.kept.is_empty()) {
            backend.copy_sequence(keeper, lane.sequence);
            lane.held.clone_from(&lane.kept);
        }
    }

    /// Empties a lane's sequence; where that cannot be done alone, the whole context.
    fn drop_content(&mut self, index: usize, backend: &mut dyn Backend) {
        let lane = &mut self.lanes[index];
        if backend.trim_sequence(lane.sequence, 0) {
            lane.held.clear();
        } else {
            backend.clear();
            self.lanes.iter_mut().for_each(Lane::forget);
        }
    }

    /// Fills the batch in the order of the lanes; only one lane after a failure.
    fn plan(&mut self) {
        self.batch.clear();
        self.spans.clear();
        let mut rows = rows_max(self.limits.vocabulary);
        let suspect = self.lanes.iter().position(|lane| lane.suspect && lane.work.is_some());
        for (index, lane) in self.lanes.iter().enumerate() {
            if suspect.is_some_and(|only| only != index) {
                continue;
            }
            let start = self.batch.len();
            let room = self.limits.batch as usize - start;
            for item in lane.next_items().take(room) {
                if item.wants_logits && rows == 0 {
                    break;
                }
                rows -= usize::from(item.wants_logits);
                self.batch.push(item);
            }
            if self.batch.len() > start {
                self.spans.push(Span { lane: index, items: start..self.batch.len() });
            }
        }
    }

    fn compute(&mut self, backend: &mut dyn Backend) {
        if let Err(error) = backend.decode(&self.batch) {
            self.part(&error, backend);
            return;
        }
        for span in std::mem::take(&mut self.spans) {
            let lane = &mut self.lanes[span.lane];
            let read = lane.take_rows(&self.batch[span.items.clone()], span.items.start, backend);
            if let Err(error) = read {
                self.fail(span.lane, error.to_string());
                self.drop_content(span.lane, backend);
                continue;
            }
            if let Some((from, to)) = lane.keeping() {
                backend.copy_sequence(from, to);
                lane.kept.clone_from(&lane.held);
            }
            self.advance(span.lane, backend);
        }
    }

    /// Goes on to the next continuation where one is complete, and ends the item after the last.
    fn advance(&mut self, index: usize, backend: &mut dyn Backend) {
        let lane = &mut self.lanes[index];
        let Some(work) = &mut lane.work else { return };
        if !work.is_path_done() {
            return;
        }
        if work.next_path() {
            self.begin_path(index, backend);
            return;
        }
        lane.suspect = false;
        if let Some(work) = lane.work.take() {
            let (item, scores) = work.into_scores();
            self.done.insert(item as u64, Ok(scores));
        }
    }

    /// After a failed batch: a lane that was alone loses its item; several begin anew, each alone.
    fn part(&mut self, error: &BackendError, backend: &mut dyn Backend) {
        tracing::warn!(
            "a batch of {} tokens and {} lanes failed: {error}",
            self.batch.len(),
            self.spans.len()
        );
        let spans = std::mem::take(&mut self.spans);
        for span in &spans {
            self.lanes[span.lane].suspect = spans.len() > 1;
            if spans.len() == 1 {
                self.fail(span.lane, error.to_string());
            }
            self.drop_content(span.lane, backend);
        }
    }

    fn fail(&mut self, index: usize, reason: String) {
        let lane = &mut self.lanes[index];
        lane.suspect = false;
        if let Some(work) = lane.work.take() {
            self.done.insert(work.item as u64, Err(ScoreRefusal::Failed { reason }));
        }
    }
}

/// Whether a sequence of this model can be cut back, and dropped without the others, by trying it on two tokens.
fn try_cutting(backend: &mut dyn Backend, window: u32) -> (bool, bool) {
    let token = |position| BatchItem { token: 0, position, sequence: 0, wants_logits: position == 1 };
    // One by one: a batch may be as small as one token.
    if window < 2 || [0, 1].into_iter().any(|position| backend.decode(&[token(position)]).is_err()) {
        // Whatever is wrong shows again with the items.
        return (true, true);
    }
    (backend.trim_sequence(0, 1), backend.trim_sequence(0, 0))
}

/// Positions lie below the window, which is a `u32`.
fn position(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
