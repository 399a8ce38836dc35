//! Exit codes of the command, defined once: the failures, the manual page, the help and the README all say these.

/// How the command ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// All is well.
    Ok,
    /// Something failed while it ran.
    Runtime,
    /// What was asked for makes no sense.
    Input,
    /// The model is at fault.
    Model,
    /// Reserved for the gate: worse than the baseline.
    Regression,
    /// Reserved for the gate: too uncertain to say.
    Inconclusive,
    /// Reserved for the gate: nothing to compare with.
    NoBaseline,
    /// Stopped by the user.
    Interrupted,
}

impl Exit {
    /// Every one, by its code.
    pub const ALL: [Self; 8] = [
        Self::Ok,
        Self::Runtime,
        Self::Input,
        Self::Model,
        Self::Regression,
        Self::Inconclusive,
        Self::NoBaseline,
        Self::Interrupted,
    ];

    /// The code.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Runtime => 1,
            Self::Input => 2,
            Self::Model => 3,
            Self::Regression => 10,
            Self::Inconclusive => 11,
            Self::NoBaseline => 12,
            Self::Interrupted => 130,
        }
    }

    /// What it means, in a line.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Runtime => {
                "runtime error: something failed on the way (engine, memory, disk, network); trying again may help"
            }
            Self::Input => "bad input: a flag, file or combination that cannot be carried out",
            Self::Model => "model error: a model that is missing, broken, or that the engine cannot load",
            Self::Regression => "reserved for the gate: a regression",
            Self::Inconclusive => "reserved for the gate: inconclusive",
            Self::NoBaseline => "reserved for the gate: no baseline",
            Self::Interrupted => "interrupted by Ctrl-C or a request to terminate",
        }
    }
}

/// The table of codes as text, a line each.
#[must_use]
pub fn exit_codes() -> String {
    Exit::ALL.iter().map(|exit| format!("  {:>3}  {}\n", exit.code(), exit.meaning())).collect()
}
