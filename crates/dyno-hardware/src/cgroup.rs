//! Limits that control groups set on this process: processor quota and memory, version 1, version 2, and nested groups.

use std::path::{Path, PathBuf};

use crate::Sources;

/// Where the hierarchies are mounted.
const MOUNT: &str = "sys/fs/cgroup";
/// Version 1 writes "no limit" as a huge number of pages.
const UNLIMITED_BYTES: u64 = 1 << 60;

/// The tightest limits over all groups this process is in.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Limits {
    /// Processors' worth of time; absent: no quota.
    pub(crate) processors: Option<f64>,
    /// Memory, bytes; absent: no limit.
    pub(crate) memory_bytes: Option<u64>,
    /// Memory still to be had below the limits, caches that the kernel would give back included, bytes.
    pub(crate) available_bytes: Option<u64>,
}

/// Names of the files of one hierarchy.
struct MemoryFiles {
    limit: &'static str,
    usage: &'static str,
    /// Keys in `memory.stat` of what the kernel gives back before it refuses anything: pages of files, also of those read more than
    /// once, as a model is, and its own caches.
    reclaimable: &'static [&'static str],
}

const MEMORY_V1: MemoryFiles = MemoryFiles {
    limit: "memory.limit_in_bytes",
    usage: "memory.usage_in_bytes",
    reclaimable: &["total_inactive_file", "total_active_file"],
};
const MEMORY_V2: MemoryFiles = MemoryFiles {
    limit: "memory.max",
    usage: "memory.current",
    reclaimable: &["inactive_file", "active_file", "slab_reclaimable"],
};

/// Reads the limits of the process itself.
pub(crate) fn limits(sources: &Sources) -> Limits {
    let membership = sources.text("proc/self/cgroup").unwrap_or_default();
    let mut limits = Limits::default();
    for line in membership.lines() {
        let Some((controllers, path)) = line.split_once(':').and_then(|(_, rest)| rest.split_once(':'))
        else {
            continue;
        };
        if controllers.is_empty() {
            for group in groups(&[MOUNT, "sys/fs/cgroup/unified"], path) {
                limits = limits.tightened(quota_v2(sources, &group), memory(sources, &group, &MEMORY_V2));
            }
            continue;
        }
        let mounts = [
            format!("{MOUNT}/{controllers}"),
            format!("{MOUNT}/{}", controllers.split(',').next().unwrap_or_default()),
        ];
        for group in groups(&[&mounts[0], &mounts[1]], path) {
            limits = limits.tightened(quota_v1(sources, &group), memory(sources, &group, &MEMORY_V1));
        }
    }
    limits
}

impl Limits {
    fn tightened(self, processors: Option<f64>, memory: Option<(u64, Option<u64>)>) -> Self {
        let smaller = |a: Option<u64>, b: Option<u64>| a.into_iter().chain(b).min();
        Self {
            processors: self.processors.into_iter().chain(processors).reduce(f64::min),
            memory_bytes: smaller(self.memory_bytes, memory.map(|(limit, _)| limit)),
            available_bytes: smaller(self.available_bytes, memory.and_then(|(_, available)| available)),
        }
    }
}

/// The group's folder and its parents' up to the mount, under each mount: a limit of any of them holds. Inside a container
/// the path may be the host's; then only the mount itself exists, and that is the container's group.
fn groups(mounts: &[&str], path: &str) -> Vec<PathBuf> {
    let relative = Path::new(path.trim_start_matches('/'));
    // `..` would leave the hierarchy; the kernel writes it for a process outside its namespace's root.
    let inside = !relative.components().any(|part| part.as_os_str() == "..");
    let parts = if inside { relative } else { Path::new("") };
    mounts.iter().flat_map(|mount| parts.ancestors().map(|part| Path::new(mount).join(part))).collect()
}

/// `cpu.max`: `QUOTA PERIOD` in µs, or `max PERIOD`.
fn quota_v2(sources: &Sources, group: &Path) -> Option<f64> {
    let line = sources.line(group.join("cpu.max"))?;
    let (quota, period) = line.split_once(' ')?;
    ratio(quota.parse().ok()?, period.trim().parse().ok()?)
}

/// `cpu.cfs_quota_us` is -1 without a quota.
fn quota_v1(sources: &Sources, group: &Path) -> Option<f64> {
    ratio(sources.number(group.join("cpu.cfs_quota_us"))?, sources.number(group.join("cpu.cfs_period_us"))?)
}

fn ratio(quota_us: u64, period_us: u64) -> Option<f64> {
    (quota_us > 0 && period_us > 0).then(|| quota_us as f64 / period_us as f64)
}

/// Limit, and what is left of it.
fn memory(sources: &Sources, group: &Path, files: &MemoryFiles) -> Option<(u64, Option<u64>)> {
    let limit = sources.number(group.join(files.limit)).filter(|limit| *limit < UNLIMITED_BYTES)?;
    let available = sources.number(group.join(files.usage)).map(|usage| {
        let stat = sources.text(group.join("memory.stat")).unwrap_or_default();
        let bytes = |line: &str| {
            let (key, number) = line.split_once(' ')?;
            files.reclaimable.contains(&key).then(|| number.trim().parse::<u64>().ok()).flatten()
        };
        let reclaimable = stat.lines().filter_map(bytes).fold(0_u64, u64::saturating_add);
        limit.saturating_sub(usage.saturating_sub(reclaimable))
    });
    Some((limit, available))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Limits read from a tree with these files.
    fn limits_of(files: &[(&str, &str)]) -> Limits {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let file = folder.path().join(path);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        limits(&Sources::at(folder.path()))
    }

    #[test]
    fn version_2_takes_the_tightest_of_nested_groups() {
        let limits = limits_of(&[
            ("proc/self/cgroup", "0::/outer/inner\n"),
            ("sys/fs/cgroup/outer/cpu.max", "150000 100000\n"),
            ("sys/fs/cgroup/outer/inner/cpu.max", "max 100000\n"),
            ("sys/fs/cgroup/outer/memory.max", "max\n"),
            ("sys/fs/cgroup/outer/inner/memory.max", "4294967296\n"),
            ("sys/fs/cgroup/outer/inner/memory.current", "3221225472\n"),
            ("sys/fs/cgroup/outer/inner/memory.stat", "anon 1\ninactive_file 1073741824\n"),
        ]);
        assert_eq!(
            limits,
            Limits { processors: Some(1.5), memory_bytes: Some(4 << 30), available_bytes: Some(2 << 30) }
        );
    }

    #[test]
    fn a_model_in_the_page_cache_takes_no_memory_away_however_often_it_was_read() {
        let stat = "anon 104857600\nfile 3145728000\nactive_file 2097152000\ninactive_file 1048576000\n\
                    active_anon 104857600\nslab_reclaimable 10485760\nslab_unreclaimable 5242880\n";
        let limits = limits_of(&[
            ("proc/self/cgroup", "0::/\n"),
            ("sys/fs/cgroup/memory.max", "4294967296\n"),
            ("sys/fs/cgroup/memory.current", "3266314240\n"),
            ("sys/fs/cgroup/memory.stat", stat),
        ]);
        let held = 104_857_600 + 5_242_880;
        assert_eq!(limits.available_bytes, Some((4 << 30) - held));
        let limits = limits_of(&[
            ("proc/self/cgroup", "5:memory:/job\n"),
            ("sys/fs/cgroup/memory/job/memory.limit_in_bytes", "4294967296\n"),
            ("sys/fs/cgroup/memory/job/memory.usage_in_bytes", "3250585600\n"),
            (
                "sys/fs/cgroup/memory/job/memory.stat",
                "active_file 1\ntotal_active_file 2097152000\ntotal_inactive_file 1048576000\n",
            ),
        ]);
        assert_eq!(limits.available_bytes, Some((4 << 30) - 104_857_600));
    }

    #[test]
    fn version_1_finds_combined_controllers_and_ignores_the_huge_number() {
        let limits = limits_of(&[
            ("proc/self/cgroup", "4:cpu,cpuacct:/job\n5:memory:/job\n"),
            ("sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us", "250000\n"),
            ("sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_period_us", "100000\n"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
            ("sys/fs/cgroup/memory/job/memory.limit_in_bytes", "1073741824\n"),
        ]);
        assert_eq!(
            limits,
            Limits { processors: Some(2.5), memory_bytes: Some(1 << 30), available_bytes: None }
        );
    }

    #[test]
    fn without_a_quota_there_is_no_limit() {
        let limits = limits_of(&[
            ("proc/self/cgroup", "4:cpu:/\nnonsense\n0::/\n"),
            ("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n"),
            ("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"),
        ]);
        assert_eq!(limits, Limits::default());
        assert_eq!(limits_of(&[]), Limits::default());
    }

    #[test]
    fn a_path_of_the_host_falls_back_to_the_mount() {
        let limits = limits_of(&[
            ("proc/self/cgroup", "0::/../../kubepods/pod1\n"),
            ("sys/fs/cgroup/memory.max", "1048576\n"),
            ("kubepods/pod1/memory.max", "1\n"),
        ]);
        assert_eq!(limits.memory_bytes, Some(1 << 20));
    }
}
