//! The narrow waist: what the runtime needs from the arithmetic.

use std::path::Path;

use dyno_types::{EngineSettings, MemoryBreakdown, QuantizeRequest, TokenId};

/// Who a backend is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BackendInfo {
    /// Engine name, e.g. `llama`.
    pub name: String,
    /// Backend and version, e.g. `llama.cpp b12032`.
    pub backend: String,
    /// Compiler of the native code.
    pub compiler: String,
    /// Instruction sets and accelerators in use.
    pub features: Vec<String>,
}

/// What a backend knows of a loaded model.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DescribedModel {
    /// Layers.
    pub layers: u32,
    /// Tokens in the vocabulary; logits have this length.
    pub vocabulary: u32,
    /// Training context, tokens.
    pub context_train: u32,
    /// Whether the tokenizer puts BOS first.
    pub adds_bos: bool,
    /// Whether the file asks for EOS behind every text, which [`Backend::tokenize`] leaves out.
    pub adds_eos: bool,
    /// Beginning-of-sequence token.
    pub bos: Option<TokenId>,
    /// End-of-sequence token.
    pub eos: Option<TokenId>,
    /// Chat template (Jinja source) of the file.
    pub chat_template: Option<String>,
}

/// One token of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchItem {
    /// Token id, < vocabulary.
    pub token: TokenId,
    /// Position in its sequence.
    pub position: u32,
    /// Sequence, below the number of the open context.
    pub sequence: u32,
    /// Whether logits of this token are wanted.
    pub wants_logits: bool,
}

/// A failed backend call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BackendError {
    /// The model cannot be loaded.
    #[error("{0}")]
    Model(String),
    /// An allocation failed.
    #[error("{0}")]
    OutOfMemory(String),
    /// The request makes no sense to this backend.
    #[error("{0}")]
    BadRequest(String),
    /// The load was aborted by the progress callback.
    #[error("cancelled")]
    Cancelled,
    /// Anything else.
    #[error("{0}")]
    Internal(String),
}

/// A model runner with at most one model and one context. Called from one thread only. Calls in the wrong order
/// (decode without context, …) are the runtime's mistake and may panic.
pub trait Backend {
    /// Who it is.
    fn info(&self) -> BackendInfo;

    /// Loads weights. `progress` takes 0..=1 and returns false to abort.
    fn load(
        &mut self,
        path: &Path,
        settings: &EngineSettings,
        progress: &mut dyn FnMut(f32) -> bool,
    ) -> Result<DescribedModel, BackendError>;

    /// Opens (or replaces) the context; returns the window per sequence it really has.
    fn open_context(&mut self, settings: &EngineSettings) -> Result<u32, BackendError>;

    /// Opens (or replaces) the context as a pool of `cells` cells that all its sequences share: copies cost nothing, and a
    /// token that several sequences begin with is held once. Returns the number of sequences, at least two.
    fn open_pool(&mut self, settings: &EngineSettings, cells: u32) -> Result<u32, BackendError>;

    /// Sets thread counts (both ≥ 1) of the open context.
    fn set_threads(&mut self, decode: u32, prefill: u32);

    /// Text → tokens; `add_special` puts BOS first where the tokenizer says so, and never EOS behind it.
    fn tokenize(
        &self,
        text: &str,
        add_special: bool,
        parse_special: bool,
    ) -> Result<Vec<TokenId>, BackendError>;

    /// Bytes of one token (not necessarily whole characters). Control tokens give nothing.
    fn token_bytes(&self, token: TokenId) -> Vec<u8>;

    /// The token as the vocabulary spells it, control tokens included: chat templates write `<s>` as text.
    fn token_text(&self, token: TokenId) -> String {
        String::from_utf8_lossy(&self.token_bytes(token)).into_owned()
    }

    /// Whether the token ends a generation.
    fn ends_generation(&self, token: TokenId) -> bool;

    /// Computes a batch of at most `settings.batch` tokens and waits for the result. Afterwards [`Backend::logits`]
    /// holds rows for the items that want them. On error the context's sequences are as before the call.
    fn decode(&mut self, batch: &[BatchItem]) -> Result<(), BackendError>;

    /// Logits of the batch item with this index in the last decoded batch (it must have wanted them); `vocabulary` long.
    fn logits(&self, index: usize) -> &[f32];

    /// Drops positions `from..` of a sequence (all of it for 0, which every model can). False, and nothing dropped, when this
    /// model cannot: its state is recurrent, or it no longer has what the positions before `from` would need (a window that has
    /// moved on).
    fn trim_sequence(&mut self, sequence: u32, from: u32) -> bool;

    /// Makes sequence `to` a copy of `from`.
    fn copy_sequence(&mut self, from: u32, to: u32);

    /// Forgets all sequences.
    fn clear(&mut self);

    /// Memory by purpose.
    fn memory(&self) -> MemoryBreakdown;

    /// Frees context and weights.
    fn unload(&mut self);

    /// Writes `request.source` with other tensor types to `request.target`; needs no loaded model and leaves a loaded one
    /// alone. `progress` takes 0..=1; returning false asks to stop, where that is possible.
    fn quantize(
        &mut self,
        request: &QuantizeRequest,
        progress: &mut dyn FnMut(f32) -> bool,
    ) -> Result<(), BackendError> {
        let _ = progress;
        Err(BackendError::BadRequest(format!("this engine cannot make a file of type {}", request.type_name)))
    }
}
