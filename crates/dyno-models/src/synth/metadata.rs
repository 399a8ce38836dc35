//! Metadata of a synthetic model: the keys that llama.cpp reads for each family.

use crate::facts::SYNTHETIC_KEY;
use crate::gguf::{Content, MetadataEntry, Scalar, ScalarKind};
use crate::shapes::{Experts, Family, Latent, Shape, State};

use super::{GENERATOR_VERSION, SynthSpec, tokenizer};

/// Softmax, as llama.cpp numbers the ways to weigh experts.
const GATING_SOFTMAX: u64 = 1;
/// Pooling by the mean of the token vectors, as llama.cpp numbers it.
const POOLING_MEAN: u64 = 1;

/// Entries under construction; `ARCH` in a key stands for the architecture.
struct Entries {
    architecture: &'static str,
    entries: Vec<MetadataEntry>,
}

impl Entries {
    fn push(&mut self, key: &str, value: Content) {
        self.entries.push((key.replace("ARCH", self.architecture), value));
    }

    fn number(&mut self, key: &str, value: u64) {
        self.push(key, Content::Scalar(Scalar::U32(small(value))));
    }

    fn numbers(&mut self, key: &str, values: impl Iterator<Item = u64>) {
        // llama.cpp reads per-layer numbers of either sign; files have signed ones.
        let signed = |value: u64| Scalar::I32(i32::try_from(value).unwrap_or(i32::MAX));
        self.push(key, Content::Array(ScalarKind::I32, values.map(signed).collect()));
    }

    fn float(&mut self, key: &str, value: f32) {
        self.push(key, Content::Scalar(Scalar::F32(value)));
    }

    fn text(&mut self, key: &str, value: String) {
        self.push(key, Content::Scalar(Scalar::String(value)));
    }

    fn truth(&mut self, key: &str, value: bool) {
        self.push(key, Content::Scalar(Scalar::Bool(value)));
    }
}

/// Every dimension in the catalogue is far below 2^32.
fn small(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

/// All metadata of the file, in order.
pub(super) fn of(spec: &SynthSpec) -> Vec<MetadataEntry> {
    let mut entries = without_tokenizer(spec);
    entries.extend(tokenizer::metadata(spec.shape));
    entries
}

/// All metadata but the tokenizer's, in order.
pub(super) fn without_tokenizer(spec: &SynthSpec) -> Vec<MetadataEntry> {
    let shape = spec.shape;
    let mut keys = Entries { architecture: shape.family.architecture(), entries: Vec::new() };
    keys.text("general.architecture", keys.architecture.to_owned());
    keys.text("general.type", "model".to_owned());
    keys.text("general.name", format!("{} with random weights (seed {})", shape.name, spec.seed));
    keys.number("general.file_type", u64::from(spec.file_type.id));
    keys.number("general.quantization_version", 2);
    keys.truth(SYNTHETIC_KEY, true);
    keys.number("dyno.synthetic.generator", u64::from(GENERATOR_VERSION));
    keys.push("dyno.synthetic.seed", Content::Scalar(Scalar::U64(spec.seed)));
    keys.number("ARCH.block_count", shape.layers);
    keys.number("ARCH.context_length", shape.context);
    keys.number("ARCH.embedding_length", shape.embedding);
    keys.number("ARCH.feed_forward_length", shape.feed_forward);
    keys.number("ARCH.attention.head_count", shape.heads);
    keys.number("ARCH.vocab_size", shape.vocabulary);
    match shape.latent {
        _ if shape.family == Family::Bert => keys.encoder(shape),
        Some(latent) => keys.latent(shape, latent),
        None => keys.attention(shape),
    }
    keys.family(shape);
    if let Some(experts) = shape.experts {
        keys.number("ARCH.expert_count", experts.count);
        keys.number("ARCH.expert_used_count", experts.used);
        if shape.family == Family::DeepSeek2 {
            keys.shared_experts(experts);
        }
    }
    keys.entries
}

impl Entries {
    fn encoder(&mut self, shape: &Shape) {
        self.float("ARCH.attention.layer_norm_epsilon", shape.epsilon);
        self.truth("ARCH.attention.causal", false);
        self.number("ARCH.pooling_type", POOLING_MEAN);
    }

    fn attention(&mut self, shape: &Shape) {
        let heads = |layer: u64| if shape.has_attention(layer) { shape.kv_heads } else { 0 };
        if shape.attention_layers.is_some() {
            self.numbers("ARCH.attention.head_count_kv", (0..shape.layers).map(heads));
        } else if shape.heads > 0 {
            self.number("ARCH.attention.head_count_kv", shape.kv_heads);
        }
        if shape.heads > 0 {
            self.number("ARCH.attention.key_length", shape.head);
            self.number("ARCH.attention.value_length", shape.head);
        }
        if shape.family.has_layer_norms() {
            self.float("ARCH.attention.layer_norm_epsilon", shape.epsilon);
        } else {
            self.float("ARCH.attention.layer_norm_rms_epsilon", shape.epsilon);
        }
        // Positions are learned, or follow from the order of computation.
        if !matches!(shape.family, Family::StarCoder | Family::Mamba) {
            self.number("ARCH.rope.dimension_count", shape.head);
            self.float("ARCH.rope.freq_base", shape.rope_base);
        }
    }

    /// To the engine, latent attention is attention with one key head: the latent and the rotated part.
    fn latent(&mut self, shape: &Shape, latent: Latent) {
        self.number("ARCH.attention.head_count_kv", 1);
        self.number("ARCH.attention.key_length", latent.rank + latent.rope);
        self.number("ARCH.attention.value_length", latent.rank);
        self.number("ARCH.attention.key_length_mla", latent.key);
        self.number("ARCH.attention.value_length_mla", latent.value);
        self.number("ARCH.attention.kv_lora_rank", latent.rank);
        self.number("ARCH.attention.q_lora_rank", latent.query_rank);
        self.float("ARCH.attention.layer_norm_rms_epsilon", shape.epsilon);
        self.number("ARCH.rope.dimension_count", latent.rope);
        self.float("ARCH.rope.freq_base", shape.rope_base);
    }

    fn family(&mut self, shape: &Shape) {
        if let Some(window) = shape.window {
            self.number("ARCH.attention.sliding_window", window.tokens);
        }
        if let Some(sections) = shape.rope_sections {
            self.numbers("ARCH.rope.dimension_sections", sections.into_iter().chain([0]));
        }
        if let Some(state) = shape.state {
            self.state(state);
        }
        if let Some(kernel) = shape.short_convolution {
            self.number("ARCH.shortconv.l_cache", kernel);
        }
        if shape.family == Family::GraniteHybrid {
            // So these files say that nothing is rotated.
            self.truth("ARCH.rope.scaling.finetuned", false);
        }
    }

    fn state(&mut self, state: State) {
        self.number("ARCH.ssm.conv_kernel", state.kernel);
        self.number("ARCH.ssm.inner_size", state.inner);
        self.number("ARCH.ssm.state_size", state.state);
        self.number("ARCH.ssm.time_step_rank", state.time_steps);
        if state.groups > 0 {
            self.number("ARCH.ssm.group_count", state.groups);
        }
    }

    fn shared_experts(&mut self, experts: Experts) {
        self.number("ARCH.leading_dense_block_count", experts.dense);
        if let Some(width) = experts.feed_forward {
            self.number("ARCH.expert_feed_forward_length", width);
        }
        self.number("ARCH.expert_shared_count", experts.shared);
        self.float("ARCH.expert_weights_scale", 1.0);
        self.truth("ARCH.expert_weights_norm", false);
        self.number("ARCH.expert_gating_func", GATING_SOFTMAX);
    }
}
