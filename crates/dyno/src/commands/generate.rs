//! `dyno generate`: the text on standard output, and what was likely where that is asked for.

use std::io::IsTerminal as _;

use dyno_app::{AppError, GenerateJob, GeneratedStep, LongPrompt, Work};

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
        _ if stream => {
            printer::end_answer()?;
            printer::print_answer(&likeliest(&generated.tokens))?;
        }
        _ => {
            let likely = likeliest(&generated.tokens);
            printer::print_answer(&format!("{}\n{likely}", generated.text))?;
        }
    }
    refusal.map_or(Ok(()), |error| Err(error.into()))
}

/// Refuses what the output asked for has no place for.
fn check_output(args: &GenerateArgs) -> Result<(), AppError> {
    if args.format == "json" && args.stream {
        let what =
            "--stream prints text, and --format json is printed when all is known; leave one of them out";
        return Err(AppError::Input(what.to_owned()));
    }
    Ok(())
}

/// The tokens of an answer with those that were likely in their places; nothing where these were not asked for.
fn likeliest(tokens: &[GeneratedStep]) -> String {
    let mut text = String::new();
    for step in tokens {
        let (Some(piece), Some(logprob)) = (&step.piece, step.logprob) else { continue };
        let top = step.top.iter().map(|likely| format!("{} {:.3}", likely.piece, likely.logprob));
        text += &format!("{piece} {logprob:.3}  of  {}\n", top.collect::<Vec<_>>().join("  "));
    }
    if text.is_empty() {
        text
    } else {
        format!("\nln p of each token, and of the likeliest in its place:\n{text}")
    }
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

#[cfg(test)]
mod tests {
    use dyno_types::{TokenLogprob, TokenPiece};

    use super::*;

    #[test]
    fn likely_tokens_are_shown_by_their_text() {
        let piece = |bytes: &[u8]| TokenPiece::from(bytes.to_vec());
        let top = |bytes, logprob| TokenLogprob { token: 7, piece: piece(bytes), logprob };
        let step = GeneratedStep {
            token: 7,
            piece: Some(piece(b" sky")),
            at_ms: 1.0,
            logprob: Some(-0.25),
            top: vec![top(b" sky", -0.25), top(b"\xe2\x82", -2.5)],
        };
        let bare = GeneratedStep { piece: None, logprob: None, top: Vec::new(), ..step.clone() };
        assert_eq!(likeliest(&[bare]), "");
        assert_eq!(
            likeliest(&[step]).lines().last(),
            Some(r#"" sky" -0.250  of  " sky" -0.250  "\xE2\x82" -2.500"#)
        );
    }
}
