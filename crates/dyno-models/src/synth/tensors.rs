//! The tensors of a shape: names, dimensions, types and what fills them, as llama.cpp expects them.

use crate::FileType;
use crate::gguf::{TensorSpec, TensorType};
use crate::shapes::{Experts, Family, Latent, Llama3Rope, Shape};

use super::mixture::{Role, type_of};

/// Standard deviation of biases: small against activations of order one.
const BIAS_DEVIATION: f64 = 0.02;

/// What a tensor is filled with.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Fill {
    /// Ones: the scale of a norm.
    Ones,
    /// Random weights of this standard deviation.
    Random(f64),
    /// These values, as f32, again and again.
    Cycle(Vec<f32>),
}

/// One tensor to be made.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct PlannedTensor {
    pub(super) spec: TensorSpec,
    pub(super) fill: Fill,
}

/// Tensors under construction.
pub(super) struct Plan<'a> {
    pub(super) shape: &'a Shape,
    file_type: &'a FileType,
    tensors: Vec<PlannedTensor>,
}

/// All tensors of the shape, in file order.
pub(super) fn plan(shape: &Shape, file_type: &FileType) -> Vec<PlannedTensor> {
    let mut plan = Plan { shape, file_type, tensors: Vec::new() };
    plan.matrix("token_embd.weight", &[shape.embedding, shape.vocabulary], Role::TokenEmbedding, 0);
    match shape.family {
        Family::Bert => plan.encoder(),
        _ => plan.decoder(),
    }
    plan.tensors
}

impl Plan<'_> {
    fn push(&mut self, name: impl Into<String>, dimensions: &[u64], kind: TensorType, fill: Fill) {
        let spec = TensorSpec { name: name.into(), shape: dimensions.to_vec(), kind };
        self.tensors.push(PlannedTensor { spec, fill });
    }

    /// A weight matrix. Rows have the length of its input, so activations keep their size on the way through.
    pub(super) fn matrix(&mut self, name: &str, dimensions: &[u64], role: Role, layer: u64) {
        let row = dimensions[0];
        let kind = type_of(self.file_type, self.shape, role, layer, row);
        self.push(name, dimensions, kind, Fill::Random(deviation(row)));
    }

    /// A tensor that llama.cpp never quantizes.
    pub(super) fn plain(&mut self, name: impl Into<String>, dimensions: &[u64], fill: Fill) {
        self.push(name, dimensions, TensorType::F32, fill);
    }

    fn norm(&mut self, name: &str) {
        self.plain(format!("{name}.weight"), &[self.shape.embedding], Fill::Ones);
        if self.shape.family.has_layer_norms() {
            self.bias(name, self.shape.embedding);
        }
    }

    pub(super) fn bias(&mut self, name: &str, width: u64) {
        self.plain(format!("{name}.bias"), &[width], Fill::Random(BIAS_DEVIATION));
    }

    fn decoder(&mut self) {
        let shape = self.shape;
        if shape.family == Family::StarCoder {
            self.positions();
        }
        if let Some(scaling) = &shape.rope_scaling {
            let factors = rope_factors(scaling, shape.head, f64::from(shape.rope_base));
            self.plain("rope_freqs.weight", &[shape.head / 2], Fill::Cycle(factors));
        }
        let norms_after = shape.family == Family::Gemma3;
        for layer in 0..shape.layers {
            let at = |part: &str| format!("blk.{layer}.{part}");
            self.norm(&at("attn_norm"));
            self.mixer(layer);
            if norms_after {
                self.norm(&at("post_attention_norm"));
            }
            if shape.feed_forward > 0 {
                self.norm(&at("ffn_norm"));
                match shape.experts.filter(|experts| layer >= experts.dense) {
                    None => self.feed_forward(layer),
                    Some(experts) => self.experts(layer, experts),
                }
            }
            if norms_after {
                self.norm(&at("post_ffw_norm"));
            }
        }
        // The wrong name is the one that files of this family have.
        self.norm(if shape.family == Family::Lfm2 { "token_embd_norm" } else { "output_norm" });
        if !shape.tied {
            self.matrix("output.weight", &[shape.embedding, shape.vocabulary], Role::Output, 0);
        }
    }

    /// What mixes the tokens in a layer: attention, or something recurrent.
    fn mixer(&mut self, layer: u64) {
        let shape = self.shape;
        match (shape.family, shape.latent, shape.state, shape.short_convolution) {
            (Family::Phi3 | Family::StarCoder, ..) => self.fused_attention(layer),
            (_, Some(latent), ..) => self.latent_attention(layer, latent),
            (Family::Mamba, _, Some(state), _) => self.mamba(layer, state),
            (_, _, Some(state), _) if !shape.has_attention(layer) => self.mamba_2(layer, state),
            (.., Some(kernel)) if !shape.has_attention(layer) => self.short_convolution(layer, kernel),
            (Family::Qwen2 | Family::Qwen2Vl, ..) => self.attention(layer, true),
            _ => self.attention(layer, false),
        }
    }

    fn attention(&mut self, layer: u64, biased: bool) {
        let shape = self.shape;
        let (query, kv) = (shape.heads * shape.head, shape.kv_heads * shape.head);
        let inputs = [("attn_q", query, Role::Query), ("attn_k", kv, Role::Key), ("attn_v", kv, Role::Value)];
        for (part, width, role) in inputs {
            let name = format!("blk.{layer}.{part}");
            self.matrix(&format!("{name}.weight"), &[shape.embedding, width], role, layer);
            if biased {
                self.bias(&name, width);
            }
        }
        if matches!(shape.family, Family::Qwen3 | Family::Gemma3 | Family::Lfm2) {
            for part in ["attn_q_norm", "attn_k_norm"] {
                self.plain(format!("blk.{layer}.{part}.weight"), &[shape.head], Fill::Ones);
            }
        }
        let name = format!("blk.{layer}.attn_output.weight");
        self.matrix(&name, &[query, shape.embedding], Role::AttentionOutput, layer);
    }

    /// Queries, keys and values from one matrix.
    fn fused_attention(&mut self, layer: u64) {
        let shape = self.shape;
        let (query, kv) = (shape.heads * shape.head, shape.kv_heads * shape.head);
        let at = |part: &str| format!("blk.{layer}.{part}");
        self.matrix(&at("attn_qkv.weight"), &[shape.embedding, query + 2 * kv], Role::Value, layer);
        let biased = shape.family == Family::StarCoder;
        if biased {
            self.bias(&at("attn_qkv"), query + 2 * kv);
        }
        self.matrix(&at("attn_output.weight"), &[query, shape.embedding], Role::AttentionOutput, layer);
        if biased {
            self.bias(&at("attn_output"), shape.embedding);
        }
    }

    /// Keys and values rebuilt from a latent, with the rebuilding split by head as llama.cpp wants it.
    fn latent_attention(&mut self, layer: u64, latent: Latent) {
        let Shape { embedding, heads, .. } = *self.shape;
        let at = |part: &str| format!("blk.{layer}.{part}.weight");
        let query = heads * latent.key;
        if latent.query_rank > 0 {
            self.plain(at("attn_q_a_norm"), &[latent.query_rank], Fill::Ones);
            self.matrix(&at("attn_q_a"), &[embedding, latent.query_rank], Role::Other, layer);
            self.matrix(&at("attn_q_b"), &[latent.query_rank, query], Role::Other, layer);
        } else {
            self.matrix(&at("attn_q"), &[embedding, query], Role::Query, layer);
        }
        self.plain(at("attn_kv_a_norm"), &[latent.rank], Fill::Ones);
        self.matrix(&at("attn_kv_a_mqa"), &[embedding, latent.rank + latent.rope], Role::Other, layer);
        self.matrix(&at("attn_k_b"), &[latent.key - latent.rope, latent.rank, heads], Role::Other, layer);
        self.matrix(&at("attn_v_b"), &[latent.rank, latent.value, heads], Role::Other, layer);
        self.matrix(&at("attn_output"), &[heads * latent.value, embedding], Role::AttentionOutput, layer);
    }

    fn feed_forward(&mut self, layer: u64) {
        let (narrow, wide) = (self.shape.embedding, self.shape.feed_forward);
        let at = |part: &str| format!("blk.{layer}.{part}");
        match self.shape.family {
            // Gate and up in one matrix.
            Family::Phi3 => {
                self.matrix(&at("ffn_up.weight"), &[narrow, 2 * wide], Role::Up, layer);
                self.matrix(&at("ffn_down.weight"), &[wide, narrow], Role::Down, layer);
            }
            Family::StarCoder => self.biased_feed_forward(layer),
            _ => self.gated(layer, "", wide),
        }
    }

    /// Gate, down and up of this width, with this end of their names.
    fn gated(&mut self, layer: u64, end: &str, wide: u64) {
        let narrow = self.shape.embedding;
        let at = |part: &str| format!("blk.{layer}.{part}{end}.weight");
        self.matrix(&at("ffn_gate"), &[narrow, wide], Role::Gate, layer);
        self.matrix(&at("ffn_down"), &[wide, narrow], Role::Down, layer);
        self.matrix(&at("ffn_up"), &[narrow, wide], Role::Up, layer);
    }

    fn biased_feed_forward(&mut self, layer: u64) {
        let (narrow, wide) = (self.shape.embedding, self.shape.feed_forward);
        let at = |part: &str| format!("blk.{layer}.{part}");
        self.matrix(&at("ffn_up.weight"), &[narrow, wide], Role::Up, layer);
        self.bias(&at("ffn_up"), wide);
        self.matrix(&at("ffn_down.weight"), &[wide, narrow], Role::Down, layer);
        self.bias(&at("ffn_down"), narrow);
    }

    fn experts(&mut self, layer: u64, experts: Experts) {
        let count = experts.count;
        let (narrow, wide) = (self.shape.embedding, experts.feed_forward.unwrap_or(self.shape.feed_forward));
        let at = |part: &str| format!("blk.{layer}.{part}.weight");
        self.plain(at("ffn_gate_inp"), &[narrow, count], Fill::Random(deviation(narrow)));
        self.matrix(&at("ffn_gate_exps"), &[narrow, wide, count], Role::Gate, layer);
        self.matrix(&at("ffn_down_exps"), &[wide, narrow, count], Role::Down, layer);
        self.matrix(&at("ffn_up_exps"), &[narrow, wide, count], Role::Up, layer);
        if experts.shared > 0 {
            self.gated(layer, "_shexp", wide * experts.shared);
        }
    }

    fn positions(&mut self) {
        let narrow = self.shape.embedding;
        let fill = Fill::Random(deviation(narrow));
        self.plain("position_embd.weight", &[narrow, self.shape.context], fill);
    }

    fn encoder(&mut self) {
        let shape = self.shape;
        let narrow = shape.embedding;
        self.positions();
        self.plain("token_types.weight", &[narrow, shape.token_types], Fill::Random(deviation(narrow)));
        self.norm("token_embd_norm");
        for layer in 0..shape.layers {
            let at = |part: &str| format!("blk.{layer}.{part}");
            self.attention(layer, true);
            self.bias(&at("attn_output"), narrow);
            self.norm(&at("attn_output_norm"));
            self.biased_feed_forward(layer);
            self.norm(&at("layer_output_norm"));
        }
    }
}

/// 1/√fan_in.
pub(super) fn deviation(fan_in: u64) -> f64 {
    (fan_in as f64).sqrt().recip()
}

/// Factors by which the frequencies of each dimension pair are divided (Llama 3.1 "rope scaling": long wavelengths are
/// stretched, short ones kept, those between blended).
fn rope_factors(scaling: &Llama3Rope, head: u64, base: f64) -> Vec<f32> {
    let factor = |pair: u64| {
        let wavelength = 2.0 * std::f64::consts::PI * base.powf(2.0 * pair as f64 / head as f64);
        if wavelength < scaling.original_context / scaling.high {
            return 1.0;
        }
        if wavelength > scaling.original_context / scaling.low {
            return scaling.factor as f32;
        }
        let smooth = (scaling.original_context / wavelength - scaling.low) / (scaling.high - scaling.low);
        ((1.0 - smooth) / scaling.factor + smooth).recip() as f32
    };
    (0..head / 2).map(factor).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SHAPES;

    #[test]
    fn shapes_have_the_published_number_of_parameters() {
        let file_type = FileType::from_label("f16").unwrap();
        let mut compared = 0;
        for shape in SHAPES.iter() {
            let Some(published) = shape.parameters else { continue };
            let counted = |tensor: &&PlannedTensor| tensor.spec.name != "rope_freqs.weight";
            let tensors = plan(shape, file_type);
            let elements = |tensor: &PlannedTensor| tensor.spec.shape.iter().product::<u64>();
            let parameters: u64 = tensors.iter().filter(counted).map(elements).sum();
            assert_eq!(parameters, published, "{}", shape.name);
            compared += 1;
        }
        assert!(compared > 25, "{compared}");
    }

    #[test]
    fn rope_factors_keep_short_wavelengths_and_stretch_long_ones() {
        let shape = Shape::find("llama-3.2-1b").unwrap();
        let factors = rope_factors(&shape.rope_scaling.unwrap(), shape.head, f64::from(shape.rope_base));
        assert_eq!(factors.len(), 32);
        assert_eq!((factors[0], factors[31]), (1.0, 32.0));
        assert!(factors.is_sorted(), "{factors:?}");
        assert!(factors.iter().any(|factor| (1.5..31.0).contains(factor)), "some are blended: {factors:?}");
    }
}
