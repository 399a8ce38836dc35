//! Scores of the fake engine: exact functions of the tokens, worked out on demand.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use dyno_types::{
    ChunkDivergence, ChunkScore, ContinuationScore, PerplexityRequest, QuantizeReport, QuantizeRequest,
    ScoreItem, ScoreRequest, ScoredItem, TokenId,
};

use super::session::{BOS, State};
use super::{FakePoint, FakeScript};
use crate::EngineError;

/// A token with at least half the probability is the likeliest, whatever the others have.
const GREEDY_LOGPROB: f64 = -std::f64::consts::LN_2;

/// What a fake reference file holds; its distributions would be the script's.
const REFERENCE_MARK: &str = "a fake engine's reference\n";

/// ln p of a token after these, by the rule of [`FakeScript::logprob`]'s default: the token after the last one, counted on,
/// has probability 1/2, and all others share the rest equally.
pub(super) fn successor_logprob(script: &FakeScript, before: &[TokenId], token: TokenId) -> f64 {
    let vocabulary = script.vocabulary.max(2);
    let successor = before.last().map_or(0, |last| (last + 1) % vocabulary);
    if token == successor { GREEDY_LOGPROB } else { GREEDY_LOGPROB - f64::from(vocabulary - 1).ln() }
}

fn logprob(script: &FakeScript, before: &[TokenId], token: TokenId) -> f64 {
    match script.logprob {
        Some(chosen) => chosen(before, token),
        None => successor_logprob(script, before, token),
    }
}

/// Items of a request, scored one by one as they are asked for.
pub(super) struct Scoring {
    pub(super) state: Arc<State>,
    pub(super) items: std::vec::IntoIter<ScoreItem>,
    pub(super) window: u32,
    pub(super) done: u64,
    pub(super) over: bool,
}

impl Scoring {
    pub(super) fn new(state: Arc<State>, request: ScoreRequest, window: u32) -> Self {
        Self { state, items: request.items.into_iter(), window, done: 0, over: false }
    }
}

impl Iterator for Scoring {
    type Item = Result<ScoredItem, EngineError>;

    fn next(&mut self) -> Option<Self::Item> {
        let item = self.items.next().filter(|_| !self.over)?;
        let number = u32::try_from(self.done + 1).unwrap_or(u32::MAX);
        if let Err(error) =
            self.state.fail_at("while scoring", |point| point == FakePoint::ScoredItem(number))
        {
            self.over = true;
            return Some(Err(error));
        }
        let script = &self.state.script;
        let outcome = match item.refusal(self.window, script.vocabulary) {
            Some(refusal) => Err(refusal),
            None => Ok(item.continuations.iter().map(|tokens| score(script, &item.prefix, tokens)).collect()),
        };
        let index = self.done;
        self.done += 1;
        Some(Ok(ScoredItem { index, outcome }))
    }
}

fn score(script: &FakeScript, prefix: &[TokenId], continuation: &[TokenId]) -> ContinuationScore {
    let all = [prefix, continuation].concat();
    let logprobs: Vec<f64> =
        (prefix.len()..all.len()).map(|place| logprob(script, &all[..place], all[place])).collect();
    let greedy = logprobs.iter().all(|logprob| *logprob >= GREEDY_LOGPROB);
    ContinuationScore { logprobs, greedy }
}

/// Chunks of a text, scored one by one as they are asked for.
pub(super) struct Chunks {
    state: Arc<State>,
    request: PerplexityRequest,
    tokens: Vec<TokenId>,
    chunks: u32,
    done: u32,
    over: bool,
}

impl Chunks {
    pub(super) fn new(
        state: Arc<State>,
        request: PerplexityRequest,
        window: u32,
        tokens: Vec<TokenId>,
    ) -> Result<Self, EngineError> {
        let refuse = |reason: String| Err(EngineError::BadRequest(reason));
        let chunks = request.chunks(tokens.len());
        if request.context > window {
            return refuse(format!("chunks of {} tokens do not fit the window of {window}", request.context));
        }
        if chunks == 0 {
            return refuse(format!("{} tokens are less than a chunk of {}", tokens.len(), request.context));
        }
        if let Some(reference) = &request.reference
            && std::fs::read_to_string(reference).ok().as_deref() != Some(REFERENCE_MARK)
        {
            return refuse(format!("{} is no reference of this engine", reference.display()));
        }
        Ok(Self { state, request, tokens, chunks, done: 0, over: false })
    }

    fn chunk(&self, index: u32) -> ChunkScore {
        let script = &self.state.script;
        let context = self.request.context as usize;
        let mut tokens = self.tokens[index as usize * context..][..context].to_vec();
        if script.adds_bos {
            tokens[0] = BOS;
        }
        let nll: Vec<f64> = (context / 2 + 1..context)
            .map(|place| -logprob(script, &tokens[..place], tokens[place]))
            .collect();
        let scored = self.request.scored_per_chunk();
        let divergence = self.request.reference.as_ref().map(|_| ChunkDivergence {
            kld: vec![script.kld; nll.len()],
            top1_agreements: scored,
            reference_nll: nll.iter().sum(),
        });
        ChunkScore {
            index,
            chunks: self.chunks,
            tokens: scored,
            nll: nll.iter().sum(),
            nll_squared: nll.iter().map(|nll| nll * nll).sum(),
            divergence,
        }
    }

    fn following(&self) -> Result<ChunkScore, EngineError> {
        let number = self.done + 1;
        self.state
            .fail_at("while computing a perplexity", |point| point == FakePoint::ScoredChunk(number))?;
        if let Some(store) = self.request.store.as_ref().filter(|_| number == self.chunks) {
            std::fs::write(store, REFERENCE_MARK).map_err(|error| unwritten(store, &error))?;
        }
        Ok(self.chunk(self.done))
    }
}

impl Iterator for Chunks {
    type Item = Result<ChunkScore, EngineError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over || self.done == self.chunks {
            return None;
        }
        let chunk = self.following();
        self.over = chunk.is_err();
        self.done += 1;
        Some(chunk)
    }
}

/// "Quantizes" by copying.
pub(super) fn copy_file(request: &QuantizeRequest) -> Result<QuantizeReport, EngineError> {
    let QuantizeRequest { source, target, .. } = request;
    let bytes = std::fs::read(source).map_err(|error| unwritten(source, &error))?;
    let mut file = std::fs::File::create_new(target).map_err(|error| unwritten(target, &error))?;
    file.write_all(&bytes).map_err(|error| unwritten(target, &error))?;
    let length = bytes.len() as u64;
    Ok(QuantizeReport { source_bytes: length, target_bytes: length, quantize_ms: 0.0 })
}

fn unwritten(path: &Path, error: &std::io::Error) -> EngineError {
    EngineError::BadRequest(format!("{}: {error}", path.display()))
}
