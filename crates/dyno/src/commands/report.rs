//! `dyno report`: show stored runs again.

use super::{Context, format, render};
use crate::cli::ReportArgs;
use crate::printer;

/// Renders the chosen runs.
pub(super) fn run(context: &Context, args: &ReportArgs) -> anyhow::Result<()> {
    let format = format(&args.format)?;
    let records = context.app.runs(&args.runs)?;
    let text = render(&records, format);
    match &args.output {
        Some(file) => {
            dyno_app::write_page(file, &text)?;
            printer::remark(&format!("written: {}", file.display()));
            Ok(())
        }
        None => printer::print(&text),
    }
}
