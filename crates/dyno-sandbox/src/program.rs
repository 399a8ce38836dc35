//! A program, its tests, and what it may use.

use std::time::Duration;

use crate::SandboxError;

/// Most bytes of a program with its tests.
pub(crate) const MAX_PROGRAM_BYTES: usize = 4 << 20;
/// The interpreter alone needs about 30 MiB of address space.
const LEAST_MEMORY_BYTES: u64 = 64 << 20;
const LEAST_OUTPUT_BYTES: u64 = 1 << 10;

/// What is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// Python text that nobody trusts.
    pub source: String,
    /// Python text that decides: it runs after the source, in the same names, compiled apart from it. It fails by raising.
    /// May be empty.
    pub tests: String,
    /// What both may use.
    pub limits: Limits,
}

/// What one program may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Wall time; reaching it ends the program. Generous, since other work on the machine lengthens it.
    pub time_limit: Duration,
    /// Processor time, rounded up to seconds; does not depend on other work on the machine.
    pub cpu_limit: Duration,
    /// Address space, bytes; at least 64 MiB.
    pub memory_limit_bytes: u64,
    /// Standard output and standard error together, bytes; at least 1 KiB.
    pub output_limit_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            time_limit: Duration::from_secs(60),
            cpu_limit: Duration::from_secs(10),
            memory_limit_bytes: 512 << 20,
            output_limit_bytes: 1 << 20,
        }
    }
}

impl Program {
    /// A program with its tests, under the default limits.
    #[must_use]
    pub fn new(source: impl Into<String>, tests: impl Into<String>) -> Self {
        Self { source: source.into(), tests: tests.into(), limits: Limits::default() }
    }

    pub(crate) fn check(&self) -> Result<(), SandboxError> {
        let bytes = self.source.len().saturating_add(self.tests.len());
        if bytes > MAX_PROGRAM_BYTES {
            return Err(SandboxError::TooLong { bytes, most: MAX_PROGRAM_BYTES });
        }
        let limits = &self.limits;
        let least = |name, value, least| match value >= least {
            true => Ok(()),
            false => Err(SandboxError::BadLimit { name, value, least }),
        };
        least("memory_limit_bytes", limits.memory_limit_bytes, LEAST_MEMORY_BYTES)?;
        least("output_limit_bytes", limits.output_limit_bytes, LEAST_OUTPUT_BYTES)?;
        least("time_limit in ms", u64::try_from(limits.time_limit.as_millis()).unwrap_or(u64::MAX), 1)?;
        least("cpu_limit in ms", u64::try_from(limits.cpu_limit.as_millis()).unwrap_or(u64::MAX), 1)
    }
}

impl Limits {
    /// Processor time in whole seconds, as the kernel counts its limit.
    pub(crate) fn cpu_limit_s(&self) -> u64 {
        self.cpu_limit.as_secs() + u64::from(self.cpu_limit.subsec_nanos() > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_that_make_no_sense_are_refused_by_name() {
        let usual = Limits::default();
        let table = [
            (Limits { memory_limit_bytes: 1 << 20, ..usual }, "memory_limit_bytes = 1048576"),
            (Limits { output_limit_bytes: 0, ..usual }, "output_limit_bytes = 0"),
            (Limits { time_limit: Duration::ZERO, ..usual }, "time_limit in ms = 0"),
            (Limits { cpu_limit: Duration::ZERO, ..usual }, "cpu_limit in ms = 0"),
        ];
        for (limits, text) in table {
            let error = Program { limits, ..Program::new("", "") }.check().unwrap_err().to_string();
            assert!(error.starts_with(text), "{error}");
        }
        assert!(Program::new("", "").check().is_ok());
    }

    #[test]
    fn a_program_has_an_end() {
        let error = Program::new("#".repeat(MAX_PROGRAM_BYTES), "#").check().unwrap_err();
        assert_eq!(error.to_string(), "the program has 4194305 bytes; at most 4194304 are accepted");
    }

    #[test]
    fn processor_time_is_rounded_up() {
        let cases = [(1, 1), (1000, 1), (1001, 2), (2500, 3)];
        for (ms, s) in cases {
            let limits = Limits { cpu_limit: Duration::from_millis(ms), ..Limits::default() };
            assert_eq!(limits.cpu_limit_s(), s);
        }
    }
}
