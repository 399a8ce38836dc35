//! Writes the inputs that fuzzing begins with into `seeds/`: headers of small synthetic models, and edge cases.
//! Files that are already there stay, whatever their names; those of findings are kept by hand.

use std::error::Error;
use std::path::Path;

use dyno_models::gguf::{
    Content, GgufHeader, GgufPlan, MAGIC, MetadataEntry, Scalar, ScalarKind, TensorSpec, TensorType, Value,
};
use dyno_models::{SynthSpec, shape_names, synthesize};

/// Items left of an array; a whole vocabulary teaches the fuzzer nothing more.
const ITEMS_KEPT: usize = 6;

/// Architectures whose layers keep different things, one for each way.
const ARCHITECTURES: [&str; 14] = [
    "gemma3",
    "gemma3n",
    "gemma4",
    "gpt-oss",
    "deepseek2",
    "mamba",
    "jamba",
    "nemotron_h",
    "qwen3next",
    "rwkv6",
    "rwkv7",
    "lfm2",
    "kimi-linear",
    "minimax-01",
];

/// Keys of an architecture from which facts are made.
const NUMBERS: [(&str, u64); 28] = [
    ("block_count", 4),
    ("context_length", 512),
    ("embedding_length", 64),
    ("expert_count", 8),
    ("expert_used_count", 2),
    ("feed_forward_length", 128),
    ("nextn_predict_layers", 1),
    ("full_attention_interval", 2),
    ("vocab_size", 100),
    ("attention.head_count", 4),
    ("attention.key_length", 16),
    ("attention.value_length", 16),
    ("attention.key_length_mla", 24),
    ("attention.value_length_mla", 16),
    ("attention.key_length_swa", 16),
    ("attention.value_length_swa", 16),
    ("attention.kv_lora_rank", 32),
    ("attention.shared_kv_layers", 1),
    ("attention.sliding_window", 128),
    ("rope.dimension_count", 16),
    ("ssm.conv_kernel", 4),
    ("ssm.inner_size", 128),
    ("ssm.state_size", 16),
    ("ssm.group_count", 2),
    ("wkv.head_size", 16),
    ("token_shift_count", 2),
    ("shortconv.l_cache", 3),
    ("kda.head_dim", 16),
];

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds/gguf_header");
    std::fs::create_dir_all(&folder)?;
    let models = tempfile::tempdir()?;
    for shape in shape_names().into_iter().filter(|name| name.starts_with("tiny-")) {
        let spec = SynthSpec::parse(&format!("{shape}@q4_k_m"), 0)?;
        let path = synthesize(&spec, models.path(), &mut |_, _| true)?;
        std::fs::write(folder.join(format!("synth-{shape}")), shortened(&path)?)?;
    }
    for architecture in ARCHITECTURES {
        let numbers: Vec<_> = NUMBERS.into_iter().filter(|(key, _)| belongs(key, architecture)).collect();
        std::fs::write(folder.join(format!("facts-{architecture}")), with_keys(architecture, &numbers)?)?;
    }
    for (name, bytes) in edge_cases()? {
        std::fs::write(folder.join(format!("edge-{name}")), bytes)?;
    }
    Ok(())
}

/// The header of a file with its arrays cut short, without tensor data.
fn shortened(path: &Path) -> Result<Vec<u8>, Box<dyn Error>> {
    let header = GgufHeader::read(path)?;
    let file = std::fs::File::open(path)?;
    let mut metadata: Vec<MetadataEntry> = Vec::new();
    for (key, value) in &header.metadata {
        let content = match value {
            Value::Scalar(scalar) => Content::Scalar(scalar.clone()),
            Value::Items(info, items) => Content::Array(info.kind, items.clone()),
            Value::Array(info) => {
                let mut items = header.load_array(&file, *info)?;
                items.truncate(ITEMS_KEPT);
                Content::Array(info.kind, items)
            }
        };
        metadata.push((key.clone(), content));
    }
    let specs: Vec<TensorSpec> = header
        .tensors
        .iter()
        .map(|tensor| TensorSpec {
            name: tensor.name.clone(),
            shape: tensor.shape.clone(),
            kind: tensor.kind,
        })
        .collect();
    Ok(GgufPlan::new(&metadata, &specs)?.header)
}

/// Whether an architecture uses the key: states of one kind hide those of another.
fn belongs(key: &str, architecture: &str) -> bool {
    match key.split('.').next() {
        Some("wkv") => architecture.starts_with("rwkv"),
        Some("shortconv") => architecture == "lfm2",
        Some("kda") => architecture == "kimi-linear",
        _ => true,
    }
}

/// A header of this architecture with these keys, and those that have one entry per layer.
fn with_keys(architecture: &str, numbers: &[(&str, u64)]) -> Result<Vec<u8>, Box<dyn Error>> {
    let name = Content::Scalar(Scalar::String(architecture.to_owned()));
    let key = |suffix: &str| format!("{architecture}.{suffix}");
    let mut metadata: Vec<MetadataEntry> = vec![("general.architecture".to_owned(), name)];
    let number = |(suffix, value): &(&str, u64)| (key(suffix), Content::Scalar(Scalar::U64(*value)));
    metadata.extend(numbers.iter().map(number));
    let kv_heads = [2, 0, 2, 0].map(Scalar::U32).to_vec();
    metadata.push((key("attention.head_count_kv"), Content::Array(ScalarKind::U32, kv_heads)));
    let windows = [true, true, false, true].map(Scalar::Bool).to_vec();
    metadata.push((key("attention.sliding_window_pattern"), Content::Array(ScalarKind::Bool, windows)));
    let kind = TensorType::Q8_0;
    let tensors = ["token_embd.weight", "blk.0.attn_q.weight", "blk.0.ffn_down_exps.weight", "output.weight"]
        .map(|name| TensorSpec { name: name.to_owned(), shape: vec![64, 8], kind });
    Ok(GgufPlan::new(&metadata, &tensors)?.header)
}

fn edge_cases() -> Result<Vec<(&'static str, Vec<u8>)>, Box<dyn Error>> {
    let start = |version: u32, tensors: u64, keys: u64| {
        let counts = [tensors.to_le_bytes(), keys.to_le_bytes()].concat();
        [&MAGIC[..], &version.to_le_bytes(), &counts].concat()
    };
    let text = |text: &str| [&(text.len() as u64).to_le_bytes(), text.as_bytes()].concat();
    let array = |kind: u32, count: u64| {
        [9u32.to_le_bytes(), kind.to_le_bytes()]
            .concat()
            .into_iter()
            .chain(count.to_le_bytes())
            .collect::<Vec<u8>>()
    };
    let tensor = |name: &str, shape: &[u64], kind: u32, offset: u64| {
        let extents: Vec<u8> = shape.iter().flat_map(|extent| extent.to_le_bytes()).collect();
        let rest = [&kind.to_le_bytes()[..], &offset.to_le_bytes()].concat();
        [text(name), (shape.len() as u32).to_le_bytes().to_vec(), extents, rest].concat()
    };
    let one_key = |rest: Vec<u8>| [start(3, 0, 1), text("key"), rest].concat();
    let one_tensor = |rest: Vec<u8>| [start(3, 1, 0), rest, vec![0; 96]].concat();
    Ok(vec![
        ("empty", Vec::new()),
        ("version-1", start(1, 0, 0)),
        ("version-2", start(2, 0, 0)),
        ("big-endian", [&MAGIC[..], &3u32.to_be_bytes(), &[0; 16]].concat()),
        ("most-tensors-and-keys", start(3, 1 << 20, 1 << 16)),
        ("nested-array", one_key([9u32.to_le_bytes(), 9u32.to_le_bytes()].concat())),
        ("array-of-64-mi", one_key(array(0, 64 << 20))),
        ("strings-of-64-mi", one_key(array(8, 64 << 20))),
        ("array-of-none", one_key(array(8, 0))),
        ("longest-string", one_key([&8u32.to_le_bytes()[..], &(16u64 << 20).to_le_bytes()].concat())),
        ("array-not-kept", one_key([array(7, 1025), vec![1; 1025]].concat())),
        ("truth-value-2", one_key([7u32.to_le_bytes().to_vec(), vec![2]].concat())),
        ("text-not-utf-8", one_key([&8u32.to_le_bytes()[..], &2u64.to_le_bytes(), &[0xff, 0xfe]].concat())),
        ("zero-byte-in-key", [start(3, 0, 1), text("k\0y"), vec![0; 16]].concat()),
        (
            "alignment-of-2-gi",
            [start(3, 0, 1), text("general.alignment"), [4u32, 1 << 31].map(u32::to_le_bytes).concat()]
                .concat(),
        ),
        ("same-key-twice", [start(3, 0, 2), [text("k"), vec![0, 0, 0, 0, 1]].concat().repeat(2)].concat()),
        ("tensor", one_tensor(tensor("t", &[4], 0, 0))),
        ("tensor-of-four-dimensions", one_tensor(tensor("t", &[2; 4], 0, 0))),
        ("tensor-overflowing", one_tensor(tensor("t", &[1 << 63, 2, 2], 0, 0))),
        ("tensor-of-nothing", one_tensor(tensor("t", &[4, 0], 0, 0))),
        ("tensor-past-the-end", one_tensor(tensor("t", &[4], 0, u64::MAX - 31))),
        (
            "tensors-overlapping",
            [start(3, 2, 0), tensor("a", &[9], 0, 0), tensor("b", &[4], 0, 32), vec![0; 96]].concat(),
        ),
        (
            "tensor-twice",
            [start(3, 2, 0), tensor("a", &[4], 0, 0), tensor("a", &[4], 0, 32), vec![0; 96]].concat(),
        ),
        ("split", split()?),
        ("every-type", every_type()?),
        ("one-of-each", one_of_each()?),
    ])
}

/// Part of a split model.
fn split() -> Result<Vec<u8>, Box<dyn Error>> {
    let number = |key: &str, value: u16| (key.to_owned(), Content::Scalar(Scalar::U16(value)));
    let metadata = [number("split.no", 0), number("split.count", 2), number("split.tensors.count", 3)];
    Ok(GgufPlan::new(&metadata, &[])?.header)
}

/// A short header with every sort of entry.
fn one_of_each() -> Result<Vec<u8>, Box<dyn Error>> {
    let text = |text: &str| Scalar::String(text.to_owned());
    let metadata = [
        ("general.architecture".to_owned(), Content::Scalar(text("llama"))),
        ("general.alignment".to_owned(), Content::Scalar(Scalar::U32(64))),
        ("truth".to_owned(), Content::Scalar(Scalar::Bool(true))),
        ("numbers".to_owned(), Content::Array(ScalarKind::U16, vec![Scalar::U16(5); 2])),
        ("texts".to_owned(), Content::Array(ScalarKind::String, vec![text("a"), text("")])),
    ];
    let tensors = [("a", vec![3, 2], TensorType::F16), ("b", vec![32], TensorType::Q8_0)]
        .map(|(name, shape, kind)| TensorSpec { name: name.to_owned(), shape, kind });
    Ok(GgufPlan::new(&metadata, &tensors)?.header)
}

/// A key of every value type, alone and in an array, and a tensor of every element type.
fn every_type() -> Result<Vec<u8>, Box<dyn Error>> {
    let scalars = [
        Scalar::U8(1),
        Scalar::I8(-1),
        Scalar::U16(2),
        Scalar::I16(-2),
        Scalar::U32(3),
        Scalar::I32(-3),
        Scalar::F32(f32::NAN),
        Scalar::Bool(true),
        Scalar::String("text".to_owned()),
        Scalar::U64(u64::MAX),
        Scalar::I64(i64::MIN),
        Scalar::F64(f64::INFINITY),
    ];
    let mut metadata = Vec::new();
    for (scalar, (_, kind)) in scalars.iter().zip(ScalarKind::ALL) {
        metadata.push((format!("one.{kind:?}"), Content::Scalar(scalar.clone())));
        metadata.push((format!("some.{kind:?}"), Content::Array(kind, vec![scalar.clone(); 3])));
    }
    let tensor = |kind: &TensorType| TensorSpec {
        name: kind.name().to_owned(),
        shape: vec![kind.block_elements(), 1],
        kind: *kind,
    };
    let tensors: Vec<TensorSpec> = TensorType::ALL.iter().map(tensor).collect();
    Ok(GgufPlan::new(&metadata, &tensors)?.header)
}
