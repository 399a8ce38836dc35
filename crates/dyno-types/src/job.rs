//! A job: what one piece of work brings along, whatever it is about. Several run side by side in one program, and each is
//! stopped, watched and bounded by itself.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::{CancelFlag, Event, EventSink, Silent};

/// One piece of work that somebody asked for. Clones are the same job.
#[derive(Clone)]
pub struct Job {
    /// Receives progress, remarks and warnings.
    pub events: Arc<dyn EventSink>,
    /// Ends the work.
    pub cancel: CancelFlag,
    /// Longest wait for any single answer of an engine.
    pub deadline: Duration,
    held: Arc<Mutex<Vec<Box<dyn Any + Send>>>>,
}

impl Job {
    /// A job that reports to `events`, ends with `cancel`, and waits for no answer longer than `deadline`.
    #[must_use]
    pub fn new(events: Arc<dyn EventSink>, cancel: CancelFlag, deadline: Duration) -> Self {
        Self { events, cancel, deadline, held: Arc::default() }
    }

    /// The same job, for a part of it whose progress is nobody's concern.
    #[must_use]
    pub fn unheard(&self) -> Self {
        Self { events: Arc::new(Silent), ..self.clone() }
    }

    /// Whether somebody wants the work to end.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }

    /// Keeps a value until the job is over: a lease of a model, a folder of files in use.
    pub fn hold(&self, value: impl Any + Send) {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(value));
    }
}

/// A job that nobody watches or stops, with ten minutes for any answer.
impl Default for Job {
    fn default() -> Self {
        Self::new(Arc::new(Silent), CancelFlag::default(), Duration::from_secs(600))
    }
}

impl EventSink for Job {
    fn emit(&self, event: Event) {
        self.events.emit(event);
    }
}

impl fmt::Debug for Job {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cancel, deadline, .. } = self;
        formatter
            .debug_struct("Job")
            .field("cancel", cancel)
            .field("deadline", deadline)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_goes_with_the_last_clone() {
        let job = Job::new(Arc::new(Silent), CancelFlag::default(), Duration::from_secs(1));
        let lease = Arc::new(());
        job.hold(lease.clone());
        let clone = job.clone();
        drop(job);
        assert_eq!(Arc::strong_count(&lease), 2);
        drop(clone);
        assert_eq!(Arc::strong_count(&lease), 1);
    }

    #[test]
    fn jobs_are_stopped_by_themselves() {
        let job = || Job::new(Arc::new(Silent), CancelFlag::default(), Duration::from_secs(1));
        let (one, other) = (job(), job());
        one.clone().cancel.cancel();
        assert!(one.is_cancelled() && !other.is_cancelled());
    }
}
