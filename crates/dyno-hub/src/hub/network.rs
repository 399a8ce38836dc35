//! Waiting for a server, for only as long as the job goes on.

use std::path::Path;

use dyno_types::Job;
use tokio::runtime::{Builder, Runtime};

use super::client::Client;
use crate::job::race;
use crate::{HubError, HubSettings};

/// A client with a small runtime of its own, for one job.
pub(crate) struct Network<'a> {
    pub(crate) client: Client,
    /// There until it is dropped.
    runtime: Option<Runtime>,
    /// What is asked for, for messages.
    name: &'a str,
    job: &'a Job,
}

impl<'a> Network<'a> {
    pub(crate) fn open(settings: &HubSettings, name: &'a str, job: &'a Job) -> Result<Self, HubError> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(HubError::io(Path::new(name)))?;
        Ok(Self { client: Client::new(settings)?, runtime: Some(runtime), name, job })
    }

    /// The answer, or [`HubError::Cancelled`] when the job is stopped first.
    pub(crate) fn wait<T>(&self, answer: impl Future<Output = Result<T, HubError>>) -> Result<T, HubError> {
        self.run(race(self.job, self.name, answer))
    }

    /// The result of work that watches the job itself, and has something to put in order when it is stopped.
    pub(crate) fn run<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.as_ref().expect("the runtime is there until this is dropped").block_on(work)
    }
}

impl Drop for Network<'_> {
    /// A look-up of a name that the system answers in minutes, or never, is left to itself.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
