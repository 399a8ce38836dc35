//! The policy of a generation, from what was typed: checks, votes, a judge, or a whole policy from a file.

use std::path::{Path, PathBuf};

use dyno_eval::{Check, Judge, PolicyError, RetryPolicy, Validator, Vote};
use dyno_types::{CancelFlag, Remedy, Sampling, Wish};

use crate::AppError;
use crate::blocking::read_named_text;

/// Largest policy or schema file, bytes.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Retries where checks are given and nobody says how many.
const RETRIES_USUAL: u32 = 2;

/// Least grade of a judge where nobody says which.
const LEAST_GRADE_USUAL: u32 = 7;

/// How much hotter each retry is where nobody says: a greedy model would give the same answer again.
const STEP_USUAL: f32 = 0.1;

/// What an answer is held to, as asked for; nothing at all by default.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PolicyWishes {
    /// Checks, as [`dyno_eval::CHECK_SPECS`] says; the schema of `json` may also be the name of a file.
    pub checks: Vec<String>,
    /// Attempts after the first.
    pub retries: Option<u32>,
    /// Attempts that vote.
    pub votes: Option<u32>,
    /// Names of the ways to find what an attempt votes for.
    pub vote_by: Vec<String>,
    /// A model that must agree.
    pub judge: Option<String>,
    /// The least grade it must give.
    pub least_grade: Option<u32>,
    /// A whole policy, as TOML.
    pub file: Option<PathBuf>,
}

/// A policy that can be followed.
#[derive(Debug, Clone)]
pub(crate) struct Policy {
    pub(crate) policy: RetryPolicy,
    pub(crate) validator: Validator,
    /// The judge's model.
    pub(crate) judge: Option<String>,
}

impl PolicyWishes {
    /// The policy; `None` when nothing is asked for.
    ///
    /// # Errors
    /// [`AppError::Input`] with the flag or field that makes no sense.
    pub(crate) fn policy(&self, cancel: &CancelFlag) -> Result<Option<Policy>, AppError> {
        if *self == Self::default() {
            return Ok(None);
        }
        let mut policy = match &self.file {
            Some(file) => read_policy(file, cancel)?,
            None => self.flagged(cancel)?,
        };
        match (&self.judge, &policy.judge) {
            (Some(_), None) => policy.judge = Some(Judge { least_grade: LEAST_GRADE_USUAL }),
            (None, Some(_)) => {
                let what = "the policy has a judge, and its model is not named";
                return Err(AppError::refused(what, Remedy::Give(Wish::Judge)));
            }
            _ => {}
        }
        if let (Some(judge), Some(least_grade)) = (&mut policy.judge, self.least_grade) {
            judge.least_grade = least_grade;
        }
        let validator = Validator::new(policy.clone()).map_err(|error| self.refusal(&error))?;
        Ok(Some(Policy { policy, validator, judge: self.judge.clone() }))
    }

    fn flagged(&self, cancel: &CancelFlag) -> Result<RetryPolicy, AppError> {
        let checks =
            self.checks.iter().map(|spec| self.check(spec, cancel)).collect::<Result<Vec<_>, _>>()?;
        let voters = self.votes.unwrap_or(1);
        // What is only voted on needs no attempts beyond the votes.
        let only_votes = self.votes.is_some() && checks.is_empty() && self.judge.is_none();
        let retries = self.retries.unwrap_or(if only_votes { 0 } else { RETRIES_USUAL });
        Ok(RetryPolicy {
            checks,
            vote: self.votes.map(|voters| Vote { voters, ways: self.vote_by.clone() }),
            judge: None,
            attempts: voters.saturating_add(retries),
            temperature_step: if self.votes.is_some() { 0.0 } else { STEP_USUAL },
            feedback: self.votes.is_none(),
        })
    }

    fn check(&self, spec: &str, cancel: &CancelFlag) -> Result<Check, AppError> {
        let refuse = |error: PolicyError| self.refusal(&error);
        match spec.strip_prefix("json=") {
            Some(file) if !file.trim_start().starts_with('{') => {
                let schema =
                    read_named_text(&dyno_models::named_path(file), FILE_BYTES_MAX, "schema", cancel)?;
                let named = |error: PolicyError| AppError::Input(format!("the schema {file}: {error}"));
                format!("json={schema}").parse().map_err(named)
            }
            _ => spec.parse().map_err(refuse),
        }
    }

    fn refusal(&self, error: &PolicyError) -> AppError {
        AppError::Input(match &self.file {
            Some(file) => format!("the policy {}: {error}", file.display()),
            None => error.to_string(),
        })
    }
}

impl Policy {
    /// Refuses attempts that cannot differ.
    pub(crate) fn check_sampling(&self, sampling: &Sampling) -> Result<(), AppError> {
        let same = sampling.temperature == 0.0 && self.policy.temperature_step == 0.0;
        if same && self.policy.vote.is_some() {
            let what = "votes at temperature 0 are all the same";
            return Err(AppError::refused(what, Remedy::Raise(Wish::Temperature)));
        }
        Ok(())
    }
}

fn read_policy(file: &Path, cancel: &CancelFlag) -> Result<RetryPolicy, AppError> {
    let text = read_named_text(file, FILE_BYTES_MAX, "policy", cancel)?;
    text.parse().map_err(|error: String| AppError::Input(format!("the policy {}: {error}", file.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wishes(checks: &[&str]) -> PolicyWishes {
        PolicyWishes { checks: checks.iter().map(ToString::to_string).collect(), ..PolicyWishes::default() }
    }

    #[test]
    fn nothing_asked_for_is_no_policy() {
        assert!(PolicyWishes::default().policy(&CancelFlag::default()).unwrap().is_none());
    }

    #[test]
    fn flags_become_a_policy() {
        let found =
            wishes(&["not-empty", "words=1..9"]).policy(&CancelFlag::default()).unwrap().unwrap().policy;
        assert_eq!((found.attempts, found.temperature_step, found.feedback), (3, 0.1, true));
        assert_eq!(found.checks, [Check::NotEmpty, Check::Words([1, 9])]);
        let votes = PolicyWishes {
            votes: Some(5),
            vote_by: vec!["last_number".to_owned()],
            ..PolicyWishes::default()
        };
        let found = votes.policy(&CancelFlag::default()).unwrap().unwrap();
        assert_eq!((found.policy.attempts, found.policy.feedback), (5, false));
        assert!(found.check_sampling(&Sampling::greedy()).is_err());
        assert!(found.check_sampling(&Sampling::default()).is_ok());
        let judged =
            PolicyWishes { judge: Some("m".to_owned()), retries: Some(1), ..PolicyWishes::default() };
        let found = judged.policy(&CancelFlag::default()).unwrap().unwrap().policy;
        assert_eq!((found.attempts, found.judge), (2, Some(Judge { least_grade: 7 })));
    }

    #[test]
    fn files_are_read_and_their_faults_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let from = |file: PathBuf| {
            PolicyWishes { file: Some(file), ..PolicyWishes::default() }.policy(&CancelFlag::default())
        };
        let found = from(file("good.toml", "attempts = 4\nchecks = [\"not_empty\"]")).unwrap().unwrap();
        assert_eq!(found.policy.attempts, 4);
        for (name, text, named) in [
            ("many.toml", "attempts = 99", "attempts = 99"),
            ("typo.toml", "atempts = 9", "atempts"),
            ("judge.toml", "attempts = 2\n[judge]\nleast_grade = 5", "model is not named"),
        ] {
            let error = from(file(name, text)).unwrap_err();
            assert!(error.to_string().contains(named), "{error}");
            assert_eq!(error.exit_code(), 2);
        }
        assert!(from(folder.path().join("nowhere.toml")).unwrap_err().to_string().contains("nowhere.toml"));
        let schema = file("schema.json", r#"{"type": "object", "required": ["a"]}"#);
        let found =
            wishes(&[&format!("json={}", schema.display())]).policy(&CancelFlag::default()).unwrap().unwrap();
        assert!(matches!(&found.policy.checks[..], [Check::Json(_)]));
        assert!(
            wishes(&["json=nowhere.json"])
                .policy(&CancelFlag::default())
                .unwrap_err()
                .to_string()
                .contains("nowhere.json")
        );
        assert!(
            wishes(&["word=1"])
                .policy(&CancelFlag::default())
                .unwrap_err()
                .to_string()
                .contains("words=20..80")
        );
    }
}
