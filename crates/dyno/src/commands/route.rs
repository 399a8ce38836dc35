//! `dyno route`: the model a request would go to, and why.

use dyno_app::{Complexity, Fallback, RouteJob, Work};
use dyno_types::{Priority, ReadingPlan, Standing};

use super::recommend::{memory, named};
use crate::cli::RouteArgs;
use crate::printer;

/// Other models named in the text.
const FALLBACKS_SHOWN: usize = 5;

/// Prints the route.
pub(super) fn run(work: &Work, args: RouteArgs) -> anyhow::Result<()> {
    let complexity = match args.complexity.as_str() {
        "simple" => Complexity::Simple,
        "complex" => Complexity::Complex,
        _ => Complexity::Normal,
    };
    let job = RouteJob {
        task: args.task,
        priority: named(&Priority::ALL, &args.priority).unwrap_or_default(),
        complexity,
        content_tokens: args.content,
        loaded: args.loaded,
        memory: memory(args.memory.as_deref())?,
        words: crate::next_step::WORDS,
    };
    let route = work.route(&job)?;
    if args.format == "json" {
        return printer::print_json(&route);
    }
    let mut text = format!("{} at {} (task: {})\n", route.model, route.quantization, route.task);
    text.extend(route.reasons.iter().map(|reason| format!("  because {reason}\n")));
    if let Some(plan @ ReadingPlan::Chunks { .. }) = &route.reading {
        text += &format!("  read {}\n", dyno_report::reading_text(plan));
    }
    text.extend(route.command.map(|command| format!("  run it with: {command}\n")));
    text += &fallbacks(&route.fallbacks);
    printer::print(&text)
}

/// What to try otherwise, in order.
fn fallbacks(fallbacks: &[Fallback]) -> String {
    if fallbacks.is_empty() {
        return String::new();
    }
    let shown = &fallbacks[..fallbacks.len().min(FALLBACKS_SHOWN)];
    let more = fallbacks.len() - shown.len();
    let line = |fallback: &Fallback| {
        let standing = match fallback.standing {
            Standing::Measured => "measured here",
            Standing::Here => "here",
            Standing::Builtin => "inside dyno",
            Standing::Elsewhere => "to be fetched",
        };
        format!(
            "    {} at {} ({standing}, score {:.3})\n",
            fallback.model, fallback.quantization, fallback.score
        )
    };
    let lines: String = shown.iter().map(line).collect();
    let rest = if more > 0 { format!("    and {more} more (--format json)\n") } else { String::new() };
    format!(
        "  otherwise, in this order: measured here, here, inside dyno, to be fetched; within these by score\n{lines}{rest}"
    )
}
