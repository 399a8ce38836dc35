//! Published question files, where this machine has them.

use std::path::PathBuf;

use dyno_eval::{
    ChoiceStyle, Framing, ItemKind, LoadOptions, Loaded, Suite, likelihood_requests, load, program,
    score_text, strategies,
};
use dyno_types::{ItemOutcome, Prompt};

/// Bytes of a published file; `None`, said aloud, when this machine lacks it.
#[expect(clippy::print_stderr, reason = "a skipped test must be seen")]
fn published(name: &str) -> Option<Vec<u8>> {
    let folder = std::env::var_os("DYNO_SHARED_DATA").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    let path = folder.join("datasets").join(name);
    let bytes = std::fs::read(&path).ok();
    if bytes.is_none() {
        eprintln!("SKIPPED: published::{name}: there is no datasets/{name} in the folder of real files");
    }
    bytes
}

fn suite(name: &str) -> Option<Suite> {
    let bytes = published(name)?;
    match load(name, &bytes, LoadOptions { strict: true, format: None }) {
        Ok(Loaded::Suite(suite)) => Some(suite),
        other => panic!("{name}: {other:?}"),
    }
}

#[test]
fn gsm8k_is_read_whole_and_its_own_solutions_are_right() {
    let Some(suite) = suite("gsm8k_test.jsonl") else { return };
    assert_eq!((suite.format, suite.items.len()), ("gsm8k", 1319));
    for item in &suite.items {
        let solution = item.solution.as_deref().unwrap();
        assert!(!solution.contains("<<"), "{solution}");
        let outcome = score_text(item, solution, true).outcome;
        assert_eq!(outcome, ItemOutcome::Correct, "{}: {solution}", item.id);
    }
}

#[test]
fn human_eval_is_read_packed_and_its_own_solutions_make_programs() {
    let Some(suite) = suite("HumanEval.jsonl.gz") else { return };
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
    let Some(suite) = suite("hellaswag_eval_subset.json") else { return };
    assert_eq!((suite.format, suite.items.len()), ("hellaswag", 256));
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
    let Some(suite) = suite("mt_bench_question.jsonl") else { return };
    assert_eq!((suite.format, suite.items.len(), suite.tasks().len()), ("mt_bench", 80, 8));
    assert!(suite.items.iter().all(|item| item.kind == ItemKind::Heuristic && item.turns.len() == 1));
}

#[test]
fn sts_b_is_read_as_pairs_that_wait_for_embeddings() {
    let Some(bytes) = published("sts-dev.csv") else { return };
    let Ok(Loaded::Pairs(set)) = load("sts-dev.csv", &bytes, LoadOptions { strict: true, format: None })
    else {
        panic!("the file holds pairs")
    };
    assert_eq!(set.pairs.len(), 1500);
    assert_eq!(set.pairs[0].first, "A man with a hard hat is dancing.");
    assert_eq!((set.pairs[1].score, set.pairs[1499].score), (4.75, 0.0));
    assert!(set.header.description.contains("needs embeddings"));
}
