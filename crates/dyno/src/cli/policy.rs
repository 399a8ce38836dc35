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
        "Hold the answer to this and ask again where it fails (repeatable): {CHECK_SPECS}; a schema may be a file"
    ))]
    check: Vec<String>,
    /// Attempts after the first; each is 0.1 hotter and told what was wrong [default: 2; 0 with --votes alone].
    #[arg(long, value_name = "N")]
    retries: Option<u32>,
    /// Self-consistency: ask N times, and take what most answers agree on; the first such answer is printed.
    #[arg(long, value_name = "N")]
    votes: Option<u32>,
    /// What answers agree on, the first that is found: hashes, boxed, answer_is, last_number, first_line, last_line, letter
    /// or whole [default: whole].
    #[arg(long, value_name = "WAY", value_delimiter = ',', requires = "votes")]
    vote_by: Vec<String>,
    /// Another model that grades each answer from 1 to 10; without a grade that can be read an answer is not accepted. Its engine process is started when it is first asked.
    #[arg(long, value_name = "MODEL")]
    judge: Option<String>,
    /// The least grade of an accepted answer [default: 7].
    #[arg(long, value_name = "N", requires = "judge")]
    least_grade: Option<u32>,
    /// A whole policy as TOML: attempts, checks, temperature_step, feedback, tables `vote` (voters, ways) and `judge` (least_grade).
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
