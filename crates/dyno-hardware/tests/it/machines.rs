//! Three kinds of machine: every field of the profile and of the state.
//!
//! A fixture holds a tree of files in one text: `== PATH` and then the file's lines.

use dyno_hardware::{Sources, profile_from, state_from};
use dyno_types::{CacheFacts, GpuFacts, GpuKind, HardwareProfile, MachineState};

/// Unpacks a fixture into a folder.
fn tree(fixture: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for part in fixture.split("\n== ").skip(1) {
        let (path, text) = part.split_once('\n').unwrap();
        let file = folder.path().join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, format!("{text}\n")).unwrap();
    }
    folder
}

fn read(fixture: &str, arch: &str) -> (HardwareProfile, MachineState) {
    let folder = tree(fixture);
    let sources = Sources::at(folder.path());
    (profile_from(&sources, arch), state_from(&sources, 100))
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(ToOwned::to_owned).collect()
}

#[test]
fn a_laptop_on_battery() {
    let (machine, state) = read(include_str!("../fixtures/laptop.txt"), "x86_64");
    let expected = HardwareProfile {
        os: "linux 6.1.0-28-amd64".to_owned(),
        arch: "x86_64".to_owned(),
        cpu: "11th Gen Intel(R) Core(TM) i7-1165G7 @ 2.80GHz".to_owned(),
        cores_physical: 4,
        cores_logical: 8,
        cores_usable: 8,
        cpu_features: words(
            "sse4_2 avx f16c fma avx2 bmi2 avx512f avx512bw avx512vl avx512_vbmi avx512_vnni",
        ),
        cache_bytes: 12 << 20,
        ram_bytes: 16_167_968 << 10,
        ram_limit_bytes: 16_167_968 << 10,
        swap_bytes: 8_388_604 << 10,
        governor: Some("powersave".to_owned()),
        on_battery: Some(true),
        virtual_machine: Some(false),
        caches: vec![
            CacheFacts { level: 1, bytes: 48 << 10, instances: 4 },
            CacheFacts { level: 2, bytes: 1280 << 10, instances: 4 },
            CacheFacts { level: 3, bytes: 12 << 20, instances: 1 },
        ],
        numa_nodes: 1,
        gpus: vec![GpuFacts {
            kind: GpuKind::Intel,
            name: "Intel TigerLake-LP GT2 [Iris Xe Graphics]".to_owned(),
            memory_bytes: 0,
            memory_free_bytes: None,
            driver: Some("i915".to_owned()),
            temperature_c: None,
        }],
    };
    assert_eq!(machine, expected);
    let expected = MachineState {
        ram_available_bytes: 5 << 30,
        swap_used_bytes: (8_388_604 - 7_340_028) << 10,
        swap_pages: 4600,
        cpu_busy_s: 16.1,
        cpu_steal_s: 0.0,
        temperature_c: Some(93.0),
        frequency_mhz: Some(1550.0),
        throttle_events: Some((1 + 2 + 3 + 4 + 5 + 6 + 7) + 8 * 3),
    };
    assert_eq!(state, expected);
}

#[test]
fn a_container_with_a_quota_and_a_memory_limit() {
    let (machine, state) = read(include_str!("../fixtures/container.txt"), "aarch64");
    assert_eq!((machine.cores_physical, machine.cores_logical), (64, 64));
    assert_eq!(machine.cores_usable, 3, "two and a half processors, rounded up");
    assert_eq!((machine.ram_bytes, machine.ram_limit_bytes), (259_637_184 << 10, 8 << 30));
    assert_eq!(machine.cpu_features, words("neon fp16 dotprod i8mm bf16 sve"));
    assert_eq!(machine.cache_bytes, 32 << 20, "one cache that all processors share");
    assert_eq!(
        (machine.governor, machine.on_battery, machine.virtual_machine),
        (None, None, None),
        "unknown stays unknown"
    );
    assert_eq!(machine.cpu, "", "the kernel does not name this processor");
    assert_eq!(
        state.ram_available_bytes,
        7 << 30,
        "the limit less what is used, plus what can be given back"
    );
    assert_eq!((state.temperature_c, state.frequency_mhz, state.throttle_events), (None, None, None));
}

#[test]
fn a_virtual_machine_with_version_1_groups() {
    let (machine, state) = read(include_str!("../fixtures/virtual-machine.txt"), "x86_64");
    assert_eq!((machine.os.as_str(), machine.cpu.as_str()), ("linux 6.18.44", "AMD EPYC"));
    assert_eq!((machine.cores_physical, machine.cores_logical, machine.cores_usable), (2, 2, 2));
    assert_eq!(machine.cpu_features, words("sse4_2 avx f16c fma avx2 bmi2"));
    assert_eq!(machine.cache_bytes, 32 << 20);
    assert_eq!(
        (machine.ram_limit_bytes, machine.swap_bytes),
        (machine.ram_bytes, 0),
        "the huge number is no limit"
    );
    assert_eq!(machine.virtual_machine, Some(true));
    assert_eq!((state.cpu_busy_s, state.cpu_steal_s), (3902.34, 18.97));
    assert!(state.frequency_mhz.is_some_and(|mhz| (2000.0..3000.0).contains(&mhz)), "{state:?}");
}

#[test]
fn damaged_trees_are_read_without_harm() {
    for fixture in [include_str!("../fixtures/laptop.txt"), include_str!("../fixtures/container.txt")] {
        for (from, to) in
            [("0", "x"), (" ", ""), (":", ""), ("1", "99999999999999999999"), ("\t", "\n"), ("8", "-8")]
        {
            let (head, rest) = fixture.split_at(fixture.find("== ").unwrap());
            let damaged: Vec<String> = rest
                .split("\n== ")
                .map(|part| {
                    part.split_once('\n').map_or_else(
                        || part.to_owned(),
                        |(path, text)| format!("{path}\n{}", text.replace(from, to)),
                    )
                })
                .collect();
            let (machine, _) = read(&format!("{head}\n{}", damaged.join("\n== ")), "x86_64");
            assert!(machine.cores_usable >= 1, "{machine:?}");
            assert!(machine.ram_limit_bytes <= machine.ram_bytes, "{machine:?}");
        }
    }
}
