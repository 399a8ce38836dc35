//! What can be typed: one file per verb below, flags as typed, no decisions.

mod bench;
mod cache;
mod doctor;
mod eval;
mod generate;
mod history;
mod knobs;
mod models;
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

use clap::{Parser, Subcommand};
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

/// Put your local AI models on the dyno: measure them on your own machine, with numbers that cannot lie.
///
/// A model is named by a path to a GGUF file, by `synth:SHAPE@QUANT` (random weights in the true shape of a known
/// model: real speed and memory without a download), by `builtin:nano`, by `hf:ORG/REPO[@REVISION][:FILE-OR-QUANT]`
/// (fetched from the hub into the cache when it is not there yet; an address of huggingface.co does as well), or by
/// `ollama:NAME:TAG` (read where Ollama keeps it).
#[derive(Debug, Parser)]
#[command(
    name = "dyno",
    version,
    max_term_width = 110,
    arg_required_else_help = true,
    subcommand_required = true,
    after_long_help = format!("Exit codes:\n{}", dyno_app::exit_codes())
)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) verb: Verb,
    /// Where models are kept [default: LLAMA_CACHE_DIR, else dyno/models in the user's cache folder].
    #[arg(long, env = "DYNO_CACHE_DIR", global = true, value_name = "DIR", help_heading = "Places")]
    pub(crate) cache_dir: Option<PathBuf>,
    /// Most bytes of all models in the cache, also with a unit as in 100GB (10^9) or 50GiB (2^30) [default: LLAMA_CACHE_MAX_SIZE, else 50GiB].
    #[arg(long, env = "DYNO_CACHE_MAX_SIZE", global = true, value_name = "SIZE", help_heading = "Places")]
    pub(crate) cache_max_size: Option<String>,
    /// The run history, an SQLite file.
    #[arg(long, env = "DYNO_HISTORY", global = true, value_name = "FILE", help_heading = "Places")]
    pub(crate) history: Option<PathBuf>,
    /// Settings, a TOML file; `[models]` `folders = ["DIR", …]` names folders that hold models [default: dyno/config.toml in the user's
    /// configuration folder, when it is there].
    #[arg(long, env = "DYNO_CONFIG", global = true, value_name = "FILE", help_heading = "Places")]
    pub(crate) config: Option<PathBuf>,
    /// Where engine executables lie [default: beside dyno].
    #[arg(long, env = "DYNO_ENGINE_DIR", global = true, value_name = "DIR", help_heading = "Places")]
    pub(crate) engine_dir: Option<PathBuf>,
    /// Longest wait for any single answer of the engine, seconds.
    #[arg(long, env = "DYNO_DEADLINE", global = true, value_name = "SECONDS", default_value_t = 600,
          value_parser = clap::value_parser!(u64).range(1..=86_400), help_heading = "Limits")]
    pub(crate) deadline: u64,
    /// Address space the engine process may use, bytes or with a unit as in 8GiB; beyond it, a load fails instead of the machine
    /// [default: no limit].
    #[arg(
        long,
        env = "DYNO_MEMORY_LIMIT_BYTES",
        global = true,
        value_name = "SIZE",
        value_parser = dyno_types::parse_size,
        help_heading = "Limits"
    )]
    pub(crate) memory_limit_bytes: Option<u64>,
    /// No progress bars and remarks on stderr.
    #[arg(long, short, global = true, help_heading = "Output")]
    pub(crate) quiet: bool,
}

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
    /// Measure speed and memory of a model, stage by stage.
    Bench(BenchArgs),
    /// Let a model continue or answer a prompt.
    Generate(Box<GenerateArgs>),
    /// Measure how good a model's answers are: questions, prompt strategies, perplexity.
    Eval(Box<EvalArgs>),
    /// Find the sampling settings that suit a model, task by task.
    Tune(Box<TuneArgs>),
    /// Make a model file with random weights in the true shape of a known model.
    Synth(SynthArgs),
    /// Write a model with smaller weights, by llama.cpp's own quantizer.
    Quantize(QuantizeArgs),
    /// Look at model files; fetch, list, verify, pin and remove those in the cache.
    Models(ModelsArgs),
    /// Where models are kept, how full it is, and making room.
    Cache(CacheArgs),
    /// Say what to run on this machine, why, and what not to run.
    Recommend(RecommendArgs),
    /// Say which model a request would go to, and why.
    Route(RouteArgs),
    /// List the runs and evaluations so far.
    History(HistoryArgs),
    /// Show runs and evaluations again: terminal table, page, Markdown, CSV or JSON.
    Report(ReportArgs),
    /// Check this machine and the engine, and say what to do about what is wrong.
    Doctor(DoctorArgs),
    /// Print a shell completion script.
    Completions {
        /// Shell.
        shell: clap_complete::Shell,
    },
    /// Print the manual page (roff).
    Man,
}
