//! One answer of an engine, token by token.

use dyno_engine::{EngineError, Session};
use dyno_types::{
    CancelFlag, FinishReason, GenerateRequest, GeneratedToken, GenerationEvent, GenerationReport,
};
use futures::StreamExt as _;

use super::GeneratedStep;
use crate::AppError;
use crate::eval::answers::with_reasoning_mark;

/// What came.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) text: String,
    pub(super) tokens: Vec<GeneratedStep>,
    pub(super) report: GenerationReport,
    /// Tokens that followed another in the same request, and the time between, ms.
    decoded: (u32, f64),
}

/// Submits the request and takes what comes.
pub(super) async fn answer(
    session: &dyn Session,
    request: GenerateRequest,
    cancel: &CancelFlag,
    on_text: &mut (dyn FnMut(&str) + Send),
) -> Result<Answer, AppError> {
    let mut stream = session.generate(request).await?;
    let (mut text, mut tokens) = (String::new(), Vec::new());
    let mut report = None;
    while let Some(event) = tokio::select! {
        event = stream.next() => event,
        () = cancel.cancelled() => return Err(AppError::Cancelled),
    } {
        match event? {
            GenerationEvent::Token(token) => {
                on_text(&token.text);
                text.push_str(&token.text);
                tokens.push(step(token));
            }
            GenerationEvent::Finished(finished) => report = Some(finished),
        }
    }
    let report =
        report.ok_or_else(|| EngineError::Internal("the stream ended without a report".to_owned()))?;
    Ok(Answer { decoded: decoded(&tokens), text, tokens, report })
}

fn step(token: GeneratedToken) -> GeneratedStep {
    let GeneratedToken { token, at_ns, piece, logprob, top, .. } = token;
    GeneratedStep { token, piece, at_ms: ms(at_ns), logprob, top }
}

fn decoded(tokens: &[GeneratedStep]) -> (u32, f64) {
    match tokens {
        [first, .., last] => (tokens.len() as u32 - 1, last.at_ms - first.at_ms),
        _ => (0, 0.0),
    }
}

fn ms(ns: u64) -> f64 {
    ns as f64 / 1e6
}

fn rate(count: f64, time_ms: f64) -> Option<f64> {
    (count > 0.0 && time_ms > 0.0).then(|| count / time_ms * 1e3)
}

impl Answer {
    /// This answer continued by another request: its times go on where this one ended; what was read stays that of the first.
    pub(super) fn and(self, next: Self) -> Self {
        let ended_ms = ms(self.report.end_ns);
        let later =
            next.tokens.into_iter().map(|step| GeneratedStep { at_ms: step.at_ms + ended_ms, ..step });
        Self {
            text: self.text + &next.text,
            tokens: self.tokens.into_iter().chain(later).collect(),
            decoded: (self.decoded.0 + next.decoded.0, self.decoded.1 + next.decoded.1),
            report: GenerationReport {
                end_ns: self.report.end_ns + next.report.end_ns,
                decode_backend_ns: self.report.decode_backend_ns + next.report.decode_backend_ns,
                sampling_ns: self.report.sampling_ns + next.report.sampling_ns,
                generated_tokens: self.report.generated_tokens + next.report.generated_tokens,
                finish_reason: next.report.finish_reason,
                ..self.report
            },
        }
    }

    /// The text with the mark of reasoning that the prompt ended with, so that reasoning can be told from the answer.
    pub(super) fn marked_text(&self) -> String {
        with_reasoning_mark(&self.report, self.text.clone())
    }

    /// Tokens read and written.
    pub(super) fn all_tokens(&self) -> u64 {
        u64::from(self.report.prompt_tokens) + u64::from(self.report.generated_tokens)
    }

    /// Whether the model ended it.
    pub(super) fn is_complete(&self) -> bool {
        matches!(self.report.finish_reason, FinishReason::Eos | FinishReason::Stop)
    }

    pub(super) fn ttft_ms(&self) -> Option<f64> {
        self.tokens.first().map(|token| token.at_ms)
    }

    pub(super) fn prefill_tps(&self) -> Option<f64> {
        let report = &self.report;
        let computed = report.prompt_tokens.saturating_sub(report.cached_tokens);
        rate(f64::from(computed), ms(report.prefill_end_ns.saturating_sub(report.prefill_start_ns)))
    }

    pub(super) fn decode_tps(&self) -> Option<f64> {
        rate(f64::from(self.decoded.0), self.decoded.1)
    }
}
