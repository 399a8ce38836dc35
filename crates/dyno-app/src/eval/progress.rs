//! What a person sees while questions are answered: how many are done, how many were right, how long it will take.

use std::time::{Duration, Instant};

use dyno_types::{Event, EventSink, ItemOutcome, ItemResult, time_left};

/// Progress through one suite asked in one way; the phase ends with it.
pub(crate) struct Progress<'a> {
    events: &'a dyn EventSink,
    begun: Instant,
    tally: Tally,
}

/// What was counted so far.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Tally {
    total: u64,
    /// Done, those from the cache among them.
    done: u64,
    cached: u64,
    /// Sum of grades, 1 for right.
    points: f64,
    /// Items that are right, wrong or graded.
    judged: u64,
}

impl<'a> Progress<'a> {
    /// Begins the phase of so many items.
    pub(crate) fn begin(events: &'a dyn EventSink, phase: String, total: u64) -> Self {
        events.emit(Event::PhaseStarted { phase, total });
        Self { events, begun: Instant::now(), tally: Tally { total, ..Tally::default() } }
    }

    /// Counts an item that was answered before.
    pub(crate) fn cached(&mut self, item: &ItemResult) {
        self.tally.cached += 1;
        self.tally.count(&item.outcome);
    }

    /// Counts an item and shows where it stands.
    pub(crate) fn answered(&mut self, item: &ItemResult) {
        self.tally.count(&item.outcome);
        let detail = self.tally.detail(self.begun.elapsed());
        self.events.emit(Event::PhaseAdvanced { done: self.tally.done, detail });
    }

    /// Since the phase began.
    pub(crate) fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        self.events.emit(Event::PhaseEnded);
    }
}

impl Tally {
    fn count(&mut self, outcome: &ItemOutcome) {
        self.done += 1;
        let points = match outcome {
            ItemOutcome::Correct => 1.0,
            ItemOutcome::Wrong | ItemOutcome::Unparsed => 0.0,
            ItemOutcome::Graded { grade } => *grade,
            ItemOutcome::Tied | ItemOutcome::Open | ItemOutcome::Failed { .. } => return,
        };
        self.points += points;
        self.judged += 1;
    }

    fn detail(&self, elapsed: Duration) -> String {
        let mut detail = format!("{} of {}", self.done, self.total);
        if self.judged > 0 {
            detail.push_str(&format!(", {:.0} % right", 100.0 * self.points / self.judged as f64));
        }
        let asked = self.done - self.cached;
        if asked > 0 && self.done < self.total {
            let left_s = elapsed.as_secs_f64() / asked as f64 * (self.total - self.done) as f64;
            detail.push_str(&format!(", {} left", time_left(left_s)));
        }
        detail
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_detail_says_what_is_done_what_was_right_and_what_is_left() {
        let mut tally = Tally { total: 10, ..Tally::default() };
        assert_eq!(tally.detail(Duration::ZERO), "0 of 10");
        tally.cached = 1;
        for outcome in
            [ItemOutcome::Correct, ItemOutcome::Wrong, ItemOutcome::Tied, ItemOutcome::Graded { grade: 0.5 }]
        {
            tally.count(&outcome);
        }
        // Three were asked in 6 s; six are left.
        assert_eq!(tally.detail(Duration::from_secs(6)), "4 of 10, 50 % right, 12 s left");
        for _ in 0..6 {
            tally.count(&ItemOutcome::Failed { reason: String::new() });
        }
        assert_eq!(tally.detail(Duration::from_secs(9)), "10 of 10, 50 % right");
    }
}
