//! Programs put together from answers, run: every right answer of a published suite passes, in each shape, and no empty one does.

// Helpers of tests may unwrap and print, as tests do.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

use std::sync::atomic::{AtomicUsize, Ordering};

use dyno_eval::{Item, LoadOptions, Loaded, ProgramShape, load, program};
use dyno_sandbox::{Launcher, Limits, Program, Sandbox, Settings, Verdict};

use crate::published::published;

/// Programs at once.
const AT_ONCE: usize = 2;

/// The sandbox of this machine; `None`, loudly, where it or its launcher cannot be.
fn sandbox() -> Option<Sandbox> {
    // The sandbox's own test binary, which a build of the whole workspace leaves beside the tests.
    let tests = std::env::current_exe().unwrap();
    let launcher = tests.ancestors().nth(2).unwrap().join("dyno-sandbox-trial");
    if !launcher.exists() {
        eprintln!("SKIPPED: runs: the launcher is not built; `cargo build -p dyno-sandbox` does it");
        return None;
    }
    let launcher = Launcher { program: launcher, arguments: vec!["launch".into()] };
    match Sandbox::detect(Settings::new(launcher, std::env::temp_dir())) {
        Ok(sandbox) => Some(sandbox),
        Err(error) => {
            eprintln!("SKIPPED: runs: {error}");
            None
        }
    }
}

/// Runs the program of each answer and gives what did not go as expected.
fn surprises(
    items: &[Item],
    answer: impl Fn(&Item) -> (ProgramShape, String) + Sync,
    passes: bool,
) -> Vec<String> {
    let Some(sandbox) = sandbox() else { return Vec::new() };
    let next = AtomicUsize::new(0);
    let work = || {
        let mut surprises = Vec::new();
        while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
            let (shape, answer) = answer(item);
            let found = program(item, &answer).unwrap();
            assert_eq!(found.shape, shape, "{}", item.id);
            let (source, tests) = (found.source, found.tests);
            let verdict = sandbox.run(&Program { source, tests, limits: Limits::default() }).unwrap().verdict;
            let expected = if passes { verdict.passed() } else { matches!(verdict, Verdict::Failed { .. }) };
            if !expected {
                surprises.push(format!("{}: {verdict}", item.id));
            }
        }
        surprises
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    })
}

/// The published set.
fn human_eval() -> Vec<Item> {
    const NAME: &str = "HumanEval.jsonl.gz";
    match load(NAME, &published(NAME), LoadOptions { strict: true, ..LoadOptions::default() }) {
        Ok(Loaded::Suite(suite)) => suite.items,
        other => panic!("{NAME}: {other:?}"),
    }
}

fn solution(item: &Item) -> &str {
    item.solution.as_deref().unwrap()
}

#[test]
fn canonical_solutions_pass_as_continuations_and_as_definitions() {
    let items = human_eval();
    assert_eq!(items.len(), 164);
    let continuation = |item: &Item| (ProgramShape::Continuation, solution(item).to_owned());
    assert_eq!(surprises(&items, continuation, true), [""; 0]);
    let definition = |item: &Item| {
        let text = format!("{}{}", item.code_start, solution(item));
        (
            ProgramShape::Definition,
            format!("Here's the function:\n\n```python\n{text}\nprint({})\n```\nDone.", item.entry_point),
        )
    };
    assert_eq!(surprises(&items, definition, true), [""; 0]);
}

#[test]
fn empty_bodies_fail() {
    let items = human_eval();
    let empty = |_: &Item| (ProgramShape::Continuation, "    pass\n".to_owned());
    assert_eq!(surprises(&items, empty, false), [""; 0]);
}
