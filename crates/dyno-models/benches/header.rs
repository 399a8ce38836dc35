//! Header-only metadata of a file with a large vocabulary; the budget is 20 ms for any file.

use criterion::{Criterion, criterion_group, criterion_main};
use dyno_models::gguf::GgufHeader;
use dyno_models::{SynthSpec, read_facts, synthesize};

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

criterion_group!(benches, header);
criterion_main!(benches);
