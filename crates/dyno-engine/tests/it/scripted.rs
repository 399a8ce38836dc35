//! Starting the scripted engine, and finding out what is left of it.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dyno_engine::{Deadlines, Engine, EngineError, ProcessEngine, ProcessEngineConfig, Session};
use dyno_types::{CancelFlag, EngineSettings, GenerateRequest, Job, LoadReport, Prompt, Sampling, Silent};

pub(crate) const EXECUTABLE: &str = env!("CARGO_BIN_EXE_dyno-engine-scripted");

/// Far more than anything here takes: it only turns a hang into a failure.
pub(crate) const HANG_GUARD: Duration = Duration::from_secs(60);

/// Short where the test waits for a deadline to pass, long where it must not.
fn patience(behaviour: &str) -> Duration {
    let hangs = behaviour.contains("hang") || behaviour.contains("never") || behaviour.contains("stuck");
    Duration::from_secs(if hangs { 2 } else { 30 })
}

/// A job whose deadline suits the behaviour.
pub(crate) fn job(behaviour: &str) -> Job {
    Job::new(Arc::new(Silent), CancelFlag::default(), patience(behaviour))
}

pub(crate) fn config(behaviour: &str) -> ProcessEngineConfig {
    let start = if behaviour.contains("handshake") || behaviour.contains("never") {
        patience(behaviour)
    } else {
        Duration::from_secs(30)
    };
    ProcessEngineConfig {
        deadlines: Deadlines { start, stop: Duration::from_secs(2) },
        environment: vec![("DYNO_SCRIPTED".into(), behaviour.into())],
        ..ProcessEngineConfig::new(EXECUTABLE.into())
    }
}

pub(crate) async fn try_start(behaviour: &str) -> Result<Box<dyn Session>, EngineError> {
    guarded(ProcessEngine::new(config(behaviour)).start(&job(behaviour))).await
}

pub(crate) async fn start(behaviour: &str) -> Box<dyn Session> {
    try_start(behaviour).await.unwrap()
}

/// Fails the test instead of hanging.
pub(crate) async fn guarded<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(HANG_GUARD, work).await.expect("it hung")
}

pub(crate) async fn load(session: &dyn Session) -> Result<LoadReport, EngineError> {
    guarded(session.load(Path::new("models/x.gguf"), &EngineSettings::default(), &mut |_| true)).await
}

pub(crate) fn request(max_tokens: u32) -> GenerateRequest {
    GenerateRequest {
        id: 1,
        prompt: Prompt::Text("hello".to_owned()),
        sampling: Sampling::greedy(),
        max_tokens,
        stop: Vec::new(),
        ignore_eos: true,
        logprobs: 0,
    }
}

/// Waits for a line of the engine's log: it comes by another way than the answers, so it may come later.
pub(crate) async fn logged(session: &dyn Session, line: &str) {
    guarded(async {
        while !session.log_tail().iter().any(|kept| kept == line) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

/// The process group has no member left, not even a dead one nobody waited for.
pub(crate) async fn assert_gone(pid: u32) {
    let begun = Instant::now();
    while let Some(left) = member_of_group(pid) {
        assert!(begun.elapsed() < HANG_GUARD, "process group {pid} still has {left}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// One line of the process table that belongs to the group.
pub(crate) fn member_of_group(group: u32) -> Option<String> {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    processes.filter_map(|entry| std::fs::read_to_string(entry.path().join("stat")).ok()).find(|stat| {
        // pid (name) state parent group …; the name may contain anything.
        let after_name = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
        after_name.split(' ').nth(2) == Some(&group.to_string())
    })
}
