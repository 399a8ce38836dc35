//! Several processes on one history, and processes that die while they write.
//!
//! The processes are this test binary itself, asked by an environment variable to append.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Lines};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use dyno_store::{Filter, History};

use crate::sample::record;

const FILE: &str = "DYNO_STORE_TEST_FILE";
const NAME: &str = "DYNO_STORE_TEST_NAME";
const COUNT: &str = "DYNO_STORE_TEST_COUNT";

/// Does nothing unless a test below started this process to append.
#[test]
fn appends_when_asked() {
    let Ok(file) = std::env::var(FILE) else { return };
    let (name, count) = (std::env::var(NAME).unwrap(), std::env::var(COUNT).unwrap().parse().unwrap());
    let history = History::open(Path::new(&file)).unwrap();
    for number in 0..count {
        let id = format!("{name}-{number:06}");
        history.append(&record(&id, number)).unwrap();
        println!("kept {id}");
    }
}

/// Starts a process that appends `count` records and prints `kept ID` after each.
fn appender(file: &Path, name: &str, count: u32) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::appends_when_asked", "--nocapture", "--test-threads", "1"])
        .env(FILE, file)
        .env(NAME, name)
        .env(COUNT, count.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn lines(child: &mut Child) -> Lines<BufReader<ChildStdout>> {
    BufReader::new(child.stdout.take().unwrap()).lines()
}

fn kept_ids(lines: impl Iterator<Item = std::io::Result<String>>) -> impl Iterator<Item = String> {
    // The harness prints the name of the test in front of the first line.
    lines.map_while(Result::ok).filter_map(|line| Some(line.split_once("kept ")?.1.to_owned()))
}

fn ids_in(history: &History) -> BTreeSet<String> {
    history.list(&Filter::default()).unwrap().into_iter().map(|headline| headline.id).collect()
}

#[test]
fn two_processes_that_open_a_new_history_at_once_both_keep_everything() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("history.sqlite");
    let mut children = ["first", "second"].map(|name| appender(&file, name, 40));
    let outputs = children.each_mut().map(lines);
    let kept: BTreeSet<String> = outputs.into_iter().flat_map(kept_ids).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(kept.len(), 80);
    let history = History::open(&file).unwrap();
    assert_eq!(ids_in(&history), kept);
    assert!(
        history.latest(80).unwrap().iter().all(|run| run.metrics.contains_key("decode_tps")),
        "every record is whole"
    );
}

#[test]
fn a_process_killed_while_appending_loses_at_most_that_record() {
    let folder = tempfile::tempdir().unwrap();
    for round in 1..=5_u32 {
        let file = folder.path().join(format!("history-{round}.sqlite"));
        let mut child = appender(&file, "run", u32::MAX);
        let mut output = kept_ids(lines(&mut child));
        // Killed at once after some record was kept, wherever the next one stands by then.
        let seen: Vec<String> = output.by_ref().take(round as usize * 3).collect();
        child.kill().unwrap();
        child.wait().unwrap();
        let announced: BTreeSet<String> = seen.into_iter().chain(output).collect();
        assert!(announced.len() >= round as usize * 3, "{announced:?}");
        let history = History::open(&file).unwrap();
        let found = ids_in(&history);
        assert!(announced.is_subset(&found), "kept and lost: {:?}", announced.difference(&found));
        assert!(
            found.len() <= announced.len() + 1,
            "at most the unannounced one: {:?}",
            found.difference(&announced)
        );
        assert_eq!(history.latest(u32::MAX).unwrap().len(), found.len(), "every record is whole");
        history.append(&record("after", 1)).unwrap();
    }
}
