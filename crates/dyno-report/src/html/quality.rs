//! The part of a page that says how good a model is.

use dyno_types::{EvalRecord, PairedComparison};

use crate::figure::{count, moment};
use crate::html::page::{capitalized, unbroken};
use crate::html::quality_figures;
use crate::html::view::{Cell, Definition, Figure, Quality, Table, Wrong};
use crate::quality::{self as said, TextTable};
use crate::text::plain;

/// Wrong answers shown of one result; all are in the record and in its CSV.
const WRONG_MAX: usize = 100;

/// The section of one evaluation.
pub(crate) fn section(heading: &str, figures: Vec<Figure>, record: &EvalRecord) -> Quality {
    let (whole, by_group): (Vec<&PairedComparison>, Vec<&PairedComparison>) =
        record.comparisons.iter().partition(|one| one.group == said::WHOLE);
    let (short, all) = (said::short_table(record), said::score_cells(record));
    let every = (short.rows.len() < all.rows.len())
        .then(|| folded(table("groups", "Scores of every group", all, SCORES_NOTE)));
    let title = "Comparisons over the same items";
    let tables = [
        table("scores", "Scores", short, SCORES_NOTE),
        every.flatten(),
        table("forms", said::FORM_TITLE, said::form_table(record), said::FORM_NOTE),
        table("speeds", "Speed", said::short_speeds(record), said::SPEEDS_NOTE),
        folded_where_alike(table("paired", title, said::pairs(&whole), PAIRED_NOTE), &whole),
        folded(table("paired-groups", &format!("{title}, by group"), said::pairs(&by_group), PAIRED_NOTE)),
    ];
    let tables: Vec<Table> = tables.into_iter().flatten().collect();
    let nothing = (figures.is_empty() && tables.is_empty()).then(|| "Nothing was scored.".to_owned());
    Quality {
        heading: heading.to_owned(),
        introduction: nothing.into_iter().collect(),
        figures,
        tables,
        wrong: record.suites.iter().filter_map(|result| said::wrong(result, WRONG_MAX)).map(wrong).collect(),
    }
}

const SCORES_NOTE: &str = "Intervals hold for these items, clustered where items are not independent. Unparsed: answers in which nothing readable as \
     an answer was found; they count as wrong.";
const PAIRED_NOTE: &str = "Gained: right in the first alone. Lost: right in the second alone. p: McNemar's test (mid-p), corrected by Holm over the \
                           comparisons made together.";

/// The section for the page of a run: the newest evaluation of the same model, and beside it those of other weights among
/// `evals`, its quantizations; `None` without one.
pub(crate) fn of_model(evals: &[EvalRecord]) -> Option<Quality> {
    let weights = &evals.first()?.model_sha256;
    let (evals, variants): (Vec<&EvalRecord>, Vec<&EvalRecord>) =
        evals.iter().partition(|record| record.model_sha256 == *weights);
    let newest = *evals.iter().find(|record| record.validity.valid).or(evals.first())?;
    let mut quality = section("Quality", quality_figures::of_one(newest), newest);
    let older = match evals.len() - 1 {
        0 => String::new(),
        1 => " There is one more evaluation of this model in the history.".to_owned(),
        more => format!(" There are {} more evaluations of this model in the history.", count(more as u64)),
    };
    let from =
        format!("From the evaluation {} of {}.{older}", plain(&newest.id), moment(newest.started_unix_ms));
    let conclusion = Some(unbroken(&said::conclusion(newest))).filter(|text| !text.is_empty());
    quality.introduction.splice(0..0, conclusion.into_iter().chain([from]));
    if !variants.is_empty() {
        let family: Vec<EvalRecord> = [newest].into_iter().chain(variants).cloned().collect();
        quality.figures.extend(quality_figures::of_variants(&family));
        quality.tables.extend(impact(&family));
    }
    Some(quality)
}

/// The section that compares several evaluations.
pub(crate) fn comparison(records: &[EvalRecord], labels: &[String]) -> Quality {
    let mut tables: Vec<Table> = impact(records).into_iter().collect();
    tables.extend(table("scores", "Scores", said::side_by_side(records, labels), SCORES_NOTE));
    let wrong_of = |(record, label): (&EvalRecord, &String)| {
        let label = label.clone();
        record
            .suites
            .iter()
            .filter_map(|result| said::wrong(result, WRONG_MAX))
            .map(move |items| {
                let shown = wrong(items);
                Wrong { summary: format!("{label}: {}", shown.summary), ..shown }
            })
            .collect::<Vec<_>>()
    };
    Quality {
        heading: "Quality".to_owned(),
        introduction: Vec::new(),
        figures: quality_figures::of_many(records, labels),
        tables,
        wrong: records.iter().zip(labels).flat_map(wrong_of).collect(),
    }
}

/// What quantizations of one model cost and save; nothing for records of several models, or for one.
fn impact(records: &[EvalRecord]) -> Option<Table> {
    if records.len() < 2 || !said::same_base(records) {
        return None;
    }
    let rows = said::rows_of(records);
    table("impact", "Impact of quantization", said::impact_cells(&rows), &said::impact_note(&rows))
}

/// What the metrics on the page mean.
pub(crate) fn definitions() -> Vec<Definition> {
    let define = |id, label, better, text| Definition { id, label, unit: "share", better, text };
    let mut all = vec![
        define(
            "accuracy",
            "Accuracy",
            "higher is better",
            "items answered right / items that count; items whose choices all tied, and those that could not be asked, are left \
             out and counted apart",
        ),
        define(
            "accuracy_per_char",
            "Accuracy per character",
            "higher is better",
            "as accuracy, where the choice with the greatest log-likelihood per character of its text is taken as the answer \
             (acc_norm of lm-evaluation-harness)",
        ),
        define(
            "accuracy_norm",
            "Accuracy per byte",
            "higher is better",
            "as accuracy, where the choice with the greatest log-likelihood per byte of its text is taken as the answer (acc_bytes \
             there)",
        ),
        define(
            "f1",
            "F1",
            "higher is better",
            "mean over answers of the harmonic mean of the shares of words in common with the nearest right answer, after SQuAD's \
             normalisation",
        ),
        define(
            "judge",
            "Judge's rating",
            "higher is better",
            "mean of the ratings that another model gave, 1 to 10, with the published prompts of MT-Bench; of several turns the mean; \
             answers without a readable rating are left out and counted apart",
        ),
        define(
            "top1_agree",
            "Same top token",
            "higher is better",
            "places of the text where model and reference like the same token best / all places",
        ),
    ];
    all.push(Definition {
        id: "ppl",
        label: "Perplexity",
        unit: "per token",
        better: "lower is better",
        text: "exp of the mean negative log-likelihood per token of the second half of each chunk",
    });
    all.push(Definition {
        id: "kld_mean",
        label: "KL divergence",
        unit: "nats per token",
        better: "lower is better",
        text: "mean of D(reference ‖ model) over the same places of the same text",
    });
    all
}

/// A table of the page; nothing where there are no rows.
fn table(id: &'static str, title: &str, cells: TextTable, note: &str) -> Option<Table> {
    let rows = cells.rows.into_iter().map(|row| row.into_iter().map(Cell::from).collect());
    let rows: Vec<Vec<Cell>> = rows.collect();
    (!rows.is_empty()).then(|| Table {
        id,
        title: title.to_owned(),
        header: cells.header.iter().map(|label| capitalized(label)).collect(),
        rows,
        names: cells.left,
        prose: false,
        folded: false,
        note: note.to_owned(),
    })
}

/// The table closed where several comparisons show nothing, which a sentence says better.
fn folded_where_alike(table: Option<Table>, comparisons: &[&PairedComparison]) -> Option<Table> {
    let alike = comparisons.iter().filter(|one| !said::differs(one)).count();
    if alike > 1 && alike == comparisons.len() { folded(table) } else { table }
}

/// The table closed; its rows are many, and few look for them.
fn folded(table: Option<Table>) -> Option<Table> {
    table.map(|table| Table { folded: true, ..table })
}

fn wrong(items: said::WrongItems) -> Wrong {
    let [all, of] = items.counts;
    let shown = if all > items.rows.len() {
        format!(", the first {} shown", items.rows.len())
    } else {
        String::new()
    };
    Wrong {
        summary: format!("{}: {} of {}{shown}", items.name, count(all as u64), count(of as u64)),
        header: said::WRONG_HEADER.map(str::to_owned).to_vec(),
        rows: items.rows,
    }
}
