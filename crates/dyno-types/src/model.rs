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
