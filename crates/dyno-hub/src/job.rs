//! What every long work gets: where progress goes, and whether to go on.

use std::time::Duration;

use dyno_types::EventSink;

/// How often a waiting work looks whether it was stopped.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Progress out, cancellation in.
#[derive(Clone, Copy)]
pub struct Job<'a> {
    /// Receives progress, remarks and warnings.
    pub events: &'a dyn EventSink,
    /// Whether to stop; asked often.
    pub cancelled: &'a (dyn Fn() -> bool + Sync),
}

impl Job<'_> {
    pub(crate) fn is_cancelled(&self) -> bool {
        (self.cancelled)()
    }

    /// Waits until the work is stopped.
    pub(crate) async fn cancelled(&self) {
        while !self.is_cancelled() {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}
