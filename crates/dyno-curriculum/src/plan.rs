//! What is taught and how much of it: `data/curriculum.toml`, and the maker of each task's items.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use crate::fact::{FACTS, Relation};
use crate::item::{Item, Side};
use crate::random::Draws;
use crate::{
    arithmetic, choice, depth, fact, language, letters, measures, multistep, python_function, python_print,
    story, word_problem,
};

/// Draws after which a task is taken to have no item of the side that is wanted.
const TRIES_MAX: usize = 20_000;

/// Suite that a task's held-out items belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SuiteOf {
    /// One step.
    #[default]
    Single,
    /// Several steps.
    Steps,
    /// Programs.
    Code,
    /// Long questions.
    Depth,
}

/// One task of the curriculum.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Task {
    /// Name, as items carry it.
    pub(crate) name: String,
    /// Category, as suites carry it.
    pub(crate) category: String,
    /// Share among conversations, relative to the other tasks.
    pub(crate) weight: f64,
    /// Share of its conversations with written steps, 0..=1.
    pub(crate) steps: f64,
    /// Held-out questions asked of it.
    #[serde(default)]
    pub(crate) held_out: usize,
    /// Suite of those.
    #[serde(default)]
    pub(crate) suite: SuiteOf,
    /// How their answers are compared, where case or articles are what is asked for; the usual way when empty.
    #[serde(default)]
    pub(crate) normalise: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    schema: String,
    few_shot: f64,
    plain_text: f64,
    strategies: BTreeMap<String, f64>,
    task: Vec<Task>,
}

/// The curriculum.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Share of conversations with worked examples first.
    pub(crate) few_shot: f64,
    /// Share of plain text.
    pub(crate) plain_text: f64,
    /// Prompt strategies and their weights among those that call for steps, and among those that do not.
    pub(crate) strategies: BTreeMap<String, f64>,
    /// Tasks.
    pub(crate) tasks: Vec<Task>,
    makers: Vec<Maker>,
    /// Sums of the weights up to each task.
    bounds: Vec<f64>,
}

#[derive(Debug, Clone, Copy)]
enum Maker {
    Function(fn(&mut Draws) -> Item),
    Relation(&'static Relation),
    Options,
}

/// The one that ships.
pub(crate) static PLAN: LazyLock<Plan> = LazyLock::new(|| {
    let file: File =
        toml::from_str(include_str!("../data/curriculum.toml")).expect("a test reads the committed file");
    assert_eq!(file.schema, "dyno.curriculum/1", "a test reads the committed file");
    let makers = file.task.iter().map(|task| maker(&task.name).expect("a test names every task")).collect();
    let bounds = file
        .task
        .iter()
        .scan(0.0, |sum, task| {
            *sum += task.weight;
            Some(*sum)
        })
        .collect();
    let File { few_shot, plain_text, strategies, task: tasks, .. } = file;
    Plan { few_shot, plain_text, strategies, tasks, makers, bounds }
});

fn maker(task: &str) -> Option<Maker> {
    let function: fn(&mut Draws) -> Item = match task {
        "addition" => arithmetic::addition,
        "subtraction" => arithmetic::subtraction,
        "multiplication" => arithmetic::multiplication,
        "division" => arithmetic::division,
        "comparison" => arithmetic::comparison,
        "extremes" => arithmetic::extremes,
        "sorting" => arithmetic::sorting,
        "parity" => arithmetic::parity,
        "sequence" => arithmetic::sequence,
        "add_subtract" => multistep::add_subtract,
        "multiply_add" => multistep::multiply_add,
        "sum_times" => multistep::sum_times,
        "product" => multistep::product,
        "product_add" => multistep::product_add,
        "sum_list" => multistep::sum_list,
        "word_problem" => word_problem::word_problem,
        "reverse_letters" => letters::reverse,
        "pick_letter" => letters::pick,
        "count_letters" => letters::count,
        "sort_letters" => letters::sort,
        "repeat_word" => letters::repeat,
        "capital_letters" => letters::capitals,
        "word_list" => letters::word_list,
        "units" => measures::units,
        "weekday" => measures::weekday,
        "month" => measures::month,
        "clock" => measures::clock,
        "general" => fact::general,
        "grammar" => language::correction,
        "article" => language::article,
        "affect_effect" => language::affect_effect,
        "french" => language::french,
        "story" => story::story,
        "poem" => story::poem,
        "python_print" => python_print::python_print,
        "python_function" => python_function::python_function,
        "needle" => depth::needle,
        "sum_at_depth" => depth::sum_at_depth,
        "options" => return Some(Maker::Options),
        other => {
            let facts: &'static fact::Facts = &FACTS;
            return facts.relation.iter().find(|relation| relation.task == other).map(Maker::Relation);
        }
    };
    Some(Maker::Function(function))
}

/// Names of the tasks, in the order of the curriculum.
pub fn tasks() -> impl Iterator<Item = &'static str> {
    let plan: &'static Plan = &PLAN;
    plan.tasks.iter().map(|task| &*task.name)
}

/// Item `index` of a seed of one task; none for an unknown task, or one without items on that side.
#[must_use]
pub fn item(task: &str, side: Side, (seed, index): (u64, u64)) -> Option<Item> {
    let task = PLAN.tasks.iter().position(|known| known.name == task)?;
    PLAN.draw_item(task, side, &mut Draws::new(seed, index))
}

fn fits(item: &Item, side: Side) -> bool {
    match side {
        Side::Training => item.teachable(),
        Side::HeldOut => item.side() == side,
    }
}

impl Plan {
    /// A task by weight.
    pub(crate) fn draw_task(&self, draws: &mut Draws) -> usize {
        draws.weighted(&self.bounds)
    }

    /// An item of a task on the side wanted; none where that side seems to be empty.
    pub(crate) fn draw_item(&self, task: usize, side: Side, draws: &mut Draws) -> Option<Item> {
        for _ in 0..TRIES_MAX {
            let item = match self.makers[task] {
                Maker::Function(make) => Some(make(draws)),
                Maker::Relation(relation) => Some(relation.item(draws)),
                Maker::Options => self.draw_options(side, draws),
            };
            if let Some(item) = item.filter(|item| fits(item, side)) {
                return Some(item);
            }
        }
        None
    }

    /// Lettered options about an item of another task that is short.
    fn draw_options(&self, side: Side, draws: &mut Draws) -> Option<Item> {
        let task = self.draw_task(draws);
        if matches!(self.makers[task], Maker::Options) || self.tasks[task].suite == SuiteOf::Depth {
            return None;
        }
        let item = self.draw_item(task, side, draws)?;
        choice::lettered(&item, draws)
    }
}
