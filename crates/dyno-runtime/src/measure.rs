//! Timing the bare backend: no tokenizer, no sampling, no text.
//!
//! Follows llama-bench (`test_prompt`, `test_gen`), so that the two can be compared: random tokens, the first of each
//! pass BOS where the tokenizer adds one, prompts in batches whose last token alone wants logits, one untimed warm-up of
//! the whole prompt and of one decode step, and every timed repetition starting at the same depth. Token ids are drawn
//! before the clock starts; control tokens are avoided.

use dyno_types::{MeasureReport, MeasureRequest, TokenId};

use crate::random::Random;
use crate::{Backend, BatchItem, Clock, DescribedModel, Failure};

/// Most times a control token is drawn anew; a vocabulary of nothing else must not hang the engine.
const REDRAWS_MAX: u32 = 100;

/// The context a measurement runs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MeasureContext {
    /// Window, tokens.
    pub window: u32,
    /// Most tokens per batch.
    pub batch: u32,
    /// Threads for decode, at least 1.
    pub threads: u32,
    /// Threads for prefill, at least 1.
    pub threads_prefill: u32,
}

/// Runs a measurement on sequence 0 of an otherwise unused context; the context is empty afterwards, and has its own
/// thread counts again. `given_up` is asked between backend calls.
///
/// # Errors
/// `BadRequest` when the request does not fit into the window; `Cancelled` when the caller gave up; the backend's own.
pub fn measure(
    backend: &mut dyn Backend,
    model: &DescribedModel,
    context: MeasureContext,
    request: &MeasureRequest,
    (clock, given_up): (&dyn Clock, &dyn Fn() -> bool),
) -> Result<MeasureReport, Failure> {
    check(request, context.window)?;
    let chosen = |asked: u32, own: u32| if asked == 0 { own } else { asked };
    backend.set_threads(
        chosen(request.threads, context.threads),
        chosen(request.threads_prefill, context.threads_prefill),
    );
    let passes = Passes::draw(backend, model, request);
    let outcome = Measurement {
        backend: &mut *backend,
        batch: context.batch as usize,
        request,
        passes,
        clock,
        given_up,
    }
    .run();
    backend.clear();
    backend.set_threads(context.threads, context.threads_prefill);
    outcome
}

fn check(request: &MeasureRequest, window: u32) -> Result<(), Failure> {
    let MeasureRequest { depth, prefill_tokens, decode_tokens, repetitions, .. } = *request;
    if repetitions == 0 {
        return Err(Failure::bad_request("0 repetitions were asked for; at least 1 is needed"));
    }
    if prefill_tokens == 0 && decode_tokens == 0 {
        return Err(Failure::bad_request(
            "nothing to measure: ask for prefill tokens, decode tokens, or both",
        ));
    }
    // The prompt is dropped before decode steps are timed, so the two need no room side by side.
    let needed = u64::from(depth) + u64::from(prefill_tokens.max(decode_tokens));
    if needed > u64::from(window) {
        return Err(Failure::bad_request(format!(
            "depth {depth} and {} measured tokens need a window of {needed}, but it has {window}; open a larger one",
            prefill_tokens.max(decode_tokens)
        )));
    }
    Ok(())
}

/// The tokens of each pass, drawn once: every repetition computes the same.
struct Passes {
    depth: Vec<BatchItem>,
    prefill: Vec<BatchItem>,
    decode: Vec<BatchItem>,
}

impl Passes {
    fn draw(backend: &dyn Backend, model: &DescribedModel, request: &MeasureRequest) -> Self {
        let mut random = Random::new(request.seed);
        let mut pass = |start: u32, count: u32| -> Vec<BatchItem> {
            let bos = model.bos.filter(|_| model.adds_bos);
            let token = |index: u32| match bos {
                Some(bos) if index == 0 => bos,
                _ => plain_token(backend, model.vocabulary, &mut random),
            };
            let tokens = (0..count).map(token);
            let items = tokens.zip(start..);
            items
                .map(|(token, position)| BatchItem { token, position, sequence: 0, wants_logits: false })
                .collect()
        };
        let depth = pass(0, request.depth);
        let prefill = pass(request.depth, request.prefill_tokens);
        let mut decode = pass(request.depth, request.decode_tokens);
        decode.iter_mut().for_each(|item| item.wants_logits = true);
        Self { depth, prefill, decode }
    }
}

/// A random token that stands for text.
fn plain_token(backend: &dyn Backend, vocabulary: u32, random: &mut Random) -> TokenId {
    let is_plain =
        |token: &TokenId| !backend.ends_generation(*token) && !backend.token_bytes(*token).is_empty();
    let mut draw = || random.below(vocabulary.max(1));
    (0..REDRAWS_MAX).map(|_| draw()).find(is_plain).unwrap_or(0)
}

struct Measurement<'a> {
    backend: &'a mut dyn Backend,
    batch: usize,
    request: &'a MeasureRequest,
    passes: Passes,
    clock: &'a dyn Clock,
    given_up: &'a dyn Fn() -> bool,
}

impl Measurement<'_> {
    fn run(mut self) -> Result<MeasureReport, Failure> {
        let batch = self.batch;
        for pass in [&mut self.passes.depth, &mut self.passes.prefill] {
            pass.chunks_mut(batch).filter_map(<[_]>::last_mut).for_each(|item| item.wants_logits = true);
        }
        self.backend.clear();
        self.fill()?;
        self.warm_up()?;
        let mut report = MeasureReport::default();
        for _ in 0..self.request.repetitions {
            if !self.passes.prefill.is_empty() {
                self.back_to_depth()?;
                report.prefill_ns.push(self.time_prefill()?);
            }
            if !self.passes.decode.is_empty() {
                self.back_to_depth()?;
                report.decode_ns.push(self.time_decode()?);
            }
        }
        Ok(report)
    }

    /// The whole prompt and one decode step, untimed.
    fn warm_up(&mut self) -> Result<(), Failure> {
        self.time_prefill()?;
        self.back_to_depth()?;
        if let Some(item) = self.passes.decode.first() {
            self.backend.decode(std::slice::from_ref(item))?;
        }
        Ok(())
    }

    fn fill(&mut self) -> Result<(), Failure> {
        for chunk in self.passes.depth.chunks(self.batch) {
            go_on(self.given_up)?;
            self.backend.decode(chunk)?;
        }
        Ok(())
    }

    /// Drops what lies beyond the depth; models that cannot are filled anew.
    fn back_to_depth(&mut self) -> Result<(), Failure> {
        if self.backend.trim_sequence(0, self.request.depth) {
            return Ok(());
        }
        self.backend.clear();
        self.fill()
    }

    fn time_prefill(&mut self) -> Result<u64, Failure> {
        let start_ns = self.clock.now_ns();
        for chunk in self.passes.prefill.chunks(self.batch) {
            go_on(self.given_up)?;
            self.backend.decode(chunk)?;
        }
        Ok(self.clock.now_ns().saturating_sub(start_ns))
    }

    fn time_decode(&mut self) -> Result<Vec<u64>, Failure> {
        let mut steps_ns = Vec::with_capacity(self.passes.decode.len());
        for item in &self.passes.decode {
            go_on(self.given_up)?;
            let start_ns = self.clock.now_ns();
            self.backend.decode(std::slice::from_ref(item))?;
            steps_ns.push(self.clock.now_ns().saturating_sub(start_ns));
        }
        Ok(steps_ns)
    }
}

fn go_on(given_up: &dyn Fn() -> bool) -> Result<(), Failure> {
    if given_up() { Err(Failure::cancelled("the measurement was cancelled")) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
