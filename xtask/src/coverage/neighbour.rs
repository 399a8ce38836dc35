//! A program beside the measurement: uses a share of one processor, evenly.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Length of one turn of work and rest.
const TURN: Duration = Duration::from_millis(50);

/// Works until it is dropped.
pub(super) struct Neighbour {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Neighbour {
    /// Uses so many per cent of one processor; nothing at 0.
    pub(super) fn start(percent: u32) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let work = move || {
            while !stopped.load(Ordering::Relaxed) {
                let begun = Instant::now();
                while begun.elapsed() < TURN * percent / 100 {
                    std::hint::black_box((0..1000_u64).sum::<u64>());
                }
                std::thread::sleep(TURN.saturating_sub(begun.elapsed()));
            }
        };
        Self { stop, thread: (percent > 0).then(|| std::thread::spawn(work)) }
    }
}

impl Drop for Neighbour {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It neither fails nor holds anything.
            let _ = thread.join();
        }
    }
}
