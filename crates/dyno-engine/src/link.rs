//! The connection to one engine process: every call bounded, every failure explained.

use std::sync::OnceLock;
use std::time::Duration;

use dyno_types::Job;
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::process::EngineProcess;
use crate::protocol::proto::engine_service_client::EngineServiceClient;
use crate::protocol::{FailureKind, ProtocolError, proto, status_failure};
use crate::{EngineError, ExitCause};

/// How long to wait for the exit status after the connection broke.
const EXIT_GRACE: Duration = Duration::from_secs(2);

/// How far the log may lag behind a failure that was reported.
const LOG_LAG: Duration = Duration::from_millis(500);

/// How long a killed process may take to disappear.
const KILL_GRACE: Duration = Duration::from_secs(10);

/// Log lines an error carries; `Session::log_tail` has them all.
const ERROR_LOG_LINES: usize = 20;

pub(crate) type Client = EngineServiceClient<Channel>;

/// One piece of work, for error texts.
#[derive(Debug, Clone)]
pub(crate) struct Task {
    /// What is going on, e.g. `while loading x.gguf`.
    during: String,
    /// Where the log stood when it began.
    log_position: u64,
}

/// Process, connection and limits.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) process: EngineProcess,
    /// Bounds and ends every wait.
    pub(crate) job: Job,
    /// For each stage of stopping.
    stop_within: Duration,
    client: Client,
    /// Why nothing can be asked any more; the first cause stays.
    ended: OnceLock<EngineError>,
}

impl Link {
    pub(crate) fn new(process: EngineProcess, client: Client, job: Job, stop_within: Duration) -> Self {
        Self { process, job, stop_within, client, ended: OnceLock::new() }
    }

    /// A handle for one call.
    pub(crate) fn client(&self) -> Client {
        self.client.clone()
    }

    pub(crate) fn task(&self, during: impl Into<String>) -> Task {
        Task { during: during.into(), log_position: self.process.log().position() }
    }

    /// Waits for an answer, at most so long; a process that stays silent is killed.
    pub(crate) async fn bounded<T>(
        &self,
        task: &Task,
        limit: Duration,
        answer: impl Future<Output = Result<T, Status>>,
    ) -> Result<T, EngineError> {
        if let Some(error) = self.ended.get() {
            return Err(error.clone());
        }
        match self.job.cancel.race(tokio::time::timeout(limit, answer)).await.ok_or(EngineError::Cancelled)? {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(status)) => Err(self.explain(task, &status).await),
            Err(_elapsed) => Err(self.hung(task, limit).await),
        }
    }

    /// [`Link::bounded`] by the request deadline, for single replies.
    pub(crate) async fn request<T>(
        &self,
        task: &Task,
        answer: impl Future<Output = Result<tonic::Response<T>, Status>>,
    ) -> Result<T, EngineError> {
        Ok(self.bounded(task, self.job.deadline, answer).await?.into_inner())
    }

    /// Turns a failed call into an error that says what happened.
    pub(crate) async fn explain(&self, task: &Task, status: &Status) -> EngineError {
        if let Some(failure) = status_failure(status) {
            return self.failed(task, &failure).await;
        }
        if status.code() == Code::OutOfRange {
            return EngineError::Internal(format!(
                "a message is too large {}: {}",
                task.during,
                status.message()
            ));
        }
        match self.process.exited_within(EXIT_GRACE).await {
            Some(cause) => self.died(task, cause),
            None => self.ended_or(EngineError::Internal(format!(
                "it broke off {} although its process lives ({}: {})",
                task.during,
                status.code(),
                status.message()
            ))),
        }
    }

    /// A failure the engine itself reported. Where the cause may be in the log alone, waits for the log to arrive.
    pub(crate) async fn failed(&self, task: &Task, failure: &proto::Failure) -> EngineError {
        let reason = failure.message.clone();
        let during = task.during.clone();
        let kind = failure.kind();
        if matches!(kind, FailureKind::Model | FailureKind::Internal)
            && let Some(line) = self.memory_ran_out(task.log_position).await
        {
            return EngineError::OutOfMemory { during, reason: format!("{reason}: {line}") };
        }
        match kind {
            FailureKind::Internal => EngineError::Internal(reason),
            FailureKind::Model => EngineError::Model { reason, log: self.log_tail() },
            FailureKind::OutOfMemory => EngineError::OutOfMemory { during, reason },
            FailureKind::BadRequest => EngineError::BadRequest(reason),
            FailureKind::NoTemplate => EngineError::NoTemplate,
            FailureKind::Template => EngineError::Template(reason),
            FailureKind::Cancelled => EngineError::Cancelled,
        }
    }

    /// The log comes by another way than the failure, so it may come later.
    async fn memory_ran_out(&self, log_position: u64) -> Option<String> {
        const LOOKS: u32 = 50;
        for _ in 0..LOOKS {
            let line = self.process.log().memory_ran_out(log_position);
            if line.is_some() {
                return line;
            }
            tokio::time::sleep(LOG_LAG / LOOKS).await;
        }
        None
    }

    /// The process stayed silent: kills it.
    pub(crate) async fn hung(&self, task: &Task, limit: Duration) -> EngineError {
        let seconds = limit.as_secs() + u64::from(limit.subsec_nanos() > 0);
        let error = EngineError::Deadline { during: task.during.clone(), seconds, log: self.log_tail() };
        let first = self.end(error);
        self.process.kill();
        self.process.exited_within(KILL_GRACE).await;
        first
    }

    fn died(&self, task: &Task, cause: ExitCause) -> EngineError {
        let during = task.during.clone();
        self.end(death(&self.process, during, task.log_position, cause))
    }

    /// From now on every call fails with this error, unless an earlier one stands.
    pub(crate) fn end(&self, error: EngineError) -> EngineError {
        self.ended.get_or_init(|| error).clone()
    }

    fn ended_or(&self, error: EngineError) -> EngineError {
        self.ended.get().cloned().unwrap_or(error)
    }

    fn log_tail(&self) -> Vec<String> {
        log_tail(&self.process)
    }

    /// Ends the process: asks, waits, asks harder, kills. Of a job that was cancelled it may be in the middle of anything, and is
    /// not asked.
    pub(crate) async fn stop(&self) -> ExitCause {
        if self.job.is_cancelled() {
            return self.kill().await;
        }
        self.end(EngineError::Cancelled);
        let limit = self.stop_within;
        let mut client = self.client();
        let asked = tokio::time::timeout(limit, client.shutdown(proto::Empty {})).await;
        if matches!(asked, Ok(Ok(_)))
            && let Some(cause) = self.process.exited_within(limit).await
        {
            return cause;
        }
        self.process.terminate();
        if let Some(cause) = self.process.exited_within(limit).await {
            return cause;
        }
        self.kill().await
    }

    /// Ends the process without asking.
    pub(crate) async fn kill(&self) -> ExitCause {
        self.end(EngineError::Cancelled);
        self.process.kill();
        self.process.exited_within(KILL_GRACE).await.unwrap_or(ExitCause::Unknown)
    }
}

/// The error for a process that ended, with out of memory told apart by what it wrote last.
pub(crate) fn death(
    process: &EngineProcess,
    during: String,
    log_position: u64,
    cause: ExitCause,
) -> EngineError {
    match process.log().memory_ran_out(log_position) {
        Some(line) => {
            EngineError::OutOfMemory { during, reason: format!("the engine process died ({cause}): {line}") }
        }
        None => EngineError::Died { during, cause, log: log_tail(process) },
    }
}

/// The last log lines, as many as an error should carry.
pub(crate) fn log_tail(process: &EngineProcess) -> Vec<String> {
    let mut lines = process.log().lines();
    lines.drain(..lines.len().saturating_sub(ERROR_LOG_LINES));
    lines
}

impl From<ProtocolError> for EngineError {
    fn from(error: ProtocolError) -> Self {
        Self::Internal(error.to_string())
    }
}
