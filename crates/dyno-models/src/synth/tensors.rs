//! The tensors of a shape: names, dimensions, types and what fills them, as llama.cpp expects them.

use crate::FileType;
use crate::gguf::{TensorSpec, TensorType};
use crate::shapes::{Family, Llama3Rope, Shape};

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
    /// These values, as f32.
    Values(Vec<f32>),
}

/// One tensor to be made.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct PlannedTensor {
    pub(super) spec: TensorSpec,
    pub(super) fill: Fill,
}

struct Plan<'a> {
    shape: &'a Shape,
    file_type: &'a FileType,
    tensors: Vec<PlannedTensor>,
}

/// All tensors of the shape, in file order.
pub(super) fn plan(shape: &Shape, file_type: &FileType) -> Vec<PlannedTensor> {
    let mut plan = Plan { shape, file_type, tensors: Vec::new() };
    plan.matrix("token_embd.weight", &[shape.embedding, shape.vocabulary], Role::TokenEmbedding, 0);
    match shape.family {
        Family::Bert => plan.encoder(),
        Family::Llama | Family::Qwen2 => plan.decoder(),
    }
    plan.tensors
}

impl Plan<'_> {
    fn push(&mut self, name: impl Into<String>, dimensions: &[u64], kind: TensorType, fill: Fill) {
        let spec = TensorSpec { name: name.into(), shape: dimensions.to_vec(), kind };
        self.tensors.push(PlannedTensor { spec, fill });
    }

    /// A weight matrix. Rows have the length of its input, so activations keep their size on the way through.
    fn matrix(&mut self, name: &str, dimensions: &[u64], role: Role, layer: u64) {
        let row = dimensions[0];
        let kind = type_of(self.file_type, self.shape, role, layer, row);
        self.push(name, dimensions, kind, Fill::Random(deviation(row)));
    }

    /// A tensor that llama.cpp never quantizes.
    fn plain(&mut self, name: impl Into<String>, dimensions: &[u64], fill: Fill) {
        self.push(name, dimensions, TensorType::F32, fill);
    }

    fn norm(&mut self, name: &str) {
        self.plain(format!("{name}.weight"), &[self.shape.embedding], Fill::Ones);
        if self.shape.family == Family::Bert {
            self.bias(name, self.shape.embedding);
        }
    }

    fn bias(&mut self, name: &str, width: u64) {
        self.plain(format!("{name}.bias"), &[width], Fill::Random(BIAS_DEVIATION));
    }

    fn decoder(&mut self) {
        let shape = self.shape;
        if let Some(scaling) = &shape.rope_scaling {
            let factors = rope_factors(scaling, shape.head, f64::from(shape.rope_base));
            self.plain("rope_freqs.weight", &[shape.head / 2], Fill::Values(factors));
        }
        for layer in 0..shape.layers {
            let at = |part: &str| format!("blk.{layer}.{part}");
            self.norm(&at("attn_norm"));
            self.attention(layer, shape.family == Family::Qwen2);
            self.norm(&at("ffn_norm"));
            match shape.experts {
                None => self.feed_forward(layer),
                Some(experts) => self.experts(layer, experts.count),
            }
        }
        self.norm("output_norm");
        if !shape.tied {
            self.matrix("output.weight", &[shape.embedding, shape.vocabulary], Role::Output, 0);
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
        let name = format!("blk.{layer}.attn_output.weight");
        self.matrix(&name, &[query, shape.embedding], Role::AttentionOutput, layer);
    }

    fn feed_forward(&mut self, layer: u64) {
        let (narrow, wide) = (self.shape.embedding, self.shape.feed_forward);
        let at = |part: &str| format!("blk.{layer}.{part}.weight");
        self.matrix(&at("ffn_gate"), &[narrow, wide], Role::Gate, layer);
        self.matrix(&at("ffn_down"), &[wide, narrow], Role::Down, layer);
        self.matrix(&at("ffn_up"), &[narrow, wide], Role::Up, layer);
    }

    fn experts(&mut self, layer: u64, count: u64) {
        let (narrow, wide) = (self.shape.embedding, self.shape.feed_forward);
        let at = |part: &str| format!("blk.{layer}.{part}.weight");
        self.plain(at("ffn_gate_inp"), &[narrow, count], Fill::Random(deviation(narrow)));
        self.matrix(&at("ffn_gate_exps"), &[narrow, wide, count], Role::Gate, layer);
        self.matrix(&at("ffn_down_exps"), &[wide, narrow, count], Role::Down, layer);
        self.matrix(&at("ffn_up_exps"), &[narrow, wide, count], Role::Up, layer);
    }

    fn encoder(&mut self) {
        let shape = self.shape;
        let (narrow, wide) = (shape.embedding, shape.feed_forward);
        self.plain("position_embd.weight", &[narrow, shape.context], Fill::Random(deviation(narrow)));
        self.plain("token_types.weight", &[narrow, 2], Fill::Random(deviation(narrow)));
        self.norm("token_embd_norm");
        for layer in 0..shape.layers {
            let at = |part: &str| format!("blk.{layer}.{part}");
            self.attention(layer, true);
            self.bias(&at("attn_output"), narrow);
            self.norm(&at("attn_output_norm"));
            self.matrix(&at("ffn_up.weight"), &[narrow, wide], Role::Up, layer);
            self.bias(&at("ffn_up"), wide);
            self.matrix(&at("ffn_down.weight"), &[wide, narrow], Role::Down, layer);
            self.bias(&at("ffn_down"), narrow);
            self.norm(&at("layer_output_norm"));
        }
    }
}

/// 1/√fan_in.
fn deviation(fan_in: u64) -> f64 {
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

    fn parameters(shape: &str) -> u64 {
        let shape = Shape::find(shape).unwrap();
        let file_type = FileType::from_label("f16").unwrap();
        plan(shape, file_type).iter().map(|tensor| tensor.spec.shape.iter().product::<u64>()).sum()
    }

    #[test]
    fn shapes_have_the_published_number_of_parameters() {
        // From the models' cards and files (rope factors add head/2 where there are any).
        assert_eq!(parameters("llama-3.2-1b"), 1_235_814_400 + 32);
        assert_eq!(parameters("llama-3.2-3b"), 3_212_749_824 + 64);
        assert_eq!(parameters("qwen2.5-0.5b"), 494_032_768);
        assert_eq!(parameters("qwen2.5-1.5b"), 1_543_714_304);
        assert_eq!(parameters("qwen2.5-7b"), 7_615_616_512);
        assert_eq!(parameters("mistral-7b"), 7_248_023_552);
        assert_eq!(parameters("smollm2-135m"), 134_515_008);
        assert_eq!(parameters("smollm2-360m"), 361_821_120);
        // Without the pooler (384 × 384 + 384), which GGUF conversion drops.
        assert_eq!(parameters("all-minilm"), 22_713_216 - 384 * 384 - 384);
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
