//! Rates that timings were made from are found again.

use dyno_types::{LayerGroup, LayerMemory, ModelFacts, WeightRole, WeightShare};

use super::*;
use crate::times::Times;

/// A type of weights and its bits per weight.
#[derive(Clone, Copy)]
struct Kind(&'static str, u64);

const Q8: Kind = Kind("q8_0", 8);
const Q6: Kind = Kind("q6_k", 6);
const Q4: Kind = Kind("q4_k", 4);

/// Layers `width` wide with matrices of one type and an output matrix of another.
fn facts(layers: u64, width: u64, kind: Kind, output: Kind) -> ModelFacts {
    let share = |role, kind: Kind, tensors, elements: u64| WeightShare {
        role,
        kind: kind.0.to_owned(),
        tensors,
        elements,
        bytes: elements * kind.1 / 8,
    };
    let memory = LayerMemory::Full { key_width: width / 4, value_width: width / 4 };
    ModelFacts {
        weights: vec![
            share(WeightRole::Matrix, kind, 7 * layers, layers * 10 * width * width),
            share(WeightRole::Embedding, output, 1, width * 4096),
        ],
        layer_memory: vec![LayerGroup { layers, memory }],
        layers: Some(layers),
        embedding_length: Some(width),
        heads: Some(width / 64),
        kv_heads: Some(width / 256),
        key_length: Some(64),
        value_length: Some(64),
        feed_forward_length: Some(width * 5 / 2),
        ..ModelFacts::default()
    }
}

/// The same with its matrices as eight experts, of which two are used.
fn mixture(facts: ModelFacts) -> ModelFacts {
    let mut mixture = ModelFacts { experts: Some(8), experts_used: Some(2), ..facts };
    mixture.weights[0].role = WeightRole::Expert;
    mixture
}

fn truth(cache: Option<CacheRate>) -> EngineRates {
    let weight = |kind: Kind, prefill_flops: f64, decode_bytes_per_s: f64| WeightRate {
        kind: kind.0.to_owned(),
        prefill_flops,
        expert_flops: (kind.0 == "q4_k").then_some(0.6 * prefill_flops),
        decode_bytes_per_s,
    };
    EngineRates {
        threads: 2,
        weights: vec![weight(Q8, 3e11, 16e9), weight(Q6, 1e11, 12e9), weight(Q4, 2e11, 13e9)],
        attention: vec![
            AttentionRate { kv_type: KvType::F16, prefill_flops: 5e10, decode_flops: 4e10 },
            AttentionRate { kv_type: KvType::Q8_0, prefill_flops: 3e10, decode_flops: 2e10 },
        ],
        cache,
        op_s: 2e-6,
        element_s: 3e-9,
        ..EngineRates::default()
    }
}

fn timing(truth: &EngineRates, facts: ModelFacts, kv_type: KvType, depth: u32) -> RateTiming {
    let work = Work::of(&facts).unwrap();
    let times = Times { rates: truth, work: &work, kv_type };
    let prefill_s = times.prefill(f64::from(depth), 256.0).seconds;
    let decode_s = times.decode(f64::from(depth)).seconds;
    RateTiming { facts, kv_type, depth, prefill_tokens: 256, prefill_s, decode_s }
}

fn timings(truth: &EngineRates) -> Vec<RateTiming> {
    let at = |facts, kv_type, depth| timing(truth, facts, kv_type, depth);
    let narrow = |layers| facts(layers, 768, Q8, Q8);
    vec![
        at(narrow(6), KvType::F16, 0),
        at(narrow(6), KvType::F16, 2048),
        at(narrow(6), KvType::Q8_0, 2048),
        at(facts(3, 512, Q8, Q8), KvType::F16, 0),
        at(narrow(14), KvType::F16, 0),
        at(narrow(24), KvType::F16, 0),
        at(facts(4, 2048, Q8, Q8), KvType::F16, 0),
        at(facts(4, 2048, Q6, Q6), KvType::F16, 0),
        at(facts(4, 2048, Q4, Q6), KvType::F16, 0),
        at(mixture(facts(4, 1024, Q4, Q6)), KvType::F16, 0),
    ]
}

fn assert_near(found: f64, expected: f64, what: &str) {
    assert!((found / expected - 1.0).abs() < 0.02, "{what}: {found:e} for {expected:e}");
}

#[test]
fn rates_are_found_from_the_times_they_make() {
    let truth = truth(None);
    let found = solve_rates(&timings(&truth), 2).unwrap();
    for expected in &truth.weights {
        let rate = found.weights.iter().find(|rate| rate.kind == expected.kind).unwrap();
        assert_near(rate.prefill_flops, expected.prefill_flops, &expected.kind);
        assert_near(rate.decode_bytes_per_s, expected.decode_bytes_per_s, &expected.kind);
        assert_eq!(rate.expert_flops.is_some(), expected.expert_flops.is_some(), "{}", expected.kind);
        assert_near(rate.expert_flops.unwrap_or(1.0), expected.expert_flops.unwrap_or(1.0), "experts");
    }
    for expected in &truth.attention {
        let rate = found.attention.iter().find(|rate| rate.kv_type == expected.kv_type).unwrap();
        assert_near(rate.prefill_flops, expected.prefill_flops, "attention in prefill");
        assert_near(rate.decode_flops, expected.decode_flops, "attention in decode");
    }
    assert_eq!(found.cache, None);
    assert_near(found.op_s, truth.op_s, "operation");
    assert_near(found.element_s, truth.element_s, "element");
}

#[test]
fn a_cache_that_makes_small_models_fast_is_found_and_spares_the_rates_of_large_ones() {
    let cache = CacheRate { bytes: 32.0 * 1024.0 * 1024.0, time_share: 0.5 };
    let truth = truth(Some(cache));
    let found = solve_rates(&timings(&truth), 2).unwrap();
    assert_eq!(found.cache, Some(cache));
    for expected in &truth.weights {
        let rate = found.weights.iter().find(|rate| rate.kind == expected.kind).unwrap();
        assert_near(rate.decode_bytes_per_s, expected.decode_bytes_per_s, &expected.kind);
    }
}

#[test]
fn an_unseen_shape_gets_its_time_back() {
    let truth = truth(None);
    let found = solve_rates(&timings(&truth), 2).unwrap();
    let unseen = facts(24, 896, Q4, Q6);
    let speed = |rates: &EngineRates| crate::raw_speed(&unseen, KvType::F16, rates, 100, 512).unwrap();
    let (predicted, expected) = (speed(&found), speed(&truth));
    assert_near(predicted.decode.tps, expected.decode.tps, "decode");
    assert_near(predicted.prefill.tps, expected.prefill.tps, "prefill");
    assert_eq!((predicted.decode.borrowed, predicted.prefill.borrowed), (0.0, 0.0));
}

#[test]
fn several_calibrations_meet_in_the_middle() {
    let truth = truth(None);
    let slower = |timing: RateTiming| RateTiming {
        prefill_s: 1.2 * timing.prefill_s,
        decode_s: 1.2 * timing.decode_s,
        ..timing
    };
    let both: Vec<RateTiming> =
        timings(&truth).into_iter().chain(timings(&truth).into_iter().map(slower)).collect();
    let found = solve_rates(&both, 2).unwrap();
    for expected in &truth.weights {
        let rate = found.weights.iter().find(|rate| rate.kind == expected.kind).unwrap();
        let slowed = expected.decode_bytes_per_s / rate.decode_bytes_per_s;
        assert!((1.05..1.15).contains(&slowed), "{}: {slowed}", expected.kind);
    }
}

#[test]
fn a_type_never_measured_is_said_to_be_borrowed() {
    let rates = truth(None);
    let strange = facts(24, 896, Kind("iq4_xs", 4), Q6);
    let raw = crate::raw_speed(&strange, KvType::F16, &rates, 0, 512).unwrap();
    assert!(raw.prefill.borrowed > 0.7 && raw.decode.borrowed > 0.7, "{raw:?}");
}

#[test]
fn what_cannot_be_solved_gives_nothing() {
    let timings = timings(&truth(None));
    assert_eq!(solve_rates(&[], 2), None);
    assert_eq!(solve_rates(&timings[..1], 2), None, "no depth");
    let mut broken = timings.clone();
    broken[1].decode_s = 0.0;
    assert_eq!(solve_rates(&broken, 2), None);
    broken[1].decode_s = f64::NAN;
    assert_eq!(solve_rates(&broken, 2), None);
}

#[test]
fn windows_and_experts_bound_the_work() {
    let mut model = facts(4, 2048, Q8, Q8);
    let full = Work::of(&model).unwrap();
    model.layer_memory[0].memory = LayerMemory::Window { window: 512, key_width: 512, value_width: 512 };
    let window = Work::of(&model).unwrap();
    assert_eq!(window.attention_flops(512.0), full.attention_flops(512.0));
    assert_eq!(window.attention_flops(4096.0), full.attention_flops(512.0));
    let elements = model.weights[0].elements as f64;
    let mixture = Work::of(&mixture(model)).unwrap();
    // A quarter of the experts, and none in the last of four layers but for the last token.
    assert_eq!(mixture.expert_flops["q8_0"], 2.0 * elements / 4.0 * 0.75);
    assert!(mixture.prefill_flops.is_empty());
    assert!(Work::of(&ModelFacts::default()).is_none());
}

#[test]
fn the_last_feed_forward_part_of_a_prompt_is_done_for_one_token() {
    let model = facts(4, 2048, Q8, Q8);
    let elements = model.weights[0].elements as f64;
    let feed_forward = 3.0 * 2048.0 * 5120.0;
    let flops = Work::of(&model).unwrap().prefill_flops["q8_0"];
    assert!((flops / (2.0 * (elements - feed_forward)) - 1.0).abs() < 1e-9, "{flops}");
}
