//! Waits for other processes that hold the file: bounded, and over soon after nobody wants the work any more.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rusqlite::Connection;

/// How long one operation waits at most.
pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Pause between two attempts.
pub(crate) const RETRY_PAUSE: Duration = Duration::from_millis(10);
/// Attempts after the work was stopped: what it took minutes to measure is worth a moment more.
const ATTEMPTS_WHEN_STOPPED: u32 = 20;

/// Says whether the work was stopped.
#[derive(Clone)]
pub(crate) struct Stop(Arc<dyn Fn() -> bool + Send + Sync>);

impl Stop {
    pub(crate) fn new(is_stopped: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(is_stopped))
    }

    pub(crate) fn is_stopped(&self) -> bool {
        (self.0)()
    }
}

impl std::fmt::Debug for Stop {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("Stop").field(&self.is_stopped()).finish()
    }
}

/// From here on the connection waits where another process holds the file.
pub(crate) fn wait_on(connection: &mut Connection, stop: &Stop) -> rusqlite::Result<()> {
    let mut patience = Patience::default();
    let stop = stop.clone();
    connection.busy_handler(Some(move |attempt: i32| {
        let goes_on = patience.goes_on(attempt.unsigned_abs(), stop.is_stopped());
        if goes_on {
            thread::sleep(RETRY_PAUSE);
        }
        goes_on
    }))
}

/// How often one operation is tried.
#[derive(Debug, Default)]
struct Patience {
    /// Attempts since the work was stopped.
    when_stopped: u32,
}

impl Patience {
    /// Whether to try once more after this attempt, the first being 0.
    fn goes_on(&mut self, attempt: u32, stopped: bool) -> bool {
        if attempt == 0 {
            self.when_stopped = 0;
        }
        self.when_stopped += u32::from(stopped);
        u128::from(attempt) < BUSY_TIMEOUT.as_millis() / RETRY_PAUSE.as_millis()
            && self.when_stopped <= ATTEMPTS_WHEN_STOPPED
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Attempts until it gives up, the work being stopped at one of them.
    fn attempts(stopped_at: u32) -> u32 {
        let mut patience = Patience::default();
        (0..).find(|attempt| !patience.goes_on(*attempt, *attempt >= stopped_at)).unwrap()
    }

    #[test]
    fn an_operation_waits_five_seconds_and_a_moment_once_it_is_stopped() {
        assert_eq!(attempts(u32::MAX), 500);
        assert_eq!((attempts(0), attempts(100)), (20, 120));
        let mut patience = Patience::default();
        for operation in 0..3 {
            for attempt in 0..20 {
                assert!(patience.goes_on(attempt, true), "operation {operation}, attempt {attempt}");
            }
        }
    }
}
