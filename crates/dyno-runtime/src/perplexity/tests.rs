//! A text's chunks against the plain definition, and references against themselves.

use dyno_types::EngineSettings;

use super::*;
use crate::testing::{BOS, Behaviour, TestBackend, VOCABULARY};

fn open(batch: u32, sequences: u32) -> (TestBackend, Limits) {
    let mut backend = TestBackend::new(Behaviour { long_memory: true, ..Behaviour::default() });
    let settings = EngineSettings { context: 64, batch, sequences, ..EngineSettings::default() };
    backend.open_context(&settings).unwrap();
    (backend, Limits { window: 64, batch, sequences, vocabulary: VOCABULARY })
}

fn text(length: usize) -> String {
    (0..length).map(|index| char::from(b'a' + (index * index % 26) as u8)).collect()
}

fn request(context: u32) -> PerplexityRequest {
    PerplexityRequest { text: text(150), context, ..Default::default() }
}

fn run(request: &PerplexityRequest, batch: u32, sequences: u32) -> Result<Vec<ChunkScore>, Failure> {
    let (mut backend, limits) = open(batch, sequences);
    let mut perplexity = Perplexity::begin(request, &mut backend, &TestBackend::model(), limits)?;
    let mut chunks = Vec::new();
    while !perplexity.is_done() {
        perplexity.step(&mut backend, &mut chunks)?;
    }
    Ok(chunks)
}

/// Σ nll of each chunk, token by token.
fn by_hand(request: &PerplexityRequest) -> Vec<f64> {
    let (mut backend, _) = open(64, 1);
    let tokens = backend.tokenize(&request.text, true, false).unwrap();
    let context = request.context as usize;
    let whole = tokens.chunks_exact(context).map(|chunk| {
        backend.clear();
        let mut nll = 0.0;
        for (place, token) in chunk.iter().enumerate() {
            if place > context / 2 {
                let logits = backend.logits(0);
                let sum: f64 = logits.iter().map(|logit| f64::from(*logit).exp()).sum();
                nll += sum.ln() - f64::from(logits[*token as usize]);
            }
            let token = if place == 0 { BOS } else { *token };
            let position = u32::try_from(place).unwrap();
            backend.decode(&[BatchItem { token, position, sequence: 0, wants_logits: true }]).unwrap();
        }
        nll
    });
    whole.collect()
}

#[test]
fn chunks_are_scored_as_defined_whatever_the_batches() {
    for context in [4, 7, 32, 50] {
        let request = request(context);
        let expected = by_hand(&request);
        for (batch, sequences) in [(1, 1), (8, 1), (64, 1), (64, 3), (100, 2), (9, 8)] {
            let chunks = run(&request, batch, sequences).unwrap();
            assert_eq!(chunks.len(), expected.len());
            for (index, (chunk, nll)) in (0..).zip(chunks.iter().zip(&expected)) {
                assert!((chunk.nll - nll).abs() < 1e-4, "{} is not {nll}", chunk.nll);
                let shape = (chunk.index, chunk.chunks as usize, chunk.tokens);
                assert_eq!(shape, (index, expected.len(), request.scored_per_chunk()));
                assert!(chunk.nll_squared * f64::from(chunk.tokens) >= chunk.nll * chunk.nll * 0.999);
            }
        }
    }
}

#[test]
fn requests_that_cannot_be_computed_are_refused_before_anything_is() {
    let refusal = |request: PerplexityRequest| run(&request, 64, 1).unwrap_err().message;
    assert!(refusal(request(65)).contains("window of 64"));
    assert!(refusal(PerplexityRequest { text: text(20), ..request(32) }).contains("21 tokens"));
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("reference");
    let big = refusal(PerplexityRequest { store: Some(store.clone()), store_bytes_max: 1000, ..request(32) });
    assert!(big.contains("more than the 1000 allowed"), "{big}");
    assert!(!store.exists());
    let nowhere = PerplexityRequest { store: Some("/nowhere/at/all".into()), ..request(32) };
    assert!(refusal(nowhere).contains("cannot write"));
}

#[test]
fn a_model_does_not_differ_from_itself() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("reference");
    let plain = run(&request(32), 64, 2).unwrap();
    let stored = run(&PerplexityRequest { store: Some(path.clone()), ..request(32) }, 64, 2).unwrap();
    assert_eq!(plain, stored);
    let compared =
        run(&PerplexityRequest { reference: Some(path), chunks_max: 3, ..request(32) }, 20, 3).unwrap();
    assert_eq!(compared.len(), 3);
    for (chunk, own) in compared.iter().zip(&plain) {
        let divergence = chunk.divergence.as_ref().unwrap();
        assert_eq!(divergence.kld.len(), 15);
        assert!(divergence.kld.iter().all(|kld| *kld < 1e-6), "{:?}", divergence.kld);
        assert_eq!(divergence.top1_agreements, 15);
        assert!(
            (divergence.reference_nll - own.nll).abs() < 1e-2,
            "{} {}",
            divergence.reference_nll,
            own.nll
        );
    }
}

#[test]
fn references_of_something_else_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("reference");
    run(&PerplexityRequest { store: Some(path.clone()), chunks_max: 2, ..request(32) }, 64, 2).unwrap();
    let compare = |request: PerplexityRequest| {
        let request = PerplexityRequest { reference: Some(path.clone()), ..request };
        run(&request, 64, 2).map(|chunks| chunks.len()).map_err(|failure| failure.message)
    };
    let two = PerplexityRequest { chunks_max: 2, ..request(32) };
    assert_eq!(compare(two.clone()), Ok(2));
    let refused = |request: PerplexityRequest, word: &str| {
        let reason = compare(request).unwrap_err();
        assert!(reason.contains(word), "{reason}");
    };
    refused(request(32), "it has 2 chunks");
    refused(PerplexityRequest { chunks_max: 2, ..request(30) }, "tokens per chunk");
    refused(PerplexityRequest { text: text(150).replace('a', "b"), ..two.clone() }, "another text");
    let sound = std::fs::read(&path).unwrap();
    let forged = |at: usize, bytes: &[u8]| {
        let mut file = sound.clone();
        file[at..at + bytes.len()].copy_from_slice(bytes);
        std::fs::write(&path, file).unwrap();
    };
    forged(0, b"X");
    refused(two.clone(), "no file of reference");
    forged(8, &[9]);
    refused(two.clone(), "version 9");
    forged(12, &[1]);
    refused(two.clone(), "tokens in the vocabulary");
    forged(20, &[0xff; 4]);
    refused(two.clone(), "announces more than");
    forged(20, &[3]);
    refused(two.clone(), "not what its header announces");
    let rows_at = 32 + 4 * 64;
    for (at, bytes) in [(0, f32::NAN), (0, -1.0), (0, 1.0), (4, f32::NAN), (4, 1.0), (4, -0.1)] {
        forged(rows_at + at, &bytes.to_le_bytes());
        refused(two.clone(), "holds no distribution");
    }
    forged(rows_at + 8, &[0xff; 4]);
    refused(two.clone(), "holds no distribution");
    for length in [0, 20, 32, 100, sound.len() - 1] {
        std::fs::write(&path, &sound[..length]).unwrap();
        assert!(compare(two.clone()).is_err());
    }
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    refused(two, "not a file");
}
