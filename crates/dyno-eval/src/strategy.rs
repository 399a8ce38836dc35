//! Ways to ask a question, as data.

use serde::{Deserialize, Serialize};

/// The strategies that ship.
const BUILT_IN: &str = include_str!("../data/strategies.toml");

/// Schema of strategy files this version reads.
const SCHEMA: &str = "dyno.strategies/1";

/// Largest strategy file read, bytes.
pub const STRATEGIES_BYTES_MAX: usize = 256 << 10;

/// The strategy that others are compared with.
pub const BASELINE_STRATEGY: &str = "direct";

/// A question with its answer, shown to the model before the real question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Example {
    /// Question.
    pub question: String,
    /// Answer, in the style that is wanted.
    pub answer: String,
}

/// Where a prefix goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PrefixPlace {
    /// Directly before the question, in the same message.
    #[default]
    Question,
    /// As the beginning of the answer, which the model continues.
    Answer,
}

/// How examples are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExamplesPlace {
    /// As earlier turns of the conversation.
    #[default]
    Turns,
    /// As text before the question, in the same message.
    Text,
}

/// Where examples come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExamplesFrom {
    /// The strategy's own.
    #[default]
    Strategy,
    /// Other items of the suite; the strategy's own where the suite has none.
    Suite,
}

/// One way to ask.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Strategy {
    /// Name, as flags and records write it: lower case, digits and `_`.
    pub name: String,
    /// Title for people.
    pub title: String,
    /// Who thought of it: `the first draft` or `dyno`.
    pub idea: String,
    /// Whose words these are: `the first draft` or `dyno`.
    pub origin: String,
    /// System message.
    #[serde(default)]
    pub system: Option<String>,
    /// Text before the question, or the beginning of the answer.
    #[serde(default)]
    pub prefix: String,
    /// Where the prefix goes.
    #[serde(default)]
    pub prefix_place: PrefixPlace,
    /// Text after the question.
    #[serde(default)]
    pub suffix: String,
    /// Worked examples.
    #[serde(default)]
    pub examples: Vec<Example>,
    /// How examples are shown.
    #[serde(default)]
    pub examples_place: ExamplesPlace,
    /// Where examples come from.
    #[serde(default)]
    pub examples_from: ExamplesFrom,
    /// Whether it asks for written steps, so that the answer stands at the end.
    #[serde(default)]
    pub prefers_steps: bool,
    /// Tasks it is meant for; empty for any.
    #[serde(default)]
    pub tasks: Vec<String>,
}

/// A strategy file, or a name, that is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StrategyError {
    /// No TOML, an unknown or missing key, a value of the wrong kind, or too long.
    #[error("the strategies cannot be read: {0}")]
    Unreadable(String),
    /// Readable and contradictory.
    #[error("the strategies make no sense: {0}")]
    Nonsense(String),
    /// No strategy of this name.
    #[error("there is no prompt strategy {name:?}; known are: {known}, or `all`")]
    Unknown {
        /// The name given.
        name: String,
        /// Every name there is.
        known: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    schema: String,
    strategy: Vec<Strategy>,
}

/// The strategies that ship, `direct` first.
///
/// # Panics
/// Never: the file is part of the program, and a test reads it.
#[must_use]
pub fn strategies() -> Vec<Strategy> {
    read_strategies(BUILT_IN).expect("the built-in strategies are checked by a test")
}

/// Reads a strategy file.
///
/// # Errors
/// For a text that is too long, is no TOML of this schema, or has names that are unusable or occur twice.
pub fn read_strategies(text: &str) -> Result<Vec<Strategy>, StrategyError> {
    if text.len() > STRATEGIES_BYTES_MAX {
        return Err(StrategyError::Unreadable(format!(
            "{} bytes, but at most {STRATEGIES_BYTES_MAX} are read",
            text.len()
        )));
    }
    let file: File = toml::from_str(text).map_err(|error| StrategyError::Unreadable(error.to_string()))?;
    if file.schema != SCHEMA {
        let message = format!("schema {:?}; this version reads {SCHEMA:?}", file.schema);
        return Err(StrategyError::Unreadable(message));
    }
    for (index, strategy) in file.strategy.iter().enumerate() {
        check(strategy, &file.strategy[..index]).map_err(StrategyError::Nonsense)?;
    }
    Ok(file.strategy)
}

fn check(strategy: &Strategy, earlier: &[Strategy]) -> Result<(), String> {
    let name = &strategy.name;
    let usable = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if name.is_empty() || name == "all" || !name.chars().all(usable) {
        return Err(format!("{name:?} is no usable name; write lower-case letters, digits and _, not `all`"));
    }
    if earlier.iter().any(|other| other.name == *name) {
        return Err(format!("{name:?} occurs twice; names must differ"));
    }
    if strategy.examples_from == ExamplesFrom::Suite && strategy.examples.is_empty() {
        return Err(format!(
            "{name:?} takes examples from the suite and has none of its own to fall back on"
        ));
    }
    Ok(())
}

/// Picks strategies by name, in the order given; `all` stands for every one, and none is picked twice.
///
/// # Errors
/// For a name that does not occur, listing those that do.
pub fn pick_strategies(known: &[Strategy], names: &[String]) -> Result<Vec<Strategy>, StrategyError> {
    let mut picked: Vec<Strategy> = Vec::new();
    for name in names {
        let wanted: Vec<&Strategy> =
            known.iter().filter(|strategy| name == "all" || strategy.name == *name).collect();
        if wanted.is_empty() {
            let known = known.iter().map(|strategy| strategy.name.as_str()).collect::<Vec<_>>().join(", ");
            return Err(StrategyError::Unknown { name: name.clone(), known });
        }
        for strategy in wanted {
            if !picked.iter().any(|already| already.name == strategy.name) {
                picked.push(strategy.clone());
            }
        }
    }
    Ok(picked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_four_the_eight_and_the_two_are_there() {
        let names: Vec<String> = strategies().into_iter().map(|strategy| strategy.name).collect();
        assert_eq!(
            names,
            [
                "direct",
                "thinking",
                "expert",
                "concise",
                "chain_of_thought",
                "few_shot",
                "role_playing",
                "critical_thinking",
                "structured_response",
                "creative_expansion",
                "socratic_method",
                "metacognitive",
                "chain_of_thought_enhanced",
                "few_shot_reasoning"
            ]
        );
        assert_eq!(names[0], BASELINE_STRATEGY);
    }

    #[test]
    fn every_strategy_says_whose_words_it_has() {
        for strategy in strategies() {
            assert!(["the first draft", "dyno"].contains(&strategy.origin.as_str()), "{strategy:?}");
            assert!(!strategy.title.is_empty() && !strategy.idea.is_empty(), "{strategy:?}");
        }
    }

    #[test]
    fn names_are_picked_once_and_unknown_ones_list_the_known() {
        let known = strategies();
        let names = |wanted: &[&str]| {
            let wanted: Vec<String> = wanted.iter().map(ToString::to_string).collect();
            pick_strategies(&known, &wanted)
                .map(|found| found.into_iter().map(|strategy| strategy.name).collect::<Vec<_>>())
        };
        assert_eq!(
            names(&["thinking", "direct", "thinking"]),
            Ok(vec!["thinking".to_owned(), "direct".to_owned()])
        );
        assert_eq!(names(&["concise", "all"]).unwrap().len(), known.len());
        let error = names(&["chain-of-thought"]).unwrap_err().to_string();
        assert!(error.contains("chain_of_thought, few_shot"), "{error}");
    }

    #[test]
    fn senseless_files_are_refused_with_the_reason() {
        let one = |rest: &str| {
            let head = "schema = \"dyno.strategies/1\"\n[[strategy]]\ntitle = \"t\"\nidea = \"dyno\"\norigin = \"dyno\"\n";
            read_strategies(&format!("{head}{rest}")).unwrap_err().to_string()
        };
        let cases = [
            ("name = \"All There\"", "no usable name"),
            ("name = \"all\"", "no usable name"),
            ("name = \"a\"\nexamples_from = \"suite\"", "none of its own"),
            ("name = \"a\"\ntemperatur = 3", "temperatur"),
            (
                "name = \"a\"\n[[strategy]]\nname = \"a\"\ntitle = \"\"\nidea = \"\"\norigin = \"\"",
                "occurs twice",
            ),
        ];
        for (rest, expected) in cases {
            assert!(one(rest).contains(expected), "{rest}: {}", one(rest));
        }
        assert!(read_strategies("schema = \"dyno.strategies/9\"\nstrategy = []").is_err());
        assert!(read_strategies(&" ".repeat(STRATEGIES_BYTES_MAX + 1)).is_err());
    }
}
