//! What each weight tensor is for, by its name and dimensions.

use std::collections::BTreeMap;

use dyno_types::{WeightRole, WeightShare};

use crate::gguf::{TensorInfo, TensorType};

/// Parts of names of tensors with several rows that are not multiplied with: added, convolved, or looked up by row.
const NOT_MULTIPLIED: &[&str] = &[
    "norm",
    "rope_f",
    "conv",
    "position_embd",
    "token_types",
    "per_layer_token_embd",
    "time_mix_lerp",
    "time_mix_first",
    "channel_mix_lerp",
    "attn_rel_b",
    "attn_sinks",
    "compressor_ape",
];

/// Role of a tensor.
pub(crate) fn role(tensor: &TensorInfo) -> WeightRole {
    let Some(name) = tensor.name.strip_suffix(".weight") else { return WeightRole::Vector };
    let rows_and_columns = tensor.shape.len() >= 2 && tensor.shape.iter().take(2).all(|length| *length > 1);
    match name {
        "token_embd" => WeightRole::Embedding,
        "output" => WeightRole::Output,
        _ if !rows_and_columns || is_not_multiplied(name) => WeightRole::Vector,
        _ if is_expert(name) => WeightRole::Expert,
        _ => WeightRole::Matrix,
    }
}

fn is_not_multiplied(name: &str) -> bool {
    let part = name.rsplit('.').next().unwrap_or(name);
    // RWKV's decay is added; its low-rank factors (…_w1, …_w2) are matrices.
    part == "time_mix_decay" || NOT_MULTIPLIED.iter().any(|mark| part.contains(mark))
}

/// All experts of a layer in one tensor (`ffn_up_exps`), or one of them in the manner of old files (`ffn_up.3`).
fn is_expert(name: &str) -> bool {
    let numbered = || {
        let mut parts = name.rsplit('.');
        parts.next().is_some_and(|number| number.parse::<u32>().is_ok())
            && parts.next().is_some_and(|part| part.starts_with("ffn_"))
    };
    name.ends_with("_exps") || name.ends_with("_chexps") || numbered()
}

/// Weights by role and type, in the order of the roles; equal roles by type.
pub(super) fn shares<'a>(tensors: impl Iterator<Item = &'a TensorInfo>) -> Vec<WeightShare> {
    let mut sums: BTreeMap<(WeightRole, TensorType), (u64, u64, u64)> = BTreeMap::new();
    for tensor in tensors {
        let sum = sums.entry((role(tensor), tensor.kind)).or_default();
        *sum = (sum.0 + 1, sum.1.saturating_add(tensor.elements()), sum.2.saturating_add(tensor.bytes));
    }
    sums.into_iter()
        .map(|((role, kind), (tensors, elements, bytes))| WeightShare {
            role,
            kind: kind.name().to_owned(),
            tensors,
            elements,
            bytes,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role_of(name: &str, shape: &[u64]) -> WeightRole {
        let kind = TensorType::F32;
        role(&TensorInfo { name: name.to_owned(), shape: shape.to_vec(), kind, offset: 0, bytes: 0 })
    }

    #[test]
    fn roles_follow_names_and_dimensions() {
        let cases: &[(&str, &[u64], WeightRole)] = &[
            ("token_embd.weight", &[64, 1000], WeightRole::Embedding),
            ("output.weight", &[64, 1000], WeightRole::Output),
            ("output_norm.weight", &[64], WeightRole::Vector),
            ("token_embd_norm.weight", &[64], WeightRole::Vector),
            ("position_embd.weight", &[64, 512], WeightRole::Vector),
            ("token_types.weight", &[64, 2], WeightRole::Vector),
            ("rope_freqs.weight", &[32], WeightRole::Vector),
            ("blk.0.attn_q.weight", &[64, 64], WeightRole::Matrix),
            ("blk.0.attn_q.bias", &[64], WeightRole::Vector),
            ("blk.0.attn_q_norm.weight", &[16, 4], WeightRole::Vector),
            ("blk.0.attn_k_b.weight", &[16, 32, 4], WeightRole::Matrix),
            ("blk.0.attn_output.weight", &[64, 64], WeightRole::Matrix),
            ("blk.0.ffn_gate_inp.weight", &[64, 8], WeightRole::Matrix),
            ("blk.0.ffn_gate_inp_shexp.weight", &[64], WeightRole::Vector),
            ("blk.0.ffn_up_exps.weight", &[64, 128, 8], WeightRole::Expert),
            ("blk.0.ffn_up_exps.bias", &[128, 8], WeightRole::Vector),
            ("blk.0.ffn_up.3.weight", &[64, 128], WeightRole::Expert),
            ("blk.0.ffn_up_shexp.weight", &[64, 128], WeightRole::Matrix),
            ("blk.0.ssm_conv1d.weight", &[4, 128], WeightRole::Vector),
            ("blk.0.ssm_a", &[16, 128], WeightRole::Vector),
            ("blk.0.ssm_in.weight", &[64, 256], WeightRole::Matrix),
            ("blk.0.shortconv.conv.weight", &[3, 64], WeightRole::Vector),
            ("blk.0.shortconv.in_proj.weight", &[64, 192], WeightRole::Matrix),
            ("blk.0.time_mix_decay.weight", &[64, 2], WeightRole::Vector),
            ("blk.0.time_mix_decay_w1.weight", &[64, 32], WeightRole::Matrix),
        ];
        for (name, shape, expected) in cases {
            assert_eq!(role_of(name, shape), *expected, "{name}");
        }
    }
}
