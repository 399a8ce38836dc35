//! One generation in virtual time, computed event by event as it is asked for.

use std::sync::Arc;

use dyno_types::{
    EngineSettings, FinishReason, GenerateRequest, GeneratedToken, GenerationEvent, GenerationReport,
    TokenId, TokenLogprob, TokenPiece,
};

use super::arithmetic::Pace;
use super::session::State;
use super::{FakePoint, FakeScript};
use crate::EngineError;

/// A running generation.
pub(super) struct Generation {
    script: Arc<FakeScript>,
    state: Arc<State>,
    pace: Pace,
    request: GenerateRequest,
    settings: EngineSettings,
    /// Tokens in the context so far.
    tokens: Vec<TokenId>,
    text: String,
    report: GenerationReport,
    over: bool,
}

impl Generation {
    /// A generation whose prompt pass (of at least one token) is done.
    pub(super) fn new(
        state: Arc<State>,
        settings: EngineSettings,
        prompt: Vec<TokenId>,
        request: GenerateRequest,
    ) -> Self {
        let (script, pace) = (Arc::clone(&state.script), state.pace);
        let cached = state.cached_prefix(&prompt);
        let prompt_tokens = length(&prompt);
        let prefill_start_ns = pace.ns(script.queue_ns);
        let prompt_ns =
            pace.computing_ns(&script, settings.threads_prefill, script.prefill.sum(cached, prompt_tokens));
        let prefill_end_ns = prefill_start_ns + prompt_ns;
        let report = GenerationReport {
            prompt_tokens,
            cached_tokens: cached,
            prefill_start_ns,
            prefill_end_ns,
            end_ns: prefill_end_ns,
            decode_backend_ns: 0,
            sampling_ns: 0,
            generated_tokens: 0,
            finish_reason: FinishReason::Length,
            reasoning_mark: script.reasoning_mark.map(str::to_owned),
        };
        Self {
            script,
            state,
            pace,
            request,
            settings,
            tokens: prompt,
            text: String::new(),
            report,
            over: false,
        }
    }

    /// The next event and the generation that follows it; `None` after the end.
    pub(super) fn step(mut self) -> Option<(Result<GenerationEvent, EngineError>, Self)> {
        if self.over {
            return None;
        }
        let event = self.next_event();
        self.over = !matches!(event, Ok(GenerationEvent::Token(_)));
        Some((event, self))
    }

    fn next_event(&mut self) -> Result<GenerationEvent, EngineError> {
        self.state.alive()?;
        if let Some(reason) = self.finish_reason() {
            self.report.finish_reason = reason;
            self.state.remember(std::mem::take(&mut self.tokens));
            return Ok(GenerationEvent::Finished(self.report.clone()));
        }
        let number = self.report.generated_tokens + 1;
        self.state.fail_at("while generating", |point| point == FakePoint::Token(number))?;
        Ok(GenerationEvent::Token(self.next_token(number)))
    }

    fn finish_reason(&self) -> Option<FinishReason> {
        let generated = self.report.generated_tokens;
        if self.request.stop.iter().any(|stop| self.text.contains(stop)) {
            Some(FinishReason::Stop)
        } else if !self.request.ignore_eos && self.script.eos_after.is_some_and(|after| generated >= after) {
            Some(FinishReason::Eos)
        } else if generated >= self.request.max_tokens {
            Some(FinishReason::Length)
        } else if generated > 0 && length(&self.tokens) > self.settings.context {
            // The last token found no room in the window, so nothing can follow it.
            Some(FinishReason::ContextFull)
        } else {
            None
        }
    }

    /// Computes token `number`, counted from 1.
    fn next_token(&mut self, number: u32) -> GeneratedToken {
        if number > 1 {
            // The token before enters the context: its depth is everything in front of it.
            let cost = self.script.decode.at(length(&self.tokens) - 1);
            let decode_ns = self.pace.computing_ns(&self.script, self.settings.threads, cost);
            self.report.decode_backend_ns += decode_ns;
            self.report.end_ns += decode_ns;
        }
        let sampling_ns = self.pace.ns(self.script.sampling_ns);
        self.report.sampling_ns += sampling_ns;
        self.report.end_ns += sampling_ns;
        self.report.generated_tokens = number;
        let token = (number - 1) % self.script.vocabulary.max(1);
        self.tokens.push(token);
        let logprobs = self.request.logprobs;
        let piece = |token: TokenId| TokenPiece::from(format!("t{token}").into_bytes());
        let top =
            |rank| TokenLogprob { token: token + rank, piece: piece(token + rank), logprob: logprob(rank) };
        GeneratedToken {
            token,
            text: self.visible_text(number - 1),
            at_ns: self.report.end_ns,
            piece: (logprobs > 0).then(|| piece(token)),
            logprob: (logprobs > 0).then(|| logprob(0)),
            top: (0..logprobs).map(top).collect(),
        }
    }

    /// The text of a token, cut before a stop string that it completes.
    fn visible_text(&mut self, index: u32) -> String {
        let shown = self.text.len();
        let text = match self.script.reply {
            Some(reply) => reply(&self.request, index),
            None => (self.script.text)(index),
        };
        self.text.push_str(&text);
        let stop = self.request.stop.iter().filter_map(|stop| self.text.find(stop)).min();
        self.text[shown..stop.unwrap_or(self.text.len()).max(shown)].to_owned()
    }
}

/// The rank-th likeliest token has probability 2^−(rank + 1).
fn logprob(rank: u32) -> f32 {
    -(rank as f32 + 1.0) * std::f32::consts::LN_2
}

pub(super) fn length(tokens: &[TokenId]) -> u32 {
    u32::try_from(tokens.len()).unwrap_or(u32::MAX)
}
