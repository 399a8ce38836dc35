//! Nothing in a record reaches a reader as anything but text, and no number breaks a report.

use dyno_report::{Format, render_many, render_one};
use dyno_types::RunRecord;
use proptest::prelude::*;

use crate::fixtures::{complete, hostile, one_thread};

const ALL: [Format; 6] =
    [Format::Table, Format::Html, Format::Markdown, Format::Csv, Format::Json, Format::JsonLines];

#[test]
fn pages_escape_every_text() {
    for page in [render_one(&hostile(), Format::Html), render_many(&[hostile(), complete()], Format::Html)] {
        assert!(page.contains("&lt;script&gt;"));
        assert!(!page.contains("<script") && !page.contains("<img"), "an element from the record");
        assert_eq!(page.matches("</style>").count(), 1, "the style sheet was closed by the record");
        assert!(page.contains("{{ 7*7 }}"), "template code from the record was run");
        assert!(!page.contains('\u{1b}') && !page.contains('\u{202e}'));
    }
}

#[test]
fn no_text_of_a_record_begins_a_line_of_a_table() {
    let lines = |record: &RunRecord| render_one(record, Format::Table).lines().count();
    let mut tame = hostile();
    tame.model.name = tame.model.name.map(|name| name.replace(['\r', '\n'], " "));
    assert_eq!(lines(&hostile()), lines(&tame));
    // What a terminal would act on is kept for pipes; the command spells it out for a terminal.
    for table in [render_one(&hostile(), Format::Table), render_many(&[hostile(), complete()], Format::Table)]
    {
        assert!(!table.contains('\r'), "{table:?}");
        assert!(!table.lines().any(|line| line.starts_with("</style>")), "{table:?}");
    }
}

#[test]
fn markdown_and_csv_keep_their_shape() {
    let markdown = render_many(&[hostile(), complete()], Format::Markdown);
    assert!(!markdown.contains("<script") && !markdown.contains("<img"));
    let bars = |line: &str| line.replace("\\|", "").matches('|').count();
    let widths: Vec<usize> = markdown.lines().map(bars).collect();
    assert!(widths.iter().all(|width| *width == widths[0]), "{widths:?}");
    let csv = render_one(&hostile(), Format::Csv);
    assert_eq!(csv.matches("\r\n").count(), csv.matches('\n').count());
    assert!(
        !csv.lines().any(|line| line.split(',').any(|cell| cell.trim_matches('"').starts_with('='))),
        "{csv}"
    );
}

#[test]
fn an_empty_record_and_no_record_have_a_report() {
    for format in ALL {
        assert!(!render_one(&RunRecord::default(), format).is_empty(), "{format:?}");
        let _ = render_many(&[], format);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn no_number_breaks_a_report(values in prop::collection::vec(prop::num::f64::ANY, 8), context in any::<u32>(), n_in in any::<u32>()) {
        let mut record = one_thread();
        for summary in record.metrics.values_mut() {
            (summary.mean, summary.median, summary.ci95) = (values[0], values[1], Some([values[2], values[3]]));
        }
        let analysis = record.analysis.as_mut().unwrap();
        if let Some(law) = &mut analysis.ttft {
            (law.factor, law.exponent, law.r2) = (values[0], values[1], values[2]);
        }
        if let Some(law) = &mut analysis.memory {
            (law.base, law.slope, law.r2) = (values[3], values[4], values[5]);
        }
        if let Some(law) = &mut analysis.tpot {
            (law.base, law.slope) = (values[6], values[7]);
        }
        analysis.half_depth_tokens = Some(values[5]);
        for sample in &mut record.stages.context.as_mut().unwrap().samples[..3] {
            sample.context = context;
            if let dyno_types::WindowOutcome::Measured { request, memory, .. } = &mut sample.outcome {
                (request.n_in, request.prefill_ms) = (n_in, values[4]);
                request.token_ms[3] = values[6];
                request.token_ms[0] = values[7];
                memory.process.rss_peak_bytes = u64::from(context).pow(2);
            }
        }
        for sample in &mut record.stages.inference.as_mut().unwrap().samples[..2] {
            sample.token_ms[1] = values[0];
            sample.n_out = context;
        }
        let load = &mut record.stages.load.as_mut().unwrap().samples[0];
        (load.weights_ms, load.context_ms, load.timeline) = (values[1], values[2], vec![(values[3], values[4] as f32)]);
        (record.started_unix_ms, record.ended_unix_ms) = (i64::MIN, i64::MAX);
        for format in ALL {
            let report = render_one(&record, format);
            prop_assert!(format == Format::Json || format == Format::JsonLines || !report.contains("NaN"), "{:?}", format);
        }
        let _ = render_many(&[record, complete()], Format::Html);
    }
}
