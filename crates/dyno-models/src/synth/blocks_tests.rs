//! Random quantized blocks decode to finite, well-scaled values.

use half::{bf16, f16};

use super::super::random::Random;
use super::*;

/// Reads blocks back as ggml's `dequantize_row_*` reads them.
fn dequantize(kind: TensorType, bytes: &[u8]) -> Vec<f64> {
    bytes.chunks_exact(kind.block_bytes() as usize).flat_map(|block| dequantize_block(kind, block)).collect()
}

fn half(block: &[u8], at: usize) -> f64 {
    f16::from_le_bytes([block[at], block[at + 1]]).to_f64()
}

fn low_then_high(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().map(|byte| byte & 15).chain(bytes.iter().map(|byte| byte >> 4)).collect()
}

fn fifth_bits(bytes: &[u8]) -> Vec<u8> {
    (0..32).map(|index| (bytes[index / 8] >> (index % 8) & 1) << 4).collect()
}

fn dequantize_block(kind: TensorType, block: &[u8]) -> Vec<f64> {
    let plain = |quants: Vec<u8>, scale: f64, shift: f64| {
        quants.iter().map(|quant| scale * f64::from(*quant) + shift).collect()
    };
    let five = |at: usize| {
        let quants = low_then_high(&block[at + 4..]);
        quants.iter().zip(fifth_bits(&block[at..at + 4])).map(|(low, high)| low | high).collect()
    };
    match kind {
        TensorType::F32 => vec![f64::from(f32::from_le_bytes(block.try_into().unwrap()))],
        TensorType::F16 => vec![half(block, 0)],
        TensorType::BF16 => vec![bf16::from_le_bytes([block[0], block[1]]).to_f64()],
        TensorType::Q4_0 => plain(low_then_high(&block[2..]), half(block, 0), -8.0 * half(block, 0)),
        TensorType::Q4_1 => plain(low_then_high(&block[4..]), half(block, 0), half(block, 2)),
        TensorType::Q5_0 => plain(five(2), half(block, 0), -16.0 * half(block, 0)),
        TensorType::Q5_1 => plain(five(4), half(block, 0), half(block, 2)),
        TensorType::Q8_0 => block[2..].iter().map(|quant| half(block, 0) * f64::from(*quant as i8)).collect(),
        TensorType::Q2_K => q2_k(block),
        TensorType::Q3_K => q3_k(block),
        TensorType::Q4_K | TensorType::Q5_K => q4_or_5_k(kind, block),
        TensorType::Q6_K => q6_k(block),
        other => panic!("{other:?} is not made"),
    }
}

fn q2_k(block: &[u8]) -> Vec<f64> {
    let (scales, quants, d, dmin) = (&block[..16], &block[16..80], half(block, 80), half(block, 82));
    let element = |index: usize| {
        let (part, within) = (index / 128, index % 128);
        let quant = quants[part * 32 + within % 32] >> (2 * (within / 32)) & 3;
        let scale = scales[index / 16];
        d * f64::from(scale & 15) * f64::from(quant) - dmin * f64::from(scale >> 4)
    };
    (0..256).map(element).collect()
}

fn q3_k(block: &[u8]) -> Vec<f64> {
    let (high, quants, packed, d) = (&block[..32], &block[32..96], &block[96..108], half(block, 108));
    let scale = |index: usize| {
        let low = if index < 8 { packed[index] & 15 } else { packed[index - 8] >> 4 };
        f64::from(low | (packed[8 + index % 4] >> (2 * (index / 4)) & 3) << 4) - 32.0
    };
    let element = |index: usize| {
        let (part, within) = (index / 128, index % 128);
        let low = quants[part * 32 + within % 32] >> (2 * (within / 32)) & 3;
        let offset = if high[within % 32] >> (index / 32) & 1 == 1 { 0.0 } else { 4.0 };
        d * scale(index / 16) * (f64::from(low) - offset)
    };
    (0..256).map(element).collect()
}

fn q4_or_5_k(kind: TensorType, block: &[u8]) -> Vec<f64> {
    let (d, dmin, packed) = (half(block, 0), half(block, 2), &block[4..16]);
    let pair = |index: usize| {
        if index < 4 {
            (packed[index] & 63, packed[index + 4] & 63)
        } else {
            let (low, high) = (packed[index + 4], packed[index - 4]);
            (low & 15 | (high >> 6) << 4, low >> 4 | (packed[index] >> 6) << 4)
        }
    };
    let fifth = kind == TensorType::Q5_K;
    let quants = if fifth { &block[48..] } else { &block[16..] };
    let element = |index: usize| {
        let byte = quants[index / 64 * 32 + index % 32];
        let low = if index % 64 < 32 { byte & 15 } else { byte >> 4 };
        let high = if fifth { (block[16 + index % 32] >> (index / 32) & 1) << 4 } else { 0 };
        let (scale, minimum) = pair(index / 32);
        d * f64::from(scale) * f64::from(low | high) - dmin * f64::from(minimum)
    };
    (0..256).map(element).collect()
}

fn q6_k(block: &[u8]) -> Vec<f64> {
    let (low, high, scales, d) = (&block[..128], &block[128..192], &block[192..208], half(block, 208));
    let element = |index: usize| {
        let (part, within) = (index / 128, index % 128);
        let byte = low[part * 64 + within % 64];
        let nibble = if within < 64 { byte & 15 } else { byte >> 4 };
        let upper = high[part * 32 + within % 32] >> (2 * (within / 32)) & 3;
        let scale = scales[part * 8 + within / 32 * 2 + within % 32 / 16] as i8;
        d * f64::from(scale) * (f64::from(nibble | upper << 4) - 32.0)
    };
    (0..256).map(element).collect()
}

const MADE: &[TensorType] = &[
    TensorType::F32,
    TensorType::F16,
    TensorType::BF16,
    TensorType::Q4_0,
    TensorType::Q4_1,
    TensorType::Q5_0,
    TensorType::Q5_1,
    TensorType::Q8_0,
    TensorType::Q2_K,
    TensorType::Q3_K,
    TensorType::Q4_K,
    TensorType::Q5_K,
    TensorType::Q6_K,
];

#[test]
fn weights_of_every_type_have_mean_zero_and_the_wanted_deviation() {
    for kind in MADE {
        // Fan-ins of the smallest and the largest catalogued matrices.
        for fan_in in [64.0f64, 18_944.0] {
            let wanted = fan_in.sqrt().recip();
            let mut bytes = vec![0; kind.block_bytes() as usize * (1 << 19) / kind.block_elements() as usize];
            Random::for_tensor("test", 1).fill(&mut bytes);
            BlockMaker::new(*kind, wanted).unwrap().make(&mut bytes);
            let weights = dequantize(*kind, &bytes);
            let n = weights.len() as f64;
            let mean = weights.iter().sum::<f64>() / n;
            let deviation = (weights.iter().map(|weight| (weight - mean).powi(2)).sum::<f64>() / n).sqrt();
            assert!(
                weights.iter().all(|weight| weight.is_finite() && weight.abs() < 8.0 * wanted),
                "{kind:?}"
            );
            assert!(mean.abs() < 0.02 * wanted, "{kind:?}: mean {mean}, wanted deviation {wanted}");
            assert!((deviation / wanted - 1.0).abs() < 0.05, "{kind:?}: {deviation} instead of {wanted}");
        }
    }
}

#[test]
fn types_that_cannot_be_made_are_refused() {
    let makeable = |kind: &TensorType| BlockMaker::new(*kind, 1.0).is_some();
    let made: Vec<_> = TensorType::ALL.iter().copied().filter(makeable).collect();
    let mut expected = MADE.to_vec();
    expected.sort();
    assert_eq!(made, expected);
}
