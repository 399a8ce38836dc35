//! `dyno models`.

use clap::{Args, Subcommand};

/// Flags of `dyno models`.
#[derive(Debug, Args)]
pub(crate) struct ModelsArgs {
    /// What to do.
    #[command(subcommand)]
    pub(crate) verb: ModelsVerb,
}

/// What can be done with model files.
#[derive(Debug, Subcommand)]
pub(crate) enum ModelsVerb {
    /// Show what a model is, and the memory and speed to expect on this machine.
    ///
    /// Only the header is read, also of a model on a hub or a web server: nothing is downloaded.
    Inspect {
        /// Model to inspect.
        #[arg(value_name = "MODEL", value_parser = super::named::named(), help = super::model_help("Model to inspect: https://HOST/PATH.gguf,"))]
        model: String,
        /// Output.
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Download a model from a hub into the cache, and print its path.
    ///
    /// MODEL is hf:ORG/REPO, then @REVISION and :FILE-OR-QUANT where you want them. Without a file or quantization, dyno takes the first of q4_k_m, q4_0, q5_k_m,
    /// q8_0, bf16 and f16 that the repository has. All parts of a split model are downloaded. An interrupted download is resumed.
    Pull {
        /// Model to download, for example hf:Qwen/Qwen2.5-0.5B-Instruct-GGUF:q4_k_m.
        #[arg(value_name = "MODEL", value_parser = super::named::named())]
        model: String,
        /// Output.
        #[command(flatten)]
        output: OutputArgs,
    },
    /// List the models in the cache and elsewhere on this machine, last used first.
    ///
    /// Elsewhere means the directories in the configuration (models.folders), LM Studio, the Hugging Face cache of other programs, and
    /// Ollama. Those files are used in place and never changed.
    List {
        /// Output.
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Show files, digests, origin and last use of a model in the cache.
    Show {
        /// Model: a reference, or a name shown by `dyno models list`.
        #[arg(value_name = "MODEL", value_parser = super::named::named())]
        model: String,
        /// Output.
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Verify the digests of a model in the cache; set damaged files aside.
    Verify {
        /// Model: a reference, or a name shown by `dyno models list`.
        #[arg(value_name = "MODEL", value_parser = super::named::named(), conflicts_with = "all")]
        model: Option<String>,
        /// Verify every model in the cache.
        #[arg(long)]
        all: bool,
        /// Output.
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Protect a model from eviction and removal.
    Pin {
        /// Model: a reference, or a name shown by `dyno models list`.
        #[arg(value_name = "MODEL", value_parser = super::named::named())]
        model: String,
    },
    /// Lift the protection of a pinned model.
    Unpin {
        /// Model: a reference, or a name shown by `dyno models list`.
        #[arg(value_name = "MODEL", value_parser = super::named::named())]
        model: String,
    },
    /// Remove a model from the cache.
    Rm {
        /// Model: a reference, or a name shown by `dyno models list`.
        #[arg(value_name = "MODEL", value_parser = super::named::named())]
        model: String,
    },
}

/// How results are printed.
#[derive(Debug, Args)]
pub(crate) struct OutputArgs {
    /// Output format.
    #[arg(long, default_value = "text", value_name = "FORMAT", value_parser = ["text", "json"], help_heading = "Output")]
    format: String,
}

impl OutputArgs {
    /// Whether JSON is wanted.
    pub(crate) fn json(&self) -> bool {
        self.format == "json"
    }
}
