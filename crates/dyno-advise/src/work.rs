//! What an engine has to do for a token, from the header alone.

use std::collections::BTreeMap;

use dyno_types::{LayerMemory, ModelFacts, WeightRole};

use crate::memory::is_tied;

/// Work per token.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Work {
    /// Bytes of weights read per decoded token, by type.
    pub(crate) decode_bytes: BTreeMap<String, f64>,
    /// Multiplications and additions per prompt token, by type. The output matrix is left out: a prompt needs it once.
    pub(crate) prefill_flops: BTreeMap<String, f64>,
    /// The same for the experts in use.
    pub(crate) expert_flops: BTreeMap<String, f64>,
    /// Layers.
    pub(crate) layers: f64,
    /// Width of the residual stream.
    pub(crate) embedding: f64,
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
        let tied = is_tied(&facts.weights);
        // Every token passes through this part of the experts.
        let in_use = match (facts.experts, facts.experts_used) {
            (Some(all), Some(used)) if all > 0 => used as f64 / all as f64,
            _ => 1.0,
        };
        let (mut decode_bytes, mut prefill_flops, mut expert_flops) = Default::default();
        for share in &facts.weights {
            let (in_decode, in_prefill) = match share.role {
                WeightRole::Vector => (0.0, 0.0),
                WeightRole::Embedding if !tied => (0.0, 0.0),
                WeightRole::Embedding | WeightRole::Output => (1.0, 0.0),
                WeightRole::Matrix => (1.0, 1.0),
                WeightRole::Expert => (in_use, in_use),
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
        Some(Self {
            decode_bytes,
            prefill_flops,
            expert_flops,
            layers: facts.layers? as f64,
            embedding: facts.embedding_length? as f64,
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
            LayerMemory::State { .. } => None,
        }
    });
    groups.collect()
}
