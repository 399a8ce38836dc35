//! One file per verb: call the use case, print its result.

mod bench;
mod cache;
mod doctor;
mod eval;
mod generate;
mod history;
mod models;
mod quant_impact;
mod quantize;
mod recommend;
mod report;
mod route;
mod shell;
mod synth;
mod tune;

use std::sync::Arc;
use std::time::Duration;

use dyno_app::{App, AppError, ProcessEngines, Work};
use dyno_report::{Color, Format};
use dyno_types::{CancelFlag, Event, EventSink as _, Job, RunRecord};

use crate::cli::{Cli, Verb};
use crate::printer::Progress;

/// Runs the verb.
pub(crate) async fn run(cli: Cli) -> anyhow::Result<()> {
    match &cli.verb {
        Verb::Completions { shell } => return shell::completions(*shell),
        Verb::Man => return shell::manual(),
        _ => {}
    }
    let engines = ProcessEngines {
        named: cli.engine_dir.clone(),
        beside: crate::places::own_folder(),
        memory_limit_bytes: cli.memory_limit_bytes,
    };
    let app = App::new(crate::places::resolve(&cli)?, Arc::new(engines));
    let progress = Arc::new(Progress::new(cli.quiet));
    for warning in cli.verb.knobs().into_iter().flat_map(|knobs| &knobs.warnings) {
        progress.emit(Event::Warning(warning.clone()));
    }
    let cancel = CancelFlag::default();
    let work = app.work(Job::new(progress, cancel.clone(), Duration::from_secs(cli.deadline)));
    let result = crate::interrupt::watching(&cancel, carry_out(&work, cli.verb)).await;
    match result {
        // What came out is printed; that it was not all is what the exit code says.
        Ok(()) if cancel.is_cancelled() => Err(AppError::Cancelled.into()),
        result => result,
    }
}

async fn carry_out(work: &Work, verb: Verb) -> anyhow::Result<()> {
    match verb {
        Verb::Bench(args) => bench::run(work, args).await,
        Verb::Generate(args) => generate::run(work, *args).await,
        Verb::Eval(args) => eval::run(work, *args).await,
        Verb::Tune(args) => tune::run(work, *args).await,
        Verb::Synth(args) => synth::run(work, args).await,
        Verb::Quantize(args) => quantize::run(work, args).await,
        Verb::Models(args) => models::run(work, args),
        Verb::Cache(args) => cache::run(work, args),
        Verb::Recommend(args) => recommend::run(work, args).await,
        Verb::Route(args) => route::run(work, args),
        Verb::History(args) => history::run(work, &args),
        Verb::Report(args) => report::run(work, &args),
        Verb::Doctor(args) => doctor::run(work, &args).await,
        Verb::Completions { .. } | Verb::Man => Ok(()),
    }
}

/// The output format a word names.
pub(crate) fn format(word: &str) -> anyhow::Result<Format> {
    Format::parse(word).map_err(|error| dyno_app::AppError::Input(error.to_string()).into())
}

/// Records in a format: one record stands alone, several are compared.
pub(crate) fn render(records: &[RunRecord], format: Format, color: Color) -> String {
    match (records, format) {
        (_, Format::Table) => dyno_report::table_many(records, color),
        ([record], _) => dyno_report::render_one(record, format),
        _ => dyno_report::render_many(records, format),
    }
}
