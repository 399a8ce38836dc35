//! Memory that a model will take, before it is loaded.
//!
//! Weights and KV cache follow from the header exactly. What the engine needs beside them was measured on engine processes
//! with full windows; `cargo xtask predictions memory` prints how far off the sum is, case by case.

use dyno_types::{EngineSettings, LayerMemory, ModelFacts, Switch, WeightRole, WeightShare};
use serde::Serialize;

use crate::MatrixInstructions;

/// Bytes of an engine process before anything is loaded and beside everything else: code pages, heap, tables of the
/// tokenizer that do not depend on the vocabulary.
const PROCESS_BYTES: f64 = 16.0 * MIB;
/// Bytes the tokenizer holds per token of the vocabulary: text, scores, both directions of the lookup.
const VOCABULARY_BYTES_PER_TOKEN: f64 = 172.0;
/// Bytes of a logit.
const LOGIT_BYTES: f64 = 4.0;
/// Floats of the compute graph per token computed at once and per element of the residual stream.
const FLOATS_PER_EMBEDDING: f64 = 1.55;
/// The same per element of the feed-forward width, with a gate and without.
const FLOATS_PER_FEED_FORWARD: f64 = 3.55;
const FLOATS_PER_UNGATED: f64 = 1.86;
/// The same per element of the residual stream in a recurrent layer, whose inner stream is twice as wide.
const FLOATS_PER_STATE: f64 = 12.0;
/// Attention scores held at once, in copies of heads × window, without flash attention.
const SCORE_COPIES: f64 = 1.72;
/// Bytes of the attention mask per token computed at once and token of window.
const MASK_BYTES: f64 = 2.8;
const FLOAT_BYTES: f64 = 4.0;
const MIB: f64 = 1024.0 * 1024.0;

/// Predicted memory of an engine process with the model loaded, its context open and the window full, bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct MemoryEstimate {
    /// Weights in pages of the model file, which the system may drop and read again.
    pub weights_mapped_bytes: u64,
    /// Weights copied or rearranged in memory.
    pub weights_anonymous_bytes: u64,
    /// KV cache and recurrent states, of all sequences.
    pub kv_bytes: u64,
    /// Scratch buffers of the compute graph, as far as they are touched.
    pub compute_bytes: u64,
    /// The process itself: code, tokenizer, tables.
    pub process_bytes: u64,
}

impl MemoryEstimate {
    /// Everything: the predicted peak of the resident set.
    #[must_use]
    pub fn total_bytes(&self) -> u64 {
        self.weights_mapped_bytes
            + self.weights_anonymous_bytes
            + self.kv_bytes
            + self.compute_bytes
            + self.process_bytes
    }
}

/// What the model will take with these settings in an engine that rearranges weights for these instructions; `None` when its
/// header does not determine it.
#[must_use]
pub fn memory(
    facts: &ModelFacts,
    settings: &EngineSettings,
    instructions: MatrixInstructions,
) -> Option<MemoryEstimate> {
    let kv_bytes = facts.kv_bytes(settings)?;
    let rearranged_bytes = rearranged_bytes(&facts.weights, instructions);
    // Mapped files stay mapped, also the parts that were rearranged into memory of their own.
    let (weights_mapped_bytes, weights_anonymous_bytes) = if settings.mmap {
        (facts.weights_bytes, rearranged_bytes)
    } else {
        (0, facts.weights_bytes + duplicated_bytes(&facts.weights, instructions))
    };
    Some(MemoryEstimate {
        weights_mapped_bytes,
        weights_anonymous_bytes,
        kv_bytes,
        compute_bytes: compute_bytes(facts, settings)? as u64,
        process_bytes: process_bytes(facts, settings) as u64,
    })
}

/// Weights that are rearranged: matrices that are multiplied with. An embedding matrix is, when it is the output matrix, too.
fn rearranged_bytes(weights: &[WeightShare], instructions: MatrixInstructions) -> u64 {
    let kinds = instructions.rearranged_kinds();
    let multiplied = |share: &&WeightShare| match share.role {
        WeightRole::Output | WeightRole::Matrix | WeightRole::Expert => true,
        WeightRole::Embedding => is_tied(weights),
        WeightRole::Vector | WeightRole::Unknown => false,
    };
    weights
        .iter()
        .filter(multiplied)
        .filter(|share| kinds.contains(&share.kind.as_str()))
        .map(|share| share.bytes)
        .sum()
}

/// Weights held twice when the file is read instead of mapped: a tied embedding matrix is looked up in one form and multiplied
/// with in the other.
fn duplicated_bytes(weights: &[WeightShare], instructions: MatrixInstructions) -> u64 {
    let kinds = instructions.rearranged_kinds();
    let tied = is_tied(weights);
    let twice = |share: &&WeightShare| {
        tied && share.role == WeightRole::Embedding && kinds.contains(&share.kind.as_str())
    };
    weights.iter().filter(twice).map(|share| share.bytes).sum()
}

/// Whether the embedding matrix is the output matrix, too.
pub(crate) fn is_tied(weights: &[WeightShare]) -> bool {
    weights.iter().all(|share| share.role != WeightRole::Output)
}

/// Scratch memory: the graph needs the most in the feed-forward part, in a recurrent layer or, without flash attention, for the
/// scores.
fn compute_bytes(facts: &ModelFacts, settings: &EngineSettings) -> Option<f64> {
    let window = f64::from(settings.context);
    let tokens = f64::from(settings.ubatch.min(settings.batch)).min(window * f64::from(settings.sequences));
    let embedding = facts.embedding_length? as f64;
    let recurrent = facts.layer_memory.iter().any(|group| matches!(group.memory, LayerMemory::State { .. }));
    let state = if recurrent { FLOATS_PER_STATE * embedding } else { 0.0 };
    let scores = match settings.flash_attention {
        Switch::Off => SCORE_COPIES * facts.heads.unwrap_or_default() as f64 * window,
        Switch::On | Switch::Auto | Switch::Unknown => 0.0,
    };
    let flow = FLOATS_PER_EMBEDDING * embedding + feed_forward_floats(facts).max(state);
    Some(tokens * (FLOAT_BYTES * flow.max(scores) + MASK_BYTES * window))
}

/// Floats per token of the widest feed-forward part: the dense one, or the experts in use.
fn feed_forward_floats(facts: &ModelFacts) -> f64 {
    let dense = facts.feed_forward_length.unwrap_or_default() as f64;
    let (Some(experts), Some(used)) = (facts.experts, facts.experts_used) else {
        return dense * if is_gated(facts) { FLOATS_PER_FEED_FORWARD } else { FLOATS_PER_UNGATED };
    };
    let elements: u64 = facts
        .weights
        .iter()
        .filter(|share| share.role == WeightRole::Expert)
        .map(|share| share.elements)
        .sum();
    // Gate, up and down of every expert of every layer.
    let matrices = 3.0 * experts as f64 * facts.layers.unwrap_or(1) as f64;
    let width = elements as f64 / (matrices * facts.embedding_length.unwrap_or(1) as f64).max(1.0);
    FLOATS_PER_FEED_FORWARD * dense.max(used as f64 * width)
}

/// Whether the feed-forward part has a gate: three matrices instead of two, beside those of attention.
pub(crate) fn is_gated(facts: &ModelFacts) -> bool {
    let width = |stated: Option<u64>| stated.unwrap_or_default() as f64;
    let (embedding, layers) = (width(facts.embedding_length), width(facts.layers));
    let query_and_output = 2.0 * width(facts.heads) * width(facts.key_length);
    let key_and_value = width(facts.kv_heads) * (width(facts.key_length) + width(facts.value_length));
    let matrices = facts.weights.iter().filter(|share| share.role == WeightRole::Matrix);
    let elements: f64 = matrices.map(|share| share.elements as f64).sum();
    let rest = elements / (layers * embedding) - query_and_output - key_and_value;
    rest / width(facts.feed_forward_length) > 2.5
}

fn process_bytes(facts: &ModelFacts, settings: &EngineSettings) -> f64 {
    let vocabulary = facts.vocabulary.unwrap_or_default() as f64;
    let logits = vocabulary * LOGIT_BYTES * f64::from(settings.sequences);
    PROCESS_BYTES + vocabulary * VOCABULARY_BYTES_PER_TOKEN + logits
}

#[cfg(test)]
mod tests {
    use dyno_types::{KvType, LayerGroup};

    use super::*;

    fn share(role: WeightRole, kind: &str, elements: u64, bytes: u64) -> WeightShare {
        WeightShare { role, kind: kind.to_owned(), tensors: 1, elements, bytes }
    }

    /// Four layers 64 wide, feed-forward 256, with or without a gate.
    fn facts(gated: bool) -> ModelFacts {
        let matrices = if gated { 3 } else { 2 };
        let elements = 4 * (4 * 64 * 64 + matrices * 64 * 256);
        ModelFacts {
            weights: vec![
                share(WeightRole::Embedding, "q6_k", 6400, 5250),
                share(WeightRole::Matrix, "q4_0", elements, elements * 9 / 16),
                share(WeightRole::Vector, "f32", 64, 256),
            ],
            weights_bytes: 5250 + elements * 9 / 16 + 256,
            layer_memory: vec![LayerGroup {
                layers: 4,
                memory: LayerMemory::Full { key_width: 64, value_width: 64 },
            }],
            layers: Some(4),
            embedding_length: Some(64),
            feed_forward_length: Some(256),
            heads: Some(2),
            kv_heads: Some(2),
            key_length: Some(32),
            value_length: Some(32),
            vocabulary: Some(100),
            ..ModelFacts::default()
        }
    }

    #[test]
    fn the_parts_follow_from_header_and_settings() {
        let settings = EngineSettings { context: 1024, ..EngineSettings::default() };
        let facts = facts(true);
        let estimate = memory(&facts, &settings, MatrixInstructions::Avx2).unwrap();
        let matrix_bytes = facts.weights[1].bytes;
        assert_eq!(estimate.weights_mapped_bytes, facts.weights_bytes);
        assert_eq!(estimate.weights_anonymous_bytes, matrix_bytes, "q4_0 is rearranged on AVX2");
        assert_eq!(estimate.kv_bytes, 4 * 128 * 2 * 1024);
        let parts = [
            estimate.weights_mapped_bytes,
            estimate.weights_anonymous_bytes,
            estimate.kv_bytes,
            estimate.compute_bytes,
            estimate.process_bytes,
        ];
        assert_eq!(estimate.total_bytes(), parts.iter().sum::<u64>());
        let plain = memory(&facts, &settings, MatrixInstructions::Plain).unwrap();
        assert_eq!(plain.weights_anonymous_bytes, 0, "nothing is rearranged");
        let read =
            memory(&facts, &EngineSettings { mmap: false, ..settings }, MatrixInstructions::Avx2).unwrap();
        assert_eq!((read.weights_mapped_bytes, read.weights_anonymous_bytes), (0, facts.weights_bytes));
        assert_eq!(
            memory(&ModelFacts::default(), &EngineSettings::default(), MatrixInstructions::Avx2),
            None
        );
    }

    #[test]
    fn a_tied_embedding_that_is_rearranged_is_held_twice_when_read() {
        let mut facts = facts(true);
        facts.weights[0].kind = "q4_0".to_owned();
        let read = EngineSettings { mmap: false, ..EngineSettings::default() };
        let both = memory(&facts, &read, MatrixInstructions::Avx2).unwrap().weights_anonymous_bytes;
        assert_eq!(both, facts.weights_bytes + facts.weights[0].bytes);
        facts.weights.push(share(WeightRole::Output, "q6_k", 6400, 5250));
        let untied = memory(&facts, &read, MatrixInstructions::Avx2).unwrap().weights_anonymous_bytes;
        assert_eq!(untied, facts.weights_bytes);
    }

    #[test]
    fn scratch_grows_with_the_physical_batch_the_window_and_the_gate() {
        let compute = |facts: &ModelFacts, settings: EngineSettings| {
            memory(facts, &settings, MatrixInstructions::Plain).unwrap().compute_bytes
        };
        let base = EngineSettings { context: 4096, ..EngineSettings::default() };
        let of = |ubatch, flash_attention| EngineSettings { ubatch, flash_attention, ..base.clone() };
        let usual = compute(&facts(true), of(512, Switch::Auto));
        assert!((compute(&facts(true), of(128, Switch::Auto)) * 4).abs_diff(usual) <= 4);
        assert!(compute(&facts(true), of(512, Switch::Off)) > usual);
        assert!(compute(&facts(false), of(512, Switch::Auto)) < usual);
        let quantized = EngineSettings { kv_type_k: KvType::Q8_0, kv_type_v: KvType::Q8_0, ..base.clone() };
        assert_eq!(compute(&facts(true), quantized), usual);
    }

    #[test]
    fn experts_in_use_count_and_the_others_do_not() {
        let mut mixture = facts(true);
        mixture.experts = Some(8);
        mixture.experts_used = Some(2);
        mixture.feed_forward_length = Some(100);
        mixture.weights.push(share(WeightRole::Expert, "q4_0", 8 * 4 * 3 * 64 * 256, 1));
        assert_eq!(feed_forward_floats(&mixture), FLOATS_PER_FEED_FORWARD * 512.0);
        assert!(is_gated(&facts(true)) && !is_gated(&facts(false)));
    }
}
