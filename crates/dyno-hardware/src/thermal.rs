//! Heat and frequency: hottest sensor, mean core frequency, throttling events.

use std::path::Path;

use crate::Sources;

/// Sensors that are not connected report figures outside this range, °C.
const PLAUSIBLE_C: std::ops::RangeInclusive<f64> = -40.0..=150.0;

/// Hottest plausible sensor, °C.
pub(crate) fn hottest_c(sources: &Sources) -> Option<f64> {
    let zones =
        sources.entries("sys/class/thermal", "thermal_zone").into_iter().map(|zone| zone.join("temp"));
    let chips = sources.entries("sys/class/hwmon", "hwmon").into_iter().flat_map(|chip| {
        let inputs = sources.entries(&chip.to_string_lossy(), "temp");
        inputs.into_iter().filter(|path| path.to_string_lossy().ends_with("_input"))
    });
    zones.chain(chips).filter_map(|path| celsius(sources, &path)).reduce(f64::max)
}

/// A sensor's file in thousandths of a degree, when what it says can be true.
pub(crate) fn celsius(sources: &Sources, file: &Path) -> Option<f64> {
    let thousandths = sources.line(file)?.parse::<f64>().ok()?;
    Some(thousandths / 1e3).filter(|value| PLAUSIBLE_C.contains(value))
}

/// Mean frequency of the cores, MHz: what the kernel's governor set, else what `/proc/cpuinfo` shows.
pub(crate) fn mean_frequency_mhz(sources: &Sources) -> Option<f64> {
    let folders = sources.processor_folders();
    let set: Vec<f64> = folders
        .iter()
        .filter_map(|folder| sources.number(folder.join("cpufreq/scaling_cur_freq")))
        .map(|khz| khz as f64 / 1e3)
        .collect();
    let cpuinfo = sources.text("proc/cpuinfo").unwrap_or_default();
    let shown = || {
        let values = cpuinfo
            .lines()
            .filter_map(|line| line.strip_prefix("cpu MHz")?.split_once(':')?.1.trim().parse::<f64>().ok());
        values.filter(|value| value.is_finite() && *value > 0.0).collect()
    };
    mean(&if set.is_empty() { shown() } else { set })
}

/// Throttling events over all cores since boot; meaningful only as a difference. Absent where the processor does not count.
pub(crate) fn throttle_events(sources: &Sources) -> Option<u64> {
    let counters = sources.processor_folders().into_iter().flat_map(|folder| {
        ["core_throttle_count", "package_throttle_count"]
            .map(|name| folder.join("thermal_throttle").join(name))
    });
    counters.filter_map(|counter| sources.number(counter)).reduce(u64::saturating_add)
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}
