//! What can go wrong while likelihoods and quantized files come.

use std::path::Path;

use dyno_engine::{EngineError, ExitCause, Session};
use dyno_types::{
    ContinuationScore, PerplexityRequest, QuantizeRequest, SCORE_ITEMS_MAX, ScoreItem, ScoreRequest,
    ScoredItem,
};
use futures::StreamExt as _;

use crate::scripted::{guarded, start};

fn items(count: usize) -> ScoreRequest {
    let item = |number: usize| ScoreItem {
        prefix: vec![1; number % 5 + 1],
        continuations: vec![vec![1, 2], vec![3]],
    };
    ScoreRequest { items: (0..count).map(item).collect() }
}

/// Results before the end, and how it ended.
async fn score(session: &dyn Session, request: ScoreRequest) -> (Vec<ScoredItem>, Result<(), EngineError>) {
    let mut stream = match guarded(session.score(request)).await {
        Ok(stream) => stream,
        Err(error) => return (Vec::new(), Err(error)),
    };
    let mut results = Vec::new();
    while let Some(item) = guarded(stream.next()).await {
        match item {
            Ok(item) => results.push(item),
            Err(error) => {
                assert!(guarded(stream.next()).await.is_none(), "nothing follows an error");
                return (results, Err(error));
            }
        }
    }
    (results, Ok(()))
}

#[tokio::test]
async fn many_items_go_and_come_in_many_messages() {
    let session = start("sound").await;
    let (results, end) = score(&*session, items(10_000)).await;
    assert_eq!(end, Ok(()));
    let score = |tokens| ContinuationScore { logprobs: vec![-1.0; tokens], greedy: true };
    let expected = (0..10_000).map(|index| ScoredItem { index, outcome: Ok(vec![score(2), score(1)]) });
    assert!(results.into_iter().eq(expected));
    for request in [items(0), items(SCORE_ITEMS_MAX + 1)] {
        let refused = score_error(&*session, request).await;
        assert!(matches!(&refused, EngineError::BadRequest(reason) if reason.contains("items")), "{refused}");
    }
}

async fn score_error(session: &dyn Session, request: ScoreRequest) -> EngineError {
    score(session, request).await.1.unwrap_err()
}

#[tokio::test]
async fn results_that_were_not_asked_for_are_refused() {
    for (behaviour, word) in
        [("score-nan", "logprobs"), ("score-short", "logprobs"), ("score-disordered", "index is 1")]
    {
        let error = score_error(&*start(behaviour).await, items(3)).await;
        assert!(matches!(&error, EngineError::Internal(reason) if reason.contains(word)), "{error}");
    }
    let (results, end) = score(&*start("score-ends-early").await, items(3)).await;
    assert_eq!(results.len(), 1);
    assert!(end.unwrap_err().to_string().contains("ended the stream of results"));
    let (results, end) = score(&*start("hang-in-score").await, items(3)).await;
    assert_eq!(results.len(), 1);
    assert!(
        matches!(end.unwrap_err(), EngineError::Deadline { during, .. } if during == "while scoring 3 items")
    );
}

#[tokio::test]
async fn chunks_must_have_the_shape_that_was_asked_for() {
    let request = PerplexityRequest { text: "long enough".to_owned(), context: 8, ..Default::default() };
    let session = start("sound").await;
    let chunks: Vec<_> = guarded(session.perplexity(request.clone()).await.unwrap().collect()).await;
    assert_eq!(chunks.iter().map(|chunk| chunk.as_ref().unwrap().tokens).collect::<Vec<_>>(), [3, 3]);
    let session = start("short-chunk").await;
    let mut stream = session.perplexity(request.clone()).await.unwrap();
    let error = guarded(stream.next()).await.unwrap().unwrap_err();
    assert!(matches!(&error, EngineError::Internal(reason) if reason.contains("tokens is 2")), "{error}");
    assert!(guarded(stream.next()).await.is_none());
    for wrong in [
        PerplexityRequest { text: String::new(), ..request.clone() },
        PerplexityRequest { context: 3, ..request.clone() },
        PerplexityRequest { store_bytes_max: u64::MAX, ..request.clone() },
        PerplexityRequest { store: Some("x".into()), reference: Some("x".into()), ..request.clone() },
        PerplexityRequest { store: Some("/nowhere/at/all".into()), ..request },
    ] {
        let error = session.perplexity(wrong).await.err().unwrap();
        assert!(matches!(error, EngineError::BadRequest(_)), "{error}");
    }
}

fn quantize(folder: &Path) -> QuantizeRequest {
    let source = folder.join("source");
    std::fs::write(&source, "weights").unwrap();
    QuantizeRequest {
        source,
        target: folder.join("target"),
        type_name: "q8_0".to_owned(),
        ..Default::default()
    }
}

#[tokio::test]
async fn a_quantized_file_appears_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let request = quantize(folder.path());
    let files = || std::fs::read_dir(folder.path()).unwrap().count();
    for (behaviour, kind) in
        [("refuse-quantize", "BadRequest"), ("abort-in-quantize", "Died"), ("hang-in-quantize", "Deadline")]
    {
        let session = start(behaviour).await;
        let error = guarded(session.quantize(&request, &mut |_| true)).await.unwrap_err();
        assert!(format!("{error:?}").starts_with(kind), "{error:?}");
        if let EngineError::Died { cause, during, .. } = &error {
            assert_eq!((cause, during.as_str()), (&ExitCause::Signal(6), "while quantizing source to q8_0"));
        }
        assert_eq!(files(), 1, "{behaviour} left something behind");
    }
    let session = start("sound").await;
    let report = guarded(session.quantize(&request, &mut |_| true)).await.unwrap();
    assert_eq!((report.source_bytes, report.target_bytes, report.quantize_ms), (7, 7, 3.0));
    assert_eq!(std::fs::read_to_string(&request.target).unwrap(), "weights");
    assert_eq!(files(), 2);
    let again = guarded(session.quantize(&request, &mut |_| true)).await.unwrap_err();
    assert!(again.to_string().contains("exists already"), "{again}");
}
