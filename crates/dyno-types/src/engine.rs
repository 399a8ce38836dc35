//! What is asked of an engine and what it answers, independent of how the two talk.

use serde::{Deserialize, Serialize};

use crate::{MemoryBreakdown, ProcessMemory, Sampling};

/// Index into a model's vocabulary.
pub type TokenId = u32;

/// Who an engine process is; it states this in the handshake.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct EngineInfo {
    /// Engine name, e.g. `llama`.
    pub name: String,
    /// Version of the engine executable.
    pub version: String,
    /// Backend and its version, e.g. `llama.cpp b12032`.
    pub backend: String,
    /// Compiler that built the native code, e.g. `clang 14.0.6`.
    pub compiler: String,
    /// Instruction sets and accelerators in use, as the backend reports them.
    pub features: Vec<String>,
    /// `release` or `debug`.
    pub profile: String,
    /// Version of the engine protocol it speaks.
    pub protocol: u32,
    /// Process id (0 where there is no local process).
    pub pid: u32,
}

/// What loading a model reported.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct LoadReport {
    /// File open to weights ready, measured inside the engine, ms.
    pub weights_ms: f64,
    /// Layers, as the backend sees them.
    pub layers: u32,
    /// Tokens in the vocabulary.
    pub vocabulary: u32,
    /// Training context, tokens.
    pub context_train: u32,
    /// Whether the tokenizer puts a beginning-of-sequence token first.
    pub adds_bos: bool,
    /// Whether the model carries a chat template.
    pub has_chat_template: bool,
    /// Whether that template takes no system message: its text is then put in front of the first message of the user.
    #[serde(default)]
    pub system_in_user: bool,
}

/// Longest source of a chat template, bytes; the longest known ones have some 30 KB.
pub const TEMPLATE_BYTES_MAX: usize = 1024 * 1024;

/// A chat template (Jinja source) in a file of its own, to be used in place of the model's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateFile {
    /// The file, as it was named.
    pub name: String,
    /// What it holds, at most [`TEMPLATE_BYTES_MAX`].
    pub source: String,
}

/// What opening a context reported.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ContextReport {
    /// Time to allocate the context and reserve its graphs, ms.
    pub context_ms: f64,
    /// Window per sequence the backend really opened, tokens.
    pub context: u32,
    /// Memory by purpose after opening.
    pub memory: MemoryBreakdown,
}

/// Memory of the engine process and of what it loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct EngineMemory {
    /// The process, as the system counts it.
    pub process: ProcessMemory,
    /// The model, as the backend accounts for it.
    pub breakdown: MemoryBreakdown,
}

/// One message of a chat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChatMessage {
    /// `system`, `user`, `assistant` or `tool`.
    pub role: String,
    /// Text.
    pub content: String,
}

/// What a generation starts from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prompt {
    /// Text continued as it stands (BOS added when the tokenizer says so; no special tokens parsed from it).
    Text(String),
    /// A chat, rendered by the model's own template. A last message of the assistant's is the beginning of its answer, which
    /// is continued.
    Chat(Vec<ChatMessage>),
    /// Token ids, submitted as they are.
    Tokens(Vec<TokenId>),
}

/// One generation.
#[derive(Debug, Clone, PartialEq)]
pub struct GenerateRequest {
    /// Chosen by the caller, unique among the session's running generations.
    pub id: u64,
    /// Start.
    pub prompt: Prompt,
    /// Sampling.
    pub sampling: Sampling,
    /// Most tokens to produce; at least 1.
    pub max_tokens: u32,
    /// Stop when the text contains one of these (cut from the text).
    pub stop: Vec<String>,
    /// Go on past the end-of-generation token (measurements need a fixed length).
    pub ignore_eos: bool,
    /// Report this many most likely tokens with log-probabilities per step; 0 reports none.
    pub logprobs: u32,
}

/// A token and its natural-log probability before sampling filters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TokenLogprob {
    /// Token id.
    pub token: TokenId,
    /// What it stands for.
    #[serde(flatten)]
    pub piece: TokenPiece,
    /// ln p, ≤ 0.
    pub logprob: f32,
}

/// What a token stands for; of a control token that is its name in the vocabulary.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TokenPiece {
    /// Its text; bytes that are no UTF-8 are spelled `\xE2`.
    pub text: String,
    /// All its bytes, where not all of them are UTF-8: a token may be a part of a character.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<Vec<u8>>,
}

impl From<Vec<u8>> for TokenPiece {
    fn from(bytes: Vec<u8>) -> Self {
        let bytes = match String::from_utf8(bytes) {
            Ok(text) => return Self { text, bytes: None },
            Err(error) => error.into_bytes(),
        };
        let mut text = String::new();
        for chunk in bytes.utf8_chunks() {
            text.push_str(chunk.valid());
            text.extend(chunk.invalid().iter().map(|byte| format!("\\x{byte:02X}")));
        }
        Self { text, bytes: Some(bytes) }
    }
}

impl From<TokenPiece> for Vec<u8> {
    fn from(piece: TokenPiece) -> Self {
        piece.bytes.unwrap_or(piece.text.into_bytes())
    }
}

impl std::fmt::Display for TokenPiece {
    /// In quotation marks, on one line.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.bytes {
            None => write!(f, "{:?}", self.text),
            // Spelled already; what is valid in it may still need it.
            Some(_) => write!(f, "\"{}\"", self.text.escape_debug().to_string().replace("\\\\x", "\\x")),
        }
    }
}

/// Why a generation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinishReason {
    /// The model ended its answer.
    Eos,
    /// `max_tokens` reached.
    Length,
    /// A stop string appeared.
    Stop,
    /// The context window is full.
    ContextFull,
    /// Cancelled by the caller.
    Cancelled,
    /// For a reason that only a newer dyno knows.
    #[serde(other)]
    Unknown,
}

/// One generated token, time-stamped inside the engine.
#[derive(Debug, Clone, PartialEq)]
pub struct GeneratedToken {
    /// Token id.
    pub token: TokenId,
    /// Text that became complete with it (may be empty while a character is incomplete or a stop string may follow).
    pub text: String,
    /// Engine clock when it was sampled, ns since the submission of its request arrived in the engine.
    pub at_ns: u64,
    /// What the token stands for; `None` unless log-probabilities are asked for.
    pub piece: Option<TokenPiece>,
    /// Log-probability of the token itself; `None` unless asked for.
    pub logprob: Option<f32>,
    /// Most likely tokens, best first; empty unless asked for.
    pub top: Vec<TokenLogprob>,
}

/// What one generation measured inside the engine. Times are ns since the submission arrived in the engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GenerationReport {
    /// Prompt tokens.
    pub prompt_tokens: u32,
    /// Prompt tokens taken from the cache instead of computed.
    pub cached_tokens: u32,
    /// Start of the prompt pass.
    pub prefill_start_ns: u64,
    /// Logits of the last prompt token ready.
    pub prefill_end_ns: u64,
    /// Everything done.
    pub end_ns: u64,
    /// Time spent in the backend's decode calls after the prompt pass, ns.
    pub decode_backend_ns: u64,
    /// Time spent choosing tokens, ns.
    pub sampling_ns: u64,
    /// Tokens generated.
    pub generated_tokens: u32,
    /// Why it ended.
    pub finish_reason: FinishReason,
    /// Mark of reasoning that the prompt ends with, so that what was generated begins inside reasoning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning_mark: Option<String>,
}

/// One event of a running generation.
#[derive(Debug, Clone, PartialEq)]
pub enum GenerationEvent {
    /// A token.
    Token(GeneratedToken),
    /// The end; nothing follows.
    Finished(GenerationReport),
}

/// A measurement of the bare backend: no tokenizer, no sampling, no text (what llama-bench times).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MeasureRequest {
    /// Tokens in the context before timing starts.
    pub depth: u32,
    /// Prompt tokens to time; 0 for none.
    pub prefill_tokens: u32,
    /// Single-token decode steps to time; 0 for none.
    pub decode_tokens: u32,
    /// Timed repetitions; at least 1.
    pub repetitions: u32,
    /// Threads for decode; 0 keeps the context's.
    pub threads: u32,
    /// Threads for prefill; 0 keeps the context's.
    pub threads_prefill: u32,
    /// Seed of the random token ids.
    pub seed: u64,
}

/// Times of the bare backend, one entry per repetition.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct MeasureReport {
    /// Prompt pass, ns.
    pub prefill_ns: Vec<u64>,
    /// Each repetition's decode steps, ns.
    pub decode_ns: Vec<Vec<u64>>,
}

/// What unloading reported.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct UnloadReport {
    /// Time to free context and weights, ms.
    pub unload_ms: f64,
    /// Memory of the process afterwards.
    pub process: ProcessMemory,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_shows_text_as_it_is_and_bytes_as_such() {
        let cases: [(&[u8], &str, &str, bool); 5] = [
            (b" the", " the", "\" the\"", false),
            ("ü\n".as_bytes(), "ü\n", "\"ü\\n\"", false),
            (b"\xe2\x82", "\\xE2\\x82", "\"\\xE2\\x82\"", true),
            (b"a\n\xff", "a\n\\xFF", "\"a\\n\\xFF\"", true),
            (b"", "", "\"\"", false),
        ];
        for (bytes, text, shown, kept) in cases {
            let piece = TokenPiece::from(bytes.to_vec());
            assert_eq!((piece.text.as_str(), piece.to_string().as_str()), (text, shown), "{bytes:?}");
            assert_eq!(piece.bytes.is_some(), kept, "{bytes:?}");
            assert_eq!(Vec::from(piece), bytes);
        }
    }
}
