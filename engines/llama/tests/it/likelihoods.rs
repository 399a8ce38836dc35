//! Packed scores are naive scores on the real engine, for every kind of state a model may have.

use std::path::Path;

use dyno_engine_llama::LlamaBackend;
use dyno_runtime::scheduler::Limits;
use dyno_runtime::scoring::Scorer;
use dyno_runtime::{Backend, BatchItem};
use dyno_types::{
    ChunkScore, ContinuationScore, EngineSettings, KvType, PerplexityRequest, ScoreItem, ScoreRequest,
    Switch, TokenId,
};
use futures::StreamExt as _;

use crate::driver::settings;
use crate::models::{DECODERS, stories, synthetic};
use crate::process::{config, open};

const TEXT: &str = "Once upon a time, there was a little girl named Lily. She loved to play outside in the park. One day, \
                    she saw a big, red ball. She wanted to play with it, but it was too high. Lily's mom said, \"Lily, \
                    let's go to the park.\" Lily was sad and did not know what to do.\n";

/// ln p of each token of a continuation, token by token in an empty context, by the textbook formula.
fn naive(backend: &mut LlamaBackend, prefix: &[TokenId], continuation: &[TokenId]) -> Vec<f64> {
    backend.clear();
    let all = [prefix, continuation].concat();
    let mut logprobs = Vec::new();
    for (position, token) in (0..).zip(&all) {
        if position as usize >= prefix.len() {
            let logits = backend.logits(0);
            let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let sum: f64 = logits.iter().map(|logit| f64::from(logit - highest).exp()).sum();
            logprobs.push(f64::from(logits[*token as usize] - highest) - sum.ln());
        }
        backend.decode(&[BatchItem { token: *token, position, sequence: 0, wants_logits: true }]).unwrap();
    }
    logprobs
}

fn score(
    path: &Path,
    settings: &EngineSettings,
    cells: u32,
    items: &[ScoreItem],
) -> Vec<Vec<ContinuationScore>> {
    let mut backend = LlamaBackend::new();
    let model = backend.load(path, settings, &mut |_| true).unwrap();
    let sequences = backend.open_pool(settings, cells).unwrap();
    let EngineSettings { batch, context: window, .. } = *settings;
    let limits = Limits { window, batch, sequences, vocabulary: model.vocabulary };
    let mut scorer = Scorer::new(items.to_vec(), limits, cells);
    let mut results = Vec::new();
    while !scorer.is_done() {
        scorer.step(&mut backend, &mut results);
    }
    results.into_iter().map(|item| item.outcome.unwrap()).collect()
}

/// Nothing is rounded to half precision, so that batches of other sizes change next to nothing.
fn exact() -> EngineSettings {
    let (kv_type_k, kv_type_v) = (KvType::F32, KvType::F32);
    EngineSettings { kv_type_k, kv_type_v, flash_attention: Switch::Off, ubatch: 64, ..settings(1) }
}

/// Items that share beginnings, with continuations of different lengths. The longest is longer than the windows of the small
/// shapes.
fn items(vocabulary: u32) -> Vec<ScoreItem> {
    let tokens =
        |seed: u32, length: u32| (0..length).map(|at| (seed * 31 + at * 7 + 3) % vocabulary).collect();
    let preamble: Vec<TokenId> = tokens(1, 90);
    let mut items = Vec::new();
    for number in 0..5 {
        let mut prefix = preamble.clone();
        prefix.extend::<Vec<_>>(tokens(number + 2, 5 + number * 9));
        let continuations =
            vec![tokens(number, 1), tokens(number + 1, 6), tokens(9, 3), tokens(number + 3, 6)];
        items.push(ScoreItem { prefix, continuations });
    }
    items.push(ScoreItem { prefix: tokens(5, 3), continuations: vec![tokens(5, 40), tokens(6, 2)] });
    items
}

fn assert_naive(path: &Path, vocabulary: u32, tolerance: f64) {
    let items = items(vocabulary);
    let mut plain = LlamaBackend::new();
    let alone = exact();
    plain.load(path, &alone, &mut |_| true).unwrap();
    plain.open_context(&alone).unwrap();
    let expected: Vec<Vec<Vec<f64>>> = items
        .iter()
        .map(|item| item.continuations.iter().map(|tokens| naive(&mut plain, &item.prefix, tokens)).collect())
        .collect();
    for (sequences, batch, cells) in [(1, 512, exact().context), (2, 100, 1000), (4, 512, 4000)] {
        let settings = EngineSettings { sequences, batch, ..exact() };
        let scores = score(path, &settings, cells, &items);
        for (item, (scores, expected)) in scores.iter().zip(&expected).enumerate() {
            for (continuation, (score, expected)) in scores.iter().zip(expected).enumerate() {
                assert_eq!(score.logprobs.len(), expected.len());
                for (got, expected) in score.logprobs.iter().zip(expected) {
                    let name = path.file_name().unwrap().display();
                    assert!(
                        (got - expected).abs() < tolerance,
                        "{name}, {cells} cells, item {item}, continuation {continuation}: {got} is not {expected}"
                    );
                }
            }
        }
    }
}

#[test]
fn packed_scores_are_naive_scores_for_every_shape() {
    for shape in DECODERS {
        // llama.cpp looks GELU up in a table of half precision, which these two use.
        let tolerance = if matches!(shape, "tiny-gemma3" | "tiny-starcoder") { 1e-3 } else { 1e-4 };
        assert_naive(&synthetic(&format!("{shape}@f32")), 200, tolerance);
    }
    // Weights in half precision round what is multiplied with them, and nonsense as text has a ln p of −25.
    assert_naive(&stories(), 512, 2e-2);
}

#[tokio::test]
async fn the_probabilities_of_all_tokens_sum_to_one() {
    let path = stories();
    let settings = EngineSettings { sequences: 4, ..settings(2) };
    let session = open(config(), &path, &settings).await.unwrap();
    let prefix = session.tokenize("Once upon a time", true, false).await.unwrap();
    let every = (0..512).map(|token| vec![token]).collect();
    let items = vec![ScoreItem { prefix, continuations: every }; 3];
    let mut stream = session.score(ScoreRequest { items }).await.unwrap();
    let mut count = 0;
    while let Some(item) = stream.next().await {
        let item = item.unwrap();
        assert_eq!(item.index, count);
        count += 1;
        let scores = item.outcome.unwrap();
        let sum: f64 = scores.iter().map(|score| score.logprob().exp()).sum();
        assert!((sum - 1.0).abs() < 1e-6, "{sum}");
        assert_eq!(scores.iter().filter(|score| score.greedy).count(), 1);
    }
    assert_eq!(count, 3);
}

/// Perplexity chunks of a long enough text.
pub(crate) async fn chunks(
    path: &Path,
    request: PerplexityRequest,
    sequences: u32,
) -> Result<Vec<ChunkScore>, String> {
    let settings = EngineSettings { sequences, ..settings(2) };
    let session = open(config(), path, &settings).await.unwrap();
    let mut stream = session.perplexity(request).await.map_err(|error| error.to_string())?;
    let mut chunks = Vec::new();
    while let Some(chunk) = stream.next().await {
        chunks.push(chunk.map_err(|error| error.to_string())?);
    }
    session.stop().await;
    Ok(chunks)
}

pub(crate) fn request() -> PerplexityRequest {
    PerplexityRequest { text: TEXT.repeat(4), context: 96, ..Default::default() }
}

pub(crate) fn ppl(chunks: &[ChunkScore]) -> f64 {
    let nll: f64 = chunks.iter().map(|chunk| chunk.nll).sum();
    let tokens: f64 = chunks.iter().map(|chunk| f64::from(chunk.tokens)).sum();
    (nll / tokens).exp()
}

#[tokio::test]
async fn a_perplexity_is_the_same_every_time_and_differs_from_itself_by_nothing() {
    let path = stories();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("reference");
    let stored = PerplexityRequest { store: Some(file.clone()), ..request() };
    let first = chunks(&path, stored, 2).await.unwrap();
    let files: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(files, ["reference"]);
    let again = chunks(&path, request(), 2).await.unwrap();
    assert_eq!(first, again);
    assert!(first.len() >= 4 && (1.5..8.0).contains(&ppl(&first)), "{}", ppl(&first));
    let alone = chunks(&path, request(), 1).await.unwrap();
    assert!((ppl(&alone) / ppl(&first) - 1.0).abs() < 1e-3, "{} {}", ppl(&alone), ppl(&first));
    let compared =
        chunks(&path, PerplexityRequest { reference: Some(file.clone()), ..request() }, 2).await.unwrap();
    for chunk in &compared {
        let divergence = chunk.divergence.as_ref().unwrap();
        assert_eq!(divergence.top1_agreements, chunk.tokens);
        assert!(divergence.kld.iter().all(|kld| *kld < 1e-6), "{:?}", divergence.kld);
    }
    let bytes = std::fs::read(&file).unwrap();
    std::fs::write(&file, &bytes[..bytes.len() - 1]).unwrap();
    let truncated = PerplexityRequest { reference: Some(file), ..request() };
    assert!(chunks(&path, truncated, 2).await.unwrap_err().contains("not what its header announces"));
}
