//! `dyno eval --quant-impact`: a model and its quantizations, measured and printed side by side.

use dyno_app::{QuantImpactJob, QuantImpactResult, Work};
use dyno_report::Format;

use super::{eval, format};
use crate::cli::EvalArgs;
use crate::printer;

/// Measures; what was measured is kept and printed even when it ends early.
pub(super) async fn run(work: &Work, args: EvalArgs) -> anyhow::Result<()> {
    let format = format(&args.format)?;
    let (to, processes, chunk) = (args.to.clone(), args.processes, args.chunk);
    let job = QuantImpactJob { eval: eval::job(args)?, chunk, to, processes };
    let result = work.quant_impact(&job).await?;
    if let Format::Json | Format::JsonLines = format {
        printer::print_json(&result)?;
    } else if !result.rows.is_empty() {
        printer::print(&text(&result, format))?;
    }
    result.error.map_or(Ok(()), |error| Err(error.into()))
}

fn text(result: &QuantImpactResult, format: Format) -> String {
    let QuantImpactResult { rows, remarks, records, .. } = result;
    match format {
        Format::Table => dyno_report::quant_impact_text(records, rows, remarks, printer::color()),
        Format::Markdown => {
            let typed = std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned());
            let typed = typed.collect::<Vec<String>>().join(" ").replace('`', "'");
            let document = dyno_report::quant_impact_document(records, rows, remarks);
            format!("Written by `dyno {typed}`.\n\n{document}")
        }
        _ => dyno_report::render_evals(records, format),
    }
}
