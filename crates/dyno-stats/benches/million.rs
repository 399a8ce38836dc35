//! Statistics over a million samples; each must stay under one second.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use dyno_stats::{Summary, Tail, linear_fit, outliers, sum};

/// A million token gaps: skewed, unordered, reproducible.
fn gaps_ms() -> Vec<f64> {
    let mut state = 1_u64;
    let uniform = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    std::iter::repeat_with(uniform).take(1_000_000).map(|u| 20.0 - 5.0 * (1.0 - u).ln()).collect()
}

fn million(criterion: &mut Criterion) {
    let gaps = gaps_ms();
    let positions: Vec<f64> = (0..gaps.len()).map(|i| i as f64).collect();
    let mut group = criterion.benchmark_group("million");
    group.sample_size(10);
    group.bench_function("summary", |b| b.iter(|| Summary::of(black_box(&gaps), Tail::High)));
    group.bench_function("outliers", |b| b.iter(|| outliers(black_box(&gaps))));
    group.bench_function("linear_fit", |b| b.iter(|| linear_fit(black_box(&positions), black_box(&gaps))));
    group.bench_function("sum", |b| b.iter(|| sum(black_box(&gaps).iter().copied())));
    group.finish();
}

criterion_group!(benches, million);
criterion_main!(benches);
