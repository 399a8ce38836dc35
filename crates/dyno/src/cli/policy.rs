//! Flags that say what an answer is held to, and how often another one is asked for.

use std::path::PathBuf;

use clap::Args;
use dyno_app::{CHECK_SPECS, PolicyWishes};

/// A policy as typed.
#[derive(Debug, Args)]
#[command(next_help_heading = "Checks and retries")]
pub(crate) struct PolicyArgs {
    // What a check may be is written down once, where it is read.
    #[arg(long, value_name = "SPEC", help = format!(
        "Check the answer and ask again if it fails; may be given several times: {CHECK_SPECS}; SCHEMA may be a file"
    ))]
    check: Vec<String>,
    /// Maximum number of further attempts; each has a temperature 0.1 higher, and is sent what was wrong [default: 2; 0 with
    /// --votes alone].
    #[arg(long, value_name = "N")]
    retries: Option<u32>,
    /// Ask N times and print the first answer that agrees with the majority (self-consistency).
    #[arg(long, value_name = "N")]
    votes: Option<u32>,
    /// Part of the answers that must agree, the first that is found in a list: hashes, boxed, answer_is, last_number, first_line,
    /// last_line, letter or whole [default: whole].
    #[arg(long, value_name = "WAY", value_delimiter = ',', requires = "votes")]
    vote_by: Vec<String>,
    /// Let another model grade each answer from 1 to 10; an answer without a readable grade is not accepted.
    #[arg(long, value_name = "MODEL", value_parser = super::named::named())]
    judge: Option<String>,
    /// Minimum grade of an accepted answer [default: 7].
    #[arg(long, value_name = "N", requires = "judge")]
    least_grade: Option<u32>,
    /// Read checks and retries from a TOML file: attempts, checks, temperature_step, feedback, and the tables `vote` (voters, ways) and
    /// `judge` (least_grade).
    #[arg(long, value_name = "FILE", conflicts_with_all = ["check", "retries", "votes"])]
    policy: Option<PathBuf>,
}

impl PolicyArgs {
    /// What was typed.
    pub(crate) fn wishes(self) -> PolicyWishes {
        PolicyWishes {
            checks: self.check,
            retries: self.retries,
            votes: self.votes,
            vote_by: self.vote_by,
            judge: self.judge,
            least_grade: self.least_grade,
            file: self.policy,
        }
    }
}
