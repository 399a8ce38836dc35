//! The fuzzer's seeds, changed in many ways, through the fuzzer's own trial; and what the reader may cost.

use std::io::Cursor;
use std::path::PathBuf;

use dyno_models::gguf::{
    Content, GgufHeader, GgufPlan, MAGIC, MetadataEntry, Scalar, ScalarKind, TensorSpec, TensorType, Value,
};
use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::trial;

/// Changed copies of every seed.
const MUTANTS: u32 = 200;
/// Most memory per byte of a header, bytes.
const MEMORY_FACTOR: u64 = 8;
/// Memory on top of that, bytes: the buffer, and short arrays that are kept whole.
const MEMORY_BYTES: u64 = 3 * 1024 * 1024;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds/gguf_header")
}

/// The inputs that fuzzing begins with, by name.
fn seeds() -> Vec<(String, Vec<u8>)> {
    let mut seeds: Vec<_> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap()))
        .collect();
    seeds.sort();
    assert!(seeds.len() > 30, "only {} seeds in {}", seeds.len(), folder().display());
    seeds
}

fn seed(name: &str) -> Vec<u8> {
    std::fs::read(folder().join(name)).unwrap()
}

/// The trial, and the memory of reading alone.
fn try_out(bytes: &[u8]) {
    trial::header(bytes);
    let memory = allocation_counter::measure(|| drop(GgufHeader::read_at(bytes)));
    assert_within(memory.bytes_max, bytes.len() as u64);
}

fn assert_within(memory_bytes: u64, header_bytes: u64) {
    let most = MEMORY_FACTOR * header_bytes + MEMORY_BYTES;
    assert!(memory_bytes <= most, "{memory_bytes} bytes of memory for {header_bytes} bytes of header");
}

/// A copy with a few things changed, as a fuzzer would.
fn mutant(seed: &[u8], random: &mut Xoshiro256PlusPlus) -> Vec<u8> {
    const NUMBERS: [u64; 8] = [0, 1, 0x7f, 0xffff, 0xffff_ffff, 1 << 62, 1 << 63, u64::MAX];
    let mut bytes = seed.to_vec();
    for _ in 0..=random.next_u32() % 4 {
        let place = |random: &mut Xoshiro256PlusPlus| random.next_u32() as usize % (bytes.len() + 1);
        let (one, other) = (place(random), place(random));
        let (begin, end) = (one.min(other), one.max(other));
        match random.next_u32() % 6 {
            0 => bytes.truncate(one),
            1 => drop(bytes.drain(begin..end.min(begin + 32))),
            2 => {
                let piece = bytes[begin..end.min(begin + 64)].to_vec();
                bytes.splice(one..one, piece);
            }
            3 => {
                let number = NUMBERS[random.next_u32() as usize % NUMBERS.len()].to_le_bytes();
                let width = [1, 4, 8][random.next_u32() as usize % 3];
                let end = (one + width).min(bytes.len());
                bytes[one..end].copy_from_slice(&number[..end - one]);
            }
            _ => {
                if let Some(byte) = bytes.get_mut(one) {
                    *byte ^= 1 << (random.next_u32() % 8);
                }
            }
        }
    }
    bytes
}

#[test]
fn seeds_and_their_mutants_keep_every_promise() {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(3);
    for (name, bytes) in seeds() {
        try_out(&bytes);
        for number in 0..MUTANTS {
            let mutant = mutant(&bytes, &mut random);
            let outcome = std::panic::catch_unwind(|| try_out(&mutant));
            assert!(outcome.is_ok(), "mutant {number} of {name}: {mutant:02x?}");
        }
    }
}

#[test]
fn every_truncation_and_every_change_of_one_byte_is_refused_or_keeps_every_promise() {
    let good = seed("edge-one-of-each");
    trial::with_room(&good).unwrap();
    for length in 0..good.len() {
        try_out(&good[..length]);
    }
    for place in 0..good.len() {
        for changed in [0, 0xff, good[place] ^ 1, good[place] ^ 0x80, good[place].wrapping_add(1)] {
            let mut bytes = good.clone();
            bytes[place] = changed;
            try_out(&bytes);
        }
    }
}

#[test]
fn every_number_of_a_model_may_be_anything() {
    for (name, bytes) in seeds().into_iter().filter(|(name, _)| name.starts_with("facts-")) {
        let header = trial::with_room(&bytes).unwrap();
        let content = |value: &Value| match value {
            Value::Scalar(scalar) => Content::Scalar(scalar.clone()),
            Value::Items(info, items) => Content::Array(info.kind, items.clone()),
            Value::Array(_) => panic!("{name}: short arrays only"),
        };
        let metadata: Vec<MetadataEntry> =
            header.metadata.iter().map(|(key, value)| (key.clone(), content(value))).collect();
        for (index, (key, content)) in metadata.iter().enumerate() {
            if !matches!(content, Content::Scalar(Scalar::U64(_))) {
                continue;
            }
            for number in [0, 1, 3, 513, 1 << 32, 1 << 63, u64::MAX] {
                let mut changed = metadata.clone();
                changed[index].1 = Content::Scalar(Scalar::U64(number));
                let bytes = GgufPlan::new(&changed, &[]).unwrap().header;
                let outcome = std::panic::catch_unwind(|| trial::header(&bytes));
                assert!(outcome.is_ok(), "{name} with {key} {number}");
            }
        }
    }
}

#[test]
fn good_seeds_are_accepted() {
    let accepted =
        seeds().into_iter().filter(|(name, _)| name.starts_with("synth-") || name.starts_with("facts-"));
    for (name, bytes) in accepted {
        let read = trial::with_room(&bytes);
        assert!(read.is_ok(), "{name}: {}", read.unwrap_err());
    }
}

#[test]
fn memory_follows_the_header_and_not_what_it_claims() {
    // A few bytes that claim as much as they can, at the beginning of a file that is said to be vast.
    for name in
        ["edge-array-of-64-mi", "edge-strings-of-64-mi", "edge-longest-string", "edge-most-tensors-and-keys"]
    {
        let bytes = seed(name);
        let memory = allocation_counter::measure(|| {
            GgufHeader::read_from(Cursor::new(&bytes), 1 << 40).unwrap_err();
            GgufHeader::read_at(&bytes).unwrap_err();
        });
        assert!(memory.bytes_max < 1024 * 1024, "{name}: {} bytes", memory.bytes_max);
    }
}

#[test]
fn memory_is_a_small_multiple_of_the_densest_headers() {
    let number = |index: usize| (format!("{index:x}"), Content::Scalar(Scalar::U8(1)));
    let list =
        |index: usize| (format!("{index:x}"), Content::Array(ScalarKind::U8, vec![Scalar::U8(1); 1024]));
    let tensor =
        |index: usize| TensorSpec { name: format!("{index:x}"), shape: vec![1], kind: TensorType::I8 };
    let plans = [
        GgufPlan::new(&(0..65_536).map(number).collect::<Vec<_>>(), &[]).unwrap(),
        GgufPlan::new(&(0..2000).map(list).collect::<Vec<_>>(), &[]).unwrap(),
        GgufPlan::new(&[], &(0..200_000).map(tensor).collect::<Vec<_>>()).unwrap(),
    ];
    for plan in plans {
        let memory = allocation_counter::measure(|| {
            GgufHeader::read_from(Cursor::new(&plan.header), plan.file_bytes).unwrap();
        });
        assert_within(memory.bytes_max, plan.header.len() as u64);
    }
}

#[test]
fn an_array_too_long_to_be_loaded_is_refused_before_it_is_read() {
    let claim = [9u32.to_le_bytes(), 0u32.to_le_bytes()].concat();
    let count = (5u64 << 20).to_le_bytes();
    let key = [&1u64.to_le_bytes()[..], b"k"].concat();
    let counts = [0u64.to_le_bytes(), 1u64.to_le_bytes()].concat();
    let start = [&MAGIC[..], &3u32.to_le_bytes(), &counts, &key, &claim, &count].concat();
    let file = [start, vec![0; 5 << 20]].concat();
    let header = GgufHeader::read_at(&file).unwrap();
    let info = header.array("k").unwrap();
    let memory = allocation_counter::measure(|| {
        let error = header.load_array(&file, info).unwrap_err().to_string();
        assert!(error.contains("5242880, more than the 4194304"), "{error}");
    });
    assert!(memory.bytes_max < 4096);
}

/// A file that claims to have this many bytes and has only its beginning.
struct Sparse {
    beginning: Vec<u8>,
    length: u64,
}

impl dyno_models::gguf::ReadAt for Sparse {
    fn length(&self) -> std::io::Result<u64> {
        Ok(self.length)
    }

    fn read_exact_at(&self, target: &mut [u8], offset: u64) -> std::io::Result<()> {
        target.fill(0);
        let begin = (offset as usize).min(self.beginning.len());
        let piece = &self.beginning[begin..self.beginning.len().min(begin + target.len())];
        target[..piece.len()].copy_from_slice(piece);
        Ok(())
    }
}

#[test]
fn a_file_goes_on_behind_its_last_tensor_for_padding_alone() {
    let tensor = TensorSpec { name: "t".to_owned(), shape: vec![8], kind: TensorType::F32 };
    let plan = GgufPlan::new(&[], &[tensor]).unwrap();
    let mut writer = dyno_models::gguf::GgufWriter::begin(Cursor::new(Vec::new()), &plan).unwrap();
    writer.data(&[0; 32]).unwrap();
    let whole = writer.finish().unwrap().into_inner();
    let length = whole.len() as u64;
    for (more, accepted) in [(0, true), (31, true), (4096, true), (5000, false), (1 << 40, false)] {
        let source = Sparse { beginning: whole.clone(), length: length + more };
        let outcome = GgufHeader::read_at(source);
        assert_eq!(outcome.is_ok(), accepted, "{more}");
        if let Err(error) = outcome {
            assert!(error.to_string().contains("behind its last tensor"), "{error}");
        }
    }
}
