//! Long texts: how long they are in pages, which class of window they need, and how to read what fits no window.

use dyno_types::ReadingPlan;
use serde::Serialize;

/// Tokens of one printed page, about: the ratio behind "2,048 tokens ≈ 6 pages, 131,072 ≈ 393 pages".
pub const TOKENS_PER_PAGE: f64 = 333.0;

/// Tokens of a window that are kept for the question and the answer: a quarter, at most 1,024.
const ANSWER_TOKENS_MAX: u32 = 1024;

/// Length of a text by the window it asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LengthClass {
    /// Up to 2,048 tokens: questions, chat, short summaries.
    Short,
    /// Up to 32,768 tokens: articles, source files.
    Medium,
    /// Up to 131,072 tokens: reports, books in part.
    Long,
    /// More: whole books, collections.
    Huge,
}

impl LengthClass {
    /// Class of a text of so many tokens.
    #[must_use]
    pub fn of(tokens: u64) -> Self {
        match tokens {
            0..=2_048 => Self::Short,
            2_049..=32_768 => Self::Medium,
            32_769..=131_072 => Self::Long,
            _ => Self::Huge,
        }
    }

    /// The class in words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Short => "short",
            Self::Medium => "medium",
            Self::Long => "long",
            Self::Huge => "huge",
        }
    }
}

/// Pages of text that so many tokens are, about.
#[must_use]
pub fn pages(tokens: u64) -> f64 {
    tokens as f64 / TOKENS_PER_PAGE
}

/// Tokens of a window that are kept for the question and the answer.
#[must_use]
pub fn answer_tokens(window: u32) -> u32 {
    (window / 4).min(ANSWER_TOKENS_MAX)
}

/// Tokens of a window that are left for the text.
#[must_use]
pub fn text_tokens(window: u32) -> u32 {
    window - answer_tokens(window)
}

/// Tokens that parts of so many share with their neighbours: a tenth.
#[must_use]
pub fn overlap_tokens(part: u32) -> u32 {
    part / 10
}

/// Tokens that make room at a time in a sliding window with so many tokens of text: a quarter.
#[must_use]
pub fn step_tokens(text: u32) -> u32 {
    (text / 4).max(1)
}

/// How to read a text of so many tokens with this window: whole when it fits beside the answer; otherwise in chunks that
/// share a tenth with their neighbours; a text that keeps growing (a conversation, a log) through a sliding window that
/// makes room a quarter at a time. `None` for a window too small to hold a text.
#[must_use]
pub fn reading_plan(tokens: u64, window: u32, growing: bool) -> Option<ReadingPlan> {
    let room = text_tokens(window);
    if room < 2 {
        return None;
    }
    if growing {
        return Some(ReadingPlan::SlidingWindow { window: room, step: step_tokens(room) });
    }
    if tokens <= u64::from(room) {
        return Some(ReadingPlan::Whole { window });
    }
    let overlap = overlap_tokens(room);
    // The first part covers `room`, each further one `room - overlap` more.
    let count = 1 + (tokens - u64::from(room)).div_ceil(u64::from(room - overlap));
    Some(ReadingPlan::Chunks { chunk: room, overlap, count })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn classes_and_pages_are_those_people_know() {
        let cases = [
            (2_048, LengthClass::Short, 6.0),
            (2_049, LengthClass::Medium, 6.0),
            (32_768, LengthClass::Medium, 98.0),
            (131_072, LengthClass::Long, 394.0),
            (1_024_000, LengthClass::Huge, 3075.0),
        ];
        for (tokens, class, about) in cases {
            assert_eq!((LengthClass::of(tokens), pages(tokens).round()), (class, about), "{tokens}");
        }
    }

    #[test]
    fn what_fits_is_read_whole_and_the_rest_in_parts() {
        assert_eq!(reading_plan(3_000, 4_096, false), Some(ReadingPlan::Whole { window: 4_096 }));
        let chunks = reading_plan(100_000, 8_192, false);
        assert_eq!(chunks, Some(ReadingPlan::Chunks { chunk: 7_168, overlap: 716, count: 16 }));
        let sliding = reading_plan(100_000, 8_192, true);
        assert_eq!(sliding, Some(ReadingPlan::SlidingWindow { window: 7_168, step: 1_792 }));
        assert_eq!(reading_plan(10, 1, false), None);
    }

    proptest! {
        #[test]
        fn chunks_cover_the_text_and_none_is_superfluous(tokens in 1..10_000_000_u64, window in 8..200_000_u32) {
            if let Some(ReadingPlan::Chunks { chunk, overlap, count }) = reading_plan(tokens, window, false) {
                let covered = |count: u64| u64::from(chunk) + (count - 1) * u64::from(chunk - overlap);
                prop_assert!(covered(count) >= tokens && count > 1 && covered(count - 1) < tokens);
                prop_assert!(chunk < window);
            }
        }
    }
}
