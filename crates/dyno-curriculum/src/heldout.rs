//! The held-out suites: questions that are never taught, as JSON lines of `dyno.suite/1`.

use serde::Serialize;

use crate::choice::{self, OPTIONS};
use crate::depth;
use crate::item::{Item, Kind, Side};
use crate::plan::{PLAN, SuiteOf};
use crate::random::{Draws, stable_hash};

/// Seed of the suites that ship.
const SEED: u64 = 4;

/// Draws after which a suite takes what it has.
const TRIES_MAX: usize = 2_000;

/// Notes before a question, and where among them the needed one stands (0..=1): the grid of the suite about depth.
const DEPTHS: [usize; 5] = [5, 10, 20, 40, 60];
const POSITIONS: [f64; 5] = [0.0, 0.25, 0.5, 0.75, 1.0];

/// A suite as a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SuiteFile {
    /// File name.
    pub name: String,
    /// Its lines: the header, then the items.
    pub text: String,
}

#[derive(Serialize)]
struct Header {
    schema: &'static str,
    name: &'static str,
    title: &'static str,
    description: &'static str,
    source: String,
    license: &'static str,
}

#[derive(Serialize)]
struct Line {
    id: String,
    task: &'static str,
    category: &'static str,
    kind: Kind,
    question: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    answers: Vec<String>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    normalise: &'static [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    solution: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    choices: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    correct: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tests: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    entry_point: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u32>,
    tags: [&'static str; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    length: Option<usize>,
}

/// What a suite is called, and what it asks of every item.
struct Shape {
    name: &'static str,
    title: &'static str,
    description: &'static str,
    tag: &'static str,
    /// Most tokens of an answer, written steps included.
    max_tokens: u32,
}

const SINGLE: Shape = Shape {
    name: "heldout-single",
    title: "Held-out questions of one step",
    description: "Sums, letters, measures, facts, language and tiny Python; none of them was taught to the reference models.",
    tag: "single",
    max_tokens: 96,
};
const STEPS: Shape = Shape {
    name: "heldout-steps",
    title: "Held-out questions of several steps",
    description: "Sums and word problems that take two to five steps; none of them was taught to the reference models.",
    tag: "multi",
    max_tokens: 192,
};
const CODE: Shape = Shape {
    name: "heldout-code",
    title: "Held-out Python functions",
    description: "Known functions under names, arguments and wordings in a combination that was never taught; run against tests.",
    tag: "code",
    max_tokens: 128,
};
const CHOICE: Shape = Shape {
    name: "heldout-choice",
    title: "Held-out multiple choice",
    description: "Four answers each, one of them right; the likelihood of each answer decides.",
    tag: "choice",
    max_tokens: 16,
};
const DEPTH: Shape = Shape {
    name: "heldout-depth",
    title: "Held-out questions after long notes",
    description: "A code to be found among 5 to 60 notes, and sums asked after as many; position is the place of the note (0 first, 1 last), length counts words, single digits, marks and line ends of the question.",
    tag: "depth",
    max_tokens: 64,
};

/// Every suite, as it is committed.
///
/// # Panics
/// Never: a test makes them.
#[must_use]
pub fn suites() -> Vec<SuiteFile> {
    vec![
        file(&SINGLE, asked(SuiteOf::Single)),
        file(&STEPS, asked(SuiteOf::Steps)),
        file(&CODE, asked(SuiteOf::Code)),
        file(&CHOICE, with_choices()),
        file(&DEPTH, at_depth()),
    ]
}

/// Items of a suite so far.
struct Collected {
    items: Vec<Item>,
}

impl Collected {
    /// Keeps it unless the same question, or the same thing in other words, is there already.
    fn push(&mut self, item: Item) -> bool {
        let same = |other: &Item| other.identity == item.identity || other.question == item.question;
        let is_new = !self.items.iter().any(same);
        if is_new {
            self.items.push(item);
        }
        is_new
    }
}

fn asked(suite: SuiteOf) -> Vec<Item> {
    let mut found = Collected { items: Vec::new() };
    for (index, task) in PLAN.tasks.iter().enumerate().filter(|(_, task)| task.suite == suite) {
        let draws = &mut stream("asked", &task.name);
        collect(&mut found, task.held_out, || {
            let item = PLAN.draw_item(index, Side::HeldOut, draws)?;
            let unasked = item.kind == Kind::Open || (item.kind == Kind::Code && item.code.is_none());
            (!unasked).then_some(item)
        });
    }
    found.items
}

/// Multiple choice about every second held-out question of one step, and some of several.
fn with_choices() -> Vec<Item> {
    let mut found = Collected { items: Vec::new() };
    for (index, task) in PLAN.tasks.iter().enumerate() {
        let wanted = match task.suite {
            SuiteOf::Single => task.held_out.div_ceil(2),
            SuiteOf::Steps => task.held_out / 8,
            SuiteOf::Code | SuiteOf::Depth => 0,
        };
        let draws = &mut stream("choice", &task.name);
        collect(&mut found, wanted, || {
            let item = PLAN.draw_item(index, Side::HeldOut, draws)?;
            let options = choice::choices(&item, &mut options_stream(&item));
            let usable = options.is_some_and(|(options, _)| options.len() == OPTIONS);
            usable.then_some(Item { kind: Kind::Choice, ..item })
        });
    }
    found.items
}

fn at_depth() -> Vec<Item> {
    let mut found = Collected { items: Vec::new() };
    let draws = &mut stream("depth", "needle");
    let held_out = |item: Item| (item.side() == Side::HeldOut).then_some(item);
    let per_cell = held_out_of("needle") / (DEPTHS.len() * POSITIONS.len());
    for count in DEPTHS {
        for position in POSITIONS {
            let place = (position * (count - 1) as f64).round() as usize;
            collect(&mut found, per_cell, || held_out(depth::needle_at(draws, count, place)));
        }
    }
    let per_depth = held_out_of("sum_at_depth") / DEPTHS.len();
    for count in DEPTHS {
        collect(&mut found, per_depth, || held_out(depth::sum_after(draws, count)));
    }
    found.items
}

fn held_out_of(name: &str) -> usize {
    PLAN.tasks.iter().find(|task| task.name == name).map_or(0, |task| task.held_out)
}

fn stream(part: &str, task: &str) -> Draws {
    Draws::new(SEED, stable_hash(&format!("{part}/{task}")))
}

fn options_stream(item: &Item) -> Draws {
    stream("options", &item.identity)
}

/// Adds up to `wanted` items out of what is drawn.
fn collect(found: &mut Collected, wanted: usize, mut draw: impl FnMut() -> Option<Item>) {
    let mut missing = wanted;
    for _ in 0..TRIES_MAX {
        if missing == 0 {
            return;
        }
        if draw().is_some_and(|item| found.push(item)) {
            missing -= 1;
        }
    }
}

fn file(shape: &Shape, items: Vec<Item>) -> SuiteFile {
    let header = Header {
        schema: "dyno.suite/1",
        name: shape.name,
        title: shape.title,
        description: shape.description,
        source: format!("generated by dyno-curriculum, seed {SEED}"),
        license: "CC0-1.0",
    };
    let mut text = json(&header);
    let mut numbers = std::collections::BTreeMap::<&str, usize>::new();
    for item in items {
        let number = numbers.entry(item.task).or_default();
        *number += 1;
        text += &json(&line(shape, item, *number));
    }
    SuiteFile { name: format!("{}.jsonl", shape.name), text }
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("texts and numbers always become JSON") + "\n"
}

fn line(shape: &Shape, item: Item, number: usize) -> Line {
    let task = PLAN.tasks.iter().find(|task| task.name == item.task);
    let is_choice = item.kind == Kind::Choice;
    let is_code = item.kind == Kind::Code;
    let (choices, correct) = if is_choice {
        let chosen = choice::choices(&item, &mut options_stream(&item));
        chosen.map_or((Vec::new(), None), |(options, right)| (options, Some(right)))
    } else {
        (Vec::new(), None)
    };
    // A number with its unit is judged by the number.
    let bare =
        if item.kind == Kind::Numeric { item.answer.split(' ').next().map(ToOwned::to_owned) } else { None };
    let mut answers = vec![bare.unwrap_or_else(|| item.answer.clone())];
    if item.kind == Kind::Exact {
        answers.extend(item.alternatives.iter().cloned());
    }
    let only = (answers.len() == 1 && !is_choice && !is_code).then(|| answers[0].clone());
    let several = answers.len() > 1 && !is_choice && !is_code;
    let solution = (shape.tag == STEPS.tag).then(|| item.worked());
    Line {
        id: format!("{}-{number:04}", item.task),
        task: item.task,
        category: task.map_or("", |task| &task.category),
        kind: item.kind,
        question: item.question,
        answer: only,
        answers: if several { answers } else { Vec::new() },
        normalise: task.filter(|_| item.kind == Kind::Exact).map_or(&[], |task| &task.normalise),
        solution,
        choices,
        correct,
        tests: item.code.as_ref().map(|code| code.tests.clone()),
        entry_point: item.code.map(|code| code.entry_point),
        cluster: item.cluster,
        max_tokens: (!is_choice).then_some(shape.max_tokens),
        tags: [shape.tag],
        position: item.position,
        length: item.length,
    }
}
