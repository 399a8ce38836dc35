//! What is published about a model: the rows of the catalogue. Plain data; nothing here was measured by dyno.

use serde::{Deserialize, Serialize};

/// What a model is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Conversation, questions, texts.
    General,
    /// Writing and explaining programs.
    Coding,
    /// Mathematics, planning, analysis step by step.
    Reasoning,
    /// Text about images.
    Vision,
    /// Speech to text.
    Speech,
    /// Text to speech.
    Voice,
    /// Texts to vectors.
    Embedding,
}

impl Role {
    /// Every role with its name.
    pub const ALL: [(&'static str, Self); 7] = [
        ("general", Self::General),
        ("coding", Self::Coding),
        ("reasoning", Self::Reasoning),
        ("vision", Self::Vision),
        ("speech", Self::Speech),
        ("voice", Self::Voice),
        ("embedding", Self::Embedding),
    ];

    /// The name, as flags and records write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, role)| *role == self).map_or("general", |(name, _)| name)
    }

    /// The role with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, role)| *role)
    }
}

/// A figure somebody published about a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishedFigure {
    /// What was measured, e.g. `humaneval`, `mmlu`, `wer_librispeech_clean`.
    pub metric: String,
    /// Value, in percent unless the metric's name ends in another unit.
    pub value: f64,
    /// Circumstances that matter when comparing, e.g. `5-shot, base model`.
    #[serde(default)]
    pub conditions: Option<String>,
    /// Who published it, and where.
    pub source: String,
}

impl PublishedFigure {
    /// Whether it is a promise that nobody is known to have measured.
    #[must_use]
    pub fn is_claim(&self) -> bool {
        self.source.starts_with("expectation:")
    }
}

/// Size of a file of weights that somebody publishes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishedSize {
    /// Quantization or number format, e.g. `f16`.
    pub quantization: String,
    /// Size, bytes.
    pub bytes: u64,
}

/// Memory that somebody states a model needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishedMemory {
    /// Memory at work, bytes.
    pub bytes: u64,
    /// Who states it, and where.
    pub source: String,
}

/// One model of the catalogue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CatalogueModel {
    /// Name, unique, in lower case.
    pub name: String,
    /// Name as its makers write it.
    pub title: String,
    /// Other names, without a quantization: as Ollama tags it, repositories.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// What it is for, main role first.
    pub roles: Vec<Role>,
    /// Parameters, as published.
    #[serde(default)]
    pub parameters: Option<u64>,
    /// Parameters that work on one token, for a mixture of experts.
    #[serde(default)]
    pub parameters_active: Option<u64>,
    /// Shape that synthetic models of it are made in; absent where there is none.
    #[serde(default)]
    pub shape: Option<String>,
    /// Sizes of published files, for models without a shape.
    #[serde(default)]
    pub sizes: Vec<PublishedSize>,
    /// Memory as published, for models without a shape.
    #[serde(default)]
    pub memory: Option<PublishedMemory>,
    /// Longest context it was made for, tokens; absent where there is no such thing.
    #[serde(default)]
    pub context: Option<u32>,
    /// Licence, as its makers name it; absent when it is not certain.
    #[serde(default)]
    pub licence: Option<String>,
    /// Hub repository with files for llama.cpp (GGUF), when there is a certain one.
    #[serde(default)]
    pub repository: Option<String>,
    /// Program that runs it, when that is not dyno's own engine.
    #[serde(default)]
    pub runs_with: Option<String>,
    /// Remark for people.
    #[serde(default)]
    pub remark: Option<String>,
    /// Published figures.
    #[serde(default)]
    pub figures: Vec<PublishedFigure>,
}
