//! One-pass searches over a vocabulary of logits.

use super::{LogitsError, Ordering, TokenId};

/// Logits looked at together; wide enough that the compiler uses vector instructions.
pub(super) const LANES: usize = 64;

/// A token that may still be chosen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Candidate {
    pub(super) logit: f32,
    pub(super) token: TokenId,
}

impl Candidate {
    /// Likelier first; the lower id first among equals. Total, as logits are checked to be comparable.
    pub(super) fn likelier_first(a: &Self, b: &Self) -> Ordering {
        b.logit.total_cmp(&a.logit).then(a.token.cmp(&b.token))
    }
}

/// The highest logit.
///
/// # Errors
/// When there is NaN or +∞, or nothing finite.
pub(super) fn highest(logits: &[f32]) -> Result<f32, LogitsError> {
    let mut comparable = true;
    let mut highest = f32::NEG_INFINITY;
    for run in logits.chunks(LANES) {
        comparable &= run.iter().fold(true, |fine, logit| fine & (*logit < f32::INFINITY));
        highest = run_highest(run, highest);
    }
    match (comparable, highest > f32::NEG_INFINITY) {
        (false, _) => Err(LogitsError::NotFinite),
        (true, false) => Err(LogitsError::NonePossible),
        (true, true) => Ok(highest),
    }
}

/// The lowest token with this logit, the highest of all.
pub(super) fn first_at(logits: &[f32], highest: f32) -> Option<TokenId> {
    let run_index = logits.chunks(LANES).position(|run| run_highest(run, f32::NEG_INFINITY) >= highest)?;
    let first = run_index * LANES;
    let offset = logits[first..].iter().position(|logit| *logit == highest)?;
    Some((first + offset) as TokenId)
}

/// The larger of `floor` and the highest logit of a short run; kept in eight lanes so that it compiles to vectors.
fn run_highest(run: &[f32], floor: f32) -> f32 {
    let mut lanes = [floor; 8];
    let (groups, rest) = run.as_chunks::<8>();
    for group in groups {
        for (lane, logit) in lanes.iter_mut().zip(group) {
            *lane = if *logit > *lane { *logit } else { *lane };
        }
    }
    lanes.iter().chain(rest).fold(floor, |most, value| if *value > most { *value } else { most })
}

/// Fills `candidates` with the `k` likeliest tokens, in no particular order. −∞ is never among them.
///
/// One pass: a buffer fills with whatever beats the threshold; when it is full, a selection keeps k and raises it.
pub(super) fn collect_likeliest(logits: &[f32], k: usize, candidates: &mut Vec<Candidate>) {
    candidates.clear();
    if k == 0 {
        return;
    }
    let capacity = k.saturating_mul(2).max(k.saturating_add(256));
    let mut threshold = f32::NEG_INFINITY;
    for (run_index, run) in logits.chunks(LANES).enumerate() {
        // Equal to the threshold loses too: the k that are kept have lower ids.
        if run_highest(run, f32::NEG_INFINITY) <= threshold {
            continue;
        }
        let first = run_index * LANES;
        let beating = run.iter().enumerate().filter(|(_, logit)| **logit > threshold);
        candidates.extend(
            beating.map(|(offset, logit)| Candidate { logit: *logit, token: (first + offset) as TokenId }),
        );
        if candidates.len() >= capacity {
            threshold = keep(candidates, k);
        }
    }
    if candidates.len() > k {
        keep(candidates, k);
    }
}

/// Keeps the k likeliest; returns the logit of the last of them.
fn keep(candidates: &mut Vec<Candidate>, k: usize) -> f32 {
    let (_, last, _) = candidates.select_nth_unstable_by(k - 1, Candidate::likelier_first);
    let threshold = last.logit;
    candidates.truncate(k);
    threshold
}

/// Fills `candidates` with every token whose logit reaches the threshold, in order of ids. −∞ is never among them.
pub(super) fn collect_at_least(logits: &[f32], threshold: f32, candidates: &mut Vec<Candidate>) {
    candidates.clear();
    let floor = threshold.max(f32::MIN);
    for (run_index, run) in logits.chunks(LANES).enumerate() {
        if run_highest(run, f32::NEG_INFINITY) < floor {
            continue;
        }
        let first = run_index * LANES;
        let reaching = run.iter().enumerate().filter(|(_, logit)| **logit >= floor);
        candidates.extend(
            reaching.map(|(offset, logit)| Candidate { logit: *logit, token: (first + offset) as TokenId }),
        );
    }
}
