//! Layers of headers in the manner of every kind of architecture.

use dyno_types::LayerMemory;

use super::*;
use crate::gguf::{Content, GgufHeader, GgufPlan, MetadataEntry, ScalarKind};

/// Layers of a header with these keys; `ARCH` stands for the architecture.
fn layers(architecture: &str, keys: &[(&str, Content)]) -> Vec<(u64, LayerMemory)> {
    let mut metadata: Vec<MetadataEntry> =
        vec![("general.architecture".to_owned(), Content::Scalar(Scalar::String(architecture.to_owned())))];
    metadata.extend(keys.iter().map(|(key, value)| (format!("{architecture}.{key}"), value.clone())));
    let plan = GgufPlan::new(&metadata, &[]).unwrap();
    let header = GgufHeader::read_from(plan.header.as_slice(), plan.file_bytes).unwrap();
    let groups = layers::layer_memory(&Keys::new(&header));
    groups.into_iter().map(|group| (group.layers, group.memory)).collect()
}

fn number(value: u32) -> Content {
    Content::Scalar(Scalar::U32(value))
}

fn list(values: &[i32]) -> Content {
    Content::Array(ScalarKind::I32, values.iter().map(|value| Scalar::I32(*value)).collect())
}

fn truths(values: &[bool]) -> Content {
    Content::Array(ScalarKind::Bool, values.iter().map(|value| Scalar::Bool(*value)).collect())
}

/// Attention keys: layers, width, heads, key/value heads.
fn attention(layers: u32, heads: u32, kv_heads: u32) -> Vec<(&'static str, Content)> {
    vec![
        ("block_count", number(layers)),
        ("embedding_length", number(64 * heads)),
        ("attention.head_count", number(heads)),
        ("attention.head_count_kv", number(kv_heads)),
    ]
}

fn with<'a>(mut keys: Vec<(&'a str, Content)>, more: &[(&'a str, Content)]) -> Vec<(&'a str, Content)> {
    for (key, value) in more {
        keys.retain(|(known, _)| known != key);
        keys.push((key, value.clone()));
    }
    keys
}

const fn full(key_width: u64, value_width: u64) -> LayerMemory {
    LayerMemory::Full { key_width, value_width }
}

const fn window(window: u64, width: u64) -> LayerMemory {
    LayerMemory::Window { window, key_width: width, value_width: width }
}

const fn state(elements: u64) -> LayerMemory {
    LayerMemory::State { bytes: 4 * elements }
}

#[test]
fn ordinary_attention_keeps_heads_times_lengths() {
    assert_eq!(layers("llama", &attention(4, 8, 2)), [(4, full(128, 128))]);
    let silent =
        [("block_count", number(2)), ("embedding_length", number(512)), ("attention.head_count", number(8))];
    assert_eq!(layers("llama", &silent), [(2, full(512, 512))], "as many key heads as heads");
    let lengths = [("attention.key_length", number(96)), ("attention.value_length", number(32))];
    assert_eq!(layers("qwen3", &with(attention(2, 8, 2), &lengths)), [(2, full(192, 64))]);
    let uneven = with(attention(4, 8, 0), &[("attention.head_count_kv", list(&[2, 0, 4, 2]))]);
    assert_eq!(layers("deci", &uneven), [(2, full(128, 128)), (1, full(0, 0)), (1, full(256, 256))]);
    let predicting = with(attention(5, 8, 2), &[("nextn_predict_layers", number(1))]);
    assert_eq!(
        layers("glm4moe", &predicting),
        [(4, full(128, 128))],
        "the last only predicts further tokens"
    );
}

#[test]
fn windows_follow_the_pattern_of_the_family() {
    let windowed = |layers: u32| with(attention(layers, 8, 2), &[("attention.sliding_window", number(512))]);
    assert_eq!(layers("gemma3", &windowed(26)), [(22, window(512, 128)), (4, full(128, 128))]);
    assert_eq!(layers("gemma3", &attention(26, 8, 2)), [(26, full(128, 128))], "no window stated");
    assert_eq!(layers("gemma2", &attention(5, 8, 2)), [(3, window(4096, 128)), (2, full(128, 128))]);
    assert_eq!(layers("gpt-oss", &windowed(24)), [(12, window(512, 128)), (12, full(128, 128))]);
    assert_eq!(layers("smallthinker", &windowed(8)), [(2, full(128, 128)), (6, window(4096, 128))]);
    assert_eq!(layers("llama4", &attention(8, 8, 2)), [(6, window(8192, 128)), (2, full(128, 128))]);
    assert_eq!(layers("exaone4", &windowed(30)), [(30, full(128, 128))], "only the one of 64 layers has any");
    assert_eq!(layers("exaone4", &windowed(64))[0], (48, window(512, 128)));
    assert_eq!(
        layers("gemma3n", &windowed(30)),
        [(16, window(512, 128)), (4, full(128, 128))],
        "10 are shared"
    );
    assert_eq!(layers("phi3", &windowed(4)), [(4, full(128, 128))], "switched off");
    assert_eq!(layers("llama", &windowed(4)), [(4, full(128, 128))], "not known for this family");
    let scalar = with(windowed(4), &[("attention.sliding_window_pattern", number(2))]);
    assert_eq!(layers("gemma3", &scalar), [(2, window(512, 128)), (2, full(128, 128))]);
    let stated = with(windowed(4), &[("attention.sliding_window_pattern", truths(&[false, true, true]))]);
    assert_eq!(layers("gemma3", &stated), [(2, full(128, 128)), (2, window(512, 128))]);
    let lengths = [
        ("attention.shared_kv_layers", number(2)),
        ("attention.key_length", number(64)),
        ("attention.value_length", number(64)),
        ("attention.key_length_swa", number(32)),
        ("attention.value_length_swa", number(32)),
        ("attention.sliding_window_pattern", truths(&[true, true, true, false, true, false])),
    ];
    assert_eq!(layers("gemma4", &with(windowed(6), &lengths)), [(3, window(512, 64)), (1, full(128, 128))]);
    assert_eq!(layers("cohere2", &attention(8, 8, 2)), [], "the window is needed and not stated");
    assert_eq!(layers("gemma4", &windowed(6)), [], "so is the pattern");
}

#[test]
fn latent_attention_keeps_one_vector_or_in_old_files_whole_keys() {
    let keys = with(
        attention(27, 16, 1),
        &[("attention.key_length", number(576)), ("attention.value_length", number(512))],
    );
    let lengths = [("attention.key_length_mla", number(192)), ("attention.value_length_mla", number(128))];
    assert_eq!(layers("deepseek2", &with(keys, &lengths)), [(27, LayerMemory::Latent { width: 576 })]);
    let old = with(
        attention(27, 16, 16),
        &[("attention.key_length", number(192)), ("attention.value_length", number(128))],
    );
    assert_eq!(layers("deepseek2", &old), [(27, full(16 * 192, 16 * 128))]);
}

#[test]
fn recurrent_layers_keep_states() {
    let mamba = [
        ("block_count", number(24)),
        ("embedding_length", number(768)),
        ("attention.head_count", number(0)),
        ("ssm.conv_kernel", number(4)),
        ("ssm.inner_size", number(1536)),
        ("ssm.state_size", number(16)),
        ("ssm.time_step_rank", number(48)),
    ];
    assert_eq!(layers("mamba", &mamba), [(24, state(3 * 1536 + 16 * 1536))]);
    assert_eq!(layers("mamba2", &mamba), [], "groups are not stated");
    let grouped = with(mamba.to_vec(), &[("ssm.group_count", number(2))]);
    assert_eq!(layers("mamba2", &grouped), [(24, state(3 * (1536 + 2 * 2 * 16) + 16 * 1536))]);
    let rwkv =
        [("block_count", number(12)), ("embedding_length", number(768)), ("wkv.head_size", number(64))];
    assert_eq!(layers("rwkv7", &rwkv), [(12, state(768 * (2 + 64)))]);
    let shifted = with(rwkv.to_vec(), &[("token_shift_count", number(1))]);
    assert_eq!(layers("rwkv6qwen2", &shifted), [(12, state(768 * (1 + 64)))]);
}

#[test]
fn hybrids_keep_keys_in_some_layers_and_states_in_others() {
    let ssm = [
        ("ssm.conv_kernel", number(4)),
        ("ssm.inner_size", number(1024)),
        ("ssm.state_size", number(128)),
        ("ssm.group_count", number(1)),
    ];
    let state = state(3 * (1024 + 256) + 128 * 1024);
    let kv_heads = ("attention.head_count_kv", list(&[0, 0, 2, 0]));
    let granite = with(with(attention(4, 8, 2), &ssm), std::slice::from_ref(&kv_heads));
    assert_eq!(layers("granitehybrid", &granite), [(3, state), (1, full(128, 128))]);
    let feed_forward = ("feed_forward_length", list(&[0, 4096, 0, 0]));
    let nemotron = with(granite, &[feed_forward]);
    assert_eq!(layers("nemotron_h", &nemotron), [(2, state), (1, full(128, 128))], "one layer keeps nothing");
    assert_eq!(layers("falcon-h1", &with(attention(4, 8, 2), &ssm)), [(4, state), (4, full(128, 128))]);
    let qwen = with(attention(8, 8, 2), &ssm);
    assert_eq!(layers("qwen3next", &qwen), [(6, state), (2, full(128, 128))], "every fourth has attention");
    let interval = with(qwen.clone(), &[("full_attention_interval", number(2))]);
    assert_eq!(layers("qwen35", &interval), [(4, state), (4, full(128, 128))]);
    let stated = [true, true, true, true, true, true, true, false];
    let listed = with(qwen, &[("attention.recurrent_layers", truths(&stated))]);
    assert_eq!(layers("qwen35moe", &listed), [(7, state), (1, full(128, 128))]);
    let lfm = with(attention(4, 8, 2), &[kv_heads, ("shortconv.l_cache", number(3))]);
    assert_eq!(layers("lfm2", &lfm), [(3, LayerMemory::State { bytes: 4 * 512 * 2 }), (1, full(128, 128))]);
}

#[test]
fn what_a_header_does_not_determine_is_not_guessed() {
    assert_eq!(layers("bert", &attention(4, 8, 8)), [], "an encoder keeps nothing");
    assert_eq!(layers("deepseek32", &attention(4, 8, 8)), [], "an index beside the keys");
    assert_eq!(layers("tomorrow", &attention(4, 8, 8)), []);
    assert_eq!(layers("llama", &[("embedding_length", number(64)), ("attention.head_count", number(1))]), []);
    let causal = ("attention.causal", Content::Scalar(Scalar::Bool(false)));
    assert_eq!(layers("qwen2", &with(attention(4, 8, 8), &[causal])), []);
    for hostile in [
        ("block_count", number(0)),
        ("block_count", number(u32::MAX)),
        ("block_count", Content::Scalar(Scalar::U64(u64::MAX))),
        ("nextn_predict_layers", number(4)),
        ("nextn_predict_layers", number(u32::MAX)),
        ("attention.head_count_kv", list(&[2, 2])),
        ("attention.head_count_kv", list(&[2, 2, -1, 2])),
        ("attention.key_length", Content::Scalar(Scalar::U64(u64::MAX))),
    ] {
        assert_eq!(
            layers("llama", &with(attention(4, 8, 2), std::slice::from_ref(&hostile))),
            [],
            "{hostile:?}"
        );
    }
    let endless = ("full_attention_interval", number(0));
    let ssm = [("ssm.conv_kernel", number(4)), ("ssm.inner_size", number(8)), ("ssm.state_size", number(8))];
    assert_eq!(layers("qwen35", &with(with(attention(4, 8, 2), &ssm), &[endless])), []);
}

/// Every tiny shape: kinds of memory by family.
#[test]
fn synthetic_families_have_the_layers_of_their_architecture() {
    let facts = |name: &str| crate::SynthSpec::parse(name, 0).unwrap().facts();
    let kinds = |name: &str| -> Vec<(u64, LayerMemory)> {
        facts(name).layer_memory.iter().map(|group| (group.layers, group.memory)).collect()
    };
    assert_eq!(kinds("tiny-gemma3@f16"), [(7, window(256, 64)), (1, full(64, 64))]);
    assert_eq!(kinds("tiny-phi3@f16"), [(2, full(192, 192))]);
    assert_eq!(kinds("tiny-deepseek2@f16"), [(3, LayerMemory::Latent { width: 288 })]);
    assert_eq!(kinds("tiny-starcoder@f16"), [(2, full(64, 64))]);
    assert_eq!(kinds("tiny-mamba@f16"), [(2, state(3 * 256 + 16 * 256))]);
    assert_eq!(kinds("tiny-lfm2@f16"), [(2, state(2 * 128)), (2, full(64, 64))]);
    assert_eq!(kinds("tiny-bert@f16"), []);
    let experts = facts("tiny-moe@q8_0");
    assert_eq!(experts.weights.iter().map(|share| share.bytes).sum::<u64>(), experts.weights_bytes);
    assert!(experts.parameters_per_token().unwrap() < experts.parameters);
}
