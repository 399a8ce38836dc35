//! Reading through a sliding window: the newest text is kept, and while the answer grows, the oldest makes room for it.

use dyno_advise::{answer_tokens, step_tokens};
use dyno_types::{FinishReason, ReadingPlan};

use super::segments::{Segments, newest};
use super::wording::Matter;
use super::{ROOM_MIN, ReadingReport};
use crate::AppError;
use crate::generate::Asked;
use crate::generate::answer::{Answer, answer};

/// Tokens of a segment: what makes room is cut this finely.
const SEGMENT_TOKENS: u32 = 64;

/// The newest part of a text that a window holds beside an answer.
#[derive(Debug)]
pub(in crate::generate) struct Slide<'t> {
    matter: Matter<'t>,
    segments: Segments<'t>,
    /// The first segment that is read.
    start: usize,
    window: u32,
    /// Tokens of text that are held.
    room: u32,
}

/// What is in the window while the answer grows.
struct Held {
    /// The first segment of the text that is still held.
    start: usize,
    /// The answer, without what of it made room.
    answer: String,
}

impl<'t> Slide<'t> {
    /// Lays out a text for a window that keeps `answer` tokens free, or a quarter where the answer may fill the window and go on.
    /// `None` when question and answer leave no room for the text.
    pub(in crate::generate) async fn lay_out(
        asked: &Asked<'_>,
        matter: Matter<'t>,
        window: u32,
        answer: u32,
        grows: bool,
    ) -> Result<Option<Slide<'t>>, AppError> {
        let kept = if grows { answer.min(answer_tokens(window)) } else { answer };
        let taken = asked.content_tokens(&matter.whole("")).await? + u64::from(kept);
        let mut room = u32::try_from(u64::from(window).saturating_sub(taken)).unwrap_or(u32::MAX);
        let segments =
            Segments::count(matter.text, SEGMENT_TOKENS.min(room / 2), asked.host.session()).await?;
        while room >= ROOM_MIN {
            let start = newest(&segments.tokens, room);
            let tokens = asked.content_tokens(&matter.whole(&segments.from(start))).await?;
            let excess = tokens.saturating_sub(u64::from(window - kept));
            if excess == 0 {
                return Ok(Some(Self { matter, segments, start, window, room }));
            }
            room = room.saturating_sub(u32::try_from(excess).unwrap_or(u32::MAX));
        }
        Ok(None)
    }

    pub(super) fn plan(&self) -> ReadingPlan {
        ReadingPlan::SlidingWindow { window: self.room, step: step_tokens(self.room) }
    }

    /// The prompt with the newest text.
    pub(in crate::generate) fn content(&self) -> String {
        self.matter.whole(&self.segments.from(self.start))
    }

    /// What was read, when the window moved on until this segment was its first.
    pub(in crate::generate) fn report(&self, start: usize) -> ReadingReport {
        let forgotten = self.segments.tokens[..start].iter().map(|tokens| u64::from(*tokens)).sum();
        ReadingReport {
            plan: self.plan(),
            text_tokens: self.segments.total(),
            forgotten_tokens: forgotten,
            parts: Vec::new(),
        }
    }

    /// The first segment that is read.
    pub(in crate::generate) fn start(&self) -> usize {
        self.start
    }

    /// The answer; whenever it fills the window, the oldest text makes room, then its own beginning.
    pub(in crate::generate) async fn answer(
        &self,
        asked: &Asked<'_>,
        on_text: &mut (dyn FnMut(&str) + Send),
    ) -> Result<(Answer, ReadingReport), AppError> {
        let mut held = Held { start: self.start, answer: String::new() };
        let mut whole: Option<Answer> = None;
        loop {
            let written = whole.as_ref().map_or(0, |answer| answer.report.generated_tokens);
            let content = self.matter.whole(&self.segments.from(held.start));
            let prompt = asked.put(content, &held.answer);
            let left = u64::from(self.window).saturating_sub(asked.tokens(&prompt).await?);
            let mut request = asked.request(prompt, asked.sampling.clone()).await?;
            request.sampling.seed = request.sampling.seed.wrapping_add(u64::from(written));
            request.max_tokens =
                (asked.answer_tokens - written).min(u32::try_from(left).unwrap_or(u32::MAX)).max(1);
            let came = answer(asked.host.session(), request, asked.host.cancel(), on_text).await?;
            held.answer.push_str(&came.text);
            let answer = match whole.take() {
                None => came,
                Some(before) => before.and(came),
            };
            let full =
                matches!(answer.report.finish_reason, FinishReason::Length | FinishReason::ContextFull);
            if !full || answer.report.generated_tokens >= asked.answer_tokens {
                return Ok((answer, self.report(held.start)));
            }
            whole = Some(answer);
            self.make_room(asked, &mut held).await?;
        }
    }

    /// Lets go of a step of the oldest text, or of the answer's own beginning where no text is left.
    async fn make_room(&self, asked: &Asked<'_>, held: &mut Held) -> Result<(), AppError> {
        let mut step = u64::from(step_tokens(self.room));
        while step > 0 && held.start < self.segments.tokens.len() {
            step = step.saturating_sub(u64::from(self.segments.tokens[held.start].max(1)));
            held.start += 1;
        }
        if step > 0 {
            let segments =
                Segments::count(&held.answer, SEGMENT_TOKENS.min(self.room / 2), asked.host.session())
                    .await?;
            let kept = segments.total().saturating_sub(step);
            let start = newest(&segments.tokens, u32::try_from(kept).unwrap_or(u32::MAX));
            held.answer = segments.from(start);
        }
        Ok(())
    }
}
