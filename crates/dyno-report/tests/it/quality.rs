//! What reports say about quality.

use dyno_report::{
    Color, Format, comparison_sentence, eval_markdown, eval_page, eval_table, page_with_quality,
    quant_impact_document, quant_impact_markdown, quant_impact_table, quant_impact_text, render_evals,
};
use dyno_types::{
    EvalRecord, ItemOutcome, PairedComparison, QuantImpact, Score, TaskSpeed, Validity, ValidityFlag,
};
use insta::assert_snapshot;
use proptest::prelude::*;

use crate::fixtures::complete;
use crate::made_up::{hostile_eval, micro, quantizations};

const ALL: [Format; 6] =
    [Format::Table, Format::Html, Format::Markdown, Format::Csv, Format::Json, Format::JsonLines];

fn impacts() -> Vec<QuantImpact> {
    quantizations().iter().map(QuantImpact::of).collect()
}

#[test]
fn table_of_an_evaluation() {
    assert_snapshot!(eval_table(&[micro()], Color::Never));
}

#[test]
fn every_task_has_its_speed_beside_its_score_and_the_cache_counts_for_none() {
    let mut record = micro();
    let result = &mut record.suites[0];
    let task = result.items[0].task.clone();
    let all = TaskSpeed {
        group: "all".to_owned(),
        written: 12,
        scored: 0,
        cached: 8,
        time_ms: Some(340.0),
        ttft_ms: Some(41.0),
        decode_tps: Some(26.1),
        tokens_per_answer: Some(9.5),
        side_by_side: 8,
        joint_tps: Some(161.0),
        rss_peak_bytes: Some(77 << 20),
    };
    let by_task = TaskSpeed { group: task.clone(), cached: 0, joint_tps: None, ..all.clone() };
    let old = TaskSpeed { group: "old".to_owned(), cached: 20, ..TaskSpeed::default() };
    result.speeds = vec![all, by_task, old];
    let cells = [
        "340",
        "12 of 20, 8 cached",
        "41",
        "26.1 each, 8 at once: 161.0 together",
        "9.5",
        "77.0 MiB",
        "all from the cache",
    ];
    for text in [
        eval_table(&[record.clone()], Color::Never),
        eval_markdown(&[record.clone()]),
        eval_page(&[record.clone()]),
    ] {
        for cell in cells {
            assert!(text.contains(cell), "{cell:?} is not in\n{text}");
        }
        assert!(text.contains("26.1 each, 8 at once") && text.contains(&task), "{text}");
    }
    let json: serde_json::Value =
        serde_json::from_str(&render_evals(&[record.clone()], Format::Json)).unwrap();
    let json = if json.is_array() { json[0].clone() } else { json };
    assert_eq!(json["suites"][0]["speeds"][0]["joint_tps"], 161.0);
    record.suites[0].items[0].cached = true;
    let csv = render_evals(&[record], Format::Csv);
    let header = csv.lines().next().unwrap();
    assert!(header.trim_end().ends_with("prefill_ms,ttft_ms,time_ms,cached"), "{header}");
    assert!(csv.lines().nth(1).unwrap().trim_end().ends_with(",true"), "{csv}");
}

#[test]
fn table_of_the_impact_of_quantization() {
    assert_snapshot!(quant_impact_table(&impacts(), Color::Never));
}

#[test]
fn markdown_of_an_evaluation() {
    assert_snapshot!(eval_markdown(&[micro()]));
}

#[test]
fn markdown_of_the_impact_of_quantization() {
    assert_snapshot!(quant_impact_markdown(&impacts()));
}

#[test]
fn the_impact_is_shown_with_every_suite_circumstances_and_remarks() {
    let mut records = quantizations();
    let remarks = ["a remark with <b> and | in it".to_owned()];
    let one_suite = quant_impact_text(&records, &impacts(), &remarks, Color::Never);
    assert!(!one_suite.contains("Accuracy by suite"), "{one_suite}");
    for record in &mut records {
        let mut other = record.suites[0].clone();
        other.suite.name = "another".to_owned();
        record.suites.push(other);
        let compared = record.comparisons.iter().find(|one| one.kind == "quantization" && one.group == "all");
        let compared = compared.cloned().map(|one| PairedComparison { suite: "another".to_owned(), ..one });
        record.comparisons.extend(compared);
    }
    records[2].validity = Validity { valid: true, ..Validity::from_flags(vec![ValidityFlag::ForeignLoad]) };
    let text = quant_impact_text(&records, &impacts(), &remarks, Color::Never);
    let by_suite = text.split("Accuracy by suite").nth(1).unwrap();
    let rows: Vec<&str> = by_suite.lines().skip_while(|line| !line.contains("another")).take(5).collect();
    assert!(rows[0].contains("f16") && !rows[0].contains("points"), "{rows:?}");
    assert!(rows[4].contains("q4_0") && rows[4].contains("-11.9 points [-17.6, -6.2]"), "{rows:?}");
    assert!(text.contains("Other programs"), "what weakens one record is told of all: {text}");
    assert!(text.contains(&remarks[0]) && text.contains(&records[0].id), "{text}");
    let document = quant_impact_document(&records, &impacts(), &remarks);
    assert!(
        document.contains("Accuracy by suite:\n\n| suite ") && document.contains("Other programs"),
        "{document}"
    );
    assert!(document.contains(r"&lt;b&gt; and \| in it"), "{document}");
    assert!(document.contains(&quant_impact_markdown(&impacts())));
}

#[test]
fn small_divergences_keep_their_order_of_magnitude() {
    let mut rows = impacts();
    (rows[1].kld_mean, rows[2].kld_mean) = (Some(0.000_023), Some(0.0));
    let text = quant_impact_table(&rows, Color::Never);
    assert!(text.contains(" 2.3e-5 ") && !text.contains("0.0e0"), "{text}");
}

#[test]
fn the_page_of_a_run_shows_the_quantizations_of_its_model() {
    let mut records = quantizations();
    for (index, record) in records.iter_mut().enumerate() {
        record.model_sha256 = format!("{index}");
    }
    let page = page_with_quality(&complete(), &records);
    for expected in ["pareto-size", "pareto-speed", "Impact of quantization"] {
        assert!(page.contains(expected), "{expected}");
    }
    assert!(!page.contains("more evaluation"), "quantizations are no evaluations of the same weights");
    assert!(!page_with_quality(&complete(), &records[..1]).contains("pareto-size"));
}

#[test]
fn differences_are_stated_with_their_interval_or_not_at_all() {
    let record = micro();
    let of = |candidate: &str| {
        let found = record.comparisons.iter().find(|one| one.group == "all" && one.candidate == candidate);
        comparison_sentence(found.unwrap())
    };
    assert!(of("steps").starts_with("heldout-multi: steps improves by 49.0 points ["), "{}", of("steps"));
    assert!(
        of("brief").contains("no difference visible") && of("brief").contains("200 items"),
        "{}",
        of("brief")
    );
    let mut one = record.comparisons[0].clone();
    (one.difference, one.ci95) = (-one.difference, [-one.ci95[1], -one.ci95[0]]);
    assert!(
        comparison_sentence(&one).contains("steps loses 49.0 points [-57.7, -40.3]"),
        "{}",
        comparison_sentence(&one)
    );
    // Many comparisons at once: what one of them shows alone may be chance.
    one.p_adjusted = 0.2;
    assert!(comparison_sentence(&one).contains("no difference visible"));
    one.n = 0;
    assert!(comparison_sentence(&one).contains("nothing is compared"));
}

#[test]
fn a_score_at_chance_is_called_guessing_and_one_above_is_not() {
    let mut record = micro();
    let text = eval_table(&[record.clone()], Color::Never);
    assert!(text.contains("not better than guessing on hellaswag."), "{text}");
    let result = record.suites.iter_mut().find(|result| result.suite.name == "hellaswag").unwrap();
    (result.scores[0].value, result.scores[0].ci95) = (0.4, Some([0.33, 0.47]));
    assert!(!eval_table(&[record], Color::Never).contains("guessing on"));
}

#[test]
fn many_groups_are_named_at_their_ends_in_a_terminal_and_whole_elsewhere() {
    let mut record = micro();
    let scores = &mut record.suites[0].scores;
    for index in 0..12_u32 {
        let (group, value) = (format!("group-{index}"), f64::from(index) / 12.0);
        let score = Score { group, value, n: 10, ..scores[1].clone() };
        scores.push(score);
    }
    let text = eval_table(&[record.clone()], Color::Never);
    let ends = "heldout-single (direct): 18 groups, lowest group-0 0.0 % (n=10), group-1 8.3 % (n=10),";
    assert!(text.contains(ends), "{text}");
    assert!(text.contains("highest comparison 100.0 % (n=40),"), "{text}");
    assert!(!text.contains("group-5"), "{text}");
    assert!(eval_markdown(&[record]).contains("group-5"));
}

#[test]
fn what_weakens_a_score_is_said() {
    let mut record = micro();
    record.template.own = false;
    record.template.name = "chatml".to_owned();
    record.suites[0].suite.refused = vec!["line 7: there is no column `answer`".to_owned()];
    let score = &mut record.suites[0].scores[0];
    (score.unparsed, score.tied, score.failed) = (0.25, 3, 1);
    let seen = record.suites[0].degeneration.as_mut().unwrap();
    (seen.looping, seen.cut_off) = (0.31, 0.01);
    for text in
        [eval_table(&[record.clone()], Color::Never), eval_markdown(&[record.clone()]), eval_page(&[record])]
    {
        let text = text.replace('\u{a0}', " ").replace('\\', "");
        for part in [
            "chatml is not the model's own",
            "1 line of the suite could not be used",
            "line 7",
            "in 25.0 % of the answers nothing readable",
            "3 items left out because all choices were equally likely",
            "1 item left out because they could not be asked",
            "31.0 % end in a loop",
        ] {
            assert!(text.replace("&#x27;", "'").contains(part), "{part:?} is not in {text}");
        }
        assert!(!text.contains("cut off at the token limit"), "rare is not worth a sentence");
    }
}

#[test]
fn the_pareto_set_and_the_smallest_unharmed_variant_are_named() {
    let mut rows = impacts();
    let text = quant_impact_table(&rows, Color::Never);
    assert!(
        text.contains("q4_k_m is the smallest that is not visibly worse than f16 with 260 items"),
        "{text}"
    );
    // Larger and worse than another: in no set.
    let mut worse = rows[1].clone();
    worse.name = "q8_worse".to_owned();
    worse.accuracy.as_mut().unwrap().value -= 0.2;
    worse.footprint.decode_tps = None;
    rows.push(worse);
    let text = quant_impact_table(&rows, Color::Never);
    let line = |name: &str| text.lines().find(|line| line.contains(name)).unwrap().trim().to_owned();
    assert!(line("q8_worse").ends_with('–'), "{}", line("q8_worse"));
    assert!(line("q8_worse").contains("not measured"), "{}", line("q8_worse"));
    assert!(line("q5_k_m").ends_with("size, speed"), "{}", line("q5_k_m"));
}

#[test]
fn a_model_that_guesses_has_no_smallest_unharmed_variant() {
    let mut rows = impacts();
    let accuracy = rows[0].accuracy.as_mut().unwrap();
    (accuracy.value, accuracy.ci95, accuracy.chance) = (0.26, Some([0.2, 0.32]), Some(0.25));
    let text = quant_impact_table(&rows, Color::Never);
    assert!(text.contains("In short: f16 itself is not better than guessing"), "{text}");
    assert!(!text.contains("is the smallest"), "{text}");
}

#[test]
fn speed_alone_is_a_table_too() {
    let mut rows = impacts();
    for row in &mut rows {
        (row.accuracy, row.comparison, row.ppl, row.kld_mean, row.top1_agree) =
            (None, None, None, None, None);
    }
    let text = quant_impact_table(&rows, Color::Never);
    assert!(text.contains("decode") && !text.contains("accuracy") && !text.contains("best for"), "{text}");
    assert!(!text.contains("In short"), "{text}");
    assert_eq!(quant_impact_table(&[], Color::Never), "No variants.\n");
}

#[test]
fn csv_has_a_row_for_each_item() {
    let record = micro();
    let items: usize = record.suites.iter().map(|result| result.items.len()).sum();
    let csv = render_evals(std::slice::from_ref(&record), Format::Csv);
    assert_eq!(csv.matches("\r\n").count(), items + 1);
    let right = record
        .suites
        .iter()
        .flat_map(|result| &result.items)
        .filter(|item| item.outcome == ItemOutcome::Correct);
    assert_eq!(csv.lines().filter(|line| line.split(',').nth(11) == Some("correct")).count(), right.count());
    let hostile = render_evals(&[hostile_eval()], Format::Csv);
    assert!(
        !hostile
            .split("\r\n")
            .any(|line| line.split(',').any(|cell| cell.trim_matches('"').starts_with('=')))
    );
}

#[test]
fn json_is_the_record_itself() {
    let record = micro();
    let back: EvalRecord =
        serde_json::from_str(&render_evals(std::slice::from_ref(&record), Format::Json)).unwrap();
    assert_eq!(back, record);
    let many: Vec<EvalRecord> = serde_json::from_str(&render_evals(&quantizations(), Format::Json)).unwrap();
    assert_eq!(many, quantizations());
}

#[test]
fn pages_have_a_drawing_for_each_question_and_name_it() {
    let page = eval_page(&[micro()]);
    for id in ["figure-tasks", "figure-by-strategy", "figure-position", "figure-length"] {
        assert_eq!(page.matches(&format!("id=\"{id}\"")).count(), 1, "{id}");
    }
    let page = eval_page(&quantizations());
    for id in ["figure-models", "figure-by-quantization", "figure-pareto-size", "figure-pareto-speed"] {
        assert_eq!(page.matches(&format!("id=\"{id}\"")).count(), 1, "{id}");
    }
    for page in [page, eval_page(&[micro()]), page_with_quality(&complete(), &[micro()])] {
        for chart in page.split("<svg class=\"chart\"").skip(1) {
            let chart = &chart[..chart.find("</svg>").unwrap()];
            assert!(chart.contains("role=\"img\"") && chart.contains("<title") && chart.contains("<desc"));
            assert!(chart.contains("var(--") && !chart.contains("=\"#"), "a fixed colour stayed in {chart}");
        }
        for reference in ["http://", "https://", "url(", "@import", " src=", "<link", "<script", "<iframe"] {
            assert!(!page.contains(reference), "{reference}");
        }
        assert!(page.contains("<details>") && page.contains("Content-Security-Policy"));
    }
}

#[test]
fn wrong_answers_are_there_and_bounded() {
    let record = micro();
    let page = eval_page(std::slice::from_ref(&record));
    let wrong = record.suites[1].items.iter().filter(|item| item.outcome != ItemOutcome::Correct).count();
    assert!(wrong > 100);
    assert!(
        page.contains(&format!("heldout-multi · direct: {wrong} of 200, the first 100 shown")),
        "{wrong}"
    );
    let first = record.suites[0].items.iter().find(|item| item.outcome == ItemOutcome::Wrong).unwrap();
    assert!(page.contains(&format!("<th scope=\"row\">{}</th>", first.id)) && page.contains(&first.answer));
}

#[test]
fn the_page_of_a_run_tells_the_quality_of_its_model() {
    let without = page_with_quality(&complete(), &[]);
    assert_eq!(without, dyno_report::render_one(&complete(), Format::Html));
    let mut invalid = micro();
    invalid.validity.valid = false;
    invalid.id = "not-this-one".to_owned();
    let page = page_with_quality(&complete(), &[invalid, micro()]);
    assert!(
        page.contains("id=\"quality-h\"") && page.contains("figure-tasks") && page.contains("figure-decode")
    );
    assert!(
        page.contains(&format!("From the evaluation {}", micro().id)) && page.contains("one more evaluation")
    );
}

#[test]
fn nothing_in_an_evaluation_is_acted_on() {
    let records = [hostile_eval(), micro()];
    for page in [eval_page(&records[..1]), eval_page(&records), page_with_quality(&complete(), &records[..1])]
    {
        assert!(page.contains("&lt;script&gt;") && page.contains("{{ 7*7 }}"));
        assert!(!page.contains("<script") && !page.contains("<img"), "an element from the record");
        assert_eq!(page.matches("</style>").count(), 1, "the style sheet was closed by the record");
        assert_eq!(page.matches("<svg").count(), page.matches("</svg>").count());
        assert!(!page.contains('\u{1b}') && !page.contains('\u{202e}'));
    }
    for text in [eval_table(&records[..1], Color::Never), eval_table(&records, Color::Never)] {
        assert!(!text.contains('\r') && !text.lines().any(|line| line.starts_with("</style>")), "{text:?}");
    }
    let markdown = eval_markdown(&records);
    assert!(!markdown.contains("<script") && !markdown.contains("<img"));
}

#[test]
fn an_empty_evaluation_and_none_have_a_report() {
    assert!(eval_page(&[EvalRecord::default()]).contains("Nothing was scored."));
    for format in ALL {
        assert!(!render_evals(&[EvalRecord::default()], format).is_empty(), "{format:?}");
        let _ = render_evals(&[], format);
        let _ = render_evals(&[EvalRecord::default(), EvalRecord::default()], format);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn no_number_breaks_a_report(values in prop::collection::vec(prop::num::f64::ANY, 8), n in any::<u64>()) {
        let mut records = quantizations();
        records.push(micro());
        for record in &mut records {
            record.suites.iter_mut().for_each(|result| result.items.truncate(5));
            for score in record.suites.iter_mut().flat_map(|result| &mut result.scores).take(3) {
                *score = Score { n, value: values[0], ci95: Some([values[1], values[2]]), chance: Some(values[3]), unparsed: values[4], ..score.clone() };
            }
            for one in record.comparisons.iter_mut().take(2) {
                (one.n, one.difference, one.ci95, one.p_adjusted) = (n, values[5], [values[6], values[7]], values[0]);
            }
            for seen in record.suites.iter_mut().filter_map(|result| result.degeneration.as_mut()) {
                seen.by_position = vec![(values[0], n, values[1]), (values[2], n, values[3]), (0.5, n, 0.5)];
                (seen.looping, seen.cut_off) = (values[4], values[5]);
            }
            if let Some(result) = &mut record.perplexity {
                (result.ppl, result.standard_error, result.chunks) = (values[6], values[7], n);
            }
            if let Some(result) = &mut record.divergence {
                (result.kld_mean, result.top1_agree, result.kld_p999) = (values[0], values[1], Some(values[2]));
            }
            if let Some(rate) = record.footprint.as_mut().and_then(|footprint| footprint.decode_tps.as_mut()) {
                (rate.tps, rate.ci95) = (values[3], Some([values[4], values[5]]));
            }
            record.model.file_bytes = n;
            (record.started_unix_ms, record.ended_unix_ms) = (i64::MIN, i64::MAX);
        }
        for format in ALL {
            for some in [&records[5..], &records[..3], &records[4..]] {
                let report = render_evals(some, format);
                prop_assert!(
                    matches!(format, Format::Json | Format::JsonLines) || !report.contains("NaN"), "{:?}", format
                );
            }
        }
    }
}
