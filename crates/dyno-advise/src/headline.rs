//! The first line of the advice: what to use, why, and what to type.

use dyno_types::{Advice, Choice, MemoryBudget};

use crate::explain::{bytes, merits, refusal_sentence};
use crate::pages;

/// One sentence a newcomer understands. `alternative` is what to take when the one model asked about is refused.
pub(crate) fn headline(advice: &Advice, alternative: Option<&Choice>) -> String {
    let role = advice.request.role.name();
    let first = advice.choices.first();
    match (first, &advice.request.model) {
        (Some(choice), model) if choice.memory.is_some() => {
            let purpose = if model.is_some() { String::new() } else { format!(" for {}", purpose(role)) };
            take(choice, &advice.budget, &purpose)
        }
        (Some(choice), _) => format!(
            "Nothing can be promised for {}: no memory is predicted; the likeliest is {} at {}, whose weights take {} \
             of the {} that may be used.",
            purpose(role),
            choice.title,
            choice.quantization,
            choice.weights_bytes.map_or_else(|| "an unknown part".to_owned(), bytes),
            bytes(advice.budget.usable_bytes),
        ),
        (None, Some(_)) => match (advice.not_recommended.first(), alternative) {
            (Some(refusal), Some(other)) => {
                let why = refusal_sentence(&refusal.title, &refusal.reason, None);
                format!("{why} {}", take(other, &advice.budget, " instead"))
            }
            (Some(refusal), None) => refusal.explanation.clone(),
            (None, _) => "There is nothing to choose from.".to_owned(),
        },
        (None, None) => nothing(advice),
    }
}

/// A role as the purpose of something.
fn purpose(role: &str) -> &str {
    if role == "general" { "general use" } else { role }
}

fn take(choice: &Choice, budget: &MemoryBudget, purpose: &str) -> String {
    let how = match (&choice.command, &choice.runs_with) {
        (Some(command), _) => format!("; run it with: {command}"),
        (None, Some(program)) => format!("; it runs with {program}."),
        (None, None) => ".".to_owned(),
    };
    format!("Use {} at {}{purpose}: it {}{how}", choice.title, choice.quantization, merits(choice, budget))
}

fn nothing(advice: &Advice) -> String {
    let (role, context) = (advice.request.role.name(), advice.request.context);
    format!(
        "Nothing for {} with a window of {context} tokens fits into the {} that may be used of {}; give more memory, \
         ask for a shorter --context, or see the reasons below.",
        purpose(role),
        bytes(advice.budget.usable_bytes),
        bytes(advice.budget.memory_bytes),
    )
}

/// What window is possible when the one asked for is not.
pub(crate) fn window_note(choice: &Choice, window: u32, asked: u32) -> String {
    format!(
        "The longest window here is {window} tokens (about {:.0} pages), with {} at {}; {asked} tokens are about {:.0} pages.",
        pages(u64::from(window)),
        choice.title,
        choice.quantization,
        pages(u64::from(asked)),
    )
}
