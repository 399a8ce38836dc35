//! `doctor`: is this machine and this build healthy, and what to do if not.
//!
//! Every check measures or reads something now; a check that could not run says so and is a problem.

mod arithmetic;
mod engine;
mod machine;

use dyno_types::{EngineInfo, EventSink, HardwareProfile};
use serde::Serialize;

use crate::App;

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckStatus {
    /// As it should be.
    Ok,
    /// Works, but costs speed or trust.
    Warning,
    /// Must be mended.
    Problem,
}

/// One check.
#[derive(Debug, Clone, Serialize)]
pub struct Check {
    /// What was looked at.
    pub subject: String,
    /// How it ended.
    pub status: CheckStatus,
    /// What was found, with figures.
    pub finding: String,
    /// What to do, unless all is well.
    pub remedy: Option<String>,
}

impl Check {
    fn ok(subject: &str, finding: impl Into<String>) -> Self {
        Self { subject: subject.to_owned(), status: CheckStatus::Ok, finding: finding.into(), remedy: None }
    }

    fn warning(subject: &str, finding: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { status: CheckStatus::Warning, remedy: Some(remedy.into()), ..Self::ok(subject, finding) }
    }

    fn problem(subject: &str, finding: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { status: CheckStatus::Problem, remedy: Some(remedy.into()), ..Self::ok(subject, finding) }
    }
}

/// Everything found.
#[derive(Debug, Clone, Serialize)]
pub struct DoctorReport {
    /// The machine.
    pub machine: HardwareProfile,
    /// The engine, when it answered.
    pub engine: Option<EngineInfo>,
    /// Checks, in the order made.
    pub checks: Vec<Check>,
}

impl App {
    /// Runs every check. Never fails: what cannot be checked is a check that found a problem.
    pub async fn doctor(&self, events: &dyn EventSink) -> DoctorReport {
        let machine = dyno_hardware::profile();
        let mut checks = machine::checks(&self.places, &machine);
        checks.push(arithmetic::check(&self.cancel).await);
        let (engine, found) = engine::checks(self, &machine, events).await;
        checks.extend(found);
        DoctorReport { machine, engine, checks }
    }
}
