//! `dyno eval`: ask, keep, print.

use dyno_app::{AppError, EvalJob, TextJob, Work};
use dyno_report::Format;
use dyno_types::Sampling;

use super::format;
use crate::cli::EvalArgs;
use crate::printer;

/// Evaluates; what was answered is kept and printed even when it ends early.
pub(super) async fn run(work: &Work, args: EvalArgs) -> anyhow::Result<()> {
    if args.list {
        return list(&args.format);
    }
    if let Some(ending) = &args.template_file {
        return printer::print(&dyno_app::question_template(ending)?);
    }
    if args.quant_impact {
        return super::quant_impact::run(work, args).await;
    }
    let format = format(&args.format)?;
    let job = job(args)?;
    let outcome = work.eval(&job).await?;
    let records = [outcome.record];
    let text = match format {
        Format::Table => dyno_report::eval_table(&records, printer::color()),
        _ => dyno_report::render_evals(&records, format),
    };
    printer::print(&text)?;
    outcome.error.map_or(Ok(()), |error| Err(error.into()))
}

pub(super) fn job(args: EvalArgs) -> Result<EvalJob, AppError> {
    let settings = args.knobs.for_questions().map_err(AppError::Input)?;
    let text = args.perplexity.map(|file| TextJob {
        file,
        chunk: args.chunk,
        chunks_max: args.chunks,
        reference: args.reference,
    });
    Ok(EvalJob {
        context_given: args.knobs.has("context"),
        thread_choice: args.knobs.thread_choice,
        model: args.model.unwrap_or_default(),
        suites: args.suites,
        strategies: [args.strategy, args.strategies].concat(),
        few_shot: args.few_shot,
        limit: args.limit,
        sampling: args.sampling.over(Sampling::greedy()),
        max_tokens: args.max_tokens,
        policy: args.policy.wishes(),
        template: args.template.name(),
        suite_format: args.suite_format,
        reading: dyno_app::QuestionReading {
            question_column: args.question_column,
            answer_column: args.answer_column,
            score: args.score.as_deref().map(dyno_app::score_by).transpose()?,
        },
        strict: args.strict,
        unsafe_code: args.allow_unsafe_code,
        text,
        cache: !args.no_cache,
        save: !args.no_save,
        settings,
    })
}

/// Prints what can be asked and how.
fn list(format: &str) -> anyhow::Result<()> {
    let catalogue = dyno_app::eval_catalogue();
    if format == "json" {
        return printer::print_json(&catalogue);
    }
    let mut text = "Suites\n".to_owned();
    for suite in &catalogue.suites {
        text.push_str(&format!("  {:<26} {} items: {}\n", suite.name, suite.items, suite.title));
    }
    text.push_str("\nPrompt strategies\n");
    for strategy in &catalogue.strategies {
        text.push_str(&format!("  {:<26} {}\n", strategy.name, strategy.title));
    }
    text.push_str("\nChat templates\n  model, none");
    for template in &catalogue.templates {
        text.push_str(&format!(", {template}"));
    }
    text.push('\n');
    printer::print(&text)
}
