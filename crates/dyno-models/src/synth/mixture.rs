//! Which type each tensor of a quantized file gets: llama.cpp's conventions (`llama_tensor_get_type_impl` in
//! `llama-quant.cpp`) for the mixtures that can be made here.

use crate::FileType;
use crate::gguf::TensorType;
use crate::shapes::{Family, Shape};

/// What a weight matrix is for, as far as quantization cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    TokenEmbedding,
    Output,
    Query,
    Key,
    /// Values, or queries, keys and values in one matrix.
    Value,
    AttentionOutput,
    Gate,
    Up,
    Down,
    /// Factors of latent attention, and parts of layers without attention.
    Other,
}

/// The type of a matrix with rows of `row` elements in layer `layer`.
pub(super) fn type_of(file_type: &FileType, shape: &Shape, role: Role, layer: u64, row: u64) -> TensorType {
    if file_type.base.block_elements() == 1 {
        return file_type.base;
    }
    fit(mixed(file_type, shape, role, layer, row), row)
}

/// The layers that get more bits: the first and last eighth, and every third between.
fn more_bits(layer: u64, layers: u64) -> bool {
    let eighth = layers / 8;
    layer < eighth || layer >= 7 * layers / 8 || (layer - eighth) % 3 == 2
}

fn mixed(file_type: &FileType, shape: &Shape, role: Role, layer: u64, row: u64) -> TensorType {
    let base = file_type.base;
    let layers = shape.layers;
    let eight_experts = shape.experts.is_some_and(|experts| experts.count == 8);
    match role {
        Role::Output => output(base, row),
        Role::TokenEmbedding if shape.tied => output(base, row),
        Role::Value | Role::Key if eight_experts => TensorType::Q8_0,
        Role::Value => value(file_type, shape, layer),
        Role::AttentionOutput => attention_output(file_type, eight_experts),
        Role::Down => match file_type.label {
            "q2_k" => TensorType::Q3_K,
            "q3_k_m" if layer < layers / 16 => TensorType::Q5_K,
            "q3_k_m" => TensorType::Q4_K,
            "q3_k_l" => TensorType::Q5_K,
            "q4_k_m" | "q5_k_m" if more_bits(layer, layers) => TensorType::Q6_K,
            "q4_k_s" if layer < layers / 8 => TensorType::Q5_K,
            _ => base,
        },
        Role::TokenEmbedding | Role::Query | Role::Key | Role::Gate | Role::Up | Role::Other => base,
    }
}

fn output(base: TensorType, row: u64) -> TensorType {
    if base == TensorType::Q8_0 || !row.is_multiple_of(base.block_elements()) {
        TensorType::Q8_0
    } else {
        TensorType::Q6_K
    }
}

/// Counts among the layers with attention, as llama.cpp does.
fn value(file_type: &FileType, shape: &Shape, layer: u64) -> TensorType {
    let (place, places) = (shape.attention_before(layer), shape.attention_before(shape.layers));
    // llama.cpp asks the first layer, which in a hybrid may have no attention.
    let grouped = shape.has_attention(0) && shape.heads / shape.kv_heads >= 4;
    let kind = match file_type.label {
        "q2_k" if grouped => TensorType::Q4_K,
        "q2_k" => TensorType::Q3_K,
        "q3_k_m" if place < 2 => TensorType::Q5_K,
        "q3_k_m" => TensorType::Q4_K,
        "q3_k_l" => TensorType::Q5_K,
        "q4_k_m" | "q5_k_m" if more_bits(place, places) => TensorType::Q6_K,
        "q4_k_s" if place < 4 => TensorType::Q5_K,
        _ => file_type.base,
    };
    if is_seventy_billion(shape) && matches!(kind, TensorType::Q3_K | TensorType::Q4_K) {
        return TensorType::Q5_K;
    }
    kind
}

/// llama.cpp's `LLM_TYPE_70B`, whose few values get more bits.
fn is_seventy_billion(shape: &Shape) -> bool {
    let family = match shape.family {
        Family::Llama => shape.heads != shape.kv_heads,
        Family::Qwen2 => true,
        _ => false,
    };
    family && shape.layers == 80
}

fn attention_output(file_type: &FileType, eight_experts: bool) -> TensorType {
    match (file_type.label, eight_experts) {
        ("q2_k" | "q3_k_s" | "q3_k_m" | "q4_k_s" | "q4_k_m", true) => TensorType::Q5_K,
        ("q2_k", false) => TensorType::Q3_K,
        ("q3_k_m", false) => TensorType::Q4_K,
        ("q3_k_l", false) => TensorType::Q5_K,
        _ => file_type.base,
    }
}

/// The nearest type whose blocks fill rows of this length.
fn fit(kind: TensorType, row: u64) -> TensorType {
    let fills = |kind: TensorType| row.is_multiple_of(kind.block_elements());
    if fills(kind) {
        return kind;
    }
    let smaller = match kind {
        TensorType::Q2_K | TensorType::Q3_K => TensorType::Q4_0,
        TensorType::Q4_K => TensorType::Q5_0,
        TensorType::Q5_K => TensorType::Q5_1,
        TensorType::Q6_K => TensorType::Q8_0,
        _ => TensorType::F16,
    };
    if fills(smaller) { smaller } else { TensorType::F16 }
}
