//! Metadata and tensors made from the fuzzer's bytes.

use arbitrary::Arbitrary;
use dyno_models::gguf::{ALIGNMENT_KEY, Content, MetadataEntry, Scalar, ScalarKind, TensorSpec, TensorType};

/// A file to be written; most of what it asks for is possible.
#[derive(Debug, Arbitrary)]
pub struct Plan {
    /// Power of two; none leaves the default.
    alignment_exponent: Option<u8>,
    entries: Vec<(String, Item)>,
    tensors: Vec<Tensor>,
}

#[derive(Debug, Arbitrary)]
enum Item {
    U8(u8),
    I8(i8),
    U16(u16),
    I16(i16),
    U32(u32),
    I32(i32),
    F32(u32),
    Bool(bool),
    String(String),
    U64(u64),
    I64(i64),
    F64(u64),
    Bytes(Vec<u8>),
    Numbers(Vec<i32>),
    Floats(Vec<f64>),
    Truths(Vec<bool>),
    Strings(Vec<String>),
    /// More items than a header keeps.
    Long(u16, u16),
    /// Items of any kind, as a file cannot hold them.
    Mixed(Vec<Item>),
}

#[derive(Debug, Arbitrary)]
struct Tensor {
    name: String,
    kind: u8,
    /// Whether rows fill blocks.
    whole: bool,
    row: u16,
    rest: Vec<Extent>,
}

#[derive(Debug, Arbitrary)]
enum Extent {
    Small(u8),
    Any(u64),
}

impl Plan {
    /// What the writer takes.
    pub fn build(self) -> (Vec<MetadataEntry>, Vec<TensorSpec>) {
        let alignment = self.alignment_exponent.map(|exponent| {
            let alignment = 1u32.checked_shl(u32::from(exponent % 40)).unwrap_or(0);
            (ALIGNMENT_KEY.to_owned(), Content::Scalar(Scalar::U32(alignment)))
        });
        let entries = self.entries.into_iter().map(|(key, item)| (key, item.content()));
        let tensors = self.tensors.into_iter().map(Tensor::spec).collect();
        (alignment.into_iter().chain(entries).collect(), tensors)
    }
}

impl Item {
    fn content(self) -> Content {
        match self {
            Self::Bytes(items) => list(ScalarKind::U8, items, Scalar::U8),
            Self::Numbers(items) => list(ScalarKind::I32, items, Scalar::I32),
            Self::Floats(items) => list(ScalarKind::F64, items, Scalar::F64),
            Self::Truths(items) => list(ScalarKind::Bool, items, Scalar::Bool),
            Self::Strings(items) => list(ScalarKind::String, items, Scalar::String),
            Self::Long(item, count) => {
                list(ScalarKind::U16, vec![item; usize::from(count % 4096)], Scalar::U16)
            }
            Self::Mixed(items) => {
                let items: Vec<Scalar> = items.into_iter().filter_map(Self::scalar).collect();
                Content::Array(items.first().map_or(ScalarKind::F32, Scalar::kind), items)
            }
            other => Content::Scalar(other.scalar().unwrap_or(Scalar::Bool(true))),
        }
    }

    /// `None` for what is not a single value.
    fn scalar(self) -> Option<Scalar> {
        Some(match self {
            Self::U8(value) => Scalar::U8(value),
            Self::I8(value) => Scalar::I8(value),
            Self::U16(value) => Scalar::U16(value),
            Self::I16(value) => Scalar::I16(value),
            Self::U32(value) => Scalar::U32(value),
            Self::I32(value) => Scalar::I32(value),
            Self::F32(bits) => Scalar::F32(f32::from_bits(bits)),
            Self::Bool(value) => Scalar::Bool(value),
            Self::String(value) => Scalar::String(value),
            Self::U64(value) => Scalar::U64(value),
            Self::I64(value) => Scalar::I64(value),
            Self::F64(bits) => Scalar::F64(f64::from_bits(bits)),
            _ => return None,
        })
    }
}

fn list<T>(kind: ScalarKind, items: Vec<T>, scalar: fn(T) -> Scalar) -> Content {
    Content::Array(kind, items.into_iter().map(scalar).collect())
}

impl Tensor {
    fn spec(self) -> TensorSpec {
        let kind = TensorType::ALL[usize::from(self.kind) % TensorType::ALL.len()];
        let unit = if self.whole { kind.block_elements() } else { 1 };
        let mut shape = vec![u64::from(self.row) * unit];
        shape.extend(self.rest.into_iter().map(|extent| match extent {
            Extent::Small(extent) => u64::from(extent),
            Extent::Any(extent) => extent,
        }));
        TensorSpec { name: self.name, shape, kind }
    }
}
