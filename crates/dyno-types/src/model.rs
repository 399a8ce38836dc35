//! Facts about a model that its file header states.

use serde::{Deserialize, Serialize};

/// One tensor type's share of a model file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TensorTypeShare {
    /// ggml type name in lower case, e.g. `q4_k`.
    pub kind: String,
    /// Number of tensors of this type.
    pub tensors: u64,
    /// Elements in these tensors.
    pub elements: u64,
    /// Bytes of these tensors.
    pub bytes: u64,
}

/// What a weight tensor is for: it decides when its bytes are read and how its memory is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WeightRole {
    /// Matrix whose rows are looked up by token. With tied weights it is the output matrix, too.
    Embedding,
    /// Output matrix of its own (untied weights).
    Output,
    /// Matrix that every token passes through.
    Matrix,
    /// Matrices of all experts of a layer, of which a token passes through a few.
    Expert,
    /// Norms, biases and other tensors that are no matrix to multiply with.
    Vector,
}

/// Weights of one role and one type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WeightShare {
    /// Role.
    pub role: WeightRole,
    /// ggml type name in lower case, e.g. `q4_k`.
    pub kind: String,
    /// Number of tensors.
    pub tensors: u64,
    /// Elements in these tensors.
    pub elements: u64,
    /// Bytes of these tensors.
    pub bytes: u64,
}

/// What one layer keeps of the tokens it has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum LayerMemory {
    /// Keys and values of every token: ordinary, grouped-query or multi-query attention.
    Full {
        /// Elements of the keys of one token: kv_heads × key_length.
        key_width: u64,
        /// Elements of the values of one token: kv_heads × value_length.
        value_width: u64,
    },
    /// Keys and values of the last `window` tokens only (sliding window).
    Window {
        /// Tokens looked back at.
        window: u64,
        /// Elements of the keys of one token.
        key_width: u64,
        /// Elements of the values of one token.
        value_width: u64,
    },
    /// One latent vector per token from which keys and values are rebuilt (multi-head latent attention); stored in the type of
    /// the keys.
    Latent {
        /// Elements per token: kv_lora_rank + rope.dimension_count.
        width: u64,
    },
    /// A state of fixed size per sequence (recurrent layers), always 32-bit floats.
    State {
        /// Bytes per sequence.
        bytes: u64,
    },
}

/// Layers that keep the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerGroup {
    /// Number of layers.
    pub layers: u64,
    /// What each of them keeps. A layer may appear in two groups when it keeps both a state and keys.
    pub memory: LayerMemory,
}

/// Rotary position embedding, as the header states it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct RopeFacts {
    /// Rotated dimensions per head (`rope.dimension_count`).
    pub n_rot: Option<u64>,
    /// Base frequency (`rope.freq_base`).
    pub freq_base: Option<f64>,
    /// Scaling type (`rope.scaling.type`), e.g. `linear`, `yarn`.
    pub scaling: Option<String>,
    /// Scaling factor (`rope.scaling.factor`).
    pub scaling_factor: Option<f64>,
}

/// What the header of a model file says, without reading any weights. Absent keys are absent here, never guessed.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ModelFacts {
    /// How the user named the model (path or reference).
    pub reference: String,
    /// File name without directories.
    pub file_name: String,
    /// Size of the file (all parts of a split model), bytes.
    pub file_bytes: u64,
    /// A stable fingerprint: SHA-256 (hex) over the header bytes and the file size. Not a digest of the weights.
    pub fingerprint: String,
    /// GGUF version.
    pub gguf_version: u32,
    /// `general.architecture`.
    pub architecture: String,
    /// `general.name`.
    pub name: Option<String>,
    /// Number of parameters: elements of all tensors.
    pub parameters: u64,
    /// The file's main quantization, as a label such as `q4_k_m` (from `general.file_type`, else the commonest type).
    pub quantization: String,
    /// Tensor types by bytes, largest first.
    pub tensor_types: Vec<TensorTypeShare>,
    /// Bytes of all tensors.
    pub weights_bytes: u64,
    /// Weights by role and type.
    #[serde(default)]
    pub weights: Vec<WeightShare>,
    /// What the layers keep per token, in groups; empty when the header does not determine it (and for encoders).
    #[serde(default)]
    pub layer_memory: Vec<LayerGroup>,
    /// Width of the residual stream.
    pub embedding_length: Option<u64>,
    /// Number of layers (`block_count`).
    pub layers: Option<u64>,
    /// Attention heads.
    pub heads: Option<u64>,
    /// Key/value heads (grouped-query attention); equals `heads` when the header is silent.
    pub kv_heads: Option<u64>,
    /// Width of one key head.
    pub key_length: Option<u64>,
    /// Width of one value head.
    pub value_length: Option<u64>,
    /// Feed-forward width.
    pub feed_forward_length: Option<u64>,
    /// Number of tokens in the vocabulary.
    pub vocabulary: Option<u64>,
    /// Context the model was trained for, tokens.
    pub context_train: Option<u64>,
    /// Rotary embedding.
    pub rope: RopeFacts,
    /// Width of the attention window of layers that look back only so far (`attention.sliding_window`), tokens.
    #[serde(default)]
    pub sliding_window: Option<u64>,
    /// Rank of the latent that keys and values are rebuilt from (`attention.kv_lora_rank`; multi-head latent attention).
    #[serde(default)]
    pub kv_latent_rank: Option<u64>,
    /// Whether layers keep a state of fixed size instead of, or beside, keys and values.
    #[serde(default)]
    pub recurrent: bool,
    /// Experts per layer, for a mixture of experts.
    pub experts: Option<u64>,
    /// Experts used per token.
    pub experts_used: Option<u64>,
    /// `tokenizer.ggml.model`, e.g. `gpt2`, `llama`, `bert`.
    pub tokenizer: Option<String>,
    /// Whether the file carries a chat template.
    pub has_chat_template: bool,
    /// `general.license`, as the file states it.
    #[serde(default)]
    pub licence: Option<String>,
    /// Whether the weights are random (made by `dyno synth`): speed and memory are real, quality does not apply.
    pub synthetic: bool,
}

impl ModelFacts {
    /// What stands against computing the KV cache as layers × heads × lengths; `None` when every layer keeps every token.
    #[must_use]
    pub fn kv_exception(&self) -> Option<&'static str> {
        let exceptions = [
            (self.recurrent, "layers with a state of fixed size"),
            (self.kv_latent_rank.is_some(), "multi-head latent attention"),
            (self.sliding_window.is_some(), "a sliding attention window"),
        ];
        exceptions.into_iter().find_map(|(applies, name)| applies.then_some(name))
    }

    /// Bytes of KV cache one token needs, for given bytes per element of K and V (2.0 for f16):
    /// layers × kv_heads × (key_length × k + value_length × v). `None` when the header lacks a term.
    #[must_use]
    pub fn kv_bytes_per_token(&self, k_bytes: f64, v_bytes: f64) -> Option<f64> {
        let heads = self.layers? as f64 * self.kv_heads.or(self.heads)? as f64;
        Some(heads * (self.key_length? as f64 * k_bytes + self.value_length? as f64 * v_bytes))
    }
}
