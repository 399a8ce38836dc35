//! Facts out of `data/facts.toml`, each asked in several ways.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::arithmetic::fill;
use crate::item::{Item, Kind, Wrong};
use crate::random::Draws;

/// What the file holds.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Facts {
    /// Relations, each a task.
    pub(crate) relation: Vec<Relation>,
    /// Facts that stand alone: together the task `general`.
    pub(crate) fact: Vec<Fact>,
}

/// Pairs of the same kind.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Relation {
    /// Task.
    pub(crate) task: String,
    /// Relation whose pairs are read backwards here.
    reverses: Option<String>,
    /// Phrasings, `{k}` for what is asked about.
    pub(crate) questions: Vec<String>,
    statement: String,
    /// What is asked about, and the answer.
    #[serde(default)]
    pub(crate) pairs: Vec<(String, String)>,
}

/// One fact with its questions.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fact {
    id: String,
    /// Phrasings.
    pub(crate) questions: Vec<String>,
    statement: Option<String>,
    answer: String,
    #[serde(default)]
    alternatives: Vec<String>,
    #[serde(default)]
    wrong: Vec<String>,
    #[serde(default)]
    free_form: bool,
}

/// The facts, reversed relations filled in.
pub(crate) static FACTS: LazyLock<Facts> = LazyLock::new(|| {
    let mut facts: Facts =
        toml::from_str(include_str!("../data/facts.toml")).expect("a test reads the committed file");
    for place in 0..facts.relation.len() {
        if let Some(other) = facts.relation[place].reverses.clone() {
            let from = facts.relation.iter().find(|relation| relation.task == other);
            let pairs = from.expect("a test reads the committed file").pairs.iter();
            facts.relation[place].pairs = pairs.map(|(key, value)| (value.clone(), key.clone())).collect();
        }
    }
    facts
});

impl Relation {
    /// One of its pairs, asked in one of its ways.
    pub(crate) fn item(&'static self, draws: &mut Draws) -> Item {
        let pair = draws.below(self.pairs.len());
        let phrasing = draws.below(self.questions.len());
        self.item_of(pair, phrasing)
    }

    /// The pair and the phrasing given.
    pub(crate) fn item_of(&'static self, pair: usize, phrasing: usize) -> Item {
        let (key, value) = &self.pairs[pair];
        let question = sentence(&self.questions[phrasing], key, value);
        let identity = format!("{}/{phrasing}/{key}", self.task);
        let mut wrong: Vec<String> = self.pairs.iter().map(|(_, value)| value.clone()).collect();
        wrong.sort_unstable();
        wrong.dedup();
        Item::exact(&self.task, identity, question, value.clone())
            .step(sentence(&self.statement, key, value))
            .wrong(wrong)
            .clustered(format!("{}/{key}", self.task))
    }
}

/// The words filled in, beginning with a capital.
fn sentence(words: &str, key: &str, value: &str) -> String {
    let text = fill(words, &[("{k}", &key), ("{v}", &value)]);
    let mut letters = text.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().collect::<String>() + letters.as_str())
        .unwrap_or_default()
}

/// A fact that stands alone.
pub(crate) fn general(draws: &mut Draws) -> Item {
    let facts: &'static Facts = &FACTS;
    let fact = draws.pick(&facts.fact);
    fact.item_of(draws.below(fact.questions.len()))
}

impl Fact {
    fn kind(&self) -> Kind {
        if self.free_form {
            Kind::Open
        } else if self.answer.parse::<i64>().is_ok() {
            Kind::Numeric
        } else {
            Kind::Exact
        }
    }

    /// The phrasing given.
    pub(crate) fn item_of(&'static self, phrasing: usize) -> Item {
        let identity = format!("general/{phrasing}/{}", self.id);
        let item = Item::exact("general", identity, self.questions[phrasing].clone(), self.answer.clone());
        Item {
            kind: self.kind(),
            cluster: Some(format!("general/{}", self.id)),
            alternatives: self.alternatives.clone(),
            free_form: self.free_form,
            steps: self.statement.clone().into_iter().collect(),
            wrong: if self.wrong.is_empty() { Wrong::None } else { Wrong::Among(self.wrong.clone()) },
            ..item
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::item::Side;

    #[test]
    fn every_fact_is_taught_in_some_words_and_all_words_are_taught() {
        let facts: &'static Facts = &FACTS;
        let taught = |item: Item| item.side() == Side::Training;
        for relation in &facts.relation {
            let (pairs, phrasings) = (relation.pairs.len(), relation.questions.len());
            assert!(pairs >= 12 && phrasings >= 3, "{}", relation.task);
            for pair in 0..pairs {
                assert!(
                    (0..phrasings).any(|phrasing| taught(relation.item_of(pair, phrasing))),
                    "{relation:?}"
                );
            }
            for phrasing in 0..phrasings {
                assert!((0..pairs).any(|pair| taught(relation.item_of(pair, phrasing))), "{relation:?}");
            }
        }
        for fact in &facts.fact {
            assert!((0..fact.questions.len()).any(|phrasing| taught(fact.item_of(phrasing))), "{fact:?}");
        }
    }

    #[test]
    fn nothing_is_asked_about_twice_in_a_relation() {
        for relation in &FACTS.relation {
            let mut keys: Vec<&str> = relation.pairs.iter().map(|(key, _)| key.as_str()).collect();
            keys.sort_unstable();
            keys.dedup();
            assert_eq!(keys.len(), relation.pairs.len(), "{}", relation.task);
        }
    }
}
