//! The committed suites are what the generator makes.

use std::collections::HashSet;
use std::path::Path;

use dyno_curriculum::suites;
use serde_json::Value;

#[test]
fn committed_suites_are_regenerated_byte_for_byte() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../dyno-eval/data/suites");
    for suite in suites() {
        let committed = std::fs::read_to_string(folder.join(&suite.name)).expect(&suite.name);
        assert!(
            committed == suite.text,
            "{} differs; write it anew: cargo run --release -p dyno-curriculum -- heldout --out crates/dyno-eval/data/suites",
            suite.name
        );
    }
}

#[test]
fn suites_are_read_without_a_word_of_complaint() {
    for suite in suites() {
        let read = dyno_eval::load_suite(&suite.name, suite.text.as_bytes(), true).expect(&suite.name);
        assert_eq!(read.items.len() + 1, suite.text.lines().count(), "{}", suite.name);
        assert_eq!(read.refused_total, 0, "{}", suite.name);
    }
}

fn items(text: &str) -> Vec<Value> {
    text.lines().skip(1).map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn suites_are_of_the_size_that_is_promised_and_ask_nothing_twice() {
    for (suite, least) in suites().iter().zip([400, 240, 60, 200, 150]) {
        let header: Value = serde_json::from_str(suite.text.lines().next().unwrap()).unwrap();
        assert_eq!(header["schema"], "dyno.suite/1");
        assert_eq!(format!("{}.jsonl", header["name"].as_str().unwrap()), suite.name);
        let items = items(&suite.text);
        assert!(items.len() >= least, "{}: {}", suite.name, items.len());
        for field in ["id", "question"] {
            let different: HashSet<&str> = items.iter().map(|item| item[field].as_str().unwrap()).collect();
            assert_eq!(different.len(), items.len(), "{}: {field}", suite.name);
        }
    }
}

#[test]
fn choices_are_four_different_ones_and_the_letter_of_the_right_one_is_even() {
    let suites = suites();
    let choice = suites.iter().find(|suite| suite.name == "heldout-choice.jsonl").unwrap();
    let mut places = [0_u32; 4];
    for item in items(&choice.text) {
        let choices: HashSet<&str> =
            item["choices"].as_array().unwrap().iter().map(|choice| choice.as_str().unwrap()).collect();
        assert_eq!(choices.len(), 4, "{item}");
        places[item["correct"].as_u64().unwrap() as usize] += 1;
    }
    assert!(places.iter().all(|count| (30..80).contains(count)), "{places:?}");
}

#[test]
fn depth_is_covered_by_length_and_position() {
    let suites = suites();
    let depth = suites.iter().find(|suite| suite.name == "heldout-depth.jsonl").unwrap();
    let mut cells = HashSet::new();
    for item in items(&depth.text) {
        let length = item["length"].as_u64().unwrap();
        assert!(length <= 900, "{length}");
        if let Some(position) = item["position"].as_f64() {
            cells.insert((length / 60, (position * 4.0).round() as u64));
        }
    }
    assert!(cells.len() >= 25, "{cells:?}");
}
