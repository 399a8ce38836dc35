//! What is taken away before two texts are compared; each step has a name, so that a score can say what it forgave.

use unicode_normalization::UnicodeNormalization as _;

use crate::number::Number;

/// One step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Normaliser {
    /// Marks of formatting (`**`, `` ` ``, quotes) around the whole text go.
    Marks,
    /// One or more final periods go.
    FinalPeriod,
    /// Everything in lower case.
    Lowercase,
    /// The articles a, an and the go.
    Articles,
    /// Punctuation of ASCII goes.
    Punctuation,
    /// White space at the ends goes, other white space becomes one space.
    Whitespace,
    /// A text that is one number is written in one way: 1,096 and 1096.0 and $1096 are 1096.
    Number,
}

impl Normaliser {
    /// Every step with its name in suite files.
    pub const ALL: [(&'static str, Self); 7] = [
        ("marks", Self::Marks),
        ("final_period", Self::FinalPeriod),
        ("lowercase", Self::Lowercase),
        ("articles", Self::Articles),
        ("punctuation", Self::Punctuation),
        ("whitespace", Self::Whitespace),
        ("number", Self::Number),
    ];

    /// The name in suite files.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, normaliser)| *normaliser == self).map_or("marks", |(name, _)| name)
    }

    /// The text after this step.
    #[must_use]
    pub fn apply(self, text: &str) -> String {
        match self {
            Self::Marks => without_marks(text).to_owned(),
            Self::FinalPeriod => text.trim_end().trim_end_matches('.').to_owned(),
            Self::Lowercase => text.to_lowercase(),
            Self::Articles => {
                let article = |word: &&str| !["a", "an", "the"].contains(&word.to_lowercase().as_str());
                let rest = text.split_whitespace().filter(article).collect::<Vec<_>>().join(" ");
                // An answer that is an article keeps it; without it every such answer would be the same.
                if rest.is_empty() { text.to_owned() } else { rest }
            }
            Self::Punctuation => text.chars().filter(|c| !c.is_ascii_punctuation()).collect(),
            Self::Whitespace => text.split_whitespace().collect::<Vec<_>>().join(" "),
            Self::Number => Number::parse(text).map_or_else(|| text.to_owned(), |number| number.to_string()),
        }
    }
}

/// What exact answers are compared after, unless an item says otherwise.
pub const USUAL_NORMALISERS: [Normaliser; 6] = [
    Normaliser::Marks,
    Normaliser::FinalPeriod,
    Normaliser::Number,
    Normaliser::Lowercase,
    Normaliser::Articles,
    Normaliser::Whitespace,
];

/// Applies steps in order; an empty list stands for [`USUAL_NORMALISERS`]. What a reader cannot see, or takes for the same, never counts.
#[must_use]
pub fn normalise(text: &str, steps: &[Normaliser]) -> String {
    let steps = if steps.is_empty() { &USUAL_NORMALISERS[..] } else { steps };
    steps.iter().fold(spelled_alike(text).trim().to_owned(), |text, step| step.apply(&text))
}

/// A text with composed characters (NFC), straight quotes and plain hyphens, and without invisible characters: `é` is one character
/// or two, and keyboards and models write `’` where others write `'`.
fn spelled_alike(text: &str) -> String {
    let seen = |c: &char| !matches!(c, '\u{ad}' | '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}');
    let plain = |c: char| match c {
        '‘' | '’' | '‚' | '‛' | 'ʼ' | '′' => '\'',
        '“' | '”' | '„' | '‟' | '″' => '"',
        '‐' | '‑' | '‒' | '–' | '—' | '−' => '-',
        _ => c,
    };
    text.nfc().filter(seen).map(plain).collect()
}

/// Takes pairs of marks off both ends as long as there are any.
fn without_marks(text: &str) -> &str {
    const PAIRS: [(&str, &str); 8] =
        [("**", "**"), ("`", "`"), ("\"", "\""), ("'", "'"), ("“", "”"), ("‘", "’"), ("«", "»"), ("$", "$")];
    let mut text = text.trim();
    loop {
        let inner = PAIRS.iter().find_map(|(open, close)| {
            let inner = text.strip_prefix(open)?.strip_suffix(close)?;
            (!inner.is_empty()).then_some(inner.trim())
        });
        match inner {
            Some(inner) => text = inner,
            None => return text,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn texts_that_look_alike_are_the_same() {
        let table = [
            ("caf\u{e9}", "cafe\u{301}"),
            ("감", "\u{1100}\u{1161}\u{11b7}"),
            ("don't", "don’t"),
            ("rock 'n' roll", "rock ‘n’ roll"),
            ("twenty-one", "twenty‑one"),
            ("1914-1918", "1914–1918"),
            ("Zürich", "\u{feff}Zu\u{308}rich\u{200b}"),
            ("data base", "data\u{a0}base"),
        ];
        let squad =
            [Normaliser::Lowercase, Normaliser::Punctuation, Normaliser::Articles, Normaliser::Whitespace];
        for (one, other) in table {
            for steps in [&[][..], &squad, &[Normaliser::Lowercase, Normaliser::Whitespace]] {
                assert_eq!(normalise(one, steps), normalise(other, steps), "{one} {other}");
            }
        }
        // What is read as something else stays something else.
        for (one, other) in [("10²", "102"), ("ﬁ", "fi"), ("resume", "résumé"), ("5", "-5")] {
            assert_ne!(normalise(one, &[]), normalise(other, &[]), "{one} {other}");
        }
    }

    #[test]
    fn each_step_does_its_one_thing() {
        let cases = [
            (Normaliser::Marks, "**`Canberra`**", "Canberra"),
            (Normaliser::Marks, "\"\"", "\"\""),
            (Normaliser::FinalPeriod, "Paris...", "Paris"),
            (Normaliser::Lowercase, "ÄRA", "ära"),
            (Normaliser::Articles, "The cat and a dog", "cat and dog"),
            (Normaliser::Articles, "an", "an"),
            (Normaliser::Punctuation, "well-known, isn't it?", "wellknown isnt it"),
            (Normaliser::Whitespace, "  two \n words\t", "two words"),
            (Normaliser::Number, "$1,096.00", "1096"),
            (Normaliser::Number, "1,096 apples", "1,096 apples"),
        ];
        for (step, text, expected) in cases {
            assert_eq!(step.apply(text), expected, "{step:?}");
        }
    }

    #[test]
    fn the_usual_steps_forgive_form_and_nothing_else() {
        for text in ["Canberra", " canberra. ", "**Canberra**", "\"Canberra.\"", "The Canberra"] {
            assert_eq!(normalise(text, &[]), "canberra", "{text}");
        }
        assert_ne!(normalise("Canberra, Australia", &[]), "canberra");
        assert_eq!(normalise("1,096.0.", &[]), "1096");
        assert_eq!(normalise("HELLO", &[Normaliser::Whitespace]), "HELLO");
    }

    proptest! {
        #[test]
        fn normalising_twice_changes_nothing_more(text in "[a-zA-Z0-9 .,'\"*$]{0,30}") {
            let lists = [vec![Normaliser::Whitespace], vec![Normaliser::Lowercase, Normaliser::Punctuation, Normaliser::Whitespace]];
            for steps in &lists {
                let once = normalise(&text, steps);
                prop_assert_eq!(normalise(&once, steps), once);
            }
        }
    }
}
