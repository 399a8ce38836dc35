//! Files that are replaced or written to between two looks.

use std::fs::File;
use std::path::{Path, PathBuf};

use dyno_models::{ModelError, ModelIdentity, SynthSpec, read_identified, synthesize};

fn made(folder: &Path, reference: &str) -> PathBuf {
    synthesize(&SynthSpec::parse(reference, 0).unwrap(), folder, &mut |_, _| true).unwrap()
}

/// The error's half sentence about this file.
fn difference(result: Result<(), ModelError>, file: &Path) -> String {
    match result {
        Err(ModelError::Changed { path, what }) if path == file => what,
        other => panic!("{other:?}"),
    }
}

fn keep_time(file: &Path, change: impl FnOnce()) {
    let time = file.metadata().unwrap().modified().unwrap();
    change();
    File::options().write(true).open(file).unwrap().set_modified(time).unwrap();
}

#[test]
fn another_file_another_time_and_another_header_are_another_model() {
    let folder = tempfile::tempdir().unwrap();
    let source = made(folder.path(), "tiny-llama@q8_0");
    let other = made(folder.path(), "tiny-llama@q4_0");
    let file = folder.path().join("m.gguf");
    type Change<'a> = &'a dyn Fn();
    let fresh = folder.path().join("fresh");
    let cases: [(&str, Change<'_>, &str); 6] = [
        (
            "a copy of the same bytes by rename, times kept",
            &|| {
                std::fs::copy(&source, &fresh).unwrap();
                let time = file.metadata().unwrap().modified().unwrap();
                File::options().write(true).open(&fresh).unwrap().set_modified(time).unwrap();
                std::fs::rename(&fresh, &file).unwrap();
            },
            "another file",
        ),
        (
            "another model by rename",
            &|| {
                std::fs::copy(&other, &fresh).unwrap();
                std::fs::rename(&fresh, &file).unwrap();
            },
            "another file",
        ),
        (
            "written to in place, size kept",
            &|| {
                let mut bytes = std::fs::read(&file).unwrap();
                *bytes.last_mut().unwrap() ^= 1;
                std::fs::write(&file, bytes).unwrap();
            },
            "written to",
        ),
        (
            "another model in place",
            &|| {
                std::fs::copy(&other, &file).unwrap();
            },
            "another size",
        ),
        (
            "another size, time kept",
            &|| {
                keep_time(&file, || {
                    std::fs::copy(&other, &file).unwrap();
                })
            },
            "another size",
        ),
        ("gone", &|| std::fs::remove_file(&file).unwrap(), "cannot be found"),
    ];
    for (name, change, expected) in cases {
        std::fs::copy(&source, &file).unwrap();
        // A time of its own, so that a change within the clock's tick shows.
        File::options().write(true).open(&file).unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
        let (_, identity) = read_identified(&file, "m").unwrap();
        identity.check().unwrap();
        change();
        for result in [identity.check_stamps(), identity.check()] {
            let what = difference(result, &file);
            assert!(what.contains(expected), "{name}: {what}");
        }
    }
}

#[test]
fn a_header_that_changed_behind_equal_stamps_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let file = made(folder.path(), "tiny-llama@q8_0");
    let (_, identity) = read_identified(&file, "m").unwrap();
    keep_time(&file, || {
        let mut bytes = std::fs::read(&file).unwrap();
        let at = bytes.windows(5).position(|window| window == b"llama").unwrap();
        bytes[at] = b'L';
        std::fs::write(&file, bytes).unwrap();
    });
    identity.check_stamps().unwrap();
    assert!(difference(identity.check(), &file).contains("header"));
}

#[test]
fn every_part_of_a_split_model_is_watched() {
    let folder = tempfile::tempdir().unwrap();
    let files = crate::splits::three_parts(folder.path());
    let (_, identity) = read_identified(&files[0], "m").unwrap();
    assert_eq!(identity.parts().len(), files.len());
    assert!(files.iter().all(|file| identity.holds(file)) && !identity.holds(folder.path()));
    identity.check().unwrap();
    for file in &files {
        let fresh = folder.path().join("fresh");
        std::fs::copy(file, &fresh).unwrap();
        let (_, identity) = read_identified(&files[0], "m").unwrap();
        std::fs::rename(&fresh, file).unwrap();
        assert!(difference(identity.check_stamps(), file).contains("another file"));
    }
    ModelIdentity::default().check().unwrap();
}
