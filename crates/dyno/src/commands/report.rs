//! `dyno report`: show stored runs and evaluations again.

use dyno_app::{Records, Work};
use dyno_report::{Color, Format};

use super::{format, render};
use crate::cli::ReportArgs;
use crate::printer;

/// Renders the chosen records.
pub(super) fn run(work: &Work, args: &ReportArgs) -> anyhow::Result<()> {
    let format = format(&args.format)?;
    let records = work.records(&args.records)?;
    let Some(file) = &args.output else {
        return printer::print(&rendered(work, &records, format, printer::color()));
    };
    dyno_app::write_page(file, &rendered(work, &records, format, Color::Never))?;
    printer::remark(&format!("written: {}", file.display()));
    Ok(())
}

fn rendered(work: &Work, records: &Records, format: Format, color: Color) -> String {
    match (records, format, color) {
        (Records::Evals(evals), Format::Table, _) => dyno_report::eval_table(evals, color),
        (Records::Evals(evals), _, _) => dyno_report::render_evals(evals, format),
        (Records::Runs(runs), Format::Html, _) => work.run_page(runs),
        (Records::Runs(runs), _, _) => render(runs, format, color),
    }
}
