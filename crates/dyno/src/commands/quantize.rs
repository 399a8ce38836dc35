//! `dyno quantize`: write a model with smaller weights.

use dyno_app::{QuantizeJob, QuantizeResult, Work};
use dyno_report::bytes_text;

use crate::cli::QuantizeArgs;
use crate::printer;

/// Makes the files and says where they lie; what was made is printed even when a later one failed.
pub(super) async fn run(work: &Work, args: QuantizeArgs) -> anyhow::Result<()> {
    let job = QuantizeJob {
        model: args.model,
        types: args.to,
        imatrix: args.imatrix,
        folder: args.output,
        force: args.force,
        requantize: args.requantize,
        threads: args.threads,
    };
    let result = work.quantize(&job).await?;
    if args.format == "json" {
        printer::print_json(&result)?;
    } else if !result.made.is_empty() {
        printer::print(&text(&result))?;
    }
    match result.error {
        Some(error) => Err(error.into()),
        None => Ok(()),
    }
}

fn text(result: &QuantizeResult) -> String {
    let source = &result.model;
    let mut text = format!(
        "{:<9} {:>10}  {}\n",
        source.quantization,
        bytes_text(source.file_bytes),
        result.source.display()
    );
    for made in &result.made {
        text += &format!(
            "{:<9} {:>10}  {}  ({:.0} % of it, {:.2} bits a weight)\n",
            made.quantization,
            bytes_text(made.file_bytes),
            made.path.display(),
            made.size_ratio * 100.0,
            made.bits_per_weight
        );
        text += &made.remark.as_ref().map_or(String::new(), |remark| format!("  {remark}\n"));
    }
    if let Some(first) = result.made.first() {
        text += &format!("\nmeasure one: dyno bench {}\n", first.path.display());
    }
    text
}
