//! How a program went: decided from how its process ended and what the driver reported, without guessing.

use std::os::unix::process::ExitStatusExt as _;

use rustix::process::Signal;
use serde::{Deserialize, Serialize};

use crate::Protections;
use crate::child::{Ended, Stop};
use crate::program::Limits;

/// How a program went, and under which protections.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The answer.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// The last 8 KiB of its standard output.
    pub stdout: String,
    /// The last 8 KiB of its standard error, a traceback among them.
    pub stderr: String,
    /// Bytes it wrote to both together, as far as they were read.
    pub output_bytes: u64,
    /// Processor time it used, the start of the interpreter included; in steps of 10 ms as a rule. `None` where the system
    /// does not say.
    pub cpu_ms: Option<f64>,
    /// Wall time of the whole process.
    pub wall_ms: f64,
    /// What it was kept from.
    pub protections: Protections,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "verdict")]
pub enum Verdict {
    /// Program and tests ran to their end.
    Passed,
    /// Something was raised.
    Failed {
        /// Last line of the traceback, at most 500 characters.
        message: String,
    },
    /// It exited before its tests had run to their end, whatever the exit code says.
    EndedEarly {
        /// Its exit code.
        exit_code: i32,
    },
    /// Its wall time was up.
    TimedOut,
    /// It used more than it may of something else.
    OverLimit {
        /// Of what.
        limit: Limit,
    },
    /// A signal that nobody here sent ended it.
    Killed {
        /// Which.
        signal: i32,
    },
}

/// What a program may use only so much of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// Processor time.
    Cpu,
    /// Memory.
    Memory,
    /// Output.
    Output,
    /// Files in the scratch folder.
    Files,
    /// Threads.
    Threads,
}

impl Verdict {
    /// Whether it passed.
    #[must_use]
    pub fn passed(&self) -> bool {
        *self == Self::Passed
    }
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Passed => formatter.write_str("passed"),
            Self::Failed { message } => write!(formatter, "failed: {message}"),
            Self::EndedEarly { exit_code } => {
                write!(formatter, "exited with code {exit_code} before its tests had run")
            }
            Self::TimedOut => formatter.write_str("ran out of time"),
            Self::OverLimit { limit } => write!(formatter, "used more {} than it may", limit.name()),
            Self::Killed { signal } => write!(formatter, "was ended by signal {signal}"),
        }
    }
}

impl Limit {
    fn name(self) -> &'static str {
        match self {
            Self::Cpu => "processor time",
            Self::Memory => "memory",
            Self::Output => "output",
            Self::Files => "room for files",
            Self::Threads => "threads",
        }
    }
}

/// What the driver said last.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Report {
    Passed,
    Failed(String),
    Over(Limit),
    Nothing,
}

/// Whether the driver began at all. Without its first line the process never got so far.
pub(crate) fn has_started(ended: &Ended, nonce: &str) -> bool {
    ended.stdout.head().starts_with(started_line(nonce).as_bytes())
}

fn started_line(nonce: &str) -> String {
    format!("{nonce} started\n")
}

pub(crate) fn outcome(ended: &Ended, nonce: &str, limits: &Limits, protections: Protections) -> Outcome {
    let (stdout, report) = split_report(&ended.stdout.tail(), nonce);
    Outcome {
        verdict: verdict(ended, report, limits),
        stdout,
        stderr: ended.stderr.tail(),
        output_bytes: ended.stdout.total_bytes() + ended.stderr.total_bytes(),
        cpu_ms: ended.cpu_ms,
        wall_ms: ended.wall_ms,
        protections,
    }
}

/// The program's own output, and what the driver said about it.
fn split_report(stdout: &str, nonce: &str) -> (String, Report) {
    let own = stdout.strip_prefix(&started_line(nonce)).unwrap_or(stdout);
    // The line before the tests' output may be gone from the tail, the last one never is: nothing follows it.
    let Some((own, report)) = own.rsplit_once(&format!("\n{nonce} ")) else {
        // A program without output: the newline before the report is all there is before it.
        return (own.to_owned(), Report::Nothing);
    };
    let report = report.lines().next().unwrap_or_default();
    let report = match (report, report.strip_prefix("failed ")) {
        ("passed", _) => Report::Passed,
        ("memory", _) => Report::Over(Limit::Memory),
        ("files", _) => Report::Over(Limit::Files),
        ("threads", _) => Report::Over(Limit::Threads),
        (_, Some(message)) => serde_json::from_str(message).map_or(Report::Nothing, Report::Failed),
        _ => Report::Nothing,
    };
    (own.to_owned(), report)
}

fn verdict(ended: &Ended, report: Report, limits: &Limits) -> Verdict {
    match ended.stop {
        Some(Stop::Time) => return Verdict::TimedOut,
        Some(Stop::Output) => return Verdict::OverLimit { limit: Limit::Output },
        Some(Stop::Scratch) => return Verdict::OverLimit { limit: Limit::Files },
        Some(Stop::Threads) => return Verdict::OverLimit { limit: Limit::Threads },
        // Whoever asked for its end does not ask how it ended.
        Some(Stop::Asked) | None => {}
    }
    match (ended.status.code(), report) {
        (Some(0), Report::Passed) => Verdict::Passed,
        (Some(_), Report::Failed(message)) => Verdict::Failed { message },
        (Some(_), Report::Over(limit)) => Verdict::OverLimit { limit },
        (Some(exit_code), _) => Verdict::EndedEarly { exit_code },
        (None, _) => ended_by(ended.status.signal().unwrap_or_default(), ended.cpu_ms, limits),
    }
}

/// A program that ignores the first signal of the processor-time limit gets SIGKILL, which others send as well.
fn ended_by(signal: i32, cpu_ms: Option<f64>, limits: &Limits) -> Verdict {
    let used_up = cpu_ms.is_some_and(|cpu_ms| cpu_ms >= limits.cpu_limit_s() as f64 * 1e3);
    if signal == Signal::XCPU.as_raw() || signal == Signal::KILL.as_raw() && used_up {
        return Verdict::OverLimit { limit: Limit::Cpu };
    }
    Verdict::Killed { signal }
}

#[cfg(test)]
mod tests {
    use std::process::ExitStatus;

    use super::*;
    use crate::stream::Stream;

    fn ended(stdout: &str, raw_status: i32, stop: Option<Stop>, cpu_ms: f64) -> Ended {
        let mut stream = Stream::default();
        stream.push(stdout.as_bytes());
        Ended {
            status: ExitStatus::from_raw(raw_status),
            stop,
            stdout: stream,
            stderr: Stream::default(),
            cpu_ms: Some(cpu_ms),
            wall_ms: 1.0,
        }
    }

    fn decide(stdout: &str, raw_status: i32, stop: Option<Stop>, cpu_ms: f64) -> (Verdict, String) {
        let ended = ended(stdout, raw_status, stop, cpu_ms);
        let outcome = outcome(&ended, "NONCE", &Limits::default(), Protections::default());
        (outcome.verdict, outcome.stdout)
    }

    const EXIT_1: i32 = 1 << 8;

    #[test]
    fn only_the_word_with_exit_code_0_is_a_pass() {
        let early = |exit_code| Verdict::EndedEarly { exit_code };
        let failed = |message: &str| Verdict::Failed { message: message.to_owned() };
        let table = [
            ("NONCE started\n\nNONCE passed\n", 0, Verdict::Passed, ""),
            ("NONCE started\nhello\n\nNONCE passed\n", 0, Verdict::Passed, "hello\n"),
            ("NONCE started\nhello", 0, early(0), "hello"),
            ("NONCE started\npassed\n", 0, early(0), "passed\n"),
            ("NONCE started\n\nOTHER passed\n", 0, early(0), "\nOTHER passed\n"),
            ("NONCE started\n\nNONCE passed\n", EXIT_1, early(1), ""),
            ("NONCE started\n\nNONCE failed \"E: \\u00e9\"\n", EXIT_1, failed("E: é"), ""),
            ("NONCE started\n\nNONCE failed no JSON\n", EXIT_1, early(1), ""),
            ("NONCE started\n\nNONCE memory\n", EXIT_1, Verdict::OverLimit { limit: Limit::Memory }, ""),
            ("NONCE started\n\nNONCE files\n", EXIT_1, Verdict::OverLimit { limit: Limit::Files }, ""),
            ("NONCE started\n\nNONCE threads\n", EXIT_1, Verdict::OverLimit { limit: Limit::Threads }, ""),
            ("", 0, early(0), ""),
        ];
        for (stdout, status, verdict, own) in table {
            assert_eq!(decide(stdout, status, None, 0.0), (verdict, own.to_owned()), "{stdout:?}");
        }
    }

    #[test]
    fn what_ended_it_is_told_apart() {
        let over = |limit| Verdict::OverLimit { limit };
        let (kill, xcpu, segv) = (9, Signal::XCPU.as_raw(), 11);
        let table = [
            (kill, Some(Stop::Time), 0.0, Verdict::TimedOut),
            (kill, Some(Stop::Output), 0.0, over(Limit::Output)),
            (kill, Some(Stop::Scratch), 0.0, over(Limit::Files)),
            (kill, Some(Stop::Threads), 0.0, over(Limit::Threads)),
            (kill, None, 0.0, Verdict::Killed { signal: 9 }),
            (kill, None, 10_000.0, over(Limit::Cpu)),
            (xcpu, None, 0.0, over(Limit::Cpu)),
            (segv, None, 20_000.0, Verdict::Killed { signal: 11 }),
        ];
        for (status, stop, cpu_ms, verdict) in table {
            assert_eq!(decide("NONCE started\n\nNONCE passed\n", status, stop, cpu_ms).0, verdict);
        }
    }

    #[test]
    fn a_process_that_never_began_is_seen() {
        assert!(has_started(&ended("NONCE started\nx", 0, None, 0.0), "NONCE"));
        for stdout in ["", "NONCE", "x\nNONCE started\n", "OTHER started\n"] {
            assert!(!has_started(&ended(stdout, 0, None, 0.0), "NONCE"), "{stdout:?}");
        }
    }

    #[test]
    fn verdicts_read_as_sentences_and_travel_as_json() {
        let verdict = Verdict::EndedEarly { exit_code: 0 };
        assert_eq!(verdict.to_string(), "exited with code 0 before its tests had run");
        let json = serde_json::json!({"verdict": "over_limit", "limit": "cpu"});
        assert_eq!(serde_json::to_value(Verdict::OverLimit { limit: Limit::Cpu }).unwrap(), json);
        let outcome = outcome(
            &ended("NONCE started\nx", 0, None, 0.0),
            "NONCE",
            &Limits::default(),
            Protections::default(),
        );
        let json = serde_json::to_value(&outcome).unwrap();
        assert_eq!((&json["verdict"], &json["exit_code"]), (&"ended_early".into(), &0.into()));
        assert_eq!(serde_json::from_value::<Outcome>(json).unwrap(), outcome);
        assert!(Verdict::Passed.passed() && !verdict.passed());
    }
}
