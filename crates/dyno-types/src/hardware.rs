//! Facts about the machine a measurement ran on.

use serde::{Deserialize, Serialize};

use crate::ValidityFlag;

/// This machine, as far as it can be read without measuring.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct HardwareProfile {
    /// Operating system and release, e.g. `linux 6.1.0`.
    pub os: String,
    /// Processor architecture, e.g. `x86_64`.
    pub arch: String,
    /// Processor model.
    pub cpu: String,
    /// Physical cores of the machine (0: unknown).
    pub cores_physical: u32,
    /// Logical processors of the machine.
    pub cores_logical: u32,
    /// Processors this process may really use (affinity and cgroup quota applied, rounded up).
    pub cores_usable: u32,
    /// Instruction-set extensions that matter to inference, e.g. `avx2`, `avx512f`, `amx_int8`, `neon`.
    pub cpu_features: Vec<String>,
    /// Last-level cache, over all of its instances, bytes (0: unknown).
    pub cache_bytes: u64,
    /// Caches that hold data, one entry per kind, smallest level first; empty where the system does not say.
    #[serde(default)]
    pub caches: Vec<CacheFacts>,
    /// Physical memory, bytes.
    pub ram_bytes: u64,
    /// Memory this process may use: the smaller of physical memory and its cgroup limit, bytes.
    pub ram_limit_bytes: u64,
    /// Swap, bytes.
    pub swap_bytes: u64,
    /// Frequency governor, when the system states one.
    pub governor: Option<String>,
    /// Running on battery, when the system states it.
    pub on_battery: Option<bool>,
    /// Whether this is a virtual machine, when the processor says so.
    pub virtual_machine: Option<bool>,
    /// NUMA nodes with memory (0: unknown).
    #[serde(default)]
    pub numa_nodes: u32,
    /// Accelerators.
    #[serde(default)]
    pub gpus: Vec<GpuFacts>,
}

/// Caches of one level and size. Processors with two kinds of core have two entries of one level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct CacheFacts {
    /// 1, 2, 3, …
    pub level: u32,
    /// One of them, bytes.
    pub bytes: u64,
    /// How many there are (0: unknown).
    pub instances: u32,
}

/// How a disk keeps data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DiskKind {
    /// Spinning platters.
    Rotational,
    /// No moving parts.
    SolidState,
    /// Main memory.
    Memory,
    /// Another machine's, over the network.
    Network,
    /// In a way that only a newer dyno knows.
    #[serde(other)]
    Unknown,
}

/// The disk that a folder lies on.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct DiskFacts {
    /// Device (`/dev/nvme0n1p2`), or what is mounted (`server:/models`), when the system says so.
    pub device: Option<String>,
    /// File system, e.g. `ext4`.
    pub file_system: Option<String>,
    /// How it keeps data; absent when unknown, as for most disks of virtual machines.
    pub kind: Option<DiskKind>,
    /// Bytes an ordinary user may still write.
    pub free_bytes: Option<u64>,
}

/// Rate at which memory was read or copied by so many threads.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct BandwidthSample {
    /// Threads, each on its own part.
    pub threads: u32,
    /// Bytes read per second (for a copy: bytes read and written) in the best round, since disturbance only slows.
    pub bytes_per_s: f64,
    /// Rounds it is the best of.
    #[serde(default)]
    pub rounds: u32,
    /// Coefficient of variation over the rounds (standard deviation / mean); 0.1 and more is a noisy figure.
    #[serde(default)]
    pub variation: f64,
}

/// What this machine can do, measured in a few seconds and kept until the machine or the engine changes.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct MachineAbilities {
    /// Fingerprint of the machine they were measured on.
    pub machine: String,
    /// When, Unix ms.
    pub measured_unix_ms: i64,
    /// Memory read, one entry per thread count.
    pub memory_read: Vec<BandwidthSample>,
    /// Memory copy, one entry per thread count.
    pub memory_copy: Vec<BandwidthSample>,
    /// The same reading loop of one thread on data in its first-level cache, bytes/s: what the loop itself can do. Memory read
    /// figures are limited by memory only when they lie well below this times the threads.
    #[serde(default)]
    pub cache_read_bytes_per_s: f64,
    /// Device, or folder where the device is unknown, that `disk_read_bytes_per_s` is about.
    #[serde(default)]
    pub disk: String,
    /// What disturbed the measurement.
    #[serde(default)]
    pub flags: Vec<ValidityFlag>,
    /// Sequential read of the disk that holds the model cache, bytes/s; absent when it could not be measured past the page cache.
    pub disk_read_bytes_per_s: Option<f64>,
}

/// Kind of accelerator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GpuKind {
    /// NVIDIA.
    Nvidia,
    /// AMD.
    Amd,
    /// Intel.
    Intel,
    /// Apple (memory shared with the processor).
    Apple,
    /// A kind that only a newer dyno knows.
    #[serde(other)]
    Unknown,
}

/// One accelerator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GpuFacts {
    /// Kind.
    pub kind: GpuKind,
    /// Model name.
    pub name: String,
    /// Its memory, bytes; for [`GpuKind::Apple`] the machine's (0: unknown, or none of its own).
    pub memory_bytes: u64,
    /// Free memory right now, bytes, when the system states it.
    pub memory_free_bytes: Option<u64>,
    /// Driver: its version, or the name of the kernel module, when stated.
    pub driver: Option<String>,
    /// Temperature, °C, when stated.
    pub temperature_c: Option<f64>,
}

/// State of the machine at one moment, taken before and after a run.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct MachineState {
    /// Memory available without swapping, bytes.
    pub ram_available_bytes: u64,
    /// Swap in use, bytes.
    pub swap_used_bytes: u64,
    /// Pages swapped in and out since boot.
    pub swap_pages: u64,
    /// Processor time used by the whole machine since boot, seconds.
    pub cpu_busy_s: f64,
    /// Processor time stolen by the hypervisor since boot, seconds.
    pub cpu_steal_s: f64,
    /// Hottest sensor, °C.
    pub temperature_c: Option<f64>,
    /// Mean core frequency, MHz.
    pub frequency_mhz: Option<f64>,
    /// Thermal throttling events since boot.
    pub throttle_events: Option<u64>,
}
