//! Headers written and read back, and every way a header can lie.

use std::io::{Cursor, Read, Write};

use proptest::prelude::*;

use super::*;

/// Bytes of a header, built piece by piece.
#[derive(Clone)]
struct Bytes(Vec<u8>);

impl Bytes {
    fn header(version: u32, tensors: u64, keys: u64) -> Self {
        Self(MAGIC.to_vec()).u32(version).u64(tensors).u64(keys)
    }

    fn u32(mut self, value: u32) -> Self {
        self.0.extend(value.to_le_bytes());
        self
    }

    fn u64(mut self, value: u64) -> Self {
        self.0.extend(value.to_le_bytes());
        self
    }

    fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend(bytes);
        self
    }

    fn text(self, text: &str) -> Self {
        self.u64(text.len() as u64).raw(text.as_bytes())
    }

    fn tensor(self, name: &str, shape: &[u64], kind: u32, offset: u64) -> Self {
        let begun = self.text(name).u32(shape.len() as u32);
        shape.iter().fold(begun, |bytes, extent| bytes.u64(*extent)).u32(kind).u64(offset)
    }

    /// Zeros up to the data area and `data` bytes of it.
    fn data(mut self, data: usize) -> Self {
        let begin = self.0.len().next_multiple_of(32);
        self.0.resize(begin + data, 0);
        self
    }

    fn read(&self) -> Result<GgufHeader, GgufError> {
        GgufHeader::read_from(Cursor::new(&self.0), self.0.len() as u64)
    }
}

const F32: u32 = 0;
const Q4_K: u32 = 12;
const U32: u32 = 4;
const STRING: u32 = 8;
const ARRAY: u32 = 9;

/// What is wrong, the bytes, and a part of the sentence that must come.
type Refused = Vec<(&'static str, Bytes, &'static str)>;

fn refused_beginnings_and_keys() -> Refused {
    let start = Bytes::header;
    let key = |text: &str| start(3, 0, 1).text(text);
    let zeros = &[0u8; 64];
    vec![
        ("empty", Bytes(Vec::new()), "empty"),
        ("wrong magic", Bytes(b"PK\x03\x04 something else".to_vec()), "PK\\x03\\x04"),
        ("old ggml", Bytes(b"lmgg\x01\0\0\0".to_vec()), "not a GGUF file"),
        ("magic cut", Bytes(b"GGU".to_vec()), "ends too early"),
        ("version cut", Bytes(b"GGUF\x03\0".to_vec()), "the version at byte 4"),
        ("version 0", start(0, 0, 0), "GGUF version 0"),
        ("version 1", start(1, 0, 0), "version 1"),
        ("version 4", start(4, 0, 0), "GGUF version 4"),
        ("big-endian", Bytes(b"GGUF".to_vec()).raw(&3u32.to_be_bytes()).raw(zeros), "big-endian"),
        ("swapped magic", Bytes(b"FUGG".to_vec()).raw(zeros), "big-endian"),
        ("counts cut", Bytes(b"GGUF\x03\0\0\0".to_vec()).u32(1), "the number of tensors"),
        ("too many tensors", start(3, (1 << 20) + 1, 0), "1048577, more than the 1048576"),
        ("too many keys", start(3, 0, 65_537), "65537, more than the 65536"),
        ("lying tensor count", start(3, 1 << 20, 0).raw(zeros), "ends too early"),
        ("lying key count", start(3, 0, 65_536).raw(zeros), "ends too early"),
        (
            "key too long",
            start(3, 0, 1).u64(65_536).raw(zeros),
            "the length of a key is 65536, more than the 65535",
        ),
        ("key past the end", start(3, 0, 1).u64(1000).raw(zeros), "needs 1000 bytes"),
        ("key not text", start(3, 0, 1).u64(2).raw(&[0xff, 0xfe]).u32(U32).raw(zeros), "not valid UTF-8"),
        ("unknown value type", key("k").u32(13).raw(zeros), "value type 13"),
        ("unknown item type", key("k").u32(ARRAY).u32(77).raw(zeros), "value type 77"),
        ("nested array", key("k").u32(ARRAY).u32(ARRAY).raw(zeros), "array of arrays"),
        ("bool of 2", key("k").u32(7).raw(&[2]), "neither 0 nor 1"),
        ("string too long", key("k").u32(STRING).u64((16 << 20) + 1).raw(zeros), "more than the 16777216"),
        ("string past the end", key("k").u32(STRING).u64(16 << 20).raw(zeros), "needs 16777216 bytes"),
        ("string of 2^64-1", key("k").u32(STRING).u64(u64::MAX).raw(zeros), "more than the 16777216"),
        (
            "array too long",
            key("k").u32(ARRAY).u32(U32).u64((64 << 20) + 1).raw(zeros),
            "more than the 67108864",
        ),
        (
            "array past the end",
            key("k").u32(ARRAY).u32(U32).u64(64 << 20).raw(zeros),
            "needs 268435456 bytes",
        ),
        ("strings past the end", key("k").u32(ARRAY).u32(STRING).u64(100).raw(zeros), "needs 800 bytes"),
        (
            "long string in an array",
            key("k").u32(ARRAY).u32(STRING).u64(1).u64(1 << 40).raw(zeros),
            "a string of key \"k\" is 1099511627776",
        ),
        (
            "duplicate key",
            start(3, 0, 2).text("same").u32(U32).u32(1).text("same").u32(U32).u32(2),
            "key \"same\" appears twice",
        ),
        ("alignment 0", key(ALIGNMENT_KEY).u32(U32).u32(0), "power of two"),
        ("alignment 48", key(ALIGNMENT_KEY).u32(U32).u32(48), "power of two"),
        ("alignment as text", key(ALIGNMENT_KEY).u32(STRING).text("32"), "power of two"),
    ]
}

fn refused_tensors() -> Refused {
    let start = Bytes::header;
    let zeros = &[0u8; 64];
    vec![
        ("tensor name too long", start(3, 1, 0).text(&"x".repeat(65)).raw(zeros), "65, more than the 64"),
        ("no dimensions", start(3, 1, 0).tensor("t", &[], F32, 0).data(64), "0 dimensions"),
        ("five dimensions", start(3, 1, 0).tensor("t", &[1; 5], F32, 0).data(64), "5 dimensions"),
        (
            "a dimension of zero",
            start(3, 1, 0).tensor("t", &[4, 0], F32, 0).data(64),
            "impossible shape [4, 0]",
        ),
        (
            "overflowing shape",
            start(3, 1, 0).tensor("t", &[1 << 40, 1 << 40], F32, 0).data(64),
            "impossible shape",
        ),
        ("overflowing bytes", start(3, 1, 0).tensor("t", &[1 << 62, 2], F32, 0).data(64), "impossible shape"),
        ("unknown tensor type", start(3, 1, 0).tensor("t", &[4], 99, 0).data(64), "element type 99"),
        ("withdrawn tensor type", start(3, 1, 0).tensor("t", &[32], 31, 0).data(64), "element type 31"),
        ("partial block", start(3, 1, 0).tensor("t", &[128, 2], Q4_K, 0).data(256), "rows of 128 elements"),
        ("misaligned", start(3, 1, 0).tensor("t", &[4], F32, 8).data(64), "data offset 8"),
        ("data past the end", start(3, 1, 0).tensor("t", &[17], F32, 0).data(64), "needs bytes"),
        ("offset past the end", start(3, 1, 0).tensor("t", &[1], F32, u64::MAX - 31).data(64), "needs bytes"),
        (
            "duplicate tensor",
            start(3, 2, 0).tensor("t", &[4], F32, 0).tensor("t", &[4], F32, 32).data(64),
            "tensor \"t\" appears twice",
        ),
        (
            "two tensors in one place",
            start(3, 2, 0).tensor("a", &[4], F32, 0).tensor("b", &[4], F32, 0).data(64),
            "\"a\" and \"b\" overlap",
        ),
        (
            "overlap out of order",
            start(3, 2, 0).tensor("late", &[4], F32, 32).tensor("early", &[9], F32, 0).data(96),
            "\"early\" and \"late\" overlap",
        ),
        ("tensor list cut", start(3, 2, 0).tensor("t", &[4], F32, 0).raw(&zeros[..30]), "ends too early"),
    ]
}

#[test]
fn broken_headers_are_refused_with_their_reason() {
    for (what, bytes, sentence) in refused_beginnings_and_keys().into_iter().chain(refused_tensors()) {
        let error = bytes.read().expect_err(what).to_string();
        assert!(error.contains(sentence), "{what}: {error}");
    }
}

#[test]
fn every_truncation_of_a_good_file_is_refused() {
    let good = sample().0;
    assert!(Bytes(good.clone()).read().is_ok());
    for length in 0..good.len() {
        assert!(Bytes(good[..length].to_vec()).read().is_err(), "cut at {length} of {}", good.len());
    }
}

/// A file with one entry of every kind and two tensors, whose data ends the file without padding.
fn sample() -> Bytes {
    let bytes = Bytes::header(3, 2, 3).text("name").u32(STRING).text("value");
    let bytes = bytes.text("list").u32(ARRAY).u32(STRING).u64(2).text("one").text("two");
    let bytes = bytes.text("numbers").u32(ARRAY).u32(U32).u64(2).u32(7).u32(8);
    bytes.tensor("a", &[8], F32, 0).tensor("b", &[256, 2], Q4_K, 32).data(32 + 288)
}

#[test]
fn a_good_header_says_what_it_holds() {
    let bytes = sample();
    let header = bytes.read().unwrap();
    assert_eq!(header.version, 3);
    assert_eq!(header.scalar("name").unwrap().as_str(), Some("value"));
    assert_eq!(header.get("nothing"), None);
    assert_eq!(header.tensors.len(), 2);
    assert_eq!((header.tensors[1].elements(), header.tensors[1].bytes), (512, 288));
    let list = header.array("list").unwrap();
    let items = header.load_array(&bytes.0, list).unwrap();
    assert_eq!(items, [Scalar::String("one".into()), Scalar::String("two".into())]);
    assert!(matches!(header.get("list"), Some(Value::Array(_))), "strings stay in the file");
    assert!(
        matches!(header.get("numbers"), Some(Value::Items(_, items)) if *items == [Scalar::U32(7), Scalar::U32(8)])
    );
}

#[test]
fn version_2_and_strings_that_are_not_utf_8_are_read() {
    let bytes = Bytes::header(2, 0, 1).text("k").u32(STRING).u64(2).raw(&[b'x', 0xff]);
    let header = bytes.read().unwrap();
    assert_eq!((header.version, header.scalar("k").unwrap().as_str()), (2, Some("x\u{fffd}")));
}

#[test]
fn the_fingerprint_depends_on_every_header_byte_and_on_the_size() {
    let fingerprint = |bytes: &Bytes| bytes.read().unwrap().fingerprint;
    let (one, same) = (sample(), sample());
    assert_eq!(fingerprint(&one), fingerprint(&same));
    let mut value = sample();
    let at = value.0.windows(5).position(|window| window == b"value").unwrap();
    value.0[at] = b'V';
    assert_ne!(fingerprint(&one), fingerprint(&value));
    let longer = sample().raw(&[0]);
    assert_ne!(fingerprint(&one), fingerprint(&longer));
}

#[test]
fn a_header_over_its_limit_is_refused_before_it_is_read() {
    // 64 Mi numbers of 8 bytes: each limit holds, their product does not; nothing is read for it.
    let head = Bytes::header(3, 0, 1).text("k").u32(ARRAY).u32(10).u64(64 << 20).0;
    let refused = GgufHeader::read_from(Cursor::new(head).chain(NeverRead), 1 << 40).unwrap_err().to_string();
    assert!(refused.contains("the size of the header"), "{refused}");
}

#[test]
fn memory_does_not_follow_a_lie_in_a_large_file() {
    // The file "has" 1 TiB, so the lengths are possible; a bounded reader fails at the first missing byte.
    for claim in [
        Bytes::header(3, 0, 1).text("k").u32(STRING).u64(16 << 20),
        Bytes::header(3, 0, 1).text("k").u32(ARRAY).u32(STRING).u64(30 << 20),
        Bytes::header(3, 1 << 20, 65_536),
    ] {
        let refused = GgufHeader::read_from(Cursor::new(claim.0), 1 << 40).unwrap_err();
        assert!(matches!(refused, GgufError::Truncated { .. }), "{refused}");
    }
}

struct NeverRead;

impl Read for NeverRead {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        panic!("read past the refusal")
    }
}

#[test]
fn types_have_ggmls_sizes() {
    // Bits per weight as ggml documents them.
    let bits = |name: &str| {
        let kind = TensorType::ALL.iter().find(|kind| kind.name() == name).unwrap();
        kind.block_bytes() as f64 * 8.0 / kind.block_elements() as f64
    };
    let documented = [
        ("f32", 32.0),
        ("bf16", 16.0),
        ("q4_0", 4.5),
        ("q4_1", 5.0),
        ("q5_0", 5.5),
        ("q5_1", 6.0),
        ("q8_0", 8.5),
        ("q2_k", 2.625),
        ("q3_k", 3.4375),
        ("q4_k", 4.5),
        ("q5_k", 5.5),
        ("q6_k", 6.5625),
        ("iq2_xxs", 2.0625),
        ("iq2_xs", 2.3125),
        ("iq2_s", 2.5625),
        ("iq3_xxs", 3.0625),
        ("iq3_s", 3.4375),
        ("iq1_s", 1.5625),
        ("iq1_m", 1.75),
        ("iq4_nl", 4.5),
        ("iq4_xs", 4.25),
        ("tq1_0", 1.6875),
        ("tq2_0", 2.0625),
        ("mxfp4", 4.25),
        ("nvfp4", 4.5),
        ("q1_0", 1.125),
        ("q2_0", 2.25),
        ("f8_e4m3", 8.0),
    ];
    for (name, expected) in documented {
        assert_eq!(bits(name), expected, "{name}");
    }
    for kind in TensorType::ALL {
        assert_eq!(TensorType::from_id(kind.id()), Some(*kind));
        assert_eq!(kind.bytes_of(kind.block_elements() * 3), Some(kind.block_bytes() * 3));
        assert_eq!(kind.bytes_of(kind.block_elements() + 1).is_some(), kind.block_elements() == 1);
    }
    for withdrawn in [4, 5, 31, 32, 33, 36, 37, 38, 44] {
        assert_eq!(TensorType::from_id(withdrawn), None);
    }
}

#[test]
fn the_writer_refuses_what_the_reader_would() {
    let tensor = |name: &str| TensorSpec { name: name.into(), shape: vec![4], kind: TensorType::F32 };
    let number = |key: &str| (key.to_owned(), Content::Scalar(Scalar::U32(1)));
    assert!(matches!(
        GgufPlan::new(&[], &[tensor("a"), tensor("a")]),
        Err(GgufError::DuplicateTensor { .. })
    ));
    assert!(matches!(GgufPlan::new(&[number("k"), number("k")], &[]), Err(GgufError::DuplicateKey { .. })));
    let mixed = ("k".to_owned(), Content::Array(ScalarKind::U8, vec![Scalar::U8(1), Scalar::I8(1)]));
    assert!(matches!(GgufPlan::new(&[mixed], &[]), Err(GgufError::MixedArray { .. })));
    let flat = TensorSpec { shape: vec![], ..tensor("a") };
    assert!(matches!(GgufPlan::new(&[], &[flat]), Err(GgufError::BadDimensions { found: 0, .. })));
    let partial = TensorSpec { shape: vec![100], kind: TensorType::Q8_0, ..tensor("a") };
    assert!(matches!(GgufPlan::new(&[], &[partial]), Err(GgufError::PartialBlock { .. })));
}

#[test]
fn the_writer_counts_the_data() {
    let tensor = TensorSpec { name: "a".into(), shape: vec![4], kind: TensorType::F32 };
    let plan = GgufPlan::new(&[], &[tensor]).unwrap();
    let mut writer = GgufWriter::begin(Vec::new(), &plan).unwrap();
    assert!(matches!(writer.data(&[0; 17]), Err(GgufError::WrongDataLength { given: 17, expected: 16 })));
    writer.data(&[0; 9]).unwrap();
    assert!(matches!(writer.data(&[0; 8]), Err(GgufError::WrongDataLength { given: 8, expected: 7 })));
    assert!(matches!(writer.finish(), Err(GgufError::WrongDataLength { expected: 7, .. })));
}

#[test]
fn a_failing_sink_fails_the_writer() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let plan = GgufPlan::new(&[], &[]).unwrap();
    assert!(matches!(GgufWriter::begin(Full, &plan), Err(GgufError::Io(_))));
}

fn scalars() -> impl Strategy<Value = Scalar> {
    prop_oneof![
        any::<u8>().prop_map(Scalar::U8),
        any::<i8>().prop_map(Scalar::I8),
        any::<u16>().prop_map(Scalar::U16),
        any::<i16>().prop_map(Scalar::I16),
        any::<u32>().prop_map(Scalar::U32),
        any::<i32>().prop_map(Scalar::I32),
        (-1e9f32..1e9).prop_map(Scalar::F32),
        any::<bool>().prop_map(Scalar::Bool),
        any::<String>().prop_map(Scalar::String),
        any::<u64>().prop_map(Scalar::U64),
        any::<i64>().prop_map(Scalar::I64),
        (-1e99f64..1e99).prop_map(Scalar::F64),
    ]
}

fn contents() -> impl Strategy<Value = Content> {
    let arrays =
        (scalars(), 0usize..1500).prop_map(|(item, count)| Content::Array(item.kind(), vec![item; count]));
    prop_oneof![3 => scalars().prop_map(Content::Scalar), 1 => arrays]
}

fn tensor_specs() -> impl Strategy<Value = (Vec<u64>, TensorType)> {
    (proptest::sample::select(TensorType::ALL), 1u64..4, proptest::collection::vec(1u64..4, 0..4)).prop_map(
        |(kind, blocks, mut rest)| {
            rest.insert(0, kind.block_elements() * blocks);
            (rest, kind)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_written_is_read(
        entries in proptest::collection::btree_map("[a-z.]{1,20}", contents(), 0..8),
        tensors in proptest::collection::btree_map("[a-z.0-9]{1,40}", tensor_specs(), 0..8),
        exponent in 3u32..9,
    ) {
        let mut metadata: Vec<MetadataEntry> = entries.into_iter().collect();
        metadata.push((ALIGNMENT_KEY.into(), Content::Scalar(Scalar::U32(1 << exponent))));
        let specs: Vec<_> = tensors.into_iter().map(|(name, (shape, kind))| TensorSpec { name, shape, kind }).collect();
        let plan = GgufPlan::new(&metadata, &specs).unwrap();
        let mut writer = GgufWriter::begin(Vec::new(), &plan).unwrap();
        for (index, tensor) in plan.tensors.iter().enumerate() {
            // In uneven pieces.
            let data = vec![index as u8 + 1; tensor.bytes as usize];
            for piece in data.chunks(97) {
                writer.data(piece).unwrap();
            }
        }
        let file = writer.finish().unwrap();
        prop_assert_eq!(file.len() as u64, plan.file_bytes);
        let header = GgufHeader::read_from(Cursor::new(&file), file.len() as u64).unwrap();
        prop_assert_eq!(&header.tensors, &plan.tensors);
        prop_assert_eq!(header.data, DataArea { begin: plan.header.len() as u64, alignment: 1 << exponent });
        for (index, tensor) in header.tensors.iter().enumerate() {
            let begin = (header.data.begin + tensor.offset) as usize;
            prop_assert!(file[begin..begin + tensor.bytes as usize].iter().all(|byte| *byte == index as u8 + 1));
        }
        let mut read_back = Vec::new();
        for (key, value) in &header.metadata {
            let content = match value {
                Value::Scalar(scalar) => Content::Scalar(scalar.clone()),
                Value::Items(info, _) | Value::Array(info) => {
                    Content::Array(info.kind, header.load_array(&file, *info).unwrap())
                }
            };
            read_back.push((key.clone(), content));
        }
        prop_assert_eq!(read_back, metadata);
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), at in 0usize..400) {
        let mut file = sample().0;
        let at = at.min(file.len());
        let end = (at + bytes.len()).min(file.len());
        file[at..end].copy_from_slice(&bytes[..end - at]);
        // The sentence of a refusal must not panic either.
        if let Err(error) = Bytes(file).read() {
            prop_assert!(!error.to_string().is_empty());
        }
    }
}
