//! Time to choose one token from a vocabulary of 150,000, for each kind of settings.

use criterion::{Criterion, criterion_group, criterion_main};
use dyno_runtime::sampling::{Sampler, log_probabilities};
use dyno_types::Sampling;

/// Logits with the shape of a model's: a wide bell and a few likely tokens.
fn logits(vocabulary: usize) -> Vec<f32> {
    let mut state = 1_u64;
    let mut uniform = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1_u64 << 24) as f32
    };
    (0..vocabulary).map(|_| ((0..6).map(|_| uniform()).sum::<f32>() - 3.0) * 4.0).collect()
}

fn sampling(criterion: &mut Criterion) {
    let logits = logits(150_000);
    let history: Vec<u32> = (0..64).map(|index| index * 997).collect();
    let everything = Sampling { top_k: 0, top_p: 1.0, min_p: 0.0, temperature: 0.8, ..Sampling::default() };
    let cases = [
        ("greedy", Sampling::greedy()),
        ("default", Sampling::default()),
        ("penalty", Sampling { repetition_penalty: 1.1, ..Sampling::default() }),
        ("top_p_only", Sampling { top_p: 0.9, ..everything.clone() }),
        ("min_p_only", Sampling { min_p: 0.05, ..everything.clone() }),
        ("no_filter", everything),
    ];
    for (name, settings) in cases {
        let mut sampler = Sampler::new(settings).expect("the settings are in range");
        criterion.bench_function(name, |bencher| bencher.iter(|| sampler.sample(&logits, &history)));
    }
    criterion
        .bench_function("log_probabilities_20", |bencher| bencher.iter(|| log_probabilities(&logits, 7, 20)));
}

criterion_group!(benches, sampling);
criterion_main!(benches);
