//! Synthetic files: sizes, determinism, and what an interrupted writer leaves.

use sha2::{Digest, Sha256};

use super::*;
use crate::gguf::TensorType;
use crate::{SHAPES, check_runnable, read_facts};

fn spec(text: &str) -> SynthSpec {
    SynthSpec::parse(text, 0).unwrap()
}

fn make(text: &str, folder: &Path) -> PathBuf {
    synthesize(&spec(text), folder, &mut |_, _| true).unwrap()
}

fn digest(path: &Path) -> String {
    let bytes = std::fs::read(path).unwrap();
    Sha256::digest(&bytes).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_same_name_gives_the_same_bytes_everywhere_and_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    // Other bytes under an old name would make old records incomparable: raise GENERATOR_VERSION with these.
    let pinned = [
        ("tiny-llama@f32", "e9e61d0ed3c04ee0"),
        ("tiny-llama@f16", "e941b95db4b320c0"),
        ("tiny-llama@bf16", "9cf475792291578b"),
        ("tiny-llama@q8_0", "ef29245222ed67d5"),
        ("tiny-llama@q4_0", "dfdf8a616e564810"),
        ("tiny-llama@q4_1", "d3ac051317cfa8c7"),
        ("tiny-llama@q5_0", "427944c679395e04"),
        ("tiny-llama@q5_1", "af4ac8f9e62782ba"),
        ("tiny-llama@q4_k_m", "d0e12acb23931f02"),
        ("tiny-llama@q5_k_m", "b7a98a65237f2b68"),
        ("tiny-llama@q3_k_m", "b7e261e7db9639ba"),
        ("tiny-llama@q2_k", "78e11e2a6f8254e6"),
        ("tiny-llama@q4_0#7", "b972ca5b4a9b35f1"),
        ("tiny-qwen2@q4_k_m", "d8707f4135d52568"),
        ("tiny-moe@q4_k_m", "8d255fdb15a8935a"),
        ("tiny-bert@q8_0", "1b5ed99ead7ee25e"),
        ("tiny-qwen2vl@q8_0", "12b7300da1069e62"),
        ("tiny-qwen3@q4_k_m", "9a1c96d432b5e5d8"),
        ("tiny-gemma3@q4_k_m", "c37bec83e3595edf"),
        ("tiny-phi3@q4_0", "a2925b658cef76b3"),
        ("tiny-deepseek2@q4_k_m", "8a6d522ab834956d"),
        ("tiny-starcoder@q5_k_m", "332f9e7da01f193c"),
        ("tiny-mamba@q8_0", "a264d6e830d82106"),
        ("tiny-lfm2@q4_0", "2d516e8bb303ad14"),
        ("tiny-granite-h@q6_k", "b4e5a4a08a7b3213"),
    ];
    let actual: Vec<_> = pinned.iter().map(|(name, _)| (*name, digest(&make(name, folder.path())))).collect();
    let expected: Vec<_> = pinned.iter().map(|(name, digest)| (*name, (*digest).to_owned())).collect();
    assert_eq!(actual, expected);
}

#[test]
fn every_shape_and_quantization_plans_a_readable_header() {
    let mut kinds = std::collections::HashSet::new();
    for shape in SHAPES.iter() {
        for label in quant_names() {
            let tensors = tensors::plan(shape, FileType::from_label(label).unwrap());
            for tensor in &tensors {
                let constant = !matches!(tensor.fill, Fill::Random(_));
                assert!(!constant || tensor.spec.kind == TensorType::F32, "constants are written as f32");
                kinds.insert(tensor.spec.kind);
            }
            let specs: Vec<_> = tensors.into_iter().map(|tensor| tensor.spec).collect();
            let plan = GgufPlan::new(&[], &specs).unwrap();
            let header = crate::gguf::GgufHeader::read_from(plan.header.as_slice(), plan.file_bytes).unwrap();
            assert_eq!(header.tensors, plan.tensors, "{}@{label}", shape.name);
        }
    }
    assert!(kinds.into_iter().all(|kind| BlockMaker::new(kind, 1.0).is_some()));
}

#[test]
fn facts_of_a_synthetic_model_are_those_of_its_shape() {
    let folder = tempfile::tempdir().unwrap();
    let path = make("tiny-moe@q4_k_m", folder.path());
    let facts = read_facts(&path, "synth:tiny-moe@q4_k_m").unwrap();
    assert!(facts.synthetic && facts.has_chat_template);
    assert_eq!(facts.file_name, "tiny-moe-q4_k_m-seed0-v1.gguf");
    assert_eq!((facts.quantization.as_str(), facts.architecture.as_str()), ("q4_k_m", "llama"));
    assert_eq!(
        (facts.layers, facts.heads, facts.kv_heads, facts.key_length),
        (Some(2), Some(4), Some(1), Some(64))
    );
    assert_eq!((facts.experts, facts.experts_used), (Some(8), Some(2)));
    assert_eq!((facts.vocabulary, facts.context_train), (Some(1024), Some(2048)));
    assert_eq!(facts.kv_bytes_per_token(2.0, 2.0), Some(2.0 * 64.0 * 4.0));
    assert!(check_runnable(&facts).is_ok());
    let encoder = read_facts(&make("tiny-bert@f16", folder.path()), "x").unwrap();
    assert!(check_runnable(&encoder).unwrap_err().to_string().contains("cannot generate"));
}

#[test]
fn planned_facts_are_those_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    for text in ["synth:tiny-llama@q4_0", "synth:tiny-moe@q8_0#7", "synth:tiny-bert@f16"] {
        let path = make(text, folder.path());
        assert_eq!(spec(text).facts(), read_facts(&path, text).unwrap());
    }
}

/// Number of tensors by type.
fn types(text: &str) -> Vec<(&'static str, usize)> {
    let spec = spec(text);
    let mut counts = std::collections::BTreeMap::new();
    for tensor in tensors::plan(spec.shape, spec.file_type) {
        *counts.entry(tensor.spec.kind.name()).or_insert(0) += 1;
    }
    counts.into_iter().collect()
}

#[test]
fn mixtures_are_those_of_published_files() {
    // As llama.cpp lists them when it loads the published quantizations of these models.
    assert_eq!(types("llama-3.2-1b@q4_k_m"), [("f32", 34), ("q4_k", 96), ("q6_k", 17)]);
    assert_eq!(
        types("qwen2.5-0.5b@q4_k_m"),
        [("f32", 121), ("q4_k", 12), ("q5_0", 132), ("q6_k", 12), ("q8_0", 13)]
    );
    assert_eq!(types("qwen2.5-7b@q4_k_m"), [("f32", 141), ("q4_k", 169), ("q6_k", 29)]);
    assert_eq!(types("mistral-7b@q4_k_m"), [("f32", 65), ("q4_k", 193), ("q6_k", 33)]);
    assert_eq!(types("mistral-7b@q4_0"), [("f32", 65), ("q4_0", 225), ("q6_k", 1)]);
    assert_eq!(types("smollm2-135m@q8_0"), [("f32", 61), ("q8_0", 211)]);
    assert_eq!(types("qwen3-0.6b@q4_k_m"), [("f32", 113), ("q4_k", 168), ("q6_k", 29)]);
    // Eight heads share the values, which get more bits for it: all 80, of which half would have q4_k elsewhere.
    assert_eq!(types("llama-3.3-70b@q4_k_m"), [("f32", 162), ("q4_k", 441), ("q5_k", 40), ("q6_k", 81)]);
    // Values count among the six layers with attention, feed-forward matrices among all sixteen.
    assert_eq!(types("lfm2-350m@q4_k_m"), [("f32", 55), ("q4_k", 82), ("q6_k", 11)]);
}

#[test]
fn a_complete_file_is_used_again_and_a_damaged_one_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = make("tiny-llama@q4_0", folder.path());
    let bytes = std::fs::read(&path).unwrap();
    let again =
        synthesize(&spec("tiny-llama@q4_0"), folder.path(), &mut |_, _| panic!("it is there")).unwrap();
    assert_eq!(again, path);
    for damage in [bytes[..bytes.len() - 1].to_vec(), [b"XXXX", &bytes[4..]].concat(), Vec::new()] {
        std::fs::write(&path, damage).unwrap();
        make("tiny-llama@q4_0", folder.path());
        assert!(std::fs::read(&path).unwrap() == bytes);
    }
}

fn names(folder: &Path) -> Vec<String> {
    std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[test]
fn stopping_leaves_nothing_and_progress_reaches_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let mut calls = Vec::new();
    let mut stop = |done: u64, total: u64| {
        calls.push((done, total));
        calls.len() < 3
    };
    let refused = synthesize(&spec("tiny-llama@q4_0"), folder.path(), &mut stop).unwrap_err();
    assert!(matches!(refused, ModelError::Cancelled { .. }));
    assert_eq!(calls.len(), 3);
    assert_eq!(names(folder.path()), Vec::<String>::new());
    let mut last = (0, 1);
    let mut note = |done: u64, total: u64| {
        assert!(done >= last.0 && done <= total);
        last = (done, total);
        true
    };
    let path = synthesize(&spec("tiny-llama@f16"), folder.path(), &mut note).unwrap();
    let size = std::fs::metadata(path).unwrap().len();
    assert!(last.1 == size && size - last.0 < 32, "{last:?} of {size}");
}

#[test]
fn a_disk_without_room_is_named_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let error = Placement::begin(&folder.path().join("model.gguf"), u64::MAX).unwrap_err();
    let ModelError::DiskFull { needed_bytes: u64::MAX, free_bytes, .. } = &error else { panic!("{error}") };
    assert!(*free_bytes > 0 && error.to_string().contains(&free_bytes.to_string()));
    assert_eq!(names(folder.path()), Vec::<String>::new());
    let full = write_failed(&folder.path().join("m.gguf"), 77, std::io::ErrorKind::StorageFull.into());
    assert!(full.to_string().contains("needs 77 bytes"), "{full}");
}

#[test]
fn two_makers_at_once_both_succeed() {
    let folder = tempfile::tempdir().unwrap();
    let paths: Vec<_> = std::thread::scope(|scope| {
        let makers: Vec<_> = (0..4).map(|_| scope.spawn(|| make("tiny-llama@q8_0", folder.path()))).collect();
        makers.into_iter().map(|maker| maker.join().unwrap()).collect()
    });
    assert!(paths.iter().all(|path| *path == paths[0]));
    assert_eq!(names(folder.path()).len(), 1);
    assert!(read_facts(&paths[0], "x").is_ok());
}

#[test]
fn what_a_killed_maker_left_is_cleared_and_what_others_write_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let old = |name: &str| {
        let path = folder.path().join(name);
        let file = File::create(&path).unwrap();
        file.set_modified(std::time::SystemTime::now() - std::time::Duration::from_secs(3600)).unwrap();
        (path, file)
    };
    let (left_over, _) = old(".tiny-llama-q4_0-seed0-v1.gguf.abc.part");
    let (other, _) = old(".something-else.gguf.abc.part");
    let (locked, lock) = old(".tiny-llama-q4_0-seed0-v1.gguf.def.part");
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).unwrap();
    make("tiny-llama@q4_0", folder.path());
    assert!(!left_over.exists() && other.exists() && locked.exists());
}

#[test]
fn memory_stays_at_one_chunk_for_the_largest_tensors() {
    let spec = spec("qwen2.5-7b@f16");
    let (plan, tensors) = spec.plan().unwrap();
    let largest = plan.tensors.iter().zip(&tensors).max_by_key(|(place, _)| place.bytes).unwrap();
    assert!(largest.0.bytes > 1 << 30);
    let mut pieces = Pieces::new(largest.0, &largest.1.fill, 0);
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut seen = 0;
    for _ in 0..3 {
        seen += pieces.next_into(&mut chunk).unwrap().len();
    }
    assert_eq!(seen, 3 * CHUNK_BYTES);
    assert_eq!(pieces.left, largest.0.bytes - seen as u64);
}

#[test]
fn specs_are_read_and_mistakes_answered_with_the_nearest() {
    let full = SynthSpec::parse("synth:Llama-3.2-1B@Q4_K_M#7", 3).unwrap();
    assert_eq!((full.shape.name.as_str(), full.file_type.label, full.seed), ("llama-3.2-1b", "q4_k_m", 7));
    assert_eq!(SynthSpec::parse("tiny-llama@f16", 3).unwrap().seed, 3);
    let refused = [
        ("llama-3.2-1b", "SHAPE@QUANT"),
        ("", "SHAPE@QUANT"),
        ("tiny-llama@f16#x", "SHAPE@QUANT"),
        ("lama-3.2-1b@q4_k_m", "did you mean llama-3.2-1b?"),
        ("llama-3.2-1b@q4_k_n", "did you mean q4_k_m?"),
        ("llama-3.2-1b@iq2_xxs", "known: f32"),
        ("nosuch@q4_0", "there is no shape \"nosuch\"; known shapes"),
        ("llama-3.2-1b@banana", "to make models with; known: f32"),
    ];
    for (text, sentence) in refused {
        let error = SynthSpec::parse(text, 0).unwrap_err();
        assert!(error.is_bad_input() && error.to_string().contains(sentence), "{error}");
    }
}

#[test]
fn an_outline_is_the_facts_without_the_vocabulary() {
    for text in ["tiny-llama@q4_k_m", "tiny-moe@q8_0", "tiny-bert@f16", "tiny-gemma3@q6_k", "tiny-mamba@q8_0"]
    {
        let (facts, outline) = (spec(text).facts(), spec(text).outline());
        let named = ModelFacts {
            file_bytes: facts.file_bytes,
            fingerprint: facts.fingerprint.clone(),
            tokenizer: facts.tokenizer.clone(),
            has_chat_template: facts.has_chat_template,
            ..outline.clone()
        };
        assert_eq!(named, facts, "{text}");
        assert!(outline.file_bytes < facts.file_bytes && outline.vocabulary == facts.vocabulary, "{text}");
    }
}
