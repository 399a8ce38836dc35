//! Models in several files.

use std::path::{Path, PathBuf};

use dyno_models::gguf::{
    Content, GgufHeader, GgufPlan, GgufWriter, MetadataEntry, Scalar, TensorSpec, TensorType,
};
use dyno_models::{ModelError, ModelFiles, read_facts, resolve};
use proptest::prelude::*;

fn number(key: &str, value: u16) -> MetadataEntry {
    (key.to_owned(), Content::Scalar(Scalar::U16(value)))
}

/// Writes part `index` (from 0) of `count` with one tensor; the first also carries the architecture.
fn write_part(folder: &Path, index: u16, count: u16, tensor: &str) -> PathBuf {
    let mut metadata =
        vec![number("split.no", index), number("split.count", count), number("split.tensors.count", count)];
    if index == 0 {
        metadata.push(("general.architecture".into(), Content::Scalar(Scalar::String("llama".into()))));
    }
    let spec = TensorSpec { name: tensor.to_owned(), shape: vec![32], kind: TensorType::Q8_0 };
    let plan = GgufPlan::new(&metadata, &[spec]).unwrap();
    let mut writer = GgufWriter::begin(Vec::new(), &plan).unwrap();
    writer.data(&[0; 34]).unwrap();
    let path = folder.join(format!("model-{:05}-of-{count:05}.gguf", index + 1));
    std::fs::write(&path, writer.finish().unwrap()).unwrap();
    path
}

/// A model of three parts.
pub(crate) fn three_parts(folder: &Path) -> Vec<PathBuf> {
    (0..3).map(|index| write_part(folder, index, 3, &format!("t{index}"))).collect()
}

#[test]
fn a_split_model_is_one_model_by_any_of_its_parts() {
    let folder = tempfile::tempdir().unwrap();
    let parts = three_parts(folder.path());
    for part in &parts {
        let resolved = resolve(part.to_str().unwrap(), folder.path(), &mut |_, _| true).unwrap();
        assert_eq!(resolved, parts[0], "engines want the first part");
        let facts = read_facts(part, "x").unwrap();
        assert_eq!((facts.parameters, facts.weights_bytes, facts.architecture.as_str()), (96, 102, "llama"));
        let sizes: u64 = parts.iter().map(|part| std::fs::metadata(part).unwrap().len()).sum();
        assert_eq!(facts.file_bytes, sizes);
    }
}

#[test]
fn a_missing_part_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let parts = three_parts(folder.path());
    std::fs::remove_file(&parts[1]).unwrap();
    let error = read_facts(&parts[0], "x").unwrap_err();
    assert!(
        matches!(&error, ModelError::PartMissing { number: 2, count: 3, path } if *path == parts[1]),
        "{error}"
    );
    assert!(error.to_string().contains("model-00002-of-00003.gguf"));
}

#[test]
fn parts_that_do_not_belong_together_are_refused() {
    let refused = |spoil: &dyn Fn(&Path), sentence: &str| {
        let folder = tempfile::tempdir().unwrap();
        let parts = three_parts(folder.path());
        spoil(folder.path());
        let error = read_facts(&parts[0], "x").unwrap_err().to_string();
        assert!(error.contains(sentence), "{error}");
    };
    let name = |number: u32| format!("model-{number:05}-of-00003.gguf");
    refused(&|folder| drop(write_part(folder, 1, 3, "t0")), "tensor \"t0\" is in another part too");
    refused(
        &|folder| {
            std::fs::rename(folder.join(name(3)), folder.join(name(2)))
                .and(std::fs::copy(folder.join(name(1)), folder.join(name(3))).map(drop))
                .unwrap()
        },
        "its number inside is not 2",
    );
    let other_count = |folder: &Path| {
        let other = tempfile::tempdir().unwrap();
        let part = write_part(other.path(), 1, 2, "t1");
        std::fs::copy(part, folder.join(name(2))).unwrap();
    };
    refused(&other_count, "does not say that there are 3 parts");
    refused(&|folder| std::fs::write(folder.join(name(2)), b"GGUF").unwrap(), "ends too early");
}

#[test]
fn a_renamed_part_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let parts = three_parts(folder.path());
    let renamed = folder.path().join("model.gguf");
    std::fs::rename(&parts[0], &renamed).unwrap();
    let error = read_facts(&renamed, "x").unwrap_err();
    assert!(matches!(error, ModelError::PartRenamed { count: 3, .. }), "{error}");
}

#[test]
fn headers_read_elsewhere_are_checked_as_those_of_files_are() {
    let folder = tempfile::tempdir().unwrap();
    let parts: Vec<_> = three_parts(folder.path())
        .into_iter()
        .map(|path| (path.clone(), GgufHeader::read(&path).unwrap()))
        .collect();
    assert_eq!(ModelFiles::from_parts(parts.clone()).unwrap().parts, parts);
    let refused = |parts: Vec<_>| ModelFiles::from_parts(parts).unwrap_err();
    assert!(matches!(refused(Vec::new()), ModelError::NoParts));
    assert!(matches!(refused(parts[..1].to_vec()), ModelError::PartMismatch { .. }), "one part alone");
    assert!(matches!(refused(parts[..2].to_vec()), ModelError::PartMismatch { .. }), "the last is missing");
}

#[test]
fn names_that_number_no_part_are_refused() {
    for number in ["00000", "00004", "+0001", "0001", "0x001"] {
        let folder = tempfile::tempdir().unwrap();
        let parts = three_parts(folder.path());
        let renamed = folder.path().join(format!("model-{number}-of-00003.gguf"));
        std::fs::copy(&parts[0], &renamed).unwrap();
        let error = read_facts(&renamed, "x").unwrap_err();
        assert!(matches!(error, ModelError::PartRenamed { count: 3, .. }), "{number}: {error}");
    }
}

#[test]
fn a_number_of_parts_that_is_no_number_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    for value in [Scalar::String("2".into()), Scalar::I32(-1), Scalar::Bool(true)] {
        let plan = GgufPlan::new(&[("split.count".to_owned(), Content::Scalar(value))], &[]).unwrap();
        std::fs::write(&path, plan.header).unwrap();
        let error = read_facts(&path, "x").unwrap_err().to_string();
        assert!(error.contains("split.count is not a whole number"), "{error}");
    }
}

/// What is done to one part of a good set.
#[derive(Debug, Clone, Copy)]
enum Spoil {
    Nothing,
    Removed,
    /// In the place of another one, which takes its place.
    Swapped,
    /// From a model of another architecture.
    Foreign,
    OtherCount,
    Cut,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_set_is_whole_or_refused_by_whichever_part_it_is_opened(
        count in 2u16..6,
        chosen in any::<proptest::sample::Index>(),
        opened in any::<proptest::sample::Index>(),
        spoil in proptest::sample::select(vec![
            Spoil::Nothing, Spoil::Removed, Spoil::Swapped, Spoil::Foreign, Spoil::OtherCount, Spoil::Cut,
        ]),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let parts: Vec<PathBuf> =
            (0..count).map(|index| write_part(folder.path(), index, count, &format!("t{index}"))).collect();
        let chosen = chosen.index(parts.len());
        let other = (chosen + 1) % parts.len();
        match spoil {
            Spoil::Nothing => {}
            Spoil::Removed => std::fs::remove_file(&parts[chosen]).unwrap(),
            Spoil::Swapped => {
                let (one, two) = (std::fs::read(&parts[chosen]).unwrap(), std::fs::read(&parts[other]).unwrap());
                std::fs::write(&parts[chosen], two).unwrap();
                std::fs::write(&parts[other], one).unwrap();
            }
            Spoil::Foreign => spoil_metadata(&parts[chosen], &|metadata| {
                metadata.retain(|(key, _)| key != "general.architecture");
                metadata.push(("general.architecture".into(), Content::Scalar(Scalar::String("qwen2".into()))));
            }),
            Spoil::OtherCount => spoil_metadata(&parts[chosen], &|metadata| metadata[1] = number("split.count", 9)),
            Spoil::Cut => {
                let bytes = std::fs::read(&parts[chosen]).unwrap();
                std::fs::write(&parts[chosen], &bytes[..bytes.len() / 2]).unwrap();
            }
        }
        // The other parts may lack the architecture: then the first one's is everybody's.
        let harmless = matches!(spoil, Spoil::Nothing) || matches!(spoil, Spoil::Foreign) && chosen == 0;
        let outcome = read_facts(&parts[opened.index(parts.len())], "x");
        prop_assert_eq!(outcome.is_ok(), harmless, "{:?}", outcome);
        if let Err(error) = outcome {
            prop_assert!(error.to_string().contains("gguf"), "{}", error);
        }
    }
}

/// Writes a part again with other metadata.
fn spoil_metadata(path: &Path, change: &dyn Fn(&mut Vec<MetadataEntry>)) {
    let header = GgufHeader::read(path).unwrap();
    let mut metadata: Vec<MetadataEntry> = Vec::new();
    for (key, _) in &header.metadata {
        metadata.push((key.clone(), Content::Scalar(header.scalar(key).unwrap().clone())));
    }
    change(&mut metadata);
    let tensor = &header.tensors[0];
    let spec = TensorSpec { name: tensor.name.clone(), shape: tensor.shape.clone(), kind: tensor.kind };
    let plan = GgufPlan::new(&metadata, &[spec]).unwrap();
    let mut writer = GgufWriter::begin(Vec::new(), &plan).unwrap();
    writer.data(&[0; 34]).unwrap();
    std::fs::write(path, writer.finish().unwrap()).unwrap();
}
