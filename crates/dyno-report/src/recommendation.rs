//! The advice of `dyno recommend` for a terminal: the answer first, then the table, then what not to run.

use dyno_types::{
    Advice, Choice, Constraint, Evidence, Loading, MemoryNeed, QualityFigure, RateFigure, ReadingPlan, Stack,
    StackAdvice, Unit,
};

use crate::figure::{MISSING, bytes, count, figure, number};
use crate::terminal::{grid, right, trimmed};
use crate::text::plain;

/// What stands before a figure, so that nobody takes one kind for another, also without colours.
const LEGEND: &str = "= measured here (95 % interval)   ~ predicted (90 % interval)   * published by others, for full precision";

fn mark(evidence: Evidence) -> &'static str {
    match evidence {
        Evidence::Measured => "=",
        Evidence::Predicted => "~",
        Evidence::Published => "*",
    }
}

/// The advice, at most `top` choices; `explain` adds a sentence and the memory by part for each, and what is beaten.
#[must_use]
pub fn advice_text(advice: &Advice, top: usize, explain: bool) -> String {
    let mut text = format!("{}\n", plain_sentence(&advice.headline));
    text += &budget_line(advice);
    let shown = &advice.choices[..advice.choices.len().min(top)];
    if !shown.is_empty() {
        text += &format!("\n{}{LEGEND}\n", choices_table(shown));
    }
    if shown.len() < advice.choices.len() {
        text += &format!("{} more; --top shows them.\n", advice.choices.len() - shown.len());
    }
    if explain {
        text +=
            &shown.iter().enumerate().map(|(index, choice)| explanation(index, choice)).collect::<String>();
        text += &beaten(&advice.beaten);
    }
    text += &refusals(advice);
    text += &advice.reading.as_ref().map(reading).unwrap_or_default();
    text + &advice.notes.iter().map(|note| format!("Note: {}\n", plain_sentence(note))).collect::<String>()
}

/// Stacks for several memories.
#[must_use]
pub fn stacks_text(advice: &StackAdvice) -> String {
    let mut text = format!("{}\n", plain_sentence(&advice.headline));
    for stack in &advice.stacks {
        text += &stack_section(stack);
    }
    text += &format!("\n{LEGEND}\n");
    text + &advice.notes.iter().map(|note| format!("Note: {}\n", plain_sentence(note))).collect::<String>()
}

/// Sentences are built from the catalogue and file names; nothing in them may act on the terminal.
fn plain_sentence(sentence: &str) -> String {
    sentence.chars().map(|character| if character.is_control() { '\u{FFFD}' } else { character }).collect()
}

fn budget_line(advice: &Advice) -> String {
    let request = &advice.request;
    format!(
        "Asked: {} · priority {} · window {} tokens · {} of {} may be used ({:.0} % stay free{})\n",
        request.role.name(),
        request.priority.name(),
        count(u64::from(request.context)),
        bytes(advice.budget.usable_bytes),
        bytes(advice.budget.memory_bytes),
        advice.budget.margin * 100.0,
        request.profile.map(|profile| format!(", {}", profile.name())).unwrap_or_default(),
    )
}

fn choices_table(choices: &[Choice]) -> String {
    let mut table =
        grid(&["#", "model", "quant", "memory", "decode tokens/s", "quality", "KV", "decided by"]);
    for (index, choice) in choices.iter().enumerate() {
        table.add_row([
            (index + 1).to_string(),
            plain(&choice.model),
            plain(&choice.quantization),
            memory(choice),
            rate(choice.decode.as_ref()),
            quality(choice.quality.as_ref()),
            choice.settings.kv_type_k.name().to_owned(),
            decided(&choice.constraint),
        ]);
    }
    right(&mut table, 3..6);
    trimmed(&table)
}

fn memory(choice: &Choice) -> String {
    match (&choice.memory, choice.weights_bytes) {
        (Some(need), _) => need_cell(need),
        (None, Some(weights)) => format!("not predicted (> {})", bytes(weights)),
        (None, None) => "not predicted".to_owned(),
    }
}

fn need_cell(need: &MemoryNeed) -> String {
    format!("{}{}", mark(need.evidence), bytes(need.total_bytes))
}

fn rate(rate: Option<&RateFigure>) -> String {
    let Some(rate) = rate else { return "not predicted".to_owned() };
    let interval = rate
        .interval_tps
        .map(|[low, high]| format!(" [{}, {}]", number(low), number(high)))
        .unwrap_or_default();
    format!("{}{}{interval}", mark(rate.evidence), number(rate.likely_tps))
}

fn quality(figure: Option<&QualityFigure>) -> String {
    figure.map_or_else(
        || MISSING.to_owned(),
        |figure| format!("{}{} % {}", mark(figure.evidence), number(figure.value), plain(&figure.label)),
    )
}

fn decided(constraint: &Constraint) -> String {
    match constraint {
        Constraint::Memory { quantization, needs_bytes, .. } => {
            format!("memory: {} needs {}", plain(quantization), bytes(*needs_bytes))
        }
        Constraint::Speed { quantization, decode_tps } => {
            format!("speed: {} has {}", plain(quantization), figure(Unit::TokensPerSecond, *decode_tps))
        }
        Constraint::Best => "nothing better".to_owned(),
        Constraint::Unpredicted => "not predicted".to_owned(),
    }
}

fn explanation(index: usize, choice: &Choice) -> String {
    let mut text = format!("\n{}. {}\n", index + 1, plain_sentence(&choice.explanation));
    if let Some(parts) = choice.memory.as_ref().and_then(|need| need.parts) {
        text += &format!(
            "   memory  weights {} (mapped) + {} (copied) · KV cache {} · compute {} · process {}\n",
            bytes(parts.weights_mapped_bytes),
            bytes(parts.weights_anonymous_bytes),
            bytes(parts.kv_bytes),
            bytes(parts.compute_bytes),
            bytes(parts.process_bytes),
        );
    }
    if let Some(figure) = &choice.quality {
        let conditions = figure.conditions.as_ref().map(|text| format!(", {text}")).unwrap_or_default();
        text += &format!(
            "   quality {}{}; {} is taken to keep {:.1} % of it\n",
            plain_sentence(&figure.source),
            plain_sentence(&conditions),
            plain(&choice.quantization),
            figure.kept * 100.0
        );
    }
    let prefill = choice.prefill.as_ref().map(|prefill| format!("{} tokens/s", rate(Some(prefill))));
    let lines = [
        ("prefill", prefill),
        ("score", Some(format!("{:.3}", choice.score))),
        ("licence", choice.licence.clone()),
        ("needs", choice.runs_with.as_ref().map(|program| format!("{program}; dyno does not run it yet"))),
        ("remark", choice.remark.clone()),
        ("run", choice.command.clone()),
    ];
    for (label, line) in lines {
        text += &line.map(|line| format!("   {label:<7} {}\n", plain_sentence(&line))).unwrap_or_default();
    }
    text
}

fn beaten(choices: &[Choice]) -> String {
    if choices.is_empty() {
        return String::new();
    }
    let names: Vec<String> = choices
        .iter()
        .map(|choice| format!("{} at {}", plain(&choice.model), plain(&choice.quantization)))
        .collect();
    format!("\nFit too, but something above is no worse in quality, speed and memory: {}\n", names.join(", "))
}

fn refusals(advice: &Advice) -> String {
    // For the one model asked about, the first line has said it already.
    if advice.not_recommended.is_empty() || advice.request.model.is_some() {
        return String::new();
    }
    let lines: String = advice
        .not_recommended
        .iter()
        .map(|refusal| format!("  - {}\n", plain_sentence(&refusal.explanation)))
        .collect();
    format!("\nNOT RECOMMENDED\n{lines}")
}

fn reading(plan: &ReadingPlan) -> String {
    match plan {
        ReadingPlan::Whole { window } => {
            format!("Reading: whole, in a window of {} tokens.\n", count(u64::from(*window)))
        }
        ReadingPlan::Chunks { chunk, overlap, count: parts } => format!(
            "Reading: in {} parts of {} tokens that share {} with their neighbours, then once over the answers.\n",
            count(*parts),
            count(u64::from(*chunk)),
            count(u64::from(*overlap))
        ),
        ReadingPlan::SlidingWindow { window, step } => format!(
            "Reading: the newest {} tokens; {} make room at a time.\n",
            count(u64::from(*window)),
            count(u64::from(*step))
        ),
    }
}

fn stack_section(stack: &Stack) -> String {
    let loading = match stack.loading {
        Loading::OneAtATime => "one model at a time",
        Loading::Together => "all loaded together",
    };
    let mut text = format!(
        "\n{}, {loading}: at most {} of the {} that may be used\n",
        bytes(stack.budget.memory_bytes),
        bytes(stack.peak_bytes),
        bytes(stack.budget.usable_bytes)
    );
    let mut table = grid(&["role", "model", "quant", "memory", "decode tokens/s", "quality", "runs with"]);
    for (role, choice) in &stack.choices {
        table.add_row([
            role.name().to_owned(),
            plain(&choice.model),
            plain(&choice.quantization),
            memory(choice),
            choice.decode.as_ref().map_or_else(|| MISSING.to_owned(), |decode| rate(Some(decode))),
            quality(choice.quality.as_ref()),
            plain(choice.runs_with.as_deref().unwrap_or("dyno")),
        ]);
    }
    right(&mut table, 3..6);
    if !stack.choices.is_empty() {
        text += &trimmed(&table);
    }
    if !stack.unfilled.is_empty() {
        let roles: Vec<&str> = stack.unfilled.iter().map(|role| role.name()).collect();
        text += &format!(" nothing fits for: {}\n", roles.join(", "));
    }
    text
}
