//! Ctrl-C: the first asks the running work to end and keep what it has; the second ends at once.

use dyno_app::CancelFlag;

/// Watches for Ctrl-C and termination, and raises the flag.
pub(crate) fn watch(cancel: CancelFlag) {
    tokio::spawn(async move {
        wait().await;
        cancel.cancel();
        crate::printer::remark("stopping (press Ctrl-C again to stop at once)");
        wait().await;
        // Engines notice that their parent is gone and end themselves.
        std::process::exit(130);
    });
}

#[cfg(unix)]
async fn wait() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
        }
        Err(_) => {
            let _ = tokio::signal::ctrl_c().await;
        }
    }
}

#[cfg(not(unix))]
async fn wait() {
    let _ = tokio::signal::ctrl_c().await;
}
