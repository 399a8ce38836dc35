//! The processor: model, cores, instruction sets, time used.

use std::collections::BTreeSet;

use crate::Sources;
use crate::sources::presentable;

/// Instruction sets that matter to inference: the name in records, and what the kernel calls it (x86 flags, Arm features).
const FEATURES: [(&str, &str); 28] = [
    ("sse4_2", "sse4_2"),
    ("avx", "avx"),
    ("f16c", "f16c"),
    ("fma", "fma"),
    ("avx2", "avx2"),
    ("bmi2", "bmi2"),
    ("avx_vnni", "avx_vnni"),
    ("avx512f", "avx512f"),
    ("avx512bw", "avx512bw"),
    ("avx512vl", "avx512vl"),
    ("avx512_vbmi", "avx512vbmi"),
    ("avx512_vnni", "avx512_vnni"),
    ("avx512_bf16", "avx512_bf16"),
    ("avx512_fp16", "avx512_fp16"),
    ("amx_tile", "amx_tile"),
    ("amx_int8", "amx_int8"),
    ("amx_bf16", "amx_bf16"),
    ("amx_fp16", "amx_fp16"),
    ("neon", "asimd"),
    ("neon", "neon"),
    ("fp16", "asimdhp"),
    ("dotprod", "asimddp"),
    ("i8mm", "i8mm"),
    ("bf16", "bf16"),
    ("sve", "sve"),
    ("sve2", "sve2"),
    ("sme", "sme"),
    ("rvv", "v"),
];

/// What is known about the processor.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Processor {
    pub(crate) model: String,
    /// 0: unknown.
    pub(crate) physical: u32,
    pub(crate) logical: u32,
    /// Processors the scheduler may put this process on.
    pub(crate) allowed: Option<u32>,
    pub(crate) features: Vec<String>,
    pub(crate) virtual_machine: Option<bool>,
}

/// Reads everything about the processor.
pub(crate) fn read(sources: &Sources) -> Processor {
    let cpuinfo = sources.text("proc/cpuinfo").unwrap_or_default();
    let flags = flags(&cpuinfo);
    let status = sources.text("proc/self/status").unwrap_or_default();
    let present = sources.line("sys/devices/system/cpu/online").map(|list| count_list(&list));
    let described = count(cpuinfo.lines().filter(|line| key(line) == Some("processor")).count());
    Processor {
        model: field(&cpuinfo, "model name")
            .and_then(|model| presentable(&model))
            .or_else(|| sources.name("proc/device-tree/model"))
            .or_else(|| presentable(&field(&cpuinfo, "Model")?))
            .unwrap_or_default(),
        physical: physical_cores(&cpuinfo).max(physical_cores_by_topology(sources)),
        logical: if described > 0 { described } else { present.unwrap_or_default() },
        allowed: field(&status, "Cpus_allowed_list").map(|list| count_list(&list)),
        features: features(&flags),
        virtual_machine: is_virtual(&cpuinfo, &flags),
    }
}

/// Processors a process may really use: affinity, then the quota rounded up; at least one.
pub(crate) fn usable(logical: u32, allowed: Option<u32>, quota: Option<f64>) -> u32 {
    let allowed = allowed.filter(|count| *count > 0).map_or(logical, |count| count.min(logical));
    let quota = quota.map_or(f64::INFINITY, f64::ceil);
    let within = if quota < f64::from(allowed) { quota as u32 } else { allowed };
    within.max(1)
}

/// Processor time of the whole machine since boot, in ticks: busy (without waiting for disks and without steal), and stolen.
pub(crate) fn busy_and_steal_ticks(sources: &Sources) -> (u64, u64) {
    let stat = sources.text("proc/stat").unwrap_or_default();
    let Some(line) = stat.lines().find(|line| line.starts_with("cpu ")) else { return (0, 0) };
    let ticks: Vec<u64> = line.split_whitespace().skip(1).map(|word| word.parse().unwrap_or(0)).collect();
    let at = |index: usize| ticks.get(index).copied().unwrap_or(0);
    // user nice system idle iowait irq softirq steal; time of guests is part of user and nice already.
    (at(0) + at(1) + at(2) + at(5) + at(6), at(7))
}

fn key(line: &str) -> Option<&str> {
    line.split_once(':').map(|(key, _)| key.trim())
}

/// The value after `name:` in the first line that has it.
fn field(text: &str, name: &str) -> Option<String> {
    let line = text.lines().find(|line| key(line) == Some(name))?;
    let (_, value) = line.split_once(':')?;
    let value = value.split_whitespace().collect::<Vec<_>>().join(" ");
    (!value.is_empty()).then_some(value)
}

fn flags(cpuinfo: &str) -> BTreeSet<String> {
    let listed = ["flags", "Features"].iter().find_map(|name| field(cpuinfo, name)).unwrap_or_default();
    listed.split_whitespace().map(ToOwned::to_owned).collect()
}

fn features(flags: &BTreeSet<String>) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for (name, flag) in FEATURES {
        if flags.contains(flag) && found.last().is_none_or(|last| last != name) {
            found.push(name.to_owned());
        }
    }
    found
}

/// Whether this is a virtual machine, when the processor says so.
pub(crate) fn virtual_machine(sources: &Sources) -> Option<bool> {
    let cpuinfo = sources.text("proc/cpuinfo").unwrap_or_default();
    is_virtual(&cpuinfo, &flags(&cpuinfo))
}

/// x86 processors say so by a flag. Others do not, so absence means nothing there.
fn is_virtual(cpuinfo: &str, flags: &BTreeSet<String>) -> Option<bool> {
    let x86 = field(cpuinfo, "flags").is_some() && flags.contains("fpu");
    x86.then(|| flags.contains("hypervisor"))
}

/// Distinct pairs of socket and core; 0 when the text does not say.
fn physical_cores(cpuinfo: &str) -> u32 {
    let pairs: BTreeSet<(String, String)> = cpuinfo
        .split("\n\n")
        .filter_map(|processor| Some((field(processor, "physical id")?, field(processor, "core id")?)))
        .collect();
    count(pairs.len())
}

fn physical_cores_by_topology(sources: &Sources) -> u32 {
    let pairs: BTreeSet<(u64, u64)> = sources
        .processor_folders()
        .iter()
        .filter_map(|folder| {
            let topology = folder.join("topology");
            // Boards without sockets say -1 for the package.
            let package = sources.number(topology.join("physical_package_id")).unwrap_or(0);
            Some((package, sources.number(topology.join("core_id"))?))
        })
        .collect();
    count(pairs.len())
}

/// Processors in a list such as `0-3,8,10-11`; what cannot be read counts nothing.
pub(crate) fn count_list(list: &str) -> u32 {
    let counts = list.split(',').filter_map(|part| {
        let (first, last) = part.trim().split_once('-').unwrap_or((part.trim(), part.trim()));
        let (first, last): (u32, u32) = (first.parse().ok()?, last.parse().ok()?);
        last.checked_sub(first)?.checked_add(1)
    });
    counts.fold(0, u32::saturating_add)
}

pub(crate) fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_processors_are_counted() {
        assert_eq!(count_list("0-3,8,10-11"), 7);
        assert_eq!(count_list("0"), 1);
        assert_eq!(count_list(""), 0);
        assert_eq!(count_list("3-1,x,-"), 0, "nonsense counts nothing");
        assert_eq!(count_list("0-4294967295"), 0, "a range that does not fit counts nothing");
    }

    #[test]
    fn usable_is_the_smallest_of_affinity_and_quota() {
        assert_eq!(usable(8, None, None), 8);
        assert_eq!(usable(8, Some(4), None), 4);
        assert_eq!(usable(8, Some(4), Some(1.5)), 2, "a quota is rounded up");
        assert_eq!(usable(8, Some(64), Some(100.0)), 8);
        assert_eq!(usable(8, Some(0), Some(0.1)), 1);
        assert_eq!(usable(0, None, None), 1);
    }

    #[test]
    fn arm_features_have_their_common_names_once() {
        let cpuinfo =
            "processor\t: 0\nFeatures\t: fp asimd asimdhp asimddp i8mm bf16 neon\nCPU part\t: 0xd40\n";
        assert_eq!(features(&flags(cpuinfo)), ["neon", "fp16", "dotprod", "i8mm", "bf16"]);
        assert_eq!(is_virtual(cpuinfo, &flags(cpuinfo)), None);
    }

    #[test]
    fn threads_of_one_core_are_one_physical_core() {
        let one = |processor: u32, core: u32| {
            format!("processor\t: {processor}\nphysical id\t: 0\ncore id\t\t: {core}\n\n")
        };
        let cpuinfo: String = (0..8).map(|processor| one(processor, processor % 4)).collect();
        assert_eq!(physical_cores(&cpuinfo), 4);
        assert_eq!(physical_cores("processor : 0\n"), 0);
    }
}
