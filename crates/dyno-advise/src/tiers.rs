//! Tiers of machines: the policy file, and which tier a machine is in and what limits it.

use dyno_types::HardwareProfile;
use serde::{Deserialize, Serialize};

/// The policy that applies unless a user names a file of their own.
const BUILT_IN: &str = include_str!("../data/tiers.toml");

/// Schema of policy files this version reads.
const SCHEMA: &str = "dyno.tiers/1";

/// Largest policy file read, bytes.
pub const TIERS_BYTES_MAX: usize = 64 << 10;

/// Tiers a machine can be detected to be in, least first.
const DETECTABLE: [&str; 3] = ["low", "mid", "high"];

/// Every tier a policy must state.
const REQUIRED: [&str; 4] = ["low", "mid", "high", "hybrid"];

/// Part of the installed memory that a machine may lack and still count: firmware and kernel keep some of it.
const MEMORY_TOLERANCE: f64 = 0.9;

const GIB: f64 = 1024.0 * 1024.0 * 1024.0;

/// A policy that is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TierError {
    /// No TOML, an unknown or missing key, or a value of the wrong kind.
    #[error("the tier policy cannot be read: {0}")]
    Unreadable(String),
    /// Readable and contradictory.
    #[error("the tier policy makes no sense: {0}")]
    Nonsense(String),
}

/// What a machine must have to be in a tier.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TierNeeds {
    /// Memory, GiB.
    pub ram_gb: f64,
    /// Usable cores; or instead of them `vram_gb`.
    pub cores: u32,
    /// Memory of one accelerator, GiB.
    pub vram_gb: f64,
}

/// What machines of one tier may do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tier {
    /// `low`, `mid`, `high` or `hybrid`.
    pub name: String,
    /// What it takes to be in it.
    pub needs: TierNeeds,
    /// Most models that generate at the same time.
    pub max_parallel_models: u32,
    /// Most models held in memory.
    pub max_loaded_models: u32,
    /// Largest model file, GiB.
    pub max_model_size_gb: f64,
    /// Memory of an accelerator that models may take, GiB.
    pub vram_budget_gb: f64,
    /// Memory that models may take, GiB.
    pub ram_budget_gb: f64,
    /// Whether several models may answer one request together.
    pub ensembles: bool,
    /// Whether a remote broker may be asked.
    pub broker: bool,
    /// Frames per second of live displays.
    pub target_fps: u32,
    /// Least decode rate, tokens/s.
    pub least_tps: f64,
}

/// How models are kept in memory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelPool {
    /// Models loaded at the start.
    pub warm_up_models: Vec<String>,
    /// Which model makes room.
    pub eviction: Eviction,
    /// Time a model stays at least, ms.
    pub eviction_cooldown_ms: u64,
    /// Longest load before it is given up, ms.
    pub preload_timeout_ms: u64,
    /// Time between health checks, ms.
    pub health_check_interval_ms: u64,
}

/// Which model makes room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Eviction {
    /// The one not used for the longest time.
    Lru,
}

/// Targets that hold in every tier.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PerformanceTargets {
    /// First token of a loaded model, ms.
    pub ttft_warm_ms: f64,
    /// First token when the model must be loaded first, ms.
    pub ttft_cold_ms: f64,
    /// Time for one frame of a live display, ms.
    pub frame_budget_ms: f64,
    /// Load, 0..1, from which new requests are slowed.
    pub backpressure_threshold: f64,
}

/// When to look and when to raise an alert.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Monitoring {
    /// Time between looks at the memory, ms.
    pub memory_check_ms: u64,
    /// Time between log lines about speed, ms.
    pub performance_log_ms: u64,
    /// Share of memory in use, 0..1.
    pub alert_memory_usage: f64,
    /// Frames dropped per minute.
    pub alert_frame_drops: u32,
    /// First token later than usual, factor.
    pub alert_ttft_degradation: f64,
}

/// The whole policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TierPolicy {
    /// `dyno.tiers/1`.
    pub schema: String,
    /// Tiers, least first.
    pub tier: Vec<Tier>,
    /// Model pool.
    pub model_pool: ModelPool,
    /// Targets.
    pub performance: PerformanceTargets,
    /// Monitoring.
    pub monitoring: Monitoring,
}

/// What keeps a machine from the next tier.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TierLimit {
    /// `memory` or `compute`.
    pub resource: &'static str,
    /// What the machine has and what the next tier needs, as a sentence.
    pub sentence: String,
}

/// The tier of a machine.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DetectedTier {
    /// The tier, with its budgets and targets.
    pub tier: Tier,
    /// What limits it; empty in the highest tier.
    pub limits: Vec<TierLimit>,
}

impl TierPolicy {
    /// The built-in policy.
    #[must_use]
    pub fn built_in() -> Self {
        Self::parse(BUILT_IN).expect("the embedded policy is parsed by a test")
    }

    /// Reads a policy file.
    ///
    /// # Errors
    /// [`TierError`] for unknown or missing keys, and for values that contradict each other.
    pub fn parse(text: &str) -> Result<Self, TierError> {
        if text.len() > TIERS_BYTES_MAX {
            return Err(TierError::Unreadable(format!("it is larger than {TIERS_BYTES_MAX} bytes")));
        }
        let policy: Self = toml::from_str(text).map_err(|error| TierError::Unreadable(error.to_string()))?;
        policy.check()?;
        Ok(policy)
    }

    fn check(&self) -> Result<(), TierError> {
        let nonsense = |text: String| Err(TierError::Nonsense(text));
        if self.schema != SCHEMA {
            return nonsense(format!("schema is {:?}, this dyno reads {SCHEMA:?}", self.schema));
        }
        let names: Vec<&str> = self.tier.iter().map(|tier| tier.name.as_str()).collect();
        if names != REQUIRED {
            return nonsense(format!(
                "its tiers are {names:?}; it takes exactly {REQUIRED:?}, in this order"
            ));
        }
        for tier in &self.tier {
            let sizes = [
                tier.needs.ram_gb,
                tier.needs.vram_gb,
                tier.max_model_size_gb,
                tier.vram_budget_gb,
                tier.ram_budget_gb,
            ];
            if sizes.iter().chain([&tier.least_tps]).any(|size| !size.is_finite() || *size <= 0.0) {
                return nonsense(format!("tier {} has a size or rate that is not above 0", tier.name));
            }
            if tier.max_parallel_models == 0 || tier.max_parallel_models > tier.max_loaded_models {
                return nonsense(format!(
                    "tier {} runs {} models at once and holds {}; it takes at least 1, and no more than it holds",
                    tier.name, tier.max_parallel_models, tier.max_loaded_models
                ));
            }
        }
        let shares = [self.performance.backpressure_threshold, self.monitoring.alert_memory_usage];
        if shares.iter().any(|share| !(*share > 0.0 && *share <= 1.0)) {
            return nonsense(
                "backpressure_threshold and alert_memory_usage are shares between 0 and 1".to_owned(),
            );
        }
        let rising = self.tier.windows(2).all(|pair| {
            pair[0].needs.ram_gb <= pair[1].needs.ram_gb && pair[0].needs.cores <= pair[1].needs.cores
        });
        if rising { Ok(()) } else { nonsense("a higher tier needs less than a lower one".to_owned()) }
    }

    /// The tier with this name.
    #[must_use]
    pub fn tier(&self, name: &str) -> Option<&Tier> {
        self.tier.iter().find(|tier| tier.name == name)
    }

    /// The tier a machine is in: the highest whose memory it has and whose computing power it has, in cores or in the
    /// memory of its largest accelerator. A machine below all of them is in the lowest.
    #[must_use]
    pub fn detect(&self, machine: &HardwareProfile) -> DetectedTier {
        let ram_gb = machine.ram_limit_bytes as f64 / GIB;
        let vram_gb = machine.gpus.iter().map(|gpu| gpu.memory_bytes).max().unwrap_or_default() as f64 / GIB;
        let cores = machine.cores_usable;
        let enough = |has: f64, needs: f64| has >= needs * MEMORY_TOLERANCE;
        let tiers: Vec<&Tier> = DETECTABLE.iter().filter_map(|name| self.tier(name)).collect();
        let level = |meets: &dyn Fn(&TierNeeds) -> bool| {
            tiers.iter().rposition(|tier| meets(&tier.needs)).unwrap_or_default()
        };
        let memory = level(&|needs| enough(ram_gb, needs.ram_gb));
        let compute = level(&|needs| cores >= needs.cores || enough(vram_gb, needs.vram_gb));
        let reached = memory.min(compute);
        let mut limits = Vec::new();
        if let Some(next) = tiers.get(reached + 1) {
            let (name, needs) = (&next.name, &next.needs);
            if memory == reached {
                let sentence = format!("{ram_gb:.1} GiB of memory; tier {name} needs {} GiB", needs.ram_gb);
                limits.push(TierLimit { resource: "memory", sentence });
            }
            if compute == reached {
                let accelerator = match vram_gb {
                    none if none <= 0.0 => "no accelerator".to_owned(),
                    has => format!("{has:.1} GiB on an accelerator"),
                };
                let sentence = format!(
                    "{cores} cores and {accelerator}; tier {name} needs {} cores or {} GiB on an accelerator",
                    needs.cores, needs.vram_gb
                );
                limits.push(TierLimit { resource: "compute", sentence });
            }
        }
        DetectedTier { tier: tiers[reached].clone(), limits }
    }
}

#[cfg(test)]
mod tests {
    use dyno_types::{GpuFacts, GpuKind};

    use super::*;

    fn machine(ram_gib: f64, cores: u32, vram_gib: f64) -> HardwareProfile {
        let gpu = GpuFacts {
            kind: GpuKind::Nvidia,
            name: "gpu".to_owned(),
            memory_bytes: (vram_gib * GIB) as u64,
            memory_free_bytes: None,
            driver: None,
            temperature_c: None,
        };
        HardwareProfile {
            ram_limit_bytes: (ram_gib * GIB) as u64,
            cores_usable: cores,
            gpus: if vram_gib > 0.0 { vec![gpu] } else { Vec::new() },
            ..HardwareProfile::default()
        }
    }

    #[test]
    fn a_machine_is_as_high_as_its_weakest_side() {
        let policy = TierPolicy::built_in();
        let cases = [
            (15.5, 8, 0.0, "mid", &["memory", "compute"][..]),
            (15.5, 4, 0.0, "low", &["compute"]),
            (15.5, 4, 12.0, "mid", &["memory", "compute"]),
            (64.0, 64, 0.0, "high", &[]),
            (64.0, 4, 24.0, "high", &[]),
            (7.7, 64, 24.0, "low", &["memory"]),
            (2.0, 1, 0.0, "low", &["memory", "compute"]),
            (32.0, 8, 0.0, "mid", &["compute"]),
        ];
        for (ram, cores, vram, tier, limits) in cases {
            let detected = policy.detect(&machine(ram, cores, vram));
            let resources: Vec<&str> = detected.limits.iter().map(|limit| limit.resource).collect();
            assert_eq!(
                (detected.tier.name.as_str(), resources.as_slice()),
                (tier, limits),
                "{ram} {cores} {vram}"
            );
        }
    }

    #[test]
    fn policies_of_users_are_checked_strictly() {
        let changed = |from: &str, to: &str| {
            assert!(BUILT_IN.contains(from), "{from}");
            TierPolicy::parse(&BUILT_IN.replacen(from, to, 1))
        };
        assert!(changed("ram_budget_gb = 8", "ram_budget_gb = 6.5").is_ok());
        assert!(matches!(changed("ram_budget_gb", "ram_budget"), Err(TierError::Unreadable(_))));
        assert!(matches!(
            changed("eviction = \"lru\"", "eviction = \"fifo\""),
            Err(TierError::Unreadable(_))
        ));
        for (from, to) in [
            ("dyno.tiers/1", "dyno.tiers/9"),
            ("name = \"mid\"", "name = \"middle\""),
            ("max_parallel_models = 2", "max_parallel_models = 0"),
            ("max_parallel_models = 2", "max_parallel_models = 5"),
            ("ram_budget_gb = 8", "ram_budget_gb = -1"),
            ("alert_memory_usage = 0.9", "alert_memory_usage = 90"),
            ("ram_gb = 16", "ram_gb = 64"),
        ] {
            assert!(matches!(changed(from, to), Err(TierError::Nonsense(_))), "{from} → {to}");
        }
        assert!(TierPolicy::parse("").is_err() && TierPolicy::parse(&"#".repeat(1 << 20)).is_err());
    }
}
