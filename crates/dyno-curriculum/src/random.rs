//! Draws: xoshiro256++, whose sequences are fixed for ever, so a seed gives the same lessons on every machine.

use rand_core::{Rng, SeedableRng};
use rand_xoshiro::{SplitMix64, Xoshiro256PlusPlus};

/// One stream of draws.
#[derive(Debug, Clone)]
pub(crate) struct Draws(Xoshiro256PlusPlus);

/// FNV-1a with a final mixing, 64 bits: stable for ever, since it decides what is held out.
pub(crate) fn stable_hash(text: &str) -> u64 {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    SplitMix64::seed_from_u64(hash).next_u64()
}

impl Draws {
    /// The stream numbered `index` of `seed`: independent of every other, so a longer run begins like a shorter one.
    pub(crate) fn new(seed: u64, index: u64) -> Self {
        let mixed = SplitMix64::seed_from_u64(seed).next_u64() ^ index.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Self(Xoshiro256PlusPlus::seed_from_u64(mixed))
    }

    /// A uniform index below `bound` (at least 1), by multiply-shift; the bias is under bound / 2^64.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.0.next_u64()) * bound as u128) >> 64) as usize
    }

    /// A uniform whole number from `low` to `high`, both included.
    pub(crate) fn number(&mut self, low: i64, high: i64) -> i64 {
        low + self.below((high - low + 1) as usize) as i64
    }

    /// True with the probability given, 0..=1.
    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        ((self.0.next_u64() >> 11) as f64) < probability * (1_u64 << 53) as f64
    }

    /// A place by weight; `bounds` are the sums of the weights up to and with each place.
    pub(crate) fn weighted(&mut self, bounds: &[f64]) -> usize {
        let total = bounds.last().copied().unwrap_or_default();
        let at = self.below(1 << 40) as f64 / (1_u64 << 40) as f64 * total;
        bounds.partition_point(|bound| *bound <= at)
    }

    /// One of them.
    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    /// One of the texts.
    pub(crate) fn text(&mut self, from: &[&'static str]) -> &'static str {
        from[self.below(from.len())]
    }

    /// `count` of them, all different by place, in random order.
    pub(crate) fn pick_several<T: Copy>(&mut self, from: &[T], count: usize) -> Vec<T> {
        let mut pool = from.to_vec();
        let count = count.min(pool.len());
        for place in 0..count {
            let other = place + self.below(pool.len() - place);
            pool.swap(place, other);
        }
        pool.truncate(count);
        pool
    }

    /// `count` different whole numbers from `low` to `high`, both included; the range must hold enough of them.
    pub(crate) fn different_numbers(&mut self, count: usize, low: i64, high: i64) -> Vec<i64> {
        let mut found = Vec::with_capacity(count);
        while found.len() < count {
            let number = self.number(low, high);
            if !found.contains(&number) {
                found.push(number);
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_cover_their_range_evenly_and_streams_differ() {
        let mut draws = Draws::new(7, 0);
        let mut counts = [0_u32; 5];
        for _ in 0..50_000 {
            counts[draws.below(5)] += 1;
        }
        assert!(counts.iter().all(|count| (9_500..10_500).contains(count)), "{counts:?}");
        let first = |seed, index| Draws::new(seed, index).below(1 << 40);
        assert_eq!(first(1, 2), first(1, 2));
        assert_ne!(first(1, 2), first(1, 3));
        assert_ne!(first(1, 2), first(2, 2));
    }

    #[test]
    fn several_are_different() {
        let mut draws = Draws::new(1, 1);
        for _ in 0..100 {
            let mut numbers = draws.different_numbers(5, 1, 6);
            numbers.sort_unstable();
            numbers.dedup();
            assert_eq!(numbers.len(), 5);
            let mut picked = draws.pick_several(&[1, 2, 3, 4], 3);
            picked.sort_unstable();
            picked.dedup();
            assert_eq!(picked.len(), 3);
        }
    }

    #[test]
    fn the_hash_that_decides_what_is_held_out_never_changes() {
        assert_eq!(stable_hash("addition/12+7"), HASH_OF_EXAMPLE);
    }

    /// A different value here means other questions are held out than those the committed models never saw.
    const HASH_OF_EXAMPLE: u64 = 0x650d_11eb_3c2c_7445;
}
