//! Requests about likelihoods and quantization, and what they gave: conversions and checks, both ways.

use std::collections::VecDeque;

use dyno_types::{
    ChunkDivergence, ChunkScore, ContinuationScore, LOGPROB_MIN, PERPLEXITY_TEXT_BYTES_MAX,
    PerplexityRequest, QuantizeRequest, REFERENCE_BYTES_MAX, SCORE_ITEM_TOKENS_MAX, SCORE_ITEMS_MAX,
    SCORE_TOKENS_MAX, ScoreItem, ScoreRefusal, ScoreRequest, ScoredItem,
};

use super::paths::{received_path, sent_path};
use super::{FAILURE_BYTES_MAX, ProtocolError, proto};

/// Tokens of items that travel in one message, at least one item.
const MESSAGE_TOKENS: usize = 1 << 18;

/// Items that travel in one message.
const MESSAGE_ITEMS: usize = 4096;

/// Fewest tokens of a chunk of text.
const CONTEXT_MIN: u32 = 4;

/// Most threads of a quantization.
const THREADS_MAX: u32 = 1024;

/// Longest name of a type, bytes.
const TYPE_NAME_BYTES_MAX: usize = 32;

/// Checks the bounds of a request; what is wrong with a single item is that item's own refusal, later.
///
/// # Errors
/// When there are no items, or more or longer ones than an engine takes at once.
pub fn check_score(request: &ScoreRequest) -> Result<(), ProtocolError> {
    let items = request.items.len();
    if !(1..=SCORE_ITEMS_MAX).contains(&items) {
        return Err(ProtocolError::new(
            "items",
            items,
            format!("1 to {SCORE_ITEMS_MAX}; ask in several requests"),
        ));
    }
    let longest = request.items.iter().map(ScoreItem::tokens).max().unwrap_or(0);
    if longest > SCORE_ITEM_TOKENS_MAX {
        let expected = format!("at most {SCORE_ITEM_TOKENS_MAX} tokens");
        return Err(ProtocolError::new("items", format!("one of {longest} tokens"), expected));
    }
    let tokens: usize = request.items.iter().map(ScoreItem::tokens).sum();
    if tokens > SCORE_TOKENS_MAX {
        let expected = format!("at most {SCORE_TOKENS_MAX} tokens; ask in several requests");
        return Err(ProtocolError::new("items", format!("{tokens} tokens"), expected));
    }
    Ok(())
}

/// The items of a request as the messages that carry them.
pub fn score_messages(request: ScoreRequest) -> impl Iterator<Item = proto::ScoreItems> + Send {
    let mut items = request.items.into_iter().peekable();
    std::iter::from_fn(move || {
        let mut message = proto::ScoreItems::default();
        let mut tokens = 0;
        while let Some(item) = items.next_if(|item| {
            let fits = tokens + item.tokens() <= MESSAGE_TOKENS && message.items.len() < MESSAGE_ITEMS;
            message.items.is_empty() || fits
        }) {
            tokens += item.tokens();
            message.items.push(item.into());
        }
        (!message.items.is_empty()).then_some(message)
    })
}

impl From<ScoreItem> for proto::ScoreItem {
    fn from(item: ScoreItem) -> Self {
        let continuations = item.continuations.into_iter().map(|tokens| proto::Tokens { tokens });
        Self { prefix: item.prefix, continuations: continuations.collect() }
    }
}

impl From<proto::ScoreItem> for ScoreItem {
    fn from(message: proto::ScoreItem) -> Self {
        let continuations = message.continuations.into_iter().map(|continuation| continuation.tokens);
        Self { prefix: message.prefix, continuations: continuations.collect() }
    }
}

impl From<ScoredItem> for proto::ScoredItem {
    fn from(item: ScoredItem) -> Self {
        use proto::scored_item::Outcome;
        let outcome = match item.outcome {
            Ok(scores) => Outcome::Scores(proto::ContinuationScores {
                continuations: scores
                    .into_iter()
                    .map(|ContinuationScore { logprobs, greedy }| proto::ContinuationScore {
                        logprobs,
                        greedy,
                    })
                    .collect(),
            }),
            Err(refusal) => Outcome::Refused(refusal.into()),
        };
        Self { index: item.index, outcome: Some(outcome) }
    }
}

impl From<ScoreRefusal> for proto::ScoreRefusal {
    fn from(refusal: ScoreRefusal) -> Self {
        use proto::score_refusal::{Refusal, TooLong, UnknownToken};
        let refusal = match refusal {
            ScoreRefusal::EmptyPrefix => Refusal::EmptyPrefix(proto::Empty {}),
            ScoreRefusal::NoContinuations => Refusal::NoContinuations(proto::Empty {}),
            ScoreRefusal::EmptyContinuation { continuation } => Refusal::EmptyContinuation(continuation),
            ScoreRefusal::TooLong { prefix_tokens, continuation, continuation_tokens, window } => {
                Refusal::TooLong(TooLong { prefix_tokens, continuation, continuation_tokens, window })
            }
            ScoreRefusal::UnknownToken { token, vocabulary } => {
                Refusal::UnknownToken(UnknownToken { token, vocabulary })
            }
            ScoreRefusal::Failed { reason } => Refusal::Failed(reason),
        };
        Self { refusal: Some(refusal) }
    }
}

impl TryFrom<proto::ScoreRefusal> for ScoreRefusal {
    type Error = ProtocolError;

    fn try_from(message: proto::ScoreRefusal) -> Result<Self, ProtocolError> {
        use proto::score_refusal::{Refusal, TooLong, UnknownToken};
        Ok(match message.refusal.ok_or_else(|| ProtocolError::missing("refusal"))? {
            Refusal::EmptyPrefix(_) => Self::EmptyPrefix,
            Refusal::NoContinuations(_) => Self::NoContinuations,
            Refusal::EmptyContinuation(continuation) => Self::EmptyContinuation { continuation },
            Refusal::TooLong(TooLong { prefix_tokens, continuation, continuation_tokens, window }) => {
                Self::TooLong { prefix_tokens, continuation, continuation_tokens, window }
            }
            Refusal::UnknownToken(UnknownToken { token, vocabulary }) => {
                Self::UnknownToken { token, vocabulary }
            }
            Refusal::Failed(reason) => {
                Self::Failed { reason: reason.chars().take(FAILURE_BYTES_MAX).collect() }
            }
        })
    }
}

/// What the results of a request must look like: which item comes next, and how many tokens its continuations have.
#[derive(Debug)]
pub struct ScoreExpectation {
    next: u64,
    /// Lengths of the continuations of the items to come.
    items: VecDeque<Vec<u32>>,
}

impl ScoreExpectation {
    /// What is to come for this request.
    #[must_use]
    pub fn of(request: &ScoreRequest) -> Self {
        let length = |tokens: &Vec<_>| u32::try_from(tokens.len()).unwrap_or(u32::MAX);
        let lengths = |item: &ScoreItem| item.continuations.iter().map(length).collect();
        Self { next: 0, items: request.items.iter().map(lengths).collect() }
    }

    /// Whether every item has come.
    #[must_use]
    pub fn is_fulfilled(&self) -> bool {
        self.items.is_empty()
    }

    /// Takes the next item's result.
    ///
    /// # Errors
    /// When it is another item's, does not have the shape that was asked for, or holds what is no log-probability.
    pub fn accept(&mut self, message: proto::ScoredItem) -> Result<ScoredItem, ProtocolError> {
        use proto::scored_item::Outcome;
        let lengths = self.items.pop_front().unwrap_or_default();
        let index = message.index;
        if index != self.next {
            return Err(ProtocolError::new("index", index, self.next.to_string()));
        }
        self.next += 1;
        let outcome = match message.outcome.ok_or_else(|| ProtocolError::missing("outcome"))? {
            Outcome::Refused(refusal) => Err(refusal.try_into()?),
            Outcome::Scores(scores) => Ok(continuation_scores(scores, &lengths)?),
        };
        Ok(ScoredItem { index, outcome })
    }
}

fn continuation_scores(
    message: proto::ContinuationScores,
    lengths: &[u32],
) -> Result<Vec<ContinuationScore>, ProtocolError> {
    let got: Vec<usize> = message.continuations.iter().map(|score| score.logprobs.len()).collect();
    if !got.iter().copied().eq(lengths.iter().map(|length| *length as usize)) {
        let expected = format!("{} continuations of the lengths asked for", lengths.len());
        return Err(ProtocolError::new("logprobs", format!("{} continuations", got.len()), expected));
    }
    let score = |message: proto::ContinuationScore| {
        let logprobs = message.logprobs.into_iter().map(logprob).collect::<Result<_, _>>()?;
        Ok(ContinuationScore { logprobs, greedy: message.greedy })
    };
    message.continuations.into_iter().map(score).collect()
}

/// ln p: finite, at most 0.
fn logprob(value: f64) -> Result<f64, ProtocolError> {
    if (LOGPROB_MIN..=0.0).contains(&value) {
        Ok(value)
    } else {
        Err(ProtocolError::new("logprobs", value, "finite and at most 0"))
    }
}

/// Checks everything about a perplexity that needs no model. Both sides call it.
///
/// # Errors
/// Names the first field that is out of range.
pub fn check_perplexity(request: &PerplexityRequest) -> Result<(), ProtocolError> {
    let bytes = request.text.len();
    if bytes == 0 || bytes > PERPLEXITY_TEXT_BYTES_MAX {
        let expected = format!("1 to {PERPLEXITY_TEXT_BYTES_MAX} bytes");
        return Err(ProtocolError::new("text", format!("{bytes} bytes"), expected));
    }
    if request.context < CONTEXT_MIN {
        return Err(ProtocolError::new("context", request.context, format!("at least {CONTEXT_MIN}")));
    }
    if request.store_bytes_max > REFERENCE_BYTES_MAX {
        let expected = format!("at most {REFERENCE_BYTES_MAX}");
        return Err(ProtocolError::new("store_bytes_max", request.store_bytes_max, expected));
    }
    if request.store.is_some() && request.store == request.reference {
        return Err(ProtocolError::new("store", "the file to compare with", "another file"));
    }
    Ok(())
}

impl From<PerplexityRequest> for proto::PerplexityRequest {
    fn from(request: PerplexityRequest) -> Self {
        Self {
            store: sent_path(request.store.as_deref()),
            reference: sent_path(request.reference.as_deref()),
            text: request.text,
            context: request.context,
            chunks_max: request.chunks_max,
            store_bytes_max: request.store_bytes_max,
        }
    }
}

impl TryFrom<proto::PerplexityRequest> for PerplexityRequest {
    type Error = ProtocolError;

    fn try_from(message: proto::PerplexityRequest) -> Result<Self, ProtocolError> {
        let request = Self {
            text: message.text,
            context: message.context,
            chunks_max: message.chunks_max,
            store: received_path(message.store),
            store_bytes_max: message.store_bytes_max,
            reference: received_path(message.reference),
        };
        check_perplexity(&request)?;
        Ok(request)
    }
}

impl From<ChunkScore> for proto::ChunkScore {
    fn from(chunk: ChunkScore) -> Self {
        let divergence = |ChunkDivergence { kld, top1_agreements, reference_nll }| proto::ChunkDivergence {
            kld,
            top1_agreements,
            reference_nll,
        };
        Self {
            index: chunk.index,
            chunks: chunk.chunks,
            tokens: chunk.tokens,
            nll: chunk.nll,
            nll_squared: chunk.nll_squared,
            divergence: chunk.divergence.map(divergence),
        }
    }
}

/// The next chunk's score, which must have the shape that was asked for.
///
/// # Errors
/// When it is another chunk's, has another shape, or holds figures that cannot be.
pub fn chunk_score(
    message: proto::ChunkScore,
    next: u32,
    request: &PerplexityRequest,
) -> Result<ChunkScore, ProtocolError> {
    let same = |field, got: u32, asked: u32| {
        if got == asked { Ok(()) } else { Err(ProtocolError::new(field, got, asked.to_string())) }
    };
    same("index", message.index, next)?;
    same("tokens", message.tokens, request.scored_per_chunk())?;
    if message.chunks <= message.index {
        return Err(ProtocolError::new("chunks", message.chunks, format!("more than {}", message.index)));
    }
    let amount = |field, value: f64| {
        let ok = value.is_finite() && value >= 0.0;
        if ok { Ok(value) } else { Err(ProtocolError::new(field, value, "finite and not negative")) }
    };
    if message.divergence.is_some() != request.reference.is_some() {
        return Err(ProtocolError::new(
            "divergence",
            message.divergence.is_some(),
            "present where asked for",
        ));
    }
    let divergence = message.divergence.map(|divergence| {
        let places = u32::try_from(divergence.kld.len()).unwrap_or(u32::MAX);
        same("kld", places, message.tokens)?;
        for kld in &divergence.kld {
            amount("kld", f64::from(*kld))?;
        }
        if divergence.top1_agreements > places {
            let expected = format!("at most {places}");
            return Err(ProtocolError::new("top1_agreements", divergence.top1_agreements, expected));
        }
        Ok(ChunkDivergence {
            kld: divergence.kld,
            top1_agreements: divergence.top1_agreements,
            reference_nll: amount("reference_nll", divergence.reference_nll)?,
        })
    });
    Ok(ChunkScore {
        index: message.index,
        chunks: message.chunks,
        tokens: message.tokens,
        nll: amount("nll", message.nll)?,
        nll_squared: amount("nll_squared", message.nll_squared)?,
        divergence: divergence.transpose()?,
    })
}

/// Checks everything about a quantization that needs no file. Both sides call it.
///
/// # Errors
/// Names the first field that is out of range.
pub fn check_quantize(request: &QuantizeRequest) -> Result<(), ProtocolError> {
    let name = &request.type_name;
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.is_empty() || name.len() > TYPE_NAME_BYTES_MAX || !name.chars().all(plain) {
        let shown: String = name.chars().take(TYPE_NAME_BYTES_MAX).collect();
        return Err(ProtocolError::new("type_name", format!("{shown:?}"), "a type such as q4_k_m"));
    }
    if request.threads > THREADS_MAX {
        return Err(ProtocolError::new("threads", request.threads, format!("at most {THREADS_MAX}")));
    }
    for path in [&request.source, &request.target].into_iter().chain(&request.imatrix) {
        if path.as_os_str().is_empty() {
            return Err(ProtocolError::new("path", "empty", "a path"));
        }
    }
    Ok(())
}

impl From<&QuantizeRequest> for proto::QuantizeRequest {
    fn from(request: &QuantizeRequest) -> Self {
        Self {
            source: sent_path(Some(&request.source)),
            target: sent_path(Some(&request.target)),
            type_name: request.type_name.clone(),
            threads: request.threads,
            imatrix: sent_path(request.imatrix.as_deref()),
            pure_type: request.pure_type,
            allow_requantize: request.allow_requantize,
        }
    }
}

impl TryFrom<proto::QuantizeRequest> for QuantizeRequest {
    type Error = ProtocolError;

    fn try_from(message: proto::QuantizeRequest) -> Result<Self, ProtocolError> {
        let request = Self {
            source: received_path(message.source).unwrap_or_default(),
            target: received_path(message.target).unwrap_or_default(),
            type_name: message.type_name,
            threads: message.threads,
            imatrix: received_path(message.imatrix),
            pure_type: message.pure_type,
            allow_requantize: message.allow_requantize,
        };
        check_quantize(&request)?;
        Ok(request)
    }
}

/// The time a quantization states, ms.
///
/// # Errors
/// When it is not finite, or negative.
pub fn quantize_ms(message: proto::QuantizeReply) -> Result<f64, ProtocolError> {
    super::replies::duration_ms("quantize_ms", message.quantize_ms)
}
