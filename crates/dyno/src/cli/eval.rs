//! `dyno eval`.

use std::path::PathBuf;

use clap::Args;
use dyno_app::QUANT_IMPACT_TYPES;

use super::{KnobArgs, PolicyArgs, SamplingArgs, TemplateArgs};

/// Examples in its help.
pub(crate) const EXAMPLES: &str = r"Examples:
  dyno eval model.gguf                                          built-in suites
  dyno eval model.gguf questions.csv                            your own questions and answers
  dyno eval model.gguf gsm8k.jsonl --strategies direct,thinking   compare prompt strategies
  dyno eval model.gguf --perplexity text.txt
  dyno eval model.gguf --quant-impact                           what does quantization cost?";

/// Flags of `dyno eval`.
///
/// Answers are kept as they come: the same evaluation again takes them from there, and one that was interrupted goes on.
#[derive(Debug, Args)]
#[command(mut_arg("temperature", |arg| arg.help("Randomness of the answers, 0 to 2; 0 always picks the likeliest token [default: 0]")))]
#[command(mut_arg("seed", |arg| arg.help("Random seed of the answers and of --limit; the same seed gives the same answers [default: 0]")))]
#[command(mut_arg("judge", |arg| arg.help(
    "Another model that rates open answers (MT-Bench, --score judge) from 1 to 10; without one they are not scored"
)))]
#[command(mut_arg("least_grade", |arg| arg.hide(true)))]
#[command(mut_args(super::knobs::for_questions))]
pub(crate) struct EvalArgs {
    /// Model to evaluate.
    #[arg(value_name = "MODEL", value_parser = super::named::named(), help = super::model_help("Model to evaluate:"), required_unless_present_any = ["list", "template_file"])]
    pub(crate) model: Option<String>,
    /// Question suites: built-in names (see --list), files, or `all` for every built-in suite [default: the held-out suites].
    ///
    /// A file is CSV, TSV, JSON, JSON lines or Parquet (also .gz and .zst). It holds your own questions and answers, a suite in dyno's format, or a
    /// published set (GSM8K, HumanEval, MMLU, MMLU-Pro, HellaSwag, ARC, OpenBookQA, CommonsenseQA, BoolQ, PIQA, SIQA, COPA,
    /// WinoGrande, TruthfulQA, LAMBADA, MT-Bench).
    #[arg(value_name = "SUITE", value_parser = super::named::named())]
    pub(crate) suites: Vec<String>,
    /// List the built-in suites and the prompt strategies, then exit.
    #[arg(long)]
    pub(crate) list: bool,
    /// Prompt strategy; may be given several times [default: direct].
    #[arg(long, value_name = "NAME", help_heading = "Questions")]
    pub(crate) strategy: Vec<String>,
    /// Several prompt strategies, separated by commas, or `all`; each is compared with `direct` on the same questions.
    #[arg(long, value_name = "LIST", value_delimiter = ',', help_heading = "Questions")]
    pub(crate) strategies: Vec<String>,
    /// Worked examples to put before each question, taken from the suite.
    #[arg(long, value_name = "K", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=64), help_heading = "Questions")]
    pub(crate) few_shot: u32,
    /// Maximum number of questions per suite, drawn at random, evenly from its tasks [default: all].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), help_heading = "Questions")]
    pub(crate) limit: Option<u64>,
    /// Maximum answer length in tokens, unless the suite sets one.
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=65_536), help_heading = "Questions")]
    pub(crate) max_tokens: u32,
    /// What stands around questions.
    #[command(flatten)]
    pub(crate) template: TemplateArgs,
    /// Format of the suite files [default: detected from their content].
    #[arg(long, value_name = "NAME", help_heading = "Questions")]
    pub(crate) suite_format: Option<String>,
    /// Column that holds the question, in a file of your own [default: question, prompt, instruction, input, …].
    #[arg(long, value_name = "NAME", help_heading = "Questions")]
    pub(crate) question_column: Option<String>,
    /// Column that holds the answer or answers, in a file of your own [default: answer, answers, target, expected, reference, …].
    #[arg(long, value_name = "NAME", help_heading = "Questions")]
    pub(crate) answer_column: Option<String>,
    /// How to score answers to your own questions: exact, number, contains, f1, regex, choice or judge [default: chosen by their form].
    #[arg(long, value_name = "WAY", help_heading = "Questions")]
    pub(crate) score: Option<String>,
    /// Print an example question file to fill in, then exit: csv, tsv, json or jsonl.
    #[arg(long, value_name = "FORMAT", help_heading = "Questions")]
    pub(crate) template_file: Option<String>,
    /// Stop at the first unusable line of a suite instead of skipping it.
    #[arg(long, help_heading = "Questions")]
    pub(crate) strict: bool,
    /// Run code written by the model even if this machine cannot isolate it.
    #[arg(long, help_heading = "Questions")]
    pub(crate) allow_unsafe_code: bool,
    /// Measure the model's perplexity on this text.
    #[arg(long, value_name = "FILE", help_heading = "Perplexity")]
    pub(crate) perplexity: Option<PathBuf>,
    /// Chunk length in tokens, at most the training context of the model.
    #[arg(long, value_name = "N", default_value_t = 512, requires = "perplexity",
          value_parser = clap::value_parser!(u32).range(4..=131_072), help_heading = "Perplexity")]
    pub(crate) chunk: u32,
    /// Maximum number of chunks to score; 0 for all.
    #[arg(long, value_name = "N", default_value_t = 0, requires = "perplexity", help_heading = "Perplexity")]
    pub(crate) chunks: u32,
    /// Measure how far the predictions diverge from those of this model, which must have the same vocabulary.
    #[arg(long, value_name = "MODEL", value_parser = super::named::named(), requires = "perplexity", help_heading = "Perplexity")]
    pub(crate) reference: Option<String>,
    /// Quantize the model and compare each result with the original: size, memory, speed, perplexity, divergence and answers.
    #[arg(long, conflicts_with = "reference", help_heading = "Quantization")]
    pub(crate) quant_impact: bool,
    /// Quantization types to compare.
    #[arg(long, value_name = "TYPES", value_delimiter = ',', requires = "quant_impact",
          default_values = QUANT_IMPACT_TYPES, help_heading = "Quantization")]
    pub(crate) to: Vec<String>,
    /// Engine processes per file; the intervals of speeds rest on these.
    #[arg(long, value_name = "N", default_value_t = 4, requires = "quant_impact",
          value_parser = clap::value_parser!(u32).range(1..=100), help_heading = "Quantization")]
    pub(crate) processes: u32,
    /// Output format.
    #[arg(long, help = super::format_help("; csv has one row per question"), default_value = "table", value_name = "FORMAT", help_heading = "Output")]
    pub(crate) format: String,
    /// Ask every question again; do not read or save kept answers.
    #[arg(long, help_heading = "Output")]
    pub(crate) no_cache: bool,
    /// Print the results only; do not save the record.
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
