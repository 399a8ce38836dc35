//! Policies and checks as people write them: a TOML file, or one short text per check.

use std::str::FromStr;

use super::{Check, Language, PolicyError, RetryPolicy};

/// Most words that a check without an upper end allows.
const WORDS_MAX: u32 = u32::MAX;

/// How checks are written, for messages and help.
pub const CHECK_SPECS: &str = "not-empty, ends-properly, number, letter=A-D, one-of=yes|no, words=20..80, language=en|fr|de|es, match=REGEX, \
                               lacks=REGEX or json=SCHEMA";

/// Names of checks, each with an example of its value where it needs one.
const NAMES: [(&str, &str); 10] = [
    ("not-empty", ""),
    ("ends-properly", ""),
    ("number", ""),
    ("letter", "A-D"),
    ("one-of", "yes|no"),
    ("words", "20..80"),
    ("language", "en"),
    ("match", "^[0-9]+$"),
    ("lacks", "sorry"),
    ("json", "{\"type\":\"object\"}"),
];

/// Names that people write for those above.
const OTHER_NAMES: [(&str, &str); 16] = [
    ("matches", "match"),
    ("regex", "match"),
    ("regexp", "match"),
    ("pattern", "match"),
    ("int", "number"),
    ("integer", "number"),
    ("float", "number"),
    ("numeric", "number"),
    ("digits", "number"),
    ("choice", "one-of"),
    ("choices", "one-of"),
    ("oneof", "one-of"),
    ("enum", "one-of"),
    ("schema", "json"),
    ("lang", "language"),
    ("contains", "match"),
];

/// Most mistakes in a name that is still recognised.
const SLIPS_MAX: usize = 2;

impl FromStr for Check {
    type Err = PolicyError;

    /// Reads one of [`CHECK_SPECS`]; the schema of `json` stands there as JSON. The check is not prepared yet:
    /// [`super::Validator::new`] says what is wrong with its pattern or schema.
    fn from_str(spec: &str) -> Result<Self, PolicyError> {
        let (name, value) = spec.split_once('=').map_or((spec, None), |(name, value)| (name, Some(value)));
        match (name.trim(), value) {
            ("not-empty", None) => Ok(Self::NotEmpty),
            ("ends-properly", None) => Ok(Self::EndsProperly),
            ("number", None) => Ok(Self::Number),
            ("letter", Some(letters)) => letter_range(letters).map(Self::Letter),
            ("one-of", Some(choices)) => {
                Ok(Self::OneOf(choices.split('|').map(|choice| choice.trim().to_owned()).collect()))
            }
            ("words", Some(range)) => words(range).map(Self::Words),
            ("language", Some(code)) => language(code.trim()).map(Self::Language),
            ("match" | "matches", Some(pattern)) => Ok(Self::Matches(pattern.to_owned())),
            ("lacks", Some(pattern)) => Ok(Self::Lacks(pattern.to_owned())),
            ("json", Some(schema)) => match serde_json::from_str(schema) {
                Ok(schema) => Ok(Self::Json(schema)),
                Err(error) => Err(PolicyError::new("json", shortened(schema), error.to_string())),
            },
            (name, _) => Err(PolicyError::new("check", shortened(spec), advice(name, value.is_some()))),
        }
    }
}

/// What to write instead of a check that there is none of, or that has a value too many or too few.
fn advice(name: &str, has_value: bool) -> String {
    let written = |(known, example): &(&str, &str)| {
        if example.is_empty() { (*known).to_owned() } else { format!("{known}={example}") }
    };
    if let Some(known) = NAMES.iter().find(|(known, _)| *known == name) {
        let what = if has_value { "takes no value" } else { "needs a value" };
        return format!("{name} {what}; write {}", written(known));
    }
    let wanted = name.to_lowercase().replace('_', "-");
    let meant =
        OTHER_NAMES.iter().find(|(other, _)| *other == wanted).map_or(wanted.as_str(), |(_, known)| known);
    let distance = |known: &str| strsim::damerau_levenshtein(known, meant);
    let nearest = NAMES
        .iter()
        .min_by_key(|(known, _)| distance(known))
        .filter(|(known, _)| distance(known) <= SLIPS_MAX);
    match nearest.filter(|_| !meant.is_empty()) {
        Some(known) => format!("did you mean {}? Otherwise choose from {CHECK_SPECS}", written(known)),
        None => format!("choose from {CHECK_SPECS}"),
    }
}

/// `A-D`, `A..D`, or single letters separated by `|` or `,`.
fn letter_range(range: &str) -> Result<Vec<char>, PolicyError> {
    let wrong =
        || PolicyError::new("letter", shortened(range), "give the first and the last letter, as in A-D");
    let single = |text: &str| {
        let mut chars = text.trim().chars();
        chars
            .next()
            .filter(|c| c.is_ascii_alphabetic() && chars.next().is_none())
            .map(|c| c.to_ascii_uppercase())
    };
    let ends = range.split_once("..").or_else(|| range.split_once('-'));
    let letters: Option<Vec<char>> = match ends {
        Some((first, last)) => single(first).zip(single(last)).map(|(first, last)| (first..=last).collect()),
        None => range.split(['|', ',']).map(single).collect(),
    };
    letters.filter(|letters| !letters.is_empty()).ok_or_else(wrong)
}

impl FromStr for RetryPolicy {
    type Err = String;

    /// Reads a policy as TOML; unknown keys are errors, and the message names the line. Whether its values make sense,
    /// [`super::Validator::new`] says.
    fn from_str(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error| error.to_string().trim_end().to_owned())
    }
}

/// `20..80`, `20..`, `..80` or `20`.
fn words(range: &str) -> Result<[u32; 2], PolicyError> {
    let wrong =
        || PolicyError::new("words", shortened(range), "give the fewest and the most words, as in 20..80");
    let number = |text: &str, missing: u32| match text.trim() {
        "" => Ok(missing),
        text => text.parse::<u32>().map_err(|_| wrong()),
    };
    match range.split_once("..") {
        _ if range.trim().is_empty() => Err(wrong()),
        Some((fewest, most)) => {
            Ok([number(fewest, 0)?, number(most.strip_prefix('=').unwrap_or(most), WORDS_MAX)?])
        }
        None => number(range, 0).map(|exactly| [exactly, exactly]),
    }
}

fn language(code: &str) -> Result<Language, PolicyError> {
    let found = Language::ALL.into_iter().find(|language| {
        language.code().eq_ignore_ascii_case(code) || language.name().eq_ignore_ascii_case(code)
    });
    let known = || Language::ALL.map(Language::code).join(", ");
    found.ok_or_else(|| PolicyError::new("language", shortened(code), format!("choose from {}", known())))
}

fn shortened(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Judge, Vote};

    #[test]
    fn checks_are_read_as_people_write_them() {
        let table = [
            ("not-empty", Check::NotEmpty),
            ("ends-properly", Check::EndsProperly),
            ("words=20..80", Check::Words([20, 80])),
            ("words=..80", Check::Words([0, 80])),
            ("words=20..", Check::Words([20, u32::MAX])),
            ("words=3", Check::Words([3, 3])),
            ("language=EN", Check::Language(Language::En)),
            ("language=german", Check::Language(Language::De)),
            ("match=^a=b$", Check::Matches("^a=b$".to_owned())),
            ("number", Check::Number),
            ("letter=A-D", Check::Letter(vec!['A', 'B', 'C', 'D'])),
            ("letter=a..c", Check::Letter(vec!['A', 'B', 'C'])),
            ("letter=X|Y", Check::Letter(vec!['X', 'Y'])),
            ("one-of=yes| no ", Check::OneOf(vec!["yes".to_owned(), "no".to_owned()])),
            ("lacks=sorry", Check::Lacks("sorry".to_owned())),
            (r#"json={"type":"object"}"#, Check::Json(serde_json::json!({"type": "object"}))),
        ];
        for (spec, check) in table {
            assert_eq!(spec.parse::<Check>().unwrap(), check, "{spec}");
        }
    }

    #[test]
    fn what_is_no_check_is_refused_with_what_is_one() {
        for spec in ["", "word=3", "words", "words=", "words=a..b", "language=tlh", "json={", "not-empty=1"] {
            let error = spec.parse::<Check>().unwrap_err().to_string();
            let helpful =
                ["choose from", "as in 20..80", "EOF", "; write "].iter().any(|text| error.contains(text));
            assert!(helpful, "{spec}: {error}");
        }
    }

    #[test]
    fn an_unknown_check_names_the_nearest() {
        for (spec, nearest) in [
            ("numbr", "did you mean number?"),
            ("Number", "did you mean number?"),
            ("integer", "did you mean number?"),
            ("leter=A-D", "did you mean letter=A-D?"),
            ("one_of=a|b", "did you mean one-of=yes|no?"),
            ("choice=a|b", "did you mean one-of=yes|no?"),
            ("regex=x", "did you mean match="),
            ("notempty", "did you mean not-empty?"),
            ("number=3", "number takes no value; write number"),
            ("letter", "letter needs a value; write letter=A-D"),
            ("letter=D-A", "as in A-D"),
            ("letter=1-4", "as in A-D"),
            ("haiku", "choose from not-empty"),
        ] {
            let error = spec.parse::<Check>().unwrap_err().to_string();
            assert!(error.contains(nearest), "{spec}: {error}");
        }
        assert!(!"haiku".parse::<Check>().unwrap_err().to_string().contains("did you mean"));
    }

    #[test]
    fn a_policy_is_read_from_toml() {
        let text = "attempts = 5\nchecks = [\"not_empty\", { words = [1, 9] }, { language = \"fr\" }, \"number\", { letter = [\"A\"] }, { one_of = [\"a\", \"b\"] }]\nfeedback = true\n\
                    [vote]\nvoters = 3\nways = [\"last_number\"]\n[judge]\nleast_grade = 7\n";
        let expected = RetryPolicy {
            checks: vec![
                Check::NotEmpty,
                Check::Words([1, 9]),
                Check::Language(Language::Fr),
                Check::Number,
                Check::Letter(vec!['A']),
                Check::OneOf(vec!["a".to_owned(), "b".to_owned()]),
            ],
            vote: Some(Vote { voters: 3, ways: vec!["last_number".to_owned()] }),
            judge: Some(Judge { least_grade: 7 }),
            attempts: 5,
            temperature_step: 0.0,
            feedback: true,
        };
        assert_eq!(text.parse::<RetryPolicy>().unwrap(), expected);
        let error = "attempts = 2\ntemprature_step = 1\n".parse::<RetryPolicy>().unwrap_err();
        assert!(error.contains("temprature_step") && error.contains("line 2"), "{error}");
    }
}
