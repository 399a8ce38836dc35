//! A job that is cancelled waits for nothing any more, whatever the engine is doing, and leaves no process behind.

use std::path::Path;
use std::time::Duration;

use dyno_engine::{Engine as _, EngineError, ExitCause, ProcessEngine, Session};
use dyno_types::{
    CancelFlag, EngineSettings, Job, MeasureRequest, PerplexityRequest, QuantizeRequest, ScoreItem,
    ScoreRequest, Silent,
};
use futures::StreamExt as _;
use futures::stream::BoxStream;

use crate::scripted::{assert_gone, config, guarded, request};

fn job() -> Job {
    Job::new(std::sync::Arc::new(Silent), CancelFlag::default(), Duration::from_secs(600))
}

/// An engine whose process stands still, so that it answers nothing.
async fn standing_still(job: &Job) -> Box<dyn Session> {
    let session = guarded(ProcessEngine::new(config("sound")).start(job)).await.unwrap();
    let pid = rustix::process::Pid::from_raw(i32::try_from(session.info().pid).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
    // Its threads stop one by one.
    let threads = format!("/proc/{}/task", session.info().pid);
    let stands_still = || {
        std::fs::read_dir(&threads).unwrap().flatten().all(|thread| {
            let about = std::fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
            about.rsplit_once(") ").is_some_and(|(_, state)| state.starts_with('T'))
        })
    };
    guarded(async {
        while !stands_still() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
    session
}

/// The first thing that a stream says.
async fn first<T>(
    items: Result<BoxStream<'static, Result<T, EngineError>>, EngineError>,
) -> Result<(), EngineError> {
    items?.next().await.expect("a stream that is cut says why").map(|_| ())
}

/// The calls of a session, by number; `None` behind the last.
async fn call(session: &dyn Session, number: u32, folder: &Path) -> Option<Result<(), EngineError>> {
    let (path, settings) = (Path::new("x"), EngineSettings::default());
    let mut go_on = |_| true;
    let items = vec![ScoreItem { prefix: vec![1], continuations: vec![vec![2]] }];
    let text = PerplexityRequest { text: "x".to_owned(), context: 8, ..PerplexityRequest::default() };
    let measuring = MeasureRequest {
        depth: 0,
        prefill_tokens: 1,
        decode_tokens: 1,
        repetitions: 1,
        threads: 0,
        threads_prefill: 0,
        seed: 0,
    };
    let quantizing = QuantizeRequest {
        source: folder.join("source"),
        target: folder.join("target"),
        type_name: "q8_0".to_owned(),
        ..QuantizeRequest::default()
    };
    Some(match number {
        0 => session.load(path, &settings, &mut go_on).await.map(|_| ()),
        1 => session.open_context(&settings).await.map(|_| ()),
        2 => session.tokenize("x", true, false).await.map(|_| ()),
        3 => session.tokenize_chat(&[]).await.map(|_| ()),
        4 => first(session.generate(request(1)).await).await,
        5 => session.measure(&measuring).await.map(|_| ()),
        6 => first(session.score(ScoreRequest { items }).await).await,
        7 => first(session.perplexity(text).await).await,
        8 => session.quantize(&quantizing, &mut go_on).await.map(|_| ()),
        9 => session.clear_context().await,
        10 => session.memory().await.map(|_| ()),
        11 => session.unload().await.map(|_| ()),
        12 => {
            assert!(!session.healthy().await);
            Err(EngineError::Cancelled)
        }
        _ => return None,
    })
}

#[tokio::test]
async fn no_answer_is_waited_for_once_the_job_is_cancelled() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("source"), "a model").unwrap();
    let mut number = 0;
    loop {
        let job = job();
        let session = standing_still(&job).await;
        let pid = session.info().pid;
        let raise = async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            job.cancel.cancel();
        };
        let (answer, ()) =
            guarded(async { tokio::join!(call(&*session, number, folder.path()), raise) }).await;
        assert_eq!(guarded(session.stop()).await, ExitCause::Signal(9), "it is not asked to stop");
        assert_gone(pid).await;
        let Some(answer) = answer else { break };
        assert_eq!(answer, Err(EngineError::Cancelled), "call {number}");
        number += 1;
    }
    assert_eq!(number, 13);
    assert!(!folder.path().join("target").exists());
}

#[tokio::test]
async fn nothing_starts_for_a_job_that_is_cancelled_and_a_start_under_way_ends() {
    let cancelled = job();
    cancelled.cancel.cancel();
    let started = guarded(ProcessEngine::new(config("sound")).start(&cancelled)).await;
    assert_eq!(started.err(), Some(EngineError::Cancelled));
    let job = job();
    let mut slow = config("hang-in-handshake");
    slow.deadlines.start = Duration::from_secs(600);
    let raise = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        job.cancel.cancel();
    };
    let engine = ProcessEngine::new(slow);
    let (started, ()) = guarded(async { tokio::join!(engine.start(&job), raise) }).await;
    assert_eq!(started.err(), Some(EngineError::Cancelled));
}
