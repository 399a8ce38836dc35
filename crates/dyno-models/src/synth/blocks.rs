//! Random blocks of every quantized type, valid as they are: quants are random bits, scales are chosen so that the
//! weights have mean zero and a wanted standard deviation. No float tensor ever exists.
//!
//! Layouts follow ggml's `block_*` structures. A quant drawn uniformly from n neighbouring integers has the standard
//! deviation sqrt((n² − 1) / 12); types without a minimum get scales of random sign, which removes the bias of
//! asymmetric ranges such as −8..=7.

use half::{bf16, f16};

use crate::gguf::TensorType;

/// Different block scales per tensor; they vary by a quarter around their mean, as in trained models.
const SCALES: usize = 16;
/// Different values of an unquantized weight.
const VALUES: usize = 4096;
/// Root mean square of a 6-bit scale drawn from 32..=63.
const UPPER_HALF_RMS: f64 = 48.38;
/// Root mean square of a 6-bit scale drawn from −32..=31.
const SIGNED_SIX_BITS_RMS: f64 = 18.48;
/// Root mean square of a 4-bit scale drawn from 8..=15.
const UPPER_NIBBLE_RMS: f64 = 11.72;

/// How random bytes become weights of one tensor.
#[derive(Debug)]
pub(super) struct BlockMaker {
    kind: TensorType,
    /// Block scales as f16 bits, little-endian.
    scales: [[u8; 2]; SCALES],
    /// Block minima or factors of minima, likewise.
    minima: [[u8; 2]; SCALES],
    /// Values of unquantized weights, in the type's own encoding.
    values: Vec<[u8; 4]>,
}

/// For each type: quant range n, root mean square of the scale within a block, and minimum per scale.
fn recipe(kind: TensorType) -> Option<(f64, f64, f64)> {
    Some(match kind {
        TensorType::Q4_0 => (16.0, 1.0, 0.0),
        TensorType::Q4_1 => (16.0, 1.0, -7.5),
        TensorType::Q5_0 => (32.0, 1.0, 0.0),
        TensorType::Q5_1 => (32.0, 1.0, -15.5),
        TensorType::Q8_0 => (255.0, 1.0, 0.0),
        TensorType::Q2_K => (4.0, UPPER_NIBBLE_RMS, 1.5),
        TensorType::Q3_K => (8.0, SIGNED_SIX_BITS_RMS, 0.0),
        TensorType::Q4_K => (16.0, UPPER_HALF_RMS, 7.5),
        TensorType::Q5_K => (32.0, UPPER_HALF_RMS, 15.5),
        TensorType::Q6_K => (64.0, UPPER_HALF_RMS, 0.0),
        _ => return None,
    })
}

impl BlockMaker {
    /// A maker of weights with standard deviation `deviation`. `None` for types that it cannot make.
    pub(super) fn new(kind: TensorType, deviation: f64) -> Option<Self> {
        let mut maker = Self { kind, scales: [[0; 2]; SCALES], minima: [[0; 2]; SCALES], values: Vec::new() };
        if let Some((range, inner_rms, minimum)) = recipe(kind) {
            let unit = deviation / (((range * range - 1.0) / 12.0).sqrt() * inner_rms);
            for index in 0..SCALES {
                let scale = unit * (0.75 + 0.5 * index as f64 / (SCALES - 1) as f64);
                maker.scales[index] = f16::from_f64(scale).to_le_bytes();
                maker.minima[index] = f16::from_f64(scale * minimum).to_le_bytes();
            }
            return Some(maker);
        }
        let encode: fn(f32) -> [u8; 4] = match kind {
            TensorType::F32 => f32::to_le_bytes,
            TensorType::F16 => |value| widen(f16::from_f32(value).to_le_bytes()),
            TensorType::BF16 => |value| widen(bf16::from_f32(value).to_le_bytes()),
            _ => return None,
        };
        // Uniform over ±sqrt(3)·deviation, which has the wanted standard deviation.
        let value = |index: usize| 3f64.sqrt() * deviation * ((2 * index + 1) as f64 / VALUES as f64 - 1.0);
        maker.values = (0..VALUES).map(|index| encode(value(index) as f32)).collect();
        Some(maker)
    }

    /// Turns random bytes (whole blocks) into blocks, in place.
    pub(super) fn make(&self, bytes: &mut [u8]) {
        let blocks = bytes.chunks_exact_mut(self.kind.block_bytes() as usize);
        match self.kind {
            TensorType::F32 => {
                blocks.for_each(|weight| weight.copy_from_slice(&self.value(weight[0], weight[1])));
            }
            TensorType::F16 | TensorType::BF16 => {
                bytes.as_chunks_mut().0.iter_mut().for_each(|weight: &mut [u8; 2]| {
                    let [low, high, ..] = self.value(weight[0], weight[1]);
                    *weight = [low, high];
                })
            }
            TensorType::Q4_0 | TensorType::Q5_0 => blocks.for_each(|block| self.signed_scale(block, 0)),
            TensorType::Q8_0 => blocks.for_each(|block| {
                self.signed_scale(block, 0);
                // Quantizers never produce −128, and some kernels negate quants.
                block[2..].iter_mut().for_each(|quant| *quant |= u8::from(*quant == 0x80));
            }),
            TensorType::Q4_1 | TensorType::Q5_1 => blocks.for_each(|block| self.scale_and_minimum(block, 0)),
            TensorType::Q2_K => blocks.for_each(|block| {
                block[..16].iter_mut().for_each(|scale| *scale = (8 | (*scale & 7)) * 0x11);
                self.scale_and_minimum(block, 80);
            }),
            TensorType::Q3_K => blocks.for_each(|block| self.signed_scale(block, 108)),
            TensorType::Q4_K | TensorType::Q5_K => blocks.for_each(|block| {
                six_bit_scales(&mut block[4..16]);
                self.scale_and_minimum(block, 0);
            }),
            TensorType::Q6_K => blocks.for_each(|block| {
                block[192..208].iter_mut().for_each(|scale| *scale = signed_upper_half(*scale));
                self.signed_scale(block, 208);
            }),
            // `new` refuses every other type.
            _ => {}
        }
    }

    fn value(&self, low: u8, high: u8) -> [u8; 4] {
        self.values[usize::from(u16::from_le_bytes([low, high])) % VALUES]
    }

    /// Replaces two random bytes by a scale of random size and sign.
    fn signed_scale(&self, block: &mut [u8], at: usize) {
        let [low, high] = self.scales[usize::from(block[at]) % SCALES];
        block[at] = low;
        block[at + 1] = high | (block[at + 1] & 0x80);
    }

    /// Replaces four random bytes by a scale and the minimum that belongs to it.
    fn scale_and_minimum(&self, block: &mut [u8], at: usize) {
        let index = usize::from(block[at]) % SCALES;
        block[at..at + 2].copy_from_slice(&self.scales[index]);
        block[at + 2..at + 4].copy_from_slice(&self.minima[index]);
    }
}

fn widen([low, high]: [u8; 2]) -> [u8; 4] {
    [low, high, 0, 0]
}

/// 32..=63 of either sign, from a random byte.
fn signed_upper_half(random: u8) -> u8 {
    let magnitude = 32 | (random & 31);
    if random & 0x80 == 0 { magnitude } else { magnitude.wrapping_neg() }
}

/// Packs eight 6-bit scales from 32..=63 and equal minima the way `get_scale_min_k4` unpacks them.
fn six_bit_scales(packed: &mut [u8]) {
    for index in 0..4 {
        let (low, high) = (32 | (packed[index] & 31), 32 | (packed[index + 4] & 31));
        packed[index] = low | ((high >> 4) << 6);
        packed[index + 4] = packed[index];
        packed[index + 8] = (high & 15) * 0x11;
    }
}

#[cfg(test)]
#[path = "blocks_tests.rs"]
mod tests;
