//! The exponential behind probabilities, fast enough for a whole vocabulary per token.

use super::LANES;

/// e^x for x ≤ 0, with a relative error below 3e-7; below −87 it stays at e^−87 ≈ 1.6e-38.
///
/// Reduction to 2^n · e^r and the polynomial of Cephes' `expf`, without branches and conversions, so that loops over it
/// compile to vector instructions on any processor.
pub(crate) fn exp(x: f32) -> f32 {
    // 1.5 · 2^23: adding it rounds to a whole number, which then stands in the low bits.
    const ROUNDER: f32 = 12_582_912.0;
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    // Unlike `max`, this compiles to one instruction.
    let x = if x > -87.0 { x } else { -87.0 };
    let rounded = x * std::f32::consts::LOG2_E + ROUNDER;
    let n = rounded - ROUNDER;
    let r = x - n * LN_2_HIGH - n * LN_2_LOW;
    let mut polynomial = 1.987_569_1e-4;
    for coefficient in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_6e-1, 0.5] {
        polynomial = polynomial * r + coefficient;
    }
    let power = f32::from_bits(rounded.to_bits().wrapping_sub(ROUNDER.to_bits()).wrapping_add(127) << 23);
    (polynomial * r * r + r + 1.0) * power
}

/// Σ exp(logit − highest).
pub(super) fn mass(logits: &[f32], highest: f32) -> f64 {
    // Single precision over short runs keeps the loop fast and the error below 1e-6.
    logits.chunks(LANES).map(|run| f64::from(run_sum(run, |logit| exp(logit - highest)))).sum()
}

/// Σ value(x) over a short run, in eight lanes so that it compiles to vectors.
pub(super) fn run_sum(run: &[f32], value: impl Fn(f32) -> f32) -> f32 {
    let mut lanes = [0.0_f32; 8];
    let (groups, rest) = run.as_chunks::<8>();
    for group in groups {
        for (lane, x) in lanes.iter_mut().zip(group) {
            *lane += value(*x);
        }
    }
    lanes.iter().sum::<f32>() + rest.iter().map(|x| value(*x)).sum::<f32>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_exact_exponential() {
        let worst = (0..870_000_u32)
            .map(|step| {
                let x = -f64::from(step) / 1e4;
                let x = x as f32;
                let exact = f64::from(x).exp();
                (f64::from(exp(x)) - exact).abs() / exact
            })
            .fold(0.0, f64::max);
        assert!(worst < 3e-7, "{worst}");
        assert_eq!(exp(0.0), 1.0);
        assert!(exp(f32::NEG_INFINITY) < 2e-38);
    }
}
