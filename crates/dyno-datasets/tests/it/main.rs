//! Files as other programs write them, and files that nobody should have written.

// Helpers of tests may unwrap, as tests do.
#![allow(clippy::unwrap_used)]

use dyno_datasets::{Dataset, DatasetError, RECORD_BYTES_MAX, read, read_lines, read_text};
use proptest::prelude::*;
use serde_json::{Value, json};

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/tests/fixtures/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn records(name: &str, bytes: &[u8]) -> Vec<Value> {
    match read(name, bytes) {
        Ok(Dataset::Records(records)) => {
            records.into_iter().map(|record| Value::Object(record.unwrap().1)).collect()
        }
        other => panic!("{name}: {other:?}"),
    }
}

#[test]
fn parquet_gives_the_rows_that_were_written() {
    for packed in ["snappy", "zstd", "none", "gzip"] {
        let name = &format!("questions-{packed}.parquet");
        let found = records(name, &fixture(name));
        assert_eq!(found.len(), 3, "{name}");
        let expected = json!({
            "id": "q0", "question": "Which gas do plants take in?", "answerKey": "B",
            "choices": {"text": ["oxygen", "carbon dioxide", "helium"], "label": ["A", "B", "C"]},
            "answers": ["carbon dioxide", "CO2"], "score": 0.5, "year": 1774, "sure": true, "note": null,
        });
        assert_eq!(found[0], expected, "{name}");
        assert_eq!(found[2]["question"], "Größte Stadt der Schweiz?");
        assert_eq!((&found[2]["answers"], &found[1]["year"]), (&json!([]), &Value::Null));
    }
}

#[test]
fn parquet_packed_with_gzip_gives_no_more_than_its_pages_promise() {
    let mut bytes = fixture("questions-gzip.parquet");
    // The first page begins with its type and the bytes it unpacks to: one byte less is promised.
    assert_eq!((bytes[4], bytes[6]), (0x15, 0x15));
    assert!(bytes[7] & 0x7f >= 2, "{}", bytes[7]);
    bytes[7] -= 2;
    let error = read("q.parquet", &bytes).unwrap_err().to_string();
    assert_eq!(
        error,
        "q.parquet is a Parquet file that cannot be read: a page unpacks to more than it promises; fetch it again"
    );
}

#[test]
fn parquet_that_is_broken_is_refused() {
    let whole = fixture("questions-snappy.parquet");
    let zeros = [&b"PAR1\x15\x04"[..], &[0; 40], b"PAR1"].concat();
    for bytes in [&whole[..whole.len() / 2], &b"PAR1PAR1"[..], &zeros] {
        let error = read("x.parquet", bytes).unwrap_err();
        assert!(matches!(error, DatasetError::Parquet { .. }), "{error}");
        assert!(error.to_string().contains("fetch it again"), "{error}");
    }
}

#[test]
fn the_same_records_come_out_of_every_container() {
    let line = r#"{"question":"a, b?","answer":"two\nlines"}"#;
    let texts: [(&str, String); 5] = [
        ("x.jsonl", format!("{line}\n{line}\n")),
        ("x.json", format!("[{line},\n{line}]")),
        ("x.json", format!("{{\"data\": [{line}, {line}]}}")),
        (
            "rows",
            format!("{{\"rows\": [{{\"row_idx\":0,\"row\":{line}}},{{\"row_idx\":1,\"row\":{line}}}]}}"),
        ),
        ("pretty.json", format!("{}{}", pretty(line), pretty(line))),
    ];
    let expected: Value = serde_json::from_str(line).unwrap();
    for (name, text) in texts {
        assert_eq!(records(name, text.as_bytes()), [expected.clone(), expected.clone()], "{text}");
    }
    assert_eq!(read_lines("x", line.as_bytes()).unwrap().len(), 1);
    assert_eq!(read_text("x", line.as_bytes()).unwrap(), line);
}

fn pretty(line: &str) -> String {
    let value: Value = serde_json::from_str(line).unwrap();
    format!("{}\n", serde_json::to_string_pretty(&value).unwrap())
}

#[test]
fn one_record_as_long_as_the_limit_is_read_and_one_longer_is_not() {
    let record = |bytes: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(bytes - 8));
    assert_eq!(records("x.jsonl", record(RECORD_BYTES_MAX).as_bytes()).len(), 1);
    let Ok(Dataset::Records(long)) = read("x.jsonl", record(RECORD_BYTES_MAX + 1).as_bytes()) else {
        panic!("records")
    };
    assert!(long[0].is_err());
}

proptest! {
    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        for name in ["a.jsonl", "a.csv", "a.json", "a.gz", "a.tsv", "a"] {
            let _ = read(name, &bytes);
        }
    }

    #[test]
    fn brackets_and_quotes_in_any_order_are_survived(text in "[\\[\\]{}\",:\\\\a1\n ]{0,60}") {
        for name in ["a.jsonl", "a.json", "a.csv"] {
            let _ = read(name, text.as_bytes());
        }
    }

    #[test]
    fn any_mutation_of_a_parquet_file_is_survived(
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        zstd in any::<bool>(),
    ) {
        let mut bytes = fixture(if zstd { "questions-zstd.parquet" } else { "questions-snappy.parquet" });
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(Dataset::Records(records)) = read("a.parquet", &bytes) {
            prop_assert!(records.len() <= 1000, "{}", records.len());
        }
    }
}
