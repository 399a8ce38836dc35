//! `dyno generate`: the text alone on standard output.

use std::io::IsTerminal as _;

use dyno_app::{AppError, GenerateJob, LongPrompt, Work};

use crate::cli::GenerateArgs;
use crate::input_text::{STANDARD_INPUT, Source};
use crate::printer;

/// Generates and prints.
pub(super) async fn run(work: &Work, args: GenerateArgs) -> anyhow::Result<()> {
    check_output(&args)?;
    let stream = args.stream;
    let settings = args.knobs.single().map_err(AppError::Input)?;
    let (prompt, text) = prompt(work, &args).await?;
    let job = GenerateJob {
        context_given: args.knobs.has("context"),
        thread_choice: args.knobs.thread_choice,
        model: args.model.or(args.model_flag).unwrap_or_default(),
        prompt,
        text,
        long: match args.long.as_str() {
            "chunks" => LongPrompt::Chunks,
            "slide" => LongPrompt::Slide,
            _ => LongPrompt::Refuse,
        },
        system: args.system,
        template: args.template.name(),
        sampling: args.sampling.wishes(),
        preset: args.preset,
        policy: args.policy.wishes(),
        max_tokens: args.max_tokens,
        stop: args.stop,
        logprobs: args.logprobs,
        settings,
    };
    let mut failed = None;
    let mut show = |text: &str| {
        if stream && failed.is_none() {
            failed = printer::print_answer(text).err();
        }
    };
    let generated = work.generate(&job, &mut show).await?;
    if let Some(error) = failed {
        return Err(error);
    }
    let refusal = generated.refusal();
    match args.format.as_str() {
        "json" => printer::print_json(&generated)?,
        // What nobody accepted must not be taken for an answer.
        _ if refusal.is_some() => {}
        _ if stream => printer::end_answer()?,
        _ => printer::print_answer(&format!("{}\n", generated.text))?,
    }
    refusal.map_or(Ok(()), |error| Err(error.into()))
}

/// Refuses what the output asked for has no place for.
fn check_output(args: &GenerateArgs) -> Result<(), AppError> {
    let refused = match args.format.as_str() {
        "json" if args.stream => {
            "--stream prints text, and --format json is printed when all is known; leave one of them out"
        }
        "text" if args.logprobs > 0 => "--logprobs is reported in JSON alone; add --format json",
        _ => return Ok(()),
    };
    Err(AppError::Input(refused.to_owned()))
}

/// What was typed, piped or read: the prompt, and the text it asks about where both are given.
async fn prompt(work: &Work, args: &GenerateArgs) -> anyhow::Result<(String, Option<String>)> {
    let typed = args.prompt.as_deref().filter(|prompt| *prompt != STANDARD_INPUT);
    let file = args.filename.as_deref().map(Source::named);
    if args.prompt.as_deref() == Some(STANDARD_INPUT) && file == Some(Source::StandardInput) {
        return Err(AppError::Input(
            "--prompt and --filename both ask for standard input; type one of them, or name a file"
                .to_owned(),
        )
        .into());
    }
    match (typed, &args.prompt, file) {
        (Some(typed), _, None) => Ok((typed.to_owned(), None)),
        (Some(typed), _, Some(file)) => Ok((typed.to_owned(), Some(file.read(&work.job().cancel).await?))),
        (None, Some(_), Some(file)) => {
            let question = piped(work).await?;
            Ok((question, Some(file.read(&work.job().cancel).await?)))
        }
        (None, None, Some(file)) => Ok((file.read(&work.job().cancel).await?, None)),
        (None, Some(_), None) => Ok((piped(work).await?, None)),
        (None, None, None) if std::io::stdin().is_terminal() => Err(AppError::Input(
            "there is no prompt; type one with --prompt TEXT, name a file with --filename FILE, or pipe a text into dyno".to_owned(),
        )
        .into()),
        (None, None, None) => Ok((piped(work).await?, None)),
    }
}

/// The prompt on standard input, which must not be empty.
async fn piped(work: &Work) -> anyhow::Result<String> {
    let text = Source::StandardInput.read(&work.job().cancel).await?;
    if text.is_empty() {
        let advice = "pipe a text into dyno, or type one with --prompt TEXT";
        return Err(AppError::Input(format!("there is no prompt: standard input is empty; {advice}")).into());
    }
    Ok(text)
}
