//! `dyno recommend`: what to run here, why, and what not to run.

use dyno_app::{AppError, MemoryBasis, RecommendJob, Work, parse_memory};
use dyno_report::AdviceDetail;
use dyno_types::{Priority, Profile, Role};

use crate::cli::RecommendArgs;
use crate::printer;

/// Prints the advice.
pub(super) async fn run(work: &Work, args: RecommendArgs) -> anyhow::Result<()> {
    let job = RecommendJob {
        models: args.models,
        role: args.role.as_deref().and_then(Role::from_name),
        priority: args.priority.as_deref().and_then(|word| named(&Priority::ALL, word)),
        profile: args.profile.as_deref().and_then(|word| named(&Profile::ALL, word)),
        memory: memory(args.memory.as_deref())?,
        context: args.context,
        tiers: args.tiers,
        words: crate::next_step::WORDS,
    };
    work.check_recommend(&job)?;
    if !args.no_measure {
        measure(work).await?;
    }
    if args.stack {
        let advice = work.recommend_stacks(&job)?;
        return match args.format.as_str() {
            "json" => printer::print_json(&advice),
            _ => printer::print(&dyno_report::stacks_text(&advice)),
        };
    }
    let advice = work.recommend(&job)?;
    match args.format.as_str() {
        "json" => printer::print_json(&advice),
        _ => {
            let detail = AdviceDetail {
                top: usize::from(args.top),
                explain: args.explain,
                all_refusals: args.all,
                words: crate::next_step::WORDS,
            };
            printer::print(&dyno_report::advice_text(&advice, detail))
        }
    }
}

/// Measures the engine, once on each machine. Without an engine, or when it fails, the advice is worth having all the same.
async fn measure(work: &Work) -> Result<(), AppError> {
    match work.rates(false).await {
        Ok(_) => Ok(()),
        Err(AppError::Cancelled) => Err(AppError::Cancelled),
        Err(error) => {
            printer::remark(&format!("the engine could not be measured, so speed is not predicted: {error}"));
            Ok(())
        }
    }
}

/// The value a flag's word names; the words were checked when they were typed.
pub(super) fn named<T: Copy>(all: &[(&str, T)], word: &str) -> Option<T> {
    all.iter().find(|(name, _)| *name == word).map(|(_, value)| *value)
}

/// Memory as typed, or this machine's.
pub(super) fn memory(text: Option<&str>) -> Result<MemoryBasis, AppError> {
    text.map_or(Ok(MemoryBasis::ThisMachine), parse_memory)
}
