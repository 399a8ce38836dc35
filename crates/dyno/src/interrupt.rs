//! Ctrl-C and termination: the first asks the running work to end and keep what it has; the second ends at once. What does not end
//! by itself is ended.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use dyno_app::INTERRUPTED;
use dyno_types::CancelFlag;

/// How long the work may take to hear of its end: whatever blocks it for longer (a pipe that nobody writes to, a dead network
/// folder) is left behind.
const HEARS_WITHIN: Duration = Duration::from_secs(3);
/// How long it may take to keep what it has.
const ENDS_WITHIN: Duration = Duration::from_secs(10);

/// Raised when the work was given time after the flag.
#[derive(Debug, Clone, Default)]
struct Heard(Arc<AtomicBool>);

/// Runs the work until its end. From a first signal on it has a bounded time to put things in order.
pub(crate) async fn watching<T>(cancel: &CancelFlag, work: impl Future<Output = T>) -> T {
    let heard = Heard::default();
    watch(cancel.clone(), heard.clone());
    let mut work = std::pin::pin!(work);
    tokio::select! {
        biased;
        result = &mut work => return result,
        () = cancel.cancelled() => heard.0.store(true, Ordering::Release),
    }
    work.await
}

/// Watches on a thread of its own, so that nothing the work does can keep a signal waiting. From the return of this function on
/// no signal is missed.
fn watch(cancel: CancelFlag, heard: Heard) {
    let (ready, is_ready) = mpsc::channel();
    let watching = std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        match runtime {
            Ok(runtime) => runtime.block_on(signals(cancel, heard, ready)),
            // Without a watch a signal does what it does to every program.
            Err(error) => crate::printer::remark(&format!("signals are not watched: {error}")),
        }
    });
    if watching.is_ok() {
        // An error means that the thread is gone, which it has said.
        let _ = is_ready.recv();
    }
}

async fn signals(cancel: CancelFlag, heard: Heard, ready: mpsc::Sender<()>) {
    use tokio::signal::unix::{SignalKind, signal};
    let streams = signal(SignalKind::interrupt()).and_then(|one| Ok((one, signal(SignalKind::terminate())?)));
    let (mut interrupt, mut terminate) = match streams {
        Ok(streams) => streams,
        Err(error) => return crate::printer::remark(&format!("signals are not watched: {error}")),
    };
    let _ = ready.send(());
    let mut next = async || {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    };
    next().await;
    cancel.cancel();
    say("stopping (press Ctrl-C again to stop at once)");
    tokio::select! {
        () = next() => {}
        () = patience(&heard) => {
            say("what was running did not end, and was left behind");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    // Engines notice that their parent is gone and end themselves.
    std::process::exit(i32::from(INTERRUPTED));
}

/// Ends when the work has had its time.
async fn patience(heard: &Heard) {
    tokio::time::sleep(HEARS_WITHIN).await;
    if heard.0.load(Ordering::Acquire) {
        tokio::time::sleep(ENDS_WITHIN - HEARS_WITHIN).await;
    }
}

/// Says it without waiting for whoever reads standard error.
fn say(text: &'static str) {
    std::thread::spawn(move || crate::printer::remark(text));
}
