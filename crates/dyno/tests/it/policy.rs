//! `dyno generate` with checks, votes, a judge and whole policies.

use serde_json::Value;

use crate::dyno::World;

const TINY: &str = "synth:tiny-llama@q8_0";

/// A short generation on one thread.
const SHORT: [&str; 9] =
    ["generate", TINY, "-p", "hi", "--max-tokens", "3", "--threads", "1", "--threads-prefill=1"];

#[test]
fn policies_that_make_no_sense_are_refused_with_the_flag() {
    let world = World::new();
    let file = |name: &str, text: &str| {
        std::fs::write(world.path(name), text).unwrap();
    };
    file("typo.toml", "attempts = 2\nretrys = 1\n");
    file("judge.toml", "attempts = 2\n[judge]\nleast_grade = 5\n");
    file("schema.json", "{\"type\": 5}");
    let cases: &[(&[&str], &[&str])] = &[
        (&["--check", "word=3"], &["word=3", "words=20..80"]),
        (&["--check", "words=9..3"], &["9..3", "smaller number first"]),
        (&["--check", "match=("], &["matches"]),
        (&["--check", "language=tlh"], &["tlh", "en, fr, de, es"]),
        (&["--check", "json=nowhere.json"], &["nowhere.json"]),
        (&["--check", "json=schema.json"], &["type"]),
        (&["--check", "not-empty", "--retries", "99"], &["attempts", "1 to 32"]),
        (&["--votes", "1"], &["vote.voters", "2 to 32"]),
        (&["--votes", "3", "--vote-by", "luck"], &["luck", "last_number"]),
        (&["--judge", TINY, "--least-grade", "11"], &["least_grade", "1 to 10"]),
        (&["--least-grade", "5"], &["--judge"]),
        (&["--policy", "nowhere.toml"], &["nowhere.toml"]),
        (&["--policy", "typo.toml"], &["typo.toml", "retrys"]),
        (&["--policy", "judge.toml"], &["--judge"]),
        (&["--policy", "typo.toml", "--votes", "3"], &["--policy", "--votes"]),
        (&["--check", "not-empty", "--stream"], &["--stream"]),
        (&["--stream", "--format", "json"], &["--stream", "--format json"]),
    ];
    for (arguments, texts) in cases {
        eprintln!("{arguments:?}");
        world.run(&[&SHORT[..], arguments].concat()).refused(2, texts);
    }
}

#[test]
fn attempts_are_noted_and_what_nobody_accepts_is_no_answer() {
    let Some(world) = World::with_engine("policy") else { return };
    let refused = world.run(&[&SHORT[..], &["--check", "words=50..60", "--retries", "1"]].concat());
    assert_eq!(refused.out, "");
    assert!(refused.err.contains("attempt 2 of 2 is not accepted"), "{}", refused.err);
    refused.refused(1, &["none of 2 attempts was accepted", "50 to 60"]);

    let arguments = [&SHORT[..], &["--check", "words=50..60", "--format", "json"]].concat();
    let all = world.run(&arguments);
    assert_eq!(all.code, Some(1));
    let json: Value = serde_json::from_str(&all.out).unwrap();
    let policy = &json["policy"];
    let attempts = policy["attempts"].as_array().unwrap();
    assert_eq!((attempts.len(), &policy["accepted"]), (3, &Value::Null));
    let tokens: u64 = attempts.iter().map(|attempt| attempt["tokens"].as_u64().unwrap()).sum();
    assert_eq!(policy["spent"]["tokens"].as_u64(), Some(tokens));
    let seeds: Vec<u64> = attempts.iter().map(|attempt| attempt["seed"].as_u64().unwrap()).collect();
    assert_eq!(seeds, [0, 1, 2]);

    std::fs::write(world.path("any.toml"), "attempts = 4\nchecks = [{ words = [0, 1000] }]\n").unwrap();
    let accepted = world.run(&[&SHORT[..], &["--policy", "any.toml", "--format", "json"]].concat()).ok();
    let json: Value = serde_json::from_str(&accepted).unwrap();
    assert_eq!((&json["policy"]["accepted"], &json["policy"]["spent"]["attempts"]), (&0.into(), &1.into()));
}
