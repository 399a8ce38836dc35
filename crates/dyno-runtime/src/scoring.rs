//! Log-likelihoods of continuations, as many items in every batch as it holds.
//!
//! What is to be computed is a tree of *strands*: the beginning that several items share (worked examples), behind it the
//! rest of each item's prefix, behind that its continuations. Each strand is a sequence of the context and starts as a copy
//! of the one before it. In a pool of cells such a copy costs nothing, so no token is computed twice, and items of any
//! lengths fill each batch together, which is what makes it fast.
//!
//! Only the places whose prediction is asked for want logits: the last of the prefix (which serves the first token of every
//! continuation, so that continuations of one token need no computation of their own) and the continuation but for its
//! last token. No sequence is ever cut back, so models that cannot do it (recurrent ones) are scored the same way.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use dyno_types::{ContinuationScore, EngineSettings, ScoreItem, ScoreRefusal, ScoredItem};

use crate::sampling::LogitsError;
use crate::scheduler::Limits;
use crate::{Backend, BackendError, BatchItem};

mod beginnings;
mod strand;
mod work;

use beginnings::best_beginning;
use strand::{Opening, Role, Strand, Strands};
use work::Work;

/// Most tokens of a batch. Attention passes over the cells of all items in work, so more of them cost more than a larger
/// batch gains.
const BATCH_MAX: u32 = 256;

/// Items ahead that are looked at for a beginning they share.
const LOOK_AHEAD: usize = 64;

/// Most memory for the logits of one batch, bytes.
const LOGITS_BYTES_MAX: usize = 256 << 20;

/// Rows of logits that one batch may ask for.
pub(crate) fn rows_max(vocabulary: u32) -> usize {
    (LOGITS_BYTES_MAX / size_of::<f32>() / (vocabulary.max(1) as usize)).max(1)
}

/// Most tokens of a batch under these settings: one that the backend computes whole.
pub(crate) fn batch_tokens(settings: &EngineSettings) -> u32 {
    settings.batch.min(settings.ubatch).min(BATCH_MAX)
}

/// Cells of a pool for these items: the longest item's, and those of two batches.
pub(crate) fn pool_cells(items: &[ScoreItem], limits: Limits) -> u32 {
    let length = |item: &ScoreItem| {
        item.prefix.len().saturating_add(item.continuations.iter().map(Vec::len).max().unwrap_or(0))
    };
    let longest = items.iter().map(length).max().unwrap_or(0);
    let longest = u32::try_from(longest).unwrap_or(u32::MAX).min(limits.window);
    longest.saturating_add(limits.batch.saturating_mul(2)).min(limits.window.saturating_mul(limits.sequences))
}

type Outcome = Result<Vec<ContinuationScore>, ScoreRefusal>;

/// One strand's part of the current batch.
#[derive(Debug, Clone)]
struct Span {
    sequence: u32,
    items: std::ops::Range<usize>,
}

/// A score request on its way through an otherwise unused pool ([`Backend::open_pool`]), one batch per step.
#[derive(Debug)]
pub struct Scorer {
    limits: Limits,
    /// Cells of the pool.
    cells: u32,
    items: Vec<ScoreItem>,
    /// Items that have not begun, in order.
    queue: VecDeque<usize>,
    /// Items that were in a batch that failed: each is computed alone.
    suspects: BTreeSet<usize>,
    strands: Strands,
    /// Items being computed.
    works: Vec<Work>,
    /// Results that wait for those of items before them.
    done: BTreeMap<usize, Outcome>,
    /// The first item whose result has not been told.
    untold: usize,
    batch: Vec<BatchItem>,
    spans: Vec<Span>,
}

impl Scorer {
    /// A scorer over an empty pool of at least two sequences, whose `cells` hold the longest item; one that is longer is refused.
    #[must_use]
    pub fn new(items: Vec<ScoreItem>, limits: Limits, cells: u32) -> Self {
        Self {
            limits,
            cells,
            queue: (0..items.len()).collect(),
            items,
            suspects: BTreeSet::new(),
            strands: Strands::new(limits.sequences, cells),
            works: Vec::new(),
            done: BTreeMap::new(),
            untold: 0,
            batch: Vec::with_capacity(limits.batch as usize),
            spans: Vec::new(),
        }
    }

    /// Whether every result has been told.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.untold == self.items.len()
    }

    /// Computes one batch, and appends the results that are complete and next in order.
    pub fn step(&mut self, backend: &mut dyn Backend, results: &mut Vec<ScoredItem>) {
        self.admit(backend);
        self.plan(backend);
        if !self.batch.is_empty() {
            self.compute(backend);
        }
        while let Some(outcome) = self.done.remove(&self.untold) {
            results.push(ScoredItem { index: self.untold as u64, outcome });
            self.untold += 1;
        }
    }

    /// Begins items in order while there is room.
    fn admit(&mut self, backend: &mut dyn Backend) {
        while let Some(item) = self.queue.front().copied() {
            if let Some(refusal) = self.items[item].refusal(self.limits.window, self.limits.vocabulary) {
                self.done.insert(item, Err(refusal));
            } else {
                let suspect = |item: &usize| self.suspects.contains(item);
                let alone = suspect(&item) || self.works.iter().any(|work| suspect(&work.item));
                if alone && !self.works.is_empty() {
                    return;
                }
                match self.begin(item, backend) {
                    Some(work) => self.works.push(work),
                    None if !self.works.is_empty() => return,
                    None => {
                        let reason = "there is no room for it in the context".to_owned();
                        self.done.insert(item, Err(ScoreRefusal::Failed { reason }));
                    }
                }
            }
            self.queue.pop_front();
        }
    }

    /// Opens the strands of an item: its prefix and the longest continuation for certain, the others while there is room.
    fn begin(&mut self, item: usize, backend: &mut dyn Backend) -> Option<Work> {
        let mut work = Work::new(item, &self.items[item].continuations);
        let parent = self.find_room(item, &work, backend)?;
        let start = parent.and_then(|parent| self.strands.get(parent)).map_or(0, Strand::end);
        let tokens = self.items[item].prefix[start..].to_vec();
        work.prefix = self.strands.open(Opening { item, role: Role::Prefix, parent, tokens })?;
        while self.open_continuation(&mut work).is_some() {}
        Some(work)
    }

    /// The strand that an item's prefix is to continue, with room for what it needs behind it.
    #[expect(clippy::option_option, reason = "no room at all, or room without a beginning to share")]
    fn find_room(&mut self, item: usize, work: &Work, backend: &mut dyn Backend) -> Option<Option<u32>> {
        let prefix = &self.items[item].prefix;
        let longest = work.waiting.last().map(|index| self.items[item].continuations[*index].len() - 1);
        let own = 1 + usize::from(longest.is_some());
        let behind = |start: usize| prefix.len() - start + longest.unwrap_or(0);
        let known = self.strands.beginning_of(prefix);
        let (parent, shared) = known.map_or((None, 0), |(sequence, length)| (Some(sequence), length));
        let ahead = self.queue.iter().take(LOOK_AHEAD).map(|next| self.items[*next].prefix.as_slice());
        let better = best_beginning(ahead, shared).filter(|_| !self.suspects.contains(&item));
        if better.is_some() || !self.strands.have_room(own, behind(shared)) {
            // Nothing among the next items begins like them.
            self.strands.close_unused(parent, backend);
        }
        if let Some(end) = better
            && self.strands.have_room(own + 1, behind(shared))
        {
            let role = Role::Shared(prefix[..end].to_vec());
            return Some(self.strands.open(Opening {
                item,
                role,
                parent,
                tokens: prefix[shared..end].to_vec(),
            }));
        }
        if self.strands.have_room(own, behind(shared)) {
            return Some(parent);
        }
        if self.works.is_empty() {
            // Even the beginning may be in the way, where several lead to it.
            self.strands.close_unused(None, backend);
            return self.strands.have_room(own, behind(0)).then_some(None);
        }
        None
    }

    /// Opens the longest waiting continuation of an item, if there is one, and room.
    fn open_continuation(&mut self, work: &mut Work) -> Option<()> {
        let index = *work.waiting.last()?;
        let (_last, tokens) = self.items[work.item].continuations[index].split_last()?;
        if !self.strands.have_room(1, tokens.len()) {
            return None;
        }
        let role = Role::Continuation(index);
        let opening = Opening { item: work.item, role, parent: Some(work.prefix), tokens: tokens.to_vec() };
        work.open.push(self.strands.open(opening)?);
        work.waiting.pop();
        Some(())
    }

    /// Fills the batch with what can be computed now.
    fn plan(&mut self, backend: &mut dyn Backend) {
        self.batch.clear();
        self.spans.clear();
        let mut rows = rows_max(self.limits.vocabulary);
        for sequence in self.strands.ready() {
            let start = self.batch.len();
            let room = self.limits.batch as usize - start;
            for item in self.strands.items(sequence).take(room) {
                if item.wants_logits && rows == 0 {
                    break;
                }
                rows -= usize::from(item.wants_logits);
                self.batch.push(item);
            }
            if self.batch.len() > start {
                self.strands.begin(sequence, backend);
                self.spans.push(Span { sequence, items: start..self.batch.len() });
            }
        }
    }

    fn compute(&mut self, backend: &mut dyn Backend) {
        if let Err(error) = backend.decode(&self.batch) {
            self.start_again(&error, backend);
            return;
        }
        // First everything is read, then strands are closed: others may open in their sequences.
        let mut read = Vec::with_capacity(self.spans.len());
        for span in std::mem::take(&mut self.spans) {
            let Some(item) = self.strands.get(span.sequence).map(|strand| strand.item) else { continue };
            let outcome = self.take_rows(&span, backend);
            self.strands.advance(span.sequence, span.items.len());
            read.push((item, span.sequence, outcome));
        }
        for (item, sequence, outcome) in read {
            match outcome {
                Ok(()) => self.settle(sequence, backend),
                Err(error) => self.fail(item, error.to_string(), backend),
            }
        }
    }

    /// Goes on behind a strand, if it is complete.
    fn settle(&mut self, sequence: u32, backend: &mut dyn Backend) {
        let Some(strand) = self.strands.get(sequence).filter(|strand| strand.is_complete()) else { return };
        match strand.role {
            Role::Continuation(_) => self.end_continuation(strand.item, sequence, backend),
            Role::Prefix => self.end_if_done(strand.item, backend),
            Role::Shared(_) => {}
        }
    }

    /// Reads the predictions of a strand's part of the batch.
    fn take_rows(&mut self, span: &Span, backend: &dyn Backend) -> Result<(), LogitsError> {
        let Some(strand) = self.strands.get(span.sequence) else { return Ok(()) };
        let Some(work) = self.works.iter_mut().find(|work| work.item == strand.item) else { return Ok(()) };
        let continuations = &self.items[strand.item].continuations;
        for row in span.items.clone().filter(|row| self.batch[*row].wants_logits) {
            let logits = backend.logits(row);
            match strand.role {
                Role::Continuation(index) => work.take_next(index, &continuations[index], logits)?,
                Role::Prefix => work.take_first(continuations, logits)?,
                Role::Shared(_) => {}
            }
        }
        Ok(())
    }

    /// Closes the strand of a complete continuation; the next one of the item takes its place.
    fn end_continuation(&mut self, item: usize, sequence: u32, backend: &mut dyn Backend) {
        self.strands.close(sequence, backend);
        let Some(at) = self.works.iter().position(|work| work.item == item) else { return };
        let mut work = self.works.swap_remove(at);
        work.open.retain(|open| *open != sequence);
        let _ = self.open_continuation(&mut work);
        let stuck = work.open.is_empty() && !work.waiting.is_empty();
        self.works.push(work);
        if stuck {
            self.fail(item, "the engine could not empty a sequence".to_owned(), backend);
        }
        self.end_if_done(item, backend);
    }

    fn end_if_done(&mut self, item: usize, backend: &mut dyn Backend) {
        let over = |work: &Work| work.item == item && work.open.is_empty() && work.waiting.is_empty();
        if self.works.iter().any(over)
            && let Some(work) = self.end(item, backend)
        {
            self.done.insert(item, Ok(work.into_scores()));
        }
    }

    fn fail(&mut self, item: usize, reason: String, backend: &mut dyn Backend) {
        if self.end(item, backend).is_some() {
            self.done.insert(item, Err(ScoreRefusal::Failed { reason }));
        }
    }

    /// Closes the strands of an item.
    fn end(&mut self, item: usize, backend: &mut dyn Backend) -> Option<Work> {
        let at = self.works.iter().position(|work| work.item == item)?;
        let work = self.works.swap_remove(at);
        for sequence in work.open.iter().chain([&work.prefix]) {
            self.strands.close(*sequence, backend);
        }
        Some(work)
    }

    /// After a failed batch: an item that was alone has failed; several begin anew, each alone.
    fn start_again(&mut self, error: &BackendError, backend: &mut dyn Backend) {
        tracing::warn!(
            "a batch of {} tokens and {} items failed: {error}",
            self.batch.len(),
            self.works.len()
        );
        backend.clear();
        self.strands = Strands::new(self.limits.sequences, self.cells);
        let mut items: Vec<_> = std::mem::take(&mut self.works).into_iter().map(|work| work.item).collect();
        if let [item] = items[..] {
            self.done.insert(item, Err(ScoreRefusal::Failed { reason: error.to_string() }));
            return;
        }
        items.sort_unstable();
        self.suspects.extend(&items);
        items.into_iter().rev().for_each(|item| self.queue.push_front(item));
    }
}

/// Positions lie below the window, which is a `u32`.
fn position(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
