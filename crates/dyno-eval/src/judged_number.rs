//! Where a judge states its number: behind the word it was asked to write, not in the sentences around it.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::Regex;

/// The word that a judge was asked to put before its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Word {
    Grade,
    Rating,
}

/// How a number stands behind a word.
struct Forms {
    /// `Grade: 7`, `**Grade (1-10):** 7`.
    marked: Regex,
    /// `Graded 6`, `I would grade it 5`, `the rating is 8`: nothing but words that lead to the number between.
    told: Regex,
}

impl Forms {
    fn of(word: &str) -> Self {
        let form = |form: &str| Regex::new(form).expect("the pattern is constant");
        let leads = "is|was|are|be|of|it|this|that|the|as|at|an?|answer|response|would|should|give|to|overall|only|just";
        Self {
            marked: form(&format!(r"(?im)\b{word}\b[\s*_]*(?:\([^()\n]*\)[\s*_]*)?[:=](.*)$")),
            told: form(&format!(r"(?im)\b{word}[ds]?\b((?:[\s*_\[(]+(?:{leads})\b)*[\s*_\[(-]*\d.*)$")),
        }
    }
}

/// Where the statement begins, and what stands on the line behind the word: the last that is marked, or else the last that is told.
pub(crate) fn stated_behind(text: &str, word: Word) -> Option<(usize, &str)> {
    static FORMS: LazyLock<[Forms; 2]> = LazyLock::new(|| [Forms::of("grade"), Forms::of("rating")]);
    let forms = match word {
        Word::Grade => &FORMS[0],
        Word::Rating => &FORMS[1],
    };
    let last = |form: &Regex| {
        let found = form.captures_iter(text).last()?;
        Some((found.get(0)?.start(), found.get(1)?.as_str()))
    };
    last(&forms.marked).or_else(|| last(&forms.told))
}

/// A number without the scale it is given on: `7/10` and `7 (out of 10)` are 7.
pub(crate) fn without_scale(number: &str) -> Cow<'_, str> {
    static OF_TEN: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(?i)\s*(?:/|\(?\s*(?:out\s+)?of\b)\s*10\b\)?").expect("the pattern is constant")
    });
    OF_TEN.replace_all(number, " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_stated_behind_its_word_and_nowhere_else() {
        for (text, line) in [
            ("Rating: 8", Some(" 8")),
            ("Rating: 8\n\nThe rating reflects 3 mistakes.", Some(" 8")),
            ("**Rating (1-10):** 7", Some("** 7")),
            ("Rating 8/10", Some(" 8/10")),
            ("The rating is only 4.", Some(" is only 4.")),
            ("A rating of **6**", Some(" of **6**")),
            ("Rating: 5\nOn reflection, rating: 6", Some(" 6")),
            ("The rating reflects 3 mistakes.", None),
            ("A high rating for 2 reasons.", None),
            ("Generating 4 answers", None),
            ("8", None),
        ] {
            assert_eq!(stated_behind(text, Word::Rating).map(|(_, line)| line), line, "{text:?}");
        }
    }
}
