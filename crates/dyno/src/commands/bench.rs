//! `dyno bench`: measure, keep, print.

use dyno_app::{AppError, BenchJob, ContextChoice, Work};
use dyno_types::{Sampling, expand_ranges};

use super::{format, render};
use crate::cli::BenchArgs;
use crate::printer;

/// Runs the benchmark; whatever was measured is kept and printed even when the run ends early.
pub(super) async fn run(work: &Work, args: BenchArgs) -> anyhow::Result<()> {
    let format = format(&args.format)?;
    let job = BenchJob {
        models: args.models,
        runs: args.runs,
        processes: args.processes,
        max_tokens: args.max_tokens,
        contexts: contexts(&args.contexts)?,
        context_decode_tokens: args.context_decode_tokens,
        wait_quiet_s: args.wait_quiet,
        sampling: args.sampling.over(Sampling::default()),
        thread_choice: args.knobs.thread_choice,
        knobs: args.knobs.values,
        template: args.template.name(),
        save: !args.no_save,
        page: args.page,
    };
    let outcome = work.bench(&job).await?;
    if !outcome.records.is_empty() {
        printer::print(&render(&outcome.records, format, printer::color()))?;
    }
    if let Some(page) = &outcome.page {
        printer::remark(&format!("page: {}", page.display()));
    }
    outcome.error.map_or(Ok(()), |error| Err(error.into()))
}

fn contexts(text: &str) -> Result<ContextChoice, AppError> {
    if text == "train" {
        return Ok(ContextChoice::UpToTraining);
    }
    let windows = expand_ranges(text).map_err(|error| AppError::Input(format!("--contexts: {error}")))?;
    let windows = windows.into_iter().map(u32::try_from).collect::<Result<Vec<u32>, _>>();
    windows.map(ContextChoice::List).map_err(|_| {
        AppError::Input(format!("--contexts {text:?}: a window is larger than 4294967295 tokens"))
    })
}
