//! Killed writers, damaged files and other keys cost no more than they must.

use std::path::PathBuf;

use super::*;

fn key() -> AnswerKey {
    AnswerKey {
        dyno: "1".to_owned(),
        model_sha256: "m".to_owned(),
        suite: "s".to_owned(),
        suite_sha256: "q".to_owned(),
        strategy: serde_json::json!({"name": "direct"}),
        few_shot: 0,
        template: "model".into(),
        sampling: Sampling::greedy(),
        max_tokens: 8,
        policy: None,
        backend: "b".to_owned(),
        settings: settings_that_count(&EngineSettings::default()),
        code: String::new(),
    }
}

fn item(id: &str, outcome: ItemOutcome) -> ItemResult {
    let line = serde_json::json!({"id": id, "task": "t", "outcome": outcome, "answer": "a\nb"});
    serde_json::from_value(line).unwrap()
}

fn filled(folder: &Path, ids: &[&str]) -> PathBuf {
    let mut cache = AnswerCache::open(folder, &key()).unwrap();
    for id in ids {
        cache.keep(&item(id, ItemOutcome::Correct)).unwrap();
    }
    cache.path().to_owned()
}

fn found(folder: &Path, ids: &[&str]) -> Vec<bool> {
    let cache = AnswerCache::open(folder, &key()).unwrap();
    ids.iter().map(|id| cache.get(id).is_some()).collect()
}

#[test]
fn answers_come_back_whole_and_looking_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(found(folder.path(), &["a"]), [false]);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    filled(folder.path(), &["a", "b"]);
    let cache = AnswerCache::open(folder.path(), &key()).unwrap();
    assert_eq!(cache.get("b"), Some(&item("b", ItemOutcome::Correct)));
    assert_eq!((cache.get("c"), cache.damaged()), (None, 0));
}

#[test]
fn every_part_of_the_key_counts() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path(), &["a"]);
    let others = [
        AnswerKey { max_tokens: 9, ..key() },
        AnswerKey { model_sha256: "n".to_owned(), ..key() },
        AnswerKey { sampling: Sampling { seed: 1, ..Sampling::greedy() }, ..key() },
        AnswerKey { template: serde_json::json!({"name": "model"}), ..key() },
        AnswerKey { strategy: serde_json::json!({"name": "direct", "prefix": "x"}), ..key() },
    ];
    for other in others {
        assert!(AnswerCache::open(folder.path(), &other).unwrap().get("a").is_none(), "{other:?}");
    }
}

#[test]
fn what_failed_is_asked_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut cache = AnswerCache::open(folder.path(), &key()).unwrap();
    cache.keep(&item("a", ItemOutcome::Failed { reason: "x".to_owned() })).unwrap();
    assert!(!cache.path().exists());
}

/// Whatever point the writer was killed at: every whole line counts, and later answers are kept.
#[test]
fn a_file_torn_anywhere_loses_only_what_was_torn() {
    let folder = tempfile::tempdir().unwrap();
    let path = filled(folder.path(), &["a", "b", "c"]);
    let whole = std::fs::read(&path).unwrap();
    let ends: Vec<usize> = (0..whole.len()).filter(|at| whole[*at] == b'\n').collect();
    for cut in 0..whole.len() {
        std::fs::write(&path, &whole[..cut]).unwrap();
        // All that the line before `cut` may lack is its end.
        let lines = ends.iter().filter(|end| **end <= cut).count();
        let expected: Vec<bool> = (1..=3).map(|line| lines > line).collect();
        assert_eq!(found(folder.path(), &["a", "b", "c"]), expected, "cut at {cut}");
        filled(folder.path(), &["d"]);
        assert_eq!(found(folder.path(), &["a", "b", "c"]), expected, "cut at {cut}, then written to");
        assert_eq!(found(folder.path(), &["d"]), [true], "cut at {cut}");
    }
}

#[test]
fn damage_in_the_middle_is_counted_and_a_strange_beginning_starts_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = filled(folder.path(), &["a", "b"]);
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replacen("\"id\":\"a\"", "\"id\":", 1)).unwrap();
    let cache = AnswerCache::open(folder.path(), &key()).unwrap();
    assert_eq!((cache.get("b").is_some(), cache.damaged()), (true, 1));
    std::fs::write(&path, text.replacen("dyno.answers/2", "dyno.answers/9", 1)).unwrap();
    assert_eq!(found(folder.path(), &["a", "b"]), [false, false]);
    filled(folder.path(), &["c"]);
    assert_eq!(found(folder.path(), &["a", "c"]), [false, true]);
}
