//! What a model file says of itself, and what it would take on this machine.

use dyno_types::{ModelFacts, RateFigure, Unit, WeightRole, WeightShare};
use serde::Serialize;

use crate::facts::{model_facts, model_name};
use crate::figure::{Scale, bytes, count, figure, number, percent};
use crate::terminal::{grid, right, trimmed};
use crate::text::plain;

/// A model looked at through its header alone.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Inspection {
    /// What the header says.
    pub facts: ModelFacts,
    /// Time to read and check the header, ms.
    pub read_ms: f64,
    /// Memory programs can use on this machine, bytes.
    pub usable_ram_bytes: u64,
    /// Memory by cache type, predicted; empty when the header does not determine it.
    pub memory: Vec<KvMemory>,
    /// Prefill of a prompt of 512 tokens, predicted; absent before the engine was measured on this machine.
    pub prefill: Option<RateFigure>,
    /// Decode at the start of the context, predicted; absent likewise.
    pub decode: Option<RateFigure>,
}

/// Memory with one type of KV cache (keys and values alike).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct KvMemory {
    /// Type of the cache, e.g. `f16`.
    pub kv_type: &'static str,
    /// KV cache of one token, bytes.
    pub kv_bytes_per_token: f64,
    /// One entry per window, smallest first.
    pub windows: Vec<WindowMemory>,
}

/// Memory of one window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct WindowMemory {
    /// Window, tokens.
    pub context: u64,
    /// KV cache of the full window, bytes.
    pub kv_bytes: u64,
    /// The whole engine process, predicted: weights, KV cache, scratch buffers and the process itself, bytes.
    pub total_bytes: u64,
    /// Whether that much can be used on this machine at all.
    pub fits: bool,
}

/// The inspection for a terminal.
#[must_use]
pub fn inspection_text(inspection: &Inspection) -> String {
    let facts = model_facts(&inspection.facts);
    let width = facts.iter().map(|(label, _)| label.len()).max().unwrap_or_default();
    let mut text = format!("{}\n", model_name(&inspection.facts));
    for (label, value) in facts {
        text += &format!("  {label:<width$}  {value}\n");
    }
    let read = figure(Unit::Milliseconds, inspection.read_ms);
    text += &format!("  {:<width$}  {read}, no weights read\n", "Header read in");
    let missing = not_stated(&inspection.facts);
    if !missing.is_empty() {
        text += &format!("  {:<width$}  {}\n", "Not stated", missing.join(", "));
    }
    text + &weights(&inspection.facts) + &memory(inspection) + &speed(inspection)
}

/// What a header may say and this one does not.
fn not_stated(facts: &ModelFacts) -> Vec<&'static str> {
    let rotated = !facts.recurrent && facts.heads.is_some();
    [
        ("architecture", facts.architecture.is_empty()),
        ("layers", facts.layers.is_none()),
        ("embedding length", facts.embedding_length.is_none()),
        ("attention heads", facts.heads.is_none() && !facts.recurrent),
        ("feed-forward length", facts.feed_forward_length.is_none()),
        ("vocabulary", facts.vocabulary.is_none()),
        ("training context", facts.context_train.is_none()),
        ("RoPE base", facts.rope.freq_base.is_none() && rotated),
        ("tokenizer", facts.tokenizer.is_none()),
        ("chat template", !facts.has_chat_template),
        ("licence", facts.licence.is_none()),
    ]
    .into_iter()
    .filter_map(|(what, absent)| absent.then_some(what))
    .collect()
}

/// The quantization mix: weights by type and by what they are for, most bytes first.
fn weights(facts: &ModelFacts) -> String {
    if facts.weights.is_empty() {
        return String::new();
    }
    let mut shares: Vec<&WeightShare> = facts.weights.iter().collect();
    shares.sort_by_key(|share| std::cmp::Reverse(share.bytes));
    let header = ["type", "used as", "tensors", "weights", "bytes", "bits per weight", "share"];
    let mut table = grid(&header);
    for share in shares {
        let bits = 8.0 * share.bytes as f64 / share.elements.max(1) as f64;
        table.add_row([
            plain(&share.kind),
            role(share.role).to_owned(),
            count(share.tensors),
            count(share.elements),
            count(share.bytes),
            number(bits),
            percent(share.bytes as f64 / facts.weights_bytes.max(1) as f64),
        ]);
    }
    right(&mut table, 2..header.len());
    format!("\nWeights by type and use\n{}", trimmed(&table))
}

fn role(role: WeightRole) -> &'static str {
    match role {
        WeightRole::Embedding => "embedding",
        WeightRole::Output => "output",
        WeightRole::Matrix => "matrices",
        WeightRole::Expert => "experts",
        WeightRole::Vector => "norms, biases, look-ups",
        WeightRole::Unknown => "a role unknown to this dyno",
    }
}

fn memory(inspection: &Inspection) -> String {
    let Some(first) = inspection.memory.first() else {
        return format!("\nMemory by window: not computed; {}.\n", why_unknown(&inspection.facts));
    };
    let windows = first.windows.iter().map(|window| count(window.context));
    let header: Vec<String> =
        ["KV type".to_owned(), "per token".to_owned()].into_iter().chain(windows).collect();
    let mut table = grid(&header);
    for row in &inspection.memory {
        let cell = |window: &WindowMemory| {
            let mark = if window.fits { "" } else { " *" };
            format!("{}{mark}", bytes(window.total_bytes))
        };
        let start = [row.kv_type.to_owned(), figure(Unit::Bytes, row.kv_bytes_per_token)];
        table.add_row(start.into_iter().chain(row.windows.iter().map(cell)));
    }
    right(&mut table, 1..header.len());
    let usable = bytes(inspection.usable_ram_bytes);
    let beyond = if inspection.memory.iter().flat_map(|row| &row.windows).all(|window| window.fits) {
        String::new()
    } else {
        " * is more than that.".to_owned()
    };
    format!(
        "\nMemory by window in tokens, predicted for the whole engine process with its window full\n{}This machine can use {usable}.{beyond}\n",
        trimmed(&table)
    )
}

fn speed(inspection: &Inspection) -> String {
    let line = |what: &str, rate: &RateFigure| {
        let scale = Scale::with_interval(Unit::TokensPerSecond, rate.likely_tps, rate.interval_tps);
        let ends = rate.interval_tps.map_or_else(String::new, |ends| format!(" {}", scale.interval(ends)));
        format!("  {what:<8} {}{ends}\n", scale.text(rate.likely_tps))
    };
    match (&inspection.prefill, &inspection.decode) {
        (Some(prefill), Some(decode)) => format!(
            "\nSpeed on this machine, predicted with its 90 % interval\n{}{}",
            line("prefill", prefill),
            line("decode", decode)
        ),
        _ => String::new(),
    }
}

/// Why the memory of the layers is not known.
fn why_unknown(facts: &ModelFacts) -> String {
    if facts.tensor_types.is_empty() {
        return "this model has no weights".to_owned();
    }
    let missing: Vec<&str> = [
        ("block_count", facts.layers.is_none()),
        ("embedding_length", facts.embedding_length.is_none()),
        ("attention.head_count", facts.heads.is_none() && !facts.recurrent),
    ]
    .into_iter()
    .filter_map(|(key, absent)| absent.then_some(key))
    .collect();
    if missing.is_empty() {
        let architecture = plain(&facts.architecture);
        format!(
            "what the layers of a model of architecture {architecture:?} keep is not known, or not stated in full"
        )
    } else {
        format!("the header does not state {}", missing.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use dyno_types::TensorTypeShare;

    use super::*;

    fn inspection(memory: Vec<KvMemory>) -> Inspection {
        let facts = ModelFacts {
            file_name: "m.gguf".to_owned(),
            architecture: "llama".to_owned(),
            parameters: 7_000_000_000,
            ..ModelFacts::default()
        };
        Inspection { facts, read_ms: 3.5, usable_ram_bytes: 16 << 30, memory, prefill: None, decode: None }
    }

    #[test]
    fn windows_beyond_the_machine_are_marked() {
        let window = |context, fits| WindowMemory { context, kv_bytes: 1 << 30, total_bytes: 5 << 30, fits };
        let row = KvMemory {
            kv_type: "f16",
            kv_bytes_per_token: 131_072.0,
            windows: vec![window(8_192, true), window(131_072, false)],
        };
        let text = inspection_text(&inspection(vec![row]));
        for part in
            ["m.gguf", "7.00 B", "3.50 ms, no weights read", "131,072", "5.00 GiB *", "16.0 GiB", "* is more"]
        {
            assert!(text.contains(part), "{part:?} is not in\n{text}");
        }
    }

    #[test]
    fn speed_is_shown_when_it_is_predicted() {
        let rate = |likely_tps: f64| RateFigure {
            likely_tps,
            interval_tps: Some([likely_tps * 0.8, likely_tps * 1.25]),
            evidence: dyno_types::Evidence::Predicted,
            source: None,
        };
        let mut inspection = inspection(Vec::new());
        assert!(!inspection_text(&inspection).contains("Speed"));
        (inspection.prefill, inspection.decode) = (Some(rate(100.0)), Some(rate(10.0)));
        let text = inspection_text(&inspection);
        for part in [
            "predicted with its 90 %",
            "prefill  100.0 tokens/s [80.0, 125.0]",
            "decode   10.0 tokens/s [8.0, 12.5]",
        ] {
            assert!(text.contains(part), "{part:?} is not in\n{text}");
        }
    }

    #[test]
    fn the_mix_of_types_is_exact_and_what_is_missing_is_said() {
        let share = |role, kind: &str, elements, bytes| WeightShare {
            role,
            kind: kind.to_owned(),
            tensors: 3,
            elements,
            bytes,
        };
        let mut inspection = inspection(Vec::new());
        inspection.facts.weights_bytes = 1000;
        inspection.facts.weights =
            vec![share(WeightRole::Vector, "f32", 25, 100), share(WeightRole::Matrix, "q4_k", 1600, 900)];
        let text = inspection_text(&inspection);
        let (matrices, vectors) = (text.find("matrices").unwrap(), text.find("norms").unwrap());
        assert!(matrices < vectors, "most bytes first: {text}");
        for part in ["4.50", "90.0 %", "1,600", "Not stated", "training context", "licence"] {
            assert!(text.contains(part), "{part:?} is not in\n{text}");
        }
    }

    #[test]
    fn what_cannot_be_computed_is_said_and_not_invented() {
        let mut unknown = inspection(Vec::new());
        assert!(inspection_text(&unknown).contains("not computed; this model has no weights"));
        unknown.facts.tensor_types =
            vec![TensorTypeShare { kind: "f16".to_owned(), tensors: 1, elements: 8, bytes: 16 }];
        let text = inspection_text(&unknown);
        assert!(
            text.contains("does not state block_count, embedding_length, attention.head_count."),
            "{text}"
        );
        unknown.facts.layers = Some(2);
        unknown.facts.heads = Some(2);
        unknown.facts.embedding_length = Some(64);
        unknown.facts.architecture = "bert".to_owned();
        let text = inspection_text(&unknown);
        assert!(text.contains("architecture \"bert\" keep is not known"), "{text}");
    }
}
