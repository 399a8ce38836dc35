//! The first line of the advice: what to use, why, and what to type.

use dyno_types::{Advice, Choice, MemoryBudget, Standing};

use crate::explain::{bytes, merits, refusal_sentence};
use crate::pages;

/// One sentence a newcomer understands. `alternative` is what to take when the one model asked about is refused.
pub(crate) fn headline(advice: &Advice, alternative: Option<&Choice>) -> String {
    let role = advice.request.role.name();
    let first = advice.choices.first();
    match (first, &advice.request.model) {
        (Some(choice), model) if choice.memory.is_some() => {
            let purpose = if model.is_some() { String::new() } else { format!(" for {}", purpose(role)) };
            let beside = if choice.standing == Standing::Builtin && advice.request.among.is_empty() {
                beside_builtin(advice, choice, role)
            } else {
                None
            };
            beside.unwrap_or_else(|| take(choice, &advice.budget, &purpose))
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

/// When only a reference model inside the program is here: what to fetch instead.
fn beside_builtin(advice: &Advice, builtin: &Choice, role: &str) -> Option<String> {
    let is_fetched = |choice: &&Choice| choice.standing == Standing::Elsewhere && choice.memory.is_some();
    let fetched = advice.choices.iter().chain(&advice.beaten).find(is_fetched)?;
    let purpose = format!(" for {}", purpose(role));
    Some(format!(
        "Only {}, which is there to test dyno, is here{purpose}. To be fetched: {}",
        builtin.model,
        take(fetched, &advice.budget, &purpose).replacen("Use ", "use ", 1)
    ))
}

/// A role as the purpose of something.
fn purpose(role: &str) -> &str {
    if role == "general" { "general use" } else { role }
}

fn take(choice: &Choice, budget: &MemoryBudget, purpose: &str) -> String {
    let merits = merits(choice, budget);
    if let Some(program) = &choice.runs_with {
        let fetch = choice.command.as_ref().map(|command| format!("; fetch it with: {command}"));
        return format!(
            "dyno does not run models for this yet; {program} runs {} at {}: it {merits}{}",
            choice.title,
            choice.quantization,
            fetch.unwrap_or_else(|| ".".to_owned())
        );
    }
    let how = choice.command.as_ref().map(|command| format!("; run it with: {command}"));
    let how = how.unwrap_or_else(|| ".".to_owned());
    let here = choice.here.as_ref().map(|here| format!("it is here ({}), ", here.place));
    let it = if here.is_some() { "" } else { "it " };
    format!(
        "Use {} at {}{purpose}: {}{it}{merits}{how}",
        choice.title,
        choice.quantization,
        here.unwrap_or_default()
    )
}

/// What to know about the order of the choices: something better that would have to be fetched, and a preference that decided.
pub(crate) fn order_notes(advice: &Advice, best: &[Choice]) -> Vec<String> {
    let mut notes = Vec::new();
    let Some(first) = best.first().filter(|_| advice.request.model.is_none()) else { return notes };
    let same = |choice: &&Choice| choice.standing == first.standing && choice.runs_with == first.runs_with;
    let by_score = |one: &&Choice, other: &&Choice| one.score.total_cmp(&other.score);
    let highest = best.iter().filter(|choice| choice.memory.is_some()).filter(same).max_by(by_score);
    if let Some(highest) = highest.filter(|highest| highest.score > first.score) {
        notes.push(format!(
            "{} scores about as high as {} ({:.3} and {:.3}) and is named by the rules for {}",
            first.model,
            highest.model,
            first.score,
            highest.score,
            purpose(advice.request.role.name())
        ));
    }
    let fetched = best.iter().filter(|choice| {
        choice.standing == Standing::Elsewhere && choice.memory.is_some() && choice.runs_with.is_none()
    });
    let better = fetched.max_by(by_score).filter(|other| other.score > first.score);
    if let Some(other) = better.filter(|_| matches!(first.standing, Standing::Here | Standing::Measured)) {
        let command = other.command.as_ref().map(|command| format!(": {command}")).unwrap_or_default();
        notes.push(format!(
            "What is here goes first. By predicted and published figures {} at {} would score higher{command}",
            other.title, other.quantization
        ));
    }
    notes
}

fn nothing(advice: &Advice) -> String {
    let (role, context) = (advice.request.role.name(), advice.request.context);
    format!(
        "Nothing for {} with a window of {context} tokens fits into the {} that may be used of {}; give more memory, \
         ask for a smaller window, or see the reasons below.",
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
