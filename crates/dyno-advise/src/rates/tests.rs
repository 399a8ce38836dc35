//! Rates that timings were made from are found again.

use dyno_types::{LayerGroup, LayerMemory, ModelFacts, WeightRole, WeightShare};

use super::*;

/// Layers `width` wide with matrices of one type and an output matrix of another.
fn facts(layers: u64, width: u64, (kind, bits): (&str, u64), output: (&str, u64)) -> ModelFacts {
    let share = |role, (kind, bits): (&str, u64), elements: u64| WeightShare {
        role,
        kind: kind.to_owned(),
        tensors: 1,
        elements,
        bytes: elements * bits / 8,
    };
    let memory = LayerMemory::Full { key_width: width / 4, value_width: width / 4 };
    ModelFacts {
        weights: vec![
            share(WeightRole::Matrix, (kind, bits), layers * 10 * width * width),
            share(WeightRole::Embedding, output, width * 4096),
        ],
        layer_memory: vec![LayerGroup { layers, memory }],
        layers: Some(layers),
        embedding_length: Some(width),
        heads: Some(width / 64),
        key_length: Some(64),
        value_length: Some(64),
        ..ModelFacts::default()
    }
}

/// The same with its matrices as eight experts, of which two are used.
fn mixture(facts: ModelFacts) -> ModelFacts {
    let mut mixture = ModelFacts { experts: Some(8), experts_used: Some(2), ..facts };
    mixture.weights[0].role = WeightRole::Expert;
    mixture
}

fn truth() -> EngineRates {
    let weight = |kind: &str, prefill_flops: f64, decode_bytes_per_s: f64| WeightRate {
        kind: kind.to_owned(),
        prefill_flops,
        expert_flops: (kind == "q4_k").then_some(0.6 * prefill_flops),
        decode_bytes_per_s,
    };
    EngineRates {
        threads: 2,
        weights: vec![weight("q8_0", 3e11, 16e9), weight("q6_k", 1e11, 12e9), weight("q4_k", 2e11, 13e9)],
        attention: vec![
            AttentionRate { kv_type: KvType::F16, prefill_flops: 5e10, decode_flops: 4e10 },
            AttentionRate { kv_type: KvType::Q8_0, prefill_flops: 3e10, decode_flops: 2e10 },
        ],
        layer_s: 20e-6,
        element_s: 3e-9,
        ..EngineRates::default()
    }
}

fn timing(facts: ModelFacts, kv_type: KvType, depth: u32) -> RateTiming {
    let (rates, work) = (truth(), Work::of(&facts).unwrap());
    let times = Times { rates: &rates, work: &work, kv_type, without: None };
    let (prefill_s, decode_s) = (times.prefill_s(f64::from(depth), 256.0), times.decode_s(f64::from(depth)));
    RateTiming { facts, kv_type, depth, prefill_tokens: 256, prefill_s, decode_s }
}

fn timings() -> Vec<RateTiming> {
    let (q8, q6, q4) = (("q8_0", 8), ("q6_k", 6), ("q4_k", 4));
    let wide = || facts(4, 2048, q8, q8);
    vec![
        timing(facts(24, 768, q8, q8), KvType::F16, 0),
        timing(wide(), KvType::F16, 0),
        timing(wide(), KvType::F16, 1024),
        timing(wide(), KvType::Q8_0, 1024),
        timing(facts(4, 2048, q6, q6), KvType::F16, 0),
        // The mixture's output matrix is of a type that stands before it.
        timing(facts(4, 2048, q4, q6), KvType::F16, 0),
        timing(mixture(facts(4, 1024, q4, q6)), KvType::F16, 0),
    ]
}

#[test]
fn rates_are_found_from_the_times_they_make() {
    let found = solve_rates(&timings(), 2).unwrap();
    let near = |found: f64, expected: f64, what: &str| {
        assert!((found / expected - 1.0).abs() < 0.02, "{what}: {found:e} for {expected:e}");
    };
    for expected in truth().weights {
        let rate = found.weights.iter().find(|rate| rate.kind == expected.kind).unwrap();
        near(rate.prefill_flops, expected.prefill_flops, &expected.kind);
        near(rate.decode_bytes_per_s, expected.decode_bytes_per_s, &expected.kind);
        assert_eq!(rate.expert_flops.is_some(), expected.expert_flops.is_some(), "{}", expected.kind);
        near(rate.expert_flops.unwrap_or(1.0), expected.expert_flops.unwrap_or(1.0), "experts");
    }
    for expected in truth().attention {
        let rate = found.attention.iter().find(|rate| rate.kv_type == expected.kv_type).unwrap();
        near(rate.prefill_flops, expected.prefill_flops, "attention in prefill");
        near(rate.decode_flops, expected.decode_flops, "attention in decode");
    }
    near(found.layer_s, truth().layer_s, "layer");
    near(found.element_s, truth().element_s, "element");
}

#[test]
fn an_unseen_shape_gets_its_time_back() {
    let found = solve_rates(&timings(), 2).unwrap();
    let unseen = facts(24, 896, ("q4_k", 4), ("q6_k", 6));
    let speed = |rates: &EngineRates| crate::raw_speed(&unseen, KvType::F16, rates, (100, 512)).unwrap();
    let (predicted, expected) = (speed(&found), speed(&truth()));
    assert!((predicted.decode_tps / expected.decode_tps - 1.0).abs() < 0.02, "{predicted:?} {expected:?}");
    assert!((predicted.prefill_tps / expected.prefill_tps - 1.0).abs() < 0.02, "{predicted:?} {expected:?}");
}

#[test]
fn what_cannot_be_solved_gives_nothing() {
    assert_eq!(solve_rates(&[], 2), None);
    assert_eq!(solve_rates(&timings()[..1], 2), None, "only the deep one");
    assert_eq!(solve_rates(&timings()[..2], 2), None, "no depth");
    let mut broken = timings();
    broken[1].decode_s = 0.0;
    assert_eq!(solve_rates(&broken, 2), None);
}

#[test]
fn types_without_a_rate_borrow_the_nearest() {
    let rates = truth().weights;
    let nearest = |kind: &str| nearest_kind(&rates, kind).map(|rate| rate.kind.as_str());
    assert_eq!(nearest("q6_k"), Some("q6_k"));
    assert_eq!(nearest("q5_0"), Some("q6_k"));
    assert_eq!(nearest("iq3_xxs"), Some("q4_k"));
    assert_eq!(nearest("bf16"), Some("q8_0"));
    assert_eq!(nearest("strange"), None);
}

#[test]
fn windows_and_experts_bound_the_work() {
    let mut model = facts(4, 2048, ("q8_0", 8), ("q8_0", 8));
    let full = Work::of(&model).unwrap();
    model.layer_memory[0].memory = LayerMemory::Window { window: 512, key_width: 512, value_width: 512 };
    let window = Work::of(&model).unwrap();
    assert_eq!(window.attention_flops(512.0), full.attention_flops(512.0));
    assert_eq!(window.attention_flops(4096.0), full.attention_flops(512.0));
    let mixture = Work::of(&mixture(model)).unwrap();
    assert_eq!(mixture.expert_flops["q8_0"], full.prefill_flops["q8_0"] / 4.0);
    assert!(mixture.prefill_flops.is_empty());
    assert_eq!(expert_share(&truth().weights, "q8_0"), 0.6, "borrowed");
    assert_eq!(expert_share(&[], "q8_0"), 1.0);
    assert!(Work::of(&ModelFacts::default()).is_none());
}
