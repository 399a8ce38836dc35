//! Which memory llama.cpp gives the layers of each architecture: its `create_memory` and `load_arch_hparams` as a table.
//!
//! An architecture that is not here (encoders, caches with an index, drafts, kinds that did not exist when this was
//! written) has no known layout, and none is guessed.

/// What decides the memory of the layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// Keys and values of every token in every layer.
    Full,
    /// Some layers look back only so far.
    Windowed(WindowRule),
    /// One latent vector per token where the header states the lengths of the rebuilt heads, else keys and values.
    Latent,
    /// States in every layer.
    Recurrent,
    /// States in some layers or beside the keys.
    Hybrid(HybridRule),
}

/// Which layers have a window and how wide it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct WindowRule {
    pub(super) width: WindowWidth,
    pub(super) pattern: WindowPattern,
    /// Only for this number of layers; other sizes of the family have no windows.
    pub(super) only_layers: Option<u64>,
    /// Layers from some number on that use the keys and values of an earlier one.
    pub(super) shared: SharedLayers,
}

/// Where the width of the window comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WindowWidth {
    /// `attention.sliding_window`, which must be there.
    Required,
    /// `attention.sliding_window`; no window when absent or 0.
    Optional,
    /// `attention.sliding_window`, or this.
    Default(u64),
    /// This, if `attention.sliding_window` is stated and not 0.
    FixedIfStated(u64),
    /// This, unless `attention.sliding_window` is 0.
    FixedUnlessZero(u64),
}

/// Which layers have the window; `attention.sliding_window_pattern` comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WindowPattern {
    /// All but the last of every so many.
    LastIsFull(u64),
    /// All but the first of every so many.
    FirstIsFull(u64),
    /// One truth value per layer in the header, which must be there.
    Stated,
}

/// Layers that keep nothing of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SharedLayers {
    /// None.
    None,
    /// All from this one on.
    From(u64),
    /// The last `attention.shared_kv_layers`.
    Stated,
}

/// Which layers of a hybrid keep a state, and which keep keys and values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HybridRule {
    /// States where there are no key/value heads, keys elsewhere.
    NoHeads,
    /// As before, but layers with a feed-forward width keep nothing.
    NoHeadsNoFeedForward,
    /// Both in every layer.
    Both,
    /// `attention.recurrent_layers`, or all but every so manieth (`full_attention_interval`).
    Interval(u64),
}

const fn windowed(width: WindowWidth, pattern: WindowPattern) -> Layout {
    Layout::Windowed(WindowRule { width, pattern, only_layers: None, shared: SharedLayers::None })
}

/// Architectures whose every layer keeps keys and values of every token.
const FULL: &[&str] = &[
    "llama",
    "deci",
    "falcon",
    "grok",
    "gpt2",
    "gptneox",
    "mpt",
    "baichuan",
    "starcoder",
    "refact",
    "bloom",
    "stablelm",
    "qwen",
    "qwen2",
    "qwen2moe",
    "qwen2vl",
    "qwen3",
    "qwen3moe",
    "qwen3vl",
    "qwen3vlmoe",
    "phi2",
    // Its window is switched off in llama.cpp.
    "phi3",
    "phimoe",
    "plamo",
    "codeshell",
    "orion",
    "internlm2",
    "minicpm",
    // The two have latent attention, but are computed with whole keys and values.
    "minicpm3",
    "plm",
    "gemma",
    "starcoder2",
    "xverse",
    "command-r",
    "dbrx",
    "olmo",
    "olmoe",
    "openelm",
    "arctic",
    "deepseek",
    "deepseek2-ocr",
    "chatglm",
    "glm4",
    "glm4moe",
    "bitnet",
    "jais",
    "jais2",
    "nemotron",
    "exaone",
    "granite",
    "granitemoe",
    "chameleon",
    "bailingmoe",
    "bailingmoe2",
    "dots1",
    "arcee",
    "ernie4_5",
    "ernie4_5-moe",
    "hunyuan-moe",
    "hunyuan-dense",
    "hunyuan_vl",
    "hy_v3",
    "smollm3",
    "seed_oss",
    "grovemoe",
    "apertus",
    "minimax-m2",
    "cogvlm",
    "pangu-embedded",
    "mistral3",
    "maincoder",
    "paddleocr",
];

/// The layout of an architecture; `None` when it is not known.
pub(super) fn layout(architecture: &str) -> Option<Layout> {
    use WindowPattern::{FirstIsFull, LastIsFull, Stated};
    use WindowWidth::{Default, FixedIfStated, FixedUnlessZero, Optional, Required};
    Some(match architecture {
        "deepseek2" | "mistral4" => Layout::Latent,
        "mamba" | "mamba2" | "rwkv6" | "rwkv6qwen2" | "rwkv7" | "arwkv7" => Layout::Recurrent,
        "jamba" | "plamo2" | "granitehybrid" | "lfm2" | "lfm2moe" | "kimi-linear" => {
            Layout::Hybrid(HybridRule::NoHeads)
        }
        "nemotron_h" | "nemotron_h_moe" => Layout::Hybrid(HybridRule::NoHeadsNoFeedForward),
        "falcon-h1" => Layout::Hybrid(HybridRule::Both),
        "qwen3next" | "qwen35" | "qwen35moe" => Layout::Hybrid(HybridRule::Interval(4)),
        "minimax-01" => Layout::Hybrid(HybridRule::Interval(8)),
        "gemma2" => windowed(Default(4096), LastIsFull(2)),
        "gemma3" => windowed(Optional, LastIsFull(6)),
        "gemma3n" => Layout::Windowed(WindowRule {
            width: Required,
            pattern: LastIsFull(5),
            only_layers: None,
            shared: SharedLayers::From(20),
        }),
        "gemma4" => Layout::Windowed(WindowRule {
            width: Required,
            pattern: Stated,
            only_layers: None,
            shared: SharedLayers::Stated,
        }),
        "exaone4" => Layout::Windowed(WindowRule {
            width: Default(4096),
            pattern: LastIsFull(4),
            only_layers: Some(64),
            shared: SharedLayers::None,
        }),
        "cohere2" | "exaone-moe" | "muse-glimmer" | "limite" => windowed(Required, LastIsFull(4)),
        "cohere2moe" => windowed(Required, FirstIsFull(4)),
        "gpt-oss" => windowed(Required, LastIsFull(2)),
        "olmo2" | "afmoe" | "mellum" => windowed(Optional, LastIsFull(4)),
        "laguna" => windowed(Optional, FirstIsFull(4)),
        "plamo3" => windowed(Optional, LastIsFull(8)),
        "smallthinker" => windowed(FixedIfStated(4096), FirstIsFull(4)),
        "llama4" => windowed(FixedUnlessZero(8192), LastIsFull(4)),
        "granite_swa" | "mimo2" | "step35" | "spark2_5" | "maple" | "kolibri1" | "muse-spark"
        | "maion-coder" | "beam" | "flint" => windowed(Required, Stated),
        _ if FULL.contains(&architecture) => Layout::Full,
        _ => return None,
    })
}
