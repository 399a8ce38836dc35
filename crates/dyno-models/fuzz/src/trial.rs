//! What must hold of the GGUF reader and writer for any input. The fuzz targets and the tests of `dyno-models` both call
//! this file, so that they cannot come to check different things. It panics on what must not be.

use std::io::{Cursor, Read};
use std::path::PathBuf;

use dyno_models::gguf::{
    Content, GgufError, GgufHeader, GgufPlan, GgufWriter, MetadataEntry, TensorSpec, Value, limits,
};
use dyno_models::{ModelFiles, check_runnable, facts_of};

/// Longest refusal, bytes: a sentence for a person, whatever the file holds.
const SENTENCE_BYTES_MAX: usize = 2048;
/// Largest tensor data that the round trip really writes, bytes.
const WRITTEN_BYTES_MAX: u64 = 1 << 16;

/// Any bytes as a model file: refused with a sentence, or a header all of whose promises hold.
pub fn header(bytes: &[u8]) {
    let read = GgufHeader::read_at(bytes);
    let streamed = GgufHeader::read_from(Morsels { bytes, next: 1 }, bytes.len() as u64);
    match (&read, &streamed) {
        (Ok(one), Ok(other)) => assert_eq!(one.fingerprint, other.fingerprint, "the way of reading matters"),
        (Err(one), Err(other)) => {
            assert_eq!(one.to_string(), other.to_string(), "the way of reading matters")
        }
        (one, other) => panic!("the way of reading matters: {one:?} and {other:?}"),
    }
    match read {
        Ok(header) => accepted(bytes, header),
        Err(error) => {
            refused(&error);
            // The same header at the beginning of a file that has room for its tensors.
            match with_room(bytes) {
                Ok(header) => accepted(bytes, header),
                Err(error) => refused(&error),
            }
        }
    }
}

/// Reads a header as the beginning of a file that ends with its last tensor.
///
/// # Errors
/// Every [`GgufError`] of a header that no length of the file mends.
pub fn with_room(bytes: &[u8]) -> Result<GgufHeader, GgufError> {
    match GgufHeader::read_from(Cursor::new(bytes), limits::FILE_BYTES_MAX) {
        Err(GgufError::BehindTensors { end, .. }) => {
            GgufHeader::read_from(Cursor::new(bytes), end.max(bytes.len() as u64))
        }
        read => read,
    }
}

/// Any metadata and tensors: refused with a sentence, or written so that reading gives them back.
pub fn round_trip(metadata: &[MetadataEntry], tensors: &[TensorSpec]) {
    match GgufPlan::new(metadata, tensors) {
        Ok(plan) => {
            let header = reread(&plan);
            let specs: Vec<TensorSpec> = header.tensors.iter().map(spec).collect();
            assert_eq!(specs, tensors, "other tensors came back");
            let keys = header.metadata.iter().map(|(key, _)| key);
            assert!(keys.eq(metadata.iter().map(|(key, _)| key)), "other keys came back");
            let content = contents(&plan.header, &header).expect("what was written can be read");
            // Compared as bytes: a float that is no number does not equal itself.
            let again = GgufPlan::new(&content, &specs).expect("what was read can be written");
            assert!(again.header == plan.header, "other values came back");
            written(&plan);
        }
        Err(error) => refused(&error),
    }
}

/// A refusal is a short sentence without control characters.
fn refused(error: &GgufError) {
    let sentence = error.to_string();
    assert!(
        !sentence.is_empty() && sentence.len() <= SENTENCE_BYTES_MAX,
        "{} bytes: {sentence}",
        sentence.len()
    );
    assert!(!sentence.chars().any(char::is_control), "{sentence:?}");
}

/// What the reader promises of a header, and what is made of it.
fn accepted(bytes: &[u8], header: GgufHeader) {
    assert!(header.header_bytes <= bytes.len() as u64);
    assert!(header.data.begin >= header.header_bytes);
    let mut places: Vec<(u64, u64)> = Vec::new();
    for tensor in &header.tensors {
        assert!((1..=limits::DIMENSIONS_MAX as usize).contains(&tensor.shape.len()));
        let elements = tensor.shape.iter().try_fold(1u64, |product, extent| product.checked_mul(*extent));
        assert_eq!(elements, Some(tensor.elements()));
        assert_eq!(tensor.kind.bytes_of(tensor.elements()), Some(tensor.bytes));
        assert!(tensor.bytes > 0 && tensor.offset.is_multiple_of(header.data.alignment));
        let begin = header.data.begin.checked_add(tensor.offset).expect("a place in the file");
        let end = begin.checked_add(tensor.bytes).expect("a place in the file");
        assert!(end <= header.file_bytes, "{tensor:?} ends after the file");
        places.push((begin, end));
    }
    places.sort_unstable();
    assert!(places.windows(2).all(|pair| pair[0].1 <= pair[1].0), "tensors overlap");
    if let Ok(metadata) = contents(bytes, &header) {
        let specs: Vec<TensorSpec> = header.tensors.iter().map(spec).collect();
        let plan = GgufPlan::new(&metadata, &specs).expect("what was read can be written");
        let again = contents(&plan.header, &reread(&plan)).expect("what was written can be read");
        let again = GgufPlan::new(&again, &specs).expect("what was read can be written");
        assert!(again.header == plan.header, "other values came back");
    }
    let files = ModelFiles::from_parts(vec![(PathBuf::from("model.gguf"), header)]);
    match files {
        Ok(files) => {
            let facts = facts_of(&files, "fuzzed");
            if let Err(error) = check_runnable(&facts) {
                assert!(!error.to_string().is_empty());
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// The header of a planned file whose data need not exist.
fn reread(plan: &GgufPlan) -> GgufHeader {
    let header =
        GgufHeader::read_from(plan.header.as_slice(), plan.file_bytes).expect("what was planned can be read");
    assert_eq!(header.tensors, plan.tensors);
    assert_eq!((header.data.begin, header.data.alignment), (plan.header.len() as u64, plan.alignment));
    header
}

/// The whole file, when it is small: as long as planned, and accepted.
fn written(plan: &GgufPlan) {
    if plan.file_bytes - plan.header.len() as u64 > WRITTEN_BYTES_MAX {
        return;
    }
    let mut writer = GgufWriter::begin(Vec::new(), plan).expect("memory takes everything");
    for tensor in &plan.tensors {
        // In uneven pieces.
        for piece in vec![7; tensor.bytes as usize].chunks(1009) {
            writer.data(piece).expect("the announced length");
        }
    }
    let file = writer.finish().expect("the announced length");
    assert_eq!(file.len() as u64, plan.file_bytes);
    GgufHeader::read_at(&file).expect("what was written can be read");
}

/// Everything the metadata hold; arrays are read from the file.
fn contents(bytes: &[u8], header: &GgufHeader) -> Result<Vec<MetadataEntry>, GgufError> {
    let content = |value: &Value| -> Result<Content, GgufError> {
        match value {
            Value::Scalar(scalar) => Ok(Content::Scalar(scalar.clone())),
            Value::Items(info, items) => {
                assert_eq!(items.len() as u64, info.count);
                assert!(items.iter().all(|item| item.kind() == info.kind));
                Ok(Content::Array(info.kind, items.clone()))
            }
            Value::Array(info) => {
                assert!(info.offset + info.bytes <= header.header_bytes);
                let items = header.load_array(bytes, *info)?;
                assert_eq!(items.len() as u64, info.count);
                Ok(Content::Array(info.kind, items))
            }
        }
    };
    header.metadata.iter().map(|(key, value)| Ok((key.clone(), content(value)?))).collect()
}

fn spec(tensor: &dyno_models::gguf::TensorInfo) -> TensorSpec {
    TensorSpec { name: tensor.name.clone(), shape: tensor.shape.clone(), kind: tensor.kind }
}

/// Gives its bytes in pieces of ever other size.
struct Morsels<'a> {
    bytes: &'a [u8],
    next: usize,
}

impl Read for Morsels<'_> {
    fn read(&mut self, target: &mut [u8]) -> std::io::Result<usize> {
        let count = self.bytes.len().min(target.len()).min(self.next);
        target[..count].copy_from_slice(&self.bytes[..count]);
        self.bytes = &self.bytes[count..];
        self.next = (self.next * 7 + 1) % 1013;
        self.next = self.next.max(1);
        Ok(count)
    }
}
