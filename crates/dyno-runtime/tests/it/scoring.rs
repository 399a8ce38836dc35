//! Likelihoods through a real process.

use std::time::Duration;

use dyno_engine::{EngineError, Session};
use dyno_types::{PerplexityRequest, QuantizeRequest, ScoreItem, ScoreRequest};
use futures::StreamExt as _;

use crate::{engine, generate, ready, request, settings};

fn items(count: u32) -> ScoreRequest {
    let item = |number: u32| ScoreItem {
        prefix: vec![256, 65 + number % 20],
        continuations: vec![vec![97, 98], vec![99], vec![100, 101, 102]],
    };
    ScoreRequest { items: (0..count).map(item).collect() }
}

async fn all(
    session: &dyn Session,
    request: ScoreRequest,
) -> Vec<Result<dyno_types::ScoredItem, EngineError>> {
    session.score(request).await.unwrap().collect().await
}

#[tokio::test]
async fn items_are_scored_in_order_and_the_context_is_free_afterwards() {
    let session = ready(0).await;
    let results = all(&*session, items(300)).await;
    let lengths = |item: &Result<dyno_types::ScoredItem, _>| {
        let scores = item.as_ref().unwrap().outcome.as_ref().unwrap();
        scores.iter().map(|score| score.tokens()).collect::<Vec<_>>()
    };
    assert!(results.len() == 300 && results.iter().all(|item| lengths(item) == [2, 1, 3]));
    // The same item gives the same score wherever it stands.
    assert_eq!(results[3].as_ref().unwrap().outcome, results[203].as_ref().unwrap().outcome);
    generate(&*session, request("after")).await.unwrap();
    let request =
        PerplexityRequest { text: "a text of some length".repeat(9), context: 32, ..Default::default() };
    let chunks: Vec<_> = session.perplexity(request).await.unwrap().collect().await;
    assert!(chunks.len() == 5 && chunks.iter().all(|chunk| chunk.as_ref().unwrap().nll > 0.0));
    generate(&*session, crate::request("after")).await.unwrap();
}

#[tokio::test]
async fn memory_is_that_of_the_context_also_after_scoring() {
    let session = ready(0).await;
    let before = session.memory().await.unwrap().breakdown;
    all(&*session, items(10)).await;
    assert_eq!(session.memory().await.unwrap().breakdown, before);
    all(&*session, items(10)).await;
    generate(&*session, request("after")).await.unwrap();
}

#[tokio::test]
async fn what_the_context_is_used_for_excludes_the_rest() {
    let session = ready(20).await;
    let mut scoring = session.score(items(2000)).await.unwrap();
    scoring.next().await.unwrap().unwrap();
    let refused = generate(&*session, request("now")).await.unwrap_err();
    assert!(refused.to_string().contains("likelihoods are being computed"), "{refused}");
    let refused = all(&*session, items(1)).await.remove(0).unwrap_err();
    assert!(matches!(refused, EngineError::BadRequest(_)), "{refused}");
    // Others are answered in between.
    session.memory().await.unwrap();
    session.open_context(&settings()).await.unwrap();
    let rest: Vec<_> = scoring.collect().await;
    assert_eq!(rest.last().unwrap().as_ref().unwrap_err(), &EngineError::Cancelled);
    generate(&*session, request("then")).await.unwrap();
}

#[tokio::test]
async fn a_stream_nobody_reads_to_its_end_is_cancelled() {
    let session = ready(20).await;
    let mut scoring = session.score(items(50_000)).await.unwrap();
    scoring.next().await.unwrap().unwrap();
    drop(scoring);
    // Would take many minutes otherwise.
    let after = async {
        while generate(&*session, request("after")).await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), after).await.unwrap();
}

#[tokio::test]
async fn without_a_context_or_a_quantizer_there_is_a_reason() {
    let session = engine(0).await;
    let refused = all(&*session, items(1)).await.remove(0).unwrap_err();
    assert!(refused.to_string().contains("no context is open"), "{refused}");
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("source");
    std::fs::write(&source, "weights").unwrap();
    let target = folder.path().join("target");
    let request = QuantizeRequest { source, target, type_name: "q8_0".to_owned(), ..Default::default() };
    let refused = session.quantize(&request, &mut |_| true).await.unwrap_err();
    assert!(refused.to_string().contains("cannot make a file of type q8_0"), "{refused}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    assert!(session.healthy().await);
}
