//! How fast the engine works on this machine: what predictions of speed are made from.

use serde::{Deserialize, Serialize};

use crate::{KvType, ModelFacts};

/// Rates of the engine with weights of one type.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WeightRate {
    /// ggml type name, e.g. `q4_k`.
    pub kind: String,
    /// Multiplications and additions per second in prefill: 2 × elements × tokens / time.
    pub prefill_flops: f64,
    /// The same for matrices of experts, over which a prompt spreads; absent where it was not measured.
    pub expert_flops: Option<f64>,
    /// Bytes of weights per second in decode, from memory.
    pub decode_bytes_per_s: f64,
}

/// Rates of attention over a cache of one type.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct AttentionRate {
    /// Type of keys and values.
    pub kv_type: KvType,
    /// Multiplications and additions per second in prefill: 4 × heads × head width × tokens looked back at / time.
    pub prefill_flops: f64,
    /// The same in decode.
    pub decode_flops: f64,
}

/// What reading weights takes when a cache of the processor still holds them from the token before.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CacheRate {
    /// Weights of a token, up to so many bytes, that stay in the cache.
    pub bytes: f64,
    /// Time of reading from there as a share of the time of reading from memory, 0 to 1.
    pub time_share: f64,
}

/// How fast the engine works on one machine with one number of threads.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct EngineRates {
    /// Fingerprint of the machine.
    pub machine: String,
    /// What tells one build of the engine from another.
    pub engine: String,
    /// When the timings behind them were last made, Unix ms.
    pub measured_unix_ms: i64,
    /// How many times the machine was timed for them.
    pub calibrations: u32,
    /// Threads of both phases.
    pub threads: u32,
    /// By type of the weights.
    pub weights: Vec<WeightRate>,
    /// By type of the cache.
    pub attention: Vec<AttentionRate>,
    /// The cache that holds the weights of small models; absent when none showed.
    pub cache: Option<CacheRate>,
    /// Time of one operation of the compute graph in decode beside reading weights, s.
    pub op_s: f64,
    /// Time of one element of the residual stream of one layer in prefill, beside the matrices, s per token.
    pub element_s: f64,
}

/// One timing of the bare backend behind [`EngineRates`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RateTiming {
    /// The synthetic model.
    pub facts: ModelFacts,
    /// Type of keys and values.
    pub kv_type: KvType,
    /// Tokens in the context before.
    pub depth: u32,
    /// Tokens of the prompt.
    pub prefill_tokens: u32,
    /// Time of the prompt, s: the median of the repetitions.
    pub prefill_s: f64,
    /// Time of one decoded token, s: the median of the repetitions.
    pub decode_s: f64,
}
