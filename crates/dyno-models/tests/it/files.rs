//! What a path may be besides a good file.

use std::fs::File;
use std::io::Write;

use dyno_models::gguf::{GgufHeader, GgufPlan, TensorSpec, TensorType};
use dyno_models::read_facts;

#[test]
fn paths_that_are_no_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let says = |path: &std::path::Path, text: &str| {
        let error = read_facts(path, "x").unwrap_err().to_string();
        assert!(error.contains(text) && error.contains(path.to_str().unwrap()), "{error}");
    };
    says(folder.path(), "directory");
    says(&folder.path().join("missing.gguf"), "does not exist");
    let error = GgufHeader::read(&folder.path().join("missing.gguf")).unwrap_err().to_string();
    assert!(error.contains("cannot be read"), "{error}");
    says(std::path::Path::new("/dev/null"), "not a regular file");
    let empty = folder.path().join("empty.gguf");
    File::create(&empty).unwrap();
    says(&empty, "empty");
    let pipe = folder.path().join("pipe.gguf");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    says(&pipe, "not a regular file");
}

#[test]
fn the_header_of_a_sparse_100_gb_file_is_read() {
    // 50 tensors of 2 GiB in a file that occupies a few kilobytes.
    let spec = |index: u64| TensorSpec {
        name: format!("t{index}"),
        shape: vec![1 << 20, 512],
        kind: TensorType::F32,
    };
    let plan = GgufPlan::new(&[], &(0..50).map(spec).collect::<Vec<_>>()).unwrap();
    assert!(plan.file_bytes > 100_000_000_000);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sparse.gguf");
    let mut file = File::create(&path).unwrap();
    file.write_all(&plan.header).unwrap();
    if let Err(error) = file.set_len(plan.file_bytes) {
        eprintln!(
            "SKIPPED: the_header_of_a_sparse_100_gb_file_is_read: no sparse file of that size here: {error}"
        );
        return;
    }
    assert_eq!(GgufHeader::read(&path).unwrap().tensors, plan.tensors);
    let facts = read_facts(&path, "x").unwrap();
    assert_eq!((facts.weights_bytes, facts.parameters), (50 << 31, 50 << 29));
    // One byte short: the last tensor reaches past the end.
    file.set_len(plan.file_bytes - 1).unwrap();
    let error = read_facts(&path, "x").unwrap_err().to_string();
    assert!(error.contains("t49") && error.contains("needs bytes"), "{error}");
}
