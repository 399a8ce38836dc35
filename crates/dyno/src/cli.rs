//! What can be typed: one file per verb below, flags as typed, no decisions.

mod bench;
mod cache;
mod doctor;
mod eval;
mod generate;
mod history;
mod knobs;
mod models;
mod named;
mod policy;
mod quantize;
mod recommend;
mod report;
mod route;
mod sampling;
mod synth;
mod template;
mod threads;
mod tune;

use std::path::PathBuf;

use clap::{Arg, Command, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
pub(crate) use {
    bench::BenchArgs,
    cache::{CacheArgs, CacheVerb},
    doctor::DoctorArgs,
    eval::EvalArgs,
    generate::GenerateArgs,
    history::HistoryArgs,
    knobs::KnobArgs,
    models::{ModelsArgs, ModelsVerb},
    policy::PolicyArgs,
    quantize::QuantizeArgs,
    recommend::RecommendArgs,
    report::ReportArgs,
    route::RouteArgs,
    sampling::SamplingArgs,
    synth::SynthArgs,
    template::TemplateArgs,
    tune::TuneArgs,
};

/// How a model can be named, for the help of the command.
const MODEL_NAMES: &str = "\
Measure local AI models on this machine, and choose between them: speed, memory and quality, with intervals.

A MODEL is one of:
  FILE.gguf                               a GGUF file
  hf:ORG/REPO[@REVISION][:FILE-OR-QUANT]  a model on huggingface.co, downloaded if it is missing
  ollama:NAME:TAG                         a model in Ollama's store, used in place
  builtin:nano, builtin:micro             small models inside dyno
  synth:SHAPE@QUANT                       random weights in a known shape: real speed, no download";

/// Help of a MODEL argument.
fn model_help(what: &str) -> String {
    format!("{what} a GGUF file, hf:ORG/REPO:QUANT, ollama:NAME:TAG, builtin:NAME or synth:SHAPE@QUANT")
}

/// Help of a --format that takes every form of report.
fn format_help(more: &str) -> String {
    format!("Output format: {}{more}", dyno_report::Format::ACCEPTED)
}

/// Measure local AI models on this machine, and choose between them.
#[derive(Debug, Parser)]
#[command(
    name = "dyno",
    version,
    max_term_width = 110,
    arg_required_else_help = true,
    subcommand_required = true,
    long_about = MODEL_NAMES,
    after_long_help = format!("Exit codes:\n{}", dyno_app::exit_codes())
)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) verb: Verb,
    /// Do not print progress and remarks to standard error.
    #[arg(long, short, global = true, help_heading = "Output")]
    pub(crate) quiet: bool,
    /// Directory of the model cache [default: LLAMA_CACHE_DIR, else dyno/models in the user's cache directory].
    #[arg(long, env = "DYNO_CACHE_DIR", global = true, value_name = "DIR", help_heading = GLOBAL, hide_short_help = true)]
    pub(crate) cache_dir: Option<PathBuf>,
    /// Maximum size of the model cache, in bytes or with a unit, as in 100GB (GB is 10^9 bytes) or 50GiB (GiB is 2^30) [default:
    /// LLAMA_CACHE_MAX_SIZE, else 50GiB].
    #[arg(long, env = "DYNO_CACHE_MAX_SIZE", global = true, value_name = "SIZE", help_heading = GLOBAL, hide_short_help = true)]
    pub(crate) cache_max_size: Option<String>,
    /// SQLite file that keeps runs and evaluations [default: dyno/history.sqlite in the user's data directory].
    #[arg(long, env = "DYNO_HISTORY", global = true, value_name = "FILE", help_heading = GLOBAL, hide_short_help = true)]
    pub(crate) history: Option<PathBuf>,
    /// TOML file of settings; `folders` in its table `[models]` lists directories that hold models [default: dyno/config.toml in the
    /// user's configuration directory, if it exists].
    #[arg(long, env = "DYNO_CONFIG", global = true, value_name = "FILE", help_heading = GLOBAL, hide_short_help = true)]
    pub(crate) config: Option<PathBuf>,
    /// Directory of the engine executables [default: the directory of dyno itself].
    #[arg(long, env = "DYNO_ENGINE_DIR", global = true, value_name = "DIR", help_heading = GLOBAL, hide_short_help = true)]
    pub(crate) engine_dir: Option<PathBuf>,
    /// Maximum time to wait for each reply of the engine, in seconds.
    #[arg(long, env = "DYNO_DEADLINE", global = true, value_name = "SECONDS", default_value_t = 600,
          value_parser = clap::value_parser!(u64).range(1..=86_400), help_heading = GLOBAL, hide_short_help = true)]
    pub(crate) deadline: u64,
    /// Maximum address space of an engine process, in bytes or with a unit (8GiB); loading a model that needs more fails [default: no
    /// limit, but no process may allocate more than all memory and swap].
    #[arg(
        long,
        env = "DYNO_MEMORY_LIMIT_BYTES",
        global = true,
        value_name = "SIZE",
        value_parser = memory_limit,
        help_heading = GLOBAL,
        hide_short_help = true
    )]
    pub(crate) memory_limit_bytes: Option<u64>,
}

impl Cli {
    /// What was typed, completed by the environment. A variable that is set to nothing counts as unset.
    pub(crate) fn read() -> Result<Self, clap::Error> {
        let mut command = without_empty_variables(Self::command());
        let mut matches = command.try_get_matches_from_mut(std::env::args_os())?;
        Self::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command))
    }
}

/// A limit in which an engine can start.
fn memory_limit(text: &str) -> Result<u64, String> {
    let bytes = dyno_types::parse_size(text).map_err(|error| error.to_string())?;
    let least = dyno_app::MEMORY_LIMIT_BYTES_MIN;
    if bytes < least {
        return Err(format!(
            "no engine can start in so little memory; allow at least {}MiB, and what the model needs",
            least >> 20
        ));
    }
    Ok(bytes)
}

fn without_empty_variables(command: Command) -> Command {
    let is_empty = |arg: &Arg| arg.get_env().and_then(std::env::var_os).is_some_and(|value| value.is_empty());
    command
        .mut_args(|arg| if is_empty(&arg) { arg.env(None::<&str>) } else { arg })
        .mut_subcommands(without_empty_variables)
}

/// Heading of the flags that every verb takes; the short help leaves them out.
const GLOBAL: &str = "Global options";

impl Verb {
    /// The engine knobs that were typed, for verbs that have any.
    pub(crate) fn knobs(&self) -> Option<&KnobArgs> {
        match self {
            Self::Bench(args) => Some(&args.knobs),
            Self::Generate(args) => Some(&args.knobs),
            Self::Eval(args) => Some(&args.knobs),
            Self::Tune(args) => Some(&args.knobs),
            _ => None,
        }
    }
}

/// Verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Measure the speed and memory of models.
    ///
    /// Several engine processes, one after another, load each model, answer prompts and fill context windows. The results are saved in the
    /// history and as an HTML page.
    #[command(after_long_help = bench::EXAMPLES)]
    Bench(BenchArgs),
    /// Generate text from a prompt.
    #[command(after_long_help = generate::EXAMPLES)]
    Generate(Box<GenerateArgs>),
    /// Measure the quality of a model's answers.
    ///
    /// Answers are saved as they arrive: the same question is not asked twice, and an interrupted evaluation continues where it stopped.
    #[command(after_long_help = eval::EXAMPLES)]
    Eval(Box<EvalArgs>),
    /// Find the best sampling settings of a model for a task.
    ///
    /// Candidates answer the same questions; two thirds of them drop out after each round. The last one is compared with the initial
    /// settings on fresh questions, and the better of the two is saved as a preset for `dyno generate --preset TASK`. An interrupted
    /// search continues where it stopped.
    #[command(after_long_help = tune::EXAMPLES)]
    Tune(Box<TuneArgs>),
    /// Create a model with random weights in the shape of a known model.
    ///
    /// Speed and memory of such a model are real; its answers are nonsense.
    Synth(SynthArgs),
    /// Create quantized copies of a model.
    #[command(after_long_help = quantize::EXAMPLES)]
    Quantize(QuantizeArgs),
    /// Inspect, download and manage models.
    Models(ModelsArgs),
    /// Show and prune the model cache.
    Cache(CacheArgs),
    /// Recommend models for this machine.
    ///
    /// What was measured here counts first, then predictions, then published figures; each is marked.
    #[command(after_long_help = recommend::EXAMPLES)]
    Recommend(RecommendArgs),
    /// Choose the model that should handle a request.
    Route(RouteArgs),
    /// List past runs and evaluations.
    History(HistoryArgs),
    /// Show past runs and evaluations, as a table, page, Markdown, CSV or JSON.
    #[command(after_long_help = report::EXAMPLES)]
    Report(ReportArgs),
    /// Check this machine and the engine for problems.
    Doctor(DoctorArgs),
    /// Print a shell completion script.
    Completions {
        /// Shell to print the script for.
        shell: clap_complete::Shell,
    },
    /// Print the manual page (roff).
    Man,
}

#[cfg(test)]
mod tests;
