//! Rows against the formula in double precision.

use proptest::prelude::*;

use super::*;

fn softmax(logits: &[f32]) -> Vec<f64> {
    let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f64> =
        logits.iter().map(|logit| (f64::from(*logit) - f64::from(highest)).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.iter().map(|power| power / sum).collect()
}

fn compared(reference: &[f32], here: &[f32], token: TokenId) -> Difference {
    let mut row = Vec::new();
    encode(reference, LogSoftmax::of(reference).unwrap(), &mut row);
    difference(&row, here, LogSoftmax::of(here).unwrap(), token).unwrap()
}

fn logits() -> impl Strategy<Value = (Vec<f32>, Vec<f32>)> {
    let logit = || prop_oneof![8 => -6.0_f32..6.0, 1 => -60.0_f32..40.0];
    (1_usize..300).prop_flat_map(move |length| {
        (prop::collection::vec(logit(), length), prop::collection::vec(logit(), length))
    })
}

proptest! {
    #[test]
    fn divergence_is_the_textbook_formula((reference, here) in logits()) {
        let (p, q) = (softmax(&reference), softmax(&here));
        let exact: f64 = p.iter().zip(&q).map(|(p, q)| if *p > 0.0 { p * (p / q).ln() } else { 0.0 }).sum();
        let got = compared(&reference, &here, 0);
        // Codes are at most 24 / 65534 / 2 nats off; the tail that counts as one is next to nothing.
        prop_assert!((got.kld - exact).abs() <= 4e-4 * exact.max(0.0) + 2e-5, "{} is not {}", got.kld, exact);
        let likely = p[0] > 1e-9;
        prop_assert!(!likely || (got.reference_nll + p[0].ln()).abs() < 3e-4, "{} {}", got.reference_nll, -p[0].ln());
        let own = compared(&reference, &reference, 0);
        prop_assert!(own.kld < 1e-6 && own.same_top, "{}", own.kld);
    }
}

#[test]
fn flat_impossible_and_single_rows_are_distributions_too() {
    assert!(compared(&[2.0; 70], &[5.0; 70], 3).kld < 1e-6);
    assert!(compared(&[1.0], &[-3.0], 0).kld < 1e-6);
    let impossible = [0.0, f32::NEG_INFINITY, 0.0];
    assert!(compared(&impossible, &impossible, 0).kld < 1e-6);
    // The reference takes a token for possible that this model rules out.
    let surprised = compared(&[0.0, 0.0], &[0.0, f32::NEG_INFINITY], 1);
    assert!(surprised.kld > 100.0 && surprised.kld.is_finite());
    // The likeliest token is the first of equals, exactly, whatever the codes say.
    let (close, other) = ([1.0, 1.000_01, -20.0], [1.000_01, 1.0, -20.0]);
    assert!(!compared(&close, &other, 0).same_top);
}
