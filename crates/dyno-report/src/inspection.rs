//! What a model file says of itself, and what it would take on this machine.

use dyno_types::{ModelFacts, Unit};
use serde::Serialize;

use crate::facts::{model_facts, model_name};
use crate::figure::{bytes, count, figure};
use crate::terminal::{grid, right, trimmed};

/// A model looked at through its header alone.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Inspection {
    /// What the header says.
    pub facts: ModelFacts,
    /// Time to read and check the header, ms.
    pub read_ms: f64,
    /// Memory programs can use on this machine, bytes.
    pub usable_ram_bytes: u64,
    /// Weights and KV cache by cache type; empty when the header does not determine them.
    pub memory: Vec<KvMemory>,
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
    /// Weights and KV cache, bytes.
    pub weights_and_kv_bytes: u64,
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
    text + &memory(inspection)
}

fn memory(inspection: &Inspection) -> String {
    let Some(first) = inspection.memory.first() else {
        let empty = inspection.facts.tensor_types.is_empty();
        let otherwise = if empty { "no weights" } else { "no layers or attention heads in its header" };
        let why = inspection.facts.kv_exception().unwrap_or(otherwise);
        return format!("\nMemory by window: not computed; this model has {why}.\n");
    };
    let windows = first.windows.iter().map(|window| count(window.context));
    let header: Vec<String> =
        ["KV type".to_owned(), "per token".to_owned()].into_iter().chain(windows).collect();
    let mut table = grid(&header);
    for row in &inspection.memory {
        let cell = |window: &WindowMemory| {
            let mark = if window.fits { "" } else { " *" };
            format!("{}{mark}", bytes(window.weights_and_kv_bytes))
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
        "\nWeights and KV cache by window in tokens (compute buffers come on top)\n{}This machine can use {usable}.{beyond}\n",
        trimmed(&table)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inspection(memory: Vec<KvMemory>) -> Inspection {
        let facts = ModelFacts {
            file_name: "m.gguf".to_owned(),
            architecture: "llama".to_owned(),
            parameters: 7_000_000_000,
            ..ModelFacts::default()
        };
        Inspection { facts, read_ms: 3.5, usable_ram_bytes: 16 << 30, memory }
    }

    #[test]
    fn windows_beyond_the_machine_are_marked() {
        let window =
            |context, fits| WindowMemory { context, kv_bytes: 1 << 30, weights_and_kv_bytes: 5 << 30, fits };
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
    fn what_cannot_be_computed_is_said_and_not_invented() {
        let mut unknown = inspection(Vec::new());
        assert!(inspection_text(&unknown).contains("not computed"), "no layers stated");
        unknown.facts.sliding_window = Some(4096);
        let text = inspection_text(&unknown);
        assert!(text.contains("this model has a sliding attention window"), "{text}");
    }
}
