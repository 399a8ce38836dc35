//! Which language a text is written in, as far as its commonest words tell.

use serde::{Deserialize, Serialize};

/// A language that can be told from the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    /// English.
    En,
    /// French.
    Fr,
    /// German.
    De,
    /// Spanish.
    Es,
}

/// Fewer of a language's words than this prove nothing.
const WORDS_LEAST: usize = 3;

impl Language {
    pub(super) const ALL: [Self; 4] = [Self::En, Self::Fr, Self::De, Self::Es];

    /// Its name, in English.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::En => "English",
            Self::Fr => "French",
            Self::De => "German",
            Self::Es => "Spanish",
        }
    }

    /// Its two letters (ISO 639-1).
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Fr => "fr",
            Self::De => "de",
            Self::Es => "es",
        }
    }

    /// Its commonest words; one that is common in two of the languages (die, on, la, que, no) stands in neither list.
    fn words(self) -> &'static [&'static str] {
        match self {
            Self::En => &[
                "the", "and", "of", "to", "is", "it", "that", "for", "with", "this", "are", "be", "you",
                "have", "not", "at", "from", "they", "which", "were", "there", "would", "their", "has",
                "but", "by", "can", "what",
            ],
            Self::Fr => &[
                "le", "les", "et", "est", "une", "dans", "pour", "qui", "sur", "pas", "avec", "ce", "il",
                "sont", "plus", "cette", "nous", "vous", "être", "du", "au", "aux", "ces", "mais", "où",
                "elle", "ont", "c'est", "je",
            ],
            Self::De => &[
                "der", "und", "das", "ist", "ein", "eine", "nicht", "mit", "von", "zu", "den", "dem", "auf",
                "für", "sich", "auch", "wird", "sind", "oder", "aber", "wie", "einen", "einer", "ich", "sie",
                "wir", "im", "bei", "nach", "kann",
            ],
            Self::Es => &[
                "el", "los", "las", "y", "una", "por", "con", "para", "está", "como", "más", "pero", "su",
                "sus", "al", "lo", "este", "esta", "son", "hay", "también", "muy", "del", "ser", "fue",
                "entre", "porque", "donde", "yo",
            ],
        }
    }

    /// What the text is written in instead of this language; `None` when it fits or nothing can be told.
    pub(super) fn contradicted_by(self, text: &str) -> Option<&'static str> {
        let letters = text.chars().filter(|c| c.is_alphabetic()).count();
        // Latin letters with all their marks end below U+0250.
        let foreign = text.chars().filter(|c| c.is_alphabetic() && *c >= '\u{250}').count();
        if foreign * 2 > letters {
            return Some("another script");
        }
        let lower = text.to_lowercase();
        let count = |language: Self| {
            let word = |word: &&str| language.words().contains(word);
            lower.split(|c: char| !c.is_alphabetic() && c != '\'').filter(word).count()
        };
        let own = count(self);
        let likeliest = Self::ALL.into_iter().max_by_key(|language| count(*language))?;
        let most = count(likeliest);
        (most >= WORDS_LEAST && most > own).then(|| likeliest.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_are_told_apart() {
        let sentences = [
            (Language::En, "The cat is in the garden, and it has not been there for a long time."),
            (
                Language::Fr,
                "Le chat est dans le jardin, et il n'est pas là pour nous plaire ; c'est une belle journée.",
            ),
            (Language::De, "Die Katze ist im Garten, und sie wird nicht so bald mit der Maus zurückkommen."),
            (Language::Es, "El gato está en el jardín y los niños juegan con una pelota porque hay sol."),
        ];
        for (written, sentence) in sentences {
            for wanted in Language::ALL {
                let expected = (wanted != written).then(|| written.name());
                assert_eq!(wanted.contradicted_by(sentence), expected, "{wanted:?}: {sentence}");
            }
        }
    }

    #[test]
    fn short_texts_prove_nothing_and_other_scripts_are_seen() {
        for text in ["", "42", "Paris", "x = 7", "la la la", "OK, the"] {
            assert_eq!(Language::De.contradicted_by(text), None, "{text}");
        }
        assert_eq!(Language::En.contradicted_by("Это кошка."), Some("another script"));
        assert_eq!(Language::En.contradicted_by("The word 猫 is read neko and means cat to them."), None);
    }
}
