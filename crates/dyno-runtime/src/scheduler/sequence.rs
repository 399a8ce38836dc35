//! One request on its way through the context.

use dyno_types::{FinishReason, GenerationReport, TokenId};

use super::Job;
use crate::BatchItem;
use crate::detokenizer::Detokenizer;
use crate::sampling::{LogitsError, Sampler};
use crate::stop::StopMatcher;

/// A request that waits or runs.
#[derive(Debug)]
pub(super) struct Sequence {
    pub(super) id: u64,
    /// Sequence number in the context; meaningless while it waits.
    pub(super) number: u32,
    pub(super) arrived_ns: u64,
    pub(super) logprobs: u32,
    pub(super) sampling_ns: u64,
    pub(super) cancelled: bool,
    pub(super) ended: bool,
    /// Prompt and generated tokens.
    tokens: Vec<TokenId>,
    prompt_tokens: usize,
    /// How many of `tokens` the context holds.
    in_context: usize,
    window: usize,
    max_tokens: u32,
    ignore_eos: bool,
    sampler: Sampler,
    text: Detokenizer,
    stop: StopMatcher,
    prefill_start_ns: Option<u64>,
    prefill_end_ns: Option<u64>,
    decode_backend_ns: u64,
    reasoning_mark: Option<&'static str>,
}

impl Sequence {
    /// A waiting sequence.
    pub(super) fn new(job: Job, sampler: Sampler, stop: StopMatcher, window: u32) -> Self {
        let prompt_tokens = job.prompt.len();
        let mut tokens = job.prompt;
        // Room for everything it may ever hold, so that no step has to move it.
        tokens.reserve((window as usize + 1).saturating_sub(prompt_tokens).min(job.max_tokens as usize));
        Self {
            id: job.id,
            number: 0,
            arrived_ns: job.arrived_ns,
            logprobs: job.logprobs,
            sampling_ns: 0,
            cancelled: false,
            ended: false,
            tokens,
            prompt_tokens,
            in_context: 0,
            window: window as usize,
            max_tokens: job.max_tokens,
            ignore_eos: job.ignore_eos,
            sampler,
            text: Detokenizer::default(),
            stop,
            prefill_start_ns: None,
            prefill_end_ns: None,
            decode_backend_ns: 0,
            reasoning_mark: job.reasoning_mark,
        }
    }

    /// Whether the whole prompt is in the context.
    pub(super) fn is_decoding(&self) -> bool {
        self.in_context >= self.prompt_tokens
    }

    /// The next batch items, at most `room`. Only the last known token needs logits.
    pub(super) fn next_items(&self, room: usize) -> impl Iterator<Item = BatchItem> + '_ {
        let known = self.tokens.len();
        let positions = self.in_context..known.min(self.in_context + room);
        positions.map(move |position| BatchItem {
            token: self.tokens[position],
            position: position as u32,
            sequence: self.number,
            wants_logits: position + 1 == known,
        })
    }

    /// Takes note of `count` items the backend has computed between the two clock readings.
    pub(super) fn computed(&mut self, count: usize, start_ns: u64, end_ns: u64) {
        if self.is_decoding() {
            self.decode_backend_ns += end_ns.saturating_sub(start_ns);
        } else {
            self.prefill_start_ns.get_or_insert(start_ns);
        }
        self.in_context += count;
        if self.is_decoding() {
            self.prefill_end_ns.get_or_insert(end_ns);
        }
    }

    /// Whether every known token is in the context, so that the next one is due.
    pub(super) fn wants_token(&self) -> bool {
        self.in_context == self.tokens.len()
    }

    /// Chooses the next token.
    pub(super) fn choose(&mut self, logits: &[f32]) -> Result<TokenId, LogitsError> {
        self.sampler.sample(logits, &self.tokens)
    }

    /// Appends the chosen token; returns the text that is complete now, and whether this is the end.
    pub(super) fn accept(
        &mut self,
        token: TokenId,
        bytes: &[u8],
        ends: bool,
    ) -> (String, Option<FinishReason>) {
        self.tokens.push(token);
        let released = self.stop.push(&self.text.push(bytes));
        let mut text = released.text;
        let reason = if ends && !self.ignore_eos {
            Some(FinishReason::Eos)
        } else if released.stopped {
            Some(FinishReason::Stop)
        } else if self.generated() >= self.max_tokens {
            Some(FinishReason::Length)
        } else if self.tokens.len() > self.window {
            Some(FinishReason::ContextFull)
        } else {
            None
        };
        if reason.is_some_and(|reason| reason != FinishReason::Stop) {
            // An incomplete character becomes U+FFFD, which passes the stop strings like any other text.
            let tail = self.stop.push(&self.text.finish()).text;
            text.push_str(&tail);
            text.push_str(&self.stop.finish());
        }
        (text, reason)
    }

    fn generated(&self) -> u32 {
        u32::try_from(self.tokens.len() - self.prompt_tokens).unwrap_or(u32::MAX)
    }

    /// The final report at this clock reading. Phases that never began start and end when the request ended.
    pub(super) fn report(&self, finish_reason: FinishReason, now_ns: u64) -> GenerationReport {
        let since_arrival = |at_ns: Option<u64>| at_ns.unwrap_or(now_ns).saturating_sub(self.arrived_ns);
        GenerationReport {
            prompt_tokens: u32::try_from(self.prompt_tokens).unwrap_or(u32::MAX),
            cached_tokens: 0,
            prefill_start_ns: since_arrival(self.prefill_start_ns),
            prefill_end_ns: since_arrival(self.prefill_end_ns),
            end_ns: since_arrival(None),
            decode_backend_ns: self.decode_backend_ns,
            sampling_ns: self.sampling_ns,
            generated_tokens: self.generated(),
            finish_reason,
            reasoning_mark: self.reasoning_mark.map(str::to_owned),
        }
    }
}
