//! What asking an item needs, whether its answer is written or scored by likelihood.

use dyno_eval::{Example, ExamplePool, Item, ItemKind, Strategy, Suite};
use dyno_types::{ItemOutcome, ItemResult, Sampling};

use crate::eval::held::HELD;
use crate::eval::suites::Questions;
use crate::eval::template::Template;
use crate::generate::Policy;

/// How questions are put: everything about a result but the questions and the model.
#[derive(Debug, Clone)]
pub(crate) struct Manner {
    pub(crate) strategy: Strategy,
    /// Worked examples before each question; 0 leaves it to the strategy.
    pub(crate) few_shot: u32,
    pub(crate) sampling: Sampling,
    /// Most tokens of an answer, where the item does not say.
    pub(crate) max_tokens: u32,
    /// What answers are held to.
    pub(crate) policy: Option<Policy>,
}

impl Manner {
    /// The same with answers held to a policy.
    pub(crate) fn held_to(&self, policy: Option<&Policy>) -> Option<Self> {
        let policy = policy?.clone();
        let strategy = Strategy { name: format!("{}{HELD}", self.strategy.name), ..self.strategy.clone() };
        Some(Self { strategy, policy: Some(policy), ..self.clone() })
    }

    /// Whether these questions can be put so: a policy changes nothing where only likelihoods decide.
    pub(crate) fn concerns(&self, questions: &Questions) -> bool {
        let written = |index: &usize| !self.by_likelihood(&questions.suite.items[*index]);
        self.policy.is_none() || questions.chosen.iter().any(written)
    }

    /// Whether likelihoods decide about this item. A strategy that asks for written steps has them written.
    pub(crate) fn by_likelihood(&self, item: &Item) -> bool {
        match item.kind {
            ItemKind::Cloze => true,
            ItemKind::Choice => !self.strategy.prefers_steps,
            _ => false,
        }
    }
}

/// Items of a suite and how they are put.
#[derive(Clone, Copy)]
pub(crate) struct Asking<'a> {
    pub(crate) suite: &'a Suite,
    pub(crate) pool: &'a ExamplePool<'a>,
    pub(crate) manner: &'a Manner,
    pub(crate) template: &'a Template,
}

impl Asking<'_> {
    pub(crate) fn item(&self, index: usize) -> &Item {
        &self.suite.items[index]
    }

    /// Worked examples of an item.
    pub(crate) fn examples(&self, item: &Item) -> Vec<Example> {
        let Manner { strategy, few_shot, .. } = self.manner;
        let count = (*few_shot > 0).then_some(*few_shot);
        self.pool.worked_examples(item, strategy, count)
    }

    /// A result with nothing but the outcome.
    pub(crate) fn result(&self, index: usize, outcome: ItemOutcome) -> ItemResult {
        let item = self.item(index);
        ItemResult {
            id: item.id.clone(),
            task: item.task.clone(),
            cluster: item.cluster.clone(),
            outcome,
            outcome_norm: None,
            outcome_per_char: None,
            choices: Vec::new(),
            options: item.options(),
            answer: String::new(),
            turns: Vec::new(),
            form: None,
            ratings: Vec::new(),
            extracted: None,
            tokens_in: 0,
            tokens_out: 0,
            prefill_ms: 0.0,
            decode_ms: 0.0,
            ttft_ms: None,
            time_ms: None,
            cached: false,
            position: item.position,
            length: item.length,
        }
    }

    pub(crate) fn failed(&self, index: usize, reason: impl ToString) -> ItemResult {
        self.result(index, ItemOutcome::Failed { reason: reason.to_string() })
    }
}
