//! A flag that ends whatever runs: asked between steps, and raced against everything that waits.

use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};

use futures::channel::oneshot;
use futures::future::{Either, FutureExt, Shared, select};

/// Asks running work to end and keep what it has. Clones share one flag; once raised it stays raised.
#[derive(Debug, Clone)]
pub struct CancelFlag {
    raise: Arc<Mutex<Option<oneshot::Sender<()>>>>,
    raised: Shared<oneshot::Receiver<()>>,
}

impl Default for CancelFlag {
    fn default() -> Self {
        let (sender, receiver) = oneshot::channel();
        Self { raise: Arc::new(Mutex::new(Some(sender))), raised: receiver.shared() }
    }
}

impl CancelFlag {
    /// Raises the flag and wakes whoever waits. Repeating it changes nothing.
    pub fn cancel(&self) {
        if let Some(sender) = self.raise.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // The receiving half lives in this very flag, so there is always somebody to take it.
            let _ = sender.send(());
        }
    }

    /// Whether the flag was raised.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.raise.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }

    /// Waits until the flag is raised.
    pub async fn cancelled(&self) {
        // An error would mean that the sender was dropped unsent, which cannot happen while `self` is borrowed.
        let _ = self.raised.clone().await;
    }

    /// The result of `work`, or `None` when the flag is raised first (also when it was raised before).
    pub async fn race<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        if self.is_cancelled() {
            return None;
        }
        match select(pin!(self.cancelled()), pin!(work)).await {
            Either::Left(_) => None,
            Either::Right((result, _)) => Some(result),
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;
    use futures::future::{join, pending, ready};

    use super::*;

    #[test]
    fn a_raised_flag_stays_raised_in_every_clone() {
        let flag = CancelFlag::default();
        let clone = flag.clone();
        assert!(!clone.is_cancelled());
        flag.cancel();
        flag.cancel();
        assert!(clone.is_cancelled());
        assert_eq!(block_on(clone.race(ready(1))), None);
    }

    #[test]
    fn work_that_would_never_end_is_ended() {
        let flag = CancelFlag::default();
        let (first, second) = (flag.race(pending::<()>()), flag.race(pending::<()>()));
        let raise = async { flag.cancel() };
        assert_eq!(block_on(join(join(first, second), raise)), ((None, None), ()));
    }

    #[test]
    fn work_that_ends_gives_its_result() {
        assert_eq!(block_on(CancelFlag::default().race(ready(7))), Some(7));
    }
}
