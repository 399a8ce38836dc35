//! `doctor`: is this machine and this build healthy, and what to do if not.
//!
//! Every check measures or reads something now; a check that could not run says so and is a problem.

mod abilities;
mod arithmetic;
mod engine;
mod isolation;
mod machine;
mod predictions;

use dyno_advise::TierPolicy;
use dyno_types::{DiskFacts, EngineInfo, HardwareProfile, MachineAbilities, MachineState, Remedy, StepWords};
use serde::Serialize;

use crate::{AppError, Work};

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
    /// What to ask dyno for; see [`DoctorReport::worded`].
    #[serde(skip)]
    pub(crate) step: Option<Remedy>,
}

impl Check {
    fn ok(subject: &str, finding: impl Into<String>) -> Self {
        Self {
            subject: subject.to_owned(),
            status: CheckStatus::Ok,
            finding: finding.into(),
            remedy: None,
            step: None,
        }
    }

    /// The same with what to ask dyno for.
    fn with_step(self, step: Remedy) -> Self {
        Self { step: Some(step), ..self }
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
    /// Its state when the checks began.
    pub state: MachineState,
    /// The disk of the model cache.
    pub cache_disk: DiskFacts,
    /// What the machine can do, when it could be measured.
    pub abilities: Option<MachineAbilities>,
    /// The engine, when it answered.
    pub engine: Option<EngineInfo>,
    /// Checks, in the order made.
    pub checks: Vec<Check>,
}

impl DoctorReport {
    /// The same with everything to do in words.
    #[must_use]
    pub fn worded(mut self, words: StepWords) -> Self {
        for check in &mut self.checks {
            let Some(step) = check.step.take() else { continue };
            let typed = words.remedy(step);
            check.remedy = Some(match check.remedy.take() {
                Some(remedy) => format!("{remedy}: {typed}"),
                None => typed,
            });
        }
        self
    }
}

impl Work {
    /// Runs every check; `measure` measures the machine's abilities again even when they are known. What cannot be checked is a check
    /// that found a problem.
    ///
    /// # Errors
    /// [`AppError::Cancelled`] alone: what a check says that was stopped says nothing of the machine.
    pub async fn doctor(&self, measure: bool) -> Result<DoctorReport, AppError> {
        let found = machine::Machine::read(&self.app.places);
        let mut checks = found.checks(&self.app.places);
        let measured = self.abilities_of(&found.profile, measure);
        self.go_on()?;
        checks.extend(abilities::checks(&measured, crate::abilities::unix_ms()));
        let tier = TierPolicy::built_in().detect(&found.profile);
        checks.push(Check::ok("tier", crate::recommend::tier_note(&tier)));
        checks.push(arithmetic::check(&self.job).await);
        self.go_on()?;
        checks.push(isolation::check(self).await?);
        let (engine, of_engine) = engine::checks(self, &found.profile).await;
        checks.extend(of_engine);
        self.go_on()?;
        let rates = if measure {
            self.rates(true).await.map(Some)
        } else {
            Ok(self.kept_rates(&found.profile).ok().flatten())
        };
        self.go_on()?;
        checks.extend(predictions::checks(self, &found.profile, rates));
        let machine::Machine { profile, state, cache_disk } = found;
        Ok(DoctorReport { machine: profile, state, cache_disk, abilities: measured.ok(), engine, checks })
    }
}
