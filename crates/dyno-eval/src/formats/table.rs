//! Tables: which row is the header, and what a table without one is.

use dyno_datasets::{CellsResult, keyed};

use super::{Asked, choices, field_names, from_records, known, pair_set, pairs};
use crate::fields::quoted;
use crate::{LoadOptions, Loaded, SuiteError};

/// Reads a table: its first row is a header when it holds a name that some format knows.
pub(crate) fn from_table(
    name: &str,
    mut rows: Vec<CellsResult>,
    asked: Option<Asked>,
    options: LoadOptions<'_>,
) -> Result<Loaded, SuiteError> {
    let first: Vec<String> = match rows.first() {
        Some(Ok((_, row))) => row.clone(),
        _ => Vec::new(),
    };
    if asked == Some(Asked::Pairs) || (asked.is_none() && pairs::looks_like(&first)) {
        if pairs::has_header(&first) {
            rows = without_header(rows);
        }
        return pair_set(name, keyed(rows, &pairs::columns(&first)), options.strict).map(Loaded::Pairs);
    }
    let named = [options.question_column, options.answer_column];
    let is_named = |cell: &String| named.iter().flatten().any(|name| same_name(cell, name));
    // A letter alone is as likely an answer as the name of a choice.
    let is_known = |cell: &String| cell.trim().len() > 1 && canonical(cell).is_some();
    if first.iter().any(|cell| is_named(cell) || is_known(cell)) {
        let columns: Vec<String> = first
            .iter()
            .map(|cell| canonical(cell).map_or_else(|| cell.trim().to_owned(), str::to_owned))
            .collect();
        let rows = without_header(rows);
        return from_records(name, keyed(rows, &columns), asked, options);
    }
    if choices::looks_like_mmlu(&first) {
        let columns = choices::MMLU_COLUMNS.map(str::to_owned);
        return from_records(name, keyed(rows, &columns), Some(Asked::Records("mmlu")), options);
    }
    let cells: Vec<String> = first.iter().take(6).map(|cell| quoted(cell)).collect();
    let found = format!(
        "its first row ({}) names no column that is known; write names above it, for example `question,answer`, or name \
         the columns",
        cells.join(", ")
    );
    Err(SuiteError::UnknownFormat { name: name.to_owned(), found, known: known() })
}

fn without_header(rows: Vec<CellsResult>) -> Vec<CellsResult> {
    rows.into_iter().skip(1).collect()
}

/// The known field that a column's name stands for, whatever its case.
fn canonical(cell: &str) -> Option<&'static str> {
    field_names().find(|field| same_name(cell, field))
}

/// Whether a column has this name.
fn same_name(cell: &str, name: &str) -> bool {
    cell.trim().eq_ignore_ascii_case(name.trim())
}
