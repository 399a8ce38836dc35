//! `dyno history`.

use dyno_app::Work;
use dyno_report::{EvalRow, HistoryRow};
use serde::Serialize;

use crate::cli::HistoryArgs;
use crate::printer;

/// Lists runs and evaluations, or removes one.
pub(super) fn run(work: &Work, args: &HistoryArgs) -> anyhow::Result<()> {
    if let Some(id) = &args.remove {
        let removed = work.remove_record(id)?;
        printer::remark(&format!("removed {removed}"));
        return Ok(());
    }
    let runs = work.history(args.model.as_deref(), args.valid, args.limit)?;
    let evals = work.evals(args.model.as_deref(), args.valid, args.limit)?;
    if args.format == "json" {
        return printer::print_json(&entries(runs, evals));
    }
    let tables = [
        if runs.is_empty() { String::new() } else { dyno_report::history_table(&runs) },
        dyno_report::eval_history_table(&evals),
    ];
    let tables: Vec<String> = tables.into_iter().filter(|table| !table.is_empty()).collect();
    if tables.is_empty() {
        printer::remark("nothing measured yet; `dyno bench` measures the built-in model");
        return Ok(());
    }
    printer::print(&tables.join("\n"))
}

/// One entry of the list, as JSON.
#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Entry {
    /// A run of `bench`.
    Run(HistoryRow),
    /// An evaluation of `eval`.
    Eval(EvalRow),
}

/// Both kinds together, newest first.
fn entries(runs: Vec<HistoryRow>, evals: Vec<EvalRow>) -> Vec<Entry> {
    let mut entries: Vec<Entry> =
        runs.into_iter().map(Entry::Run).chain(evals.into_iter().map(Entry::Eval)).collect();
    entries.sort_by_key(|entry| {
        std::cmp::Reverse(match entry {
            Entry::Run(row) => row.started_unix_ms,
            Entry::Eval(row) => row.started_unix_ms,
        })
    });
    entries
}
