//! `dyno cache`: where models are kept, and making room.

use dyno_app::{AppError, CacheSize, Pruned, Work, parse_bytes};

use crate::cli::{CacheArgs, CacheVerb};
use crate::printer;

/// Carries out the verb.
pub(super) fn run(work: &Work, args: CacheArgs) -> anyhow::Result<()> {
    match args.verb {
        CacheVerb::Dir => printer::print(&format!("{}\n", work.cache_dir()?.display())),
        CacheVerb::Size { output } => {
            let size = work.cache_size()?;
            if output.json() { printer::print_json(&size) } else { printer::print(&size_text(&size)) }
        }
        CacheVerb::Prune { max_size, output } => {
            let max_bytes = max_size.map(|size| parse_bytes("--max-size", &size)).transpose();
            let pruned = work.prune_cache(max_bytes.map_err(AppError::from)?)?;
            if output.json() { printer::print_json(&pruned) } else { printer::print(&pruned_text(&pruned)) }
        }
    }
}

fn size_text(size: &CacheSize) -> String {
    let rows = [
        ("models", size.models_bytes),
        ("at most", size.max_bytes),
        ("unfinished", size.unfinished_bytes),
        ("damaged", size.damaged_bytes),
        ("free on disk", size.free_bytes),
    ];
    let models = if size.models == 1 { "model" } else { "models" };
    let mut text = format!("{}: {} {models}\n", size.folder.display(), size.models);
    for (label, bytes) in rows {
        text.push_str(&format!("  {label:<12} {:>10}\n", dyno_report::bytes_text(bytes)));
    }
    text
}

fn pruned_text(pruned: &Pruned) -> String {
    let mut text: String = pruned.removed.iter().map(|name| format!("removed {name}\n")).collect();
    text.push_str(&format!(
        "{} of models and {} of unfinished and damaged files removed, {} of models left\n",
        dyno_report::bytes_text(pruned.removed_bytes),
        dyno_report::bytes_text(pruned.cleared_bytes),
        dyno_report::bytes_text(pruned.left_bytes)
    ));
    text
}
