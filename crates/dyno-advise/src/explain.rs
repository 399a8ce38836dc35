//! Advice in words: one sentence per choice and refusal, for somebody who has never run a model.

use dyno_types::{Choice, Constraint, Evidence, MemoryBudget, RateFigure, RefusalReason};

/// Bytes as people read them: `830 MiB`, `5.1 GiB`.
#[must_use]
pub fn bytes(value: u64) -> String {
    let mib = value as f64 / f64::from(1 << 20);
    if mib >= 1024.0 { format!("{:.1} GiB", mib / 1024.0) } else { format!("{mib:.0} MiB") }
}

/// A rate with its interval and origin: `8.1 tokens/s (predicted, 6.9 to 9.5)`.
fn rate(figure: &RateFigure) -> String {
    let digits = usize::from(figure.likely_tps < 100.0);
    let number = |value: f64| format!("{value:.digits$}");
    let range = figure
        .interval_tps
        .map(|[low, high]| format!(", {} to {}", number(low), number(high)))
        .unwrap_or_default();
    format!("{} tokens/s ({}{range})", number(figure.likely_tps), figure.evidence.name())
}

/// What the choice needs, does and scores, as clauses after "it".
pub(crate) fn merits(choice: &Choice, budget: &MemoryBudget) -> String {
    let usable = bytes(budget.usable_bytes);
    let memory = match (&choice.memory, choice.weights_bytes) {
        (Some(need), _) => {
            let (total, origin) = (bytes(need.total_bytes), need.evidence.name());
            format!("needs {total} ({origin}) of the {usable} of memory that may be used")
        }
        (None, Some(weights)) => {
            format!("needs more than its weights of {}, how much is not predicted", bytes(weights))
        }
        (None, None) => "needs memory that is not predicted".to_owned(),
    };
    let speed = match &choice.decode {
        Some(figure) => format!("writes about {}", rate(figure)),
        None => "has no predicted speed".to_owned(),
    };
    format!("{memory}, {speed}, and {}", quality(choice))
}

fn quality(choice: &Choice) -> String {
    let Some(figure) = &choice.quality else {
        return "has no evaluation here and no comparable figure published".to_owned();
    };
    let origin = match figure.evidence {
        Evidence::Published => "published, for full precision".to_owned(),
        other => {
            let ends = figure.interval.map(|[low, high]| format!(", {low:.1} to {high:.1}"));
            format!("{}{}", other.name(), ends.unwrap_or_default())
        }
    };
    let verb = if figure.label.contains("errors") { "makes" } else { "reaches" };
    let preposition = if figure.label.contains("errors") { "" } else { "in " };
    let value = match figure.evidence {
        Evidence::Published => figure.value.to_string(),
        _ => format!("{:.1}", figure.value),
    };
    format!("{verb} {value} % {preposition}{} ({origin})", figure.label)
}

/// What decided, as a clause.
fn constraint(choice: &Choice) -> String {
    match &choice.constraint {
        Constraint::Memory { quantization, needs_bytes, .. } => {
            format!("{quantization} would keep more quality, but needs {}", bytes(*needs_bytes))
        }
        Constraint::Speed { quantization, decode_tps } => {
            format!(
                "{quantization} would fit too, but at {decode_tps:.1} tokens/s its speed costs more than its quality gains"
            )
        }
        Constraint::Best => "no better quantization of it was considered".to_owned(),
        Constraint::Unpredicted => "whether it fits cannot be promised".to_owned(),
    }
}

/// The choice in one sentence.
pub(crate) fn choice_sentence(choice: &Choice, budget: &MemoryBudget) -> String {
    format!("{} at {} {}; {}.", choice.title, choice.quantization, merits(choice, budget), constraint(choice))
}

/// The refusal in one sentence; `alternative` is the choice to take instead.
pub(crate) fn refusal_sentence(title: &str, reason: &RefusalReason, alternative: Option<&Choice>) -> String {
    let why = match reason {
        RefusalReason::TooLarge { quantization, needs_bytes, usable_bytes } => format!(
            "even at {quantization} it needs {}, and {} may be used",
            bytes(*needs_bytes),
            bytes(*usable_bytes)
        ),
        RefusalReason::ContextTooLong { asked, trained } => {
            format!("it was made for at most {trained} tokens of context, and {asked} were asked for")
        }
        RefusalReason::TooSlow { decode_tps, least_tps } => {
            format!(
                "it fits, but writes {decode_tps:.2} tokens/s, less than the {least_tps} anybody would wait for"
            )
        }
        RefusalReason::Unknown => "neither its memory nor its size is known".to_owned(),
    };
    let instead = alternative.map(|choice| {
        let memory = choice.memory.as_ref().map(|need| format!(" ({})", bytes(need.total_bytes)));
        format!("; take {} at {}{} instead", choice.title, choice.quantization, memory.unwrap_or_default())
    });
    format!("{title} is not recommended: {why}{}.", instead.unwrap_or_default())
}
