//! What this machine can do: measured once, kept in a file, measured again when the machine is another.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use dyno_types::{BandwidthSample, Event, EventSink, HardwareProfile, MachineAbilities};

use crate::{AppError, Work, kept};

/// Schema of the kept file; a file of another schema is measured again.
const SCHEMA: &str = "dyno.abilities/1";
/// No machine is measured with more numbers of threads.
const SAMPLES_MAX: usize = 64;
/// A disturbed measurement is used so long, then measured again, ms.
const DISTURBED_MAX_MS: i64 = 10 * 60 * 1000;

/// What has to be measured.
#[derive(Debug, PartialEq)]
enum Need {
    Nothing(MachineAbilities),
    /// The model cache has moved to another disk.
    Disk(MachineAbilities),
    /// Everything; with what was found before on the same machine.
    All(Option<MachineAbilities>),
}

impl Work {
    /// What this machine can do. Measured in a few seconds on the first call, after `refresh`, and when the machine is
    /// another than before (`dyno_hardware::fingerprint`); else as kept beside the history. A measurement that other
    /// programs disturbed is repeated when it is older than ten minutes, and the better figures win.
    ///
    /// # Errors
    /// [`AppError::Cancelled`]; [`AppError::Machine`] when memory or threads to measure with cannot be had. A result that
    /// cannot be kept is a warning.
    pub fn abilities(&self, refresh: bool) -> Result<MachineAbilities, AppError> {
        self.abilities_of(&dyno_hardware::profile(), refresh)
    }

    /// The same for a machine whose profile is already known.
    pub(crate) fn abilities_of(
        &self,
        machine: &HardwareProfile,
        refresh: bool,
    ) -> Result<MachineAbilities, AppError> {
        let fingerprint = dyno_hardware::fingerprint(machine);
        let file = self.abilities_file(&fingerprint);
        let kept = file.as_deref().and_then(|file| {
            read(file, &fingerprint).unwrap_or_else(|reason| {
                let file = file.display();
                self.job
                    .emit(Event::Note(format!("{file} is not used: {reason}; measuring this machine again")));
                None
            })
        });
        let cache_dir = &self.app.places.models_disk();
        let go_on = || !self.job.cancel.is_cancelled();
        let measured = match need(kept, &dyno_hardware::disk_name(cache_dir), refresh, unix_ms()) {
            Need::Nothing(kept) => return Ok(kept),
            Need::Disk(kept) => {
                let phase = format!("measuring the disk of {}", cache_dir.display());
                self.job.emit(Event::PhaseStarted { phase, total: 0 });
                let (disk, disk_read_bytes_per_s) = dyno_hardware::measure_disk(cache_dir, &go_on);
                self.job.emit(Event::PhaseEnded);
                MachineAbilities { disk, disk_read_bytes_per_s, ..kept }
            }
            Need::All(before) => {
                let now = dyno_hardware::measure_abilities(machine, cache_dir, &self.job, &go_on)?;
                match before {
                    Some(before) => better(before, now),
                    None => now,
                }
            }
        };
        if self.job.cancel.is_cancelled() {
            return Err(AppError::Cancelled);
        }
        if let Some(file) = &file
            && let Err(error) = kept::write(file, SCHEMA, &measured)
        {
            self.job.emit(Event::Warning(format!("the measurement of this machine is not kept: {error}")));
        }
        Ok(measured)
    }

    fn abilities_file(&self, fingerprint: &str) -> Option<PathBuf> {
        self.app.places.beside_history(format!("abilities-{fingerprint}.json"))
    }
}

fn need(kept: Option<MachineAbilities>, disk: &str, refresh: bool, now_unix_ms: i64) -> Need {
    match kept {
        None => Need::All(None),
        Some(kept) if refresh => Need::All(Some(kept)),
        Some(kept) => {
            let age_ms = now_unix_ms.saturating_sub(kept.measured_unix_ms);
            // A clock that went back makes the age unknown, which is as good as old.
            if !kept.flags.is_empty() && !(0..=DISTURBED_MAX_MS).contains(&age_ms) {
                Need::All(Some(kept))
            } else if kept.disk != disk {
                Need::Disk(kept)
            } else {
                Need::Nothing(kept)
            }
        }
    }
}

/// Two measurements of one machine: an undisturbed later one wins whole; else the better figure of each kind, because
/// disturbance only slows.
fn better(before: MachineAbilities, now: MachineAbilities) -> MachineAbilities {
    if now.flags.is_empty() {
        return now;
    }
    MachineAbilities {
        memory_read: faster(&before.memory_read, &now.memory_read),
        memory_copy: faster(&before.memory_copy, &now.memory_copy),
        cache_read_bytes_per_s: before.cache_read_bytes_per_s.max(now.cache_read_bytes_per_s),
        ..now
    }
}

fn faster(before: &[BandwidthSample], now: &[BandwidthSample]) -> Vec<BandwidthSample> {
    let choose = |now: &BandwidthSample| {
        let same = before.iter().find(|before| before.threads == now.threads);
        *same.filter(|before| before.bytes_per_s > now.bytes_per_s).unwrap_or(now)
    };
    now.iter().map(choose).collect()
}

/// The kept abilities, when there are any.
///
/// # Errors
/// Why what is there cannot be used.
fn read(file: &Path, fingerprint: &str) -> Result<Option<MachineAbilities>, String> {
    let kept: Option<MachineAbilities> = kept::read(file, SCHEMA)?;
    if let Some(abilities) = &kept {
        check(abilities, fingerprint)?;
    }
    Ok(kept)
}

/// Refuses what no measurement gives.
fn check(abilities: &MachineAbilities, fingerprint: &str) -> Result<(), String> {
    if abilities.machine != fingerprint {
        return Err("it is about another machine".to_owned());
    }
    for samples in [&abilities.memory_read, &abilities.memory_copy] {
        if samples.is_empty() || samples.len() > SAMPLES_MAX {
            return Err(format!("it has {} memory figures", samples.len()));
        }
    }
    let samples = abilities.memory_read.iter().chain(&abilities.memory_copy);
    let rates = samples.clone().map(|sample| sample.bytes_per_s);
    let rates = rates.chain(abilities.disk_read_bytes_per_s).chain([abilities.cache_read_bytes_per_s]);
    let counted = samples.clone().all(|sample| sample.threads > 0 && sample.variation >= 0.0);
    if !counted || !rates.clone().all(|rate| rate.is_finite() && rate > 0.0) {
        return Err("it holds figures that no measurement gives".to_owned());
    }
    Ok(())
}

pub(crate) fn unix_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
