//! Engine knobs: one definition each, from which flags, record fields, columns and labels come.

use serde::{Deserialize, Serialize};

/// Name of a value that only a newer dyno knows.
const UNKNOWN: &str = "unknown";

/// Element type of one half of the KV cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KvType {
    /// 32-bit float, 4 bytes per element.
    F32,
    /// 16-bit float, 2 bytes per element.
    #[default]
    F16,
    /// bfloat16, 2 bytes per element.
    Bf16,
    /// 8-bit blocks, 34 bytes per 32 elements.
    Q8_0,
    /// 4-bit blocks, 18 bytes per 32 elements.
    Q4_0,
    /// A type that only a newer dyno knows, in its records.
    #[serde(other)]
    Unknown,
}

impl KvType {
    /// Every type that can be asked for, with its name.
    pub const ALL: [(&'static str, Self); 5] = [
        ("f32", Self::F32),
        ("f16", Self::F16),
        ("bf16", Self::Bf16),
        ("q8_0", Self::Q8_0),
        ("q4_0", Self::Q4_0),
    ];

    /// Bytes per element, block overhead included.
    #[must_use]
    pub fn bytes_per_element(self) -> f64 {
        self.block_bytes() as f64 / f64::from(self.block_elements())
    }

    /// Bytes of a block.
    #[must_use]
    pub fn block_bytes(self) -> u64 {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
            Self::Q8_0 => 34,
            Self::Q4_0 => 18,
            Self::Unknown => 0,
        }
    }

    /// Elements per block; the width of an attention head must be a multiple of it.
    #[must_use]
    pub fn block_elements(self) -> u32 {
        match self {
            Self::F32 | Self::F16 | Self::Bf16 | Self::Unknown => 1,
            Self::Q8_0 | Self::Q4_0 => 32,
        }
    }

    /// The name, as flags and records write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, kind)| *kind == self).map_or(UNKNOWN, |(name, _)| name)
    }
}

/// A setting that the engine may decide itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Switch {
    /// The engine decides.
    #[default]
    Auto,
    /// Always on.
    On,
    /// Always off.
    Off,
    /// In a way that only a newer dyno knows, in its records.
    #[serde(other)]
    Unknown,
}

/// Everything about an engine that a user may turn. Zero threads means "not chosen yet" (`auto`).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EngineSettings {
    /// Context window, tokens per sequence.
    pub context: u32,
    /// Most tokens submitted to the backend at once.
    pub batch: u32,
    /// Most tokens computed at once (physical batch).
    pub ubatch: u32,
    /// Threads for decode; 0 is auto.
    pub threads: u32,
    /// Threads for prefill; 0 is auto.
    pub threads_prefill: u32,
    /// Sequences one context holds at the same time.
    pub sequences: u32,
    /// KV cache type of keys.
    pub kv_type_k: KvType,
    /// KV cache type of values.
    pub kv_type_v: KvType,
    /// Flash attention.
    pub flash_attention: Switch,
    /// Map the weights from the file instead of reading them.
    pub mmap: bool,
    /// Lock the weights in memory.
    pub mlock: bool,
    /// Layers on the accelerator; 0 is CPU only.
    pub gpu_layers: u32,
}

impl Default for EngineSettings {
    fn default() -> Self {
        Self {
            context: 4096,
            batch: 2048,
            ubatch: 512,
            threads: 0,
            threads_prefill: 0,
            sequences: 1,
            kv_type_k: KvType::F16,
            kv_type_v: KvType::F16,
            flash_attention: Switch::Auto,
            mmap: true,
            mlock: false,
            gpu_layers: 0,
        }
    }
}

/// A knob value that was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{flag} {value:?} is not accepted: expected {expected}")]
pub struct KnobError {
    /// Flag name without dashes.
    pub flag: &'static str,
    /// The refused text.
    pub value: String,
    /// What would be accepted.
    pub expected: String,
}

/// How a knob's text is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KnobKind {
    /// Whole number in a range; flags accept the range grammar, and `auto` where 0 is accepted and means auto.
    Number {
        /// Smallest accepted value.
        min: u32,
        /// Largest accepted value.
        max: u32,
        /// Whether `auto` is accepted (stored as 0).
        auto: bool,
    },
    /// One of a few words; flags accept a comma-separated list.
    Choice(&'static [&'static str]),
}

/// The single definition of one engine knob.
pub struct Knob {
    /// Name in records and columns, and, with dashes, the flag.
    pub id: &'static str,
    /// Flag name without leading dashes.
    pub flag: &'static str,
    /// Short label for tables and pages.
    pub label: &'static str,
    /// One-line help: what it does, unit, default.
    pub help: &'static str,
    /// How its text is read.
    pub kind: KnobKind,
    /// Reads the value as text.
    pub get: fn(&EngineSettings) -> String,
    set: fn(&mut EngineSettings, &str),
}

impl Knob {
    /// The knob with this id or flag.
    #[must_use]
    pub fn find(name: &str) -> Option<&'static Self> {
        KNOBS.iter().find(|knob| knob.id == name || knob.flag == name)
    }

    /// Splits a flag's text into single values, ranges expanded.
    ///
    /// # Errors
    /// When a part is malformed or lies outside the knob's range.
    pub fn values(&self, text: &str) -> Result<Vec<String>, KnobError> {
        match self.kind {
            KnobKind::Number { auto: true, .. } if text == "auto" => Ok(vec!["0".to_owned()]),
            KnobKind::Number { .. } => {
                let numbers = crate::expand_ranges(text).map_err(|_| self.refuse(text))?;
                let values: Vec<String> = numbers.iter().map(ToString::to_string).collect();
                values.iter().try_for_each(|value| self.check(value))?;
                Ok(values)
            }
            KnobKind::Choice(_) => {
                let values: Vec<String> = text.split(',').map(|word| word.trim().to_lowercase()).collect();
                values.iter().try_for_each(|value| self.check(value))?;
                Ok(values)
            }
        }
    }

    /// Sets one checked value.
    ///
    /// # Errors
    /// When the text is not an accepted value.
    pub fn set(&self, settings: &mut EngineSettings, value: &str) -> Result<(), KnobError> {
        self.check(value)?;
        (self.set)(settings, value);
        Ok(())
    }

    fn check(&self, value: &str) -> Result<(), KnobError> {
        let accepted = match self.kind {
            KnobKind::Number { min, max, auto } => {
                value.parse::<u32>().is_ok_and(|n| (min..=max).contains(&n) || (auto && n == 0))
            }
            KnobKind::Choice(words) => words.contains(&value),
        };
        if accepted { Ok(()) } else { Err(self.refuse(value)) }
    }

    fn refuse(&self, value: &str) -> KnobError {
        let expected = match self.kind {
            KnobKind::Number { min, max, auto } => {
                let auto = if auto { "auto or " } else { "" };
                format!("{auto}{min} to {max} (also lists and ranges: 1,2,4 1-4 128-1024*2)")
            }
            KnobKind::Choice(words) => words.join(", "),
        };
        KnobError { flag: self.flag, value: value.to_owned(), expected }
    }
}

const SWITCH: &[&str] = &["auto", "on", "off"];
const ON_OFF: &[&str] = &["on", "off"];
const KV_TYPES: &[&str] = &["f32", "f16", "bf16", "q8_0", "q4_0"];

fn number(value: &str) -> u32 {
    value.parse().unwrap_or_default()
}

fn kv_type(value: &str) -> KvType {
    KvType::ALL.iter().find(|(name, _)| *name == value).map_or_else(KvType::default, |(_, kind)| *kind)
}

fn switch(value: &str) -> Switch {
    match value {
        "on" => Switch::On,
        "off" => Switch::Off,
        _ => Switch::Auto,
    }
}

fn switch_name(value: Switch) -> String {
    match value {
        Switch::Auto => "auto",
        Switch::On => "on",
        Switch::Off => "off",
        Switch::Unknown => UNKNOWN,
    }
    .to_owned()
}

fn on_off(value: bool) -> String {
    if value { "on" } else { "off" }.to_owned()
}

fn auto_number(value: u32) -> String {
    if value == 0 { "auto".to_owned() } else { value.to_string() }
}

/// Every engine knob.
pub const KNOBS: &[Knob] = &[
    Knob {
        id: "context",
        flag: "context",
        label: "context",
        help: "Context window per sequence, in tokens [default: 4096, or the training context if smaller]",
        kind: KnobKind::Number { min: 8, max: 16_777_216, auto: false },
        get: |s| s.context.to_string(),
        set: |s, v| s.context = number(v),
    },
    Knob {
        id: "batch",
        flag: "batch",
        label: "batch",
        help: "Maximum number of tokens to submit to the backend at once [default: 2048]",
        kind: KnobKind::Number { min: 1, max: 65_536, auto: false },
        get: |s| s.batch.to_string(),
        set: |s, v| s.batch = number(v),
    },
    Knob {
        id: "ubatch",
        flag: "ubatch",
        label: "ubatch",
        help: "Maximum number of tokens to compute at once [default: 512]",
        kind: KnobKind::Number { min: 1, max: 65_536, auto: false },
        get: |s| s.ubatch.to_string(),
        set: |s, v| s.ubatch = number(v),
    },
    Knob {
        id: "threads",
        flag: "threads",
        label: "threads",
        help: "Threads for decode; `auto` measures which count is fastest [default: DYNO_THREADS, else OMP_NUM_THREADS, else auto]",
        kind: KnobKind::Number { min: 1, max: 1024, auto: true },
        get: |s| auto_number(s.threads),
        set: |s, v| s.threads = number(v),
    },
    Knob {
        id: "threads_prefill",
        flag: "threads-prefill",
        label: "threads (prefill)",
        help: "Threads for prefill; `auto` measures which count is fastest [default: DYNO_THREADS, else OMP_NUM_THREADS, else auto]",
        kind: KnobKind::Number { min: 1, max: 1024, auto: true },
        get: |s| auto_number(s.threads_prefill),
        set: |s, v| s.threads_prefill = number(v),
    },
    Knob {
        id: "sequences",
        flag: "sequences",
        label: "sequences",
        help: "Number of sequences that share a context [default: 1]",
        kind: KnobKind::Number { min: 1, max: 256, auto: false },
        get: |s| s.sequences.to_string(),
        set: |s, v| s.sequences = number(v),
    },
    Knob {
        id: "kv_type_k",
        flag: "kv-type-k",
        label: "KV type K",
        help: "Type of the keys in the KV cache: f32, f16, bf16, q8_0, q4_0 [default: f16]",
        kind: KnobKind::Choice(KV_TYPES),
        get: |s| s.kv_type_k.name().to_owned(),
        set: |s, v| s.kv_type_k = kv_type(v),
    },
    Knob {
        id: "kv_type_v",
        flag: "kv-type-v",
        label: "KV type V",
        help: "Type of the values in the KV cache: f32, f16, bf16, q8_0, q4_0; quantized values need flash attention [default: f16]",
        kind: KnobKind::Choice(KV_TYPES),
        get: |s| s.kv_type_v.name().to_owned(),
        set: |s, v| s.kv_type_v = kv_type(v),
    },
    Knob {
        id: "flash_attention",
        flag: "flash-attention",
        label: "flash attention",
        help: "Flash attention: auto, on, off [default: auto]",
        kind: KnobKind::Choice(SWITCH),
        get: |s| switch_name(s.flash_attention),
        set: |s, v| s.flash_attention = switch(v),
    },
    Knob {
        id: "mmap",
        flag: "mmap",
        label: "mmap",
        help: "Map the weights from the file instead of reading them: on, off [default: on]",
        kind: KnobKind::Choice(ON_OFF),
        get: |s| on_off(s.mmap),
        set: |s, v| s.mmap = v == "on",
    },
    Knob {
        id: "mlock",
        flag: "mlock",
        label: "mlock",
        help: "Lock the weights in memory: on, off [default: off]",
        kind: KnobKind::Choice(ON_OFF),
        get: |s| on_off(s.mlock),
        set: |s, v| s.mlock = v == "on",
    },
    Knob {
        id: "gpu_layers",
        flag: "gpu-layers",
        label: "GPU layers",
        help: "Number of layers to compute on an accelerator, if the engine supports one [default: 0]",
        kind: KnobKind::Number { min: 0, max: 10_000, auto: false },
        get: |s| s.gpu_layers.to_string(),
        set: |s, v| s.gpu_layers = number(v),
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_knob_sets_what_it_gets() {
        for knob in KNOBS {
            let samples: &[&str] = match knob.kind {
                KnobKind::Number { .. } => &["16", "32"],
                KnobKind::Choice(words) => words,
            };
            for value in samples {
                let mut settings = EngineSettings::default();
                knob.set(&mut settings, value).unwrap();
                assert_eq!((knob.get)(&settings), *value, "{}", knob.id);
            }
        }
    }

    #[test]
    fn refusals_name_the_flag_and_what_is_accepted() {
        let kv = Knob::find("kv-type-k").unwrap();
        let error = kv.values("q3_0").unwrap_err().to_string();
        assert!(error.contains("kv-type-k") && error.contains("q8_0"), "{error}");
        let threads = Knob::find("threads").unwrap();
        assert_eq!(threads.values("auto").unwrap(), ["0"]);
        assert!(
            threads.values("0-4").is_ok()
                && threads.values("5000").is_err()
                && threads.values("two").is_err()
        );
    }

    #[test]
    fn settings_fields_and_knobs_are_the_same_set() {
        let json = serde_json::to_value(EngineSettings::default()).unwrap();
        let fields: Vec<&str> = json.as_object().unwrap().keys().map(String::as_str).collect();
        let mut knobs: Vec<&str> = KNOBS.iter().map(|knob| knob.id).collect();
        knobs.sort_unstable();
        assert_eq!(fields, knobs);
    }
}
