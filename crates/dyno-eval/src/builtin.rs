//! The suites inside the program.

use crate::load::load_suite;
use crate::{Suite, SuiteError};

/// One suite inside the program, as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BuiltinSuite {
    /// Name, as commands give it; the header of the text says the same.
    pub name: &'static str,
    /// The file, as read: its digest identifies the questions.
    pub text: &'static str,
}

macro_rules! suites {
    ($($name:literal),* $(,)?) => {
        [$(BuiltinSuite { name: $name, text: include_str!(concat!("../data/suites/", $name, ".jsonl")) }),*]
    };
}

const SUITES: &[BuiltinSuite] = &suites![
    "heldout-single",
    "heldout-steps",
    "heldout-choice",
    "heldout-code",
    "heldout-depth",
    "open-cases",
    "five-topics",
    "three-prompts",
];

/// Names that suites had before, which still find them.
const FORMER_NAMES: [(&str, &str); 3] =
    [("seed-000", "open-cases"), ("seed-001", "five-topics"), ("seed-002", "three-prompts")];

/// Every suite inside the program.
#[must_use]
pub fn builtin_suites() -> &'static [BuiltinSuite] {
    SUITES
}

/// The suite of this name; `None` when there is none inside the program.
#[must_use]
pub fn builtin_suite(name: &str) -> Option<&'static BuiltinSuite> {
    let name = FORMER_NAMES.iter().find(|(former, _)| *former == name).map_or(name, |(_, name)| name);
    SUITES.iter().find(|suite| suite.name == name)
}

impl BuiltinSuite {
    /// Its questions.
    ///
    /// # Errors
    /// Never for a suite that passed this crate's tests: they read each in strict mode.
    pub fn load(&self) -> Result<Suite, SuiteError> {
        load_suite(self.name, self.text.as_bytes(), true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ItemKind, write_suite};

    #[test]
    fn every_suite_is_without_fault_and_has_its_name() {
        for builtin in builtin_suites() {
            let suite = builtin.load().unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(suite.header.name, builtin.name);
            assert!(!suite.header.title.is_empty() && !suite.header.source.is_empty(), "{}", builtin.name);
            assert!(!suite.header.license.is_empty(), "{}", builtin.name);
            let again = load_suite(builtin.name, write_suite(&suite).as_bytes(), true).unwrap();
            assert_eq!(again, suite, "writing and reading {} changed it", builtin.name);
        }
        assert!(builtin_suite("five-topics").is_some() && builtin_suite("nine-topics").is_none());
        for (former, name) in FORMER_NAMES {
            assert_eq!(builtin_suite(former), builtin_suite(name));
        }
    }

    #[test]
    fn open_suites_have_their_prompts() {
        let load = |name| builtin_suite(name).unwrap().load().unwrap();
        let counts: Vec<usize> = ["open-cases", "five-topics", "three-prompts"]
            .iter()
            .map(|name| load(name).items.len())
            .collect();
        assert_eq!(counts, [5, 25, 3]);
        let first = load("five-topics");
        assert_eq!(first.tasks(), ["reasoning", "language", "knowledge", "creativity", "code"]);
        let scored = first.items.iter().filter(|item| item.kind != ItemKind::Heuristic).count();
        assert_eq!(scored, 12);
    }
}
