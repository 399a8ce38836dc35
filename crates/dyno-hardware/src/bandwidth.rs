//! Memory bandwidth: how fast so many threads read, or copy, data that no cache can hold.

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{Builder, Scope};
use std::time::{Duration, Instant};

use dyno_types::BandwidthSample;

use crate::MeasureError;

/// A round is so long at least that starting the threads is no part of the figure.
const ROUND_MIN: Duration = Duration::from_millis(30);
/// Rounds together last so long at least.
const ROUNDS_MIN: Duration = Duration::from_millis(300);
/// The best of fewer rounds says little.
const ROUNDS_LEAST: usize = 5;

/// The data is so many times the last-level cache at least, so that hardly any of it is still there in the next sweep.
const CACHES: u64 = 4;
/// Where caches are small or unknown, bytes.
const DATA_BYTES_MIN: u64 = 256 << 20;
/// Even for the largest caches, bytes.
const DATA_BYTES_MAX: u64 = 8 << 30;
/// Part of the available memory that may be taken for it: one in so many.
const OF_AVAILABLE: u64 = 4;
/// With less than so many times the last-level cache the figure would be the cache's.
const CACHES_LEAST: u64 = 2;

/// Words made at a time, so that making gigabytes of them can be stopped.
const MADE_WORDS: usize = 4 << 20;
/// How often somebody who waits for threads looks whether to go on.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Words of one step of the reading loop: a cache line. So many sums, kept apart, become vector registers.
const LANES: usize = 8;
/// Places a thread reads from in turn. One stream leaves the memory idle while the processor finds the next page: it reached
/// two thirds of what eight do.
const STREAMS: usize = 8;
/// Data of the first-level cache: half of the smallest one in use, 32 KiB.
const CACHED_BYTES: usize = 16 << 10;

/// What the threads do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    /// Read all of the data.
    Read,
    /// Copy its first half over its second half.
    Copy,
}

/// Read and copy figures of one number of threads.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Figures {
    pub(crate) read: BandwidthSample,
    pub(crate) copy: BandwidthSample,
}

/// Numbers of threads worth measuring: 1, 2, 4, … below the usable processors, and all of these.
pub(crate) fn thread_counts(usable: u32) -> Vec<u32> {
    let usable = usable.max(1);
    let doubling = std::iter::successors(Some(1_u32), |count| count.checked_mul(2));
    doubling.take_while(|count| *count < usable).chain([usable]).collect()
}

/// How much data to measure with, bytes.
///
/// # Errors
/// [`MeasureError::Memory`] when the memory to be had is too small for a figure that is not the cache's.
pub(crate) fn data_bytes(last_level_cache_bytes: u64, available_bytes: u64) -> Result<u64, MeasureError> {
    let wanted = last_level_cache_bytes.saturating_mul(CACHES).clamp(DATA_BYTES_MIN, DATA_BYTES_MAX);
    let bytes = wanted.min(available_bytes / OF_AVAILABLE);
    let least = last_level_cache_bytes.saturating_mul(CACHES_LEAST).max(DATA_BYTES_MIN / 8);
    if bytes < least {
        let needed_bytes = least.saturating_mul(OF_AVAILABLE);
        return Err(MeasureError::Memory { needed_bytes, available_bytes });
    }
    Ok(bytes)
}

/// Measures reading and copying of `bytes` bytes in all, shared evenly by the threads. Each thread makes its own part, so
/// that the part lies near the processor it runs on.
///
/// # Errors
/// [`MeasureError`] when threads or memory cannot be had, or `go_on` says no.
pub(crate) fn measure(threads: u32, bytes: u64, go_on: &dyn Fn() -> bool) -> Result<Figures, MeasureError> {
    let words = usize::try_from(bytes / 8 / u64::from(threads.max(1))).unwrap_or(usize::MAX);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let crew = Crew::gather(scope, threads.max(1), words, &stop, go_on)?;
        Ok(Figures { read: crew.measure(Work::Read, go_on)?, copy: crew.measure(Work::Copy, go_on)? })
    })
}

/// Rate of the reading loop of one thread on data in its first-level cache, bytes/s: what the loop can do at best.
pub(crate) fn cache_read_bytes_per_s() -> f64 {
    /// Sweeps of one round; some milliseconds.
    const SWEEPS: u32 = 10_000;
    let data = vec![1_u64; CACHED_BYTES / 8];
    let round = || {
        let begun = Instant::now();
        for _ in 0..SWEEPS {
            black_box(sum(black_box(&data)));
        }
        begun.elapsed()
    };
    let best = (0..ROUNDS_LEAST).map(|_| round()).min().unwrap_or_default();
    rate(CACHED_BYTES as f64 * f64::from(SWEEPS), best)
}

/// Threads that wait for orders; they end when the crew is gone.
struct Crew {
    orders: Vec<Sender<Order>>,
    answers: Receiver<Answer>,
    /// Bytes that one sweep of all moves.
    bytes: f64,
}

#[derive(Debug, Clone, Copy)]
struct Order {
    work: Work,
    sweeps: u32,
}

enum Answer {
    /// Its part of the data is there.
    Ready,
    /// Its part of the data cannot be had.
    OutOfMemory,
    /// The order is carried out.
    Done { begun: Instant, ended: Instant },
}

impl Crew {
    /// Starts the threads, each with `words` words of data, and waits until all are ready.
    fn gather<'scope>(
        scope: &'scope Scope<'scope, '_>,
        threads: u32,
        words: usize,
        stop: &'scope AtomicBool,
        go_on: &dyn Fn() -> bool,
    ) -> Result<Self, MeasureError> {
        let (answer, answers) = channel();
        let mut orders = Vec::new();
        for _ in 0..threads {
            let (order, listen) = channel();
            let answer = answer.clone();
            // On failure the threads that run already lose their orders, and end.
            Builder::new()
                .name("bandwidth".to_owned())
                .spawn_scoped(scope, move || serve(words, stop, &listen, &answer))
                .map_err(|source| MeasureError::Threads { threads, source })?;
            orders.push(order);
        }
        let bytes = words as f64 * 8.0 * f64::from(threads);
        let crew = Self { orders, answers, bytes };
        let mut ready = 0;
        while ready < threads {
            match crew.answers.recv_timeout(LOOK_EVERY) {
                Ok(Answer::Ready) => ready += 1,
                Err(RecvTimeoutError::Timeout) if go_on() => {}
                Err(RecvTimeoutError::Timeout) => {
                    stop.store(true, Ordering::Relaxed);
                    return Err(MeasureError::Cancelled);
                }
                _ => return Err(MeasureError::Allocation { bytes: crew.bytes as u64 }),
            }
        }
        Ok(crew)
    }

    /// Rounds until they are many and long enough.
    fn measure(&self, work: Work, go_on: &dyn Fn() -> bool) -> Result<BandwidthSample, MeasureError> {
        // The first sweep wakes the processors and says how many make a round.
        let first = self.round(Order { work, sweeps: 1 })?;
        let sweeps = (ROUND_MIN.as_secs_f64() / first.as_secs_f64().max(1e-9)).ceil().clamp(1.0, 1e4) as u32;
        let mut rates = Vec::new();
        let mut spent = Duration::ZERO;
        while spent < ROUNDS_MIN || rates.len() < ROUNDS_LEAST {
            if !go_on() {
                return Err(MeasureError::Cancelled);
            }
            let took = self.round(Order { work, sweeps })?;
            spent += took;
            rates.push(rate(self.bytes * f64::from(sweeps), took));
        }
        Ok(sample(self.orders.len(), &rates))
    }

    /// One order for all: from the first that begins to the last that ends.
    fn round(&self, order: Order) -> Result<Duration, MeasureError> {
        for each in &self.orders {
            // A thread that is gone is noticed by its missing answer.
            let _ = each.send(order);
        }
        let mut span: Option<(Instant, Instant)> = None;
        for _ in &self.orders {
            let Ok(Answer::Done { begun, ended }) = self.answers.recv() else {
                return Err(MeasureError::Allocation { bytes: self.bytes as u64 });
            };
            span = Some(span.map_or((begun, ended), |(first, last)| (first.min(begun), last.max(ended))));
        }
        Ok(span.map_or(Duration::ZERO, |(first, last)| last.duration_since(first)))
    }
}

/// A thread of the crew.
fn serve(words: usize, stop: &AtomicBool, orders: &Receiver<Order>, answers: &Sender<Answer>) {
    let mut data: Vec<u64> = Vec::new();
    let answer = if data.try_reserve_exact(words).is_ok() { Answer::Ready } else { Answer::OutOfMemory };
    let ready = matches!(answer, Answer::Ready);
    while ready && data.len() < words && !stop.load(Ordering::Relaxed) {
        // Memory that was never written is one page of zeroes, however often it is read.
        data.resize(data.len().saturating_add(MADE_WORDS).min(words), 1);
    }
    if answers.send(answer).is_err() || !ready {
        return;
    }
    for order in orders {
        let begun = Instant::now();
        for _ in 0..order.sweeps {
            sweep(order.work, &mut data);
        }
        if answers.send(Answer::Done { begun, ended: Instant::now() }).is_err() {
            return;
        }
    }
}

fn sweep(work: Work, data: &mut [u64]) {
    match work {
        Work::Read => {
            black_box(sum(black_box(data)));
        }
        Work::Copy => {
            let (from, to) = data.split_at_mut(data.len() / 2);
            to[..from.len()].copy_from_slice(black_box(from));
            black_box(to);
        }
    }
}

/// Sum of all words, read in several streams at once, in sums kept apart.
#[inline(never)]
fn sum(words: &[u64]) -> u64 {
    let (lines, rest) = words.as_chunks::<LANES>();
    let steps = lines.len() / STREAMS;
    let (streamed, beyond) = lines.split_at(steps * STREAMS);
    let streams: [&[[u64; LANES]]; STREAMS] =
        std::array::from_fn(|stream| &streamed[stream * steps..(stream + 1) * steps]);
    let mut lanes = [0_u64; LANES];
    let mut add = |line: &[u64; LANES]| {
        for (lane, word) in lanes.iter_mut().zip(line) {
            *lane = lane.wrapping_add(*word);
        }
    };
    for step in 0..steps {
        for stream in streams {
            add(&stream[step]);
        }
    }
    beyond.iter().for_each(add);
    lanes.iter().chain(rest).fold(0, |sum, word| sum.wrapping_add(*word))
}

fn rate(bytes: f64, took: Duration) -> f64 {
    bytes / took.as_secs_f64().max(1e-9)
}

/// The best rate, and how much the rates vary.
fn sample(threads: usize, rates: &[f64]) -> BandwidthSample {
    let count = rates.len().max(1) as f64;
    let mean = rates.iter().sum::<f64>() / count;
    let variance = rates.iter().map(|rate| (rate - mean).powi(2)).sum::<f64>() / (count - 1.0).max(1.0);
    BandwidthSample {
        threads: u32::try_from(threads).unwrap_or(u32::MAX),
        bytes_per_s: rates.iter().copied().fold(0.0, f64::max),
        rounds: u32::try_from(rates.len()).unwrap_or(u32::MAX),
        variation: if mean > 0.0 { variance.sqrt() / mean } else { 0.0 },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thread_counts_double_and_end_with_all() {
        assert_eq!(thread_counts(0), [1]);
        assert_eq!(thread_counts(1), [1]);
        assert_eq!(thread_counts(2), [1, 2]);
        assert_eq!(thread_counts(6), [1, 2, 4, 6]);
        assert_eq!(thread_counts(8), [1, 2, 4, 8]);
        assert_eq!(thread_counts(u32::MAX).len(), 33);
    }

    #[test]
    fn data_outgrows_the_cache_and_stays_within_the_memory() {
        let bytes = |cache, available| data_bytes(cache, available).ok();
        assert_eq!(bytes(32 << 20, 16 << 30), Some(256 << 20), "four caches are less than the least");
        assert_eq!(bytes(256 << 20, 64 << 30), Some(1 << 30));
        assert_eq!(bytes(32 << 20, 512 << 20), Some(128 << 20), "a quarter of what is available");
        assert_eq!(bytes(32 << 20, 128 << 20), None, "no more than the cache");
        assert_eq!(bytes(0, 64 << 20), None);
        assert_eq!(bytes(u64::MAX, u64::MAX), None);
        let error = data_bytes(32 << 20, 128 << 20).unwrap_err().to_string();
        assert!(error.contains("256 MiB") && error.contains("128 MiB"), "{error}");
    }

    #[test]
    fn the_loop_reads_every_word() {
        for length in [0, 1, LANES, STREAMS * LANES - 1, STREAMS * LANES, 5 * STREAMS * LANES + 3] {
            let words: Vec<u64> = (1..=length as u64).collect();
            assert_eq!(sum(&words), (length * (length + 1) / 2) as u64);
        }
        assert_eq!(sum(&[u64::MAX, 2]), 1, "sums wrap");
    }

    #[test]
    fn a_copy_sweep_copies_the_first_half_over_the_second() {
        let mut data = vec![1, 2, 3, 0, 0, 0, 0];
        sweep(Work::Copy, &mut data);
        assert_eq!(data, [1, 2, 3, 1, 2, 3, 0]);
    }

    #[test]
    fn the_best_round_counts_and_the_others_say_how_noisy_it_is() {
        let found = sample(4, &[10.0, 30.0, 20.0]);
        assert_eq!((found.threads, found.rounds, found.bytes_per_s, found.variation), (4, 3, 30.0, 0.5));
        assert_eq!(sample(1, &[7.0]).variation, 0.0);
    }

    #[test]
    fn figures_are_figures() {
        let found = measure(2, 8 << 20, &|| true).unwrap();
        for figure in [found.read, found.copy] {
            assert_eq!(figure.threads, 2);
            assert!(figure.bytes_per_s.is_finite() && figure.bytes_per_s > 0.0, "{figure:?}");
            assert!(figure.variation.is_finite() && figure.rounds >= 5, "{figure:?}");
        }
        let cached = cache_read_bytes_per_s();
        assert!(cached.is_finite() && cached > 0.0);
    }

    #[test]
    fn it_can_be_stopped_and_refuses_what_cannot_be_had() {
        assert!(matches!(measure(1, 1 << 20, &|| false), Err(MeasureError::Cancelled)));
        // Also while the data is made: more than can be made between two looks.
        let looks = std::cell::Cell::new(0);
        let once = || looks.replace(looks.get() + 1) < 1;
        assert!(matches!(measure(1, 1 << 30, &once), Err(MeasureError::Cancelled)));
        assert!(matches!(measure(2, u64::MAX, &|| true), Err(MeasureError::Allocation { .. })));
    }
}
