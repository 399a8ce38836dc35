//! Published question files: the first few dozen questions of each.

use std::path::PathBuf;

use dyno_eval::{
    ChoiceStyle, Framing, Item, ItemKind, LoadOptions, Loaded, Suite, likelihood_requests, load, program,
    score_text, strategies,
};
use dyno_types::{ItemOutcome, Prompt};

/// Bytes of a published file.
pub(crate) fn published(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn suite(name: &str) -> Suite {
    match load(name, &published(name), LoadOptions { strict: true, ..LoadOptions::default() }) {
        Ok(Loaded::Suite(suite)) => suite,
        other => panic!("{name}: {other:?}"),
    }
}

#[test]
fn gsm8k_is_read_whole_and_its_own_solutions_are_right() {
    let suite = suite("gsm8k_test.jsonl");
    assert_eq!((suite.format, suite.items.len()), ("gsm8k", 96));
    for item in &suite.items {
        let solution = item.solution.as_deref().unwrap();
        assert!(!solution.contains("<<"), "{solution}");
        let outcome = score_text(item, solution, true).outcome;
        assert_eq!(outcome, ItemOutcome::Correct, "{}: {solution}", item.id);
    }
}

#[test]
fn human_eval_is_read_packed_and_its_own_solutions_make_programs() {
    let suite = suite("HumanEval.jsonl.gz");
    assert_eq!((suite.format, suite.items.len()), ("humaneval", 164));
    for item in &suite.items {
        let solution = item.solution.as_deref().unwrap();
        let continued = program(item, solution).unwrap();
        assert!(continued.source.starts_with(&item.code_start), "{}", item.id);
        assert!(continued.tests.trim_end().ends_with(&format!("check({})", item.entry_point)), "{}", item.id);
        let whole = format!("```python\n{}{solution}\n```", item.code_start);
        assert!(program(item, &whole).is_some(), "{}", item.id);
    }
}

#[test]
fn hellaswag_is_read_and_framed_as_passages() {
    let suite = suite("hellaswag_eval_subset.json");
    assert_eq!((suite.format, suite.items.len()), ("hellaswag", 40));
    let direct = &strategies()[0];
    for item in &suite.items {
        assert_eq!((item.kind, item.style, item.options()), (ItemKind::Choice, ChoiceStyle::Ending, 4));
        assert!(!item.context.contains("[title]") && item.cluster.is_some(), "{item:?}");
        let requests = likelihood_requests(item, direct, &[], Framing::Chat);
        assert_eq!(requests.len(), 4);
        for request in requests {
            let Prompt::Text(prefix) = &request.prompt else { panic!("{request:?}") };
            assert!(!prefix.ends_with(' ') && request.continuation.starts_with(' '), "{request:?}");
        }
    }
}

#[test]
fn mt_bench_keeps_its_turns() {
    let suite = suite("mt_bench_question.jsonl");
    assert_eq!((suite.format, suite.items.len(), suite.tasks().len()), ("mt_bench", 24, 8));
    assert!(suite.items.iter().all(|item| item.kind == ItemKind::Heuristic && item.turns.len() == 1));
    // Both turns have a reference or none has; a judge is shown it with the turn it belongs to.
    let referenced: Vec<&Item> = suite.items.iter().filter(|item| !item.answers.is_empty()).collect();
    assert!(referenced.iter().all(|item| item.answers.len() == 2), "{referenced:?}");
}

#[test]
fn sts_b_is_read_as_pairs_that_wait_for_embeddings() {
    let bytes = published("sts-dev.csv");
    let Ok(Loaded::Pairs(set)) =
        load("sts-dev.csv", &bytes, LoadOptions { strict: true, ..LoadOptions::default() })
    else {
        panic!("the file holds pairs")
    };
    assert_eq!(set.pairs.len(), 40);
    assert_eq!(set.pairs[0].first, "A man with a hard hat is dancing.");
    assert_eq!((set.pairs[1].score, set.pairs[39].score), (4.75, 1.4));
    assert!(set.header.description.contains("needs embeddings"));
}

/// `preprocess` of lm_eval/tasks/hellaswag/utils.py, written the way it is written there.
fn preprocess(text: &str) -> String {
    let text = text.trim().replace(" [title]", ". ");
    let text = regex::Regex::new(r"\[.*?\]").expect("a pattern").replace_all(&text, "").into_owned();
    text.replace("  ", " ")
}

#[test]
fn hellaswag_is_put_as_lm_evaluation_harness_puts_it() {
    let suite = suite("hellaswag_eval_subset.json");
    let records: Vec<serde_json::Value> =
        serde_json::from_slice(&published("hellaswag_eval_subset.json")).unwrap();
    let mut kept_spaces = 0;
    for (item, record) in suite.items.iter().zip(&records) {
        let field = |name: &str| record[name].as_str().unwrap();
        let (first, rest) = field("ctx_b").split_at(field("ctx_b").chars().next().map_or(0, char::len_utf8));
        let context = format!(
            "{}: {} {}{}",
            field("activity_label"),
            field("ctx_a"),
            first.to_uppercase(),
            rest.to_lowercase()
        );
        let context = preprocess(&context);
        let requests = likelihood_requests(item, &strategies()[0], &[], Framing::Text);
        for (request, ending) in requests.iter().zip(record["endings"].as_array().unwrap()) {
            let Prompt::Text(prefix) = &request.prompt else { panic!("{request:?}") };
            let expected = format!("{context} {}", preprocess(ending.as_str().unwrap()));
            assert_eq!(format!("{prefix}{}", request.continuation), expected);
            assert_eq!(*prefix, context.trim_end());
            kept_spaces += usize::from(request.continuation.starts_with("  "));
        }
    }
    // As many as the original gives for these items.
    assert_eq!(kept_spaces, 37);
}
