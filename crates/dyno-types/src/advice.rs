//! The answer of `dyno recommend`: what to run, why, and what not to run. Every figure says where it comes from.

use serde::{Deserialize, Serialize};

use crate::{KvType, PublishedFigure, Role};

/// Schema of the advice this version writes.
pub const ADVICE_SCHEMA: &str = "dyno.advice/1";

/// Where a figure comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// Measured on this machine; a run of the history.
    Measured,
    /// Computed from the model's header and this machine's abilities.
    Predicted,
    /// Stated by somebody else, somewhere else.
    Published,
    /// Computed from the number and type of the weights alone.
    Estimated,
}

impl Evidence {
    /// The word for tables and texts.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Measured => "measured",
            Self::Predicted => "predicted",
            Self::Published => "published",
            Self::Estimated => "estimated",
        }
    }
}

/// What matters most to the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// Fast answers.
    Speed,
    /// Both alike.
    #[default]
    Balanced,
    /// Good answers.
    Quality,
}

impl Priority {
    /// Every priority with its name.
    pub const ALL: [(&'static str, Self); 3] =
        [("speed", Self::Speed), ("balanced", Self::Balanced), ("quality", Self::Quality)];

    /// The name, as flags and records write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, priority)| *priority == self).map_or("balanced", |(name, _)| name)
    }
}

/// What the machine is used for beside the model: decides how much memory stays free.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Profile {
    /// An editor, a browser and builds run beside the model.
    Development,
    /// The machine serves the model and little else.
    Production,
}

impl Profile {
    /// Every profile with its name.
    pub const ALL: [(&'static str, Self); 2] =
        [("development", Self::Development), ("production", Self::Production)];

    /// The name, as flags and records write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, profile)| *profile == self).map_or("development", |(name, _)| name)
    }
}

/// What was asked, every default resolved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AdviceRequest {
    /// Role.
    pub role: Role,
    /// Priority.
    pub priority: Priority,
    /// Profile, when one was named.
    pub profile: Option<Profile>,
    /// Context window, tokens.
    pub context: u32,
    /// The one model that was asked about, by its name in the catalogue.
    pub model: Option<String>,
    /// Where only these were compared: their names.
    #[serde(default)]
    pub among: Vec<String>,
}

/// Memory there is, and the part a model may take.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct MemoryBudget {
    /// Memory of the machine, bytes.
    pub memory_bytes: u64,
    /// Share that stays free, 0..1.
    pub margin: f64,
    /// What models may take: memory × (1 − margin), bytes.
    pub usable_bytes: u64,
}

/// Memory of an engine process by part, bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct MemoryParts {
    /// Weights in pages of the model file.
    pub weights_mapped_bytes: u64,
    /// Weights copied in memory.
    pub weights_anonymous_bytes: u64,
    /// KV cache and recurrent states.
    pub kv_bytes: u64,
    /// Scratch buffers of the compute graph.
    pub compute_bytes: u64,
    /// The process itself.
    pub process_bytes: u64,
}

/// Memory a choice needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MemoryNeed {
    /// Everything, bytes.
    pub total_bytes: u64,
    /// The same by part, where it was predicted.
    pub parts: Option<MemoryParts>,
    /// Where the total comes from.
    pub evidence: Evidence,
    /// Run id or publication.
    pub source: Option<String>,
}

/// A rate, tokens/s.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RateFigure {
    /// Most likely value.
    pub likely_tps: f64,
    /// Ends of the 90 % interval, where there is one.
    pub interval_tps: Option<[f64; 2]>,
    /// Where it comes from.
    pub evidence: Evidence,
    /// Run id.
    pub source: Option<String>,
}

/// How good a model's answers are, as far as anybody knows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QualityFigure {
    /// Metric, e.g. `humaneval`; of an evaluation, the suite.
    pub metric: String,
    /// Its name for people, e.g. `HumanEval pass@1`.
    pub label: String,
    /// Value, percent: measured of these very weights, or published for full precision.
    pub value: f64,
    /// Ends of the 95 % interval of a measured value, percent.
    #[serde(default)]
    pub interval: Option<[f64; 2]>,
    /// What guessing gets, percent.
    #[serde(default)]
    pub chance: f64,
    /// Where it comes from.
    pub evidence: Evidence,
    /// Circumstances.
    pub conditions: Option<String>,
    /// Who published it, or the id of the evaluation.
    pub source: String,
    /// Share of it that this quantization is taken to keep, 0..=1.
    pub kept: f64,
}

/// How near a choice is to being used: what decides before any score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It has to be fetched first.
    #[default]
    Elsewhere,
    /// A reference model inside the program: here and measured, but made to test the program.
    Builtin,
    /// Its file is on this machine.
    Here,
    /// Its file is on this machine, and what the priority asks for was measured of it here.
    Measured,
}

/// Where a model's file is on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Whereabouts {
    /// What to type to use it.
    pub reference: String,
    /// Where it was found, e.g. `cache`, `Ollama`.
    pub place: String,
    /// Whether it is a reference model inside the program, which is there to test the program.
    #[serde(default)]
    pub builtin: bool,
}

/// Settings that go with a choice; every other knob stays at its default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ChosenSettings {
    /// Context window, tokens.
    pub context: u32,
    /// KV cache type of keys.
    pub kv_type_k: KvType,
    /// KV cache type of values.
    pub kv_type_v: KvType,
    /// Most tokens computed at once.
    pub ubatch: u32,
}

/// What kept a choice from the next better quantization of the same model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Constraint {
    /// It does not fit.
    Memory {
        /// The next better quantization.
        quantization: String,
        /// What it would need, bytes.
        needs_bytes: u64,
        /// What may be taken, bytes.
        usable_bytes: u64,
    },
    /// It fits, but its speed costs more than its quality gains.
    Speed {
        /// The next better quantization.
        quantization: String,
        /// Its likely decode rate, tokens/s.
        decode_tps: f64,
    },
    /// There is no better one.
    Best,
    /// No memory is predicted for it, so nothing can be promised.
    Unpredicted,
}

/// One model × quantization × settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Choice {
    /// Name in the catalogue.
    pub model: String,
    /// Name as its makers write it.
    pub title: String,
    /// Parameters, as published.
    pub parameters: Option<u64>,
    /// Quantization.
    pub quantization: String,
    /// Settings.
    pub settings: ChosenSettings,
    /// Memory; absent when it is not predicted.
    pub memory: Option<MemoryNeed>,
    /// Size of the weights, which is less than the memory, bytes.
    pub weights_bytes: Option<u64>,
    /// Decode rate; absent when it is not predicted.
    pub decode: Option<RateFigure>,
    /// Prefill rate; absent when it is not predicted.
    pub prefill: Option<RateFigure>,
    /// Quality; absent when nothing is known.
    pub quality: Option<QualityFigure>,
    /// Score by which choices are ranked, 0..1.
    pub score: f64,
    /// What decided.
    pub constraint: Constraint,
    /// The choice in one sentence.
    pub explanation: String,
    /// What to type; absent when dyno's engine does not run it.
    pub command: Option<String>,
    /// Program that runs it, when that is not dyno's own engine.
    pub runs_with: Option<String>,
    /// Licence, as its makers name it.
    pub licence: Option<String>,
    /// Remark of the catalogue.
    pub remark: Option<String>,
    /// Where its file is on this machine; absent when it has to be fetched.
    #[serde(default)]
    pub here: Option<Whereabouts>,
    /// How near it is to being used.
    #[serde(default)]
    pub standing: Standing,
    /// Figures that somebody's document promises and nobody is known to have measured: shown, never chosen by.
    #[serde(default)]
    pub claims: Vec<PublishedFigure>,
}

/// Why something is not recommended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum RefusalReason {
    /// Even its smallest quantization does not fit.
    TooLarge {
        /// The smallest quantization considered.
        quantization: String,
        /// What it needs at least, bytes.
        needs_bytes: u64,
        /// What may be taken, bytes.
        usable_bytes: u64,
    },
    /// The window is beyond what it was trained for.
    ContextTooLong {
        /// Window asked for, tokens.
        asked: u32,
        /// Training context, tokens.
        trained: u32,
    },
    /// It fits, but nobody would wait for it.
    TooSlow {
        /// Likely decode rate of its fastest fitting quantization, tokens/s.
        decode_tps: f64,
        /// Least rate that is recommended, tokens/s.
        least_tps: f64,
    },
    /// Neither its memory nor its size is known.
    Unknown,
}

/// A model not to run here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Refusal {
    /// Name in the catalogue.
    pub model: String,
    /// Name as its makers write it.
    pub title: String,
    /// Why.
    pub reason: RefusalReason,
    /// What to take instead: model, quantization.
    pub alternative: Option<[String; 2]>,
    /// All of it in one sentence.
    pub explanation: String,
}

/// How the models of a stack share the memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Loading {
    /// Each may take everything; one is unloaded before the next is loaded.
    OneAtATime,
    /// All are loaded side by side.
    Together,
}

/// One model per role.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stack {
    /// Memory it was chosen for.
    pub budget: MemoryBudget,
    /// How the models share it.
    pub loading: Loading,
    /// The choice for each role that has one.
    pub choices: Vec<(Role, Choice)>,
    /// Roles nothing fits for any more.
    pub unfilled: Vec<Role>,
    /// Highest memory at any moment, bytes.
    pub peak_bytes: u64,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Advice {
    /// [`ADVICE_SCHEMA`].
    pub schema: String,
    /// What to use, why, and what to type: one sentence.
    pub headline: String,
    /// What was asked.
    pub request: AdviceRequest,
    /// Memory.
    pub budget: MemoryBudget,
    /// What to run, best first.
    pub choices: Vec<Choice>,
    /// What also fits, but is beaten in quality, speed and memory at once by a choice.
    pub beaten: Vec<Choice>,
    /// What not to run here.
    pub not_recommended: Vec<Refusal>,
    /// How to read a text that is longer than any window here, when that was asked for.
    pub reading: Option<ReadingPlan>,
    /// Remarks for people.
    pub notes: Vec<String>,
}

/// How a text longer than the window is read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ReadingPlan {
    /// It fits into the window.
    Whole {
        /// Window, tokens.
        window: u32,
    },
    /// In parts that overlap, each with an answer of its own, then an answer about the answers.
    Chunks {
        /// Tokens of one part.
        chunk: u32,
        /// Tokens that two neighbours share.
        overlap: u32,
        /// Parts.
        count: u64,
    },
    /// The newest tokens only: what falls out of the window is forgotten.
    SlidingWindow {
        /// Window, tokens.
        window: u32,
        /// Tokens that make room at a time.
        step: u32,
    },
}

/// One model per role, for several memories.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StackAdvice {
    /// [`ADVICE_SCHEMA`].
    pub schema: String,
    /// The stack for the first memory, in one sentence.
    pub headline: String,
    /// Priority.
    pub priority: Priority,
    /// Profile, when one was named.
    pub profile: Option<Profile>,
    /// For each memory: one at a time, and together.
    pub stacks: Vec<Stack>,
    /// Remarks for people.
    pub notes: Vec<String>,
}
