//! What this machine can do, measured: memory bandwidth by threads, speed of a disk.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use dyno_types::{Event, EventSink, HardwareProfile, MachineAbilities, ValidityFlag};

use crate::{bandwidth, disk, disk_speed};

/// Why this machine could not be measured.
#[derive(Debug, thiserror::Error)]
pub enum MeasureError {
    /// Too little memory is available for data beyond the caches.
    #[error(
        "measuring memory needs {} MiB of available memory, and there are {} MiB; close other programs",
        needed_bytes >> 20, available_bytes >> 20
    )]
    Memory {
        /// Available memory that would do, bytes.
        needed_bytes: u64,
        /// Available memory there is, bytes.
        available_bytes: u64,
    },
    /// The system gave no memory although it said there is some.
    #[error("the system refused {} MiB to measure memory with; close other programs or raise its limit", bytes >> 20)]
    Allocation {
        /// How much was asked for, bytes.
        bytes: u64,
    },
    /// The system gave no threads.
    #[error(
        "the system refused {threads} threads to measure memory with: {source}; raise the limit of processes"
    )]
    Threads {
        /// How many were asked for.
        threads: u32,
        /// Why.
        source: std::io::Error,
    },
    /// `go_on` said no.
    #[error("stopped while measuring this machine")]
    Cancelled,
}

/// Measures this machine in a few seconds: memory read and copy with 1, 2, 4, … and all usable processors, and the disk that
/// holds (or would hold) `cache_dir`. Ends early when `go_on` says no.
///
/// # Errors
/// [`MeasureError`].
pub fn measure_abilities(
    machine: &HardwareProfile,
    cache_dir: &Path,
    events: &dyn EventSink,
    go_on: &dyn Fn() -> bool,
) -> Result<MachineAbilities, MeasureError> {
    let counts = bandwidth::thread_counts(machine.cores_usable);
    let total = counts.len() as u64 + 1;
    events.emit(Event::PhaseStarted { phase: "measuring this machine".to_owned(), total });
    let measured = measure(machine, &counts, events, go_on).map(|abilities| {
        let detail = format!("disk of {}", cache_dir.display());
        events.emit(Event::PhaseAdvanced { done: total - 1, detail });
        let (disk, disk_read_bytes_per_s) = measure_disk(cache_dir, go_on);
        MachineAbilities { disk, disk_read_bytes_per_s, ..abilities }
    });
    events.emit(Event::PhaseEnded);
    // A disk given up half-way is no disk that cannot be measured.
    if go_on() { measured } else { Err(MeasureError::Cancelled) }
}

/// Name of the disk that holds (or would hold) a folder, as in [`MachineAbilities::disk`], and its sequential read speed,
/// bytes/s; takes about a second. See [`MachineAbilities::disk_read_bytes_per_s`] for when there is none.
#[must_use]
pub fn measure_disk(folder: &Path, go_on: &dyn Fn() -> bool) -> (String, Option<f64>) {
    let free_bytes = disk::free_disk_bytes(folder).unwrap_or(0);
    (disk_name(folder), disk_speed::read_bytes_per_s(folder, free_bytes, go_on))
}

/// Name of the disk that holds (or would hold) a folder: its device, else the folder itself.
#[must_use]
pub fn disk_name(folder: &Path) -> String {
    disk::disk_facts(folder).device.unwrap_or_else(|| folder.display().to_string())
}

fn measure(
    machine: &HardwareProfile,
    counts: &[u32],
    events: &dyn EventSink,
    go_on: &dyn Fn() -> bool,
) -> Result<MachineAbilities, MeasureError> {
    let watch = crate::Watch::begin();
    // A system that does not say what is available gets the benefit of the doubt.
    let available = match crate::state().ram_available_bytes {
        0 => machine.ram_bytes,
        available => available,
    };
    let bytes = bandwidth::data_bytes(machine.cache_bytes, available)?;
    let mut abilities = MachineAbilities {
        machine: crate::fingerprint(machine),
        measured_unix_ms: unix_ms(),
        cache_read_bytes_per_s: bandwidth::cache_read_bytes_per_s(),
        ..MachineAbilities::default()
    };
    for (done, threads) in counts.iter().enumerate() {
        let detail = format!("memory, {threads} of {} threads", machine.cores_usable);
        events.emit(Event::PhaseAdvanced { done: done as u64, detail });
        let figures = bandwidth::measure(*threads, bytes, go_on)?;
        abilities.memory_read.push(figures.read);
        abilities.memory_copy.push(figures.copy);
    }
    abilities.flags = watch.flags();
    if machine.on_battery == Some(true) {
        abilities.flags.push(ValidityFlag::OnBattery);
    }
    Ok(abilities)
}

fn unix_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
