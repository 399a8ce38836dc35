//! A suite of questions and what one question is.

use dyno_types::SuiteId;

use crate::{Heuristic, LineProblem, Normaliser};

/// Schema of suite files this version reads and writes.
pub const SUITE_SCHEMA: &str = "dyno.suite/1";

/// Tag of items that are shown as worked examples and never asked.
pub const EXAMPLE_TAG: &str = "example";

/// Most refused lines that are kept with their reason; all are counted.
pub const REFUSED_MAX: usize = 100;

/// How an item is answered and scored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ItemKind {
    /// A number, compared as a number.
    Numeric,
    /// A text, compared after normalisation.
    Exact,
    /// One of several choices: by likelihood, or read out of a generated answer.
    Choice,
    /// A program, run against tests.
    Code,
    /// A text that must occur in the answer.
    Contains,
    /// A text that the answer should share its words with.
    F1,
    /// A regular expression that must match somewhere in the answer.
    Regex,
    /// The words that end a passage: every token of them must be the likeliest.
    Cloze,
    /// Nothing that is right or wrong by itself: a judge may rate it.
    Open,
    /// The same, with a heuristic that checks the form of the answer.
    Heuristic,
}

impl ItemKind {
    /// Every kind with its name in suite files.
    pub const ALL: [(&'static str, Self); 10] = [
        ("numeric", Self::Numeric),
        ("exact", Self::Exact),
        ("choice", Self::Choice),
        ("code", Self::Code),
        ("contains", Self::Contains),
        ("f1", Self::F1),
        ("regex", Self::Regex),
        ("cloze", Self::Cloze),
        ("open", Self::Open),
        ("heuristic", Self::Heuristic),
    ];

    /// The name in suite files.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, kind)| *kind == self).map_or("exact", |(name, _)| name)
    }

    /// Whether nothing but a judge can say how good an answer is.
    #[must_use]
    pub fn is_open(self) -> bool {
        matches!(self, Self::Open | Self::Heuristic)
    }

    /// Whether likelihoods decide, so that nothing is generated.
    #[must_use]
    pub fn is_likelihood(self) -> bool {
        matches!(self, Self::Choice | Self::Cloze)
    }
}

/// How choices stand to the question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ChoiceStyle {
    /// Each choice is an answer; its text is scored after the question (ARC, TruthfulQA).
    #[default]
    Answer,
    /// Each choice continues the passage directly (HellaSwag).
    Ending,
    /// The choices are listed under letters and the letter is scored (MMLU).
    Letters,
    /// The question has a gap `_`; each choice fills it, and the text behind the gap is scored (WinoGrande).
    Blank,
}

impl ChoiceStyle {
    /// Every style with its name in suite files.
    pub const ALL: [(&'static str, Self); 4] = [
        ("answer", Self::Answer),
        ("ending", Self::Ending),
        ("letters", Self::Letters),
        ("blank", Self::Blank),
    ];

    /// The name in suite files.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, style)| *style == self).map_or("answer", |(name, _)| name)
    }
}

/// What stands around a question that is put as a plain text, for models without a chat template and for likelihoods.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TextFrame {
    /// In front of everything, worked examples included.
    pub opening: String,
    /// In front of the question.
    pub before: String,
    /// Behind the question; the answer follows after a space.
    pub after: String,
}

impl TextFrame {
    /// A frame without an opening.
    #[must_use]
    pub fn around(before: impl Into<String>, after: impl Into<String>) -> Self {
        Self { opening: String::new(), before: before.into(), after: after.into() }
    }
}

impl Default for TextFrame {
    fn default() -> Self {
        Self::around("Question: ", "\nAnswer:")
    }
}

/// How demanding an open task is; two of the heuristics ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Demand {
    /// A short answer is enough.
    Low,
    /// In between.
    Medium,
    /// Detail is expected.
    High,
}

impl Demand {
    /// Every demand with its name in suite files.
    pub const ALL: [(&'static str, Self); 3] =
        [("low", Self::Low), ("medium", Self::Medium), ("high", Self::High)];

    /// The name in suite files.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, demand)| *demand == self).map_or("medium", |(name, _)| name)
    }
}

/// One question.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// Unique within the suite.
    pub id: String,
    /// Task, e.g. `addition`; scores are also given by task.
    pub task: String,
    /// Wider group that prompt strategies and heuristics know: `reasoning`, `knowledge`, `creativity`, `code`, `language`.
    pub category: Option<String>,
    /// How it is answered and scored.
    pub kind: ItemKind,
    /// The question.
    pub question: String,
    /// Text before the question: a passage, or a haystack.
    pub context: String,
    /// System message that the question needs.
    pub system: Option<String>,
    /// Right answers; one of them is enough. For cloze the text that must follow; for open items what a judge is shown as
    /// reference, one for each turn where there are as many as turns.
    pub answers: Vec<String>,
    /// A written solution that ends in the answer, for worked examples.
    pub solution: Option<String>,
    /// Choices.
    pub choices: Vec<String>,
    /// Index of the right choice, from 0.
    pub correct: Option<usize>,
    /// How the choices stand to the question.
    pub style: ChoiceStyle,
    /// What stands around the question where it is put as a plain text.
    pub frame: TextFrame,
    /// Program that fails unless the answer is right; a function `check(candidate)` in it is called with the entry point.
    pub tests: String,
    /// Name of the function that the answer must define.
    pub entry_point: String,
    /// Beginning of the program that the answer may continue instead of repeating it (HumanEval).
    pub code_start: String,
    /// Items with the same cluster are not independent.
    pub cluster: Option<String>,
    /// Most tokens of an answer; the run's own default where absent.
    pub max_tokens: Option<u32>,
    /// Free labels.
    pub tags: Vec<String>,
    /// Where in the context the needed fact stands, 0 (start) to 1 (end).
    pub position: Option<f64>,
    /// Length of the context, in the suite's own measure.
    pub length: Option<u32>,
    /// How far a number may be off, in its own unit.
    pub tolerance: f64,
    /// Normalisers of exact and contained answers; the usual ones where empty.
    pub normalise: Vec<Normaliser>,
    /// Heuristic that checks the form of the answer.
    pub scorer: Option<Heuristic>,
    /// Words asked for, fewest and most.
    pub words: Option<[u32; 2]>,
    /// How demanding the task is, for heuristics.
    pub demand: Option<Demand>,
    /// Follow-up questions of the same conversation.
    pub turns: Vec<String>,
}

impl Item {
    /// An item with nothing but what every item has.
    #[must_use]
    pub fn new(
        id: impl Into<String>,
        task: impl Into<String>,
        kind: ItemKind,
        question: impl Into<String>,
    ) -> Self {
        Self {
            id: id.into(),
            task: task.into(),
            category: None,
            kind,
            question: question.into(),
            context: String::new(),
            system: None,
            answers: Vec::new(),
            solution: None,
            choices: Vec::new(),
            correct: None,
            style: ChoiceStyle::default(),
            frame: TextFrame::default(),
            tests: String::new(),
            entry_point: String::new(),
            code_start: String::new(),
            cluster: None,
            max_tokens: None,
            tags: Vec::new(),
            position: None,
            length: None,
            tolerance: 0.0,
            normalise: Vec::new(),
            scorer: None,
            words: None,
            demand: None,
            turns: Vec::new(),
        }
    }

    /// Whether it is a worked example.
    #[must_use]
    pub fn is_example(&self) -> bool {
        self.tags.iter().any(|tag| tag == EXAMPLE_TAG)
    }

    /// Number of choices from which the chance level follows; 0 where guessing gives nothing.
    #[must_use]
    pub fn options(&self) -> u32 {
        if self.kind == ItemKind::Choice { self.choices.len() as u32 } else { 0 }
    }
}

/// The letter of a choice: A for 0 and so on; `None` above Z.
#[must_use]
pub fn letter(index: usize) -> Option<char> {
    u8::try_from(index).ok().filter(|index| *index < 26).map(|index| char::from(b'A' + index))
}

/// What a suite says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SuiteHeader {
    /// Short name, e.g. `heldout-single`.
    pub name: String,
    /// Title for people.
    pub title: String,
    /// What it measures.
    pub description: String,
    /// Where the questions come from.
    pub source: String,
    /// Licence of the questions.
    pub license: String,
}

/// Questions that were read and checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Suite {
    /// What it says about itself.
    pub header: SuiteHeader,
    /// Format it was read from, e.g. `dyno.suite/1` or `gsm8k`.
    pub format: &'static str,
    /// How it was understood, where that is not obvious: what people should know who gave the file.
    pub remarks: Vec<String>,
    /// Questions to ask.
    pub items: Vec<Item>,
    /// Worked examples: items tagged `example`, never asked.
    pub examples: Vec<Item>,
    /// Lines that could not be used, the first [`REFUSED_MAX`].
    pub refused: Vec<LineProblem>,
    /// All lines that could not be used.
    pub refused_total: u64,
}

impl Suite {
    /// Its entry in a record; `sha256` is the digest (hex) of the bytes it was read from.
    #[must_use]
    pub fn id(&self, sha256: impl Into<String>) -> SuiteId {
        SuiteId {
            name: self.header.name.clone(),
            title: self.header.title.clone(),
            source: self.header.source.clone(),
            sha256: sha256.into(),
            items: self.items.len() as u64,
            refused: self.refused.iter().map(ToString::to_string).collect(),
        }
    }

    /// Its tasks, in the order in which they first occur.
    #[must_use]
    pub fn tasks(&self) -> Vec<&str> {
        let mut tasks: Vec<&str> = Vec::new();
        for item in &self.items {
            if !tasks.contains(&item.task.as_str()) {
                tasks.push(&item.task);
            }
        }
        tasks
    }
}
