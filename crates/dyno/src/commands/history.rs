//! `dyno history`.

use super::Context;
use crate::cli::HistoryArgs;
use crate::printer;

/// Lists runs, or removes one.
pub(super) fn run(context: &Context, args: &HistoryArgs) -> anyhow::Result<()> {
    if let Some(run) = &args.remove {
        let removed = context.app.remove_run(run)?;
        printer::remark(&format!("removed {removed}"));
        return Ok(());
    }
    let rows = context.app.history(args.model.as_deref(), args.valid, args.limit)?;
    if args.format == "json" {
        return printer::print_json(&rows);
    }
    if rows.is_empty() {
        printer::remark("nothing measured yet; `dyno bench` measures the built-in model");
        return Ok(());
    }
    printer::print(&dyno_report::history_table(&rows))
}
