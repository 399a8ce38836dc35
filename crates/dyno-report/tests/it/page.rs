//! What the page holds, without a browser.

use dyno_report::{Format, render_many, render_one};
use insta::assert_snapshot;

use crate::fixtures::{complete, failed_windows, incomplete, one_thread};

/// The page with every drawing, style and figure of a table left out: its headings, landmarks and labels.
fn outline(page: &str) -> String {
    let kept = [
        "<h1",
        "<h2",
        "<h3",
        "<section",
        "<figure",
        "<title",
        "<th scope=\"col\"",
        "<dt",
        "<meta",
        "class=\"verdict\"",
    ];
    let body = page.split_once("</style>").map_or(page, |(_, body)| body);
    let lines = body.lines().map(str::trim).filter(|line| kept.iter().any(|tag| line.contains(tag)));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn structure_of_a_complete_page() {
    assert_snapshot!(outline(&render_one(&complete(), Format::Html)));
}

#[test]
fn structure_of_a_comparison() {
    assert_snapshot!(outline(&render_many(&[complete(), one_thread(), incomplete()], Format::Html)));
}

#[test]
fn a_page_asks_nobody_for_anything() {
    for page in
        [render_one(&complete(), Format::Html), render_many(&[complete(), one_thread()], Format::Html)]
    {
        for reference in ["http://", "https://", "url(", "@import", " src=", "<link", "<script", "<iframe"] {
            // The name space of SVG is an identifier, not an address; the drawings do not even carry that.
            assert!(!page.contains(reference), "{reference}");
        }
        assert!(page.contains("Content-Security-Policy"));
    }
}

#[test]
fn charts_have_names_and_take_their_colours_from_the_style_sheet() {
    let page = render_one(&complete(), Format::Html);
    let charts: Vec<&str> = page.split("<svg class=\"chart\"").skip(1).collect();
    assert_eq!(charts.len(), page.matches("<figure ").count());
    for chart in charts {
        let chart = &chart[..chart.find("</svg>").expect("every drawing is closed")];
        assert!(chart.contains("role=\"img\"") && chart.contains("<title") && chart.contains("<desc"));
        assert!(chart.contains("var(--") && !chart.contains("=\"#"), "a fixed colour stayed in {chart}");
    }
}

#[test]
fn an_invalid_record_says_so_before_any_figure() {
    let page = render_one(&incomplete(), Format::Html);
    let body = page.split_once("<body>").expect("a page has a body").1;
    assert!(body.contains("Not valid") && body.contains("The run stopped before its plan was done"));
    assert!(!body.contains("<figure") && !body.contains("class=\"tile"));
    let page = render_one(&failed_windows(), Format::Html);
    let position = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text} is missing"));
    assert!(position("Valid, with remarks") < position("class=\"tiles\""));
    assert!(page.contains("beyond the training context") && page.contains("trained for 512 tokens"));
}

#[test]
fn synthetic_models_say_that_quality_does_not_apply() {
    assert!(render_one(&complete(), Format::Html).contains("quality does not apply"));
    assert!(!render_one(&failed_windows(), Format::Html).contains("quality does not apply"));
}

#[test]
fn every_metric_on_the_page_is_defined_there() {
    let record = complete();
    let page = render_one(&record, Format::Html);
    for metric in dyno_types::METRICS.iter().filter(|metric| record.metrics.contains_key(metric.id)) {
        assert!(page.contains(&format!("<code>{}</code>", metric.id)), "{}", metric.id);
    }
}

#[test]
fn no_figure_is_stated_as_plus_minus() {
    for format in [Format::Html, Format::Table, Format::Markdown] {
        assert!(!render_one(&complete(), format).contains('±'));
    }
}
