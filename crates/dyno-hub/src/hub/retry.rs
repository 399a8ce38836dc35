//! When to try again, and after how long: pure decisions.

use std::time::Duration;

use crate::settings::Patience;

/// Whether an HTTP status may pass by itself.
pub(crate) fn is_retriable_status(status: u16) -> bool {
    matches!(status, 408 | 425 | 429 | 500 | 502 | 503 | 504)
}

/// The wait before repetition number `failures` (from 1), or `None` to give up: too many failures, or a server that asks for
/// more than the longest wait.
pub(crate) fn wait(patience: &Patience, failures: u32, asked: Option<Duration>) -> Option<Duration> {
    if failures > patience.retries || asked.is_some_and(|asked| asked > patience.longest_wait) {
        return None;
    }
    let doubled = patience.first_wait.saturating_mul(1 << failures.saturating_sub(1).min(16));
    Some(doubled.min(patience.longest_wait).max(asked.unwrap_or_default()))
}

/// What a Retry-After header asks for, when it names seconds. (Dates are left to the doubling.)
pub(crate) fn asked_wait(header: &str) -> Option<Duration> {
    header.trim().parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_bound_and_end() {
        let patience = Patience { retries: 7, ..Patience::default() };
        let seconds: Vec<_> =
            (1..=8).map(|failures| wait(&patience, failures, None).map(|wait| wait.as_secs())).collect();
        assert_eq!(seconds, [Some(1), Some(2), Some(4), Some(8), Some(16), Some(30), Some(30), None]);
        assert_eq!(wait(&Patience::default(), 4, None), None, "three repetitions by default");
        assert_eq!(wait(&patience, 200, None), None);
    }

    #[test]
    fn a_server_may_ask_for_more_within_bounds() {
        let patience = Patience::default();
        let asked = |seconds| wait(&patience, 1, Some(Duration::from_secs(seconds)));
        assert_eq!(asked(0), Some(Duration::from_secs(1)), "never sooner than the doubling says");
        assert_eq!(asked(7), Some(Duration::from_secs(7)));
        assert_eq!(asked(30), Some(Duration::from_secs(30)));
        assert_eq!(asked(31), None);
        assert_eq!(asked(u64::MAX), None);
        assert_eq!(asked_wait(" 12 "), Some(Duration::from_secs(12)));
        assert_eq!(asked_wait("Wed, 21 Oct 2026 07:28:00 GMT"), None);
        assert_eq!(asked_wait("-5"), None);
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        let retriable: Vec<u16> = (100..600).filter(|status| is_retriable_status(*status)).collect();
        assert_eq!(retriable, [408, 425, 429, 500, 502, 503, 504]);
    }
}
