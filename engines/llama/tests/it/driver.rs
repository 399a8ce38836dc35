//! Drives a backend as simply as possible: a prompt in one batch, then the likeliest token again and again.

use std::path::Path;

use dyno_engine_llama::LlamaBackend;
use dyno_runtime::{Backend, BatchItem, DescribedModel};
use dyno_types::{EngineSettings, TokenId};

pub(crate) fn settings(threads: u32) -> EngineSettings {
    EngineSettings { context: 512, threads, threads_prefill: threads, ..EngineSettings::default() }
}

/// A backend with a model and a context.
pub(crate) fn open(path: &Path, settings: &EngineSettings) -> (LlamaBackend, DescribedModel) {
    let mut backend = LlamaBackend::new();
    let described = backend.load(path, settings, &mut |_| true).unwrap();
    backend.open_context(settings).unwrap();
    (backend, described)
}

/// Tokens of a sequence from a position on; logits for the last.
pub(crate) fn items(tokens: &[TokenId], position: u32, sequence: u32) -> Vec<BatchItem> {
    let last = tokens.len() - 1;
    let item = |(index, token): (usize, &TokenId)| BatchItem {
        token: *token,
        position: position + u32::try_from(index).unwrap(),
        sequence,
        wants_logits: index == last,
    };
    tokens.iter().enumerate().map(item).collect()
}

/// The likeliest token; the first of equals.
pub(crate) fn likeliest(logits: &[f32]) -> TokenId {
    assert!(logits.iter().all(|logit| logit.is_finite()), "a logit is not finite");
    let best = logits.iter().enumerate().fold((0, f32::NEG_INFINITY), |best, (index, logit)| {
        if *logit > best.1 { (index, *logit) } else { best }
    });
    TokenId::try_from(best.0).unwrap()
}

/// Continues a prompt greedily on sequence 0, from an empty context.
pub(crate) fn greedy(backend: &mut LlamaBackend, prompt: &[TokenId], count: usize) -> Vec<TokenId> {
    backend.clear();
    backend.decode(&items(prompt, 0, 0)).unwrap();
    let mut tokens = vec![likeliest(backend.logits(prompt.len() - 1))];
    while tokens.len() < count {
        let position = u32::try_from(prompt.len() + tokens.len() - 1).unwrap();
        backend.decode(&items(&tokens[tokens.len() - 1..], position, 0)).unwrap();
        tokens.push(likeliest(backend.logits(0)));
    }
    tokens
}

pub(crate) fn text(backend: &LlamaBackend, tokens: &[TokenId]) -> String {
    let bytes: Vec<u8> = tokens.iter().flat_map(|token| backend.token_bytes(*token)).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}
