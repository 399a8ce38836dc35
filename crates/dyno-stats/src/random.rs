//! Draws for resampling; the same seed gives the same figures on every machine.

use rand_core::Rng;

/// A uniform index below `bound` (at least 1), by multiply-shift; the bias is under bound / 2^64.
pub(crate) fn below(random: &mut impl Rng, bound: usize) -> usize {
    ((u128::from(random.next_u64()) * bound as u128) >> 64) as usize
}

#[cfg(test)]
mod tests {
    use rand_core::SeedableRng;
    use rand_xoshiro::SplitMix64;

    use super::*;

    #[test]
    fn indices_cover_their_range_evenly() {
        let mut random = SplitMix64::seed_from_u64(7);
        let mut counts = [0_u32; 5];
        for _ in 0..50_000 {
            counts[below(&mut random, 5)] += 1;
        }
        assert!(counts.iter().all(|count| (9_500..10_500).contains(count)), "{counts:?}");
    }
}
