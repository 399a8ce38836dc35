//! Shapes drawn at random: nobody chose them, so a prediction cannot have been fitted to them.

use dyno_models::{Experts, Family, FileType, Shape, SynthSpec, Window, quant_names};
use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

/// Families to draw from: of decoders, those with ordinary attention, windows, fused matrices, norms of their own, biases.
const FAMILIES: &[Family] =
    &[Family::Llama, Family::Qwen2, Family::Qwen3, Family::Gemma3, Family::Phi3, Family::StarCoder];
/// Widths of a head.
const HEADS: &[u64] = &[64, 80, 96, 128];
/// File sizes that are worth timing here and fit beside others, bytes.
const FILE_BYTES: std::ops::RangeInclusive<u64> = 16 << 20..=900 << 20;
/// One shape in so many is a mixture of experts.
const ONE_IN_EXPERTS: u64 = 6;

/// The draws of one run.
pub(super) struct Draws(Xoshiro256PlusPlus);

impl Draws {
    pub(super) fn new(seed: u64) -> Self {
        Self(Xoshiro256PlusPlus::seed_from_u64(seed))
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.0.next_u64() % bound
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }

    /// A multiple of `step` between two bounds; equal ratios are equally likely.
    fn ratio(&mut self, low: f64, high: f64, step: u64) -> u64 {
        let part = (self.0.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
        let value = low * (high / low).powf(part);
        ((value / step as f64).round() as u64).max(1) * step
    }

    /// So many models of [`FILE_BYTES`].
    pub(super) fn models(&mut self, count: usize) -> Vec<SynthSpec> {
        let mut models = Vec::new();
        while models.len() < count {
            let spec = self.model(models.len());
            if FILE_BYTES.contains(&spec.outline().weights_bytes) {
                models.push(spec);
            }
        }
        models
    }

    fn model(&mut self, number: usize) -> SynthSpec {
        let shape = self.shape(number);
        let label = self.one_of(&quant_names());
        let file_type = FileType::from_label(label).expect("it is one of the names");
        // A specification refers to a shape of the catalogue, which lives as long as the program; so do these.
        SynthSpec { shape: Box::leak(Box::new(shape)), file_type, seed: 0 }
    }

    fn shape(&mut self, number: usize) -> Shape {
        let family = self.one_of(FAMILIES);
        let head = self.one_of(HEADS);
        // In most families the heads make up the width, which blocks of 32 must fill; these two are free.
        let free = matches!(family, Family::Qwen3 | Family::Gemma3);
        let step = if free || head.is_multiple_of(32) { head } else { 2 * head };
        let embedding = self.ratio(256.0, 2560.0, if free { 64 } else { step });
        let heads = (embedding / head).max(1);
        let shared_by: Vec<u64> = (1..=heads).filter(|sharers| heads.is_multiple_of(*sharers)).collect();
        let kv_heads = if family == Family::StarCoder { 1 } else { heads / self.one_of(&shared_by) };
        let experts = (family == Family::Llama && self.below(ONE_IN_EXPERTS) == 0).then_some(Experts {
            count: 8,
            used: 2,
            feed_forward: None,
            shared: 0,
            dense: 0,
        });
        let wider = if experts.is_some() { (1.0, 2.0) } else { (2.0, 6.0) };
        let narrow = embedding as f64;
        Shape {
            name: format!("drawn-{number}"),
            family,
            layers: self.ratio(2.0, 36.0, 1),
            embedding,
            heads,
            kv_heads,
            head,
            feed_forward: self.ratio(wider.0 * narrow, wider.1 * narrow, 64),
            vocabulary: self.ratio(4096.0, 262_144.0, 64),
            context: 4096,
            rope_base: 10_000.0,
            epsilon: 1e-5,
            tied: self.below(2) == 0,
            adds_bos: true,
            token_types: 0,
            experts,
            rope_scaling: None,
            rope_sections: None,
            window: (family == Family::Gemma3).then_some(Window { tokens: 512 }),
            latent: None,
            state: None,
            short_convolution: None,
            attention_layers: None,
            parameters: None,
        }
    }
}
