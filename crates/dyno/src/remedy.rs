//! What to type after a failure: the use cases say what failed, flags and verbs are named here alone.

use dyno_app::{AppError, PromptTooLong, RouteError, WindowBound};
use dyno_types::{Knob, ReadingPlan, Remedy, Wish};

use crate::next_step::shell_word;

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
        error => return error.remedy().as_ref().map(typed),
    };
    Some(text)
}

/// What would help, as it is typed.
pub(crate) fn typed(remedy: &Remedy) -> String {
    match remedy {
        Remedy::Between(wish, least, most) => format!("{} takes {least} to {most}", flag(*wish)),
        Remedy::AtLeast(wish, least) => format!("{} takes at least {least} here", flag(*wish)),
        Remedy::AtMost(wish, most) => format!("{} takes at most {most} here", flag(*wish)),
        Remedy::Raise(wish) => format!("raise {}", flag(*wish)),
        Remedy::Lower(wish) => format!("lower {}", flag(*wish)),
        Remedy::Change(wish) => format!("change {}", flag(*wish)),
        Remedy::Give(wish) => format!("use {}", given(*wish)),
        Remedy::Use(wish, value) => format!("use {} {}", flag(*wish), shell_word(value)),
        Remedy::Omit(wishes) => {
            let flags: Vec<String> = wishes.iter().map(|wish| flag(*wish)).collect();
            format!("leave out {}", flags.join(", "))
        }
        Remedy::OnlyOne(wish) => format!("give {} once, or not at all", flag(*wish)),
        Remedy::Shows(Wish::AllRefusals) => format!("{} says why", flag(Wish::AllRefusals)),
        Remedy::Shows(wish) => format!("{} shows them", flag(*wish)),
        Remedy::Either(remedies) => remedies.iter().map(typed).collect::<Vec<_>>().join(", or "),
        Remedy::LongerText => "give a longer text".to_owned(),
        Remedy::RateOwnQuestions => {
            format!("{} judge makes the questions of your own file open", flag(Wish::Score))
        }
        Remedy::MeasureEngine => "`dyno doctor --measure`".to_owned(),
        Remedy::OtherPlaces => "see Places in `dyno --help`".to_owned(),
        Remedy::Tune { model, task } => {
            format!("`dyno tune {} --sampling --task {task}` finds what suits it", shell_word(model))
        }
        Remedy::RemoveRecord(id) => format!("`dyno history --remove {}` drops it", shell_word(id)),
    }
}

/// A flag with what follows it.
fn given(wish: Wish) -> String {
    let value = match wish {
        Wish::AllowUnsafeCode | Wish::AllRefusals | Wish::Force | Wish::Raw => return flag(wish),
        Wish::CacheFolder | Wish::OutputFolder => "DIR",
        Wish::History | Wish::Perplexity | Wish::Policy => "FILE",
        Wish::Judge => "MODEL",
        Wish::Preset => "TASK",
        Wish::Strategy | Wish::SuiteFormat | Wish::Template | Wish::QuestionColumn | Wish::AnswerColumn => {
            "NAME"
        }
        Wish::Stop | Wish::System => "TEXT",
        _ => "VALUE",
    };
    format!("{} {value}", flag(wish))
}

/// The flag of a wish.
fn flag(wish: Wish) -> String {
    let name = match wish {
        Wish::AllowUnsafeCode => "allow-unsafe-code",
        Wish::AllRefusals => "all",
        Wish::AnswerColumn => "answer-column",
        Wish::Budget => "budget",
        Wish::CacheFolder => "cache-dir",
        Wish::CacheSize => "cache-max-size",
        Wish::Candidates => "candidates",
        Wish::Checks => "check",
        Wish::Chunk => "chunk",
        Wish::ContextDecodeTokens => "context-decode-tokens",
        Wish::Contexts => "contexts",
        Wish::Deadline => "deadline",
        Wish::Force => "force",
        Wish::History => "history",
        Wish::Judge => "judge",
        Wish::Knob(id) => Knob::find(id).map_or(id, |knob| knob.flag),
        Wish::LeastGrade => "least-grade",
        Wish::MaxTokens => "max-tokens",
        Wish::Memory => "memory",
        Wish::OutputFolder => "output",
        Wish::Perplexity => "perplexity",
        Wish::Policy => "policy",
        Wish::Preset => "preset",
        Wish::Processes => "processes",
        Wish::QuestionColumn => "question-column",
        Wish::Raw => "raw",
        Wish::Retries => "retries",
        Wish::Role => "role",
        Wish::Runs => "runs",
        Wish::Score => "score",
        Wish::Stop => "stop",
        Wish::Strategy => "strategy",
        Wish::SuiteFormat => "suite-format",
        Wish::System => "system",
        Wish::Template => "template",
        Wish::Temperature => "temperature",
        Wish::To => "to",
        Wish::Top => "top",
        Wish::Votes => "votes",
        Wish::Weights => "weights",
    };
    format!("--{name}")
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

    #[test]
    fn every_wish_has_a_flag_that_there_is() {
        let wishes = [
            Wish::AllowUnsafeCode,
            Wish::AllRefusals,
            Wish::AnswerColumn,
            Wish::Budget,
            Wish::CacheFolder,
            Wish::CacheSize,
            Wish::Candidates,
            Wish::Checks,
            Wish::Chunk,
            Wish::ContextDecodeTokens,
            Wish::Contexts,
            Wish::Deadline,
            Wish::Force,
            Wish::History,
            Wish::Judge,
            Wish::Knob("context"),
            Wish::Knob("batch"),
            Wish::Knob("ubatch"),
            Wish::LeastGrade,
            Wish::MaxTokens,
            Wish::Memory,
            Wish::OutputFolder,
            Wish::Perplexity,
            Wish::Policy,
            Wish::Preset,
            Wish::Processes,
            Wish::QuestionColumn,
            Wish::Raw,
            Wish::Retries,
            Wish::Role,
            Wish::Runs,
            Wish::Score,
            Wish::Stop,
            Wish::Strategy,
            Wish::SuiteFormat,
            Wish::System,
            Wish::Template,
            Wish::Temperature,
            Wish::To,
            Wish::Top,
            Wish::Votes,
            Wish::Weights,
        ];
        let mut command = Cli::command();
        command.build();
        let mut known = Vec::new();
        for verb in std::iter::once(&command).chain(command.get_subcommands()) {
            for verb in std::iter::once(verb).chain(verb.get_subcommands()) {
                known.extend(verb.get_arguments().filter_map(clap::Arg::get_long).map(str::to_owned));
            }
        }
        for wish in wishes {
            assert!(known.iter().any(|long| flag(wish) == format!("--{long}")), "{}", flag(wish));
            assert!(!wish.to_string().contains("--"), "{wish}");
        }
    }

    #[test]
    fn what_would_help_is_one_plain_clause() {
        let cases = [
            (Remedy::AtMost(Wish::Knob("context"), 512), "--context takes at most 512 here"),
            (
                Remedy::Either(vec![Remedy::AtMost(Wish::Chunk, 40), Remedy::LongerText]),
                "--chunk takes at most 40 here, or give a longer text",
            ),
            (Remedy::Use(Wish::To, "q8_0,q4_k_m".to_owned()), "use --to q8_0,q4_k_m"),
            (Remedy::Give(Wish::Judge), "use --judge MODEL"),
            (Remedy::Give(Wish::Raw), "use --raw"),
            (Remedy::Omit(vec![Wish::Checks, Wish::Votes]), "leave out --check, --votes"),
            (Remedy::Shows(Wish::AllRefusals), "--all says why"),
        ];
        for (remedy, expected) in cases {
            assert_eq!(typed(&remedy), expected);
        }
    }
}
