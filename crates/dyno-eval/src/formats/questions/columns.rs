//! Which column of a file is the question, which the answer.

use serde_json::{Map, Value};

use super::ScoreBy;
use crate::LoadOptions;
use crate::fields::{FieldProblem, Fields};
use crate::formats::most;

/// Names of the question.
const QUESTION: [&str; 8] =
    ["question", "prompt", "instruction", "input", "query", "problem", "user", "context"];

/// Names of a conversation that ends with the question.
const MESSAGES: [&str; 3] = ["messages", "conversation", "conversations"];

/// Names of the answer, or of several.
const ANSWER: [&str; 19] = [
    "answer",
    "answers",
    "target",
    "targets",
    "expected",
    "expected_answer",
    "expected_output",
    "ideal",
    "reference",
    "references",
    "reference_answer",
    "gold",
    "output",
    "response",
    "completion",
    "correct_answer",
    "solution",
    "label",
    "result",
];

const FURTHER: [&str; 2] = ["aliases", "alternatives"];
const CHOICES: [&str; 2] = ["choices", "options"];
const SYSTEM: [&str; 3] = ["system", "system_prompt", "system_message"];
const CATEGORY: [&str; 5] = ["category", "subject", "topic", "task", "type"];
const CONTEXT: [&str; 3] = ["context", "passage", "document"];
const ID: [&str; 4] = ["id", "question_id", "qid", "uid"];
const SOLUTION: [&str; 4] = ["chain_of_thought", "rationale", "explanation", "reasoning"];

/// Most choices that have a column each.
const CHOICE_COLUMNS_MAX: u8 = 26;

/// Where the question stands.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// A text.
    Field(String),
    /// An instruction and what it applies to.
    Instruction { instruction: String, input: String },
    /// A conversation.
    Messages(String),
}

/// Where the choices stand.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Choices {
    /// Nowhere.
    None,
    /// In a list.
    List(String),
    /// In a column each.
    Columns(Vec<String>),
}

/// Which column is what.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::formats) struct Columns {
    pub(super) question: Asked,
    pub(super) answer: Option<String>,
    /// Whether conversations end with their answer.
    answered: bool,
    /// Whether a question may have no answer: a judge needs none.
    pub(super) open: bool,
    /// Further right answers.
    pub(super) further: Option<String>,
    pub(super) choices: Choices,
    pub(super) system: Option<String>,
    pub(super) category: Option<String>,
    pub(super) context: Option<String>,
    pub(super) id: Option<String>,
    pub(super) solution: Option<String>,
}

/// Every name that a header may have.
pub(in crate::formats) fn field_names() -> impl Iterator<Item = &'static str> {
    QUESTION.into_iter().chain(MESSAGES).chain(ANSWER)
}

impl Columns {
    /// The columns of these records; the message says what was found, what is needed and how to say which it is.
    pub(in crate::formats) fn find(
        first: &[&Map<String, Value>],
        options: LoadOptions<'_>,
    ) -> Result<Self, String> {
        let present = Present { first };
        let named = |column: Option<&str>| match column {
            Some(column) => match present.find(&[column]) {
                Some(found) => Ok(Some(found)),
                None => {
                    Err(format!("there is no column {column:?}; there are: {}", present.names().join(", ")))
                }
            },
            None => Ok(None),
        };
        let (given, answer) = (named(options.question_column)?, named(options.answer_column)?);
        let taken = |column: &Option<String>, names: &[&str]| {
            let column = column.clone();
            present.find_all(names).into_iter().find(|found| column.as_ref() != Some(found))
        };
        let asked = match given {
            Some(column) if present.is_list(&column) => Asked::Messages(column),
            Some(column) => Asked::Field(column),
            None => Self::asked(&present, answer.as_ref())
                .ok_or_else(|| present.lacking("question", &QUESTION, ""))?,
        };
        let question = asked.column().to_owned();
        let answer = answer.or_else(|| taken(&Some(question.clone()), &ANSWER));
        let answered = matches!(&asked, Asked::Messages(column) if present.ends_with_answer(column));
        let open = options.score == Some(ScoreBy::Judge);
        if answer.is_none() && !answered && !open {
            let judged = ", have what is written rated by a judge without one";
            return Err(present.lacking("answer", &ANSWER, judged));
        }
        // A judge takes the answers there are.
        let some = || present.find_any(&ANSWER).filter(|column| open && *column != question);
        let answer = answer.or_else(some);
        Ok(Self {
            further: present.find_any(&FURTHER),
            choices: present.choices(),
            system: present.find_any(&SYSTEM),
            category: present.find_any(&CATEGORY),
            context: present
                .find_any(&CONTEXT)
                .filter(|column| *column != question && answer.as_ref() != Some(column)),
            id: present.find(&ID),
            solution: present.find_any(&SOLUTION),
            question: asked,
            answer,
            answered,
            open,
        })
    }

    fn asked(present: &Present<'_>, answer: Option<&String>) -> Option<Asked> {
        let instruction = present.find(&["instruction"]);
        let input = present.find_any(&["input"]);
        if let (Some(instruction), Some(input), None) =
            (instruction, input, present.find(&["question", "prompt"]))
        {
            return Some(Asked::Instruction { instruction, input });
        }
        let text = present.find_all(&QUESTION).into_iter().find(|column| answer != Some(column));
        if let Some(column) = text {
            let messages = present.is_list(&column);
            return Some(if messages { Asked::Messages(column) } else { Asked::Field(column) });
        }
        present.find(&MESSAGES).map(Asked::Messages)
    }

    /// Which columns were taken, in words.
    pub(super) fn sentence(&self) -> String {
        let question = self.question.column();
        match &self.answer {
            Some(answer) => format!("questions from `{question}`, answers from `{answer}`"),
            None if self.answered => format!("questions and answers from `{question}`"),
            None => format!("questions from `{question}`, without answers"),
        }
    }
}

impl Asked {
    fn column(&self) -> &str {
        match self {
            Self::Field(column) | Self::Messages(column) => column,
            Self::Instruction { instruction, .. } => instruction,
        }
    }
}

impl Choices {
    /// The choices of one record.
    pub(super) fn read(&self, fields: &Fields<'_>) -> Result<Vec<String>, FieldProblem> {
        match self {
            Self::None => Ok(Vec::new()),
            Self::List(column) => match fields.value(column) {
                Some(Value::Object(map)) => Fields::new(map).texts("text"),
                _ => fields.texts(column),
            },
            Self::Columns(columns) => {
                let texts = columns.iter().map(|column| fields.optional_text(column));
                let texts = texts.collect::<Result<Vec<_>, _>>()?;
                Ok(texts.into_iter().flatten().filter(|text| !text.trim().is_empty()).collect())
            }
        }
    }
}

/// What the first records have.
struct Present<'a> {
    first: &'a [&'a Map<String, Value>],
}

impl Present<'_> {
    fn names(&self) -> Vec<&str> {
        self.first[0].keys().map(String::as_str).take(30).collect()
    }

    /// The first of these names that most records have, as the file spells it.
    fn find(&self, names: &[&str]) -> Option<String> {
        self.find_all(names).into_iter().next()
    }

    fn find_all(&self, names: &[&str]) -> Vec<String> {
        let spelled = names.iter().filter_map(|name| self.spelled(name));
        let filled = |value: &Value| match value {
            Value::Null => false,
            Value::String(text) => !text.trim().is_empty(),
            _ => true,
        };
        spelled.filter(|name| most(self.first, |record| record.get(name).is_some_and(filled))).collect()
    }

    /// The first of these names that any record has.
    fn find_any(&self, names: &[&str]) -> Option<String> {
        names.iter().find_map(|name| self.spelled(name))
    }

    fn spelled(&self, name: &str) -> Option<String> {
        let mut keys = self.first.iter().flat_map(|record| record.keys());
        keys.find(|key| plain(key) == plain(name)).cloned()
    }

    fn is_list(&self, column: &str) -> bool {
        most(self.first, |record| record.get(column).is_some_and(Value::is_array))
    }

    /// Whether the conversations in a column end with an answer.
    fn ends_with_answer(&self, column: &str) -> bool {
        most(self.first, |record| {
            let last = record.get(column).and_then(Value::as_array).and_then(|messages| messages.last());
            let role = last.and_then(|last| last.get("role").or_else(|| last.get("from")));
            role.and_then(Value::as_str).is_some_and(|role| ["assistant", "gpt", "model"].contains(&role))
        })
    }

    /// A list of choices, or a column for each.
    fn choices(&self) -> Choices {
        if let Some(list) = self.find(&CHOICES) {
            return Choices::List(list);
        }
        let named = |number: u8| {
            let letter = char::from(b'a' + number);
            let number = number + 1;
            [
                letter.to_string(),
                format!("option_{letter}"),
                format!("choice_{letter}"),
                format!("option{number}"),
                format!("choice{number}"),
                format!("option_{number}"),
                format!("choice_{number}"),
                format!("answer{letter}"),
            ]
        };
        for way in 0..named(0).len() {
            let columns = (0..CHOICE_COLUMNS_MAX).map_while(|number| self.find_any(&[&named(number)[way]]));
            let columns: Vec<String> = columns.collect();
            if columns.len() >= 2 {
                return Choices::Columns(columns);
            }
        }
        Choices::None
    }

    /// What is missing, beside what is there, and what to do.
    fn lacking(&self, what: &str, names: &[&str], instead: &str) -> String {
        let usual = names.iter().take(7).copied().collect::<Vec<_>>().join(", ");
        let there = |name: &&str| match self.find(&[name]) {
            Some(_) => (*name).to_owned(),
            None => format!("{name} (empty)"),
        };
        let there: Vec<String> = self.names().iter().map(there).collect();
        format!(
            "a file of plain questions needs a column for the {what} ({usual}, …), and has {}; rename one{instead}, or say which it is",
            there.join(", ")
        )
    }
}

/// A name without case, and with one sign for what parts words.
fn plain(name: &str) -> String {
    name.trim().to_lowercase().replace([' ', '-'], "_")
}
