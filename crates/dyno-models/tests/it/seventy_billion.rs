//! A model file of 141 GB that occupies a few megabytes: the header of a model of 70 billion parameters in 16 bits, with
//! its vocabulary, and no data.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use dyno_models::gguf::{Content, GgufPlan, MetadataEntry, Scalar, ScalarKind, TensorSpec, TensorType};

const LAYERS: u32 = 80;
const EMBEDDING: u64 = 8192;
const KEYS_AND_VALUES: u64 = 1024;
const FEED_FORWARD: u64 = 28_672;
const VOCABULARY: u64 = 128_256;
const MERGES: u64 = 280_147;

/// Its plan, dimensions and all those of Llama 3 70B.
pub(crate) fn plan() -> GgufPlan {
    let number = |key: &str, value: u32| (format!("llama.{key}"), Content::Scalar(Scalar::U32(value)));
    let texts = |count: u64, text: &dyn Fn(u64) -> String| {
        Content::Array(ScalarKind::String, (0..count).map(|index| Scalar::String(text(index))).collect())
    };
    let architecture = Content::Scalar(Scalar::String("llama".to_owned()));
    let types = Content::Array(ScalarKind::I32, vec![Scalar::I32(1); 128_256]);
    let metadata: Vec<MetadataEntry> = vec![
        ("general.architecture".to_owned(), architecture),
        number("block_count", LAYERS),
        number("context_length", 131_072),
        number("embedding_length", 8192),
        number("feed_forward_length", 28_672),
        number("attention.head_count", 64),
        number("attention.head_count_kv", 8),
        ("tokenizer.ggml.tokens".to_owned(), texts(VOCABULARY, &|index| format!("token{index}"))),
        ("tokenizer.ggml.token_type".to_owned(), types),
        ("tokenizer.ggml.merges".to_owned(), texts(MERGES, &|index| format!("left{index} right"))),
    ];
    GgufPlan::new(&metadata, &tensors()).expect("a valid model")
}

fn tensors() -> Vec<TensorSpec> {
    let tensor = |name: String, shape: &[u64], kind| TensorSpec { name, shape: shape.to_vec(), kind };
    let outer = |name: &str| tensor(name.to_owned(), &[EMBEDDING, VOCABULARY], TensorType::F16);
    let mut tensors = vec![outer("token_embd.weight"), outer("output.weight")];
    for layer in 0..LAYERS {
        let matrices = [
            ("attn_q", [EMBEDDING, EMBEDDING]),
            ("attn_k", [EMBEDDING, KEYS_AND_VALUES]),
            ("attn_v", [EMBEDDING, KEYS_AND_VALUES]),
            ("attn_output", [EMBEDDING, EMBEDDING]),
            ("ffn_gate", [EMBEDDING, FEED_FORWARD]),
            ("ffn_up", [EMBEDDING, FEED_FORWARD]),
            ("ffn_down", [FEED_FORWARD, EMBEDDING]),
        ];
        let name = |part: &str| format!("blk.{layer}.{part}.weight");
        tensors.extend(matrices.map(|(part, shape)| tensor(name(part), &shape, TensorType::F16)));
        tensors
            .extend(["attn_norm", "ffn_norm"].map(|part| tensor(name(part), &[EMBEDDING], TensorType::F32)));
    }
    tensors.push(tensor("output_norm.weight".to_owned(), &[EMBEDDING], TensorType::F32));
    tensors
}

/// Writes the header and lengthens the file to its full size.
///
/// # Errors
/// Where the file system has no sparse files, or none of that size.
pub(crate) fn write_sparse(plan: &GgufPlan, path: &Path) -> std::io::Result<File> {
    let mut file = File::create(path)?;
    file.write_all(&plan.header)?;
    file.set_len(plan.file_bytes)?;
    Ok(file)
}
