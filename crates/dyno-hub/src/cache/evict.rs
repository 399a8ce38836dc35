//! Which model goes next: pure.

/// A model as eviction sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Candidate {
    /// Size, bytes.
    pub(crate) bytes: u64,
    /// Last use, nanoseconds since 1970.
    pub(crate) last_used_unix_ns: u64,
    /// Pinned, in use, or just fetched: stays whatever happens.
    pub(crate) stays: bool,
}

/// The model to evict so that the sum comes down to `max_bytes`: of those that may go, the one used longest ago (of equals, the
/// first), whatever its size and kind. Synthetic models have no special place, although they can be made again: making one takes
/// minutes, and a strict order is one that people can foresee. `None` when nothing must or nothing may go.
pub(crate) fn next_victim(candidates: &[Candidate], max_bytes: u64) -> Option<usize> {
    let sum = candidates.iter().fold(0u64, |sum, candidate| sum.saturating_add(candidate.bytes));
    let may_go = candidates.iter().enumerate().filter(|(_, candidate)| !candidate.stays);
    let oldest = may_go.min_by_key(|(_, candidate)| candidate.last_used_unix_ns);
    oldest.filter(|_| sum > max_bytes).map(|(index, _)| index)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Evicts to the end; gives what went, in order, and what is left.
    fn evict(mut all: Vec<Candidate>, max_bytes: u64) -> (Vec<Candidate>, Vec<Candidate>) {
        let mut gone = Vec::new();
        while let Some(victim) = next_victim(&all, max_bytes) {
            gone.push(all.remove(victim));
        }
        (gone, all)
    }

    fn sum(all: &[Candidate]) -> u64 {
        all.iter().map(|candidate| candidate.bytes).sum()
    }

    #[test]
    fn the_oldest_goes_first_also_when_a_larger_one_would_do() {
        let model = |bytes, last_used_unix_ns, stays| Candidate { bytes, last_used_unix_ns, stays };
        let all = vec![model(10, 3, false), model(1, 1, false), model(100, 2, false), model(5, 0, true)];
        let (gone, left) = evict(all.clone(), 50);
        assert_eq!(gone, [all[1], all[2]]);
        assert_eq!(left, [all[0], all[3]]);
        assert_eq!(evict(all.clone(), 116).0, [], "exactly full is not too full");
        assert_eq!(evict(all, 0).1, [model(5, 0, true)]);
    }

    proptest! {
        #[test]
        fn strict_order_nothing_that_stays_and_no_more_than_needed(
            rows in prop::collection::vec((0u64..1000, 0u64..50, any::<bool>()), 0..12),
            max_bytes in 0u64..6000,
        ) {
            let candidate = |(bytes, last_used_unix_ns, stays)| Candidate { bytes, last_used_unix_ns, stays };
            let all: Vec<Candidate> = rows.into_iter().map(candidate).collect();
            let (gone, left) = evict(all.clone(), max_bytes);
            prop_assert!(gone.iter().all(|candidate| !candidate.stays));
            prop_assert!(gone.is_sorted_by_key(|candidate| candidate.last_used_unix_ns));
            // Whatever could have gone instead was used at least as late as everything that went.
            let newest_gone = gone.last().map_or(0, |candidate| candidate.last_used_unix_ns);
            prop_assert!(left.iter().filter(|candidate| !candidate.stays)
                .all(|candidate| candidate.last_used_unix_ns >= newest_gone));
            prop_assert!(sum(&left) <= max_bytes || left.iter().all(|candidate| candidate.stays));
            // The last to go was needed.
            if let Some(last) = gone.last() {
                prop_assert!(sum(&left) + last.bytes > max_bytes);
            }
            prop_assert_eq!(gone.len() + left.len(), all.len());
        }
    }
}
