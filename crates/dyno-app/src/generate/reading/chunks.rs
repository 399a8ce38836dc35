//! Reading in parts that overlap: each is asked about, then the answers are put together, over as many levels as it takes.

use std::ops::Range;

use dyno_advise::{answer_tokens, overlap_tokens};
use dyno_types::{Event, EventSink, FinishReason, ReadingPlan};

use super::segments::{Segments, parts};
use super::wording::{Matter, numbered};
use super::{PartReport, ROOM_MIN, ReadingReport};
use crate::AppError;
use crate::generate::Asked;
use crate::generate::answer::answer;

/// How often parts are made smaller when their prompts turn out larger than the sum of their segments.
const TRIES_MAX: u32 = 8;

/// A text in parts that a window holds beside their answers.
#[derive(Debug)]
pub(in crate::generate) struct Chunks<'t> {
    matter: Matter<'t>,
    segments: Segments<'t>,
    parts: Vec<Range<usize>>,
    window: u32,
    /// Tokens of one part.
    room: u32,
    /// Maximum answer to a part.
    part_answer: u32,
    /// Maximum last answer.
    last_answer: u32,
}

/// What is asked about a part, or about answers.
struct Prompted {
    /// 0 for parts of the text, then one more for each level of answers about answers.
    level: u32,
    /// Tokens of the part, or of the answers with the question.
    tokens: u64,
    /// What the user says.
    content: String,
}

impl<'t> Chunks<'t> {
    /// Lays out a text for a window and the length of the last answer; `None` when question and answer leave no room for it.
    pub(in crate::generate) async fn lay_out(
        asked: &Asked<'_>,
        matter: Matter<'t>,
        window: u32,
        last_answer: u32,
    ) -> Result<Option<Chunks<'t>>, AppError> {
        // Two answers and the question must fit into one prompt with room for another, or putting together never ends.
        let part_answer = (answer_tokens(window) / 2).max(1);
        let about_parts = asked.content_tokens(&matter.part(9_999, 9_999, "")).await?;
        let about_answers = asked.content_tokens(&matter.together("")).await?;
        let left = |taken: u64, answer: u32| {
            u32::try_from(u64::from(window).saturating_sub(taken + u64::from(answer))).unwrap_or(u32::MAX)
        };
        let together = left(about_answers, last_answer).min(left(about_answers, part_answer));
        let mut room = left(about_parts, part_answer);
        if room < ROOM_MIN || together < part_answer.saturating_mul(2).saturating_add(ROOM_MIN) {
            return Ok(None);
        }
        let segment = overlap_tokens(room);
        let mut segments = Segments::count(matter.text, segment, asked.host.session()).await?;
        for _ in 0..TRIES_MAX {
            let parts = parts(&segments.tokens, room, overlap_tokens(room));
            let laid = Self { matter, segments, parts, window, room, part_answer, last_answer };
            let excess = laid.excess(asked).await?;
            if excess == 0 {
                return Ok(Some(laid));
            }
            (segments, room) = (laid.segments, room.saturating_sub(excess));
            if room < ROOM_MIN {
                break;
            }
        }
        Ok(None)
    }

    /// By how many tokens the largest prompt is too large.
    async fn excess(&self, asked: &Asked<'_>) -> Result<u32, AppError> {
        let most = u64::from(self.window - self.part_answer);
        let mut excess = 0;
        for index in 0..self.parts.len() {
            let tokens = asked.content_tokens(&self.prompt(index)).await?;
            excess = excess.max(tokens.saturating_sub(most));
        }
        Ok(u32::try_from(excess).unwrap_or(u32::MAX))
    }

    fn prompt(&self, index: usize) -> String {
        let text = self.segments.text(self.parts[index].clone());
        self.matter.part(index + 1, self.parts.len(), &text)
    }

    pub(in crate::generate) fn plan(&self) -> ReadingPlan {
        ReadingPlan::Chunks {
            chunk: self.room,
            overlap: overlap_tokens(self.room),
            count: self.parts.len() as u64,
        }
    }

    /// Asks about every part; gives the prompt for the last answer.
    pub(in crate::generate) async fn read(
        &self,
        asked: &Asked<'_>,
    ) -> Result<(String, ReadingReport), AppError> {
        let text_tokens = self.segments.total();
        let mut report =
            ReadingReport { plan: self.plan(), text_tokens, forgotten_tokens: 0, parts: Vec::new() };
        let mut answers = Vec::new();
        let count = self.parts.len();
        asked
            .host
            .job()
            .emit(Event::PhaseStarted { phase: format!("reading {count} parts"), total: count as u64 });
        for (index, part) in self.parts.iter().enumerate() {
            let tokens = self.segments.tokens[part.clone()].iter().map(|tokens| u64::from(*tokens)).sum();
            let prompt = Prompted { level: 0, tokens, content: self.prompt(index) };
            answers.push(self.ask(asked, prompt, &mut report).await?);
            let detail = format!("part {} of {count}", index + 1);
            asked.host.job().emit(Event::PhaseAdvanced { done: index as u64 + 1, detail });
        }
        asked.host.job().emit(Event::PhaseEnded);
        let content = self.put_together(asked, answers, &mut report).await?;
        let short = report.parts.iter().filter(|part| part.finish_reason == FinishReason::Length).count();
        if short > 0 {
            let (all, most) = (report.parts.len(), self.part_answer);
            asked.host.job().emit(Event::Warning(format!(
                "{short} of {all} answers about parts of the text were cut at {most} tokens, which is what their window leaves"
            )));
        }
        Ok((content, report))
    }

    /// Answers about answers, until one prompt holds all that are left.
    async fn put_together(
        &self,
        asked: &Asked<'_>,
        mut answers: Vec<String>,
        report: &mut ReadingReport,
    ) -> Result<String, AppError> {
        for level in 1.. {
            let content = self.matter.together(&all(&answers));
            let room = u64::from(self.window - self.last_answer);
            if asked.content_tokens(&content).await? <= room {
                return Ok(content);
            }
            let groups = self.groups(asked, &answers).await?;
            if groups.len() >= answers.len() {
                break;
            }
            let mut shorter = Vec::new();
            for group in groups {
                let content = self.matter.together(&all(&answers[group]));
                let tokens = asked.content_tokens(&content).await?;
                shorter.push(self.ask(asked, Prompted { level, tokens, content }, report).await?);
            }
            answers = shorter;
        }
        let window = self.window;
        Err(AppError::Input(format!(
            "the answers about the parts of the text do not fit into a window of {window} tokens together; ask for a larger window, \
             or for a shorter answer"
        )))
    }

    /// Answers that one prompt holds beside an answer about them.
    async fn groups(&self, asked: &Asked<'_>, answers: &[String]) -> Result<Vec<Range<usize>>, AppError> {
        let taken = asked.content_tokens(&self.matter.together("")).await?;
        let mut tokens = Vec::new();
        for (index, answer) in answers.iter().enumerate() {
            let found = asked.host.session().tokenize(&numbered(index + 1, answer), false, false).await?;
            tokens.push(u32::try_from(found.len()).unwrap_or(u32::MAX));
        }
        let room = u64::from(self.window - self.part_answer).saturating_sub(taken);
        Ok(parts(&tokens, u32::try_from(room).unwrap_or(u32::MAX), 0))
    }

    async fn ask(
        &self,
        asked: &Asked<'_>,
        Prompted { level, tokens, content }: Prompted,
        report: &mut ReadingReport,
    ) -> Result<String, AppError> {
        let mut request = asked.request(asked.put(content, ""), asked.sampling.clone()).await?;
        (request.max_tokens, request.logprobs) = (self.part_answer, 0);
        let came = answer(asked.host.session(), request, asked.host.cancel(), &mut |_| {}).await?;
        report.parts.push(PartReport {
            level,
            tokens,
            prompt_tokens: came.report.prompt_tokens,
            generated_tokens: came.report.generated_tokens,
            finish_reason: came.report.finish_reason,
            text: came.text.clone(),
        });
        Ok(came.text)
    }
}

fn all(answers: &[String]) -> String {
    answers.iter().enumerate().map(|(index, answer)| numbered(index + 1, answer)).collect()
}
