//! What a program cannot do while it runs, each under its name.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

/// One thing that a program is kept from, established by trying it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protection {
    /// Memory and processor time are bounded, and the bounds cannot be raised.
    Limits,
    /// What is written stays bounded, also in files that no folder lists any more.
    Disk,
    /// No socket can be made.
    Network,
    /// No other process can be started.
    Processes,
    /// No other process can be signalled.
    Signals,
    /// No file outside the scratch folder can be written, made or removed.
    Writes,
    /// No file outside the scratch folder and the Python library can be read.
    Reads,
}

impl Protection {
    /// All of them, in the order in which they are shown. Without these nothing runs, unless the caller demands nothing.
    pub const ALL: [Self; 7] =
        [Self::Limits, Self::Disk, Self::Network, Self::Processes, Self::Signals, Self::Writes, Self::Reads];

    /// Its name, as in records.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Limits => "limits",
            Self::Disk => "disk",
            Self::Network => "network",
            Self::Processes => "processes",
            Self::Signals => "signals",
            Self::Writes => "writes",
            Self::Reads => "reads",
        }
    }

    /// What holds when it holds, to go after "this machine cannot guarantee that …".
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Limits => "memory and processor time stay bounded",
            Self::Disk => "what is written stays bounded",
            Self::Network => "the network stays out of reach",
            Self::Processes => "no other process is started",
            Self::Signals => "no other process is signalled",
            Self::Writes => "no file outside the scratch folder is written",
            Self::Reads => "no private file is read",
        }
    }
}

/// The protections that hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Protections(BTreeSet<Protection>);

impl Protections {
    /// Whether this one holds.
    #[must_use]
    pub fn has(&self, protection: Protection) -> bool {
        self.0.contains(&protection)
    }

    /// Whether every one holds.
    #[must_use]
    pub fn isolate(&self) -> bool {
        self.missing().next().is_none()
    }

    /// Those that do not hold.
    pub fn missing(&self) -> impl Iterator<Item = Protection> + '_ {
        Protection::ALL.into_iter().filter(|protection| !self.has(*protection))
    }
}

impl FromIterator<Protection> for Protections {
    fn from_iter<I: IntoIterator<Item = Protection>>(protections: I) -> Self {
        Self(protections.into_iter().collect())
    }
}

impl fmt::Display for Protections {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = |held: bool| {
            let chosen = Protection::ALL.into_iter().filter(|protection| self.has(*protection) == held);
            chosen.map(Protection::name).collect::<Vec<_>>().join(", ")
        };
        match (names(true), names(false)) {
            (held, lacking) if lacking.is_empty() => write!(formatter, "isolated ({held})"),
            (held, lacking) if held.is_empty() => write!(formatter, "NOT isolated (lacks {lacking})"),
            (held, lacking) => write!(formatter, "NOT isolated (lacks {lacking}; has {held})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_and_what_lacks_is_named() {
        let table: [(&[Protection], bool, &str); 4] = [
            (&Protection::ALL, true, "isolated (limits, disk, network, processes, signals, writes, reads)"),
            // What a program reads may be a token of its caller, and its output is kept.
            (
                &Protection::ALL[..6],
                false,
                "NOT isolated (lacks reads; has limits, disk, network, processes, signals, writes)",
            ),
            (
                &[Protection::Reads, Protection::Limits],
                false,
                "NOT isolated (lacks disk, network, processes, signals, writes; has limits, reads)",
            ),
            (&[], false, "NOT isolated (lacks limits, disk, network, processes, signals, writes, reads)"),
        ];
        for (held, isolate, text) in table {
            let protections: Protections = held.iter().copied().collect();
            assert_eq!((protections.isolate(), protections.to_string().as_str()), (isolate, text));
        }
    }

    #[test]
    fn names_are_those_of_records() {
        for protection in Protection::ALL {
            assert_eq!(serde_json::to_value(protection).unwrap(), protection.name());
        }
    }
}
