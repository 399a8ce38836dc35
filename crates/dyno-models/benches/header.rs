//! Header-only metadata: of a file with a large vocabulary, and of one with 141 GB of weights; the budget is 20 ms for any
//! file.

// What is left out is said aloud.
#![allow(clippy::print_stderr)]

use criterion::{Criterion, criterion_group, criterion_main};
use dyno_models::gguf::GgufHeader;
use dyno_models::{SynthSpec, read_facts, synthesize};

#[path = "../tests/it/seventy_billion.rs"]
mod seventy_billion;

fn header(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    // 151,936 tokens; the weights (a third of a gigabyte) are never read.
    let spec = SynthSpec::parse("qwen2.5-0.5b@q4_0", 0).expect("a catalogued shape");
    let path = synthesize(&spec, folder.path(), &mut |_, _| true).expect("room for the model");
    criterion
        .bench_function("header of a 152k vocabulary", |bencher| bencher.iter(|| GgufHeader::read(&path)));
    criterion
        .bench_function("facts of a 152k vocabulary", |bencher| bencher.iter(|| read_facts(&path, "bench")));
}

fn header_of_a_vast_file(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("sparse.gguf");
    if let Err(error) = seventy_billion::write_sparse(&seventy_billion::plan(), &path) {
        eprintln!("SKIPPED: header of a sparse 141 GB file: no sparse file of that size here: {error}");
        return;
    }
    criterion
        .bench_function("header of a sparse 141 GB file", |bencher| bencher.iter(|| GgufHeader::read(&path)));
    criterion.bench_function("facts of a sparse 141 GB file", |bencher| {
        bencher.iter(|| read_facts(&path, "bench"))
    });
}

criterion_group!(benches, header, header_of_a_vast_file);
criterion_main!(benches);
