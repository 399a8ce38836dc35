//! The ways of asking that are taught: the prompt strategies of `dyno-eval`, with steps or without.

use std::sync::LazyLock;

use dyno_eval::{Example, Framing, Item, ItemKind, Strategy, generation_prompt, strategies};
use dyno_types::{ChatMessage, Prompt};

use crate::plan::PLAN;
use crate::random::Draws;

/// The strategy that shows worked examples as earlier turns.
const FEW_SHOT: &str = "few_shot";

/// A strategy, whole and in parts: each part must be enough by itself, since somebody may set the system message only.
struct Taught {
    whole: Strategy,
    /// Without the words around the question.
    system_only: Strategy,
    /// Without the system message.
    words_only: Strategy,
}

/// Strategies with the sums of their weights.
struct Weighted {
    taught: Vec<Taught>,
    bounds: Vec<f64>,
}

/// Strategies by what they ask for.
struct Ways {
    worked: Weighted,
    short: Weighted,
    few_shot: Taught,
}

static WAYS: LazyLock<Ways> = LazyLock::new(|| {
    let (few_shot, others): (Vec<Strategy>, Vec<Strategy>) =
        strategies().into_iter().partition(|strategy| strategy.name == FEW_SHOT);
    let weighed = others.into_iter().filter(|strategy| PLAN.strategies.contains_key(&strategy.name));
    let (worked, short) = weighed.partition(|strategy| strategy.prefers_steps);
    let few_shot = few_shot.into_iter().next().expect("a test asks with worked examples");
    Ways { worked: Weighted::new(worked), short: Weighted::new(short), few_shot: Taught::new(few_shot) }
});

impl Taught {
    fn new(whole: Strategy) -> Self {
        let system_only = Strategy { prefix: String::new(), suffix: String::new(), ..whole.clone() };
        let words_only = Strategy { system: None, ..whole.clone() };
        Self { whole, system_only, words_only }
    }

    /// Most often the whole, else a part that still says something.
    fn draw(&self, draws: &mut Draws) -> &Strategy {
        let has_words = !self.whole.prefix.is_empty() || !self.whole.suffix.is_empty();
        let has_system = self.whole.system.is_some();
        match draws.below(10) {
            0..2 if has_words && has_system => &self.system_only,
            2..5 if has_words && has_system => &self.words_only,
            _ => &self.whole,
        }
    }
}

impl Weighted {
    fn new(strategies: Vec<Strategy>) -> Self {
        let bounds = strategies
            .iter()
            .scan(0.0, |sum, strategy| {
                *sum += PLAN.strategies[&strategy.name];
                Some(*sum)
            })
            .collect();
        Self { taught: strategies.into_iter().map(Taught::new).collect(), bounds }
    }
}

/// A question as it is put.
#[derive(Debug)]
pub(crate) struct Asked {
    /// Strategy.
    pub(crate) style: &'static str,
    /// System message where there is one, worked examples as turns, and the question.
    pub(crate) messages: Vec<ChatMessage>,
}

/// Puts a question in a way that calls for steps, or in one that does not.
pub(crate) fn ask(question: String, steps: bool, draws: &mut Draws) -> Asked {
    let ways: &'static Ways = &WAYS;
    let weighted = if steps { &ways.worked } else { &ways.short };
    let strategy = weighted.taught[draws.weighted(&weighted.bounds)].draw(draws);
    put(question, strategy, &strategy.examples)
}

/// Puts a question behind worked examples; every second time without the system message that explains them.
pub(crate) fn ask_behind(examples: &[Example], question: String, draws: &mut Draws) -> Asked {
    let ways: &'static Ways = &WAYS;
    let strategy = if draws.chance(0.5) { &ways.few_shot.whole } else { &ways.few_shot.words_only };
    put(question, strategy, examples)
}

fn put(question: String, strategy: &'static Strategy, examples: &[Example]) -> Asked {
    let item = Item::new("", "", ItemKind::Exact, question);
    let Prompt::Chat(messages) = generation_prompt(&item, strategy, examples, Framing::Chat) else {
        unreachable!("a chat was asked for");
    };
    Asked { style: &strategy.name, messages }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_strategy_but_that_of_examples_is_weighed_and_known() {
        let mut known: Vec<String> = strategies().into_iter().map(|strategy| strategy.name).collect();
        known.retain(|name| name != FEW_SHOT);
        known.sort_unstable();
        let weighed: Vec<String> = PLAN.strategies.keys().cloned().collect();
        assert_eq!(weighed, known);
    }

    #[test]
    fn steps_are_asked_for_in_words_and_short_answers_most_often_without() {
        let draws = &mut Draws::new(1, 1);
        let asked = |steps, draws: &mut Draws| ask("What is 2 + 2?".to_owned(), steps, draws);
        let mut bare = 0;
        for _ in 0..1000 {
            let worked = asked(true, draws);
            let says_something = worked.messages.len() > 1 || worked.messages[0].content != "What is 2 + 2?";
            assert!(says_something, "{worked:?}");
            bare += usize::from(asked(false, draws).messages.len() == 1);
        }
        assert!((650..850).contains(&bare), "{bare}");
    }
}
