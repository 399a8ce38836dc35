//! Checks of what this machine can do, as measured: are the figures sound, and what lowers them?

use dyno_types::{BandwidthSample, MachineAbilities, Remedy, ValidityFlag, Wish};

use super::Check;
use crate::AppError;

const MEMORY: &str = "memory bandwidth";
const DISK: &str = "disk read";

/// The best of rounds that vary more than this is a noisy figure.
const VARIATION_MAX: f64 = 0.25;
/// All threads must read at least this part of what one reads.
const ALL_THREADS_LEAST: f64 = 0.9;
/// A figure above this part of what the loop reads from the cache is the loop's, not the memory's.
const LOOP_SHARE_MAX: f64 = 0.7;
/// A disk below this makes people wait for every model, bytes/s.
const DISK_SLOW_BYTES_PER_S: f64 = 2e8;

/// Checks of measured abilities, or why there are none; `now_unix_ms` says how old they are.
pub(super) fn checks(measured: &Result<MachineAbilities, AppError>, now_unix_ms: i64) -> Vec<Check> {
    match measured {
        Ok(abilities) => vec![memory(abilities, now_unix_ms), disk(abilities)],
        Err(error) => {
            let check = Check::warning(MEMORY, format!("not measured: {error}"), "measure again");
            vec![check.with_step(Remedy::MeasureEngine)]
        }
    }
}

fn memory(abilities: &MachineAbilities, now_unix_ms: i64) -> Check {
    let age_ms = now_unix_ms.saturating_sub(abilities.measured_unix_ms);
    let finding = format!(
        "read {}, copy {} GB/s with {} threads, measured {}",
        figures(&abilities.memory_read),
        figures(&abilities.memory_copy),
        abilities.memory_read.iter().map(|sample| sample.threads.to_string()).collect::<Vec<_>>().join(" / "),
        ago(age_ms)
    );
    match remedy(abilities) {
        Some((remedy, true)) => Check::warning(MEMORY, finding, remedy).with_step(Remedy::MeasureEngine),
        Some((remedy, false)) => Check::warning(MEMORY, finding, remedy),
        None => Check::ok(MEMORY, finding),
    }
}

/// What to do about figures that are not what the machine can do, for the weightiest reason, and whether to measure again then.
fn remedy(abilities: &MachineAbilities) -> Option<(String, bool)> {
    if let Some(flag) = abilities.flags.first() {
        return Some((format!("{} To measure again", explain(*flag)), true));
    }
    let read = &abilities.memory_read;
    let (one, all) = (read.first()?, read.last()?);
    if all.bytes_per_s < ALL_THREADS_LEAST * one.bytes_per_s {
        let told = format!(
            "{} threads together read slower than one: a quota, a neighbour on the same host or a broken memory channel; ask \
             whoever runs this machine, and measure again",
            all.threads
        );
        return Some((told, true));
    }
    let limit = |sample: &BandwidthSample| {
        sample.bytes_per_s > LOOP_SHARE_MAX * abilities.cache_read_bytes_per_s * f64::from(sample.threads)
    };
    if read.iter().any(limit) {
        let told =
            "the measuring loop, not the memory, limits these figures: build dyno in release (make build)";
        return Some((told.to_owned(), false));
    }
    let noisy = read.iter().find(|sample| sample.variation > VARIATION_MAX)?;
    let told = format!(
        "the figure of {} threads is noisy (its rounds vary by {:.0} %): close other programs and measure again",
        noisy.threads,
        noisy.variation * 100.0
    );
    Some((told, true))
}

fn explain(flag: ValidityFlag) -> String {
    match flag {
        // The general advice speaks of models.
        ValidityFlag::SwapUsed => {
            "The machine swapped memory to disk while measuring; close other programs.".to_owned()
        }
        flag => flag.explain().to_owned(),
    }
}

fn disk(abilities: &MachineAbilities) -> Check {
    let disk = &abilities.disk;
    let Some(rate) = abilities.disk_read_bytes_per_s else {
        return Check::ok(
            DISK,
            format!("{disk} cannot be read past the page cache, so its speed stays unknown"),
        );
    };
    let finding = format!(
        "{disk} {:.2} GB/s: 5 GB of weights load in {:.0} s at best",
        rate / 1e9,
        (5e9 / rate).ceil()
    );
    if rate < DISK_SLOW_BYTES_PER_S {
        return Check::warning(
            DISK,
            finding,
            "load models once and keep them loaded, or keep them on a faster disk",
        )
        .with_step(Remedy::Give(Wish::CacheFolder));
    }
    Check::ok(DISK, finding)
}

/// Rates in GB/s, one per number of threads.
fn figures(samples: &[BandwidthSample]) -> String {
    let figures = samples.iter().map(|sample| format!("{:.1}", sample.bytes_per_s / 1e9));
    figures.collect::<Vec<_>>().join(" / ")
}

/// An age in words.
fn ago(age_ms: i64) -> String {
    let minutes = age_ms / 60_000;
    match minutes {
        // A clock that was set back since.
        i64::MIN..0 => "some time ago".to_owned(),
        0 => "just now".to_owned(),
        1..120 => format!("{minutes} min ago"),
        120..2880 => format!("{} h ago", minutes / 60),
        _ => format!("{} days ago", minutes / 1440),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::CheckStatus;

    fn sample(threads: u32, bytes_per_s: f64, variation: f64) -> BandwidthSample {
        BandwidthSample { threads, bytes_per_s, rounds: 10, variation }
    }

    fn sound() -> MachineAbilities {
        MachineAbilities {
            memory_read: vec![sample(1, 1.26e10, 0.02), sample(2, 2.8e10, 0.02)],
            memory_copy: vec![sample(1, 1e10, 0.02), sample(2, 1.9e10, 0.02)],
            cache_read_bytes_per_s: 9e10,
            disk: "/dev/disk".to_owned(),
            disk_read_bytes_per_s: Some(1.5e9),
            ..MachineAbilities::default()
        }
    }

    /// Remedies for memory and disk after this change.
    fn remedies(change: impl FnOnce(&mut MachineAbilities)) -> Vec<Option<String>> {
        let mut abilities = sound();
        change(&mut abilities);
        checks(&Ok(abilities), 0).into_iter().map(|check| check.remedy).collect()
    }

    #[test]
    fn sound_figures_are_stated_with_their_age() {
        let [memory, disk] = &checks(&Ok(sound()), 5 * 3_600_000)[..] else { panic!("two checks") };
        assert_eq!(
            memory.finding,
            "read 12.6 / 28.0, copy 10.0 / 19.0 GB/s with 1 / 2 threads, measured 5 h ago"
        );
        assert_eq!(disk.finding, "/dev/disk 1.50 GB/s: 5 GB of weights load in 4 s at best");
        assert_eq!((memory.status, disk.status), (CheckStatus::Ok, CheckStatus::Ok));
    }

    #[test]
    fn every_doubt_has_a_remedy() {
        type Change = fn(&mut MachineAbilities);
        let cases: [(Change, &str); 6] = [
            (|it| it.flags = vec![ValidityFlag::ForeignLoad], "close them"),
            (|it| it.flags = vec![ValidityFlag::OnBattery], "plug it in"),
            (|it| it.flags = vec![ValidityFlag::Throttled], "cool"),
            (|it| it.memory_read[1].bytes_per_s = 1e10, "2 threads together read slower than one"),
            (|it| it.cache_read_bytes_per_s = 1.5e10, "release"),
            (|it| it.memory_read[0].variation = 0.4, "vary by 40 %"),
        ];
        for (change, expected) in cases {
            let remedy = remedies(change)[0].clone().unwrap();
            assert!(remedy.contains(expected), "{remedy} should say {expected}");
        }
        assert_eq!(remedies(|_| {}), [None, None]);
    }

    #[test]
    fn a_disk_is_slow_or_unknown() {
        assert!(
            remedies(|it| it.disk_read_bytes_per_s = Some(1e8))[1].as_ref().unwrap().contains("faster disk")
        );
        assert_eq!(remedies(|it| it.disk_read_bytes_per_s = None)[1], None, "unknown is no fault");
    }

    #[test]
    fn what_could_not_be_measured_says_why() {
        let found = checks(&Err(AppError::Cancelled), 0);
        assert_eq!((found.len(), found[0].status), (1, CheckStatus::Warning));
        assert!(found[0].finding.contains("stopped"), "{}", found[0].finding);
    }

    #[test]
    fn ages_are_words() {
        let words = [-5, 0, 60_000, 119 * 60_000, 121 * 60_000, 49 * 3_600_000, i64::MAX].map(ago);
        assert_eq!(words[..6], ["just now", "just now", "1 min ago", "119 min ago", "2 h ago", "2 days ago"]);
        assert_eq!(ago(-120_000), "some time ago");
    }
}
