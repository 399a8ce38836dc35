//! The advice of `dyno recommend` for a terminal: the answer first, then the table, then what not to run.

use dyno_types::{
    Advice, Choice, Constraint, Evidence, Loading, MemoryNeed, PublishedFigure, QualityFigure, RateFigure,
    ReadingPlan, Refusal, Remedy, Stack, StackAdvice, StepWords, Unit, Wish,
};

use crate::figure::{MISSING, bytes, count, figure, number};
use crate::terminal::{grid, right, trimmed};
use crate::text::{plain, sentence};

/// What stands before a figure, so that nobody takes one kind for another, also without colours.
const LEGEND: &str = "= measured here (95 % interval)   ~ predicted (90 % interval)   * published by others, for full precision   \
                      ? estimated from the size of the weights";

/// Models that are not recommended and named unasked.
const REFUSALS_NAMED: usize = 3;

/// How much of an advice is shown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdviceDetail {
    /// Most choices.
    pub top: usize,
    /// A sentence, the memory by part and the sources for each choice, and what is beaten.
    pub explain: bool,
    /// Every refusal with its reason.
    pub all_refusals: bool,
    /// How what shows the rest is typed.
    pub words: StepWords,
}

fn mark(evidence: Evidence) -> &'static str {
    match evidence {
        Evidence::Measured => "=",
        Evidence::Predicted => "~",
        Evidence::Published => "*",
        Evidence::Estimated => "?",
    }
}

/// The advice, in so much detail.
#[must_use]
pub fn advice_text(advice: &Advice, detail: AdviceDetail) -> String {
    let mut text = format!("{}\n", sentence(&advice.headline));
    text += &budget_line(advice);
    let shown = &advice.choices[..advice.choices.len().min(detail.top)];
    if !shown.is_empty() {
        text += &format!("\n{}{LEGEND}\n", choices_table(shown));
    }
    if shown.len() < advice.choices.len() {
        let more = detail.words.remedy(Remedy::Shows(Wish::Top));
        text += &format!("{} more; {more}.\n", advice.choices.len() - shown.len());
    }
    if detail.explain {
        text +=
            &shown.iter().enumerate().map(|(index, choice)| explanation(index, choice)).collect::<String>();
        text += &beaten(&advice.beaten);
    }
    text += &refusals(advice, detail);
    text += &advice.reading.as_ref().map(reading).unwrap_or_default();
    text + &advice.notes.iter().map(|note| format!("Note: {}\n", sentence(note))).collect::<String>()
}

/// Stacks for several memories.
#[must_use]
pub fn stacks_text(advice: &StackAdvice) -> String {
    let mut text = format!("{}\n", sentence(&advice.headline));
    for stack in &advice.stacks {
        text += &stack_section(stack);
    }
    text += &format!("\n{LEGEND}\n");
    text + &advice.notes.iter().map(|note| format!("Note: {}\n", sentence(note))).collect::<String>()
}

fn budget_line(advice: &Advice) -> String {
    let request = &advice.request;
    let shorter = advice.choices.iter().any(|choice| choice.settings.context < request.context);
    format!(
        "Asked: {} · priority {} · window {} tokens{} · {} of {} may be used ({:.0} % stay free{})\n",
        request.role.name(),
        request.priority.name(),
        count(u64::from(request.context)),
        if shorter { ", or as many as a model was made for" } else { "" },
        bytes(advice.budget.usable_bytes),
        bytes(advice.budget.memory_bytes),
        advice.budget.margin * 100.0,
        request.profile.map(|profile| format!(", {}", profile.name())).unwrap_or_default(),
    )
}

fn choices_table(choices: &[Choice]) -> String {
    let mut table = grid(&[
        "#",
        "model",
        "quant",
        "where",
        "memory",
        "decode tokens/s",
        "quality",
        "KV",
        "no better quant since",
    ]);
    for (index, choice) in choices.iter().enumerate() {
        table.add_row([
            (index + 1).to_string(),
            plain(&choice.model),
            plain(&choice.quantization),
            place(choice),
            memory(choice),
            rate(choice.decode.as_ref()),
            quality(choice.quality.as_ref()),
            choice.settings.kv_type_k.name().to_owned(),
            decided(&choice.constraint),
        ]);
    }
    right(&mut table, 4..7);
    trimmed(&table)
}

/// Where the file is.
fn place(choice: &Choice) -> String {
    choice.here.as_ref().map_or_else(|| "to be fetched".to_owned(), |here| plain(&here.place))
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
        |figure| {
            let ends = figure.interval.map(|[low, high]| format!(" [{}, {}]", number(low), number(high)));
            let (mark, value) = (mark(figure.evidence), number(figure.value));
            format!("{mark}{value} %{} {}", ends.unwrap_or_default(), plain(&figure.label))
        },
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
        Constraint::Best => "there is none".to_owned(),
        Constraint::Unpredicted => "not predicted".to_owned(),
    }
}

fn explanation(index: usize, choice: &Choice) -> String {
    let mut text = format!("\n{}. {}\n", index + 1, sentence(&choice.explanation));
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
        let kept = match figure.evidence {
            Evidence::Measured => String::new(),
            _ => {
                let (quantization, kept) = (plain(&choice.quantization), figure.kept * 100.0);
                format!("; {quantization} is taken to keep {kept:.1} % of it")
            }
        };
        let (source, conditions) = (sentence(&figure.source), sentence(&conditions));
        text += &format!("   quality {source}{conditions}{kept}\n");
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
        text += &line.map(|line| format!("   {label:<7} {}\n", sentence(&line))).unwrap_or_default();
    }
    text + &choice.claims.iter().map(claim).collect::<String>()
}

/// A figure that nothing is chosen by.
fn claim(figure: &PublishedFigure) -> String {
    let conditions = figure.conditions.as_ref().map(|text| format!(", {text}")).unwrap_or_default();
    let source = figure.source.trim_start_matches("expectation:").trim();
    let text = format!(
        "{} {}{conditions}: {source}; nobody is known to have measured it",
        figure.metric, figure.value
    );
    format!("   claimed {}\n", sentence(&text))
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

/// What is not recommended: the first three in a sentence, or every one with its reason.
fn refusals(advice: &Advice, detail: AdviceDetail) -> String {
    let refused = &advice.not_recommended;
    // For the one model asked about, the first line has said it already.
    if refused.is_empty() || advice.request.model.is_some() {
        return String::new();
    }
    if detail.all_refusals || !advice.request.among.is_empty() {
        let line = |refusal: &Refusal| format!("  - {}\n", sentence(&refusal.explanation));
        return format!("\nNOT RECOMMENDED\n{}", refused.iter().map(line).collect::<String>());
    }
    let named: Vec<String> =
        refused.iter().take(REFUSALS_NAMED).map(|refusal| plain(&refusal.title)).collect();
    let more = match refused.len() - named.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let why = detail.words.remedy(Remedy::Shows(Wish::AllRefusals));
    format!("\nNOT RECOMMENDED: {}{more}; {why}.\n", named.join(", "))
}

fn reading(plan: &ReadingPlan) -> String {
    format!("Reading: {}.\n", reading_text(plan))
}

/// How a text is read, in words that follow "it is read".
#[must_use]
pub fn reading_text(plan: &ReadingPlan) -> String {
    match plan {
        ReadingPlan::Whole { window } => {
            format!("whole, in a window of {} tokens", count(u64::from(*window)))
        }
        ReadingPlan::Chunks { chunk, overlap, count: parts } => format!(
            "in {} parts of {} tokens that share {} with their neighbours, then once over the answers",
            count(*parts),
            count(u64::from(*chunk)),
            count(u64::from(*overlap))
        ),
        ReadingPlan::SlidingWindow { window, step } => format!(
            "through a sliding window of {} tokens, of which the oldest {} make room at a time",
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
