//! The generator of random weights: xoshiro256++, whose sequences are fixed for ever, so a seed gives the same bytes on
//! every machine.

use rand_core::{Rng, SeedableRng};
use rand_xoshiro::{SplitMix64, Xoshiro256PlusPlus};

/// One stream of random bits.
#[derive(Debug, Clone)]
pub(super) struct Random(Xoshiro256PlusPlus);

/// FNV-1a, 64 bits.
fn hash(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

impl Random {
    /// The stream of one tensor: independent of every other tensor's and of the order they are made in.
    pub(super) fn for_tensor(name: &str, seed: u64) -> Self {
        let mixed = SplitMix64::seed_from_u64(seed).next_u64() ^ hash(name);
        Self(Xoshiro256PlusPlus::seed_from_u64(mixed))
    }

    /// Fills `bytes` with random bits.
    pub(super) fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill_bytes(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tensors_and_seeds_have_streams_of_their_own() {
        let draw = |name: &str, seed| {
            let mut bytes = [0; 16];
            Random::for_tensor(name, seed).fill(&mut bytes);
            bytes
        };
        assert_eq!(draw("a", 0), draw("a", 0));
        assert_ne!(draw("a", 0), draw("b", 0));
        assert_ne!(draw("a", 0), draw("a", 1));
    }
}
