//! Real files that nobody here wrote.

use std::path::PathBuf;

use dyno_models::gguf::GgufHeader;
use dyno_models::{check_runnable, read_facts};

/// The fixture of this name.
fn real(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

#[test]
fn a_small_trained_model_has_the_facts_of_its_card() {
    let path = real("stories260K-f16.gguf");
    let facts = read_facts(&path, "stories").unwrap();
    assert!(check_runnable(&facts).is_ok());
    let bytes = std::fs::metadata(&path).unwrap().len();
    assert_eq!((facts.file_bytes, facts.weights_bytes, facts.parameters), (bytes, 587_008, 292_800));
    assert_eq!((facts.architecture.as_str(), facts.name.as_deref()), ("llama", Some("stories260K")));
    assert_eq!(facts.quantization, "f16");
    let shares: Vec<_> =
        facts.tensor_types.iter().map(|share| (share.kind.as_str(), share.tensors, share.bytes)).collect();
    assert_eq!(shares, [("f16", 37, 584_192), ("f32", 11, 2816)]);
    assert_eq!((facts.layers, facts.heads, facts.kv_heads), (Some(5), Some(8), Some(4)));
    assert_eq!((facts.embedding_length, facts.feed_forward_length), (Some(64), Some(172)));
    assert_eq!((facts.key_length, facts.value_length), (Some(8), Some(8)));
    assert_eq!((facts.vocabulary, facts.context_train), (Some(512), Some(512)));
    assert_eq!((facts.rope.n_rot, facts.rope.freq_base, facts.rope.scaling), (Some(8), Some(10_000.0), None));
    assert_eq!((facts.tokenizer.as_deref(), facts.experts), (Some("llama"), None));
    assert!(!facts.synthetic && !facts.has_chat_template);
    assert_eq!(facts.fingerprint.len(), 64);
}

#[test]
fn a_vocabulary_is_read_and_refused_to_run() {
    let name = "ggml-vocab-phi-3.gguf";
    let path = real(name);
    let facts = read_facts(&path, name).unwrap();
    assert_eq!((facts.architecture.as_str(), facts.tokenizer.as_deref()), ("phi3", Some("llama")));
    assert_eq!((facts.vocabulary, facts.parameters), (Some(32_064), 0));
    assert_eq!(facts.quantization, "none");
    let refusal = check_runnable(&facts).unwrap_err().to_string();
    assert!(refusal.contains("vocabulary only") && refusal.contains(name), "{refusal}");
    let header = GgufHeader::read(&path).unwrap();
    let tokens = header.array("tokenizer.ggml.tokens").unwrap();
    let strings = header.load_array(std::fs::File::open(&path).unwrap(), tokens).unwrap();
    assert_eq!(strings.len(), 32_064);
    assert!(strings.iter().all(|token| token.as_str().is_some()));
}

#[test]
fn a_truncated_real_model_is_refused() {
    let path = real("stories260K-f16.gguf");
    let bytes = std::fs::read(path).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let cut = folder.path().join("cut.gguf");
    std::fs::write(&cut, &bytes[..bytes.len() - 1000]).unwrap();
    let error = read_facts(&cut, "x").unwrap_err().to_string();
    assert!(error.contains("cut.gguf") && error.contains("fetch the file again"), "{error}");
}
