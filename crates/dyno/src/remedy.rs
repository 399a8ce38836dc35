//! What to type after a failure: the use cases say what failed, flags and verbs are named here alone.

use dyno_app::{AppError, PromptTooLong, RouteError, WindowBound};
use dyno_types::ReadingPlan;

/// What to do about it, where a verb or a flag helps.
pub(crate) fn remedy(error: &AppError) -> Option<String> {
    let text = match error {
        AppError::Damaged { .. } => "`dyno models pull` downloads them again".to_owned(),
        AppError::Rates => "`dyno doctor` checks the machine and the engine".to_owned(),
        AppError::NotAccepted { .. } => {
            "--format json shows every attempt, --retries N allows more of them".to_owned()
        }
        AppError::NothingMeasured => "`dyno bench` measures the built-in model".to_owned(),
        AppError::Route(RouteError::NotRun { role }) => {
            format!("`dyno recommend --role {role}` shows the programs that do")
        }
        AppError::Route(RouteError::NoModel { role, .. }) => {
            format!("`dyno recommend --role {role}` shows what would")
        }
        AppError::AlreadyQuantized { .. } => "--requantize makes it all the same".to_owned(),
        AppError::TooLong(refused) => fit(refused),
        _ => return None,
    };
    Some(text)
}

/// How a prompt that fits into no window can be read all the same.
fn fit(refused: &PromptTooLong) -> String {
    let mut advice = Vec::new();
    match (refused.limit.bound, refused.window_that_fits()) {
        (_, Some(window)) => advice.push(format!("--context {window}")),
        (WindowBound::Memory, None) => {
            advice.push("--kv-type-k q8_0 --kv-type-v q8_0 for a smaller cache".to_owned());
        }
        _ => {}
    }
    let long = |plan: &ReadingPlan| match plan {
        ReadingPlan::Whole { .. } => None,
        ReadingPlan::Chunks { .. } => Some("--long chunks".to_owned()),
        ReadingPlan::SlidingWindow { .. } => Some("--long slide".to_owned()),
    };
    advice.extend(refused.plans.iter().filter_map(long));
    advice.push("a shorter prompt or --max-tokens".to_owned());
    format!("try {}", advice.join(", "))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::cli::Cli;

    #[test]
    fn a_remedy_names_verbs_and_flags_that_there_are() {
        let cases = [
            (AppError::Damaged { models: 1 }, "models pull"),
            (AppError::Rates, "doctor"),
            (AppError::NotAccepted { attempts: 1, problems: String::new() }, "--retries"),
            (AppError::NothingMeasured, "bench"),
            (
                AppError::AlreadyQuantized { model: "m".to_owned(), quantization: "q4_1".to_owned() },
                "--requantize",
            ),
            (RouteError::NotRun { role: "vision" }.into(), "recommend --role vision"),
            (RouteError::NoModel { task: "x".to_owned(), role: "coding" }.into(), "recommend --role coding"),
        ];
        let command = Cli::command();
        for (error, named) in cases {
            let text = remedy(&error).unwrap();
            assert!(text.contains(named), "{text}");
            assert!(!error.to_string().contains("--") && !error.to_string().contains('`'), "{error}");
            if let Some(verb) = named.split(' ').next().filter(|verb| !verb.starts_with('-')) {
                assert!(command.find_subcommand(verb).is_some(), "{verb}");
            }
        }
        assert_eq!(remedy(&AppError::Cancelled), None);
    }
}
