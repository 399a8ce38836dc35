//! What a fake engine does: its times, its memory, and its failures.

use dyno_types::{GenerateRequest, TokenId};

use crate::ExitCause;

/// Time per token as a linear law of depth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenCost {
    /// At depth 0, ns.
    pub base_ns: u64,
    /// Added for each token of depth, ns.
    pub per_depth_ns: u64,
}

impl TokenCost {
    /// Time of one token at this depth, ns.
    #[must_use]
    pub fn at(self, depth: u32) -> u64 {
        self.base_ns.saturating_add(self.per_depth_ns.saturating_mul(u64::from(depth)))
    }

    /// Time of tokens at the depths `from..to`, ns.
    #[must_use]
    pub fn sum(self, from: u32, to: u32) -> u64 {
        let count = u64::from(to.saturating_sub(from));
        // Σ d for from ≤ d < to; even before halving.
        let depths = (u64::from(from) + u64::from(to.max(1)) - 1).saturating_mul(count) / 2;
        self.base_ns.saturating_mul(count).saturating_add(self.per_depth_ns.saturating_mul(depths))
    }
}

/// What a fake process occupies, bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FakeMemory {
    /// Resident before anything is loaded.
    pub base_bytes: u64,
    /// Weights: pages of the file with mmap, anonymous without.
    pub weights_bytes: u64,
    /// Additionally resident while loading, gone afterwards.
    pub load_extra_bytes: u64,
    /// KV cache per token of the window and sequence.
    pub kv_bytes_per_token: u64,
    /// Scratch of an open context.
    pub compute_bytes: u64,
    /// Still resident after unloading.
    pub residual_bytes: u64,
}

/// Where something goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FakePoint {
    /// At the start of the process.
    Start,
    /// Half way through loading.
    Load,
    /// Opening a window of more than this many tokens.
    ContextOver(u32),
    /// In the prompt pass of a prompt of more than this many tokens.
    PromptOver(u32),
    /// Instead of the n-th token of a generation, counted from 1.
    Token(u32),
    /// In a bare measurement.
    Measure,
    /// Instead of the n-th item of a score request, counted from 1.
    ScoredItem(u32),
    /// Instead of the n-th chunk of a perplexity, counted from 1.
    ScoredChunk(u32),
    /// In a quantization.
    Quantize,
}

/// How it goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FakeFailure {
    /// The process ends; so does everything with it.
    Die(ExitCause),
    /// The process stays silent; reported at once as the deadline error it would become, and the process is gone.
    Hang,
    /// Memory runs out; the process goes on.
    OutOfMemory,
    /// The engine refuses with this reason; the process goes on.
    Refuse(String),
}

/// One injected failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FakeFault {
    /// Which process (counted from 0); `None` is every one.
    pub process: Option<u32>,
    /// Where.
    pub point: FakePoint,
    /// How.
    pub failure: FakeFailure,
}

/// Everything a fake engine does. The default is a small model on a slow machine, without spread or failures.
#[derive(Debug, Clone)]
pub struct FakeScript {
    /// Process start to handshake, ms.
    pub start_ms: f64,
    /// Weights ready, ms.
    pub load_ms: f64,
    /// Progress reports per load.
    pub load_steps: u32,
    /// Opening a context of no tokens, ms.
    pub context_base_ms: f64,
    /// Added per token of the window and sequence, ms.
    pub context_per_token_ms: f64,
    /// Freeing everything, ms.
    pub unload_ms: f64,
    /// From arrival of a submission to the start of its prompt pass, ns.
    pub queue_ns: u64,
    /// One prompt token.
    pub prefill: TokenCost,
    /// One decoded token.
    pub decode: TokenCost,
    /// Choosing one token, ns.
    pub sampling_ns: u64,
    /// Computing time with n threads, in percent of the costs above, at index n − 1; more threads take the last entry.
    /// Empty: threads change nothing.
    pub threads_percent: Vec<u32>,
    /// Added to every time of process n, parts per million, at index n modulo length. Empty: no spread.
    pub jitter_ppm: Vec<i32>,
    /// Text of the n-th generated token, counted from 0.
    pub text: fn(u32) -> String,
    /// The same for scripts that look at what was asked; goes before `text`.
    pub reply: Option<fn(&GenerateRequest, u32) -> String>,
    /// Tokens after which the model ends its answer by itself; `None` is never.
    pub eos_after: Option<u32>,
    /// Whether a prompt reuses what the last generation left in the context.
    pub reuses_prefix: bool,
    /// Whether the model has a chat template.
    pub has_chat_template: bool,
    /// Whether its template takes no system message.
    pub system_in_user: bool,
    /// Mark of reasoning that every prompt ends with.
    pub reasoning_mark: Option<&'static str>,
    /// Whether the tokenizer puts a beginning-of-sequence token first.
    pub adds_bos: bool,
    /// Training context, tokens.
    pub context_train: u32,
    /// Layers.
    pub layers: u32,
    /// Vocabulary, at least 257: one token per byte, and the beginning-of-sequence token.
    pub vocabulary: u32,
    /// ln p of a token after the tokens before it. `None`: the token whose id follows the last one's (modulo the vocabulary; 0
    /// after nothing) has probability 1/2, and all others share the rest equally. A token counts as the greedy choice when
    /// its probability is at least 1/2.
    pub logprob: Option<fn(&[TokenId], TokenId) -> f64>,
    /// Divergence of every place from any reference, nats; the likeliest tokens always agree.
    pub kld: f32,
    /// Memory.
    pub memory: FakeMemory,
    /// Failures; the first that applies happens.
    pub faults: Vec<FakeFault>,
}

impl Default for FakeScript {
    fn default() -> Self {
        Self {
            start_ms: 12.0,
            load_ms: 250.0,
            load_steps: 10,
            context_base_ms: 3.0,
            context_per_token_ms: 0.001,
            unload_ms: 7.0,
            queue_ns: 50_000,
            prefill: TokenCost { base_ns: 2_000_000, per_depth_ns: 100 },
            decode: TokenCost { base_ns: 20_000_000, per_depth_ns: 2_000 },
            sampling_ns: 100_000,
            threads_percent: Vec::new(),
            jitter_ppm: Vec::new(),
            text: |n| format!(" w{n}"),
            reply: None,
            eos_after: None,
            reuses_prefix: false,
            has_chat_template: true,
            system_in_user: false,
            reasoning_mark: None,
            adds_bos: true,
            context_train: 8192,
            layers: 16,
            vocabulary: 32_000,
            logprob: None,
            kld: 0.0,
            memory: FakeMemory {
                base_bytes: 20 << 20,
                weights_bytes: 100 << 20,
                load_extra_bytes: 4 << 20,
                kv_bytes_per_token: 8 << 10,
                compute_bytes: 16 << 20,
                residual_bytes: 1 << 20,
            },
            faults: Vec::new(),
        }
    }
}

impl FakeScript {
    /// The failure of this process at a point, when one is injected there.
    pub(super) fn failure(&self, process: u32, at: impl Fn(FakePoint) -> bool) -> Option<&FakeFailure> {
        let fault = self
            .faults
            .iter()
            .find(|fault| fault.process.is_none_or(|only| only == process) && at(fault.point));
        fault.map(|fault| &fault.failure)
    }
}
