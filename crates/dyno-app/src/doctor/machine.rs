//! Checks that only read: memory, power, folders.

use std::path::Path;

use dyno_types::HardwareProfile;

use super::Check;
use crate::Places;

/// Free space below which making models soon fails, bytes.
const DISK_FREE_MIN_BYTES: u64 = 2 << 30;

/// Checks of the machine and of the folders dyno writes to.
pub(super) fn checks(places: &Places, machine: &HardwareProfile) -> Vec<Check> {
    let mut checks = vec![processor(machine), memory(machine)];
    checks.extend(power(machine));
    checks.push(folder("model cache", &places.cache_dir));
    checks.push(folder("history", places.history_file.parent().unwrap_or(Path::new("."))));
    checks
}

fn processor(machine: &HardwareProfile) -> Check {
    let features = machine.cpu_features.join(" ");
    let finding = format!(
        "{}, {} of {} logical processors usable{}",
        machine.cpu,
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

fn memory(machine: &HardwareProfile) -> Check {
    let state = dyno_hardware::state();
    let gib = |bytes: u64| bytes as f64 / (1u64 << 30) as f64;
    let finding = format!(
        "{:.1} GiB available of {:.1} GiB usable, {:.1} GiB swap in use",
        gib(state.ram_available_bytes),
        gib(machine.ram_limit_bytes),
        gib(state.swap_used_bytes)
    );
    if state.ram_available_bytes < 1 << 30 {
        return Check::warning("memory", finding, "close other programs: under 1 GiB is left for models");
    }
    Check::ok("memory", finding)
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

fn folder(subject: &str, path: &Path) -> Check {
    let shown = path.display();
    let written = std::fs::create_dir_all(path).and_then(|()| tempfile::tempfile_in(path));
    if let Err(error) = written {
        return Check::problem(
            subject,
            format!("{shown} cannot be written: {error}"),
            "choose another place (see dyno --help, Places)",
        );
    }
    match dyno_hardware::free_disk_bytes(path) {
        Some(free) if free < DISK_FREE_MIN_BYTES => Check::warning(
            subject,
            format!("{shown} has only {} MiB left", free >> 20),
            "free some space: models take from a hundred MB to many GB",
        ),
        Some(free) => Check::ok(subject, format!("{shown}, {} GiB free", free >> 30)),
        None => Check::ok(subject, format!("{shown}")),
    }
}
