//! Checks that only read: processor, memory, accelerators, power, heat, folders.

use std::path::Path;

use dyno_types::{CacheFacts, DiskFacts, DiskKind, GpuFacts, HardwareProfile, MachineState, Remedy};

use super::Check;
use crate::{AppError, Places};

/// Free space below which making models soon fails, bytes.
const DISK_FREE_MIN_BYTES: u64 = 2 << 30;
/// Processors slow themselves down around this, °C.
const HOT_C: f64 = 90.0;

/// What was read of this machine.
pub(super) struct Machine {
    pub(super) profile: HardwareProfile,
    pub(super) state: MachineState,
    pub(super) cache_disk: DiskFacts,
}

impl Machine {
    pub(super) fn read(places: &Places) -> Self {
        Self {
            profile: dyno_hardware::profile(),
            state: dyno_hardware::state(),
            cache_disk: dyno_hardware::disk_facts(&places.models_disk()),
        }
    }

    /// Checks of the machine and of the folders dyno writes to.
    pub(super) fn checks(&self, places: &Places) -> Vec<Check> {
        let machine = &self.profile;
        let mut checks = vec![processor(machine)];
        checks.extend(caches(machine));
        checks.push(memory(machine, &self.state));
        checks.push(accelerators(machine, dyno_hardware::nvidia_cards()));
        checks.extend(power(machine));
        checks.extend(heat(&self.state));
        checks.push(place("model cache", places.cache.path(), disk(&self.cache_disk).as_deref()));
        let beside = places.history.path().map(|file| file.parent().unwrap_or(Path::new(".")));
        checks.push(place("history", beside, None));
        checks
    }
}

fn processor(machine: &HardwareProfile) -> Check {
    let features = machine.cpu_features.join(" ");
    let finding = format!(
        "{}, {}{} of {} logical processors usable{}",
        if machine.cpu.is_empty() { "unnamed" } else { &machine.cpu },
        match machine.cores_physical {
            0 => String::new(),
            cores => format!("{cores} cores, "),
        },
        machine.cores_usable,
        machine.cores_logical,
        if features.is_empty() { String::new() } else { format!(" ({features})") }
    );
    if machine.arch == "x86_64" && !machine.cpu_features.iter().any(|feature| feature == "avx2") {
        return Check::warning(
            "processor",
            finding,
            "without AVX2 every model runs several times slower; another machine will serve you better",
        );
    }
    Check::ok("processor", finding)
}

/// Caches and NUMA nodes, as far as they are known.
fn caches(machine: &HardwareProfile) -> Option<Check> {
    let one = |cache: &CacheFacts| {
        let instances = if cache.instances > 1 { format!("{} x ", cache.instances) } else { String::new() };
        match cache.bytes >> 20 {
            0 => format!("L{} {instances}{} KiB", cache.level, cache.bytes >> 10),
            mebibytes => format!("L{} {instances}{mebibytes} MiB", cache.level),
        }
    };
    let mut parts: Vec<String> = machine.caches.iter().map(one).collect();
    if machine.numa_nodes > 0 {
        parts.push(format!("NUMA nodes: {}", machine.numa_nodes));
    }
    (!parts.is_empty()).then(|| Check::ok("caches", parts.join(", ")))
}

fn memory(machine: &HardwareProfile, state: &MachineState) -> Check {
    let gib = |bytes: u64| bytes as f64 / (1u64 << 30) as f64;
    let limit = if machine.ram_limit_bytes < machine.ram_bytes {
        format!(" (limited; the machine has {:.1} GiB)", gib(machine.ram_bytes))
    } else {
        String::new()
    };
    let finding = format!(
        "{:.1} GiB available of {:.1} GiB usable{limit}, {:.1} of {:.1} GiB swap in use",
        gib(state.ram_available_bytes),
        gib(machine.ram_limit_bytes),
        gib(state.swap_used_bytes),
        gib(machine.swap_bytes)
    );
    if state.ram_available_bytes < 1 << 30 {
        return Check::warning("memory", finding, "close other programs: under 1 GiB is left for models");
    }
    Check::ok("memory", finding)
}

/// `nvidia_cards` on the bus: one that no driver answers for cannot be used.
fn accelerators(machine: &HardwareProfile, nvidia_cards: usize) -> Check {
    let subject = "accelerators";
    let driven = machine.gpus.iter().any(|gpu| gpu.kind == dyno_types::GpuKind::Nvidia);
    if nvidia_cards > 0 && !driven {
        return Check::warning(
            subject,
            format!("{nvidia_cards} NVIDIA card(s), but no driver answers for them"),
            "install NVIDIA's driver with its management library (libnvidia-ml), or check that nvidia-smi works",
        );
    }
    if machine.gpus.is_empty() {
        return Check::ok(subject, "none; models run on the processor");
    }
    Check::ok(subject, machine.gpus.iter().map(accelerator).collect::<Vec<_>>().join("; "))
}

fn accelerator(gpu: &GpuFacts) -> String {
    let gib = |bytes: u64| bytes as f64 / (1u64 << 30) as f64;
    let mut parts = vec![gpu.name.clone()];
    match (gpu.memory_bytes, gpu.memory_free_bytes) {
        (0, _) => parts.push("no memory of its own stated".to_owned()),
        (total, Some(free)) => parts.push(format!("{:.1} of {:.1} GiB free", gib(free), gib(total))),
        (total, None) => parts.push(format!("{:.1} GiB", gib(total))),
    }
    parts.extend(gpu.driver.as_ref().map(|driver| format!("driver {driver}")));
    parts.extend(gpu.temperature_c.map(|celsius| format!("{celsius:.0} °C")));
    parts.join(", ")
}

fn power(machine: &HardwareProfile) -> Vec<Check> {
    let mut checks = Vec::new();
    match machine.governor.as_deref() {
        Some("powersave") => checks.push(Check::warning(
            "processor frequency",
            "governor is powersave",
            "choose the performance governor while measuring: cpupower frequency-set -g performance",
        )),
        Some(governor) => checks.push(Check::ok("processor frequency", format!("governor is {governor}"))),
        None => {}
    }
    match machine.on_battery {
        Some(true) => {
            checks.push(Check::warning("power", "running on battery", "plug the machine in before measuring"))
        }
        Some(false) => checks.push(Check::ok("power", "mains")),
        None => {}
    }
    checks
}

fn heat(state: &MachineState) -> Option<Check> {
    let temperature = state.temperature_c.map(|celsius| format!("hottest sensor {celsius:.0} °C"));
    let frequency = state.frequency_mhz.map(|mhz| format!("{mhz:.0} MHz on average"));
    let throttled = state.throttle_events.map(|events| match events {
        0 => "never throttled since it started".to_owned(),
        events => format!("throttled {events} times since it started"),
    });
    let parts: Vec<String> = temperature.into_iter().chain(frequency).chain(throttled).collect();
    if parts.is_empty() {
        return None;
    }
    let finding = parts.join(", ");
    if state.temperature_c.is_some_and(|celsius| celsius >= HOT_C) {
        let remedy = "let it cool down and free its air ways: a hot processor slows itself down";
        return Some(Check::warning("heat", finding, remedy));
    }
    Some(Check::ok("heat", finding))
}

/// What is known about a disk beside its free space.
fn disk(facts: &DiskFacts) -> Option<String> {
    let kind = facts.kind.map(|kind| match kind {
        DiskKind::Rotational => "spinning disk",
        DiskKind::SolidState => "solid-state disk",
        DiskKind::Memory => "in main memory",
        DiskKind::Network => "over the network",
        DiskKind::Unknown => "a kind of disk unknown to this dyno",
    });
    let parts = [kind, facts.file_system.as_deref(), facts.device.as_deref()];
    let parts: Vec<&str> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(" "))
}

/// A folder of dyno's own; without one, what needs it does not work.
fn place(subject: &str, path: Result<&Path, AppError>, disk: Option<&str>) -> Check {
    match path {
        Ok(path) => folder(subject, path, disk),
        Err(error) => Check::warning(subject, "there is none", error.to_string()),
    }
}

fn folder(subject: &str, path: &Path, disk: Option<&str>) -> Check {
    let shown = path.display();
    let written = std::fs::create_dir_all(path).and_then(|()| tempfile::tempfile_in(path));
    if let Err(error) = written {
        return Check::problem(
            subject,
            format!("{shown} cannot be written: {error}"),
            "choose another place",
        )
        .with_step(Remedy::OtherPlaces);
    }
    let on = disk.map_or_else(String::new, |disk| format!(" on {disk}"));
    match dyno_hardware::free_disk_bytes(path) {
        Some(free) if free < DISK_FREE_MIN_BYTES => Check::warning(
            subject,
            format!("{shown}{on} has only {} MiB left", free >> 20),
            "free some space: models take from a hundred MB to many GB",
        ),
        Some(free) => Check::ok(subject, format!("{shown}{on}, {} GiB free", free >> 30)),
        None => Check::ok(subject, format!("{shown}{on}")),
    }
}

#[cfg(test)]
mod tests {
    use dyno_types::GpuKind;

    use super::*;
    use crate::doctor::CheckStatus;

    fn gpu(kind: GpuKind, memory_bytes: u64, memory_free_bytes: Option<u64>) -> GpuFacts {
        GpuFacts {
            kind,
            name: "Made Up".to_owned(),
            memory_bytes,
            memory_free_bytes,
            driver: Some("550".to_owned()),
            temperature_c: Some(41.4),
        }
    }

    #[test]
    fn accelerators_are_named_with_their_memory() {
        let mut machine = HardwareProfile::default();
        assert_eq!(accelerators(&machine, 0).finding, "none; models run on the processor");
        let undriven = accelerators(&machine, 2);
        assert_eq!(undriven.status, CheckStatus::Warning);
        assert!(undriven.remedy.unwrap().contains("libnvidia-ml"));
        machine.gpus = vec![gpu(GpuKind::Nvidia, 8 << 30, Some(7 << 30)), gpu(GpuKind::Intel, 0, None)];
        let named = accelerators(&machine, 1);
        assert_eq!(
            (named.status, named.finding.as_str()),
            (
                CheckStatus::Ok,
                "Made Up, 7.0 of 8.0 GiB free, driver 550, 41 °C; Made Up, no memory of its own stated, driver 550, 41 °C"
            )
        );
    }

    #[test]
    fn caches_and_nodes_are_listed_and_silence_is_no_check() {
        let mut machine = HardwareProfile::default();
        assert!(caches(&machine).is_none());
        machine.caches = vec![
            CacheFacts { level: 1, bytes: 48 << 10, instances: 8 },
            CacheFacts { level: 3, bytes: 32 << 20, instances: 1 },
        ];
        machine.numa_nodes = 2;
        assert_eq!(caches(&machine).unwrap().finding, "L1 8 x 48 KiB, L3 32 MiB, NUMA nodes: 2");
    }

    #[test]
    fn heat_is_a_warning_when_the_processor_is_about_to_slow_down() {
        let state = |temperature_c| MachineState {
            temperature_c,
            throttle_events: Some(3),
            ..MachineState::default()
        };
        assert!(heat(&MachineState::default()).is_none());
        let cool = heat(&state(Some(55.0))).unwrap();
        assert_eq!(
            (cool.status, cool.finding.as_str()),
            (CheckStatus::Ok, "hottest sensor 55 °C, throttled 3 times since it started")
        );
        assert_eq!(heat(&state(Some(95.0))).unwrap().status, CheckStatus::Warning);
    }

    #[test]
    fn limits_and_disks_are_told() {
        let machine =
            HardwareProfile { ram_bytes: 16 << 30, ram_limit_bytes: 4 << 30, ..HardwareProfile::default() };
        let state = MachineState { ram_available_bytes: 3 << 30, ..MachineState::default() };
        let check = memory(&machine, &state);
        assert!(
            check.finding.contains("3.0 GiB available of 4.0 GiB usable (limited; the machine has 16.0 GiB)")
        );
        assert_eq!(memory(&machine, &MachineState::default()).status, CheckStatus::Warning);
        let facts = DiskFacts {
            kind: Some(DiskKind::Rotational),
            file_system: Some("ext4".to_owned()),
            ..DiskFacts::default()
        };
        assert_eq!(disk(&facts).as_deref(), Some("spinning disk ext4"));
        assert_eq!(disk(&DiskFacts::default()), None);
    }
}
