//! Answers that the model writes: generated with many others at once, read, and judged.

use dyno_engine::{EngineError, Session};
use dyno_eval::{Item, ItemKind, follow_up, generation_prompt, program, score_text, stop_texts};
use dyno_types::{
    ANSWER_BYTES_MAX, FinishReason, GenerateRequest, GenerationEvent, GenerationReport, ItemOutcome,
    ItemResult, Prompt, Sampling,
};
use futures::StreamExt as _;

use crate::eval::ask::Asking;
use crate::eval::code::{CodeRunner, CodeVerdict};
use crate::eval::draw::item_seed;
use crate::eval::drive::{Answers, Ask};
use crate::eval::host::is_refusal;

/// Mark behind an answer that was cut for the record.
const CUT: &str = " […]";

/// Has answers written.
pub(crate) struct Writing<'a> {
    pub(crate) asking: Asking<'a>,
    /// Runs code; needed where a suite has any.
    pub(crate) code: Option<&'a CodeRunner>,
}

/// One generated text.
#[derive(Debug)]
pub(super) struct Reply {
    /// What was written, behind the mark of reasoning that the prompt ended with.
    pub(super) text: String,
    pub(super) report: GenerationReport,
    /// Start of the prompt pass to first token, ms.
    pub(super) ttft_ms: Option<f64>,
    /// First to last token, ms.
    pub(super) decode_ms: f64,
}

impl Ask for Writing<'_> {
    fn ask<'a>(&'a self, session: &'a dyn Session, items: Vec<usize>) -> Answers<'a> {
        futures::stream::iter(items).then(move |item| self.one(session, item)).boxed()
    }

    fn failed(&self, item: usize, reason: String) -> ItemResult {
        self.asking.failed(item, reason)
    }
}

impl Writing<'_> {
    async fn one(&self, session: &dyn Session, index: usize) -> Result<(usize, ItemResult), EngineError> {
        let replies = match self.replies(session, index).await {
            Ok(replies) => replies,
            Err(error) if is_refusal(&error) => return Ok((index, self.asking.failed(index, error))),
            Err(error) => return Err(error),
        };
        let item = self.asking.item(index);
        let (outcome, extracted) = self.judged(item, &replies).await;
        let text = replies.iter().map(|reply| reply.text.as_str()).collect::<Vec<_>>().join("\n\n");
        let sum = |part: fn(&Reply) -> u32| replies.iter().map(part).sum();
        let result = ItemResult {
            answer: cut(&text),
            turns: if replies.len() > 1 {
                replies.iter().map(|reply| cut(&reply.text)).collect()
            } else {
                Vec::new()
            },
            form: form(item, &replies),
            extracted: extracted.map(|extracted| cut(&extracted)),
            tokens_in: sum(|reply| reply.report.prompt_tokens),
            tokens_out: sum(|reply| reply.report.generated_tokens),
            prefill_ms: replies.iter().map(|reply| prefill_ms(&reply.report)).sum(),
            decode_ms: replies.iter().map(|reply| reply.decode_ms).sum(),
            ttft_ms: replies.first().and_then(|reply| reply.ttft_ms),
            time_ms: Some(replies.iter().map(|reply| time_ms(&reply.report)).sum()),
            ..self.asking.result(index, outcome)
        };
        Ok((index, result))
    }

    /// The answer, and those to follow-up questions of the same conversation.
    async fn replies(&self, session: &dyn Session, index: usize) -> Result<Vec<Reply>, EngineError> {
        let (asking, item) = (&self.asking, self.asking.item(index));
        let framing = asking.template.framing();
        let examples = asking.examples(item);
        let mut prompt = generation_prompt(item, &asking.manner.strategy, &examples, framing);
        let mut replies = vec![self.turn(session, item, prompt.clone()).await?];
        for (turn, question) in item.turns.iter().enumerate() {
            // A text that is merely continued has no turns.
            let Prompt::Chat(messages) = prompt else { break };
            prompt = Prompt::Chat(follow_up(messages, &replies[turn].text, question));
            replies.push(self.turn(session, item, prompt.clone()).await?);
        }
        Ok(replies)
    }

    /// Sampling of the answer to an item: every item has a seed of its own.
    pub(super) fn sampling(&self, item: &Item) -> Sampling {
        let sampling = &self.asking.manner.sampling;
        Sampling { seed: item_seed(sampling.seed, &item.id), ..sampling.clone() }
    }

    /// One turn, held to the policy where there is one.
    async fn turn(&self, session: &dyn Session, item: &Item, prompt: Prompt) -> Result<Reply, EngineError> {
        match &self.asking.manner.policy {
            Some(policy) => self.held(session, item, prompt, policy).await,
            None => self.reply(session, item, prompt, self.sampling(item)).await,
        }
    }

    pub(super) async fn reply(
        &self,
        session: &dyn Session,
        item: &Item,
        prompt: Prompt,
        sampling: Sampling,
    ) -> Result<Reply, EngineError> {
        let Asking { manner, template, .. } = &self.asking;
        let stops = template.stops().iter().cloned();
        let request = GenerateRequest {
            id: 1,
            prompt: template.submission(session, prompt).await?,
            sampling,
            max_tokens: item.max_tokens.unwrap_or(manner.max_tokens),
            stop: stop_texts(item, template.framing()).into_iter().chain(stops).collect(),
            ignore_eos: false,
            logprobs: 0,
        };
        generate(session, request).await
    }

    /// What became of it, and what was read out of it.
    async fn judged(&self, item: &Item, replies: &[Reply]) -> (ItemOutcome, Option<String>) {
        let steps = self.asking.manner.strategy.prefers_steps;
        let first = replies.first().map_or("", |reply| reply.text.as_str());
        match item.kind {
            ItemKind::Code => self.judged_code(item, first).await,
            _ => {
                let scored = score_text(item, first, steps);
                (scored.outcome, scored.extracted)
            }
        }
    }

    async fn judged_code(&self, item: &Item, answer: &str) -> (ItemOutcome, Option<String>) {
        let Some(code) = self.code else {
            return (ItemOutcome::Failed { reason: "there is no sandbox".to_owned() }, None);
        };
        // Before anything is read: where nothing can be run, an answer without a program is as little judged as one with.
        if let Some(reason) = code.refusal() {
            return (ItemOutcome::Failed { reason: reason.to_owned() }, None);
        }
        let Some(program) = program(item, answer) else { return (ItemOutcome::Unparsed, None) };
        match code.run(program.source, program.tests).await {
            CodeVerdict::Passed => (ItemOutcome::Correct, Some("passed".to_owned())),
            CodeVerdict::Failed(verdict) => (ItemOutcome::Wrong, Some(verdict)),
            CodeVerdict::NotRun(reason) => (ItemOutcome::Failed { reason }, None),
        }
    }
}

/// How an answer looks by the item's form check; of several turns the mean.
fn form(item: &Item, replies: &[Reply]) -> Option<f64> {
    let check = item.scorer?;
    let total: f64 = replies.iter().map(|reply| check.grade(item, &reply.text)).sum();
    (!replies.is_empty()).then(|| total / replies.len() as f64)
}

async fn generate(session: &dyn Session, request: GenerateRequest) -> Result<Reply, EngineError> {
    let mut stream = session.generate(request).await?;
    let mut text = String::new();
    let mut times_ns: Option<(u64, u64)> = None;
    while let Some(event) = stream.next().await {
        match event? {
            GenerationEvent::Token(token) => {
                text.push_str(&token.text);
                times_ns = Some((times_ns.map_or(token.at_ns, |(first, _)| first), token.at_ns));
            }
            GenerationEvent::Finished(report) if report.finish_reason == FinishReason::Cancelled => {
                return Err(EngineError::Cancelled);
            }
            GenerationEvent::Finished(report) => {
                let decode_ms = times_ns.map_or(0.0, |(first, last)| ms(last.saturating_sub(first)));
                let ttft_ms = times_ns.map(|(first, _)| ms(first.saturating_sub(report.prefill_start_ns)));
                let text = with_reasoning_mark(&report, text);
                return Ok(Reply { text, report, ttft_ms, decode_ms });
            }
        }
    }
    Err(EngineError::Internal("the stream ended without a report".to_owned()))
}

/// What was generated as a text of its own: a prompt that ends with a mark of reasoning leaves it to the answer to end it.
pub(crate) fn with_reasoning_mark(report: &GenerationReport, text: String) -> String {
    match &report.reasoning_mark {
        Some(mark) => format!("{mark}\n{text}"),
        None => text,
    }
}

/// Without the wait for a free place in the engine.
fn time_ms(report: &GenerationReport) -> f64 {
    ms(report.end_ns.saturating_sub(report.prefill_start_ns))
}

fn prefill_ms(report: &GenerationReport) -> f64 {
    ms(prefill_ns(report))
}

pub(super) fn prefill_ns(report: &GenerationReport) -> u64 {
    report.prefill_end_ns.saturating_sub(report.prefill_start_ns)
}

fn ms(ns: u64) -> f64 {
    ns as f64 / 1e6
}

/// A text short enough for the record.
pub(crate) fn cut(text: &str) -> String {
    if text.len() <= ANSWER_BYTES_MAX {
        return text.to_owned();
    }
    let most = ANSWER_BYTES_MAX - CUT.len();
    let end = (0..=most).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    format!("{}{CUT}", &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_answers_are_cut_between_characters_and_marked() {
        let text = "ä".repeat(ANSWER_BYTES_MAX);
        let short = cut(&text);
        assert!(short.len() <= ANSWER_BYTES_MAX && short.ends_with(CUT), "{}", short.len());
        assert_eq!(cut("short"), "short");
    }
}
