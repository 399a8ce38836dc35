//! How large a window a generation opens: as large as its prompt and its answer need, within training and memory.

use dyno_advise::{OnMachine, WindowBound, WindowLimit, answer_tokens, window_for, window_limit};
use dyno_report::{count_text, reading_text};
use dyno_types::{EngineSettings, ModelFacts, ReadingPlan};

use crate::{AppError, Work};

/// Maximum length of an answer where nobody says, tokens.
pub const ANSWER_TOKENS_USUAL: u32 = 512;

/// Tokens of what an attempt is told about the one before it, about.
pub(super) const FEEDBACK_TOKENS: u64 = 256;

/// How long an answer may become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct AnswerLength {
    /// The maximum.
    pub(super) tokens: u32,
    /// Whether somebody asked for just this; otherwise a smaller window makes it shorter.
    pub(super) given: bool,
}

impl AnswerLength {
    pub(super) fn of(asked: Option<u32>) -> Self {
        Self { tokens: asked.unwrap_or(ANSWER_TOKENS_USUAL), given: asked.is_some() }
    }

    /// What must be left free in such a window.
    pub(super) fn least(self, window: u32) -> u32 {
        if self.given { self.tokens } else { self.tokens.min(answer_tokens(window)).max(1) }
    }
}

/// A window that holds a prompt and its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Opening {
    /// Tokens per sequence.
    pub(super) context: u32,
    /// What is left for the answer, at most what was wanted.
    pub(super) answer_tokens: u32,
}

/// The window for a prompt of so many tokens, its answer, and, as far as there is room, `beside` more. `None` when prompt and
/// answer do not fit.
pub(super) fn opening(prompt: u64, answer: AnswerLength, beside: u64, limit: WindowLimit) -> Option<Opening> {
    let least = prompt.saturating_add(u64::from(answer.least(limit.tokens)));
    if least > u64::from(limit.tokens) {
        return None;
    }
    let wanted = prompt.saturating_add(u64::from(answer.tokens)).saturating_add(beside);
    let context = match limit.bound {
        WindowBound::Asked => limit.tokens,
        WindowBound::Trained | WindowBound::Memory => window_for(wanted.min(u64::from(limit.tokens)), limit)?,
    };
    let left = u64::from(context).saturating_sub(prompt);
    Some(Opening { context, answer_tokens: answer.tokens.min(u32::try_from(left).unwrap_or(u32::MAX)) })
}

/// A prompt that does not fit into any window there can be, together with its answer.
#[derive(Debug, Clone, PartialEq)]
pub struct PromptTooLong {
    /// Name of the model's file.
    pub model: String,
    /// Tokens of the prompt.
    pub prompt_tokens: u64,
    /// Tokens that its answer must be able to take.
    pub answer_tokens: u32,
    /// The largest window there can be.
    pub limit: WindowLimit,
    /// The largest there could be if nobody had asked for one.
    pub possible: WindowLimit,
    /// How it could be read.
    pub plans: Vec<ReadingPlan>,
}

impl PromptTooLong {
    fn needed(&self) -> u64 {
        self.prompt_tokens.saturating_add(u64::from(self.answer_tokens))
    }

    /// A window that would hold both, where there can be one.
    #[must_use]
    pub fn window_that_fits(&self) -> Option<u32> {
        window_for(self.needed(), self.possible)
    }
}

impl std::error::Error for PromptTooLong {}

impl std::fmt::Display for PromptTooLong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { model, prompt_tokens, answer_tokens, limit, .. } = self;
        let (prompt, answer) = (count_text(*prompt_tokens), count_text(u64::from(*answer_tokens)));
        let (needed, window) = (count_text(self.needed()), count_text(u64::from(limit.tokens)));
        write!(f, "the prompt has {prompt} tokens and its answer needs up to {answer}, {needed} together; ")?;
        match limit.bound {
            WindowBound::Asked => write!(f, "the window asked for holds {window}")?,
            WindowBound::Trained => {
                write!(f, "{model} was trained for {window}, so no larger window fits")?;
            }
            WindowBound::Memory => write!(
                f,
                "the free memory holds a window of {window} tokens of {model}, so no larger window fits"
            )?,
        }
        if let Some(fits) = self.window_that_fits() {
            write!(f, "; a window of {} would fit", count_text(u64::from(fits)))?;
        }
        let plans: Vec<String> = self.plans.iter().map(reading_text).collect();
        if !plans.is_empty() {
            write!(f, "; it could be read {}", plans.join(", or "))?;
        }
        Ok(())
    }
}

impl Work {
    /// The largest window of this model: the one asked for, or what training and free memory allow.
    ///
    /// # Errors
    /// [`AppError::Input`] for a window asked for beyond training.
    pub(super) fn window_limit(
        &self,
        settings: &EngineSettings,
        facts: &ModelFacts,
        given: bool,
    ) -> Result<WindowLimit, AppError> {
        if given {
            let mut settings = settings.clone();
            self.fit_context(&mut settings, facts, true)?;
            return Ok(WindowLimit { tokens: settings.context, bound: WindowBound::Asked });
        }
        let machine = dyno_hardware::profile_without_drivers();
        let usable_bytes = [
            Some(machine.ram_limit_bytes),
            Some(dyno_hardware::state().ram_available_bytes),
            self.app.engines.memory_limit_bytes(),
        ];
        let usable_bytes = usable_bytes.into_iter().flatten().filter(|bytes| *bytes > 0).min();
        let predictor =
            OnMachine { instructions: self.matrix_instructions(&machine), ..OnMachine::default() };
        Ok(window_limit(facts, settings, usable_bytes, &predictor))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(tokens: u32, bound: WindowBound) -> WindowLimit {
        WindowLimit { tokens, bound }
    }

    #[test]
    fn a_window_is_as_large_as_prompt_and_answer_need() {
        let trained = limit(2_048, WindowBound::Trained);
        let usual = AnswerLength::of(None);
        let typed = |tokens| AnswerLength::of(Some(tokens));
        let cases = [
            (10, usual, 0, trained, Some((768, 512))),
            (10, usual, 768, trained, Some((1_536, 512))),
            (10, typed(40), 0, trained, Some((256, 40))),
            (216, typed(40), 0, trained, Some((256, 40))),
            (217, typed(40), 0, trained, Some((512, 40))),
            // The usual answer becomes shorter rather than the prompt refused; an answer asked for does not.
            (1_536, usual, 0, trained, Some((2_048, 512))),
            (1_537, usual, 0, trained, None),
            (2_008, typed(40), 4_000, trained, Some((2_048, 40))),
            (2_009, typed(40), 0, trained, None),
            (10, usual, 0, limit(512, WindowBound::Trained), Some((512, 502))),
            (384, usual, 0, limit(512, WindowBound::Memory), Some((512, 128))),
            (385, usual, 0, limit(512, WindowBound::Memory), None),
            (10, typed(8), 0, limit(1_000, WindowBound::Asked), Some((1_000, 8))),
            (u64::MAX, typed(8), 9, limit(u32::MAX, WindowBound::Trained), None),
        ];
        for (prompt, answer, beside, limit, expected) in cases {
            let opened = opening(prompt, answer, beside, limit);
            let found = opened.map(|opened| (opened.context, opened.answer_tokens));
            assert_eq!(found, expected, "{prompt} {answer:?} {limit:?}");
        }
    }

    #[test]
    fn a_refusal_says_what_would_fit_and_how_else_to_read_it() {
        let refused = PromptTooLong {
            model: "m.gguf".to_owned(),
            prompt_tokens: 1_205,
            answer_tokens: 128,
            limit: limit(512, WindowBound::Asked),
            possible: limit(8_192, WindowBound::Trained),
            plans: vec![ReadingPlan::Chunks { chunk: 300, overlap: 30, count: 5 }],
        };
        let said = refused.to_string();
        for part in [
            "1,205",
            "128",
            "1,333 together",
            "asked for holds 512",
            "a window of 1,536 would fit",
            "in 5 parts of 300",
        ] {
            assert!(said.contains(part), "{part}: {said}");
        }
        let trained = PromptTooLong {
            limit: limit(512, WindowBound::Trained),
            possible: limit(512, WindowBound::Trained),
            ..refused
        };
        assert_eq!(trained.window_that_fits(), None);
        assert!(trained.to_string().contains("m.gguf was trained for 512"), "{trained}");
    }
}
