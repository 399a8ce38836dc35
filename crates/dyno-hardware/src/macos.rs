//! macOS: what `sysctl`, `pmset` and `system_profiler` say. Memory pressure, heat and throttling have no plain source there and stay unknown.

use std::collections::BTreeMap;

use dyno_types::{CacheFacts, GpuFacts, GpuKind, HardwareProfile};

use crate::sources::presentable;

/// Facts asked of `sysctl`.
const NAMES: [&str; 10] = [
    "kern.osrelease",
    "machdep.cpu.brand_string",
    "hw.physicalcpu",
    "hw.logicalcpu",
    "hw.memsize",
    "hw.l1dcachesize",
    "hw.l2cachesize",
    "hw.l3cachesize",
    "hw.optional.arm.FEAT_DotProd",
    "hw.optional.arm.FEAT_I8MM",
];

/// Fills in what this system says.
#[cfg(target_os = "macos")]
pub(crate) fn complete(profile: HardwareProfile) -> HardwareProfile {
    filled(profile, &output("/usr/sbin/sysctl", &NAMES), &output("/usr/bin/pmset", &["-g", "batt"]))
}

/// Accelerators of this machine, which has this much memory.
#[cfg(target_os = "macos")]
pub(crate) fn gpus(ram_bytes: u64) -> Vec<GpuFacts> {
    displays(&output("/usr/sbin/system_profiler", &["SPDisplaysDataType"]), ram_bytes)
}

#[cfg(target_os = "macos")]
fn output(program: &str, arguments: &[&str]) -> String {
    let output = std::process::Command::new(program).args(arguments).output();
    // Names that this processor does not have make sysctl fail although it prints the others.
    output.map_or_else(|_| String::new(), |output| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The accelerators in the text of `system_profiler SPDisplaysDataType`. Apple's share the machine's memory.
fn displays(text: &str, ram_bytes: u64) -> Vec<GpuFacts> {
    let mut gpus: Vec<GpuFacts> = Vec::new();
    for (name, value) in text.lines().filter_map(|line| line.trim().split_once(": ")) {
        if name == "Chipset Model" {
            gpus.extend(presentable(value).and_then(|name| chipset(name, ram_bytes)));
        } else if let (true, Some(gpu)) = (name.starts_with("VRAM ("), gpus.last_mut()) {
            let own = gpu.kind != GpuKind::Apple;
            gpu.memory_bytes = if own { size_bytes(value).unwrap_or(0) } else { gpu.memory_bytes };
        }
    }
    gpus
}

fn chipset(name: String, ram_bytes: u64) -> Option<GpuFacts> {
    let makers = [
        ("Apple", GpuKind::Apple),
        ("AMD", GpuKind::Amd),
        ("Radeon", GpuKind::Amd),
        ("Intel", GpuKind::Intel),
        ("NVIDIA", GpuKind::Nvidia),
    ];
    let (_, kind) = makers.into_iter().find(|(maker, _)| name.contains(maker))?;
    let memory_bytes = if kind == GpuKind::Apple { ram_bytes } else { 0 };
    Some(GpuFacts { kind, name, memory_bytes, memory_free_bytes: None, driver: None, temperature_c: None })
}

/// `8 GB` or `1536 MB`.
fn size_bytes(text: &str) -> Option<u64> {
    let (number, unit) = text.trim().split_once(' ')?;
    let unit: u64 = match unit {
        "MB" => 1 << 20,
        "GB" => 1 << 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(unit)
}

/// The profile with the facts in the text that `sysctl` and `pmset -g batt` printed.
fn filled(profile: HardwareProfile, sysctl: &str, battery: &str) -> HardwareProfile {
    let facts: BTreeMap<&str, &str> = sysctl
        .lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.trim(), value.trim()))
        .collect();
    let [release, cpu, physical, logical, memory, level1, level2, level3, dotprod, i8mm] =
        NAMES.map(|name| facts.get(name).copied());
    let number = |text: Option<&str>| text.and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
    let count = |text: Option<&str>| u32::try_from(number(text)).unwrap_or(0);
    let mut cpu_features = Vec::new();
    if profile.arch == "aarch64" {
        cpu_features.push("neon".to_owned());
    }
    for (name, value) in [("dotprod", dotprod), ("i8mm", i8mm)] {
        if number(value) == 1 {
            cpu_features.push(name.to_owned());
        }
    }
    HardwareProfile {
        os: release.map_or_else(|| "macos".to_owned(), |release| format!("macos (darwin {release})")),
        cpu: cpu.unwrap_or_default().to_owned(),
        cores_physical: count(physical),
        cores_logical: count(logical),
        cores_usable: count(logical).max(1),
        cpu_features,
        cache_bytes: number(level3).max(number(level2)),
        caches: [level1, level2, level3]
            .into_iter()
            .zip(1..)
            // How many of each there are is said nowhere.
            .map(|(bytes, level)| CacheFacts { level, bytes: number(bytes), instances: 0 })
            .filter(|cache| cache.bytes > 0)
            .collect(),
        ram_bytes: number(memory),
        ram_limit_bytes: number(memory),
        on_battery: drawing_from(battery).map(|source| source == "Battery Power"),
        ..profile
    }
}

/// The source in `Now drawing from 'AC Power'`.
fn drawing_from(battery: &str) -> Option<&str> {
    let (_, after) = battery.split_once("Now drawing from '")?;
    after.split_once('\'').map(|(source, _)| source)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_taken_from_what_the_commands_print() {
        let sysctl = "kern.osrelease: 23.5.0\nmachdep.cpu.brand_string: Apple M2 Pro\nhw.physicalcpu: 10\nhw.logicalcpu: 10\n\
            hw.memsize: 17179869184\nhw.l1dcachesize: 65536\nhw.l2cachesize: 4194304\nhw.optional.arm.FEAT_DotProd: 1\nhw.optional.arm.FEAT_I8MM: 0\n";
        let empty = HardwareProfile { arch: "aarch64".to_owned(), ..HardwareProfile::default() };
        let machine =
            filled(empty, sysctl, "Now drawing from 'Battery Power'\n -InternalBattery-0 93%; discharging\n");
        let expected = HardwareProfile {
            os: "macos (darwin 23.5.0)".to_owned(),
            arch: "aarch64".to_owned(),
            cpu: "Apple M2 Pro".to_owned(),
            cores_physical: 10,
            cores_logical: 10,
            cores_usable: 10,
            cpu_features: vec!["neon".to_owned(), "dotprod".to_owned()],
            cache_bytes: 4 << 20,
            caches: vec![
                CacheFacts { level: 1, bytes: 64 << 10, instances: 0 },
                CacheFacts { level: 2, bytes: 4 << 20, instances: 0 },
            ],
            ram_bytes: 16 << 30,
            ram_limit_bytes: 16 << 30,
            on_battery: Some(true),
            ..HardwareProfile::default()
        };
        assert_eq!(machine, expected);
    }

    #[test]
    fn accelerators_are_named_and_apples_share_the_memory() {
        let seen = |text: &str| {
            let gpus = displays(text, 16 << 30);
            gpus.into_iter().map(|gpu| (gpu.kind, gpu.name, gpu.memory_bytes)).collect::<Vec<_>>()
        };
        let apple = "Graphics/Displays:\n\n    Apple M2 Pro:\n\n      Chipset Model: Apple M2 Pro\n      Type: GPU\n\
            Total Number of Cores: 19\n      Vendor: Apple (0x106b)\n      Metal Support: Metal 3\n";
        assert_eq!(seen(apple), [(GpuKind::Apple, "Apple M2 Pro".to_owned(), 16 << 30)]);
        let two = "      Chipset Model: Intel UHD Graphics 630\n      VRAM (Dynamic, Max): 1536 MB\n\
            \x20     Chipset Model: Radeon Pro 560X\n      VRAM (Total): 4 GB\n";
        assert_eq!(
            seen(two),
            [
                (GpuKind::Intel, "Intel UHD Graphics 630".to_owned(), 1536 << 20),
                (GpuKind::Amd, "Radeon Pro 560X".to_owned(), 4 << 30)
            ]
        );
        let hostile = "VRAM (Total): 4 GB\nChipset Model: \x07\nChipset Model: Matrox\nChipset Model: AMD x\nVRAM (Total): 99999999999999999999 GB\n";
        assert_eq!(seen(hostile), [(GpuKind::Amd, "AMD x".to_owned(), 0)]);
    }

    #[test]
    fn silence_stays_unknown() {
        let machine = filled(HardwareProfile::default(), "", "");
        assert_eq!((machine.ram_bytes, machine.on_battery, machine.cores_physical), (0, None, 0));
        assert_eq!(machine.cores_usable, 1);
    }
}
