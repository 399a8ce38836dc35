//! What depends on the seed alone: which items are asked, and the seed of each item's answer. Both follow from the item's id,
//! so that neither order nor batching matters.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

/// The seed of an item's answer.
pub(crate) fn item_seed(seed: u64, id: &str) -> u64 {
    rank(seed, "answer", id)
}

/// A number that depends on the seed, on what it is for, and on the id, and on nothing else.
fn rank(seed: u64, purpose: &str, id: &str) -> u64 {
    let digest = Sha256::new()
        .chain_update(seed.to_le_bytes())
        .chain_update(purpose.as_bytes())
        .chain_update([0])
        .chain_update(id.as_bytes())
        .finalize();
    let first: [u8; 8] = std::array::from_fn(|index| digest[index]);
    u64::from_le_bytes(first)
}

/// Indices of at most `limit` items, in their order: each task gets its share (the largest remainders are rounded up, the
/// earlier task first), and within a task the seed decides. `items` are pairs of id and task.
pub(crate) fn subset(items: &[(&str, &str)], limit: u64, seed: u64) -> Vec<usize> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    if limit >= items.len() {
        return (0..items.len()).collect();
    }
    let mut chosen: Vec<usize> = Vec::new();
    for (members, share) in shares(items, limit) {
        let mut ranked = members;
        ranked.sort_by_cached_key(|index| (rank(seed, "subset", items[*index].0), *index));
        chosen.extend(ranked.into_iter().take(share));
    }
    chosen.sort_unstable();
    chosen
}

/// The members of each task, in the order of first occurrence, with how many of them are taken.
fn shares(items: &[(&str, &str)], limit: usize) -> Vec<(Vec<usize>, usize)> {
    let mut order: Vec<&str> = Vec::new();
    let mut tasks: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, (_, task)) in items.iter().enumerate() {
        let members = tasks.entry(task).or_default();
        if members.is_empty() {
            order.push(task);
        }
        members.push(index);
    }
    let members: Vec<Vec<usize>> = order.iter().filter_map(|task| tasks.remove(task)).collect();
    let exact = |count: usize| (count * limit / items.len(), count * limit % items.len());
    let mut counts: Vec<usize> = members.iter().map(|members| exact(members.len()).0).collect();
    let mut by_remainder: Vec<usize> = (0..members.len()).collect();
    by_remainder.sort_by_key(|task| (std::cmp::Reverse(exact(members[*task].len()).1), *task));
    let left = limit - counts.iter().sum::<usize>();
    for task in by_remainder.into_iter().take(left) {
        counts[task] += 1;
    }
    members.into_iter().zip(counts).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(tasks: &[(&'static str, usize)]) -> Vec<(String, &'static str)> {
        let ids =
            tasks.iter().flat_map(|(task, count)| (0..*count).map(move |n| (format!("{task}{n}"), *task)));
        ids.collect()
    }

    fn pick(items: &[(String, &'static str)], limit: u64, seed: u64) -> Vec<usize> {
        let pairs: Vec<(&str, &str)> = items.iter().map(|(id, task)| (id.as_str(), *task)).collect();
        subset(&pairs, limit, seed)
    }

    #[test]
    fn every_task_gets_its_share_to_the_item() {
        let items = items(&[("a", 50), ("b", 30), ("c", 20)]);
        for (limit, expected) in [(10, [5, 3, 2]), (7, [4, 2, 1]), (1, [1, 0, 0]), (99, [49, 30, 20])] {
            let picked = pick(&items, limit, 1);
            let count = |task| picked.iter().filter(|index| items[**index].1 == task).count();
            assert_eq!([count("a"), count("b"), count("c")], expected, "{limit}");
            assert!(picked.is_sorted());
        }
        assert_eq!(pick(&items, 100, 1), (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn the_seed_decides_and_other_items_do_not() {
        let all = items(&[("a", 100)]);
        assert_eq!(pick(&all, 10, 7), pick(&all, 10, 7));
        assert_ne!(pick(&all, 10, 7), pick(&all, 10, 8));
        let small: Vec<_> = pick(&all, 10, 7);
        // A larger draw contains the smaller one, so that raising --limit keeps what was answered.
        let large = pick(&all, 20, 7);
        assert!(small.iter().all(|index| large.contains(index)));
    }

    #[test]
    fn seeds_of_items_differ_by_item_and_by_seed() {
        assert_ne!(item_seed(0, "a"), item_seed(0, "b"));
        assert_ne!(item_seed(0, "a"), item_seed(1, "a"));
        assert_ne!(item_seed(0, "a"), rank(0, "subset", "a"));
    }
}
