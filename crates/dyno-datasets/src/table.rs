//! Rows of tables.

use serde_json::Value;

use crate::{LineProblem, Place, RECORD_BYTES_MAX, RECORDS_MAX, RecordResult};

/// Cells of one row, or why it cannot be read.
pub type CellsResult = Result<(Place, Vec<String>), LineProblem>;

/// Rows of a table; no row is taken for a header. Cells are quoted where needed; published tab-separated sets are written
/// without quoting, with quotes that are part of the text, so tables with tabs are quoted only where every quote at the start of
/// a cell closes at the end of one and that makes no row ragged.
pub(crate) fn rows(bytes: &[u8], separator: u8) -> Vec<CellsResult> {
    let quoted = || read_rows(bytes, separator, true);
    if separator != b'\t' {
        return quoted();
    }
    let plain = read_rows(bytes, separator, false);
    let cells = || plain.iter().flatten().flat_map(|(_, cells)| cells);
    let opened = cells().any(|cell| cell.starts_with('"'));
    if opened && (!is_even(&plain) || cells().all(|cell| !cell.starts_with('"') || is_wrapped(cell))) {
        let quoted = quoted();
        if is_even(&quoted) {
            return quoted;
        }
    }
    plain
}

/// Whether a cell is one quoted text: quotes around it, and only doubled ones inside.
fn is_wrapped(cell: &str) -> bool {
    let inside = cell.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inside.is_some_and(|inside| !inside.replace("\"\"", "").contains('"'))
}

/// Whether every row was read and has as many cells as the first.
fn is_even(rows: &[CellsResult]) -> bool {
    let width = |row: &CellsResult| row.as_ref().ok().map(|(_, cells)| cells.len());
    let first = rows.first().and_then(width);
    first.is_some() && rows.iter().all(|row| width(row) == first)
}

fn read_rows(bytes: &[u8], separator: u8, quoting: bool) -> Vec<CellsResult> {
    let mut builder = csv::ReaderBuilder::new();
    builder.delimiter(separator).quoting(quoting).has_headers(false).flexible(true);
    let mut reader = builder.from_reader(bytes);
    let mut found = Vec::new();
    let mut record = csv::ByteRecord::new();
    let mut line = 1;
    while found.len() < RECORDS_MAX {
        match reader.read_byte_record(&mut record) {
            Ok(false) => break,
            Ok(true) => {
                let place = Place::Line(record.position().map_or(line, csv::Position::line));
                line = reader.position().line();
                found.push(cells(place, &record).map(|cells| (place, cells)));
            }
            Err(error) => {
                // The reader works on memory; what can fail is the reader itself, and it does not recover.
                found.push(Err(LineProblem::new(Place::Line(line), error.to_string())));
                break;
            }
        }
    }
    found
}

fn cells(place: Place, record: &csv::ByteRecord) -> Result<Vec<String>, LineProblem> {
    if record.as_slice().len() > RECORD_BYTES_MAX {
        let bytes = record.as_slice().len();
        let cause = "is a quote left open before it?";
        let message = format!("has {bytes} bytes, but at most {RECORD_BYTES_MAX} are read; {cause}");
        return Err(LineProblem::new(place, message));
    }
    let text = |(column, field): (usize, &[u8])| {
        let text = std::str::from_utf8(field);
        let problem = |_| {
            LineProblem::new(place, format!("column {} is not UTF-8; save the table as UTF-8", column + 1))
        };
        text.map(str::to_owned).map_err(problem)
    };
    record.iter().enumerate().map(text).collect()
}

/// Rows as records: each cell under its column's name. Cells behind the last column are dropped, and so are columns
/// without a name (the row numbers that data frames write); a row with fewer cells is a problem.
#[must_use]
pub fn keyed(rows: Vec<CellsResult>, columns: &[String]) -> Vec<RecordResult> {
    let record = |row: CellsResult| {
        let (place, cells) = row?;
        if cells.len() < columns.len() {
            let message = format!("has {} columns, but {} are needed", cells.len(), columns.len());
            return Err(LineProblem::new(place, message));
        }
        let cells = columns.iter().cloned().zip(cells.into_iter().map(Value::String));
        Ok((place, cells.filter(|(column, _)| !column.is_empty()).collect()))
    };
    rows.into_iter().map(record).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_know_their_lines_and_quotes() {
        let found = rows(b"q,A\n\"two\nlines, one row\",x\nlast,\xff\n", b',');
        assert_eq!(found[1], Ok((Place::Line(2), vec!["two\nlines, one row".to_owned(), "x".to_owned()])));
        assert_eq!(
            found[2].as_ref().unwrap_err().to_string(),
            "line 4: column 2 is not UTF-8; save the table as UTF-8"
        );
    }

    #[test]
    fn tabs_are_read_with_and_without_quoting() {
        let plain = rows(b"a\t\"open quote\tb\nc\td\te\n", b'\t');
        assert_eq!(plain.len(), 2);
        assert_eq!(plain[0].as_ref().unwrap().1[1], "\"open quote");
        let quoted = rows(b"question\tanswer\n\"two\nlines\"\tx\n", b'\t');
        assert_eq!(quoted.len(), 2);
        assert_eq!(quoted[1].as_ref().unwrap().1, ["two\nlines", "x"]);
        let even = rows(b"question\tanswer\n\"He said \"\"so\"\", no?\"\tx\n", b'\t');
        assert_eq!(even[1].as_ref().unwrap().1, ["He said \"so\", no?", "x"]);
        let mixed = rows(b"a\tb\n\"Yes\"\t\"No,\" he said.\n", b'\t');
        assert_eq!(mixed[1].as_ref().unwrap().1, ["\"Yes\"", "\"No,\" he said."]);
    }

    #[test]
    fn columns_without_a_name_are_left_out() {
        let columns = ["", "question", "answer"].map(str::to_owned);
        let found = keyed(rows(b"0,q,a,more\n1,q\n", b','), &columns);
        let record = &found[0].as_ref().unwrap().1;
        assert_eq!(record.keys().collect::<Vec<_>>(), ["answer", "question"]);
        assert_eq!(found[1].as_ref().unwrap_err().to_string(), "line 2: has 2 columns, but 3 are needed");
    }
}
