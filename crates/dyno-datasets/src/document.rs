//! Records in JSON: lines, a list, objects one after the other, or one document that holds a list of them.

use serde_json::{Map, Value};

use crate::scan::{parts, values};
use crate::{DatasetError, LineProblem, Place, RECORD_BYTES_MAX, RECORDS_MAX, RecordResult, quoted, shown};

/// Names under which a document keeps its list of records.
const LISTS: [&str; 13] = [
    "rows",
    "data",
    "records",
    "examples",
    "questions",
    "items",
    "instances",
    "samples",
    "test",
    "validation",
    "dev",
    "train",
    "eval",
];

/// Records of a text that begins with an object.
pub(crate) fn records(name: &str, bytes: &[u8]) -> Result<Vec<RecordResult>, DatasetError> {
    let Some(found) = values(bytes, RECORDS_MAX) else { return Ok(lines(bytes)) };
    if let [one] = found[..]
        && let Some(list) = list_inside(name, one)?
    {
        return Ok(list
            .into_iter()
            .zip(1..)
            .map(|(part, number)| entry(Place::Entry(number), part))
            .collect());
    }
    // As lines, bad ones cost only themselves and places are lines; values that span lines are entries.
    let a_line_each = found.iter().all(|value| !value.contains(&b'\n'));
    if a_line_each {
        return Ok(lines(bytes));
    }
    Ok(found.into_iter().zip(1..).map(|(part, number)| entry(Place::Entry(number), part)).collect())
}

/// Records of one JSON list.
pub(crate) fn list(name: &str, bytes: &[u8]) -> Result<Vec<RecordResult>, DatasetError> {
    let refuse = |reason: String| DatasetError::List { name: name.to_owned(), reason };
    let bytes = bytes.trim_ascii();
    let Some(split) = parts(bytes, RECORDS_MAX) else {
        return Err(refuse("its closing bracket is missing; is it cut off?".to_owned()));
    };
    if !split.rest.trim_ascii().is_empty() {
        return Err(refuse(format!("after it stands {}", quoted(&String::from_utf8_lossy(split.rest)))));
    }
    if let [one] = split.parts[..]
        && let Err(problem) = entry(Place::Entry(1), one)
    {
        return Err(refuse(problem.to_string()));
    }
    Ok(split.parts.into_iter().zip(1..).map(|(part, number)| entry(Place::Entry(number), part)).collect())
}

/// Records of lines of JSON; blank lines are passed over.
pub(crate) fn lines(bytes: &[u8]) -> Vec<RecordResult> {
    let lines = bytes.split(|byte| *byte == b'\n').zip(1..);
    let lines = lines.filter(|(line, _)| !line.trim_ascii().is_empty());
    lines.take(RECORDS_MAX).map(|(line, number)| entry(Place::Line(number), line)).collect()
}

/// The list of records inside a document: the one member of a known name whose value is a list of objects. Rows of the
/// Hugging Face viewer (`{"rows": [{"row": …}]}`) are the inner objects.
fn list_inside<'a>(name: &str, document: &'a [u8]) -> Result<Option<Vec<&'a [u8]>>, DatasetError> {
    let Some(members) = parts(document, RECORDS_MAX) else { return Ok(None) };
    let lists: Vec<(String, Vec<&[u8]>)> = members
        .parts
        .into_iter()
        .filter_map(member)
        .filter(|(key, value)| LISTS.contains(&key.as_str()) && value.starts_with(b"["))
        .filter_map(|(key, value)| Some((key, parts(value, RECORDS_MAX)?.parts)))
        .filter(|(_, list)| list.first().is_some_and(|first| first.starts_with(b"{")))
        .collect();
    match <[_; 1]>::try_from(lists) {
        Ok([(_, list)]) => Ok(Some(list.iter().map(|part| inner_row(part)).collect())),
        Err(lists) if lists.is_empty() => Ok(None),
        Err(lists) => {
            let lists = lists.into_iter().map(|(key, _)| key).collect::<Vec<_>>().join(", ");
            Err(DatasetError::SeveralLists { name: name.to_owned(), lists })
        }
    }
}

/// The `row` of an entry of the viewer, or the entry itself.
fn inner_row(part: &[u8]) -> &[u8] {
    let members = parts(part, 100).map(|split| split.parts).unwrap_or_default();
    let members: Vec<(String, &[u8])> = members.into_iter().filter_map(member).collect();
    let has_index = members.iter().any(|(key, _)| key == "row_idx") || members.len() == 1;
    let row = members.iter().find(|(key, value)| key == "row" && value.starts_with(b"{"));
    row.filter(|_| has_index).map_or(part, |(_, row)| row)
}

/// Key and value of a member `"key": value`.
fn member(part: &[u8]) -> Option<(String, &[u8])> {
    let mut keys = serde_json::Deserializer::from_slice(part).into_iter::<String>();
    let key = keys.next()?.ok()?;
    let behind = part.get(keys.byte_offset()..)?.trim_ascii();
    Some((key, behind.strip_prefix(b":")?.trim_ascii()))
}

/// One record.
fn entry(place: Place, bytes: &[u8]) -> RecordResult {
    if bytes.len() > RECORD_BYTES_MAX {
        let message = format!("has {} bytes, but at most {RECORD_BYTES_MAX} are read", bytes.len());
        return Err(LineProblem::new(place, message));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let from = error.valid_up_to() + 1;
        LineProblem::new(place, format!("is not UTF-8 from byte {from} of it on"))
    })?;
    let value: Value = serde_json::from_str(text)
        .map_err(|error| LineProblem::new(place, format!("is no JSON ({error}): {}", quoted(text.trim()))))?;
    as_object(place, value)
}

fn as_object(place: Place, value: Value) -> Result<(Place, Map<String, Value>), LineProblem> {
    match value {
        Value::Object(map) => Ok((place, map)),
        other => Err(LineProblem::new(place, format!("is {}, but must be an object", shown(&other)))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(found: &[RecordResult]) -> Vec<Result<Place, Place>> {
        let place = |record: &RecordResult| match record {
            Ok((place, _)) => Ok(*place),
            Err(problem) => Err(problem.place),
        };
        found.iter().map(place).collect()
    }

    fn keys(bytes: &[u8]) -> Vec<Vec<String>> {
        let found = records("x.json", bytes).unwrap();
        found.into_iter().map(|record| record.unwrap().1.keys().cloned().collect()).collect()
    }

    #[test]
    fn one_bad_line_costs_only_itself() {
        let mut bytes = b"{\"a\":1}\n\nnot json\n[1]\n\xff\xfe\n{\"b\":2}\n".to_vec();
        bytes.extend(vec![b'x'; RECORD_BYTES_MAX + 1]);
        let found = records("x.jsonl", &bytes).unwrap();
        let line = Place::Line;
        let expected = [Ok(line(1)), Err(line(3)), Err(line(4)), Err(line(5)), Ok(line(6)), Err(line(7))];
        assert_eq!(places(&found), expected);
        let long = found[5].as_ref().unwrap_err().to_string();
        assert_eq!(long, "line 7: has 1048577 bytes, but at most 1048576 are read");
    }

    #[test]
    fn one_bad_entry_of_a_list_costs_only_itself() {
        let found = list("x.json", b"[{\"a\":1}, {\"a\" 1}, 7, {\"b\":\"],\"}]").unwrap();
        let entry = Place::Entry;
        assert_eq!(places(&found), [Ok(entry(1)), Err(entry(2)), Err(entry(3)), Ok(entry(4))]);
        for (bytes, reason) in [(&b"[{}"[..], "closing bracket"), (b"[{}] x", "after it stands")] {
            let error = list("x.json", bytes).unwrap_err().to_string();
            assert!(error.starts_with("x.json is no JSON list") && error.contains(reason), "{error}");
        }
    }

    #[test]
    fn documents_give_their_records() {
        // What the viewer of Hugging Face serves.
        let rows = br#"{"features": [], "rows": [{"row_idx": 0, "row": {"question": "a?"}, "truncated_cells": []}], "num_rows_total": 1}"#;
        assert_eq!(keys(rows), [["question"]]);
        assert_eq!(keys(br#"{"version": 1, "data": [{"a": 1}, {"b": 2}]}"#), [["a"], ["b"]]);
        // A record that spans lines, alone and with others.
        assert_eq!(keys(b"{\n \"question\": \"a?\",\n \"choices\": [\"x\"]\n}\n").len(), 1);
        assert_eq!(keys(b"{\n \"a\": 1\n}\n{\n \"b\": 2\n}\n"), [["a"], ["b"]]);
        // A record whose field happens to have such a name.
        assert_eq!(keys(br#"{"question": "q", "data": "none"}"#), [["data", "question"]]);
        let two = records("x.json", br#"{"train": [{"a":1}], "test": [{"a":2}]}"#).unwrap_err().to_string();
        assert!(two.contains("train, test"), "{two}");
    }

    #[test]
    fn a_document_without_end_is_read_as_lines() {
        let found = records("x.jsonl", b"{\"a\": 1}\n{\"b\": \n").unwrap();
        assert_eq!(places(&found), [Ok(Place::Line(1)), Err(Place::Line(2))]);
    }

    #[test]
    fn depth_is_bounded() {
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(5000), "]".repeat(5000));
        assert_eq!(places(&records("x", deep.as_bytes()).unwrap()), [Err(Place::Line(1))]);
    }
}
