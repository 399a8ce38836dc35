//! Whatever the writer accepts, the reader gives back.

use dyno_models::gguf::{
    ALIGNMENT_KEY, Content, GgufPlan, MetadataEntry, Scalar, ScalarKind, TensorSpec, TensorType,
};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use crate::trial;

/// Any value of this kind; floats from any bits.
fn scalar(kind: ScalarKind) -> BoxedStrategy<Scalar> {
    match kind {
        ScalarKind::U8 => any::<u8>().prop_map(Scalar::U8).boxed(),
        ScalarKind::I8 => any::<i8>().prop_map(Scalar::I8).boxed(),
        ScalarKind::U16 => any::<u16>().prop_map(Scalar::U16).boxed(),
        ScalarKind::I16 => any::<i16>().prop_map(Scalar::I16).boxed(),
        ScalarKind::U32 => any::<u32>().prop_map(Scalar::U32).boxed(),
        ScalarKind::I32 => any::<i32>().prop_map(Scalar::I32).boxed(),
        ScalarKind::F32 => any::<u32>().prop_map(|bits| Scalar::F32(f32::from_bits(bits))).boxed(),
        ScalarKind::Bool => any::<bool>().prop_map(Scalar::Bool).boxed(),
        ScalarKind::String => any::<String>().prop_map(Scalar::String).boxed(),
        ScalarKind::U64 => any::<u64>().prop_map(Scalar::U64).boxed(),
        ScalarKind::I64 => any::<i64>().prop_map(Scalar::I64).boxed(),
        ScalarKind::F64 => any::<u64>().prop_map(|bits| Scalar::F64(f64::from_bits(bits))).boxed(),
    }
}

fn content() -> impl Strategy<Value = Content> {
    let kinds = ScalarKind::ALL.map(|(_, kind)| kind).to_vec();
    proptest::sample::select(kinds).prop_flat_map(|kind| {
        let array = move |items| Content::Array(kind, items);
        prop_oneof![
            4 => scalar(kind).prop_map(Content::Scalar),
            4 => vec(scalar(kind), 0..8).prop_map(array),
            // More than a header keeps of one array.
            1 => (scalar(kind), 1000usize..1100).prop_map(move |(item, count)| array(vec![item; count])),
        ]
    })
}

fn tensor() -> impl Strategy<Value = (TensorType, Vec<u64>)> {
    (proptest::sample::select(TensorType::ALL), 1u64..5, vec(1u64..7, 0..4)).prop_map(
        |(kind, blocks, rest)| {
            let row = kind.block_elements() * blocks;
            (kind, [vec![row], rest].concat())
        },
    )
}

/// A name as the format allows it: any text without a zero byte, at most 64 bytes.
const NAME: &str = "[^\0]{0,16}";

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn what_is_possible_is_written_and_read(
        entries in btree_map(NAME, content(), 0..8),
        tensors in btree_map(NAME, tensor(), 0..8),
        exponent in 0u32..13,
    ) {
        let alignment = (ALIGNMENT_KEY.to_owned(), Content::Scalar(Scalar::U32(1 << exponent)));
        let metadata: Vec<MetadataEntry> = entries.into_iter().chain([alignment]).collect();
        let tensors: Vec<TensorSpec> =
            tensors.into_iter().map(|(name, (kind, shape))| TensorSpec { name, shape, kind }).collect();
        prop_assert!(GgufPlan::new(&metadata, &tensors).is_ok());
        trial::round_trip(&metadata, &tensors);
    }

    #[test]
    fn what_is_impossible_is_refused_with_a_sentence(
        entries in vec((any::<String>(), content()), 0..4),
        tensors in vec((any::<String>(), proptest::sample::select(TensorType::ALL), vec(any::<u64>(), 0..6)), 0..4),
    ) {
        let tensors: Vec<TensorSpec> =
            tensors.into_iter().map(|(name, kind, shape)| TensorSpec { name, shape, kind }).collect();
        trial::round_trip(&entries, &tensors);
    }

    #[test]
    fn any_bytes_are_refused_or_keep_every_promise(bytes in vec(any::<u8>(), 0..200)) {
        trial::header(&bytes);
        // Past the magic number and the version.
        trial::header(&[b"GGUF\x03\0\0\0", bytes.as_slice()].concat());
    }
}
