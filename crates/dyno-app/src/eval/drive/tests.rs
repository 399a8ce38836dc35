//! Deaths, cancellation and order, with an engine in virtual time.

use std::path::PathBuf;
use std::sync::Arc;

use dyno_engine::{ExitCause, FakeEngine, FakeFailure, FakeFault, FakePoint, FakeScript};
use dyno_types::{EngineSettings, GenerateRequest, GenerationEvent, ItemOutcome, Prompt, Sampling, Silent};

use super::*;
use crate::eval::host::Loading;

/// Asks texts of these lengths and takes what comes as the answer.
struct Lengths(Vec<usize>);

fn result(item: usize, outcome: ItemOutcome, answer: String) -> ItemResult {
    serde_json::from_value(serde_json::json!({
        "id": item.to_string(), "task": "t", "outcome": outcome, "answer": answer
    }))
    .unwrap()
}

impl Ask for Lengths {
    fn ask<'a>(&'a self, session: &'a dyn Session, items: Vec<usize>) -> Answers<'a> {
        let one = move |item: usize| async move {
            let request = GenerateRequest {
                id: 1,
                prompt: Prompt::Text("x".repeat(self.0[item])),
                sampling: Sampling::greedy(),
                max_tokens: 3,
                stop: Vec::new(),
                ignore_eos: false,
                logprobs: 0,
            };
            let mut stream = session.generate(request).await?;
            let mut text = String::new();
            while let Some(event) = stream.next().await {
                if let GenerationEvent::Token(token) = event? {
                    text.push_str(&token.text);
                }
            }
            Ok((item, result(item, ItemOutcome::Correct, text)))
        };
        futures::stream::iter(items).then(one).boxed()
    }

    fn failed(&self, item: usize, reason: String) -> ItemResult {
        result(item, ItemOutcome::Failed { reason }, String::new())
    }
}

struct Driven {
    taken: Vec<(usize, ItemResult)>,
    deaths: u32,
    ended: Result<(), AppError>,
}

/// Asks all, each a unit of its own (or all in one), and cancels after so many results.
async fn driven(script: FakeScript, lengths: &[usize], width: usize, cancel_after: usize) -> Driven {
    let job = crate::testing::job();
    let cancel = job.cancel.clone();
    let settings = EngineSettings { sequences: 4, ..EngineSettings::default() };
    let loading = Loading {
        path: PathBuf::from("x.gguf"),
        identity: dyno_models::ModelIdentity::default(),
        settings,
        template: None,
    };
    let mut host = Host::open(Arc::new(FakeEngine::new(script)), loading, &job).await.unwrap();
    let asker = Lengths(lengths.to_vec());
    let units = if width == 0 {
        vec![(0..lengths.len()).collect()]
    } else {
        (0..lengths.len()).map(|item| vec![item]).collect()
    };
    let mut taken = Vec::new();
    let mut take = |item: usize, result: ItemResult| {
        taken.push((item, result));
        if taken.len() == cancel_after {
            cancel.cancel();
        }
        Ok(())
    };
    let ended = drive(&mut host, &asker, Workload { units, width }, &mut take, &Silent).await;
    let deaths = host.deaths();
    host.close().await;
    Driven { taken, deaths, ended }
}

fn items(taken: &[(usize, ItemResult)]) -> Vec<usize> {
    let mut items: Vec<usize> = taken.iter().map(|(item, _)| *item).collect();
    items.sort_unstable();
    items
}

fn die(process: Option<u32>, point: FakePoint) -> FakeScript {
    let failure = FakeFailure::Die(ExitCause::Signal(6));
    FakeScript { faults: vec![FakeFault { process, point, failure }], ..FakeScript::default() }
}

#[tokio::test]
async fn everything_is_asked_once_at_every_width() {
    for width in [0, 1, 3, 100] {
        let driven = driven(FakeScript::default(), &[5; 10], width, 0).await;
        driven.ended.unwrap();
        assert_eq!((items(&driven.taken), driven.deaths), ((0..10).collect(), 0), "width {width}");
    }
}

#[tokio::test]
async fn an_engine_that_dies_once_costs_nothing_but_time() {
    for width in [0, 1, 3, 100] {
        let driven = driven(die(Some(0), FakePoint::Token(2)), &[5; 10], width, 0).await;
        driven.ended.unwrap();
        assert_eq!((items(&driven.taken), driven.deaths), ((0..10).collect(), 1), "width {width}");
        assert!(driven.taken.iter().all(|(_, result)| result.outcome == ItemOutcome::Correct));
    }
}

#[tokio::test]
async fn the_item_that_kills_engines_is_found_and_the_rest_is_answered() {
    let lengths = [5, 5, 5, 500, 5, 5, 5, 5];
    for width in [0, 1, 3, 100] {
        let driven = driven(die(None, FakePoint::PromptOver(100)), &lengths, width, 0).await;
        driven.ended.unwrap();
        assert_eq!(items(&driven.taken), (0..8).collect::<Vec<_>>(), "width {width}");
        for (item, result) in &driven.taken {
            match &result.outcome {
                ItemOutcome::Failed { reason } => assert!(*item == 3 && reason.contains("twice"), "{reason}"),
                outcome => assert_eq!((outcome, *item == 3), (&ItemOutcome::Correct, false)),
            }
        }
        assert_eq!(driven.deaths, 2, "width {width}");
    }
}

#[tokio::test]
async fn an_engine_that_always_dies_ends_the_work_with_its_cause() {
    let driven = driven(die(None, FakePoint::Token(1)), &[5; 100], 4, 0).await;
    assert!(matches!(driven.ended, Err(AppError::Engine(EngineError::Died { .. }))), "{:?}", driven.ended);
    assert!(driven.taken.iter().all(|(_, result)| matches!(result.outcome, ItemOutcome::Failed { .. })));
}

#[tokio::test]
async fn cancelling_after_any_item_keeps_exactly_what_was_taken() {
    for width in [0, 1, 3] {
        for after in 1..10 {
            let driven = driven(FakeScript::default(), &[5; 10], width, after).await;
            assert!(matches!(driven.ended, Err(AppError::Cancelled)), "{width} {after}");
            assert_eq!(driven.taken.len(), after, "{width} {after}");
        }
    }
}
