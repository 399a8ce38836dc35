//! What an evaluation is asked for, and what it leaves.

use std::path::PathBuf;

use dyno_eval::ScoreBy;
use dyno_types::{EngineSettings, EvalRecord, Sampling, ThreadChoice};

use crate::{AppError, PolicyWishes};

/// Sequences of an evaluation where nobody says: enough to keep the processor busy with short questions, few enough for the
/// memory their windows take.
pub const EVAL_SEQUENCES: u32 = 8;

/// Window of each sequence where nobody says, tokens.
pub const EVAL_CONTEXT: u32 = 2048;

/// One evaluation, as asked for.
#[derive(Debug, Clone)]
pub struct EvalJob {
    /// Model reference.
    pub model: String,
    /// Suites: built-in names, files, or `all`; the usual ones when empty and no text is to be measured.
    pub suites: Vec<String>,
    /// Prompt strategies by name, or `all`; `direct` when empty.
    pub strategies: Vec<String>,
    /// Worked examples before each question.
    pub few_shot: u32,
    /// Most items of a suite, drawn with the seed of `sampling`.
    pub limit: Option<u64>,
    /// Sampling of generated answers.
    pub sampling: Sampling,
    /// Most tokens of an answer, where the item does not say.
    pub max_tokens: u32,
    /// What answers are held to, beside plain ones.
    pub policy: PolicyWishes,
    /// Chat template by name; the model's own, or none, without.
    pub template: Option<String>,
    /// Format of suite files, where it is not told from their content.
    pub suite_format: Option<String>,
    /// How a plain file of questions and answers is read.
    pub reading: QuestionReading,
    /// Stop at the first line of a suite that cannot be used.
    pub strict: bool,
    /// Run code of the model also where it cannot be isolated.
    pub unsafe_code: bool,
    /// A text to measure the perplexity of.
    pub text: Option<TextJob>,
    /// Use and keep answers.
    pub cache: bool,
    /// Keep the record.
    pub save: bool,
    /// Engine knobs.
    pub settings: EngineSettings,
    /// How the thread counts among them were given.
    pub thread_choice: ThreadChoice,
    /// Whether the context window was asked for explicitly.
    pub context_given: bool,
}

/// How a plain file of questions and answers is read; what is absent follows from the file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct QuestionReading {
    /// Column of the question.
    pub question_column: Option<String>,
    /// Column of the answer.
    pub answer_column: Option<String>,
    /// How answers are scored, one of [`dyno_eval::SCORES_BY`].
    pub score: Option<ScoreBy>,
}

/// A text to measure.
#[derive(Debug, Clone)]
pub struct TextJob {
    /// The file.
    pub file: PathBuf,
    /// Tokens per chunk.
    pub chunk: u32,
    /// Most chunks; 0 is all.
    pub chunks_max: u32,
    /// A model to compare the predictions with.
    pub reference: Option<String>,
}

/// What an evaluation left; also when it ended early.
#[derive(Debug)]
pub struct EvalResult {
    /// What was answered.
    pub record: EvalRecord,
    /// Why it ended early.
    pub error: Option<AppError>,
}
