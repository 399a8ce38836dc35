//! Reasons not to trust a measurement.

use serde::{Deserialize, Serialize};

/// A circumstance that weakens or voids a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ValidityFlag {
    /// The run ended before its plan did (Ctrl-C, crash, error).
    Incomplete,
    /// No stage produced a usable speed sample.
    NoSamples,
    /// The processor was throttled while measuring.
    Throttled,
    /// Other processes used a noticeable share of the processors.
    ForeignLoad,
    /// Memory was swapped while measuring.
    SwapUsed,
    /// The machine ran on battery.
    OnBattery,
    /// dyno or the engine is a debug build.
    DebugBuild,
    /// Part of a prompt came from a cache although the plan did not ask for it.
    UnplannedCacheHit,
    /// A generation produced fewer tokens than the plan asked for.
    OutputLengthMismatch,
    /// An engine process died and was started anew.
    EngineRestarted,
    /// Too few independent repetitions for an interval.
    TooFewSamples,
    /// Warm-up did not become steady within its limit.
    NotWarm,
    /// The page cache could not be dropped, so the cold load is not known to be cold.
    ColdLoadNotCold,
    /// The engine's threads lost a noticeable share of the measured time to other programs, the host, a quota, or want of memory.
    Disturbed,
    /// More threads than processors that may be used.
    MoreThreadsThanProcessors,
    /// The engine's own threads waited for each other for a noticeable share of the measured time: there were too few processors.
    Oversubscribed,
    /// Slower by an order of magnitude than the run's own comparison of thread counts, or than predicted.
    FarSlowerThanExpected,
    /// Another model file took the place of the measured one, or it was written to.
    ModelChanged,
    /// Of some questions too few answers could be judged for a score.
    TooFewJudged,
}

impl ValidityFlag {
    /// Whether this flag alone makes the record unusable in comparisons.
    #[must_use]
    pub fn voids(self) -> bool {
        matches!(
            self,
            Self::Incomplete
                | Self::NoSamples
                | Self::DebugBuild
                | Self::UnplannedCacheHit
                | Self::EngineRestarted
                | Self::Disturbed
                | Self::Oversubscribed
                | Self::FarSlowerThanExpected
                | Self::ModelChanged
        )
    }

    /// What the flag means, in words a person can act on.
    #[must_use]
    pub fn explain(self) -> &'static str {
        match self {
            Self::Incomplete => {
                "The run stopped before its plan was done; its figures cover only what was reached."
            }
            Self::NoSamples => "Nothing was measured; there are no speed figures.",
            Self::Throttled => {
                "The processor slowed itself down (heat or power) while measuring; let it cool and repeat."
            }
            Self::ForeignLoad => {
                "Other programs, or the host of this virtual machine, used the processors while measuring; close them and repeat."
            }
            Self::SwapUsed => {
                "The machine swapped memory to disk while measuring; free memory or choose a smaller model."
            }
            Self::OnBattery => {
                "The machine ran on battery, which often lowers its speed; plug it in and repeat."
            }
            Self::DebugBuild => "dyno or its engine was built without optimisation; build both in release.",
            Self::UnplannedCacheHit => {
                "Part of a prompt was already cached, so prefill figures are too good."
            }
            Self::OutputLengthMismatch => {
                "The model ended some answers before the planned length; decode figures rest on fewer tokens."
            }
            Self::EngineRestarted => "An engine process died during the run and was restarted.",
            Self::TooFewSamples => {
                "Too few independent engine processes for a confidence interval; measure with 3 or more."
            }
            Self::NotWarm => "The warm-up did not settle; speeds may still be rising or falling.",
            Self::ColdLoadNotCold => {
                "The page cache could not be dropped, so the first load may have come from memory; run as root for a true cold load."
            }
            Self::Disturbed => {
                "Other programs, the host of this virtual machine, a quota, or want of memory took more than 5 % of the measured time \
                 from the engine's threads; close them and repeat, or let the run wait for a quiet machine."
            }
            Self::MoreThreadsThanProcessors => {
                "There were more threads than processors that may be used; fewer are usually faster."
            }
            Self::Oversubscribed => {
                "The engine's threads waited for each other for more than 5 % of the measured time, because there are fewer processors \
                 than threads; ask for fewer threads."
            }
            Self::FarSlowerThanExpected => {
                "Decode was slower by a factor of ten or more than the comparison of thread counts before the run, or the prediction, \
                 said; something was in the way."
            }
            Self::ModelChanged => {
                "The model file was replaced or written to during the run, so figures may be of two models; repeat the run."
            }
            Self::TooFewJudged => {
                "Too few of the answers to some questions could be judged for a score; the reasons stand beside the scores."
            }
        }
    }
}

/// Verdict over one record.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "StoredValidity", into = "StoredValidity")]
pub struct Validity {
    /// Whether the record may enter comparisons.
    pub valid: bool,
    /// Everything noticed, voiding or not, in declaration order, without repeats.
    pub flags: Vec<ValidityFlag>,
    /// Names of flags that a newer dyno noted and this one does not know; in records they stand among the others.
    pub unknown_flags: Vec<String>,
}

/// A verdict as records hold it.
#[derive(Serialize, Deserialize)]
struct StoredValidity {
    valid: bool,
    flags: Vec<StoredFlag>,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum StoredFlag {
    Known(ValidityFlag),
    Unknown(String),
}

impl From<StoredValidity> for Validity {
    fn from(stored: StoredValidity) -> Self {
        let mut validity = Self { valid: stored.valid, ..Self::default() };
        for flag in stored.flags {
            match flag {
                StoredFlag::Known(flag) => validity.flags.push(flag),
                StoredFlag::Unknown(name) => validity.unknown_flags.push(name),
            }
        }
        validity
    }
}

impl From<Validity> for StoredValidity {
    fn from(validity: Validity) -> Self {
        let known = validity.flags.into_iter().map(StoredFlag::Known);
        let unknown = validity.unknown_flags.into_iter().map(StoredFlag::Unknown);
        Self { valid: validity.valid, flags: known.chain(unknown).collect() }
    }
}

impl Validity {
    /// The verdict over the given flags.
    #[must_use]
    pub fn from_flags(mut flags: Vec<ValidityFlag>) -> Self {
        flags.sort_unstable();
        flags.dedup();
        Self { valid: !flags.iter().any(|flag| flag.voids()), flags, unknown_flags: Vec::new() }
    }

    /// Whether nothing at all was noticed.
    #[must_use]
    pub fn is_spotless(&self) -> bool {
        self.flags.is_empty() && self.unknown_flags.is_empty()
    }

    /// With more flags and the same verdict: doubts about speed do not void answers.
    #[must_use]
    pub fn noting(&self, flags: &[ValidityFlag]) -> Self {
        let all = self.flags.iter().chain(flags).copied().collect();
        Self { valid: self.valid, unknown_flags: self.unknown_flags.clone(), ..Self::from_flags(all) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_leave_the_verdict_as_it_is() {
        let valid = Validity::from_flags(vec![ValidityFlag::EngineRestarted]);
        let noted =
            Validity { valid: true, ..valid }.noting(&[ValidityFlag::Incomplete, ValidityFlag::Incomplete]);
        assert!(noted.valid && ValidityFlag::Incomplete.voids(), "{noted:?}");
        assert_eq!(noted.flags.len(), 2);
        assert!(!Validity { valid: false, ..noted }.noting(&[]).valid);
    }

    #[test]
    fn flags_of_a_newer_version_are_kept_under_their_names() {
        let text = r#"{"valid":true,"flags":["not_warm","on_the_moon"]}"#;
        let validity: Validity = serde_json::from_str(text).unwrap();
        assert_eq!(validity.flags, [ValidityFlag::NotWarm]);
        assert_eq!(validity.unknown_flags, ["on_the_moon"]);
        assert!(!validity.is_spotless() && validity.noting(&[]) == validity);
        assert_eq!(serde_json::to_string(&validity).unwrap(), text);
        assert!(serde_json::from_str::<Validity>(r#"{"valid":true,"flags":[1]}"#).is_err());
    }
}
