//! Rates of the engine from a few timings of small synthetic models, and times of any model from the rates.
//!
//! Decode of one token takes Σ bytes/rate over the types of the weights, a fixed time per layer, and attention over what is in
//! the context. A prompt takes Σ flops/rate, a time per element of the residual stream for everything that is no matrix, and
//! attention. A model of many narrow layers tells the fixed times, wide ones the rates, and depth the attention.

use dyno_types::{AttentionRate, EngineRates, KvType, RateTiming, WeightRate};

use crate::work::Work;

/// Models whose timings determine the rates, the deep one first: shape and quantization as `dyno synth` takes them. Each
/// quantization is told apart by its main type; what else it contains must stand before it.
pub const RATE_MODELS: &[&str] = &[
    "calibration-deep@q8_0",
    "calibration@q8_0",
    "calibration@q6_k",
    "calibration@q5_k_s",
    "calibration@q5_0",
    "calibration@q4_k_s",
    "calibration@q4_0",
    "calibration@q3_k_m",
    "calibration@q2_k",
    "calibration@f16",
    "calibration@f32",
    "calibration-experts@q8_0",
    "calibration-experts@q4_k_s",
];

/// Depth at which attention is timed, tokens.
const RATE_DEPTH_TOKENS: u32 = 1024;
/// Prompt that is timed, tokens.
pub const RATE_PROMPT_TOKENS: u32 = 256;

/// Depths at which the model with this index in [`RATE_MODELS`] is timed, each with its type of keys and values: the first wide
/// one also tells the cost of attention.
#[must_use]
pub fn rate_depths(index: usize) -> Vec<(u32, KvType)> {
    match index {
        1 => vec![(0, KvType::F16), (RATE_DEPTH_TOKENS, KvType::F16), (RATE_DEPTH_TOKENS, KvType::Q8_0)],
        _ => vec![(0, KvType::F16)],
    }
}

/// Rounds of the solution: fixed times and rates depend on each other weakly.
const ROUNDS: usize = 16;
/// Least part of a time that is left for a rate when the other terms are subtracted.
const REST_MIN: f64 = 0.05;

/// Rates from timings: of the deep model at no depth, of wide ones of every type at no depth, and of one wide one with
/// depth for every cache type. `None` when one of these is missing, or a time is not positive.
#[must_use]
pub fn solve_rates(timings: &[RateTiming], threads: u32) -> Option<EngineRates> {
    if timings.iter().any(|timing| !(timing.prefill_s > 0.0 && timing.decode_s > 0.0)) {
        return None;
    }
    let work: Option<Vec<(&RateTiming, Work)>> =
        timings.iter().map(|timing| Some((timing, Work::of(&timing.facts)?))).collect();
    let work = work?;
    let (deep, wide) = work.split_first()?;
    let mut rates = EngineRates { threads, ..EngineRates::default() };
    for _ in 0..ROUNDS {
        for (timing, work) in wide.iter().filter(|(timing, _)| timing.depth == 0) {
            if work.expert_flops.is_empty() {
                set_weights(&mut rates, timing, work)?;
            } else {
                set_experts(&mut rates, timing, work)?;
            }
        }
        for (timing, work) in wide.iter().filter(|(timing, _)| timing.depth > 0) {
            set_attention(&mut rates, timing, work)?;
        }
        set_fixed(&mut rates, deep.0, &deep.1);
    }
    (!rates.weights.is_empty() && !rates.attention.is_empty()).then_some(rates)
}

/// Type of most bytes.
fn main_kind(work: &Work) -> Option<&str> {
    let most = work.decode_bytes.iter().max_by(|one, other| one.1.total_cmp(other.1))?;
    Some(most.0)
}

/// What is left of a time after its other terms.
fn rest(time: f64, others: f64) -> f64 {
    (time - others).max(time * REST_MIN)
}

fn set_weights(rates: &mut EngineRates, timing: &RateTiming, work: &Work) -> Option<()> {
    let kind = main_kind(work)?.to_owned();
    let bytes = work.decode_bytes.get(&kind)?;
    let flops = work.prefill_flops.get(&kind)?;
    let times = Times { rates, work, kv_type: timing.kv_type, without: Some(&kind) };
    let decode_bytes_per_s = bytes / rest(timing.decode_s, times.decode_s(0.0));
    let tokens = f64::from(timing.prefill_tokens);
    let prefill_flops = flops * tokens / rest(timing.prefill_s, times.prefill_s(0.0, tokens));
    let known = rates.weights.iter().find(|known| known.kind == kind);
    let expert_flops = known.and_then(|known| known.expert_flops);
    let found = WeightRate { kind: kind.clone(), prefill_flops, expert_flops, decode_bytes_per_s };
    match rates.weights.iter_mut().find(|known| known.kind == kind) {
        Some(known) => *known = found,
        None => rates.weights.push(found),
    }
    Some(())
}

fn set_experts(rates: &mut EngineRates, timing: &RateTiming, work: &Work) -> Option<()> {
    let kind = main_kind(work)?;
    let tokens = f64::from(timing.prefill_tokens);
    let flops = work.expert_flops.get(kind)? * tokens;
    // Everything but the experts of this type.
    let mut others = work.clone();
    others.expert_flops.remove(kind);
    let times = Times { rates, work: &others, kv_type: timing.kv_type, without: None };
    let found = flops / rest(timing.prefill_s, times.prefill_s(0.0, tokens));
    rates.weights.iter_mut().find(|known| known.kind == kind)?.expert_flops = Some(found);
    Some(())
}

fn set_attention(rates: &mut EngineRates, timing: &RateTiming, work: &Work) -> Option<()> {
    rates.attention.retain(|known| known.kv_type != timing.kv_type);
    let times = Times { rates, work, kv_type: timing.kv_type, without: None };
    // A cache type without a rate costs nothing, so what these leave is attention.
    let (depth, tokens) = (f64::from(timing.depth), f64::from(timing.prefill_tokens));
    let decode = rest(timing.decode_s, times.weights_and_layers_s());
    let prefill = rest(timing.prefill_s, times.matrices_s(tokens));
    let found = AttentionRate {
        kv_type: timing.kv_type,
        prefill_flops: attention_of_prompt(work, depth, tokens) / prefill,
        decode_flops: work.attention_flops(depth) / decode,
    };
    rates.attention.push(found);
    Some(())
}

fn set_fixed(rates: &mut EngineRates, timing: &RateTiming, work: &Work) {
    let (layer_s, element_s) = (rates.layer_s, rates.element_s);
    rates.layer_s = 0.0;
    rates.element_s = 0.0;
    let times = Times { rates, work, kv_type: timing.kv_type, without: None };
    let tokens = f64::from(timing.prefill_tokens);
    let found_layer_s = (timing.decode_s - times.decode_s(0.0)).max(0.0) / work.layers;
    let elements = work.layers * work.embedding * tokens;
    let found_element_s = (timing.prefill_s - times.prefill_s(0.0, tokens)).max(0.0) / elements;
    // Half a step at a time: rates and fixed times must not chase each other.
    rates.layer_s = f64::midpoint(layer_s, found_layer_s);
    rates.element_s = f64::midpoint(element_s, found_element_s);
}

fn attention_of_prompt(work: &Work, depth: f64, tokens: f64) -> f64 {
    tokens * work.attention_flops(depth + tokens / 2.0)
}

/// Times of a model from rates.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times<'a> {
    pub(crate) rates: &'a EngineRates,
    pub(crate) work: &'a Work,
    pub(crate) kv_type: KvType,
    /// Type of weights left out, while its rate is being found.
    pub(crate) without: Option<&'a str>,
}

impl Times<'_> {
    /// Time of one decoded token with so many tokens in the context, s.
    pub(crate) fn decode_s(&self, depth: f64) -> f64 {
        let attention =
            self.attention().map_or(0.0, |rate| self.work.attention_flops(depth) / rate.decode_flops);
        self.weights_and_layers_s() + attention
    }

    /// Time of a prompt of so many tokens after so many others, s.
    pub(crate) fn prefill_s(&self, depth: f64, tokens: f64) -> f64 {
        let flops = attention_of_prompt(self.work, depth, tokens);
        self.matrices_s(tokens) + self.attention().map_or(0.0, |rate| flops / rate.prefill_flops)
    }

    fn weights_and_layers_s(&self) -> f64 {
        let read = |(kind, bytes): (&String, &f64)| {
            self.weight(kind).map_or(0.0, |rate| bytes / rate.decode_bytes_per_s)
        };
        self.work.decode_bytes.iter().map(read).sum::<f64>() + self.work.layers * self.rates.layer_s
    }

    fn matrices_s(&self, tokens: f64) -> f64 {
        let multiply =
            |(kind, flops): (&String, &f64)| self.weight(kind).map_or(0.0, |rate| flops / rate.prefill_flops);
        let spread = |(kind, flops): (&String, &f64)| {
            self.weight(kind)
                .map_or(0.0, |rate| flops / (rate.prefill_flops * expert_share(&self.rates.weights, kind)))
        };
        let elements = self.work.layers * self.work.embedding * self.rates.element_s;
        let dense: f64 = self.work.prefill_flops.iter().map(multiply).sum();
        let experts: f64 = self.work.expert_flops.iter().map(spread).sum();
        tokens * (dense + experts + elements)
    }

    fn weight(&self, kind: &str) -> Option<&WeightRate> {
        if self.without == Some(kind) {
            return None;
        }
        nearest_kind(&self.rates.weights, kind)
    }

    fn attention(&self) -> Option<&AttentionRate> {
        let rates = &self.rates.attention;
        let same = |like: fn(KvType) -> bool| rates.iter().find(|rate| like(rate.kv_type));
        let exact = rates.iter().find(|rate| rate.kv_type == self.kv_type);
        // Types in blocks cost alike, and so do floats.
        let quantized = self.kv_type.block_elements() > 1;
        exact.or_else(|| {
            if quantized {
                same(|kind| kind.block_elements() > 1)
            } else {
                same(|kind| kind.block_elements() == 1)
            }
        })
    }
}

/// Rate of experts over the rate of other matrices, of this type or the most similar one it was measured of; 1 where it never was.
fn expert_share(rates: &[WeightRate], kind: &str) -> f64 {
    let measured: Vec<WeightRate> =
        rates.iter().filter(|rate| rate.expert_flops.is_some()).cloned().collect();
    let nearest = nearest_kind(&measured, kind);
    nearest.and_then(|rate| Some(rate.expert_flops? / rate.prefill_flops)).unwrap_or(1.0)
}

/// The rate of this type, or of the measured one with the most similar number of bits.
fn nearest_kind<'a>(rates: &'a [WeightRate], kind: &str) -> Option<&'a WeightRate> {
    let exact = rates.iter().find(|rate| rate.kind == kind);
    exact.or_else(|| {
        let bits = bits(kind)?;
        let distance = |rate: &&WeightRate| bits_distance(&rate.kind, bits);
        rates.iter().min_by(|one, other| distance(one).total_cmp(&distance(other)))
    })
}

fn bits_distance(kind: &str, wanted: f64) -> f64 {
    bits(kind).map_or(f64::INFINITY, |bits| (bits.ln() - wanted.ln()).abs())
}

/// Bits per weight that the name of a type states, e.g. 4 for `q4_k`, 16 for `bf16`.
fn bits(kind: &str) -> Option<f64> {
    let digits: String =
        kind.chars().skip_while(|letter| !letter.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
    digits.parse().ok().filter(|bits| *bits > 0.0)
}

#[cfg(test)]
mod tests;
