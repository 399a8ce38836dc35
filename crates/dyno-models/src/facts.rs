//! Header → facts: everything a record states about a model, without reading weights.

mod families;
mod keys;
mod layers;
mod weights;

use std::collections::BTreeMap;
use std::path::Path;

use dyno_types::{ModelFacts, RopeFacts, TensorTypeShare};
use sha2::{Digest, Sha256};

use crate::gguf::{GgufHeader, Scalar, TensorType};
use crate::split::ModelFiles;
use crate::{FileType, ModelError, ModelIdentity};

use keys::Keys;
pub(crate) use weights::role;

/// Key that marks random weights.
pub const SYNTHETIC_KEY: &str = "dyno.synthetic";

/// Key of the mixture that a file says it is.
pub const FILE_TYPE_KEY: &str = "general.file_type";

/// Architectures that turn text into vectors and have no next token.
const ENCODERS: &[&str] = &[
    "bert",
    "nomic-bert",
    "nomic-bert-moe",
    "jina-bert-v2",
    "jina-bert-v3",
    "neo-bert",
    "modern-bert",
    "eurobert",
    "t5encoder",
];

/// Keys, after the architecture's name, of models with layers that keep a state of fixed size: Mamba, RWKV, LFM2.
const RECURRENT_KEYS: &[&str] = &["ssm.state_size", "wkv.head_size", "shortconv.l_cache"];

/// Reads the header of a model file (of every part of a split one) and states its facts. `reference` is how the user
/// named the model.
///
/// # Errors
/// [`ModelError`] when the file, or a part of it, is missing, unreadable or broken.
pub fn read_facts(path: &Path, reference: &str) -> Result<ModelFacts, ModelError> {
    read_identified(path, reference).map(|(facts, _)| facts)
}

/// The same, with what tells later whether the files are still those that the facts are of.
///
/// # Errors
/// As [`read_facts`].
pub fn read_identified(path: &Path, reference: &str) -> Result<(ModelFacts, ModelIdentity), ModelError> {
    if !ModelFiles::exist(path)? {
        return Err(ModelError::NotFound { path: path.to_owned(), hint: String::new() });
    }
    let (files, identity) = ModelFiles::open_identified(path)?;
    Ok((facts_of(&files, reference), identity))
}

/// Refuses a file that cannot generate: a bare vocabulary, or a model that only embeds.
///
/// # Errors
/// [`ModelError::VocabularyOnly`], [`ModelError::NotGenerative`].
pub fn check_runnable(facts: &ModelFacts) -> Result<(), ModelError> {
    let file_name = facts.file_name.clone();
    if facts.tensor_types.is_empty() {
        return Err(ModelError::VocabularyOnly { file_name });
    }
    if ENCODERS.contains(&facts.architecture.as_str()) {
        return Err(ModelError::NotGenerative { file_name, architecture: facts.architecture.clone() });
    }
    Ok(())
}

/// States the facts of an opened model.
#[must_use]
pub fn facts_of(files: &ModelFiles, reference: &str) -> ModelFacts {
    let header = files.header();
    let keys = Keys::new(header);
    let tensor_types = shares(files);
    let heads = keys.model_u64("attention.head_count");
    let embedding_length = keys.model_u64("embedding_length");
    // The format's own rule: heads divide the width evenly unless a length is stated.
    let head_length = embedding_length.zip(heads).and_then(|(width, heads)| width.checked_div(heads));
    ModelFacts {
        reference: reference.to_owned(),
        file_name: files
            .first()
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default(),
        file_bytes: files.parts.iter().map(|(_, header)| header.file_bytes).sum(),
        fingerprint: fingerprint(files),
        gguf_version: header.version,
        architecture: keys.architecture.clone(),
        name: keys.text("general.name"),
        parameters: tensor_types.iter().map(|share| share.elements).sum(),
        quantization: quantization(&keys, &tensor_types),
        weights: weights::shares(files.parts.iter().flat_map(|(_, header)| &header.tensors)),
        layer_memory: layers::layer_memory(&keys),
        weights_bytes: tensor_types.iter().map(|share| share.bytes).sum(),
        tensor_types,
        embedding_length,
        layers: keys.model_u64("block_count"),
        heads,
        kv_heads: keys.model_u64("attention.head_count_kv").or(heads),
        key_length: keys.model_u64("attention.key_length").or(head_length),
        value_length: keys.model_u64("attention.value_length").or(head_length),
        key_length_windowed: keys.model_u64("attention.key_length_swa"),
        value_length_windowed: keys.model_u64("attention.value_length_swa"),
        feed_forward_length: keys.model_u64("feed_forward_length"),
        vocabulary: header
            .array("tokenizer.ggml.tokens")
            .map(|tokens| tokens.count)
            .or(keys.model_u64("vocab_size")),
        context_train: keys.model_u64("context_length"),
        rope: rope(&keys),
        sliding_window: keys.model_u64("attention.sliding_window").filter(|tokens| *tokens > 0),
        kv_latent_rank: keys.model_u64("attention.kv_lora_rank").filter(|rank| *rank > 0),
        recurrent: RECURRENT_KEYS.iter().any(|key| keys.model(key).is_some()),
        experts: keys.model_u64("expert_count").filter(|count| *count > 0),
        experts_used: keys.model_u64("expert_used_count").filter(|count| *count > 0),
        tokenizer: keys.text("tokenizer.ggml.model"),
        has_chat_template: has_chat_template(header),
        licence: keys.text("general.license"),
        synthetic: header.scalar(SYNTHETIC_KEY).and_then(Scalar::as_bool).unwrap_or(false),
    }
}

/// A template of white space alone would drop every chat, and counts as none.
fn has_chat_template(header: &GgufHeader) -> bool {
    let source = header.scalar("tokenizer.chat_template").and_then(Scalar::as_str);
    source.is_some_and(|source| !source.trim().is_empty())
}

fn rope(keys: &Keys<'_>) -> RopeFacts {
    RopeFacts {
        n_rot: keys.model_u64("rope.dimension_count"),
        freq_base: keys.model_f64("rope.freq_base"),
        scaling: keys.model_text("rope.scaling.type"),
        scaling_factor: keys.model_f64("rope.scaling.factor"),
    }
}

/// Tensor types by bytes, largest first; equal ones by name, so that the order never wavers.
fn shares(files: &ModelFiles) -> Vec<TensorTypeShare> {
    let mut sums: BTreeMap<TensorType, (u64, u64, u64)> = BTreeMap::new();
    for tensor in files.parts.iter().flat_map(|(_, header)| &header.tensors) {
        let sum = sums.entry(tensor.kind).or_default();
        *sum = (sum.0 + 1, sum.1.saturating_add(tensor.elements()), sum.2.saturating_add(tensor.bytes));
    }
    let share = |(kind, (tensors, elements, bytes)): (TensorType, (u64, u64, u64))| TensorTypeShare {
        kind: kind.name().to_owned(),
        tensors,
        elements,
        bytes,
    };
    let mut shares: Vec<_> = sums.into_iter().map(share).collect();
    shares.sort_by(|one, other| other.bytes.cmp(&one.bytes).then_with(|| one.kind.cmp(&other.kind)));
    shares
}

/// Label of the stated file type; else the type of most elements; `none` without tensors.
fn quantization(keys: &Keys<'_>, shares: &[TensorTypeShare]) -> String {
    let stated = keys.header.scalar(FILE_TYPE_KEY).and_then(Scalar::as_u64).and_then(FileType::from_id);
    let commonest = shares.iter().max_by_key(|share| share.elements);
    match (commonest, stated) {
        (None, _) => "none".to_owned(),
        (Some(_), Some(file_type)) => file_type.label.to_owned(),
        (Some(share), None) => share.kind.clone(),
    }
}

/// One file: its header's fingerprint. Several: the digest of theirs in order.
fn fingerprint(files: &ModelFiles) -> String {
    let digest: [u8; 32] = if let [(_, header)] = files.parts.as_slice() {
        header.fingerprint
    } else {
        let mut hasher = Sha256::new();
        files.parts.iter().for_each(|(_, header)| hasher.update(header.fingerprint));
        hasher.finalize().into()
    };
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
