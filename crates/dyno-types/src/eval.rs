//! One evaluation of a model's quality, kept for ever: what every item gave, with its full circumstances. Scores derive from
//! the items and can be recomputed from them.
//!
//! Adding a field: give it `#[serde(default)]`. Changing the meaning of one: raise [`EVAL_SCHEMA`].

use serde::{Deserialize, Serialize};

use crate::record::UNKNOWN_OUTCOME;
use crate::{
    EngineInfo, EngineSettings, Footprint, HardwareProfile, ModelFacts, Sampling, ThreadChoice, ToolInfo,
    Validity,
};

/// Schema of the records this version writes.
pub const EVAL_SCHEMA: &str = "dyno.eval/1";

/// Share of a group's answers that must have been judged for it to have a score; with fewer, what is left says little about the
/// whole, and the group is void. Ties are judged: the model preferred nothing.
pub const JUDGED_SHARE_MIN: f64 = 0.8;

/// Independent items (clusters) below which a score has no interval: one says nothing about how far others would lie.
pub const INTERVAL_ITEMS_MIN: u64 = 5;

/// Scores that say how good answers are; of several that a result has, the first is its main one.
pub const MAIN_METRICS: [&str; 6] = ["accuracy", "exact_match", "contains", "regex", "f1", "judge"];

/// The name of a metric of answers in words.
#[must_use]
pub fn metric_words(metric: &str) -> &str {
    match metric {
        "accuracy_per_char" => "per character",
        "accuracy_norm" => "per byte",
        "exact_match" => "exact match",
        "f1" => "F1",
        other => other,
    }
}

/// Longest answer text kept per item, bytes; longer ones are cut and marked.
pub const ANSWER_BYTES_MAX: usize = 4096;

/// One invocation of `dyno eval` on one model file.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct EvalRecord {
    /// [`EVAL_SCHEMA`].
    pub schema: String,
    /// Unique, sortable by start time, safe in file names.
    pub id: String,
    /// Wall clock at the start, Unix ms.
    pub started_unix_ms: i64,
    /// Wall clock at the end, Unix ms.
    pub ended_unix_ms: i64,
    /// The tool that asked and scored.
    pub tool: ToolInfo,
    /// The machine.
    pub machine: HardwareProfile,
    /// Fingerprint of what decides this machine's speed.
    pub machine_fingerprint: String,
    /// The model file.
    pub model: ModelFacts,
    /// SHA-256 (hex) of the whole model file; quality belongs to these weights alone.
    pub model_sha256: String,
    /// The engine.
    pub engine: EngineInfo,
    /// Engine knobs, threads resolved.
    pub engine_settings: EngineSettings,
    /// How the thread counts came about; absent in records that do not say.
    #[serde(default)]
    pub thread_choice: Option<ThreadChoice>,
    /// The chat template that was used.
    pub template: TemplateUse,
    /// Results, one per suite and strategy, in the order run.
    pub suites: Vec<SuiteResult>,
    /// Paired comparisons between the results above.
    pub comparisons: Vec<PairedComparison>,
    /// Open answers that a judge saw side by side with those of another model.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub judged_pairs: Vec<JudgedPairs>,
    /// Perplexity over a text, where asked for.
    pub perplexity: Option<PerplexityResult>,
    /// Divergence from a reference model or quantization, where asked for.
    pub divergence: Option<DivergenceResult>,
    /// Memory and speed of the model, where they were measured beside its quality.
    #[serde(default)]
    pub footprint: Option<Footprint>,
    /// Ids of all evaluations that were made together and belong side by side, this one among them: the quantizations of one
    /// model, the original first. Empty for one that stands alone.
    #[serde(default)]
    pub together: Vec<String>,
    /// Whether and why (not) to trust the record.
    pub validity: Validity,
    /// Remarks for people.
    pub notes: Vec<String>,
}

impl EvalRecord {
    /// Whether it holds nothing that was asked for: no answers, no perplexity.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.suites.is_empty() && self.perplexity.is_none() && self.divergence.is_none()
    }

    /// The score that stands for the whole record in one line: that of the first result that has one.
    /// Scores of different suites are never averaged.
    #[must_use]
    pub fn main_score(&self) -> Option<(&SuiteResult, &Score)> {
        self.suites.iter().find_map(|result| Some((result, result.main_score()?)))
    }
}

impl SuiteResult {
    /// Whether items were to be judged and not one was.
    #[must_use]
    pub fn nothing_judged(&self) -> Option<&Unscored> {
        let whole = |unscored: &&Unscored| unscored.group == "all" && unscored.judged == 0;
        self.unscored.iter().find(whole).filter(|unscored| unscored.items > 0)
    }

    /// The score over all items that says how good the answers are, by the first of [`MAIN_METRICS`] there is. Means of different
    /// metrics are never compared.
    #[must_use]
    pub fn main_score(&self) -> Option<&Score> {
        // Records of before kept scores of whatever could be judged.
        let stands = |score: &Score| enough_judged(score.n + score.tied, score.n + score.tied + score.failed);
        let whole = |score: &&Score| score.group == "all" && score.n > 0 && stands(score);
        let of = |metric: &&str| self.scores.iter().filter(whole).find(|score| score.metric == *metric);
        MAIN_METRICS.iter().find_map(of)
    }
}

/// How a chat became a prompt.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TemplateUse {
    /// `model` for the file's own, a named template, or `none` (text continued as it stands).
    pub name: String,
    /// Whether it is the model's own.
    pub own: bool,
    /// Whether it takes no system message, so that the text of one stands in front of the first message of the user.
    #[serde(default)]
    pub system_in_user: bool,
}

/// Which questions were asked.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SuiteId {
    /// Short name, e.g. `heldout-single`.
    pub name: String,
    /// Title for people.
    pub title: String,
    /// Where the questions come from.
    pub source: String,
    /// SHA-256 (hex) of the suite's bytes as read.
    pub sha256: String,
    /// Items in the suite.
    pub items: u64,
    /// Lines that could not be used, each with its reason (at most a hundred are kept).
    pub refused: Vec<String>,
}

/// One suite asked in one way.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct SuiteResult {
    /// The suite.
    pub suite: SuiteId,
    /// Prompt strategy, e.g. `direct`.
    pub strategy: String,
    /// Worked examples before each question.
    pub few_shot: u32,
    /// Sampling of generated answers.
    pub sampling: Sampling,
    /// Items answered before, by the same model, suite and settings, and taken from the cache.
    pub items_cached: u64,
    /// What every item gave, in the suite's order.
    pub items: Vec<ItemResult>,
    /// Scores: the whole first, then by task.
    pub scores: Vec<Score>,
    /// Groups that have no score although something was asked, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unscored: Vec<Unscored>,
    /// How open answers look.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub form_checks: Vec<FormCheck>,
    /// The model that judged open answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judge: Option<JudgeUse>,
    /// Speed while answering.
    pub speed: AnswerSpeed,
    /// The same for all items, then by task.
    #[serde(default)]
    pub speeds: Vec<TaskSpeed>,
    /// How the answers look apart from being right.
    #[serde(default)]
    pub degeneration: Option<Degeneration>,
}

/// What became of one item.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case", from = "StoredOutcome")]
pub enum ItemOutcome {
    /// Right.
    Correct,
    /// Wrong.
    Wrong,
    /// No answer could be found in the text; counts as wrong, and is counted apart.
    Unparsed,
    /// No single choice was likelier than all others: no answer, and no score.
    Tied,
    /// An open answer that nobody judged. It has no score; its form may have been checked.
    Open,
    /// Scored on a scale from 0 to 1: by shared words, or by a judge.
    Graded {
        /// 0..=1.
        grade: f64,
    },
    /// Nothing could be asked or scored (does not fit the window, engine failed, refused code, …).
    Failed {
        /// The reason, as a sentence.
        reason: String,
    },
}

/// What became of one item, as records hold it.
#[derive(Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
enum StoredOutcome {
    Correct,
    Wrong,
    Unparsed,
    Tied,
    Open,
    Graded {
        grade: f64,
    },
    Failed {
        reason: String,
    },
    #[serde(other)]
    Unknown,
}

impl From<StoredOutcome> for ItemOutcome {
    fn from(stored: StoredOutcome) -> Self {
        match stored {
            StoredOutcome::Correct => Self::Correct,
            StoredOutcome::Wrong => Self::Wrong,
            StoredOutcome::Unparsed => Self::Unparsed,
            StoredOutcome::Tied => Self::Tied,
            StoredOutcome::Open => Self::Open,
            StoredOutcome::Graded { grade } => Self::Graded { grade },
            StoredOutcome::Failed { reason } => Self::Failed { reason },
            StoredOutcome::Unknown => Self::Failed { reason: UNKNOWN_OUTCOME.to_owned() },
        }
    }
}

/// One choice's likelihood.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ChoiceScore {
    /// Sum of the natural log-probabilities of its tokens.
    pub logprob: f64,
    /// Its tokens.
    pub tokens: u32,
    /// Bytes of its text.
    pub bytes: u32,
    /// Characters of its text; 0 in records from before they were counted.
    #[serde(default)]
    pub chars: u32,
    /// Whether every token of it was the likeliest.
    pub greedy: bool,
}

/// What one item gave.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ItemResult {
    /// Id within the suite.
    pub id: String,
    /// Task, e.g. `addition`.
    pub task: String,
    /// Items of one cluster are not independent of each other; `None` stands alone.
    #[serde(default)]
    pub cluster: Option<String>,
    /// What became of it.
    pub outcome: ItemOutcome,
    /// Outcome by likelihood per byte, for choices.
    #[serde(default)]
    pub outcome_norm: Option<ItemOutcome>,
    /// Outcome by likelihood per character, for choices; absent in records from before it was told apart.
    #[serde(default)]
    pub outcome_per_char: Option<ItemOutcome>,
    /// Likelihood of each choice, for choices and cloze.
    #[serde(default)]
    pub choices: Vec<ChoiceScore>,
    /// Number of choices the chance level follows from; 0 where chance is nil.
    #[serde(default)]
    pub options: u32,
    /// The generated text, cut to [`ANSWER_BYTES_MAX`].
    #[serde(default)]
    pub answer: String,
    /// The answers of a conversation of several turns, one by one, each cut so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub turns: Vec<String>,
    /// How the answer looks by the suite's form check, 0..=1; says nothing about being right, and is no score.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub form: Option<f64>,
    /// What a judge said of every turn.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ratings: Vec<Rating>,
    /// What was read out of it.
    #[serde(default)]
    pub extracted: Option<String>,
    /// Prompt tokens.
    #[serde(default)]
    pub tokens_in: u32,
    /// Generated or scored tokens.
    #[serde(default)]
    pub tokens_out: u32,
    /// Prompt pass, ms in the engine; 0 for scored likelihoods.
    #[serde(default)]
    pub prefill_ms: f64,
    /// First to last token, ms in the engine.
    #[serde(default)]
    pub decode_ms: f64,
    /// Start of the prompt pass to first token, ms in the engine; absent for scored likelihoods.
    #[serde(default)]
    pub ttft_ms: Option<f64>,
    /// Start of the prompt pass to the end of the answer, ms in the engine, of several turns or attempts the sum; absent for
    /// scored likelihoods.
    #[serde(default)]
    pub time_ms: Option<f64>,
    /// Whether it was answered before and comes from the cache: its times are those of then.
    #[serde(default)]
    pub cached: bool,
    /// Where in the context the needed fact stands, 0..=1.
    #[serde(default)]
    pub position: Option<f64>,
    /// Length of the context, in the suite's own measure.
    #[serde(default)]
    pub length: Option<u32>,
}

/// What a judge said of one turn of an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rating {
    /// Its rating, 1..=10; absent where none could be read.
    pub rating: Option<f64>,
    /// What it wrote, cut to [`ANSWER_BYTES_MAX`].
    pub written: String,
}

/// The model that judged open answers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct JudgeUse {
    /// As the user named it.
    pub model: String,
    /// SHA-256 (hex) of its weights.
    pub sha256: String,
}

/// How answers of a group look: the mean of a heuristic that looks at words and lengths. Never a score.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct FormCheck {
    /// Name of the heuristic.
    pub check: String,
    /// `all`, or a task.
    pub group: String,
    /// Answers looked at.
    pub n: u64,
    /// Mean, 0..=1.
    pub value: f64,
}

/// One score over a group of items.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// `accuracy`, `accuracy_per_char`, `accuracy_norm` (per byte), `exact_match`, `contains`, `regex`, `f1`, or `judge` (a rating
    /// of 1 to 10, divided by 10).
    pub metric: String,
    /// `all`, or a task.
    pub group: String,
    /// Items that count.
    pub n: u64,
    /// Items that count and are independent: clusters.
    pub clusters: u64,
    /// Mean, 0..=1.
    pub value: f64,
    /// Standard error, clustered where items are not independent.
    pub standard_error: f64,
    /// 95 % interval; absent for fewer than [`INTERVAL_ITEMS_MIN`] clusters.
    pub ci95: Option<[f64; 2]>,
    /// What guessing gives, where that is known.
    pub chance: Option<f64>,
    /// Share of items without a readable answer.
    pub unparsed: f64,
    /// Items left out because all choices tied.
    pub tied: u64,
    /// Items left out because they could not be asked.
    pub failed: u64,
}

/// A group of items without a score.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Unscored {
    /// `all`, or a task.
    pub group: String,
    /// Items that were to be judged.
    pub items: u64,
    /// Items that were judged.
    pub judged: u64,
    /// Why there is no score, as a clause.
    pub reason: String,
}

/// Whether so many judged items of so many are enough for a score; see [`JUDGED_SHARE_MIN`].
#[must_use]
pub fn enough_judged(judged: u64, items: u64) -> bool {
    judged > 0 && judged as f64 >= JUDGED_SHARE_MIN * items as f64
}

/// Speed while a suite was answered.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct AnswerSpeed {
    /// Generated tokens of answers written in this run.
    pub tokens_out: u64,
    /// Items that were asked in this run (not from the cache).
    pub items: u64,
    /// Wall time over those items, s.
    pub wall_s: f64,
    /// `decode_tps` over the answers written in this run (Σtokens/Σtime); `None` where nothing was generated.
    pub decode_tps: Option<f64>,
    /// Mean generated tokens per answer written in this run.
    pub tokens_per_item: f64,
}

/// Speed of the answers to one group of items. Answers from the cache were written in another run and count for none of it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct TaskSpeed {
    /// `all`, or a task.
    pub group: String,
    /// Answers written in this run.
    pub written: u64,
    /// Items scored by likelihood in this run.
    pub scored: u64,
    /// Items answered before.
    pub cached: u64,
    /// Mean time of a written answer, start of its prompt pass to its end, ms; where all were scored by likelihood, their wall time
    /// shared out.
    pub time_ms: Option<f64>,
    /// Mean time from the start of the prompt pass to the first token, ms.
    pub ttft_ms: Option<f64>,
    /// Rate of one answer: Σ(tokens − 1)/Σ(first to last token).
    pub decode_tps: Option<f64>,
    /// Mean generated tokens of a written answer.
    pub tokens_per_answer: Option<f64>,
    /// Most answers written at the same time.
    pub side_by_side: u32,
    /// Rate of all answers together: Σtokens/wall time of writing; of the whole suite alone, since tasks are written side by side.
    pub joint_tps: Option<f64>,
    /// Peak memory of the engine process up to the end of the suite, bytes.
    pub rss_peak_bytes: Option<u64>,
}

/// How answers look apart from being right.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Degeneration {
    /// Mean share of 4-word sequences that occurred before in the same answer, 0..=1.
    pub repeated_4grams: f64,
    /// Share of answers that end in a loop.
    pub looping: f64,
    /// Share of answers cut off at the token limit.
    pub cut_off: f64,
    /// Mean words per answer.
    pub words: f64,
    /// Accuracy by position of the needed fact: (upper edge of the bin 0..=1, items, accuracy).
    pub by_position: Vec<(f64, u64, f64)>,
    /// Accuracy by length of the context: (upper edge of the bin, items, accuracy).
    pub by_length: Vec<(f64, u64, f64)>,
}

/// Two results over the same items.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PairedComparison {
    /// What is compared, e.g. `strategy`, `quantization`, `model`, `sampling`.
    pub kind: String,
    /// Suite.
    pub suite: String,
    /// `all`, or a task.
    pub group: String,
    /// The one compared with.
    pub baseline: String,
    /// The one compared.
    pub candidate: String,
    /// Items both answered.
    pub n: u64,
    /// Right in the candidate alone.
    pub gained: u64,
    /// Right in the baseline alone.
    pub lost: u64,
    /// candidate − baseline, −1..=1.
    pub difference: f64,
    /// 95 % interval of the difference (paired, clustered).
    pub ci95: [f64; 2],
    /// McNemar's exact test (mid-p), two-sided; of the clustered t test where items come in clusters.
    pub p_value: f64,
    /// After Holm's correction over the comparisons made together.
    pub p_adjusted: f64,
}

/// Open answers of two models to the same questions, which a judge saw side by side, in both orders.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct JudgedPairs {
    /// Suite.
    pub suite: String,
    /// The one compared with.
    pub baseline: String,
    /// The one compared.
    pub candidate: String,
    /// The judge.
    pub judge: JudgeUse,
    /// Pairs of answers, one for each turn, with a verdict in both orders.
    pub pairs: u64,
    /// Of these: the candidate preferred in both orders.
    pub won: u64,
    /// The baseline preferred in both orders.
    pub lost: u64,
    /// Both orders gave the same verdict, ties among them. The rest are ties because the place decided.
    pub agreed: u64,
    /// Pairs without a readable verdict in one of the orders.
    pub unread: u64,
}

/// Perplexity of a text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PerplexityResult {
    /// Name of the text.
    pub text: String,
    /// SHA-256 (hex) of the text.
    pub sha256: String,
    /// Tokens per chunk.
    pub context: u32,
    /// Chunks scored.
    pub chunks: u64,
    /// Tokens scored.
    pub tokens: u64,
    /// `ppl`: exp of the mean negative log-likelihood per token.
    pub ppl: f64,
    /// Standard error, clustered by chunk.
    pub standard_error: f64,
}

/// How far a model's predictions lie from a reference's on the same text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DivergenceResult {
    /// The reference model.
    pub reference: String,
    /// Name of the text.
    pub text: String,
    /// Positions compared.
    pub tokens: u64,
    /// `kld_mean`: mean Kullback-Leibler divergence, nats per token.
    pub kld_mean: f64,
    /// Standard error, clustered by chunk.
    pub kld_standard_error: f64,
    /// `kld_p999`: 99.9th percentile; absent where the text is too short for its interval to exist.
    pub kld_p999: Option<f64>,
    /// `top1_agree`: share of positions where both like the same token best.
    pub top1_agree: f64,
    /// Standard error of the share, clustered by chunk.
    pub top1_standard_error: f64,
}
