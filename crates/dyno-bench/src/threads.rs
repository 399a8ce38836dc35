//! Which thread counts to try, how much to measure with each, and which to choose. Pure.

use dyno_types::{HardwareProfile, MeasureReport, MeasureRequest, ThreadSample};

/// Rounds over all candidates; odd, so that the median of each is one of its own rounds.
pub(crate) const ROUNDS: u32 = 3;

/// Rates closer than this to the best one count as equal, and fewer threads win: the rest of the machine stays free.
const TIE: f64 = 0.03;

/// Time one candidate's phase (prefill or decode) should take in one round, s.
const PHASE_S: f64 = 0.25;

/// Tokens of the first, discarded measurement, from whose rates the sizes of the others follow.
const WARM_PREFILL_TOKENS: u32 = 32;
const WARM_DECODE_TOKENS: u32 = 4;

/// Thread counts worth trying: powers of two, the physical cores, and all usable processors with and without one to
/// spare; ascending, each once, never more than are usable.
pub(crate) fn candidates(machine: &HardwareProfile) -> Vec<u32> {
    let usable = most(machine);
    let powers = std::iter::successors(Some(1_u32), |threads| threads.checked_mul(2))
        .take_while(|threads| *threads < usable);
    let mut threads: Vec<u32> =
        powers.chain([machine.cores_physical, usable / 2, usable - 1, usable]).collect();
    threads.retain(|threads| (1..=usable).contains(threads));
    threads.sort_unstable();
    threads.dedup();
    threads
}

/// Every usable processor: the count before anything was measured.
pub(crate) fn most(machine: &HardwareProfile) -> u32 {
    machine.cores_usable.max(1)
}

/// Steps of a sweep as progress counts them: the discarded first measurement, and every candidate in every round.
pub(crate) fn steps(machine: &HardwareProfile) -> u64 {
    1 + u64::from(ROUNDS) * candidates(machine).len() as u64
}

/// What one measurement asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sizes {
    prefill_tokens: u32,
    decode_tokens: u32,
}

/// Tokens that fit into one measurement.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room {
    /// Open window, tokens.
    pub(crate) context: u32,
    /// Physical batch, tokens.
    pub(crate) ubatch: u32,
}

impl Sizes {
    /// Sizes of the discarded first measurement.
    pub(crate) fn warm_up(room: Room) -> Self {
        Self { prefill_tokens: WARM_PREFILL_TOKENS, decode_tokens: WARM_DECODE_TOKENS }.within(room)
    }

    /// Sizes that take about [`PHASE_S`] per phase at these rates (tokens/s), within what fits.
    pub(crate) fn at_rates(rates: Rates, room: Room) -> Self {
        let tokens = |rate: f64, min: f64, max: f64| (rate * PHASE_S).clamp(min, max) as u32;
        let prefill_tokens = tokens(rates.prefill_tps, 16.0, 512.0);
        Self { prefill_tokens, decode_tokens: tokens(rates.decode_tps, 4.0, 64.0) }.within(room)
    }

    /// A physical batch is not split, and both phases share the window.
    fn within(self, room: Room) -> Self {
        let half = (room.context / 2).max(1);
        Self {
            prefill_tokens: self.prefill_tokens.min(room.ubatch.max(1)).min(half),
            decode_tokens: self.decode_tokens.min(half),
        }
    }

    /// The measurement with this many threads for both phases.
    pub(crate) fn request(self, threads: u32, seed: u64) -> MeasureRequest {
        let Self { prefill_tokens, decode_tokens } = self;
        MeasureRequest {
            depth: 0,
            prefill_tokens,
            decode_tokens,
            repetitions: 1,
            threads,
            threads_prefill: threads,
            seed,
        }
    }
}

/// Rates of both phases, tokens/s.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rates {
    pub(crate) prefill_tps: f64,
    pub(crate) decode_tps: f64,
}

/// Rates of one measurement: Σtokens/Σtime. `None` when the report does not hold what was asked for.
pub(crate) fn rates(request: &MeasureRequest, report: &MeasureReport) -> Option<Rates> {
    let rate = |tokens: u64, ns: u64| (tokens > 0 && ns > 0).then(|| tokens as f64 / (ns as f64 / 1e9));
    let repetitions = u64::from(request.repetitions);
    if report.prefill_ns.len() as u64 != repetitions || report.decode_ns.len() as u64 != repetitions {
        return None;
    }
    let total = |times: &mut dyn Iterator<Item = u64>| times.fold(0_u64, u64::saturating_add);
    let steps: u64 = report.decode_ns.iter().map(|steps| steps.len() as u64).sum();
    Some(Rates {
        prefill_tps: rate(
            u64::from(request.prefill_tokens) * repetitions,
            total(&mut report.prefill_ns.iter().copied()),
        )?,
        decode_tps: rate(steps, total(&mut report.decode_ns.iter().flatten().copied()))?,
    })
}

/// One sample per candidate: the median of its rounds, each phase on its own.
pub(crate) fn samples(measured: &[(u32, Vec<Rates>)]) -> Vec<ThreadSample> {
    let median = |rounds: &[Rates], part: fn(&Rates) -> f64| {
        let mut values: Vec<f64> = rounds.iter().map(part).collect();
        values.sort_unstable_by(f64::total_cmp);
        dyno_stats::percentile(&values, 50.0)
    };
    let sample = |(threads, rounds): &(u32, Vec<Rates>)| {
        Some(ThreadSample {
            threads: *threads,
            prefill_tps: median(rounds, |rates| rates.prefill_tps)?,
            decode_tps: median(rounds, |rates| rates.decode_tps)?,
        })
    };
    measured.iter().filter_map(sample).collect()
}

/// The thread count of the best rate; among those within 3 % of it, the smallest. `None` without samples.
pub(crate) fn choose(samples: &[ThreadSample], rate: fn(&ThreadSample) -> f64) -> Option<u32> {
    let best = samples.iter().map(rate).max_by(f64::total_cmp)?;
    samples.iter().filter(|sample| rate(sample) >= best * (1.0 - TIE)).map(|sample| sample.threads).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_cover_the_machine() {
        let machine = |physical, usable| HardwareProfile {
            cores_physical: physical,
            cores_usable: usable,
            ..HardwareProfile::default()
        };
        let cases: &[(u32, u32, &[u32])] = &[
            (1, 1, &[1]),
            (1, 2, &[1, 2]),
            (4, 8, &[1, 2, 4, 7, 8]),
            (6, 12, &[1, 2, 4, 6, 8, 11, 12]),
            (64, 3, &[1, 2, 3]),
            (0, 0, &[1]),
        ];
        for (physical, usable, expected) in cases {
            assert_eq!(candidates(&machine(*physical, *usable)), *expected, "{physical} {usable}");
        }
    }

    fn sample(threads: u32, prefill_tps: f64, decode_tps: f64) -> ThreadSample {
        ThreadSample { threads, prefill_tps, decode_tps }
    }

    #[test]
    fn the_fastest_wins_for_each_phase_and_ties_go_to_fewer_threads() {
        let samples =
            [sample(1, 10.0, 20.0), sample(2, 19.0, 29.5), sample(4, 36.0, 30.0), sample(8, 36.5, 12.0)];
        assert_eq!(choose(&samples, |s| s.prefill_tps), Some(4));
        assert_eq!(choose(&samples, |s| s.decode_tps), Some(2));
        assert_eq!(choose(&[], |s| s.decode_tps), None);
    }

    #[test]
    fn sizes_follow_the_speed_and_fit() {
        let room = Room { context: 4096, ubatch: 512 };
        let sizes = |prefill_tps, decode_tps, room| Sizes::at_rates(Rates { prefill_tps, decode_tps }, room);
        assert_eq!(sizes(400.0, 40.0, room), Sizes { prefill_tokens: 100, decode_tokens: 10 });
        assert_eq!(sizes(1e9, 1e9, room), Sizes { prefill_tokens: 512, decode_tokens: 64 });
        assert_eq!(sizes(0.1, 0.1, room), Sizes { prefill_tokens: 16, decode_tokens: 4 });
        let tight = Room { context: 8, ubatch: 1 };
        assert_eq!(sizes(1e9, 1e9, tight), Sizes { prefill_tokens: 1, decode_tokens: 4 });
        assert_eq!(Sizes::warm_up(tight), Sizes { prefill_tokens: 1, decode_tokens: 4 });
    }

    #[test]
    fn rates_are_tokens_over_time() {
        let request = Sizes { prefill_tokens: 100, decode_tokens: 4 }.request(2, 1);
        let report = MeasureReport {
            prefill_ns: vec![500_000_000],
            decode_ns: vec![vec![10_000_000, 30_000_000, 20_000_000, 20_000_000]],
        };
        assert_eq!(rates(&request, &report), Some(Rates { prefill_tps: 200.0, decode_tps: 50.0 }));
        assert_eq!(rates(&request, &MeasureReport::default()), None);
        let silent = MeasureReport { prefill_ns: vec![0], decode_ns: vec![vec![]] };
        assert_eq!(rates(&request, &silent), None);
    }

    #[test]
    fn one_disturbed_round_does_not_decide() {
        let round = |decode_tps| Rates { prefill_tps: 1.0, decode_tps };
        let measured = [
            (1, vec![round(10.0), round(11.0), round(10.5)]),
            (2, vec![round(20.0), round(3.0), round(19.0)]),
        ];
        assert_eq!(choose(&samples(&measured), |s| s.decode_tps), Some(2));
    }
}
