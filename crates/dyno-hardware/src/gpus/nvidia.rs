//! NVIDIA accelerators, asked of the driver's management library, which is loaded when it is there.

use dyno_types::{GpuFacts, GpuKind};
use nvml_wrapper::Nvml;
use nvml_wrapper::enum_wrappers::device::TemperatureSensor;

use super::{free_bytes, plausible};
use crate::sources::presentable;

/// No machine holds more.
const DEVICES_MAX: u32 = 64;

/// Every device that answers; none without driver or library. The first question can take a second where the driver
/// sleeps while nobody uses it.
pub(crate) fn read() -> Vec<GpuFacts> {
    let Ok(nvml) = Nvml::init() else { return Vec::new() };
    let driver = nvml.sys_driver_version().ok().and_then(|version| presentable(&version));
    let devices = nvml.device_count().unwrap_or(0).min(DEVICES_MAX);
    (0..devices).filter_map(|index| facts(&nvml, index, driver.clone())).collect()
}

fn facts(nvml: &Nvml, index: u32, driver: Option<String>) -> Option<GpuFacts> {
    let device = nvml.device_by_index(index).ok()?;
    // Devices that share the machine's memory have no figure of their own.
    let memory = device.memory_info().ok();
    let memory_bytes = plausible(memory.as_ref().map(|memory| memory.total));
    Some(GpuFacts {
        kind: GpuKind::Nvidia,
        name: device
            .name()
            .ok()
            .and_then(|name| presentable(&name))
            .unwrap_or_else(|| "NVIDIA GPU".to_owned()),
        memory_bytes,
        memory_free_bytes: memory
            .and_then(|memory| free_bytes(memory_bytes, memory.total.checked_sub(memory.free))),
        driver,
        temperature_c: device.temperature(TemperatureSensor::Gpu).ok().map(f64::from),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asking_is_safe_with_and_without_a_driver() {
        let devices = read();
        if devices.is_empty() {
            eprintln!(
                "SKIPPED: asking_is_safe_with_and_without_a_driver: no NVIDIA accelerator answers here"
            );
        }
        for device in devices {
            assert_eq!(device.kind, GpuKind::Nvidia);
            assert!(!device.name.is_empty() && device.driver.is_some(), "{device:?}");
            assert!(device.memory_free_bytes.is_none_or(|free| free <= device.memory_bytes), "{device:?}");
        }
    }
}
