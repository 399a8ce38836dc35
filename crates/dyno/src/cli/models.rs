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
    /// Show what a model file says of itself, and the memory it would take, without reading weights.
    ///
    /// A model on a hub or a web server is not fetched for it: only its header is read, over the network.
    Inspect {
        /// Model: path, hf:ORG/REPO:QUANT, ollama:NAME:TAG, https://HOST/PATH.gguf, synth:SHAPE@QUANT or builtin:nano.
        #[arg(value_name = "MODEL")]
        model: String,
        /// Output.
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Fetch a model of a hub into the cache, and print the file.
    ///
    /// MODEL is hf:ORG/REPO, and may go on with @REVISION and with :FILE or :QUANT. Without a file or quantization, the first of q4_k_m, q4_0, q5_k_m, q8_0,
    /// bf16, f16 that is there is taken; all parts of a split model are fetched. A stopped download goes on where it was.
    Pull {
        /// Model, for example hf:Qwen/Qwen2.5-0.5B-Instruct-GGUF:q4_k_m.
        #[arg(value_name = "MODEL")]
        model: String,
        /// Output.
        #[command(flatten)]
        output: OutputArgs,
    },
    /// List the models in the cache, the last used first, and those kept elsewhere on this machine.
    ///
    /// Elsewhere are the folders named in the configuration (models.folders), LM Studio, the Hugging Face cache of other programs, and
    /// Ollama. They are read where they are and never changed.
    List {
        /// Output.
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Show everything known of a model in the cache: files, digests, origin, last use.
    Show {
        /// Model: a reference, or a name that `list` shows.
        #[arg(value_name = "MODEL")]
        model: String,
        /// Output.
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Read every byte of a model (or of --all) and compare it with what was fetched; damaged files are set aside.
    Verify {
        /// Model: a reference, or a name that `list` shows.
        #[arg(value_name = "MODEL", conflicts_with = "all")]
        model: Option<String>,
        /// Every model in the cache.
        #[arg(long)]
        all: bool,
        /// Output.
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Keep a model from being evicted and removed.
    Pin {
        /// Model: a reference, or a name that `list` shows.
        #[arg(value_name = "MODEL")]
        model: String,
    },
    /// Let a pinned model go again.
    Unpin {
        /// Model: a reference, or a name that `list` shows.
        #[arg(value_name = "MODEL")]
        model: String,
    },
    /// Remove a model from the cache.
    Rm {
        /// Model: a reference, or a name that `list` shows.
        #[arg(value_name = "MODEL")]
        model: String,
    },
}

/// How results are printed.
#[derive(Debug, Args)]
pub(crate) struct OutputArgs {
    /// text or json.
    #[arg(long, default_value = "text", value_name = "FORMAT", value_parser = ["text", "json"], help_heading = "Output")]
    format: String,
}

impl OutputArgs {
    /// Whether JSON is wanted.
    pub(crate) fn json(&self) -> bool {
        self.format == "json"
    }
}
