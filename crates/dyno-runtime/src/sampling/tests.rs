//! Each sampler by itself and in order, against distributions computed by hand.

use proptest::prelude::*;

use super::*;

fn settings(top_k: u32, top_p: f32, min_p: f32, temperature: f32) -> Sampling {
    Sampling { repetition_penalty: 1.0, repetition_window: 64, top_k, top_p, min_p, temperature, seed: 11 }
}

/// Logits as a model has them: mostly small, a few large; deterministic.
fn model_like(vocabulary: usize, seed: u64) -> Vec<f32> {
    let mut random = Random::new(seed);
    let mut normal = || (0..12).map(|_| random.unit()).sum::<f64>() - 6.0;
    (0..vocabulary).map(|_| (normal() * 3.0) as f32).collect()
}

/// Tokens the filters keep, by the definitions alone: sort everything, in double precision.
fn naive_kept(logits: &[f32], settings: &Sampling) -> Vec<(TokenId, f64)> {
    let mut sorted: Vec<(TokenId, f64)> =
        logits.iter().enumerate().map(|(id, logit)| (id as TokenId, f64::from(*logit))).collect();
    sorted.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    if settings.top_k > 0 {
        sorted.truncate(settings.top_k as usize);
    }
    let highest = sorted[0].1;
    let total: f64 = sorted.iter().map(|(_, logit)| (logit - highest).exp()).sum();
    let probability = |logit: f64| (logit - highest).exp() / total;
    let mut sum = 0.0;
    let mut kept = Vec::new();
    for (token, logit) in sorted {
        if sum >= f64::from(settings.top_p) && settings.top_p < 1.0 && !kept.is_empty() {
            break;
        }
        sum += probability(logit);
        kept.push((token, logit));
    }
    kept.retain(|(_, logit)| *logit >= highest + f64::from(settings.min_p).ln());
    kept
}

fn kept(logits: &[f32], settings: &Sampling) -> Vec<TokenId> {
    let mut sampler = Sampler::new(settings.clone()).unwrap();
    sampler.filter(logits, highest(logits).unwrap());
    let mut tokens: Vec<TokenId> = sampler.candidates.iter().map(|candidate| candidate.token).collect();
    tokens.sort_unstable();
    tokens
}

#[test]
fn greedy_takes_the_lowest_id_among_equals() {
    let mut sampler = Sampler::new(Sampling::greedy()).unwrap();
    assert_eq!(sampler.sample(&[1.0, 7.0, 7.0, -1.0], &[]), Ok(1));
    let mut many = vec![0.5; 1000];
    many[700] = 0.75;
    many[900] = 0.75;
    assert_eq!(sampler.sample(&many, &[]), Ok(700));
}

#[test]
fn broken_logits_are_a_typed_failure_in_every_mode() {
    for temperature in [0.0, 0.7] {
        for top_k in [0, 2] {
            let mut sampler = Sampler::new(settings(top_k, 0.9, 0.0, temperature)).unwrap();
            assert_eq!(sampler.sample(&[1.0, f32::NAN, 2.0], &[]), Err(LogitsError::NotFinite));
            assert_eq!(sampler.sample(&[1.0, f32::INFINITY, 2.0], &[]), Err(LogitsError::NotFinite));
            assert_eq!(sampler.sample(&[f32::NEG_INFINITY; 3], &[]), Err(LogitsError::NonePossible));
            assert_eq!(sampler.sample(&[], &[]), Err(LogitsError::NonePossible));
        }
    }
    assert_eq!(log_probabilities(&[0.0, f32::NAN], 0, 1), Err(LogitsError::NotFinite));
}

#[test]
fn a_token_that_is_ruled_out_is_never_drawn() {
    let mut sampler = Sampler::new(settings(0, 1.0, 0.0, 2.0)).unwrap();
    let logits = [f32::NEG_INFINITY, 0.0, f32::NEG_INFINITY, 0.1];
    assert!((0..2000).all(|_| matches!(sampler.sample(&logits, &[]), Ok(1 | 3))));
}

#[test]
fn the_repetition_penalty_looks_at_its_window_only_and_counts_a_token_once() {
    let mut greedy = Sampling { repetition_penalty: 2.0, repetition_window: 2, ..Sampling::greedy() };
    let logits = [4.0, 3.0, -1.0, -1.5];
    // 4 / 2 = 2 < 3, once, although token 0 is there twice.
    assert_eq!(Sampler::new(greedy.clone()).unwrap().sample(&logits, &[0, 0]), Ok(1));
    // Outside the window nothing happens.
    assert_eq!(Sampler::new(greedy.clone()).unwrap().sample(&logits, &[0, 3, 3]), Ok(0));
    // Negative logits move down as well: -1 × 2 < -1.5.
    greedy.repetition_window = 10;
    assert_eq!(Sampler::new(greedy.clone()).unwrap().sample(&[-1.0, -1.5], &[0]), Ok(1));
    // Ids a hostile caller made up do no harm.
    assert_eq!(Sampler::new(greedy).unwrap().sample(&[-1.0, -1.5], &[u32::MAX]), Ok(0));
}

#[test]
fn the_same_seed_gives_the_same_tokens_and_another_seed_does_not() {
    let logits = model_like(5000, 1);
    let run = |seed| {
        let mut sampler = Sampler::new(Sampling { seed, ..settings(0, 1.0, 0.0, 1.5) }).unwrap();
        (0..50).map(|_| sampler.sample(&logits, &[]).unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(run(5), run(5));
    assert_ne!(run(5), run(6));
}

#[test]
fn next_to_no_temperature_is_greedy() {
    let mut sampler = Sampler::new(settings(0, 1.0, 0.0, f32::from_bits(1))).unwrap();
    assert!((0..100).all(|_| sampler.sample(&[0.0, 1.0, 1.001, -3.0], &[]) == Ok(2)));
}

/// Draws follow the softmax at the temperature: χ² over 8 classes, 7 degrees of freedom; 24.3 is the 99.9 % quantile.
#[test]
fn draws_follow_the_distribution() {
    let logits = [2.0_f32, 1.0, 0.5, 0.0, -0.5, -1.0, 0.2, 1.5];
    for (top_k, temperature) in [(0, 0.7_f32), (8, 1.0), (5, 1.6)] {
        let wanted = settings(top_k, 1.0, 0.0, temperature);
        let mut sampler = Sampler::new(wanted.clone()).unwrap();
        let draws = 40_000;
        let mut counts = [0_f64; 8];
        for _ in 0..draws {
            counts[sampler.sample(&logits, &[]).unwrap() as usize] += 1.0;
        }
        let kept = naive_kept(&logits, &wanted);
        let total: f64 = kept.iter().map(|(_, logit)| (logit / f64::from(temperature)).exp()).sum();
        let chi_square: f64 = kept
            .iter()
            .map(|(token, logit)| {
                let expected = f64::from(draws) * (logit / f64::from(temperature)).exp() / total;
                (counts[*token as usize] - expected).powi(2) / expected
            })
            .sum();
        assert!(chi_square < 24.3, "χ² = {chi_square} at top_k {top_k}, temperature {temperature}");
        let kept_draws: f64 = kept.iter().map(|(token, _)| counts[*token as usize]).sum();
        assert!((kept_draws - f64::from(draws)).abs() < 0.5, "a token outside top-k was drawn");
    }
}

#[test]
fn filters_on_a_large_vocabulary_keep_what_a_full_sort_keeps() {
    let logits = model_like(150_001, 9);
    for wanted in [
        settings(40, 1.0, 0.0, 1.0),
        settings(5000, 1.0, 0.0, 1.0),
        settings(0, 0.5, 0.0, 1.0),
        settings(0, 1.0, 0.02, 1.0),
        settings(300, 0.8, 0.1, 1.0),
    ] {
        let mut expected: Vec<TokenId> =
            naive_kept(&logits, &wanted).into_iter().map(|(token, _)| token).collect();
        expected.sort_unstable();
        assert_eq!(kept(&logits, &wanted), expected, "{wanted:?}");
    }
}

#[test]
fn a_flat_distribution_keeps_its_share_of_a_large_vocabulary() {
    let kept = kept(&[0.25; 100_000], &settings(0, 0.9, 0.0, 1.0));
    assert_eq!(kept, (0..kept.len() as TokenId).collect::<Vec<_>>(), "the lowest ids among equals");
    assert!(kept.len().abs_diff(90_000) <= 1, "{}", kept.len());
}

#[test]
fn log_probabilities_are_those_of_the_raw_logits() {
    let logits = [1.0_f32, 3.0, 2.0];
    let (own, top) = log_probabilities(&logits, 0, 2).unwrap();
    let total: f64 = logits.iter().map(|logit| f64::from(*logit).exp()).sum();
    let expected = |logit: f64| logit - total.ln();
    assert!((f64::from(own) - expected(1.0)).abs() < 1e-6);
    assert_eq!(top.iter().map(|entry| entry.token).collect::<Vec<_>>(), [1, 2]);
    assert!((f64::from(top[0].logprob) - expected(3.0)).abs() < 1e-6);
    assert!((f64::from(top[1].logprob) - expected(2.0)).abs() < 1e-6);
}

#[test]
fn settings_outside_their_range_are_refused() {
    assert!(Sampler::new(settings(0, 0.0, 0.0, 1.0)).is_err());
    assert!(Sampler::new(settings(0, 1.0, 0.0, f32::NAN)).is_err());
}

proptest! {
    /// The same set as the naive method; only a token within rounding of the top-p border may differ.
    #[test]
    fn filters_keep_what_the_definitions_keep(
        logits in prop::collection::vec(prop_oneof![-8.0_f32..8.0, Just(0.5_f32), Just(f32::NEG_INFINITY)], 1..400),
        top_k in 0_u32..60,
        top_p in 0.01_f32..=1.0,
        min_p in prop_oneof![Just(0.0_f32), 0.0_f32..0.5],
    ) {
        prop_assume!(logits.iter().any(|logit| logit.is_finite()));
        let wanted = settings(top_k, top_p, min_p, 1.0);
        let found = kept(&logits, &wanted);
        let near = |p: f32| {
            let mut tokens: Vec<TokenId> = naive_kept(&logits, &Sampling { top_p: p, ..wanted.clone() })
                .into_iter()
                .filter(|(_, logit)| logit.is_finite())
                .map(|(token, _)| token)
                .collect();
            tokens.sort_unstable();
            tokens
        };
        let accepted = [near(top_p), near((top_p - 1e-5).max(1e-6)), near((top_p + 1e-5).min(1.0))];
        prop_assert!(accepted.contains(&found), "{:?} is none of {:?}", found, accepted);
    }

    #[test]
    fn any_logits_give_a_token_or_a_typed_failure(
        logits in prop::collection::vec(any::<f32>(), 0..300),
        history in prop::collection::vec(any::<u32>(), 0..5),
        top_k in 0_u32..10,
        temperature in 0.0_f32..2.0,
        repetition_penalty in 1.0_f32..2.0,
    ) {
        let settings = Sampling { repetition_penalty, ..settings(top_k, 0.9, 0.05, temperature) };
        let mut sampler = Sampler::new(settings).unwrap();
        if let Ok(token) = sampler.sample(&logits, &history) {
            prop_assert!((token as usize) < logits.len());
        }
    }

    #[test]
    fn log_probabilities_sum_to_one(logits in prop::collection::vec(-20.0_f32..20.0, 1..200)) {
        let (own, top) = log_probabilities(&logits, 0, logits.len() as u32).unwrap();
        let sum: f64 = top.iter().map(|entry| f64::from(entry.logprob).exp()).sum();
        prop_assert!((sum - 1.0).abs() < 1e-4, "{}", sum);
        prop_assert!(top.windows(2).all(|pair| pair[0].logprob >= pair[1].logprob));
        prop_assert!(top.iter().any(|entry| entry.token == 0 && entry.logprob == own));
    }
}
