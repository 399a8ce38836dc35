//! Packed scoring is naive scoring, whatever the model's state allows and however the context is laid out.

use dyno_types::{EngineSettings, TokenId};
use proptest::prelude::*;

use super::*;
use crate::sampling::log_probabilities;
use crate::testing::{Behaviour, Call, NONSENSE, POISON, Recording, TestBackend, VOCABULARY};

const WINDOW: u32 = 64;
/// Batches at the beginning that try what the model's state allows.
const TRIALS: usize = 2;

fn open(behaviour: Behaviour, batch: u32, sequences: u32, window: u32) -> (TestBackend, Limits) {
    let mut backend = TestBackend::new(behaviour);
    let settings = EngineSettings { context: window, batch, sequences, ..EngineSettings::default() };
    backend.open_context(&settings).unwrap();
    (backend, Limits { window, batch, sequences, vocabulary: VOCABULARY })
}

fn remembering() -> Behaviour {
    Behaviour { long_memory: true, ..Behaviour::default() }
}

/// All results, and what the backend was told.
fn score(
    items: Vec<ScoreItem>,
    behaviour: Behaviour,
    batch: u32,
    sequences: u32,
) -> (Vec<Outcome>, Recording) {
    let (mut backend, limits) = open(behaviour, batch, sequences, WINDOW);
    let recording = backend.recording();
    let count = items.len();
    let mut scorer = Scorer::new(items, limits);
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
    let (mut backend, _) = open(remembering(), 1, 1, 10_000);
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

/// Tokens computed for items, the trial at the beginning apart.
fn computed(recording: &Recording) -> usize {
    recording.batches().iter().skip(TRIALS).map(Vec::len).sum()
}

fn states() -> [Behaviour; 4] {
    let recurrent = Behaviour { cuts_at_most: Some(0), ..remembering() };
    let windowed = Behaviour { cuts_at_most: Some(6), ..remembering() };
    let rigid = Behaviour { cannot_trim: true, ..remembering() };
    [remembering(), recurrent, windowed, rigid]
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
        sequences in 1_u32..=8,
        room in 0_u32..80,
        state in 0_usize..4,
    ) {
        let behaviour = states()[state].clone();
        let (outcomes, _) = score(items.clone(), behaviour, sequences + room, sequences);
        assert_naive(&items, &outcomes);
    }
}

#[test]
fn batches_of_one_token_are_enough() {
    let items = vec![item("the answer is ", &["yes", "no"])];
    for behaviour in states() {
        let (outcomes, _) = score(items.clone(), behaviour, 1, 1);
        assert_naive(&items, &outcomes);
    }
}

#[test]
fn continuations_of_one_token_need_no_computation_of_their_own() {
    let items = vec![item("the answer is ", &["A", "B", "C", "D"]); 5];
    let (outcomes, recording) = score(items.clone(), remembering(), 512, 4);
    assert_naive(&items, &outcomes);
    let wanted = recording.batches().iter().skip(TRIALS).flatten().filter(|item| item.wants_logits).count();
    assert_eq!(wanted, 5, "one row of logits per item");
    // The last token of a prefix is computed for each item, the rest of it once per sequence.
    assert_eq!(computed(&recording), 4 * 14 + 1);
}

#[test]
fn a_prefix_is_computed_once_for_all_its_continuations() {
    let items = vec![item("a long beginning that all of them share", &["one end", "another", "third"])];
    let (outcomes, recording) = score(items.clone(), remembering(), 512, 1);
    assert_naive(&items, &outcomes);
    assert_eq!(computed(&recording), 39 + 6 + 6 + 4);
    // Where the state cannot be cut, a second sequence keeps it.
    let recurrent = Behaviour { cuts_at_most: Some(0), ..remembering() };
    let (outcomes, recording) = score(items.clone(), recurrent.clone(), 512, 2);
    assert_naive(&items, &outcomes);
    assert_eq!(computed(&recording), 39 + 6 + 6 + 4);
    assert!(recording.calls().contains(&Call::Copy(0, 1)) && recording.calls().contains(&Call::Copy(1, 0)));
    // Without one it is computed again.
    let (outcomes, recording) = score(items.clone(), recurrent, 512, 1);
    assert_naive(&items, &outcomes);
    assert_eq!(computed(&recording), 3 * 39 + 6 + 6 + 4);
}

#[test]
fn a_preamble_is_computed_once_for_all_items_and_lanes() {
    let preamble = "forty tokens of worked examples, or more";
    let items: Vec<_> = (0..12).map(|n| item(&format!("{preamble}{n:02}?"), &["yes", "no"])).collect();
    let (outcomes, recording) = score(items.clone(), remembering(), 64, 4);
    assert_naive(&items, &outcomes);
    // Three own tokens of each prefix and the continuations without their last tokens.
    let own = 12 * (3 + 2 + 1);
    assert!(computed(&recording) < 40 + own + 12, "{}", computed(&recording));
    let copies = recording.calls().iter().filter(|call| matches!(call, Call::Copy(..))).count();
    assert_eq!(copies, 3, "one per other lane");
    assert!(recording.batches().iter().any(|batch| batch.iter().any(|item| item.sequence == 3)));
}

#[test]
fn an_item_that_fails_does_not_take_the_others_with_it() {
    let mut items: Vec<_> = (0..8).map(|n| item(&format!("item {n} of many"), &["yes", "no"])).collect();
    items[2].continuations[1][0] = POISON;
    items[2].continuations[1].push(65);
    items[4].prefix.push(NONSENSE);
    items[5].continuations[0] = vec![65; 200];
    items[6].prefix[0] = VOCABULARY;
    for sequences in [1, 3, 8] {
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
    let mut scorer = Scorer::new(items, limits);
    let mut told = Vec::new();
    let mut results = Vec::new();
    while !scorer.is_done() {
        results.clear();
        scorer.step(&mut backend, &mut results);
        told.push(results.len());
    }
    assert!(told.iter().filter(|count| **count > 0).count() >= 10, "{told:?}");
}
