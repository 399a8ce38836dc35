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
    /// A role that only a newer dyno knows.
    #[serde(other)]
    Unknown,
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
        /// Elements per token: kv_lora_rank + rope.dimension_count (stated together as `attention.key_length`).
        width: u64,
    },
    /// A state of fixed size per sequence (recurrent layers), always 32-bit floats.
    State {
        /// Bytes per sequence.
        bytes: u64,
    },
    /// Something that only a newer dyno knows.
    #[serde(other)]
    Unknown,
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
    /// Width of one key head in layers with a window, where the header states another (`attention.key_length_swa`).
    #[serde(default)]
    pub key_length_windowed: Option<u64>,
    /// Width of one value head in layers with a window, where the header states another (`attention.value_length_swa`).
    #[serde(default)]
    pub value_length_windowed: Option<u64>,
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
    /// Weights that one token passes through: all but the embedding matrix (when there is an output matrix beside it) and the
    /// experts that are not used. `None` when the facts hold no roles (old records), or experts of unknown number.
    #[must_use]
    pub fn parameters_per_token(&self) -> Option<u64> {
        let has_output = self.weights.iter().any(|share| share.role == WeightRole::Output);
        let mut sum = 0_u64;
        for share in &self.weights {
            let used = match share.role {
                WeightRole::Embedding if has_output => 0,
                WeightRole::Expert => {
                    let whole = u128::from(share.elements) * u128::from(self.experts_used?);
                    u64::try_from(whole / u128::from(self.experts.filter(|count| *count > 0)?)).ok()?
                }
                _ => share.elements,
            };
            sum = sum.checked_add(used)?;
        }
        (!self.weights.is_empty()).then_some(sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_passes_through_the_used_experts_and_one_of_two_embeddings() {
        let share = |role, elements| WeightShare {
            role,
            kind: "f16".to_owned(),
            tensors: 1,
            elements,
            bytes: 2 * elements,
        };
        let mut facts = ModelFacts {
            weights: vec![
                share(WeightRole::Embedding, 100),
                share(WeightRole::Matrix, 1000),
                share(WeightRole::Expert, 800),
            ],
            ..ModelFacts::default()
        };
        assert_eq!(facts.parameters_per_token(), None, "experts of unknown number");
        (facts.experts, facts.experts_used) = (Some(8), Some(2));
        assert_eq!(facts.parameters_per_token(), Some(100 + 1000 + 200), "tied");
        facts.weights.push(share(WeightRole::Output, 100));
        assert_eq!(facts.parameters_per_token(), Some(100 + 1000 + 200), "untied");
        assert_eq!(ModelFacts::default().parameters_per_token(), None);
    }
}
