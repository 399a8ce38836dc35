//! `dyno report`: show stored runs and evaluations again.

use dyno_app::Records;
use dyno_report::{Color, Format};

use super::{Context, format, render};
use crate::cli::ReportArgs;
use crate::printer;

/// Renders the chosen records.
pub(super) fn run(context: &Context, args: &ReportArgs) -> anyhow::Result<()> {
    let format = format(&args.format)?;
    let records = context.app.records(&args.records)?;
    let Some(file) = &args.output else {
        return printer::print(&rendered(context, &records, format, printer::color()));
    };
    dyno_app::write_page(file, &rendered(context, &records, format, Color::Never))?;
    printer::remark(&format!("written: {}", file.display()));
    Ok(())
}

fn rendered(context: &Context, records: &Records, format: Format, color: Color) -> String {
    match (records, format, color) {
        (Records::Evals(evals), Format::Table, _) => dyno_report::eval_table(evals, color),
        (Records::Evals(evals), _, _) => dyno_report::render_evals(evals, format),
        (Records::Runs(runs), Format::Html, _) => context.app.run_page(runs),
        (Records::Runs(runs), _, _) => render(runs, format, color),
    }
}
