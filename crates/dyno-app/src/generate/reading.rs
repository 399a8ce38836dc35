//! Prompts that no window holds: read in parts, or through a sliding window, as the reading plan says. Nothing is left out unsaid.

mod chunks;
mod segments;
mod slide;
mod wording;

use dyno_types::{FinishReason, ReadingPlan};
use serde::Serialize;

pub(super) use chunks::Chunks;
pub(super) use segments::cut;
pub(super) use slide::Slide;
pub(super) use wording::Matter;

/// What to do with a prompt that does not fit together with its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LongPrompt {
    /// Refuse it, and say which window would fit and how it could be read.
    #[default]
    Refuse,
    /// Read it in parts that overlap, ask about each, then ask about the answers.
    Chunks,
    /// Read its newest part alone; when the answer fills the window, the oldest makes room.
    Slide,
}

/// Least tokens of a text that a window must hold for reading in parts to make sense.
const ROOM_MIN: u32 = 32;

/// How a long prompt was read.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReadingReport {
    /// The plan that was carried out.
    pub plan: ReadingPlan,
    /// Tokens of the text, counted in small segments.
    pub text_tokens: u64,
    /// Tokens of its beginning that were not read, or made room while the answer was written.
    pub forgotten_tokens: u64,
    /// Every answer on the way to the last one.
    pub parts: Vec<PartReport>,
}

/// One answer on the way.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PartReport {
    /// 0: about a part of the text; 1 and above: about answers of the level below.
    pub level: u32,
    /// Tokens of the part.
    pub tokens: u64,
    /// Tokens of the whole prompt about it.
    pub prompt_tokens: u32,
    /// Tokens of the answer.
    pub generated_tokens: u32,
    /// Why the answer ended.
    pub finish_reason: FinishReason,
    /// The answer.
    pub text: String,
}

/// A way to read a long prompt, laid out for a window.
#[derive(Debug)]
pub(super) enum Way<'t> {
    Chunks(Chunks<'t>),
    Slide(Slide<'t>),
}

impl Way<'_> {
    pub(super) fn plan(&self) -> ReadingPlan {
        match self {
            Self::Chunks(chunks) => chunks.plan(),
            Self::Slide(slide) => slide.plan(),
        }
    }
}

#[cfg(test)]
mod tests;
