//! Power: frequency governor, and whether the machine runs on battery.

use crate::Sources;

/// Governor of the first processor that states one.
pub(crate) fn governor(sources: &Sources) -> Option<String> {
    sources
        .processor_folders()
        .iter()
        .find_map(|folder| sources.line(folder.join("cpufreq/scaling_governor")))
}

/// Whether a system battery is being drained; absent when there is no power supply to ask.
pub(crate) fn on_battery(sources: &Sources) -> Option<bool> {
    let mut answer = None;
    for supply in sources.entries("sys/class/power_supply", "") {
        // Batteries of mice and keyboards say nothing about the machine.
        if sources.line(supply.join("scope")).as_deref() == Some("Device") {
            continue;
        }
        match sources.line(supply.join("type")).as_deref() {
            Some("Battery") => match sources.line(supply.join("status")).as_deref() {
                Some("Discharging") => return Some(true),
                Some("Charging" | "Full" | "Not charging") => answer = Some(false),
                _ => {}
            },
            Some("Mains" | "USB") if sources.number(supply.join("online")) == Some(1) => answer = Some(false),
            _ => {}
        }
    }
    answer
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn battery_of(supplies: &[(&str, &[(&str, &str)])]) -> Option<bool> {
        let folder = tempfile::tempdir().unwrap();
        for (name, files) in supplies {
            let supply = folder.path().join("sys/class/power_supply").join(name);
            fs::create_dir_all(&supply).unwrap();
            for (file, text) in *files {
                fs::write(supply.join(file), text).unwrap();
            }
        }
        on_battery(&Sources::at(folder.path()))
    }

    #[test]
    fn a_discharging_system_battery_decides() {
        let mains = |online| ("AC", [("type", "Mains\n"), ("online", online)]);
        let battery = |status| ("BAT0", [("type", "Battery\n"), ("status", status)]);
        assert_eq!(
            battery_of(&[
                (mains("0\n").0, &mains("0\n").1),
                (battery("Discharging\n").0, &battery("Discharging\n").1)
            ]),
            Some(true)
        );
        assert_eq!(
            battery_of(&[
                (mains("1\n").0, &mains("1\n").1),
                (battery("Charging\n").0, &battery("Charging\n").1)
            ]),
            Some(false)
        );
        assert_eq!(battery_of(&[(mains("1\n").0, &mains("1\n").1)]), Some(false));
        assert_eq!(battery_of(&[(battery("Unknown\n").0, &battery("Unknown\n").1)]), None);
    }

    #[test]
    fn a_battery_of_a_device_says_nothing() {
        let mouse: &[(&str, &str)] =
            &[("type", "Battery\n"), ("scope", "Device\n"), ("status", "Discharging\n")];
        assert_eq!(battery_of(&[("hidpp_battery_0", mouse)]), None);
        assert_eq!(battery_of(&[]), None);
    }
}
