//! Training conversations, one JSON line each, numbered: the same seed gives the same line at the same number.

use dyno_eval::Example;
use dyno_types::ChatMessage;
use serde::Serialize;

use crate::item::{Item, Side};
use crate::plan::PLAN;
use crate::random::Draws;
use crate::style::Asked;
use crate::{story, style};

/// One line of a training file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Lesson {
    /// One question with its answer.
    Turn {
        /// Task, a name of the curriculum.
        task: &'static str,
        /// Prompt strategy.
        style: &'static str,
        /// System message.
        system: Option<String>,
        /// User's message.
        user: String,
        /// Answer that is taught.
        assistant: String,
    },
    /// One to three worked examples, then a question with its answer.
    Turns {
        /// Task.
        task: &'static str,
        /// `few_shot`.
        style: &'static str,
        /// Messages in order, the last one the answer.
        messages: Vec<ChatMessage>,
    },
    /// Plain text.
    Text {
        /// Task.
        task: &'static str,
        /// Text.
        text: String,
    },
}

/// Most worked examples before a question.
const EXAMPLES_MAX: usize = 3;

/// Longest message that is repeated as an example, bytes.
const EXAMPLE_BYTES_MAX: usize = 400;

/// Lesson `index` of a seed.
///
/// # Panics
/// Never: every task of the committed curriculum has something to teach, which a test checks.
#[must_use]
pub fn lesson(seed: u64, index: u64) -> Lesson {
    let draws = &mut Draws::new(seed, index);
    if draws.chance(PLAN.plain_text) {
        return Lesson::Text { task: "story", text: story::plain(draws) };
    }
    let task = PLAN.draw_task(draws);
    let item = taught(task, draws);
    let steps = draws.chance(PLAN.tasks[task].steps);
    if draws.chance(PLAN.few_shot) && item.question.len() <= EXAMPLE_BYTES_MAX {
        return with_examples(task, item, steps, draws);
    }
    let answer = if steps { item.worked() } else { item.answer };
    turns(item.task, style::ask(item.question, steps, draws), answer)
}

/// A conversation as a line of the shortest form that holds it.
fn turns(task: &'static str, mut asked: Asked, answer: String) -> Lesson {
    let style = asked.style;
    let is_turn =
        asked.messages.len() == 1 || (asked.messages.len() == 2 && asked.messages[0].role == "system");
    let user = if is_turn { asked.messages.pop() } else { None };
    match user {
        Some(user) => {
            let system = asked.messages.pop().map(|message| message.content);
            Lesson::Turn { task, style, system, user: user.content, assistant: answer }
        }
        None => {
            asked.messages.push(ChatMessage { role: "assistant".to_owned(), content: answer });
            Lesson::Turns { task, style, messages: asked.messages }
        }
    }
}

fn taught(task: usize, draws: &mut Draws) -> Item {
    PLAN.draw_item(task, Side::Training, draws).expect("a test draws from every task")
}

fn with_examples(task: usize, item: Item, steps: bool, draws: &mut Draws) -> Lesson {
    let answer = |item: &Item| if steps { item.worked() } else { item.answer.clone() };
    let examples: Vec<Example> = (0..=draws.below(EXAMPLES_MAX))
        .map(|_| taught(task, draws))
        .filter(|other| other.question.len() <= EXAMPLE_BYTES_MAX && other.identity != item.identity)
        .map(|other| Example { answer: answer(&other), question: other.question })
        .collect();
    let answer = answer(&item);
    turns(item.task, style::ask_behind(&examples, item.question, draws), answer)
}
