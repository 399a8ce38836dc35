//! Catalogue of model shapes: true dimensions of published models, and small ones for tests. To add one, add a row to
//! `data/shapes.toml`.

mod rows;

use std::sync::LazyLock;

use serde::Deserialize;

use crate::ModelError;

/// Family of architectures, by what its tensors and keys are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// `llama`: also Mistral, SmolLM and (with experts) Mixtral.
    Llama,
    /// `qwen2`: like llama, with biases on query, key and value.
    Qwen2,
    /// `qwen2vl`: the text part, like qwen2 with positions in three dimensions.
    Qwen2Vl,
    /// `qwen3`: like llama, with norms on query and key.
    Qwen3,
    /// `gemma3`: sliding windows in five of six layers, norms before and after each part.
    Gemma3,
    /// `phi3`: query, key and value in one matrix, gate and up in one.
    Phi3,
    /// `deepseek2`: latent attention, and experts beside shared ones.
    DeepSeek2,
    /// `starcoder`: multi-query attention, layer norms with biases, learned positions.
    StarCoder,
    /// `mamba`: recurrent.
    Mamba,
    /// `lfm2`: short convolutions, and attention in some layers.
    Lfm2,
    /// `granitehybrid`: recurrent layers of Mamba 2, and attention in some.
    GraniteHybrid,
    /// `bert`: an encoder that embeds.
    Bert,
}

impl Family {
    /// `general.architecture`.
    #[must_use]
    pub const fn architecture(self) -> &'static str {
        match self {
            Self::Llama => "llama",
            Self::Qwen2 => "qwen2",
            Self::Qwen2Vl => "qwen2vl",
            Self::Qwen3 => "qwen3",
            Self::Gemma3 => "gemma3",
            Self::Phi3 => "phi3",
            Self::DeepSeek2 => "deepseek2",
            Self::StarCoder => "starcoder",
            Self::Mamba => "mamba",
            Self::Lfm2 => "lfm2",
            Self::GraniteHybrid => "granitehybrid",
            Self::Bert => "bert",
        }
    }

    /// Whether norms are layer norms with biases.
    pub(crate) const fn has_layer_norms(self) -> bool {
        matches!(self, Self::Bert | Self::StarCoder)
    }
}

/// Frequency scaling in the manner of Llama 3, stored as per-dimension factors (`rope_freqs.weight`).
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Llama3Rope {
    /// Stretch of the low frequencies.
    pub factor: f64,
    /// Wavelengths above `original_context / low` are stretched fully.
    pub low: f64,
    /// Wavelengths below `original_context / high` stay.
    pub high: f64,
    /// Context before stretching, tokens.
    pub original_context: f64,
}

/// Experts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Experts {
    /// Experts per layer.
    pub count: u64,
    /// Experts used per token.
    pub used: u64,
    /// Width of one expert; absent when it is the shape's feed-forward width.
    pub feed_forward: Option<u64>,
    /// Experts that every token passes through, beside the others.
    #[serde(default)]
    pub shared: u64,
    /// Leading layers without experts.
    #[serde(default)]
    pub dense: u64,
}

/// Sliding window; which layers have it follows from the family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// Tokens looked back at.
    pub tokens: u64,
}

/// Multi-head latent attention.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Latent {
    /// Rank of the latent of keys and values.
    pub rank: u64,
    /// Rotated dimensions, which all heads share.
    pub rope: u64,
    /// Width of a rebuilt key head, the rotated dimensions included.
    pub key: u64,
    /// Width of a rebuilt value head.
    pub value: u64,
    /// Rank of the queries; 0 when they are not factored.
    pub query_rank: u64,
}

/// Selective state-space layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// Kernel of the convolution.
    pub kernel: u64,
    /// Inner width.
    pub inner: u64,
    /// Elements of state per inner element.
    pub state: u64,
    /// Rank of the time steps (Mamba), or number of heads (Mamba 2).
    pub time_steps: u64,
    /// Groups (Mamba 2).
    pub groups: u64,
}

/// One shape.
#[derive(Debug, Clone, PartialEq)]
pub struct Shape {
    /// Name in references.
    pub name: String,
    /// Family.
    pub family: Family,
    /// Layers.
    pub layers: u64,
    /// Width of the residual stream.
    pub embedding: u64,
    /// Attention heads; 0 without attention.
    pub heads: u64,
    /// Key/value heads (of layers with attention).
    pub kv_heads: u64,
    /// Width of one head.
    pub head: u64,
    /// Feed-forward width (of one expert, where there are experts in every layer); 0 without.
    pub feed_forward: u64,
    /// Tokens in the vocabulary.
    pub vocabulary: u64,
    /// Training context, tokens.
    pub context: u64,
    /// RoPE base frequency (unused where nothing is rotated).
    pub rope_base: f32,
    /// Epsilon of the norms.
    pub epsilon: f32,
    /// Whether the output matrix is the embedding matrix.
    pub tied: bool,
    /// Whether the tokenizer puts a beginning-of-sequence token first.
    pub adds_bos: bool,
    /// Rows of the token type embedding (encoders).
    pub token_types: u64,
    /// Experts, for a mixture of experts.
    pub experts: Option<Experts>,
    /// RoPE scaling.
    pub rope_scaling: Option<Llama3Rope>,
    /// Dimension pairs of time, height and width, where positions have three dimensions.
    pub rope_sections: Option<[u64; 3]>,
    /// Sliding window.
    pub window: Option<Window>,
    /// Latent attention.
    pub latent: Option<Latent>,
    /// Recurrent layers.
    pub state: Option<State>,
    /// Kernel of the convolution in layers without attention.
    pub short_convolution: Option<u64>,
    /// Layers with attention in a hybrid; absent where all, or none, have it.
    pub attention_layers: Option<Vec<u64>>,
    /// Parameters of the published model, as a GGUF file holds it, without RoPE factors.
    pub parameters: Option<u64>,
}

/// Every shape, in the order of the file.
pub static SHAPES: LazyLock<Vec<Shape>> = LazyLock::new(|| {
    rows::parse(include_str!("../data/shapes.toml")).expect("tests read the embedded catalogue of shapes")
});

impl Shape {
    /// The shape with this name.
    ///
    /// # Errors
    /// [`ModelError::UnknownShape`] with the nearest name and the list.
    pub fn find(name: &str) -> Result<&'static Self, ModelError> {
        SHAPES.iter().find(|shape| shape.name == name).ok_or_else(|| ModelError::UnknownShape {
            name: name.to_owned(),
            nearest: nearest(name, shape_names()),
            known: shape_names().join(", "),
        })
    }

    /// Whether this layer has attention.
    pub(crate) fn has_attention(&self, layer: u64) -> bool {
        self.heads > 0 && self.attention_layers.as_ref().is_none_or(|layers| layers.contains(&layer))
    }

    /// Layers with attention before this one.
    pub(crate) fn attention_before(&self, layer: u64) -> u64 {
        (0..layer).filter(|layer| self.has_attention(*layer)).count() as u64
    }
}

/// Names of all shapes.
#[must_use]
pub fn shape_names() -> Vec<&'static str> {
    SHAPES.iter().map(|shape| shape.name.as_str()).collect()
}

/// How alike a name must be to be suggested, 0..=1.
const ALIKE: f64 = 0.6;

/// The candidate most like `text`, where one is like it.
pub(crate) fn nearest(text: &str, candidates: Vec<&'static str>) -> Option<&'static str> {
    let text = text.to_lowercase();
    let likeness = |candidate: &str| strsim::normalized_damerau_levenshtein(&text, candidate);
    let best = candidates.into_iter().rev().max_by(|one, other| likeness(one).total_cmp(&likeness(other)));
    best.filter(|candidate| likeness(candidate) > ALIKE)
}
