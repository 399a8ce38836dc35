//! The list of models in the cache.

use dyno_types::Unit;
use serde::Serialize;

use crate::figure::{figure, moment};
use crate::terminal::{grid, right, trimmed};
use crate::text::plain;

/// What a list of models shows of one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CachedModel {
    /// Name that leads to it.
    pub name: String,
    /// Size of all files, bytes.
    pub bytes: u64,
    /// Last use, Unix ms.
    pub last_used_unix_ms: i64,
    /// Whether it may not be evicted.
    pub pinned: bool,
    /// Whether some process uses it now.
    pub in_use: bool,
}

/// The models in the given order, one row each, and their sum.
#[must_use]
pub fn cached_table(models: &[CachedModel]) -> String {
    if models.is_empty() {
        return "No models yet. `dyno models pull hf:ORG/REPO:QUANT` fetches one.\n".to_owned();
    }
    let mut table = grid(&["model", "size", "last used", "state"]);
    for model in models {
        let state = match (model.pinned, model.in_use) {
            (true, true) => "pinned, in use",
            (true, false) => "pinned",
            (false, true) => "in use",
            (false, false) => "",
        };
        table.add_row([
            plain(&model.name),
            figure(Unit::Bytes, model.bytes as f64),
            moment(model.last_used_unix_ms),
            state.to_owned(),
        ]);
    }
    right(&mut table, 1..2);
    let sum = models.iter().fold(0u64, |sum, model| sum.saturating_add(model.bytes));
    let counted = if models.len() == 1 { "1 model".to_owned() } else { format!("{} models", models.len()) };
    format!("{}{counted}, {}\n", trimmed(&table), figure(Unit::Bytes, sum as f64))
}

/// A model that another program or the user keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeptModel {
    /// What to type to use it.
    pub name: String,
    /// Who keeps it.
    pub place: String,
    /// Size of all files, bytes.
    pub bytes: u64,
}

/// Models outside the cache, one row each; empty when there are none.
#[must_use]
pub fn kept_table(models: &[KeptModel]) -> String {
    if models.is_empty() {
        return String::new();
    }
    let mut table = grid(&["model elsewhere on this machine", "size", "where"]);
    for model in models {
        let size = figure(Unit::Bytes, model.bytes as f64);
        table.add_row([plain(&model.name), size, plain(&model.place)]);
    }
    right(&mut table, 1..2);
    trimmed(&table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_model_has_a_row_whatever_its_name_holds() {
        let model = |name: &str, pinned, in_use| CachedModel {
            name: name.to_owned(),
            bytes: 3 << 30,
            last_used_unix_ms: 0,
            pinned,
            in_use,
        };
        let table = cached_table(&[model("hf:o/r:q8_0", true, true), model("evil\nrow", false, false)]);
        assert!(table.contains("hf:o/r:q8_0") && table.contains("pinned, in use"), "{table}");
        assert!(table.contains("2 models, ") && table.contains("evil\u{FFFD}row"), "{table}");
        assert!(cached_table(&[]).contains("models pull"));
        let kept =
            |name: &str| KeptModel { name: name.to_owned(), place: "Ollama".to_owned(), bytes: 3 << 30 };
        let table = kept_table(&[kept("ollama:llama3.2:1b"), kept("evil\nrow")]);
        assert!(
            table.contains("Ollama") && table.contains("3.00 GiB") && table.contains("evil\u{FFFD}row"),
            "{table}"
        );
        assert!(kept_table(&[]).is_empty());
    }
}
