//! `dyno route`: the model a request would go to, and why.

use dyno_app::{Complexity, RouteJob};
use dyno_types::{Priority, ReadingPlan};

use super::Context;
use super::recommend::{memory, named};
use crate::cli::RouteArgs;
use crate::printer;

/// Prints the route.
pub(super) fn run(context: &Context, args: RouteArgs) -> anyhow::Result<()> {
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
    };
    let route = context.app.route(&job)?;
    if args.format == "json" {
        return printer::print_json(&route);
    }
    let mut text = format!("{} (task: {})\n", route.model, route.task);
    text.extend(route.reasons.iter().map(|reason| format!("  because {reason}\n")));
    if let Some(ReadingPlan::Chunks { chunk, overlap, count }) = route.reading {
        text += &format!("  read in {count} parts of {chunk} tokens that share {overlap}\n");
    }
    if !route.fallbacks.is_empty() {
        text += &format!("  otherwise {}\n", route.fallbacks.join(", "));
    }
    printer::print(&text)
}
