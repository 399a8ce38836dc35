//! This machine as facts, read and never guessed: what cannot be read is absent, empty or zero, as its field says; and what
//! it can do, measured.
//!
//! Facts come from text that the system keeps under `/proc` and `/sys` ([`Sources`]); each module parses one kind of it. On
//! macOS a few commands answer instead. [`profile`] says what the machine is, [`state`] how it is right now, and [`judge`]
//! whether two states around a measurement leave the measurement trustworthy. [`measure_abilities`] takes a few seconds to
//! measure memory and disk.

mod abilities;
mod bandwidth;
mod caches;
mod cgroup;
mod disk;
mod disk_speed;
mod fingerprint;
mod gpus;
mod judge;
#[cfg(any(target_os = "macos", test))]
mod macos;
mod memory;
mod numa;
mod page_cache;
mod power;
mod process;
mod processor;
mod scheduling;
mod sources;
mod thermal;

use dyno_types::{HardwareProfile, MachineState};

pub use abilities::{MeasureError, disk_name, measure_abilities, measure_disk};
pub use disk::{disk_facts, free_disk_bytes};
pub use fingerprint::fingerprint;
pub use judge::{Watch, judge};
pub use page_cache::drop_from_page_cache;
pub use process::{process_cpu_s, process_memory};
pub use scheduling::scheduling;
pub use sources::Sources;

/// This machine, as far as it can be read without measuring. Drivers of accelerators can take a second to answer; see
/// [`profile_without_drivers`].
#[must_use]
pub fn profile() -> HardwareProfile {
    let mut machine = profile_without_drivers();
    #[cfg(any(target_os = "linux", windows))]
    machine.gpus.splice(0..0, gpus::nvidia::read());
    #[cfg(target_os = "macos")]
    machine.gpus.extend(macos::gpus(machine.ram_bytes));
    machine
}

/// NVIDIA cards in this machine, whether a driver answers for them or not.
#[must_use]
pub fn nvidia_cards() -> usize {
    gpus::sysfs::nvidia_cards(&Sources::system())
}

/// This machine without those accelerators that only a driver's library or another program knows: read in milliseconds.
#[must_use]
pub fn profile_without_drivers() -> HardwareProfile {
    let read = profile_from(&Sources::system(), std::env::consts::ARCH);
    #[cfg(target_os = "macos")]
    let read = macos::complete(read);
    let os = if read.os.is_empty() { std::env::consts::OS.to_owned() } else { read.os };
    HardwareProfile { os, ..read }
}

/// The state of this machine right now.
#[must_use]
pub fn state() -> MachineState {
    state_from(&Sources::system(), rustix::param::clock_ticks_per_second())
}

/// The machine whose `/proc` and `/sys` lie under the given root; `arch` as Rust names it, e.g. `x86_64`.
#[must_use]
pub fn profile_from(sources: &Sources, arch: &str) -> HardwareProfile {
    let processor = processor::read(sources);
    let limits = cgroup::limits(sources);
    let memory = memory::read(sources);
    let caches = caches::read(sources);
    HardwareProfile {
        os: sources
            .line("proc/sys/kernel/osrelease")
            .map_or_else(String::new, |release| format!("linux {release}")),
        arch: arch.to_owned(),
        cores_usable: processor::usable(processor.logical, processor.allowed, limits.processors),
        cores_physical: processor.physical,
        cores_logical: processor.logical,
        virtual_machine: processor.virtual_machine,
        cpu: processor.model,
        cpu_features: processor.features,
        cache_bytes: caches::last_level_bytes(&caches),
        caches,
        ram_bytes: memory.total_bytes,
        ram_limit_bytes: limits
            .memory_bytes
            .map_or(memory.total_bytes, |limit| limit.min(memory.total_bytes)),
        swap_bytes: memory.swap_total_bytes,
        governor: power::governor(sources),
        on_battery: power::on_battery(sources),
        numa_nodes: numa::nodes(sources),
        gpus: gpus::sysfs::read(sources),
    }
}

/// The state of the machine whose `/proc` and `/sys` lie under the given root; `ticks_per_second` is the unit of `/proc/stat`.
#[must_use]
pub fn state_from(sources: &Sources, ticks_per_second: u64) -> MachineState {
    let memory = memory::read(sources);
    let available = cgroup::limits(sources).available_bytes;
    let (busy_ticks, steal_ticks) = processor::busy_and_steal_ticks(sources);
    let seconds = |ticks: u64| ticks as f64 / ticks_per_second.max(1) as f64;
    MachineState {
        ram_available_bytes: available
            .map_or(memory.available_bytes, |limit| limit.min(memory.available_bytes)),
        swap_used_bytes: memory.swap_total_bytes.saturating_sub(memory.swap_free_bytes),
        swap_pages: memory::swap_pages(sources),
        cpu_busy_s: seconds(busy_ticks),
        cpu_steal_s: seconds(steal_ticks),
        temperature_c: thermal::hottest_c(sources),
        frequency_mhz: thermal::mean_frequency_mhz(sources),
        throttle_events: thermal::throttle_events(sources),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_a_processor_and_memory() {
        let machine = profile();
        assert!(machine.os.starts_with(std::env::consts::OS), "{machine:?}");
        assert!(machine.cores_usable >= 1 && machine.cores_usable <= machine.cores_logical, "{machine:?}");
        assert!(machine.cores_physical <= machine.cores_logical, "{machine:?}");
        assert!(machine.ram_limit_bytes > 0 && machine.ram_limit_bytes <= machine.ram_bytes, "{machine:?}");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn processor_time_of_the_machine_only_grows() {
        let before = state();
        let used = process_cpu_s(std::process::id()).unwrap();
        while process_cpu_s(std::process::id()).unwrap() < used + 0.05 {
            std::hint::black_box((0..10_000).sum::<u64>());
        }
        let after = state();
        assert!(after.cpu_busy_s > before.cpu_busy_s, "{before:?} {after:?}");
        assert!(after.ram_available_bytes > 0);
    }

    #[test]
    fn an_empty_root_gives_unknowns_and_no_guesses() {
        let folder = tempfile::tempdir().unwrap();
        let sources = Sources::at(folder.path());
        let machine = profile_from(&sources, "x86_64");
        assert_eq!(
            machine,
            HardwareProfile { arch: "x86_64".to_owned(), cores_usable: 1, ..HardwareProfile::default() }
        );
        assert_eq!(state_from(&sources, 100), MachineState::default());
    }
}
