//! `dyno tune`: search, keep, print.

mod page;

use dyno_app::{AppError, TuneJob, Weights, Work};

use crate::cli::TuneArgs;
use crate::printer;

/// Searches; what was found is kept and printed even when it ends early.
pub(super) async fn run(work: &Work, args: TuneArgs) -> anyhow::Result<()> {
    let (dry_run, format) = (args.dry_run, args.format.clone());
    let markdown = format != "table";
    let job = job(args)?;
    if dry_run {
        let planned = work.tune_plan(&job)?;
        return match format.as_str() {
            "json" => printer::print_json(&planned),
            _ => printer::print(&page::planned(&planned, markdown)),
        };
    }
    let result = work.tune(&job).await?;
    match format.as_str() {
        "json" => printer::print_json(&result)?,
        _ => printer::print(&page::found(&result, markdown))?,
    }
    result.error.map_or(Ok(()), |error| Err(error.into()))
}

fn job(args: TuneArgs) -> Result<TuneJob, AppError> {
    let settings = args.knobs.for_questions().map_err(AppError::Input)?;
    let weights = match args.weights[..] {
        [quality, speed] => Weights { quality, speed },
        _ => {
            let given = args.weights.len();
            return Err(AppError::Input(format!("--weights takes two numbers, as in 0.7,0.3; {given} came")));
        }
    };
    Ok(TuneJob {
        context_given: args.knobs.has("context"),
        model: args.model,
        tasks: args.task,
        suites: args.suite,
        strategy: args.strategy,
        budget: args.budget,
        candidates: args.candidates,
        weights,
        seed: args.seed,
        max_tokens: args.max_tokens,
        template: args.template.name(),
        judge: args.judge,
        unsafe_code: args.allow_unsafe_code,
        cache: !args.no_cache,
        save: !args.no_save,
        settings,
    })
}
