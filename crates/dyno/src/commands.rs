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

use std::time::Duration;

use dyno_app::{App, AppError, CancelFlag, Limits};
use dyno_report::{Color, Format};
use dyno_types::{Event, EventSink as _, RunRecord};

use crate::cli::{Cli, Verb};
use crate::printer::Progress;

/// What every verb gets.
pub(crate) struct Context {
    /// The use cases.
    pub(crate) app: App,
    /// Where progress goes.
    pub(crate) progress: Progress,
    /// Raised when somebody wants the work to end.
    pub(crate) cancel: CancelFlag,
}

/// Runs the verb.
pub(crate) async fn run(cli: Cli) -> anyhow::Result<()> {
    match &cli.verb {
        Verb::Completions { shell } => return shell::completions(*shell),
        Verb::Man => return shell::manual(),
        _ => {}
    }
    let cancel = CancelFlag::default();
    let limits =
        Limits { deadline: Duration::from_secs(cli.deadline), memory_limit_bytes: cli.memory_limit_bytes };
    let context = Context {
        app: App::new(crate::places::resolve(&cli)?, limits, cancel.clone()),
        progress: Progress::new(cli.quiet),
        cancel,
    };
    for warning in cli.verb.knobs().into_iter().flat_map(|knobs| &knobs.warnings) {
        context.progress.emit(Event::Warning(warning.clone()));
    }
    let result = crate::interrupt::watching(&context.cancel, carry_out(&context, cli.verb)).await;
    match result {
        // What came out is printed; that it was not all is what the exit code says.
        Ok(()) if context.cancel.is_cancelled() => Err(AppError::Cancelled.into()),
        result => result,
    }
}

async fn carry_out(context: &Context, verb: Verb) -> anyhow::Result<()> {
    match verb {
        Verb::Bench(args) => bench::run(context, args).await,
        Verb::Generate(args) => generate::run(context, *args).await,
        Verb::Eval(args) => eval::run(context, *args).await,
        Verb::Tune(args) => tune::run(context, *args).await,
        Verb::Synth(args) => synth::run(context, args).await,
        Verb::Quantize(args) => quantize::run(context, args).await,
        Verb::Models(args) => models::run(context, args),
        Verb::Cache(args) => cache::run(context, args),
        Verb::Recommend(args) => recommend::run(context, args).await,
        Verb::Route(args) => route::run(context, args),
        Verb::History(args) => history::run(context, &args),
        Verb::Report(args) => report::run(context, &args),
        Verb::Doctor(args) => doctor::run(context, &args).await,
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
