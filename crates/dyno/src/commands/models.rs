//! `dyno models`: look at model files.

use super::Context;
use crate::cli::{ModelsArgs, ModelsVerb};
use crate::printer;

/// Carries out the verb.
pub(super) fn run(context: &Context, args: ModelsArgs) -> anyhow::Result<()> {
    let ModelsVerb::Inspect { model, format } = args.verb;
    let inspection = context.app.inspect(&model, &context.progress)?;
    if format == "json" {
        printer::print_json(&inspection)
    } else {
        printer::print(&dyno_report::inspection_text(&inspection))
    }
}
