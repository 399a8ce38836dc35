//! The text forms, pinned.

use dyno_report::{Color, Format, HistoryRow, history_table, render_many, render_one, table_one};
use insta::assert_snapshot;

use crate::fixtures::{complete, failed_windows, incomplete, one_thread};

#[test]
fn table_of_a_complete_run() {
    assert_snapshot!(render_one(&complete(), Format::Table));
}

#[test]
fn table_of_a_run_with_failed_windows() {
    assert_snapshot!(render_one(&failed_windows(), Format::Table));
}

#[test]
fn table_of_a_stopped_run() {
    assert_snapshot!(render_one(&incomplete(), Format::Table));
}

#[test]
fn table_of_several_runs_shows_only_what_varies() {
    assert_snapshot!(render_many(&[complete(), one_thread(), incomplete()], Format::Table));
}

#[test]
fn markdown_of_a_complete_run() {
    assert_snapshot!(render_one(&complete(), Format::Markdown));
}

#[test]
fn markdown_of_several_runs() {
    assert_snapshot!(render_many(&[complete(), one_thread()], Format::Markdown));
}

#[test]
fn csv_of_two_runs() {
    let csv = render_many(&[failed_windows(), incomplete()], Format::Csv);
    assert!(csv.lines().count() == 1 + failed_windows().metrics.len() + 1 && csv.ends_with("\r\n"));
    assert_snapshot!(csv.replace("\r\n", "\n"));
}

#[test]
fn history_of_three_runs() {
    let row = |id: &str, decode_tps: Option<f64>, valid| HistoryRow {
        id: id.to_owned(),
        started_unix_ms: 1_795_243_860_000,
        model: "llama-3.2-1b".to_owned(),
        quantization: "q4_k_m".to_owned(),
        decode_tps,
        prefill_tps: decode_tps.map(|tps| tps * 7.5),
        ttft_ms: decode_tps.map(|tps| 6500.0 / tps),
        rss_peak_bytes: Some(1.09e9),
        valid,
        settings: None,
    };
    let rows = [row("20261121T065100-4f2a", Some(42.4), true), row("20261121T073000-0c11", None, false)];
    assert_snapshot!(history_table(&rows));
    assert!(history_table(&[]).contains("dyno bench"));
}

/// Settings are columns where runs of one model differ in them, and only there.
#[test]
fn history_of_a_sweep() {
    let row = |model: &str, threads: u32, kv: dyno_types::KvType, tokens: u32| {
        let mut settings = complete().settings;
        settings.engine.threads = threads;
        settings.engine.kv_type_k = kv;
        settings.max_tokens = tokens;
        let (id, model) = (format!("{model}-{threads}-{}", kv.name()), model.to_owned());
        HistoryRow {
            id,
            model,
            quantization: "f16".to_owned(),
            settings: Some(settings),
            ..HistoryRow::default()
        }
    };
    let (f16, q8_0) = (dyno_types::KvType::F16, dyno_types::KvType::Q8_0);
    let mut rows = vec![
        row("nano", 1, f16, 64),
        row("nano", 1, q8_0, 64),
        row("nano", 2, f16, 64),
        row("other", 2, f16, 128),
    ];
    rows.push(HistoryRow { id: "unreadable".to_owned(), settings: None, ..rows[0].clone() });
    assert_snapshot!(history_table(&rows));
}

#[test]
fn json_is_the_record_itself() {
    let record = complete();
    let back: dyno_types::RunRecord = serde_json::from_str(&render_one(&record, Format::Json)).unwrap();
    assert_eq!(back, record);
    let many: Vec<dyno_types::RunRecord> =
        serde_json::from_str(&render_many(std::slice::from_ref(&record), Format::Json)).unwrap();
    assert_eq!(many, std::slice::from_ref(&record));
    let lines = render_many(&[record.clone(), incomplete()], Format::JsonLines);
    assert_eq!(lines.lines().count(), 2);
    let first: dyno_types::RunRecord = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert_eq!(first, record);
}

#[test]
fn colour_changes_nothing_but_the_colour() {
    let record = complete();
    let colored = table_one(&record, Color::Always);
    assert!(colored.contains("\u{1b}[1m"));
    let mut plain = String::new();
    let mut escaped = false;
    for character in colored.chars() {
        match character {
            '\u{1b}' => escaped = true,
            'm' if escaped => escaped = false,
            other if !escaped => plain.push(other),
            _ => {}
        }
    }
    assert_eq!(plain, table_one(&record, Color::Never));
}
