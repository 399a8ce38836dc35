//! Models in several files.

use std::path::{Path, PathBuf};

use dyno_models::gguf::{Content, GgufPlan, GgufWriter, MetadataEntry, Scalar, TensorSpec, TensorType};
use dyno_models::{ModelError, read_facts, resolve};

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

fn three_parts(folder: &Path) -> Vec<PathBuf> {
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
