//! macOS: what `sysctl` and `pmset` say. Memory pressure, heat and throttling have no plain source there and stay unknown.

use std::collections::BTreeMap;

use dyno_types::HardwareProfile;

/// Facts asked of `sysctl`.
const NAMES: [&str; 9] = [
    "kern.osrelease",
    "machdep.cpu.brand_string",
    "hw.physicalcpu",
    "hw.logicalcpu",
    "hw.memsize",
    "hw.l2cachesize",
    "hw.l3cachesize",
    "hw.optional.arm.FEAT_DotProd",
    "hw.optional.arm.FEAT_I8MM",
];

/// Fills in what this system says.
#[cfg(target_os = "macos")]
pub(crate) fn complete(profile: HardwareProfile) -> HardwareProfile {
    let output = |program: &str, arguments: &[&str]| {
        let output = std::process::Command::new(program).args(arguments).output();
        // Names that this processor does not have make sysctl fail although it prints the others.
        output.map_or_else(|_| String::new(), |output| String::from_utf8_lossy(&output.stdout).into_owned())
    };
    filled(profile, &output("/usr/sbin/sysctl", &NAMES), &output("/usr/bin/pmset", &["-g", "batt"]))
}

/// The profile with the facts in the text that `sysctl` and `pmset -g batt` printed.
fn filled(profile: HardwareProfile, sysctl: &str, battery: &str) -> HardwareProfile {
    let facts: BTreeMap<&str, &str> = sysctl
        .lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.trim(), value.trim()))
        .collect();
    let [release, cpu, physical, logical, memory, level2, level3, dotprod, i8mm] =
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
            hw.memsize: 17179869184\nhw.l2cachesize: 4194304\nhw.optional.arm.FEAT_DotProd: 1\nhw.optional.arm.FEAT_I8MM: 0\n";
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
            ram_bytes: 16 << 30,
            ram_limit_bytes: 16 << 30,
            on_battery: Some(true),
            ..HardwareProfile::default()
        };
        assert_eq!(machine, expected);
    }

    #[test]
    fn silence_stays_unknown() {
        let machine = filled(HardwareProfile::default(), "", "");
        assert_eq!((machine.ram_bytes, machine.on_battery, machine.cores_physical), (0, None, 0));
        assert_eq!(machine.cores_usable, 1);
    }
}
