//! What fits into memory: the budget, and the best quantization, KV type or context within it.

use dyno_types::{EngineSettings, KvType, MemoryBudget, ModelFacts, Profile};

use crate::quality::kept_by_quantization;
use crate::{Predictor, Variant};

/// Contexts are chosen in steps of so many tokens (the engine rounds its cache up to this).
pub(crate) const CONTEXT_STEP: u32 = 256;

/// KV cache types from exact to small.
pub(crate) const KV_LADDER: [KvType; 3] = [KvType::F16, KvType::Q8_0, KvType::Q4_0];

/// Share of the memory that stays free: 30 % beside an editor and builds, 20 % on a machine that only serves, 25 % when
/// nothing was said. (The margins of the presets fast, quality and balanced in RASO's model manager.)
#[must_use]
pub fn margin(profile: Option<Profile>) -> f64 {
    match profile {
        Some(Profile::Development) => 0.30,
        Some(Profile::Production) => 0.20,
        None => 0.25,
    }
}

/// The budget that a margin (0..1) leaves of so much memory.
#[must_use]
pub fn budget(memory_bytes: u64, margin: f64) -> MemoryBudget {
    let margin = margin.clamp(0.0, 1.0);
    MemoryBudget { memory_bytes, margin, usable_bytes: (memory_bytes as f64 * (1.0 - margin)) as u64 }
}

/// Predicted memory, bytes; `None` when it is not predicted.
pub(crate) fn needed_bytes(
    facts: &ModelFacts,
    settings: &EngineSettings,
    predictor: &dyn Predictor,
) -> Option<u64> {
    predictor.memory(facts, settings).map(|memory| memory.total_bytes())
}

/// Whether a cache of this type suits the model's heads: they must end where blocks end.
#[must_use]
pub fn kv_type_suits(facts: &ModelFacts, kind: KvType) -> bool {
    let whole = |length: Option<u64>| {
        length.is_none_or(|length| length.is_multiple_of(u64::from(kind.block_elements())))
    };
    whole(facts.key_length) && whole(facts.value_length)
}

/// The quantization that keeps most of the quality among those that fit, with what it needs in bytes. Variants whose
/// memory is not predicted are passed over.
#[must_use]
pub fn best_quantization<'a>(
    variants: &'a [Variant],
    settings: &EngineSettings,
    usable_bytes: u64,
    predictor: &dyn Predictor,
) -> Option<(&'a Variant, u64)> {
    let fitting = variants.iter().filter_map(|variant| {
        let needs = needed_bytes(variant.facts.as_ref()?, settings, predictor)?;
        (needs <= usable_bytes).then_some((variant, needs))
    });
    fitting.max_by(|(one, _), (other, _)| {
        let kept = |variant: &Variant| kept_by_quantization(&variant.quantization);
        kept(one).total_cmp(&kept(other)).then_with(|| other.quantization.cmp(&one.quantization))
    })
}

/// The most exact KV cache type (keys and values alike) that fits: f16, else q8_0, else q4_0.
#[must_use]
pub fn best_kv_type(
    facts: &ModelFacts,
    settings: &EngineSettings,
    usable_bytes: u64,
    predictor: &dyn Predictor,
) -> Option<KvType> {
    KV_LADDER.into_iter().filter(|kind| kv_type_suits(facts, *kind)).find(|kind| {
        let settings = EngineSettings { kv_type_k: *kind, kv_type_v: *kind, ..settings.clone() };
        needed_bytes(facts, &settings, predictor).is_some_and(|needs| needs <= usable_bytes)
    })
}

/// The longest context, at most `longest` tokens, that fits: a multiple of 256, or `longest` itself. Supposes that more
/// context never needs less memory.
#[must_use]
pub fn largest_context(
    facts: &ModelFacts,
    settings: &EngineSettings,
    usable_bytes: u64,
    longest: u32,
    predictor: &dyn Predictor,
) -> Option<u32> {
    let fits = |context: u32| {
        let settings = EngineSettings { context, ..settings.clone() };
        needed_bytes(facts, &settings, predictor).is_some_and(|needs| needs <= usable_bytes)
    };
    if longest > 0 && fits(longest) {
        return Some(longest);
    }
    // Invariant: `low` steps fit (or low is 0), `high` steps do not.
    let (mut low, mut high) = (0, longest.div_ceil(CONTEXT_STEP));
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if fits(middle * CONTEXT_STEP) { low = middle } else { high = middle }
    }
    (low > 0).then_some(low * CONTEXT_STEP)
}
