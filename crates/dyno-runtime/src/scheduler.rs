//! Continuous batching: which tokens of which sequences the backend computes next, and what becomes of the results.
//!
//! A request waits until one of the context's sequences is free, its prompt is computed in pieces, then it gets one
//! token per step. Every step is one backend batch: first the next token of each sequence that is decoding, then prompt
//! pieces in the order of admission up to the batch size. Nothing is shared between requests: there is no prefix cache,
//! so `cached_tokens` is always 0.

use std::collections::VecDeque;
use std::ops::Range;

use dyno_types::{
    FinishReason, GeneratedToken, GenerationReport, REASONING_TOKENS, Sampling, TokenId, TokenPiece,
};

use crate::sampling::{LogitsError, Sampler, log_probabilities};
use crate::stop::StopMatcher;
use crate::{Backend, BackendError, BatchItem, Clock, Failure, FailureKind};

mod sequence;

use sequence::Sequence;

/// Most requests that wait for a free sequence.
pub const WAITING_MAX: usize = 1024;

/// What the open context can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Window of each sequence, tokens.
    pub window: u32,
    /// Most tokens per batch; at least `sequences`.
    pub batch: u32,
    /// Sequences.
    pub sequences: u32,
    /// Tokens in the vocabulary.
    pub vocabulary: u32,
}

/// A request whose prompt is already tokens.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Chosen by the caller, unique among the running ones.
    pub id: u64,
    /// Prompt.
    pub prompt: Vec<TokenId>,
    /// Sampling.
    pub sampling: Sampling,
    /// Most tokens to produce.
    pub max_tokens: u32,
    /// Stop strings.
    pub stop: Vec<String>,
    /// Go on past tokens that end a generation.
    pub ignore_eos: bool,
    /// Most likely tokens to report per step; 0 reports no log-probabilities.
    pub logprobs: u32,
    /// Clock when the request arrived; its reports count from here.
    pub arrived_ns: u64,
    /// Mark of reasoning that the prompt ends with.
    pub reasoning_mark: Option<&'static str>,
}

/// What happened to one request.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// A token. The token that ends a generation is one too; it has no text of its own.
    Token(GeneratedToken),
    /// The end; nothing follows.
    Finished(GenerationReport),
    /// The end, without success; nothing follows.
    Failed(Failure),
}

/// One request's share of a step.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Request.
    pub id: u64,
    /// What happened.
    pub outcome: Outcome,
}

/// One sequence's part of the current batch.
#[derive(Debug, Clone)]
struct Span {
    /// Index into `running`.
    sequence: usize,
    /// Items of the batch.
    items: Range<usize>,
}

/// A token just chosen, before its text is known.
struct Chosen {
    /// Index into `running`.
    sequence: usize,
    /// Item of the last decoded batch it was chosen from.
    row: usize,
    outcome: Result<TokenId, LogitsError>,
    at_ns: u64,
}

/// What a step works with.
struct Machine<'a> {
    backend: &'a mut dyn Backend,
    clock: &'a dyn Clock,
    events: &'a mut Vec<Event>,
}

/// The batching state of one open context.
#[derive(Debug)]
pub struct Scheduler {
    limits: Limits,
    waiting: VecDeque<Sequence>,
    /// In order of admission.
    running: Vec<Sequence>,
    /// Sequence numbers of the context nobody uses.
    free: Vec<u32>,
    /// Freed numbers whose content the backend could not drop; usable again after a clear.
    unclean: Vec<u32>,
    batch: Vec<BatchItem>,
    spans: Vec<Span>,
}

impl Scheduler {
    /// An idle scheduler over an empty context.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            waiting: VecDeque::new(),
            running: Vec::new(),
            free: (0..limits.sequences).rev().collect(),
            unclean: Vec::new(),
            batch: Vec::with_capacity(limits.batch as usize),
            spans: Vec::with_capacity(limits.sequences as usize),
        }
    }

    /// Whether nothing waits and nothing runs.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.running.is_empty()
    }

    /// Takes a request; it starts when a sequence is free.
    ///
    /// # Errors
    /// `BadRequest` when it cannot be computed as asked, or too many are waiting.
    pub fn submit(&mut self, job: Job) -> Result<(), Failure> {
        check(&job, &self.limits)?;
        if self.waiting.len() >= WAITING_MAX {
            return Err(Failure::bad_request(format!(
                "{WAITING_MAX} requests are waiting already; send this one again when some are done"
            )));
        }
        if self.all().any(|sequence| sequence.id == job.id) {
            // The caller can no longer tell the two apart, so neither goes on.
            self.cancel(job.id);
            return Err(Failure::bad_request(format!(
                "a generation with id {} is running already; ids must differ",
                job.id
            )));
        }
        let stop = StopMatcher::new(job.stop.clone());
        let sampler =
            Sampler::new(job.sampling.clone()).map_err(|error| Failure::bad_request(error.to_string()))?;
        self.waiting.push_back(Sequence::new(job, sampler, stop, self.limits.window));
        Ok(())
    }

    /// Ends a request at the next step. Unknown ids are ignored: the request may just have ended.
    pub fn cancel(&mut self, id: u64) {
        self.waiting
            .iter_mut()
            .chain(&mut self.running)
            .filter(|sequence| sequence.id == id)
            .for_each(|s| s.cancelled = true);
    }

    /// Ends every request at the next step.
    pub fn cancel_all(&mut self) {
        self.waiting.iter_mut().chain(&mut self.running).for_each(|sequence| sequence.cancelled = true);
    }

    /// Fails every request now. The context is to be cleared or replaced afterwards.
    pub fn fail_all(&mut self, failure: &Failure, events: &mut Vec<Event>) {
        events.extend(
            self.all().map(|sequence| Event { id: sequence.id, outcome: Outcome::Failed(failure.clone()) }),
        );
        *self = Self::new(self.limits);
    }

    /// Computes one batch and tells what it brought. `events` gets at most a token and an end per sequence.
    pub fn step(&mut self, backend: &mut dyn Backend, clock: &dyn Clock, events: &mut Vec<Event>) {
        let machine = &mut Machine { backend, clock, events };
        self.drop_cancelled(machine);
        self.admit(machine.backend);
        self.plan();
        if self.spans.is_empty() {
            return;
        }
        if let Err(error) = self.compute(0..self.spans.len(), machine) {
            self.compute_apart(error, machine);
        }
        self.release(machine.backend, |sequence| sequence.ended);
    }

    fn all(&self) -> impl Iterator<Item = &Sequence> {
        self.waiting.iter().chain(&self.running)
    }

    fn drop_cancelled(&mut self, machine: &mut Machine<'_>) {
        let now_ns = machine.clock.now_ns();
        machine.events.extend(self.all().filter(|sequence| sequence.cancelled).map(|sequence| Event {
            id: sequence.id,
            outcome: Outcome::Finished(sequence.report(FinishReason::Cancelled, now_ns)),
        }));
        self.waiting.retain(|sequence| !sequence.cancelled);
        self.release(machine.backend, |sequence| sequence.cancelled);
    }

    /// Frees the numbers of running sequences that are over.
    fn release(&mut self, backend: &mut dyn Backend, over: impl Fn(&Sequence) -> bool) {
        let (free, unclean) = (&mut self.free, &mut self.unclean);
        self.running.retain(|sequence| {
            if over(sequence) {
                let list = if backend.trim_sequence(sequence.number, 0) { &mut *free } else { &mut *unclean };
                list.push(sequence.number);
            }
            !over(sequence)
        });
    }

    fn admit(&mut self, backend: &mut dyn Backend) {
        if self.running.is_empty() && !self.unclean.is_empty() {
            backend.clear();
            self.free.append(&mut self.unclean);
        }
        while let (Some(number), false) = (self.free.last().copied(), self.waiting.is_empty()) {
            self.free.pop();
            if let Some(mut sequence) = self.waiting.pop_front() {
                sequence.number = number;
                self.running.push(sequence);
            }
        }
    }

    /// Fills the batch: decoding sequences first, then prompt pieces.
    fn plan(&mut self) {
        self.batch.clear();
        self.spans.clear();
        for decoding in [true, false] {
            for (index, sequence) in
                self.running.iter().enumerate().filter(|(_, s)| s.is_decoding() == decoding)
            {
                let room = self.limits.batch as usize - self.batch.len();
                let start = self.batch.len();
                self.batch.extend(sequence.next_items(room));
                if self.batch.len() > start {
                    self.spans.push(Span { sequence: index, items: start..self.batch.len() });
                }
            }
        }
    }

    /// Decodes some spans as one batch, then chooses and reports a token for each that has its logits.
    fn compute(&mut self, spans: Range<usize>, machine: &mut Machine<'_>) -> Result<(), BackendError> {
        let first = self.spans[spans.start].items.start;
        let last = self.spans[spans.end - 1].items.end;
        let start_ns = machine.clock.now_ns();
        machine.backend.decode(&self.batch[first..last])?;
        let end_ns = machine.clock.now_ns();
        let mut chosen = Vec::with_capacity(spans.len());
        // All choices before any text: a token is there when it is chosen, not when the others' texts are done.
        for span in &self.spans[spans] {
            let sequence = &mut self.running[span.sequence];
            sequence.computed(span.items.len(), start_ns, end_ns);
            if sequence.wants_token() {
                let row = span.items.end - 1 - first;
                let before_ns = machine.clock.now_ns();
                let outcome = sequence.choose(machine.backend.logits(row));
                let at_ns = machine.clock.now_ns();
                sequence.sampling_ns += at_ns.saturating_sub(before_ns);
                chosen.push(Chosen { sequence: span.sequence, row, outcome, at_ns });
            }
        }
        for choice in chosen {
            self.report(choice, machine);
        }
        Ok(())
    }

    /// Turns a choice into events.
    fn report(&mut self, choice: Chosen, machine: &mut Machine<'_>) {
        let sequence = &mut self.running[choice.sequence];
        let id = sequence.id;
        let token = match choice.outcome {
            Ok(token) => token,
            Err(error) => {
                sequence.ended = true;
                let failure = Failure::new(FailureKind::Model, error.to_string());
                machine.events.push(Event { id, outcome: Outcome::Failed(failure) });
                return;
            }
        };
        let logprobs = (sequence.logprobs > 0)
            .then(|| log_probabilities(machine.backend.logits(choice.row), token, sequence.logprobs).ok())
            .flatten();
        let (logprob, mut top) = logprobs.map_or((None, Vec::new()), |(own, top)| (Some(own), top));
        let piece = logprob.map(|_| piece(machine.backend, token));
        top.iter_mut().for_each(|likely| likely.piece = self::piece(machine.backend, likely.token));
        let ends = machine.backend.ends_generation(token);
        // The text of an ending token is markup, not part of the answer.
        let bytes = if ends { Vec::new() } else { answer_bytes(machine.backend, token) };
        let (text, finish_reason) = sequence.accept(token, &bytes, ends);
        let at_ns = choice.at_ns.saturating_sub(sequence.arrived_ns);
        let token = GeneratedToken { token, text, at_ns, piece, logprob, top };
        machine.events.push(Event { id, outcome: Outcome::Token(token) });
        if let Some(reason) = finish_reason {
            sequence.ended = true;
            let report = sequence.report(reason, machine.clock.now_ns());
            machine.events.push(Event { id, outcome: Outcome::Finished(report) });
        }
    }

    /// After a failed batch, which left the context as it was: gives each sequence a batch of its own, so that only those
    /// that fail alone end.
    fn compute_apart(&mut self, error: BackendError, machine: &mut Machine<'_>) {
        tracing::warn!(
            "a batch of {} tokens and {} sequences failed: {error}",
            self.batch.len(),
            self.spans.len()
        );
        // A sequence that was alone has failed alone already.
        let mut failed_alone = (self.spans.len() == 1).then_some(error);
        for index in 0..self.spans.len() {
            let outcome = match failed_alone.take() {
                Some(error) => Err(error),
                None => self.compute(index..index + 1, machine),
            };
            if let Err(error) = outcome {
                let sequence = &mut self.running[self.spans[index].sequence];
                sequence.ended = true;
                machine.events.push(Event { id: sequence.id, outcome: Outcome::Failed(error.into()) });
            }
        }
    }
}

/// Bytes of a token in an answer. Control tokens have none, but for those that tell reasoning from answers.
fn answer_bytes(backend: &dyn Backend, token: TokenId) -> Vec<u8> {
    let bytes = backend.token_bytes(token);
    if !bytes.is_empty() {
        return bytes;
    }
    let text = backend.token_text(token);
    if REASONING_TOKENS.contains(&text.as_str()) { text.into_bytes() } else { bytes }
}

/// What a token stands for; a control token, which stands for nothing, is spelled.
fn piece(backend: &dyn Backend, token: TokenId) -> TokenPiece {
    let bytes = backend.token_bytes(token);
    if bytes.is_empty() { backend.token_text(token).into_bytes().into() } else { bytes.into() }
}

/// Whether a job can be computed at all; what needs no model, the protocol has checked.
fn check(job: &Job, limits: &Limits) -> Result<(), Failure> {
    let prompt = job.prompt.len();
    if prompt == 0 {
        return Err(Failure::bad_request("the prompt is empty; give it at least one token"));
    }
    if prompt > limits.window as usize {
        return Err(Failure::bad_request(format!(
            "the prompt has {prompt} tokens, but the context window has {}; shorten the prompt or open a larger window",
            limits.window
        )));
    }
    if let Some(token) = job.prompt.iter().find(|token| **token >= limits.vocabulary) {
        return Err(Failure::bad_request(format!(
            "token {token} is outside the vocabulary of {} tokens; tokenize the prompt with this model",
            limits.vocabulary
        )));
    }
    if job.max_tokens == 0 {
        return Err(Failure::bad_request("max_tokens is 0, but a generation produces at least 1 token"));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
