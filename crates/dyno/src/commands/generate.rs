//! `dyno generate`: the text alone on standard output.

use std::io::Read;
use std::path::Path;

use dyno_app::{AppError, GenerateJob};

use super::Context;
use crate::cli::GenerateArgs;
use crate::printer;

/// Most bytes read as a prompt; larger input is a mistake in the file name.
const PROMPT_BYTES_MAX: u64 = 64 << 20;

/// Generates and prints.
pub(super) async fn run(context: &Context, args: GenerateArgs) -> anyhow::Result<()> {
    let stream = args.stream && args.format == "text";
    let settings = args.knobs.single().map_err(AppError::Input)?;
    let job = GenerateJob {
        context_given: args.knobs.has("context"),
        model: args.model.or(args.model_flag).unwrap_or_default(),
        prompt: match (args.prompt, args.filename) {
            (Some(prompt), _) => prompt,
            (None, Some(file)) => read_prompt(&file)?,
            (None, None) => String::new(),
        },
        system: args.system,
        raw: args.raw,
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
            failed = printer::print(text).err();
        }
    };
    let generated = context.app.generate(&job, &context.progress, &mut show).await?;
    if let Some(error) = failed {
        return Err(error);
    }
    let refusal = generated.refusal();
    match args.format.as_str() {
        "json" => printer::print_json(&generated)?,
        // What nobody accepted must not be taken for an answer.
        _ if refusal.is_some() => {}
        _ if stream => printer::print("\n")?,
        _ => printer::print(&format!("{}\n", generated.text))?,
    }
    refusal.map_or(Ok(()), |error| Err(error.into()))
}

fn read_prompt(file: &Path) -> Result<String, AppError> {
    let fail = |error: &dyn std::fmt::Display| {
        AppError::Input(format!("the prompt file {} cannot be read: {error}", file.display()))
    };
    let mut bytes = Vec::new();
    let read = if file == Path::new("-") {
        std::io::stdin().lock().take(PROMPT_BYTES_MAX + 1).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(file).and_then(|open| open.take(PROMPT_BYTES_MAX + 1).read_to_end(&mut bytes))
    };
    read.map_err(|error| fail(&error))?;
    if bytes.len() as u64 > PROMPT_BYTES_MAX {
        return Err(fail(&"it is larger than 64 MiB"));
    }
    String::from_utf8(bytes).map_err(|_| fail(&"it is not UTF-8 text"))
}
