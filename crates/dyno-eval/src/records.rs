//! From bytes of unknown origin to records: lines of JSON, a JSON list, or a table. Bounded, and one bad record never
//! costs another.

use std::io::Read;

use serde_json::{Map, Value};

use crate::fields::quoted;
use crate::{LineProblem, Place, SuiteError};

/// Most bytes of a file, also after unpacking.
pub const SUITE_BYTES_MAX: usize = 256 << 20;

/// Longest line or table row read, bytes.
pub const LINE_BYTES_MAX: usize = 1 << 20;

/// Most records read from one file.
pub const RECORDS_MAX: usize = 500_000;

/// One record, or why it cannot be read.
pub(crate) type RecordResult = Result<(Place, Map<String, Value>), LineProblem>;

/// What a file's bytes look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Container {
    /// One JSON object per line.
    Lines,
    /// One JSON list of objects.
    List,
    /// Values separated by a character, quoted where needed (or never).
    Table { separator: u8, quoting: bool },
    /// Anything else.
    Text,
}

fn problem(place: Place, message: impl Into<String>) -> LineProblem {
    LineProblem { place, field: None, message: message.into() }
}

/// Unpacks gzip, takes a byte order mark off and refuses what is empty, too large or no UTF-8 at all.
pub(crate) fn plain_bytes(name: &str, bytes: &[u8]) -> Result<Vec<u8>, SuiteError> {
    let mut plain =
        if bytes.starts_with(&[0x1f, 0x8b]) { gunzip(name, bytes, SUITE_BYTES_MAX)? } else { bytes.to_vec() };
    if plain.len() > SUITE_BYTES_MAX {
        return Err(SuiteError::TooLarge { name: name.to_owned(), limit: SUITE_BYTES_MAX, after: "" });
    }
    if plain.starts_with(&[0xef, 0xbb, 0xbf]) {
        plain.drain(..3);
    }
    let found = if plain.starts_with(&[0xff, 0xfe]) || plain.starts_with(&[0xfe, 0xff]) {
        Some("it begins with the mark of UTF-16")
    } else if plain.iter().take(4096).any(|byte| *byte == 0) {
        Some("it contains zero bytes, so it is UTF-16 or no text at all")
    } else {
        None
    };
    if let Some(found) = found {
        return Err(SuiteError::NotUtf8 { name: name.to_owned(), found });
    }
    if plain.iter().all(u8::is_ascii_whitespace) {
        return Err(SuiteError::Empty { name: name.to_owned() });
    }
    Ok(plain)
}

fn gunzip(name: &str, bytes: &[u8], limit: usize) -> Result<Vec<u8>, SuiteError> {
    let mut plain = Vec::new();
    // Reading one byte past the limit tells a file at the limit from one beyond it, and bounds what a bomb can do.
    let mut bounded = flate2::read::MultiGzDecoder::new(bytes).take(limit as u64 + 1);
    let read = bounded.read_to_end(&mut plain);
    read.map_err(|error| SuiteError::Gzip { name: name.to_owned(), reason: error.to_string() })?;
    if plain.len() > limit {
        return Err(SuiteError::TooLarge { name: name.to_owned(), limit, after: " after unpacking" });
    }
    Ok(plain)
}

/// What the bytes look like, by their first characters and the file's name.
pub(crate) fn container(name: &str, bytes: &[u8]) -> Container {
    let name = name.to_ascii_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    let first_line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let count = |wanted: u8| first_line.iter().filter(|byte| **byte == wanted).count();
    match bytes.iter().find(|byte| !byte.is_ascii_whitespace()) {
        _ if [".txt", ".text", ".raw", ".md"].iter().any(|ending| name.ends_with(ending)) => Container::Text,
        Some(b'{') => Container::Lines,
        Some(b'[') if name.ends_with(".json") || !name.ends_with(".csv") => Container::List,
        // Published tab-separated sets are written without quoting, and quotes in them are part of the text.
        _ if count(b'\t') >= 2 => Container::Table { separator: b'\t', quoting: false },
        _ if name.ends_with(".csv") || count(b',') >= 5 => {
            Container::Table { separator: b',', quoting: true }
        }
        _ => Container::Text,
    }
}

/// Records of lines of JSON; blank lines are passed over.
pub(crate) fn json_lines(bytes: &[u8]) -> impl Iterator<Item = RecordResult> {
    let lines = bytes.split(|byte| *byte == b'\n').enumerate();
    let lines = lines.filter(|(_, line)| !line.iter().all(u8::is_ascii_whitespace));
    lines.take(RECORDS_MAX).map(|(index, line)| {
        let place = Place::Line(index as u64 + 1);
        let text = line_text(place, line)?;
        let value = serde_json::from_str::<Value>(text)
            .map_err(|error| problem(place, format!("is no JSON ({error}): {}", quoted(text))))?;
        as_object(place, value)
    })
}

fn line_text(place: Place, line: &[u8]) -> Result<&str, LineProblem> {
    if line.len() > LINE_BYTES_MAX {
        let message = format!("has {} bytes, but at most {LINE_BYTES_MAX} are read", line.len());
        return Err(problem(place, message));
    }
    std::str::from_utf8(line).map_err(|error| {
        problem(place, format!("is not UTF-8 from byte {} of the line on", error.valid_up_to() + 1))
    })
}

fn as_object(place: Place, value: Value) -> RecordResult {
    match value {
        Value::Object(map) => Ok((place, map)),
        other => Err(problem(place, format!("is {}, but must be an object", crate::fields::shown(&other)))),
    }
}

/// Records of one JSON list.
pub(crate) fn json_list(name: &str, bytes: &[u8]) -> Result<Vec<RecordResult>, SuiteError> {
    let values: Vec<Value> = serde_json::from_slice(bytes)
        .map_err(|error| SuiteError::Json { name: name.to_owned(), reason: error.to_string() })?;
    let places = (1..).map(Place::Entry);
    Ok(values
        .into_iter()
        .take(RECORDS_MAX)
        .zip(places)
        .map(|(value, place)| as_object(place, value))
        .collect())
}

/// Rows of a table as lists of texts; no row is taken for a header.
pub(crate) fn rows(
    bytes: &[u8],
    separator: u8,
    quoting: bool,
) -> Vec<Result<(Place, Vec<String>), LineProblem>> {
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
                found.push(row_texts(place, &record).map(|texts| (place, texts)));
            }
            Err(error) => {
                // The reader works on memory; what can fail is the reader itself, and it does not recover.
                found.push(Err(problem(Place::Line(line), error.to_string())));
                break;
            }
        }
    }
    found
}

fn row_texts(place: Place, record: &csv::ByteRecord) -> Result<Vec<String>, LineProblem> {
    if record.as_slice().len() > LINE_BYTES_MAX {
        let bytes = record.as_slice().len();
        let cause = "is a quote left open before it?";
        return Err(problem(
            place,
            format!("has {bytes} bytes, but at most {LINE_BYTES_MAX} are read; {cause}"),
        ));
    }
    let text = |(column, field): (usize, &[u8])| {
        let text = std::str::from_utf8(field);
        text.map(str::to_owned).map_err(|_| problem(place, format!("column {} is not UTF-8", column + 1)))
    };
    record.iter().enumerate().map(text).collect()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn encodings_other_than_utf8_are_named() {
        let utf16: Vec<u8> = "\u{feff}{}".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let bare: Vec<u8> = "{}".encode_utf16().flat_map(u16::to_le_bytes).collect();
        for bytes in [utf16, bare] {
            let error = plain_bytes("a.jsonl", &bytes).unwrap_err();
            assert!(matches!(error, SuiteError::NotUtf8 { .. }), "{error}");
            assert!(error.to_string().contains("save it as UTF-8"), "{error}");
        }
        assert_eq!(plain_bytes("a", b"\xef\xbb\xbf{}").unwrap(), b"{}");
        assert!(matches!(plain_bytes("a", b" \n\t"), Err(SuiteError::Empty { .. })));
    }

    #[test]
    fn packed_files_are_unpacked_and_broken_or_endless_ones_refused() {
        assert_eq!(plain_bytes("a.gz", &gzip(b"text")).unwrap(), b"text");
        let packed = gzip(b"some text that is packed");
        assert!(matches!(plain_bytes("a.gz", &packed[..packed.len() - 9]), Err(SuiteError::Gzip { .. })));
        let bomb = gzip(&[b'a'; 1001]);
        assert!(bomb.len() < 100);
        assert_eq!(gunzip("a.gz", &bomb, 1001).unwrap().len(), 1001);
        assert!(matches!(gunzip("a.gz", &bomb, 1000), Err(SuiteError::TooLarge { limit: 1000, .. })));
    }

    #[test]
    fn one_bad_line_costs_only_itself() {
        let mut bytes = b"{\"a\":1}\n\nnot json\n[1]\n\xff\xfe\n{\"b\":2}\n".to_vec();
        bytes.extend(vec![b'x'; LINE_BYTES_MAX + 1]);
        let found: Vec<RecordResult> = json_lines(&bytes).collect();
        let places: Vec<Result<Place, Place>> = found
            .iter()
            .map(|record| match record {
                Ok((place, _)) => Ok(*place),
                Err(problem) => Err(problem.place),
            })
            .collect();
        let line = Place::Line;
        assert_eq!(
            places,
            [Ok(line(1)), Err(line(3)), Err(line(4)), Err(line(5)), Ok(line(6)), Err(line(7))]
        );
        let long = found[5].as_ref().unwrap_err().to_string();
        assert_eq!(long, "line 7: has 1048577 bytes, but at most 1048576 are read");
    }

    #[test]
    fn tables_know_their_lines_and_quotes() {
        let found = rows(b"q,A\n\"two\nlines, one row\",x\nlast,\xff\n", b',', true);
        assert_eq!(found[1], Ok((Place::Line(2), vec!["two\nlines, one row".to_owned(), "x".to_owned()])));
        assert_eq!(found[2].as_ref().unwrap_err().to_string(), "line 4: column 2 is not UTF-8");
        let tabs = rows(b"a\t\"open quote\tb\nc\td\te\n", b'\t', false);
        assert_eq!(tabs.len(), 2);
        assert_eq!(tabs[0].as_ref().unwrap().1[1], "\"open quote");
    }

    #[test]
    fn containers_are_told_by_content_and_name() {
        let cases: [(&str, &[u8], Container); 7] = [
            ("x", b" {\"a\":1}", Container::Lines),
            ("x.json", b"[{}]", Container::List),
            ("x.csv", b"q,A,B", Container::Table { separator: b',', quoting: true }),
            ("sts-dev.csv", b"a\tb\tc\td", Container::Table { separator: b'\t', quoting: false }),
            ("x", b"a,b,c,d,e,f", Container::Table { separator: b',', quoting: true }),
            ("x.txt", b"{ not json", Container::Text),
            ("x", b"Once upon a time, there was", Container::Text),
        ];
        for (name, bytes, expected) in cases {
            assert_eq!(container(name, bytes), expected, "{name}");
        }
    }
}
