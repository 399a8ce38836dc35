//! The best quantization, KV type and context within so much memory.

use dyno_advise::{Predictor, best_kv_type, best_quantization, budget, largest_context, margin};
use dyno_types::{EngineSettings, KvType, Profile};
use proptest::prelude::*;

use crate::world::{GIB, Laws, candidate, facts};

#[test]
fn the_best_quantization_is_the_one_that_keeps_most_and_fits() {
    let seven = candidate("7b", 7.6, &[]);
    let settings = EngineSettings::default();
    let best = |gib: f64| {
        let usable = (gib * GIB as f64) as u64;
        best_quantization(&seven.variants, &settings, usable, &Laws)
            .map(|(variant, _)| variant.quantization.clone())
    };
    assert_eq!(best(16.0).as_deref(), Some("q8_0"));
    assert_eq!(best(7.0).as_deref(), Some("q6_k"));
    assert_eq!(best(5.5).as_deref(), Some("q4_k_m"));
    assert_eq!(best(3.6).as_deref(), Some("q2_k"));
    assert_eq!(best(2.0), None);
    let long = EngineSettings { context: 32_768, ..settings };
    let (variant, _) = best_quantization(&seven.variants, &long, 10 * GIB, &Laws).unwrap();
    assert_eq!(variant.quantization, "q5_k_m", "the window takes 4 GiB");
}

#[test]
fn the_cache_gets_smaller_before_it_does_not_fit() {
    let (model, settings) =
        (facts(7.6, 4.85), EngineSettings { context: 32_768, ..EngineSettings::default() });
    let kind = |mib: u64| best_kv_type(&model, &settings, mib << 20, &Laws);
    assert_eq!(
        [kind(10_000), kind(7_500), kind(6_000), kind(5_000)],
        [Some(KvType::F16), Some(KvType::Q8_0), Some(KvType::Q4_0), None]
    );
    let narrow = dyno_types::ModelFacts { key_length: Some(80), value_length: Some(80), ..model };
    assert_eq!(best_kv_type(&narrow, &settings, 5_900 << 20, &Laws), None, "its heads end inside a block");
}

#[test]
fn margins_follow_the_profile() {
    let usable = |profile| budget(100, margin(profile)).usable_bytes;
    assert_eq!(
        [usable(Some(Profile::Development)), usable(None), usable(Some(Profile::Production))],
        [70, 75, 80]
    );
    assert_eq!(budget(100, 7.0).usable_bytes, 0);
}

proptest! {
    #[test]
    fn the_largest_context_fits_and_the_next_does_not(mib in 1_u64..40_000, longest in 0_u32..300_000) {
        let (model, settings) = (facts(7.6, 4.85), EngineSettings::default());
        let needs = |context: u32| {
            Laws.memory(&model, &EngineSettings { context, ..settings.clone() }).unwrap().total_bytes()
        };
        match largest_context(&model, &settings, mib << 20, longest, &Laws) {
            Some(context) => {
                prop_assert!(context <= longest && needs(context) <= mib << 20);
                prop_assert!(context == longest || context + 256 > longest || needs(context + 256) > mib << 20);
            }
            None => prop_assert!(longest < 256 || needs(256) > mib << 20),
        }
    }
}
