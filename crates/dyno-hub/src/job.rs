//! Waiting for as long as a job goes on.

use dyno_types::Job;

use crate::HubError;

/// The result of `work`, or [`HubError::Cancelled`] when the job is stopped first. `name`: what is worked on.
pub(crate) async fn race<T>(
    job: &Job,
    name: &str,
    work: impl Future<Output = Result<T, HubError>>,
) -> Result<T, HubError> {
    tokio::select! {
        biased;
        result = work => result,
        () = job.cancel.cancelled() => Err(HubError::Cancelled { file: name.to_owned() }),
    }
}
