//! From evaluations to the page.

use std::collections::BTreeSet;

use dyno_types::{EvalRecord, SuiteResult};

use crate::facts::{machine_line, model_facts, model_line, model_name};
use crate::figure::{count, duration, moment, number, percent};
use crate::html::page::{capitalized, facts, fill, footer, trust, unbroken};
use crate::html::trust::together;
use crate::html::view::{Facts, Findings, Page, Tile};
use crate::html::{quality, quality_figures};
use crate::quality as said;
use crate::sentences::remarks;
use crate::text::plain;

/// The page of one evaluation.
fn one(record: &EvalRecord) -> String {
    let name = model_name(&record.model);
    let remarks = remarks(&record.validity, &record.model, &record.notes);
    let sentences = findings(record).iter().map(|sentence| unbroken(sentence)).collect();
    let findings = Findings { record: String::new(), sentences, folded: false };
    fill(&Page {
        title: format!("{name}: quality – dyno"),
        heading: name,
        subtitles: vec![model_line(&record.model), machine_line(&record.machine), time_line(record)],
        trust: vec![trust(&record.validity, remarks, String::new())],
        tiles: tiles(record),
        comparisons: Vec::new(),
        findings: [findings].into_iter().filter(|findings| !findings.sentences.is_empty()).collect(),
        figures: Vec::new(),
        tables: Vec::new(),
        quality: Some(quality::section("Quality", quality_figures::of_one(record), record)),
        facts: vec![facts("Model", model_facts(&record.model)), circumstances(record), suites(record)],
        definitions: quality::definitions(),
        footer: footer(&record.tool, &record.schema),
    })
}

/// One page that compares several evaluations.
pub(crate) fn many(records: &[EvalRecord]) -> String {
    if let [record] = records {
        return one(record);
    }
    let labels = said::labels(records);
    let same = !records.is_empty() && said::same_base(records);
    let base = records.first().and_then(|record| record.model.name.as_deref()).map(plain).filter(|_| same);
    let heading = match base {
        Some(name) => format!("{name}: {} variants compared", records.len()),
        None => format!("{} evaluations compared", records.len()),
    };
    let labelled = || labels.iter().zip(records);
    let trusts = labelled().map(|(label, record)| {
        let remarks = remarks(&record.validity, &record.model, &record.notes);
        trust(&record.validity, remarks, label.clone())
    });
    let findings = labelled()
        .map(|(label, record)| {
            let own = Some(said::conclusion(record)).filter(|text| !same && !text.is_empty());
            let sentences = own.into_iter().chain(said::findings_in_company(record, same));
            Findings {
                record: label.clone(),
                sentences: sentences.map(|sentence| unbroken(&sentence)).collect(),
                folded: false,
            }
        })
        .filter(|findings| !findings.sentences.is_empty());
    let conclusion = if same { said::impact_conclusion(&said::rows_of(records)) } else { String::new() };
    let conclusion = Some(conclusion).filter(|text| !text.is_empty());
    let sentences: Vec<String> =
        conclusion.into_iter().chain(said::alike(records)).map(|sentence| unbroken(&sentence)).collect();
    let overall =
        (!sentences.is_empty()).then(|| Findings { record: String::new(), sentences, folded: false });
    fill(&Page {
        title: format!("{heading} – dyno"),
        heading,
        subtitles: vec!["Scores with their 95 % intervals over items.".to_owned()],
        trust: together(trusts.collect()),
        tiles: Vec::new(),
        comparisons: Vec::new(),
        findings: overall.into_iter().chain(findings).collect(),
        figures: Vec::new(),
        tables: Vec::new(),
        quality: Some(quality::comparison(records, &labels)),
        facts: labelled()
            .map(|(label, record)| Facts { title: label.clone(), ..circumstances(record) })
            .collect(),
        definitions: quality::definitions(),
        footer: records.first().map(|record| footer(&record.tool, &record.schema)).unwrap_or_default(),
    })
}

/// What it comes to first, then the details.
fn findings(record: &EvalRecord) -> Vec<String> {
    let conclusion = Some(said::conclusion(record)).filter(|text| !text.is_empty());
    conclusion.into_iter().chain(said::findings(record)).collect()
}

fn time_line(record: &EvalRecord) -> String {
    let took = duration(record.ended_unix_ms.saturating_sub(record.started_unix_ms));
    format!("{} · {} · took {took}", plain(&record.id), moment(record.started_unix_ms))
}

/// More would be a table, and the table is below.
const TILES_MAX: usize = 4;

/// The first score of each suite; where there is one suite, of each strategy.
fn tiles(record: &EvalRecord) -> Vec<Tile> {
    let accuracy = |result: &SuiteResult| {
        let score = result.main_score()?;
        let chance =
            score.chance.map_or_else(String::new, |chance| format!(", guessing {}", percent(chance)));
        let value = said::score_value(score);
        let (number, unit) = value.split_once(' ').unwrap_or((&value, ""));
        Some(Tile {
            label: said::named(result),
            value: number.to_owned(),
            unit: unit.to_owned(),
            interval: said::score_interval(score)
                .map_or_else(String::new, |interval| format!("95 % {interval}")),
            tail: format!("{} items{chance}", count(score.n)),
        })
    };
    let mut suites = BTreeSet::new();
    let mut first_of_suite: Vec<&SuiteResult> =
        record.suites.iter().filter(|result| suites.insert(result.suite.name.as_str())).collect();
    if suites.len() < 2 {
        // One suite: what the ways of asking it gave.
        first_of_suite = record.suites.iter().collect();
    }
    let mut tiles: Vec<Tile> = first_of_suite.into_iter().filter_map(accuracy).take(TILES_MAX).collect();
    if let Some(result) = &record.perplexity {
        tiles.push(Tile {
            label: "Perplexity".to_owned(),
            value: number(result.ppl),
            unit: String::new(),
            interval: said::perplexity_interval(result.ppl, result.standard_error, result.chunks)
                .map_or_else(
                    || "no interval from one chunk".to_owned(),
                    |[low, high]| format!("95 % [{}, {}]", number(low), number(high)),
                ),
            tail: format!("{} tokens of {}", count(result.tokens), plain(&result.text)),
        });
    }
    tiles
}

fn circumstances(record: &EvalRecord) -> Facts {
    let rows = said::circumstances(record);
    Facts {
        title: "Circumstances".to_owned(),
        rows: rows.into_iter().map(|(label, line)| (capitalized(label), line)).collect(),
    }
}

/// Where the questions come from, each suite once.
fn suites(record: &EvalRecord) -> Facts {
    let mut rows: Vec<(String, String)> = Vec::new();
    for result in &record.suites {
        let suite = &result.suite;
        let name = plain(&suite.name);
        if rows.iter().any(|(known, _)| *known == name) {
            continue;
        }
        let digest: String = plain(&suite.sha256).chars().take(16).collect();
        let sampling = &result.sampling;
        let drawn = if sampling.temperature == 0.0 {
            "greedy".to_owned()
        } else {
            format!("temperature {}, seed {}", sampling.temperature, sampling.seed)
        };
        rows.push((
            name,
            format!("{} items · {} · sha256 {digest}… · {drawn}", count(suite.items), plain(&suite.source)),
        ));
    }
    Facts { title: "Suites".to_owned(), rows }
}
