//! `dyno eval`.

use std::path::PathBuf;

use clap::Args;
use dyno_app::QUANT_IMPACT_TYPES;

use super::{KnobArgs, PolicyArgs, SamplingArgs, TemplateArgs};

/// Flags of `dyno eval`.
///
/// Answers are kept as they come: the same evaluation again takes them from there, and one that was interrupted goes on.
#[derive(Debug, Args)]
#[command(mut_arg("temperature", |arg| arg.help("0 is greedy and repeatable; higher is more varied; 0 to 2 [default: 0]")))]
#[command(mut_arg("seed", |arg| arg.help("Seed of the draws and of --limit; the same seed gives the same answers [default: 0]")))]
#[command(mut_args(super::knobs::for_questions))]
pub(crate) struct EvalArgs {
    /// Model: path, synth:SHAPE@QUANT, builtin:NAME or hf:ORG/REPO.
    #[arg(value_name = "MODEL", required_unless_present_any = ["list", "template_file"])]
    pub(crate) model: Option<String>,
    /// Suites of questions: a built-in name, a file, or `all` [default: the held-out sets of the built-in models].
    ///
    /// A file is CSV, TSV, JSON, JSON lines or Parquet (also .gz and .zst): your own questions and answers, dyno's suite format, or a
    /// published set (GSM8K, HumanEval, MMLU, MMLU-Pro, HellaSwag, ARC, OpenBookQA, CommonsenseQA, BoolQ, PIQA, SIQA, COPA,
    /// WinoGrande, TruthfulQA, LAMBADA, MT-Bench).
    #[arg(value_name = "SUITE")]
    pub(crate) suites: Vec<String>,
    /// List the built-in suites and the prompt strategies, and nothing else.
    #[arg(long)]
    pub(crate) list: bool,
    /// Prompt strategy (repeatable) [default: direct].
    #[arg(long, value_name = "NAME", help_heading = "Questions")]
    pub(crate) strategy: Vec<String>,
    /// Several prompt strategies: `all`, or names with commas. Each is compared with `direct` on the same items.
    #[arg(long, value_name = "LIST", value_delimiter = ',', help_heading = "Questions")]
    pub(crate) strategies: Vec<String>,
    /// Worked examples before each question, from the suite.
    #[arg(long, value_name = "K", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=64), help_heading = "Questions")]
    pub(crate) few_shot: u32,
    /// Ask only so many items of each suite: drawn with the seed, evenly over its tasks.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), help_heading = "Questions")]
    pub(crate) limit: Option<u64>,
    /// Most tokens of an answer, where the suite does not say.
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=65_536), help_heading = "Questions")]
    pub(crate) max_tokens: u32,
    /// What stands around questions.
    #[command(flatten)]
    pub(crate) template: TemplateArgs,
    /// Format of suite files, where it shall not be told from their content.
    #[arg(long, value_name = "NAME", help_heading = "Questions")]
    pub(crate) suite_format: Option<String>,
    /// Column of the question, in a file of your own questions [default: question, prompt, instruction, input, …].
    #[arg(long, value_name = "NAME", help_heading = "Questions")]
    pub(crate) question_column: Option<String>,
    /// Column of the answer, or of several [default: answer, answers, target, expected, reference, …].
    #[arg(long, value_name = "NAME", help_heading = "Questions")]
    pub(crate) answer_column: Option<String>,
    /// How answers to your own questions are scored: exact, number, contains, f1, regex or choice [default: by their shape].
    #[arg(long, value_name = "WAY", help_heading = "Questions")]
    pub(crate) score: Option<String>,
    /// Print an example file of questions and answers to fill in: csv, tsv, json or jsonl.
    #[arg(long, value_name = "FORMAT", help_heading = "Questions")]
    pub(crate) template_file: Option<String>,
    /// Stop at the first line of a suite that cannot be used, instead of leaving it out.
    #[arg(long, help_heading = "Questions")]
    pub(crate) strict: bool,
    /// Run code written by the model although this machine cannot isolate it.
    #[arg(long, help_heading = "Questions")]
    pub(crate) allow_unsafe_code: bool,
    /// Measure the perplexity of this text.
    #[arg(long, value_name = "FILE", help_heading = "Perplexity")]
    pub(crate) perplexity: Option<PathBuf>,
    /// Tokens per chunk of that text; at most the training context of the model.
    #[arg(long, value_name = "N", default_value_t = 512, requires = "perplexity",
          value_parser = clap::value_parser!(u32).range(4..=131_072), help_heading = "Perplexity")]
    pub(crate) chunk: u32,
    /// Score only so many chunks; 0 scores all.
    #[arg(long, value_name = "N", default_value_t = 0, requires = "perplexity", help_heading = "Perplexity")]
    pub(crate) chunks: u32,
    /// Compare the predictions on that text with those of this model (same vocabulary).
    #[arg(long, value_name = "MODEL", requires = "perplexity", help_heading = "Perplexity")]
    pub(crate) reference: Option<String>,
    /// Make quantizations of the model and measure all side by side: size, memory, speed, perplexity, divergence and answers,
    /// each compared with the model itself.
    #[arg(long, conflicts_with = "reference", help_heading = "Quantization")]
    pub(crate) quant_impact: bool,
    /// Quantizations to make.
    #[arg(long, value_name = "TYPES", value_delimiter = ',', requires = "quant_impact",
          default_values = QUANT_IMPACT_TYPES, help_heading = "Quantization")]
    pub(crate) to: Vec<String>,
    /// Engine processes of each file that speeds and their intervals rest on.
    #[arg(long, value_name = "N", default_value_t = 4, requires = "quant_impact",
          value_parser = clap::value_parser!(u32).range(1..=100), help_heading = "Quantization")]
    pub(crate) processes: u32,
    /// How results are printed: table, json, csv (a row per item), md or html.
    #[arg(long, default_value = "table", value_name = "FORMAT", help_heading = "Output")]
    pub(crate) format: String,
    /// Neither use nor keep answers given before.
    #[arg(long, help_heading = "Output")]
    pub(crate) no_cache: bool,
    /// Do not keep the record; print only.
    #[arg(long, help_heading = "Output")]
    pub(crate) no_save: bool,
    /// What answers are held to, beside plain ones; the gain is shown with what it cost in tokens.
    #[command(flatten)]
    pub(crate) policy: PolicyArgs,
    /// Sampling.
    #[command(flatten)]
    pub(crate) sampling: SamplingArgs,
    /// Engine knobs.
    #[command(flatten)]
    pub(crate) knobs: KnobArgs,
}
