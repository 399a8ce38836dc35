//! Packed scoring is naive scoring, whatever the model's state allows and however the context is laid out.

use dyno_types::{EngineSettings, TokenId};
use proptest::prelude::*;

use super::*;
use crate::sampling::log_probabilities;
use crate::testing::{Behaviour, Call, NONSENSE, POISON, Recording, TestBackend, VOCABULARY};

const WINDOW: u32 = 64;

/// A pool of so many cells.
fn open(behaviour: Behaviour, batch: u32, sequences: u32, cells: u32) -> (TestBackend, Limits) {
    let mut backend = TestBackend::new(behaviour);
    let settings = EngineSettings { context: WINDOW, batch, sequences, ..EngineSettings::default() };
    let sequences = backend.open_pool(&settings, cells).unwrap();
    (backend, Limits { window: WINDOW, batch, sequences, vocabulary: VOCABULARY })
}

fn remembering() -> Behaviour {
    Behaviour { long_memory: true, ..Behaviour::default() }
}

/// All results, and what the backend was told, from a pool as small as may be.
fn score(
    items: Vec<ScoreItem>,
    behaviour: Behaviour,
    batch: u32,
    sequences: u32,
) -> (Vec<Outcome>, Recording) {
    score_in(WINDOW, items, behaviour, batch, sequences)
}

fn score_in(
    cells: u32,
    items: Vec<ScoreItem>,
    behaviour: Behaviour,
    batch: u32,
    sequences: u32,
) -> (Vec<Outcome>, Recording) {
    let (mut backend, limits) = open(behaviour, batch, sequences, cells);
    let recording = backend.recording();
    let count = items.len();
    let mut scorer = Scorer::new(items, limits, cells);
    let mut results = Vec::new();
    let mut steps = 0;
    while !scorer.is_done() {
        scorer.step(&mut backend, &mut results);
        steps += 1;
        assert!(steps < 100_000, "the scorer goes round in circles");
    }
    let in_order = results.iter().map(|item| item.index).eq(0..count as u64);
    assert!(in_order, "results are out of order");
    (results.into_iter().map(|item| item.outcome).collect(), recording)
}

/// One continuation, token by token in a fresh context.
fn naive(prefix: &[TokenId], continuation: &[TokenId]) -> ContinuationScore {
    let mut backend = TestBackend::new(remembering());
    let settings = EngineSettings { context: 10_000, batch: 1, ..EngineSettings::default() };
    backend.open_context(&settings).unwrap();
    let all = [prefix, continuation].concat();
    let mut score = ContinuationScore { logprobs: Vec::new(), greedy: true };
    for (place, token) in all.iter().enumerate() {
        if place >= prefix.len() {
            let logits = backend.logits(0);
            let row = LogSoftmaxByHand::of(logits);
            score.logprobs.push(row.logprob(logits[*token as usize]));
            let (_, best) = log_probabilities(logits, *token, 1).unwrap();
            score.greedy &= best[0].token == *token;
        }
        let item = BatchItem { token: *token, position: position(place), sequence: 0, wants_logits: true };
        backend.decode(&[item]).unwrap();
    }
    score
}

/// The textbook formula in double precision.
struct LogSoftmaxByHand(f64);

impl LogSoftmaxByHand {
    fn of(logits: &[f32]) -> Self {
        Self(logits.iter().map(|logit| f64::from(*logit).exp()).sum::<f64>().ln())
    }

    fn logprob(&self, logit: f32) -> f64 {
        f64::from(logit) - self.0
    }
}

fn assert_naive(items: &[ScoreItem], outcomes: &[Outcome]) {
    for (item, outcome) in items.iter().zip(outcomes) {
        if let Some(refusal) = item.refusal(WINDOW, VOCABULARY) {
            assert_eq!(outcome, &Err(refusal));
            continue;
        }
        let scores = outcome.as_ref().unwrap();
        assert_eq!(scores.len(), item.continuations.len());
        for (continuation, score) in item.continuations.iter().zip(scores) {
            let expected = naive(&item.prefix, continuation);
            assert_eq!(score.greedy, expected.greedy);
            let close = |(a, b): (&f64, &f64)| (a - b).abs() < 1e-6;
            let same = score.logprobs.iter().zip(&expected.logprobs).all(close);
            assert!(same && score.logprobs.len() == continuation.len(), "{score:?} is not {expected:?}");
        }
    }
}

fn item(prefix: &str, continuations: &[&str]) -> ScoreItem {
    let tokens = |text: &str| text.bytes().map(TokenId::from).collect();
    ScoreItem {
        prefix: tokens(prefix),
        continuations: continuations.iter().map(|text| tokens(text)).collect(),
    }
}

/// Tokens computed.
fn computed(recording: &Recording) -> usize {
    recording.batches().iter().map(Vec::len).sum()
}

/// A model whose state can be dropped, and never cut back.
fn recurrent() -> Behaviour {
    Behaviour { cuts_at_most: Some(0), ..remembering() }
}

fn tokens(length: std::ops::Range<usize>) -> impl Strategy<Value = Vec<TokenId>> {
    // Few different tokens, so that beginnings are shared.
    prop::collection::vec(97_u32..100, length)
}

fn items() -> impl Strategy<Value = Vec<ScoreItem>> {
    let item = (tokens(0..50), prop::collection::vec(tokens(0..16), 0..5)).prop_map(
        |(prefix, mut continuations)| {
            // Mostly sound ones.
            if prefix.len() % 7 != 0 {
                continuations
                    .iter_mut()
                    .filter(|tokens| tokens.is_empty())
                    .for_each(|tokens| tokens.push(98));
            }
            ScoreItem { prefix, continuations }
        },
    );
    let preamble = tokens(0..40);
    (preamble, prop::collection::vec(item, 1..12)).prop_map(|(preamble, mut items)| {
        for (index, item) in items.iter_mut().enumerate() {
            if index % 3 != 2 && !item.prefix.is_empty() {
                item.prefix.splice(0..0, preamble.iter().copied());
            }
        }
        items
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn packed_scoring_is_naive_scoring(
        items in items(),
        sequences in 2_u32..=12,
        room in 0_u32..80,
        cells in WINDOW..4 * WINDOW,
        cuts in any::<bool>(),
    ) {
        let behaviour = if cuts { remembering() } else { recurrent() };
        let (outcomes, recording) = score_in(cells, items.clone(), behaviour, 1 + room, sequences);
        assert_naive(&items, &outcomes);
        // Nothing is ever cut back, only dropped.
        prop_assert!(recording.calls().iter().all(|call| !matches!(call, Call::Trim(_, 1..))));
    }
}

#[test]
fn batches_of_one_token_are_enough() {
    let items = vec![item("the answer is ", &["yes", "no"])];
    let (outcomes, _) = score(items.clone(), recurrent(), 1, 2);
    assert_naive(&items, &outcomes);
}

#[test]
fn continuations_of_one_token_need_no_computation_of_their_own() {
    let items = vec![item("the answer is ", &["A", "B", "C", "D"]); 5];
    let (outcomes, recording) = score(items.clone(), remembering(), 512, 8);
    assert_naive(&items, &outcomes);
    let wanted = recording.batches().iter().flatten().filter(|item| item.wants_logits).count();
    assert_eq!(wanted, 5, "one row of logits per item");
    assert_eq!(computed(&recording), 5 * 14);
}

#[test]
fn a_prefix_is_computed_once_for_all_its_continuations() {
    let items = vec![item("a long beginning that all of them share", &["one end", "another", "third"])];
    let (outcomes, recording) = score(items.clone(), remembering(), 512, 4);
    assert_naive(&items, &outcomes);
    assert_eq!(computed(&recording), 39 + 6 + 6 + 4);
    assert_eq!(recording.batches().len(), 2, "one of the prefix, one of all continuations");
    // With two sequences, the continuations take turns.
    let (outcomes, recording) = score(items.clone(), recurrent(), 512, 2);
    assert_naive(&items, &outcomes);
    assert_eq!(computed(&recording), 39 + 6 + 6 + 4);
    assert_eq!(recording.batches().len(), 4);
}

#[test]
fn a_preamble_is_computed_once_for_all_items() {
    let preamble = "forty tokens of worked examples, or more";
    let mut items: Vec<_> = (0..12).map(|n| item(&format!("{preamble}{n:02}?"), &["yes", "no"])).collect();
    // The first two share more than the others.
    items[1].prefix = items[0].prefix.clone();
    // Three own tokens of each prefix and the continuations without their last tokens.
    let own = 12 * (3 + 2 + 1);
    for (behaviour, sequences) in [(remembering(), 16), (recurrent(), 3)] {
        let (outcomes, recording) = score_in(4 * WINDOW, items.clone(), behaviour, 64, sequences);
        assert_naive(&items, &outcomes);
        assert_eq!(computed(&recording), 40 + own);
    }
}

#[test]
fn batches_are_full() {
    let mut items = Vec::new();
    for n in 0..40 {
        let prefix = "a beginning of some length"[..10 + n % 16].replace('a', &n.to_string());
        items.push(item(&prefix, &["one of the ends", "another", "the third of them", "x"]));
    }
    let (outcomes, recording) = score_in(256, items.clone(), remembering(), 64, 32);
    assert_naive(&items, &outcomes);
    let batches = recording.batches();
    let full = batches.iter().filter(|batch| batch.len() == 64).count();
    assert!(full + 4 >= batches.len(), "{full} of {} are full", batches.len());
}

#[test]
fn pools_are_as_small_as_the_items_allow() {
    let limits = Limits { window: 1024, batch: 512, sequences: 8, vocabulary: VOCABULARY };
    let short = item("a prefix", &["one", "three"]);
    assert_eq!(pool_cells(std::slice::from_ref(&short), limits), 8 + 5 + 1024);
    let long = ScoreItem { prefix: vec![65; 5000], ..short };
    assert_eq!(pool_cells(std::slice::from_ref(&long), limits), 1024 + 1024);
    assert_eq!(pool_cells(&[long], Limits { sequences: 1, ..limits }), 1024, "no more than was asked for");
    assert_eq!(pool_cells(&[], limits), 1024);
}

#[test]
fn an_item_that_fails_does_not_take_the_others_with_it() {
    let mut items: Vec<_> = (0..8).map(|n| item(&format!("item {n} of many"), &["yes", "no"])).collect();
    items[2].continuations[1][0] = POISON;
    items[2].continuations[1].push(65);
    items[4].prefix.push(NONSENSE);
    items[5].continuations[0] = vec![65; 200];
    items[6].prefix[0] = VOCABULARY;
    for sequences in [2, 3, 8] {
        let (outcomes, _) = score(items.clone(), remembering(), 64, sequences);
        let failed = |index: usize| match &outcomes[index] {
            Err(ScoreRefusal::Failed { reason }) => reason.clone(),
            other => panic!("item {index}: {other:?}"),
        };
        assert!(failed(2).contains("poisoned"), "{}", failed(2));
        assert!(failed(4).contains("not finite"), "{}", failed(4));
        let told = ScoreRefusal::TooLong {
            prefix_tokens: 14,
            continuation: 0,
            continuation_tokens: 200,
            window: WINDOW,
        };
        assert_eq!(outcomes[5], Err(told));
        assert_eq!(outcomes[6], Err(ScoreRefusal::UnknownToken { token: 260, vocabulary: 260 }));
        for index in [0, 1, 3, 7] {
            assert_naive(&items[index..=index], &outcomes[index..=index]);
        }
    }
}

#[test]
fn results_come_as_they_are_done() {
    let items: Vec<_> = (0..20).map(|n| item(&format!("item number {n:02}"), &["yes"])).collect();
    let (mut backend, limits) = open(remembering(), 16, 2, WINDOW);
    let mut scorer = Scorer::new(items, limits, WINDOW);
    let mut told = Vec::new();
    let mut results = Vec::new();
    while !scorer.is_done() {
        results.clear();
        scorer.step(&mut backend, &mut results);
        told.push(results.len());
    }
    assert!(told.iter().filter(|count| **count > 0).count() >= 10, "{told:?}");
}
