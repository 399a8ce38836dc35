//! No way of ending leaves a process behind.

use dyno_engine::ExitCause;

use crate::scripted::{assert_gone, guarded, member_of_group, start};

#[tokio::test]
async fn an_engine_deaf_to_shutdown_is_asked_by_signal() {
    let session = start("deaf").await;
    let pid = session.info().pid;
    assert_eq!(guarded(session.stop()).await, ExitCause::Signal(15));
    assert_gone(pid).await;
}

#[tokio::test]
async fn an_engine_that_ignores_sigterm_is_killed() {
    let session = start("stubborn").await;
    let pid = session.info().pid;
    assert_eq!(guarded(session.stop()).await, ExitCause::Signal(9));
    assert_gone(pid).await;
}

#[tokio::test]
async fn dropping_a_session_kills_its_process() {
    let session = start("stubborn").await;
    let pid = session.info().pid;
    assert!(member_of_group(pid).is_some(), "the process leads a group of its own");
    drop(session);
    assert_gone(pid).await;
}

#[test]
fn dropping_a_session_after_its_runtime_kills_its_process() {
    let build = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let runtime = build();
    let session = runtime.block_on(start("sound"));
    let pid = session.info().pid;
    drop(runtime);
    drop(session);
    build().block_on(assert_gone(pid));
}

#[tokio::test]
async fn children_of_the_engine_go_with_it() {
    let session = start("leave-a-child").await;
    let pid = session.info().pid;
    assert_eq!(guarded(session.stop()).await, ExitCause::Code(0));
    assert_gone(pid).await;
}

#[tokio::test]
async fn a_start_that_is_given_up_leaves_nothing() {
    let before = children();
    let starting =
        tokio::time::timeout(std::time::Duration::from_millis(300), start("hang-in-handshake")).await;
    assert!(starting.is_err());
    guarded(async {
        while children().iter().any(|name| !before.contains(name)) {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    })
    .await;
}

/// Processes that run `hang-in-handshake` at the moment, by process id.
fn children() -> Vec<String> {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let ours = processes.filter(|entry| {
        std::fs::read(entry.path().join("environ")).is_ok_and(|environment| {
            environment.split(|byte| *byte == 0).any(|one| one == b"DYNO_SCRIPTED=hang-in-handshake")
        })
    });
    ours.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}
