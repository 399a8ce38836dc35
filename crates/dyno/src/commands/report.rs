//! `dyno report`: show stored runs again.

use super::{Context, format, render, render_plain};
use crate::cli::ReportArgs;
use crate::printer;

/// Renders the chosen runs.
pub(super) fn run(context: &Context, args: &ReportArgs) -> anyhow::Result<()> {
    let format = format(&args.format)?;
    let records = context.app.runs(&args.runs)?;
    match &args.output {
        Some(file) => {
            dyno_app::write_page(file, &render_plain(&records, format))?;
            printer::remark(&format!("written: {}", file.display()));
            Ok(())
        }
        None => printer::print(&render(&records, format)),
    }
}
