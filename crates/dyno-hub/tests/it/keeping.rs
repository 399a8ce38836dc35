//! The cache over time: damage, lost records, pins, use, other programs' files.

use std::fs::OpenOptions;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use dyno_hub::{EntryKind, HubError, Origin, Verdict};
use dyno_models::SynthSpec;

use crate::stand_in::StandIn;
use crate::world::{World, honest, hub_with, model, sha256};

fn overwrite(path: &Path, at: u64, bytes: &[u8]) {
    let mut file = OpenOptions::new().write(true).open(path).unwrap();
    file.seek(SeekFrom::Start(at)).unwrap();
    file.write_all(bytes).unwrap();
}

fn rows(world: &World) -> Vec<dyno_hub::Row> {
    world.library().list(&world.job()).unwrap()
}

#[test]
fn damaged_files_are_set_aside_and_fetched_again() {
    let content = model("q8_0");
    let hub = hub_with(&content, |_, answer| answer);
    let world = World::new(&hub);
    let file = world.find("hf:o/r").unwrap().files.remove(0);
    let damages: [&dyn Fn(); 3] = [
        &|| OpenOptions::new().write(true).open(&file).unwrap().set_len(100).unwrap(),
        &|| overwrite(&file, 40, b"XXXX"),
        // In the weights: only the time tells, and then the digest.
        &|| overwrite(&file, content.len() as u64 - 5, &[content[content.len() - 5] ^ 1]),
    ];
    for (count, damage) in damages.iter().enumerate() {
        damage();
        let found = world.find("hf:o/r").unwrap();
        assert_eq!(found.origin, Origin::Fetched, "{count}");
        assert!(std::fs::read(&found.files[0]).unwrap() == content);
        let aside = world.files().iter().filter(|name| name.starts_with("damaged/")).count();
        assert_eq!(aside, count + 1);
    }
    assert!(world.said("it was set aside as"));
    let pruned = world.library().prune(None, &world.job()).unwrap();
    assert!(pruned.cleared_bytes > 0 && pruned.removed.is_empty());
    assert!(!world.files().iter().any(|name| name.starts_with("damaged/")));
}

#[test]
fn a_file_that_was_only_touched_stays() {
    let hub = hub_with(&model("q8_0"), |_, answer| answer);
    let world = World::new(&hub);
    let file = world.find("hf:o/r").unwrap().files.remove(0);
    let later = std::time::SystemTime::now() + std::time::Duration::from_secs(60);
    OpenOptions::new().write(true).open(&file).unwrap().set_modified(later).unwrap();
    let before = rows(&world)[0].entry.files[0].modified_unix_ns;
    assert_eq!(world.find("hf:o/r").unwrap().origin, Origin::Cache);
    assert!(rows(&world)[0].entry.files[0].modified_unix_ns > before, "the next check is cheap again");
}

#[test]
fn verify_reads_every_byte() {
    let content = model("q4_0");
    let hub = hub_with(&content, |_, answer| answer);
    let world = World::new(&hub);
    let file = world.find("hf:o/r").unwrap().files.remove(0);
    let library = world.library();
    let verdicts = |text: Option<&str>| -> Vec<Verdict> {
        library.verify(text, &world.job()).unwrap().into_iter().map(|checked| checked.verdict).collect()
    };
    assert_eq!(verdicts(None), [Verdict::Sound]);
    // A flipped bit with the old time: the cheap check cannot see it.
    let time = file.metadata().unwrap().modified().unwrap();
    overwrite(&file, content.len() as u64 - 1, &[content[content.len() - 1] ^ 1]);
    OpenOptions::new().write(true).open(&file).unwrap().set_modified(time).unwrap();
    assert_eq!(world.find("hf:o/r").unwrap().origin, Origin::Cache);
    assert!(
        matches!(verdicts(Some("hf:o/r")).as_slice(), [Verdict::Damaged { reason }] if reason.contains(&sha256(&content)))
    );
    assert!(rows(&world).is_empty() && !file.exists());
    assert_eq!(verdicts(None), []);
}

#[test]
fn a_lost_or_damaged_index_is_made_again_from_the_files() {
    let content = model("q8_0");
    let hub = hub_with(&content, |_, answer| answer);
    let world = World::new(&hub);
    let file = world.find("hf:o/r:q8_0").unwrap().files.remove(0);
    let index = world.cache().join("index");
    let record = std::fs::read_dir(&index).unwrap().next().unwrap().unwrap().path();
    let json = std::fs::read(&record).unwrap();
    for torn in [&b""[..], b"{", &json[..json.len() / 2], b"\xff\xfe\x00", b"{\"schema\":\"dyno.cache/9\"}"] {
        std::fs::write(&record, torn).unwrap();
        let rows = rows(&world);
        assert_eq!((rows.len(), rows[0].name.as_str()), (1, "hf:o/r:m-Q8_0.gguf"));
        assert_eq!(rows[0].entry.files[0].sha256, Some(sha256(&content)), "the digest lies beside the file");
        assert!(world.said("made again from the files"));
    }
    std::fs::remove_dir_all(&index).unwrap();
    let before = hub.sent_bytes();
    assert_eq!(world.find("hf:o/r:m-Q8_0.gguf").unwrap().files, [file]);
    assert_eq!(world.find("hf:o/r:q8_0").unwrap().origin, Origin::Cache, "the hub knows what the words mean");
    assert_eq!(hub.sent_bytes(), before, "no model was lost");
    // The other way round: a record whose files are gone.
    std::fs::remove_dir_all(world.cache().join("hub")).unwrap();
    assert!(rows(&world).is_empty() && world.said("its files are gone"));
}

#[test]
fn pinned_and_used_models_stay_and_others_go() {
    let (one, two) = (model("q8_0"), model("q4_0"));
    let hub = StandIn::start(move |request| honest(request, &[("a.gguf", &one), ("b.gguf", &two)]));
    let world = World::new(&hub);
    let library = world.library();
    drop(world.find("hf:o/r:a.gguf").unwrap());
    let used = world.find("hf:o/r:b.gguf").unwrap();
    library.pin("hf:o/r:a.gguf", true, &world.job()).unwrap();
    assert!(library.prune(Some(0), &world.job()).unwrap().removed.is_empty());
    let error = library.remove("a.gguf", &world.job()).unwrap_err().to_string();
    assert!(error.contains("pinned") && error.contains("unpin"), "{error}");
    let error = library.remove("b.gguf", &world.job()).unwrap_err().to_string();
    assert!(error.contains("in use"), "{error}");
    assert!(library.show("b.gguf", &world.job()).unwrap().in_use);
    drop(used);
    assert_eq!(library.prune(Some(0), &world.job()).unwrap().removed, ["hf:o/r:b.gguf"]);
    library.pin("a.gguf", false, &world.job()).unwrap();
    library.remove("a.gguf", &world.job()).unwrap();
    assert!(rows(&world).is_empty() && world.files().is_empty(), "{:?}", world.files());
}

#[test]
fn names_that_mean_nothing_or_too_much_are_answered() {
    let (one, two) = (model("q8_0"), model("q4_0"));
    let hub = StandIn::start(move |request| honest(request, &[("a.gguf", &one), ("b.gguf", &two)]));
    let world = World::new(&hub);
    world.find("hf:o/r:a.gguf").unwrap();
    let library = world.library();
    assert_eq!(library.show("hf:o/r", &world.job()).unwrap().name, "hf:o/r:a.gguf");
    world.find("hf:o/r:b.gguf").unwrap();
    let error = library.show("hf:o/r", &world.job()).unwrap_err();
    assert!(matches!(error, HubError::Ambiguous { .. }) && error.is_bad_input(), "{error}");
    let error = library.show("hf:o/r:aa.gguf", &world.job()).unwrap_err();
    assert!(error.is_bad_input() && error.to_string().contains("did you mean hf:o/r:a.gguf?"), "{error}");
}

#[test]
fn synthetic_models_are_entries_and_strangers_are_left_alone() {
    let hub = StandIn::start(|request| honest(request, &[]));
    let world = World::new(&hub);
    let library = world.library();
    let spec = SynthSpec::parse("tiny-llama@q4_0", 0).unwrap();
    let made = library.synthesize("synth:tiny-llama@q4_0", &spec, &mut |_, _| true, &world.job()).unwrap();
    assert_eq!(made.origin, Origin::Fetched);
    // One that was made by other means, and a file of the user.
    let other = SynthSpec::parse("tiny-llama@q8_0", 0).unwrap();
    dyno_models::synthesize(&other, world.cache(), &mut |_, _| true).unwrap();
    std::fs::write(world.cache().join("mine.gguf"), b"GGUF, or so").unwrap();
    let found = rows(&world);
    assert_eq!(found.len(), 2);
    assert!(found.iter().all(|row| row.entry.kind == EntryKind::Synthetic));
    assert_eq!(library.show("synth:tiny-llama@q8_0", &world.job()).unwrap().name, other.file_name());
    let again = |world: &World| {
        library.synthesize("synth:tiny-llama@q4_0", &spec, &mut |_, _| true, &world.job()).unwrap()
    };
    assert_eq!(again(&world).origin, Origin::Cache);
    // Damage is noticed and mended.
    overwrite(&made.files[0], 40, b"XXXX");
    assert_eq!(again(&world).origin, Origin::Fetched);
    assert!(world.said("it was set aside"));
    drop(made);
    let removed = library.prune(Some(0), &world.job()).unwrap().removed;
    assert_eq!(removed.len(), 2, "{removed:?}");
    assert_eq!(world.files(), ["mine.gguf"]);
}

#[test]
fn quantizations_of_a_model_are_one_entry_kept_while_used() {
    let hub = StandIn::start(|request| honest(request, &[]));
    let world = World::new(&hub);
    let library = world.library();
    let folder = world.cache().join("quantized/0123abcd-engine-1");
    let put = |label: &str| {
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(format!("m-{label}.gguf")), model(label)).unwrap();
    };
    let keep = || library.keep_quantized("0123abcd-engine-1", "quantizations of m", &world.job()).unwrap();
    put("q8_0");
    // Found without a record, too.
    let unnamed = rows(&world).remove(0);
    assert_eq!((unnamed.entry.kind, unnamed.name.as_str()), (EntryKind::Quantized, "0123abcd-engine-1"));
    let lease = keep();
    put("q4_0");
    drop(keep());
    let row = rows(&world).remove(0);
    assert_eq!((row.name.as_str(), row.paths.len()), ("quantizations of m", 2));
    assert_eq!(library.size(&world.job()).unwrap().models_bytes, row.bytes);
    assert!(library.prune(Some(0), &world.job()).unwrap().removed.is_empty(), "it is in use");
    drop(lease);
    // Without one file the others are still what they are.
    std::fs::remove_file(folder.join("m-q8_0.gguf")).unwrap();
    assert_eq!(rows(&world)[0].paths, [folder.join("m-q4_0.gguf")]);
    assert_eq!(library.prune(Some(0), &world.job()).unwrap().removed.len(), 1);
    assert!(!world.files().iter().any(|name| name.starts_with("quantized/")), "{:?}", world.files());
}

#[test]
fn size_counts_models_and_remains() {
    let content = model("q8_0");
    let hub = hub_with(&content, |_, answer| answer);
    let world = World::new(&hub);
    let empty = world.library().size(&world.job()).unwrap();
    assert_eq!((empty.models, empty.models_bytes), (0, 0));
    assert!(!world.cache().exists(), "asking makes nothing");
    world.find("hf:o/r").unwrap();
    let size = world.library().size(&world.job()).unwrap();
    assert_eq!((size.models, size.models_bytes), (1, content.len() as u64));
    assert_eq!((size.unfinished_bytes, size.damaged_bytes, size.max_bytes), (0, 0, 50 << 30));
    assert!(size.free_bytes > 0);
}

#[test]
#[cfg(unix)]
fn files_of_the_huggingface_cache_are_used_where_they_lie() {
    let hub = StandIn::start(|request| honest(request, &[]));
    let mut world = World::new(&hub);
    let repo = world.path("hf/models--o--r");
    std::fs::create_dir_all(repo.join("snapshots/abc")).unwrap();
    std::fs::create_dir_all(repo.join("refs")).unwrap();
    std::fs::create_dir_all(repo.join("blobs")).unwrap();
    std::fs::write(repo.join("refs/main"), "abc").unwrap();
    std::fs::write(repo.join("blobs/b"), model("q4_0")).unwrap();
    std::os::unix::fs::symlink("../../blobs/b", repo.join("snapshots/abc/m-q4_0.gguf")).unwrap();
    world.settings.huggingface_cache = Some(world.path("hf"));
    let found = world.find("hf:o/r:q4_0").unwrap();
    assert_eq!(found.origin, Origin::HuggingFaceCache);
    assert_eq!(found.files, [repo.join("snapshots/abc/m-q4_0.gguf")]);
    assert!(hub.seen().is_empty() && rows(&world).is_empty());
}

#[test]
fn offline_the_cache_serves_and_the_best_guess_will_do() {
    let content = model("q8_0");
    let hub = hub_with(&content, |_, answer| answer);
    let mut world = World::new(&hub);
    world.find("hf:o/r:m-Q8_0.gguf").unwrap();
    drop(hub);
    world.settings.offline = true;
    for text in ["hf:o/r:m-Q8_0.gguf", "hf:o/r:q8_0", "hf:o/r"] {
        assert_eq!(world.find(text).unwrap().origin, Origin::Cache, "{text}");
    }
    assert!(matches!(world.find("hf:o/r:q4_0"), Err(HubError::Offline { .. })));
    assert_eq!(world.pull("hf:o/r").unwrap().origin, Origin::Cache, "it is there, and that is said");
    assert!(matches!(world.pull("hf:o/r:q4_0"), Err(HubError::Offline { .. })));
}

#[test]
fn a_hub_that_cannot_be_reached_hides_no_cached_model() {
    let content = model("q8_0");
    let hub = hub_with(&content, |_, answer| answer);
    let world = World::new(&hub);
    world.find("hf:o/r:m-Q8_0.gguf").unwrap();
    drop(hub);
    for text in ["hf:o/r:q8_0", "hf:o/r"] {
        assert_eq!(world.find(text).unwrap().origin, Origin::Cache, "{text}");
        assert!(world.said("cannot be asked"), "{text}");
    }
    let names = &rows(&world)[0].entry.names;
    assert_eq!(*names, ["hf:o/r:m-Q8_0.gguf"], "a guess is no name");
    assert!(matches!(world.find("hf:o/r:q4_0"), Err(HubError::Unreachable { .. })));
    assert!(matches!(world.find("hf:o/r@v2"), Err(HubError::Unreachable { .. })));
    assert!(matches!(world.pull("hf:o/r"), Err(HubError::Unreachable { .. })), "nothing new came");
}

#[test]
fn a_newer_file_under_the_same_name_is_another_model() {
    let contents = [model("q8_0"), model("q4_0")];
    let (served, newer) = (contents.clone(), Arc::new(AtomicUsize::new(0)));
    let now = Arc::clone(&newer);
    let hub =
        StandIn::start(move |request| honest(request, &[("m.gguf", &served[now.load(Ordering::Relaxed)])]));
    let world = World::new(&hub);
    let old = world.find("hf:o/r").unwrap();
    newer.store(1, Ordering::Relaxed);
    let kept = world.find("hf:o/r").unwrap();
    assert_eq!((kept.origin, &kept.files), (Origin::Cache, &old.files), "what is there is used");
    let new = world.pull("hf:o/r").unwrap();
    assert_eq!(new.origin, Origin::Fetched);
    assert!(std::fs::read(&new.files[0]).unwrap() == contents[1]);
    assert_eq!(world.find("hf:o/r").unwrap().files, new.files, "the name leads to the new one from now on");
    assert!(std::fs::read(&old.files[0]).unwrap() == contents[0], "the old one stays until it is evicted");
    assert_eq!(rows(&world).len(), 2);
}
