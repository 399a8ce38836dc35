//! What an engine has to do for a token, from the header alone.

use std::collections::BTreeMap;

use dyno_types::{LayerMemory, ModelFacts, WeightRole};

use crate::memory::{is_gated, is_tied};

/// Operations of the compute graph per layer beside one for each tensor of weights: rotations, attention, additions, activations.
const OPS_PER_LAYER: f64 = 8.0;

/// Work per token.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Work {
    /// Bytes of weights read per decoded token, by type.
    pub(crate) decode_bytes: BTreeMap<String, f64>,
    /// Multiplications and additions per prompt token, by type. The output matrix is left out, and so is the feed-forward part of the
    /// last layer: a prompt needs them once.
    pub(crate) prefill_flops: BTreeMap<String, f64>,
    /// The same for the experts in use.
    pub(crate) expert_flops: BTreeMap<String, f64>,
    /// Operations of the compute graph.
    pub(crate) ops: f64,
    /// Elements of the residual stream over all layers.
    pub(crate) elements: f64,
    /// Attention layers: how far each looks back at most (`None`: everything), how many there are, and multiplications and
    /// additions per token looked back at.
    attention: Vec<(Option<f64>, f64, f64)>,
}

impl Work {
    /// The work of a model; `None` when its header does not determine it.
    pub(crate) fn of(facts: &ModelFacts) -> Option<Self> {
        if facts.weights.is_empty() || facts.layer_memory.is_empty() {
            return None;
        }
        let layers = facts.layers.filter(|layers| *layers > 0)? as f64;
        let tied = is_tied(&facts.weights);
        // Every token passes through this part of the experts.
        let in_use = match (facts.experts, facts.experts_used) {
            (Some(all), Some(used)) if all > 0 => used as f64 / all as f64,
            _ => 1.0,
        };
        let (dense, experts) = (dense_in_prefill(facts, layers), 1.0 - 1.0 / layers);
        let (mut decode_bytes, mut prefill_flops, mut expert_flops) = Default::default();
        for share in &facts.weights {
            let (in_decode, in_prefill) = match share.role {
                WeightRole::Vector | WeightRole::Unknown => (0.0, 0.0),
                WeightRole::Embedding if !tied => (0.0, 0.0),
                WeightRole::Embedding | WeightRole::Output => (1.0, 0.0),
                WeightRole::Matrix => (1.0, dense),
                WeightRole::Expert => (in_use, in_use * experts),
            };
            let add = |to: &mut BTreeMap<String, f64>, amount: f64| {
                if amount > 0.0 {
                    *to.entry(share.kind.clone()).or_default() += amount;
                }
            };
            add(&mut decode_bytes, in_decode * share.bytes as f64);
            let to = if share.role == WeightRole::Expert { &mut expert_flops } else { &mut prefill_flops };
            add(to, in_prefill * 2.0 * share.elements as f64);
        }
        let tensors: u64 = facts.weights.iter().map(|share| share.tensors).sum();
        Some(Self {
            decode_bytes,
            prefill_flops,
            expert_flops,
            ops: tensors as f64 + OPS_PER_LAYER * layers,
            elements: layers * facts.embedding_length? as f64,
            attention: attention(facts),
        })
    }

    /// Multiplications and additions of attention for a token with so many tokens before it.
    pub(crate) fn attention_flops(&self, depth: f64) -> f64 {
        let flops = |(window, layers, per_token): &(Option<f64>, f64, f64)| {
            layers * per_token * window.map_or(depth, |window| window.min(depth))
        };
        self.attention.iter().map(flops).sum()
    }

    /// The same for a whole prompt after so many tokens.
    pub(crate) fn attention_of_prompt(&self, depth: f64, tokens: f64) -> f64 {
        tokens * self.attention_flops(depth + tokens / 2.0)
    }

    /// Bytes of weights read per decoded token.
    pub(crate) fn working_set_bytes(&self) -> f64 {
        self.decode_bytes.values().sum()
    }
}

/// Share of the matrices outside experts that every token of a prompt passes through. After the attention of the last layer
/// llama.cpp goes on with the last token alone, because nobody asked for the others' logits.
fn dense_in_prefill(facts: &ModelFacts, layers: f64) -> f64 {
    let matrices = facts.weights.iter().filter(|share| share.role == WeightRole::Matrix);
    let elements: f64 = matrices.map(|share| share.elements as f64).sum();
    let matrix = facts.embedding_length.unwrap_or_default() as f64
        * facts.feed_forward_length.unwrap_or_default() as f64;
    let feed_forward = matrix * if is_gated(facts) { 3.0 } else { 2.0 };
    // Layers of experts have no dense feed-forward part, or one that they share.
    let is_dense = facts.experts.is_none() && feed_forward * layers <= elements;
    if is_dense && elements > 0.0 { 1.0 - feed_forward / elements } else { 1.0 }
}

/// Scores and weighted sums: two multiplications and two additions per element of every head.
fn attention(facts: &ModelFacts) -> Vec<(Option<f64>, f64, f64)> {
    let heads = facts.heads.unwrap_or_default() as f64;
    let head = |stated: Option<u64>| stated.unwrap_or_default() as f64;
    let (key, value) = (head(facts.key_length), head(facts.value_length));
    let groups = facts.layer_memory.iter().filter_map(|group| {
        let layers = group.layers as f64;
        match group.memory {
            LayerMemory::Full { .. } => Some((None, layers, 2.0 * heads * (key + value))),
            LayerMemory::Window { window, .. } => {
                Some((Some(window as f64), layers, 2.0 * heads * (key + value)))
            }
            // Every head works on the latent itself.
            LayerMemory::Latent { width } => Some((None, layers, 4.0 * heads * width as f64)),
            LayerMemory::State { .. } | LayerMemory::Unknown => None,
        }
    });
    groups.collect()
}
