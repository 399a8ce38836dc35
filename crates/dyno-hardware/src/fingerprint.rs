//! The identity of a machine as far as it decides speed.

use dyno_types::HardwareProfile;
use sha2::{Digest, Sha256};

/// What systems call physical memory differs by some MiB between releases of the kernel.
const RAM_GRAIN_BYTES: u64 = 256 << 20;

/// SHA-256 over what decides the speed of this machine, 64 hexadecimal digits: processor, cores, instruction sets, caches,
/// memory, NUMA nodes, accelerators, so of a whole [`crate::profile`]. Not part of it is what changes from moment to moment (free memory, temperature, power
/// source, governor) and the releases of system and drivers.
#[must_use]
pub fn fingerprint(machine: &HardwareProfile) -> String {
    let ram = machine.ram_bytes.saturating_add(RAM_GRAIN_BYTES / 2) / RAM_GRAIN_BYTES;
    let mut lines = vec![
        format!("arch={:?}", machine.arch),
        format!("cpu={:?}", machine.cpu),
        format!("cores={} {} {}", machine.cores_physical, machine.cores_logical, machine.cores_usable),
        format!("features={:?}", machine.cpu_features),
        format!("ram={ram}"),
        format!("numa={}", machine.numa_nodes),
        format!("cache={}", machine.cache_bytes),
    ];
    let caches = machine.caches.iter();
    lines.extend(caches.map(|cache| format!("cache={} {} {}", cache.level, cache.bytes, cache.instances)));
    let gpus = machine.gpus.iter();
    lines.extend(gpus.map(|gpu| format!("gpu={:?} {:?} {}", gpu.kind, gpu.name, gpu.memory_bytes)));
    let digest = Sha256::digest(lines.join("\n").as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use dyno_types::{CacheFacts, GpuFacts, GpuKind};

    use super::*;

    fn machine() -> HardwareProfile {
        HardwareProfile {
            os: "linux 6.1".to_owned(),
            arch: "x86_64".to_owned(),
            cpu: "Made Up 9000".to_owned(),
            cores_physical: 8,
            cores_logical: 16,
            cores_usable: 16,
            cpu_features: vec!["avx2".to_owned()],
            cache_bytes: 32 << 20,
            caches: vec![CacheFacts { level: 3, bytes: 32 << 20, instances: 1 }],
            ram_bytes: (16 << 30) - (300 << 20),
            numa_nodes: 1,
            gpus: vec![GpuFacts {
                kind: GpuKind::Nvidia,
                name: "Made Up".to_owned(),
                memory_bytes: 8 << 30,
                memory_free_bytes: Some(7 << 30),
                driver: Some("550".to_owned()),
                temperature_c: Some(40.0),
            }],
            ..HardwareProfile::default()
        }
    }

    #[test]
    fn it_stays_the_same_from_release_to_release() {
        // Kept files are found by it: a change of this text makes every machine measure anew.
        assert_eq!(
            fingerprint(&machine()),
            "46141503cdaa17fa9dedba006ea1cd50b21f4bf1a0dde4730c3e9b3efbcf7fe8"
        );
    }

    #[test]
    fn what_decides_speed_changes_it() {
        let changes: [fn(&mut HardwareProfile); 11] = [
            |machine| machine.arch.push('x'),
            |machine| machine.cpu.push('x'),
            |machine| machine.cores_usable = 8,
            |machine| machine.cores_logical = 8,
            |machine| machine.cpu_features.push("avx512f".to_owned()),
            |machine| machine.caches[0].instances = 2,
            |machine| machine.ram_bytes *= 2,
            |machine| machine.numa_nodes = 2,
            |machine| machine.gpus.clear(),
            |machine| machine.gpus[0].name.push('x'),
            |machine| machine.gpus[0].memory_bytes += 1,
        ];
        let mut seen: Vec<String> = changes.iter().map(|change| fingerprint(&changed(*change))).collect();
        seen.push(fingerprint(&machine()));
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), changes.len() + 1);
    }

    #[test]
    fn what_changes_from_moment_to_moment_does_not() {
        let changes: [fn(&mut HardwareProfile); 8] = [
            |machine| machine.os.push('x'),
            |machine| machine.governor = Some("powersave".to_owned()),
            |machine| machine.on_battery = Some(true),
            |machine| machine.swap_bytes = 1,
            |machine| machine.ram_bytes += 1 << 20,
            |machine| machine.gpus[0].memory_free_bytes = None,
            |machine| machine.gpus[0].temperature_c = Some(80.0),
            |machine| machine.gpus[0].driver = None,
        ];
        for change in changes {
            assert_eq!(fingerprint(&changed(change)), fingerprint(&machine()));
        }
    }

    fn changed(change: impl FnOnce(&mut HardwareProfile)) -> HardwareProfile {
        let mut machine = machine();
        change(&mut machine);
        machine
    }
}
