//! From an item, a strategy and worked examples to what a model is given.

use dyno_types::{ChatMessage, Prompt};

use crate::continuation::at_word_start;
use crate::{
    ChoiceStyle, Example, ExamplesFrom, ExamplesPlace, Item, ItemKind, PrefixPlace, Strategy, Suite,
    TextFrame, letter,
};

/// How a question reaches the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Framing {
    /// As a chat, which the model's template renders. A chat that ends with a message of the assistant is to be continued.
    Chat,
    /// As a text that goes on, for models without a template.
    Text,
}

/// One stretch of text to be scored after a prompt.
#[derive(Debug, Clone, PartialEq)]
pub struct LikelihoodRequest {
    /// What stands before it.
    pub prompt: Prompt,
    /// The text to score.
    pub continuation: String,
    /// Characters of the choice itself, without what parts it from the prompt.
    pub chars: u32,
    /// Its bytes.
    pub bytes: u32,
}

impl LikelihoodRequest {
    fn new(prompt: Prompt, continuation: String, choice: &str) -> Self {
        let [chars, bytes] =
            [choice.chars().count(), choice.len()].map(|length| u32::try_from(length).unwrap_or(u32::MAX));
        Self { prompt, continuation, chars, bytes }
    }
}

/// The text a person would read as the question: context, question, listed choices.
#[must_use]
pub fn question_text(item: &Item, list_choices: bool) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut add = |text: &str| {
        if !text.trim().is_empty() {
            parts.push(text.to_owned());
        }
    };
    add(&item.context);
    add(&item.question);
    if !item.code_start.is_empty() {
        add(&format!("```python\n{}\n```", item.code_start.trim_end()));
    }
    let mut text = parts.join("\n\n");
    if list_choices {
        for (index, choice) in item.choices.iter().enumerate() {
            let name = letter(index).map_or_else(|| (index + 1).to_string(), String::from);
            text.push_str(&format!("\n{name}. {choice}"));
        }
    }
    text
}

/// Prompt for an answer that the model writes.
#[must_use]
pub fn generation_prompt(item: &Item, strategy: &Strategy, examples: &[Example], framing: Framing) -> Prompt {
    let question = question_text(item, item.kind == ItemKind::Choice);
    match framing {
        Framing::Chat => Prompt::Chat(chat(item, strategy, examples, &question)),
        // A program that was begun is continued as it stands; words around it would only end up inside it.
        Framing::Text if !item.code_start.is_empty() => Prompt::Text(item.code_start.clone()),
        Framing::Text => Prompt::Text(text(item, strategy, examples, &question)),
    }
}

/// Prompt and continuation of every choice, in order; for cloze, of every accepted ending. Empty for items that no
/// likelihood decides. Passages that a choice continues or fills are always framed as text: a chat would break the sentence.
#[must_use]
pub fn likelihood_requests(
    item: &Item,
    strategy: &Strategy,
    examples: &[Example],
    framing: Framing,
) -> Vec<LikelihoodRequest> {
    match (item.kind, item.style) {
        (ItemKind::Cloze, _) => {
            item.answers.iter().map(|answer| after(&question_text(item, false), answer)).collect()
        }
        (ItemKind::Choice, ChoiceStyle::Ending) => {
            item.choices.iter().map(|choice| after(&question_text(item, false), choice)).collect()
        }
        (ItemKind::Choice, ChoiceStyle::Blank) => blanks(item),
        (ItemKind::Choice, style) => {
            let question = question_text(item, style == ChoiceStyle::Letters);
            let continuation = |index: usize| match (style, letter(index)) {
                (ChoiceStyle::Letters, Some(letter)) => letter.to_string(),
                _ => item.choices[index].clone(),
            };
            let continuations: Vec<String> = (0..item.choices.len()).map(continuation).collect();
            match framing {
                Framing::Chat => {
                    let prompt = Prompt::Chat(chat(item, strategy, examples, &question));
                    let request =
                        |choice: String| LikelihoodRequest::new(prompt.clone(), choice.clone(), &choice);
                    continuations.into_iter().map(request).collect()
                }
                Framing::Text => {
                    let prefix = text(item, strategy, examples, &question);
                    continuations.iter().map(|continuation| after(&prefix, continuation)).collect()
                }
            }
        }
        _ => Vec::new(),
    }
}

/// A choice one space behind a text. The space, and white space that the text ends with, belongs to the continuation; white
/// space that the choice begins with stays.
fn after(prefix: &str, choice: &str) -> LikelihoodRequest {
    let (prefix, continuation) = at_word_start(&format!("{prefix} "), choice);
    LikelihoodRequest::new(Prompt::Text(prefix), continuation, choice)
}

/// Each choice fills the gap; the text behind the gap is scored, which is the same for all.
fn blanks(item: &Item) -> Vec<LikelihoodRequest> {
    let Some((before, behind)) = item.question.split_once('_') else { return Vec::new() };
    let before =
        if item.context.is_empty() { before.to_owned() } else { format!("{}\n\n{before}", item.context) };
    let request = |choice: &String| after(&format!("{before}{choice}"), behind.trim());
    item.choices.iter().map(request).collect()
}

/// The question as the strategy wants it asked.
fn asked(strategy: &Strategy, question: &str) -> String {
    let prefix = if strategy.prefix_place == PrefixPlace::Question { strategy.prefix.as_str() } else { "" };
    format!("{prefix}{question}{}", strategy.suffix)
}

fn answer_begins(strategy: &Strategy) -> &str {
    if strategy.prefix_place == PrefixPlace::Answer { &strategy.prefix } else { "" }
}

fn system_text(item: &Item, strategy: &Strategy) -> String {
    let parts = [item.system.as_deref(), strategy.system.as_deref()];
    parts.into_iter().flatten().filter(|part| !part.trim().is_empty()).collect::<Vec<_>>().join("\n\n")
}

fn example_lines(examples: &[Example], frame: &TextFrame) -> String {
    let TextFrame { before, after, .. } = frame;
    let line = |example: &Example| format!("{before}{}{after} {}\n\n", example.question, example.answer);
    examples.iter().map(line).collect()
}

fn chat(item: &Item, strategy: &Strategy, examples: &[Example], question: &str) -> Vec<ChatMessage> {
    let message = |role: &str, content: String| ChatMessage { role: role.to_owned(), content };
    let mut messages = Vec::new();
    let system = system_text(item, strategy);
    if !system.is_empty() {
        messages.push(message("system", system));
    }
    let mut question = asked(strategy, question);
    match strategy.examples_place {
        ExamplesPlace::Text => {
            question = format!("{}{question}", example_lines(examples, &TextFrame::default()))
        }
        ExamplesPlace::Turns => {
            for example in examples {
                messages.push(message("user", asked(strategy, &example.question)));
                messages.push(message("assistant", example.answer.clone()));
            }
        }
    }
    messages.push(message("user", question));
    let begins = answer_begins(strategy);
    if !begins.is_empty() {
        messages.push(message("assistant", begins.to_owned()));
    }
    messages
}

fn text(item: &Item, strategy: &Strategy, examples: &[Example], question: &str) -> String {
    let system = system_text(item, strategy);
    let system = if system.is_empty() { system } else { format!("{system}\n\n") };
    let question = asked(strategy, question);
    let begins = answer_begins(strategy);
    let gap = if begins.is_empty() { "" } else { " " };
    let TextFrame { opening, before, after } = &item.frame;
    let examples = example_lines(examples, &item.frame);
    format!("{system}{opening}{examples}{before}{question}{after}{gap}{begins}")
}

/// Texts that end a generated answer, besides the model's own end: a text frame would go on with the next question, a
/// continued program with the next definition.
#[must_use]
pub fn stop_texts(item: &Item, framing: Framing) -> Vec<String> {
    let stops: &[&str] = match framing {
        Framing::Chat => &[],
        Framing::Text if !item.code_start.is_empty() => &["\nclass ", "\ndef ", "\n#", "\nif ", "\nprint("],
        Framing::Text => &["\nQuestion:", "\n\n\n"],
    };
    stops.iter().map(ToString::to_string).collect()
}

/// The next turn of a conversation: what was asked and answered so far, and the follow-up question.
#[must_use]
pub fn follow_up(mut messages: Vec<ChatMessage>, answer: &str, question: &str) -> Vec<ChatMessage> {
    if messages.last().is_some_and(|last| last.role == "assistant") {
        let begun = messages.pop().map(|last| last.content).unwrap_or_default();
        messages.push(ChatMessage { role: "assistant".to_owned(), content: format!("{begun}{answer}") });
    } else {
        messages.push(ChatMessage { role: "assistant".to_owned(), content: answer.to_owned() });
    }
    messages.push(ChatMessage { role: "user".to_owned(), content: question.to_owned() });
    messages
}

/// Items of a suite that may serve as worked examples: those tagged `example`, and only where there are none, all its items; in
/// an order that the seed decides, the same for every item, so that prompts share their beginning.
#[derive(Debug, Clone)]
pub struct ExamplePool<'a> {
    items: Vec<&'a Item>,
}

impl<'a> ExamplePool<'a> {
    /// The pool of a suite.
    #[must_use]
    pub fn new(suite: &'a Suite, seed: u64) -> Self {
        let pool = if suite.examples.is_empty() { &suite.items } else { &suite.examples };
        let mut items: Vec<&Item> = pool.iter().collect();
        items.sort_by_cached_key(|item| shuffled(&item.id, seed));
        Self { items }
    }

    /// Worked examples for one item: the strategy's own, or `count` from the pool when the strategy or the caller wants those.
    /// Same task first. Never the item itself, one of its cluster, or one that asks the same under another id.
    #[must_use]
    pub fn worked_examples(&self, item: &Item, strategy: &Strategy, count: Option<u32>) -> Vec<Example> {
        let from_suite = strategy.examples_from == ExamplesFrom::Suite;
        let wanted = match count {
            Some(count) => count as usize,
            None if from_suite => strategy.examples.len(),
            None => return strategy.examples.clone(),
        };
        let same_question = |other: &Item| {
            let asks = |item: &Item| (item.context.trim().to_owned(), item.question.trim().to_owned());
            asks(other) == asks(item)
        };
        let related = |other: &Item| {
            other.id == item.id
                || (other.cluster.is_some() && other.cluster == item.cluster)
                || same_question(other)
        };
        let of_task = |same: bool| self.items.iter().filter(move |other| (other.task == item.task) == same);
        let found: Vec<Example> = of_task(true)
            .chain(of_task(false))
            .filter(|other| !related(other))
            .filter_map(|other| as_example(other, strategy.prefers_steps))
            .take(wanted)
            .collect();
        if found.is_empty() { strategy.examples.iter().take(wanted).cloned().collect() } else { found }
    }
}

/// An item with its answer in the wanted style; `None` when it has no answer to show.
fn as_example(item: &Item, steps: bool) -> Option<Example> {
    let question = question_text(item, item.kind == ItemKind::Choice && item.style == ChoiceStyle::Letters);
    let short = match (item.kind, item.correct) {
        (ItemKind::Choice, Some(correct)) if item.style == ChoiceStyle::Letters => {
            letter(correct).map(String::from)
        }
        (ItemKind::Choice, Some(correct)) => item.choices.get(correct).cloned(),
        (ItemKind::Code, _) => {
            item.solution.as_ref().map(|solution| format!("{}{solution}", item.code_start))
        }
        _ => item.answers.first().cloned(),
    };
    let answer = if steps { item.solution.clone().or(short) } else { short };
    answer.map(|answer| Example { question, answer })
}

/// A number that orders ids differently for every seed (FNV-1a, 64 bits, over the seed and the id).
fn shuffled(id: &str, seed: u64) -> u64 {
    let bytes = seed.to_le_bytes();
    bytes.iter().chain(id.as_bytes()).fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests;
