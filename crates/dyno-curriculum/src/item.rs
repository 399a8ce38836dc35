//! One question with its answer, its written steps, and what decides whether it may be taught.

use crate::arithmetic::shows_held_out_sum;
use crate::random::stable_hash;

/// One question in this many is held out.
const HELD_OUT_ONE_IN: u64 = 20;

/// Operands in questions of seed 001's own suite: never taught, whatever their hash says.
const RESERVED: [&str; 5] =
    ["product/23*47", "travel_half/60*2", "times_as_many/3*8", "square_area/24", "workers/3*4/6"];

/// What a question is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// May be taught.
    Training,
    /// Is asked of a trained model, and never taught.
    HeldOut,
}

/// How an answer is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A number.
    Numeric,
    /// The very text, after normalising.
    Exact,
    /// The likeliest of several choices.
    Choice,
    /// A program that must pass its tests.
    Code,
    /// Nothing to judge: any fitting text would do.
    Open,
}

/// Where wrong choices for a multiple-choice question come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// The question cannot be asked with choices.
    None,
    /// Numbers near the right one.
    Near,
    /// These, apart from the right one.
    Among(Vec<String>),
}

/// One question with its answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// Task, a name of `data/curriculum.toml`.
    pub task: &'static str,
    /// What makes two questions the same question: task, operands, and the phrasing where every fact must be taught.
    pub identity: String,
    /// What items share that are not independent: the same fact, sum or function asked in other words.
    pub cluster: Option<String>,
    /// Question.
    pub question: String,
    /// Short canonical answer.
    pub answer: String,
    /// Other right answers.
    pub alternatives: Vec<String>,
    /// Lines of written steps, each a single-step operation; may be empty.
    pub steps: Vec<String>,
    /// How it is judged.
    pub kind: Kind,
    /// Whether the answer is given as it is in every style, without "The answer is".
    pub free_form: bool,
    /// Function to call, and its tests, for [`Kind::Code`].
    pub code: Option<Code>,
    /// Where in a long question the needed text stands, 0 (start) to 1 (end).
    pub position: Option<f64>,
    /// Words, single digits and marks in a long question.
    pub length: Option<usize>,
    pub(crate) wrong: Wrong,
}

/// How a written function is tested.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Code {
    /// Function to call.
    pub entry_point: String,
    /// `assert` statements, one a line.
    pub tests: String,
}

/// Whether what has this identity is held out.
pub(crate) fn held_out(identity: &str) -> bool {
    stable_hash(identity).is_multiple_of(HELD_OUT_ONE_IN) || RESERVED.contains(&identity)
}

impl Item {
    /// A question answered by a word, a list or a sentence.
    pub(crate) fn exact(task: &'static str, identity: String, question: String, answer: String) -> Self {
        Self {
            task,
            identity,
            cluster: None,
            question,
            answer,
            alternatives: Vec::new(),
            steps: Vec::new(),
            kind: Kind::Exact,
            free_form: false,
            code: None,
            position: None,
            length: None,
            wrong: Wrong::None,
        }
    }

    /// A question answered by a number.
    pub(crate) fn numeric(task: &'static str, identity: String, question: String, answer: i64) -> Self {
        let item = Self::exact(task, identity, question, answer.to_string());
        Self { kind: Kind::Numeric, wrong: Wrong::Near, ..item }
    }

    /// With one more written step.
    pub(crate) fn step(mut self, line: String) -> Self {
        self.steps.push(line);
        self
    }

    /// One of several questions about the same thing.
    pub(crate) fn clustered(mut self, cluster: String) -> Self {
        self.cluster = Some(cluster);
        self
    }

    /// With these wrong choices; the right answer among them is skipped.
    pub(crate) fn wrong(mut self, among: Vec<String>) -> Self {
        self.wrong = Wrong::Among(among);
        self
    }

    /// Whether it may be taught; decided by the identity alone, so that no seed can mix the two.
    #[must_use]
    pub fn side(&self) -> Side {
        if held_out(&self.identity) { Side::HeldOut } else { Side::Training }
    }

    /// Whether it may be taught: neither it nor a sum in it is held out.
    pub(crate) fn teachable(&self) -> bool {
        self.side() == Side::Training
            && !shows_held_out_sum(&self.question)
            && !self.steps.iter().any(|line| shows_held_out_sum(line))
    }

    /// The answer with its steps written first.
    #[must_use]
    pub fn worked(&self) -> String {
        if self.free_form {
            return self.answer.clone();
        }
        let mut text = String::new();
        for line in &self.steps {
            text.push_str(line);
            text.push('\n');
        }
        text + "The answer is " + &self.answer + "."
    }
}
