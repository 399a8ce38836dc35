//! What every long work gets: where progress goes, and whether to go on.

use std::time::Duration;

use dyno_types::EventSink;

use crate::HubError;

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

    /// The result of `work`, or [`HubError::Cancelled`] when the job is stopped first. `name`: what is worked on.
    pub(crate) async fn race<T>(
        &self,
        name: &str,
        work: impl Future<Output = Result<T, HubError>>,
    ) -> Result<T, HubError> {
        tokio::select! {
            biased;
            result = work => result,
            () = self.cancelled() => Err(HubError::Cancelled { file: name.to_owned() }),
        }
    }
}
