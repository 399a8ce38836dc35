//! Catalogue of model shapes: true dimensions of published models, and small ones for tests. To add one, add a row.

use crate::ModelError;

/// Family of architectures, by what its tensors and keys are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// `llama`: also Mistral, SmolLM and (with experts) Mixtral.
    Llama,
    /// `qwen2`: like llama, with biases on query, key and value.
    Qwen2,
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
            Self::Bert => "bert",
        }
    }
}

/// Frequency scaling in the manner of Llama 3, stored as per-dimension factors (`rope_freqs.weight`).
#[derive(Debug, Clone, Copy, PartialEq)]
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

/// Experts of every layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Experts {
    /// Experts per layer.
    pub count: u64,
    /// Experts used per token.
    pub used: u64,
}

/// One shape.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shape {
    /// Name in references.
    pub name: &'static str,
    /// Family.
    pub family: Family,
    /// Layers.
    pub layers: u64,
    /// Width of the residual stream.
    pub embedding: u64,
    /// Attention heads.
    pub heads: u64,
    /// Key/value heads.
    pub kv_heads: u64,
    /// Width of one head.
    pub head: u64,
    /// Feed-forward width (of one expert, where there are experts).
    pub feed_forward: u64,
    /// Tokens in the vocabulary.
    pub vocabulary: u64,
    /// Training context, tokens.
    pub context: u64,
    /// RoPE base frequency (unused by encoders).
    pub rope_base: f32,
    /// Epsilon of the norms.
    pub epsilon: f32,
    /// Whether the output matrix is the embedding matrix.
    pub tied: bool,
    /// Whether the tokenizer puts a beginning-of-sequence token first.
    pub adds_bos: bool,
    /// Experts, for a mixture of experts.
    pub experts: Option<Experts>,
    /// RoPE scaling.
    pub rope_scaling: Option<Llama3Rope>,
}

/// What most rows share; rows state only what differs.
const LLAMA: Shape = Shape {
    name: "",
    family: Family::Llama,
    layers: 0,
    embedding: 0,
    heads: 0,
    kv_heads: 0,
    head: 64,
    feed_forward: 0,
    vocabulary: 0,
    context: 0,
    rope_base: 10_000.0,
    epsilon: 1e-5,
    tied: true,
    adds_bos: true,
    experts: None,
    rope_scaling: None,
};

const LLAMA_3_2: Shape = Shape {
    vocabulary: 128_256,
    context: 131_072,
    rope_base: 500_000.0,
    rope_scaling: Some(Llama3Rope { factor: 32.0, low: 1.0, high: 4.0, original_context: 8192.0 }),
    ..LLAMA
};

const QWEN_2_5: Shape = Shape {
    family: Family::Qwen2,
    vocabulary: 151_936,
    context: 32_768,
    rope_base: 1_000_000.0,
    epsilon: 1e-6,
    adds_bos: false,
    ..LLAMA
};

const SMOLLM_2: Shape =
    Shape { vocabulary: 49_152, context: 8192, rope_base: 100_000.0, adds_bos: false, ..LLAMA };

const BERT: Shape = Shape { family: Family::Bert, context: 512, epsilon: 1e-12, ..LLAMA };

/// Every shape. Dimensions are those of the published configurations.
#[rustfmt::skip]
pub const SHAPES: &[Shape] = &[
    Shape { name: "llama-3.2-1b", layers: 16, embedding: 2048, heads: 32, kv_heads: 8, head: 64, feed_forward: 8192, ..LLAMA_3_2 },
    Shape { name: "llama-3.2-3b", layers: 28, embedding: 3072, heads: 24, kv_heads: 8, head: 128, feed_forward: 8192, ..LLAMA_3_2 },
    Shape { name: "qwen2.5-0.5b", layers: 24, embedding: 896, heads: 14, kv_heads: 2, head: 64, feed_forward: 4864, ..QWEN_2_5 },
    Shape { name: "qwen2.5-1.5b", layers: 28, embedding: 1536, heads: 12, kv_heads: 2, head: 128, feed_forward: 8960, ..QWEN_2_5 },
    Shape {
        name: "qwen2.5-7b", layers: 28, embedding: 3584, heads: 28, kv_heads: 4, head: 128, feed_forward: 18_944,
        vocabulary: 152_064, tied: false, ..QWEN_2_5
    },
    // Version 0.3: no sliding window, larger vocabulary.
    Shape {
        name: "mistral-7b", layers: 32, embedding: 4096, heads: 32, kv_heads: 8, head: 128, feed_forward: 14_336,
        vocabulary: 32_768, context: 32_768, rope_base: 1_000_000.0, tied: false, ..LLAMA
    },
    Shape { name: "smollm2-135m", layers: 30, embedding: 576, heads: 9, kv_heads: 3, feed_forward: 1536, ..SMOLLM_2 },
    Shape { name: "smollm2-360m", layers: 32, embedding: 960, heads: 15, kv_heads: 5, feed_forward: 2560, ..SMOLLM_2 },
    // Mixtral 8x7B scaled to a quarter in width and depth: same ratios of heads, experts and feed-forward width.
    Shape {
        name: "mixtral-tiny", layers: 8, embedding: 1024, heads: 16, kv_heads: 4, head: 64, feed_forward: 3584,
        vocabulary: 32_000, context: 32_768, rope_base: 1_000_000.0, tied: false,
        experts: Some(Experts { count: 8, used: 2 }), ..LLAMA
    },
    Shape {
        name: "all-minilm", layers: 6, embedding: 384, heads: 12, kv_heads: 12, head: 32, feed_forward: 1536,
        vocabulary: 30_522, ..BERT
    },
    Shape {
        name: "tiny-llama", layers: 2, embedding: 256, heads: 4, kv_heads: 2, feed_forward: 512,
        vocabulary: 1024, context: 2048, ..LLAMA
    },
    Shape {
        name: "tiny-qwen2", layers: 2, embedding: 128, heads: 2, kv_heads: 1, feed_forward: 256,
        vocabulary: 1024, context: 2048, ..QWEN_2_5
    },
    Shape {
        name: "tiny-moe", layers: 2, embedding: 256, heads: 4, kv_heads: 1, feed_forward: 256,
        vocabulary: 1024, context: 2048, tied: false, experts: Some(Experts { count: 8, used: 2 }), ..LLAMA
    },
    Shape {
        name: "tiny-bert", layers: 2, embedding: 64, heads: 2, kv_heads: 2, head: 32, feed_forward: 128,
        vocabulary: 1024, ..BERT
    },
];

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
}

/// Names of all shapes.
#[must_use]
pub fn shape_names() -> Vec<&'static str> {
    SHAPES.iter().map(|shape| shape.name).collect()
}

/// The candidate most like `text`, or an empty string when there is none.
pub(crate) fn nearest(text: &str, candidates: Vec<&'static str>) -> &'static str {
    let distance = |candidate: &&str| strsim::damerau_levenshtein(&text.to_lowercase(), candidate);
    candidates.into_iter().min_by_key(distance).unwrap_or_default()
}
