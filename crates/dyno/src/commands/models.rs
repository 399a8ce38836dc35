//! `dyno models`: look at model files, and after those in the cache.

use dyno_app::{AppError, Checked, ListedModel, ModelRow, Verdict, Work};

use crate::cli::{ModelsArgs, ModelsVerb};
use crate::printer;

/// Carries out the verb.
pub(super) fn run(work: &Work, args: ModelsArgs) -> anyhow::Result<()> {
    match args.verb {
        ModelsVerb::Inspect { model, output } => {
            let inspected = work.inspect(&model)?;
            if output.json() {
                return printer::print_json(&inspected);
            }
            let mut text = dyno_report::inspection_text(&inspected.inspection);
            if let Some(bytes) = inspected.fetched_bytes {
                text.push_str(&fetched_text(bytes, inspected.inspection.facts.file_bytes));
            }
            printer::print(&text)
        }
        ModelsVerb::Pull { model, output } => {
            let fetched = work.pull(&model)?;
            if output.json() {
                return printer::print_json(&fetched);
            }
            printer::print(&format!("{}\n", fetched.path.display()))
        }
        ModelsVerb::List { output } => {
            let (rows, kept) = (work.cached_models()?, work.stored_models()?);
            if output.json() {
                let cached =
                    rows.into_iter().map(|row| ListedModel::Cached { place: "cache", row: Box::new(row) });
                let all: Vec<ListedModel> = cached.chain(kept.into_iter().map(ListedModel::Kept)).collect();
                return printer::print_json(&all);
            }
            let rows: Vec<_> = rows.iter().map(dyno_app::listed).collect();
            let kept: Vec<_> = kept.iter().map(dyno_app::kept_elsewhere).collect();
            let tables = [dyno_report::cached_table(&rows), dyno_report::kept_table(&kept)];
            printer::print(
                &tables.into_iter().filter(|table| !table.is_empty()).collect::<Vec<_>>().join("\n"),
            )
        }
        ModelsVerb::Show { model, output } => {
            let row = work.cached_model(&model)?;
            if output.json() { printer::print_json(&row) } else { printer::print(&row_text(&row)) }
        }
        ModelsVerb::Verify { model, all, output } => verify(work, model.as_deref(), all, output.json()),
        ModelsVerb::Pin { model } => {
            let row = work.pin_model(&model, true)?;
            printer::remark(&format!("pinned {}", row.name));
            Ok(())
        }
        ModelsVerb::Unpin { model } => {
            let row = work.pin_model(&model, false)?;
            printer::remark(&format!("unpinned {}", row.name));
            Ok(())
        }
        ModelsVerb::Rm { model } => {
            let row = work.remove_model(&model)?;
            printer::remark(&format!("removed {} ({})", row.name, dyno_report::bytes_text(row.bytes)));
            Ok(())
        }
    }
}

fn verify(work: &Work, model: Option<&str>, all: bool, json: bool) -> anyhow::Result<()> {
    if model.is_none() && !all {
        return Err(AppError::Input("name the model to verify, or --all for every one".to_owned()).into());
    }
    let checked = work.verify_models(model)?;
    if json {
        printer::print_json(&checked)?;
    } else if checked.is_empty() {
        printer::print("The cache holds no models, so there is nothing to verify.\n")?;
    } else {
        printer::print(&checked.iter().map(checked_text).collect::<String>())?;
    }
    let models = dyno_app::damaged(&checked);
    if models == 0 { Ok(()) } else { Err(AppError::Damaged { models }.into()) }
}

fn fetched_text(bytes: u64, whole: u64) -> String {
    format!(
        "\n  {} of {} were fetched: the header alone.\n",
        dyno_report::bytes_text(bytes),
        dyno_report::bytes_text(whole)
    )
}

fn checked_text(checked: &Checked) -> String {
    let verdict = match &checked.verdict {
        Verdict::Sound => "sound, every byte as fetched".to_owned(),
        Verdict::Recorded => "no digest was known; the present one is recorded now".to_owned(),
        Verdict::Damaged { reason } => format!("DAMAGED: {reason}"),
    };
    format!("{}  {verdict}\n", checked.name)
}

fn row_text(row: &ModelRow) -> String {
    let entry = &row.entry;
    let listed = dyno_app::listed(row);
    let state = match (entry.pinned, row.in_use) {
        (true, true) => "pinned, in use",
        (true, false) => "pinned",
        (false, true) => "in use",
        (false, false) => "may be evicted",
    };
    let mut lines = vec![
        ("size", dyno_report::bytes_text(row.bytes)),
        ("state", state.to_owned()),
        ("last used", dyno_report::moment_text(listed.last_used_unix_ms)),
        ("names", entry.names.join(", ")),
    ];
    lines.extend(entry.commit.iter().map(|commit| ("commit", commit.clone())));
    for (file, path) in entry.files.iter().zip(&row.paths) {
        lines.push(("file", path.display().to_string()));
        lines.extend(file.sha256.iter().map(|sha256| ("  sha256", sha256.clone())));
    }
    let lines = lines.into_iter().map(|(label, value)| format!("  {label:<9} {value}\n"));
    format!("{}\n{}", row.name, lines.collect::<String>())
}
