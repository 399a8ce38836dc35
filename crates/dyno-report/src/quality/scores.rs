//! The table of scores: one row per suite, strategy and group, only the columns that say something.

use dyno_types::{EvalRecord, Score, SuiteResult, Unscored, metric_words};

use crate::figure::{MISSING, count, number, percent, score_interval, score_text};
use crate::text::plain;

/// A table as text: header and rows; the first `left` columns are names, the others figures.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TextTable {
    pub(crate) header: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
    pub(crate) left: usize,
}

impl TextTable {
    /// From columns, leaving out those (after the names) where no row has anything.
    pub(crate) fn of(header: &[&str], left: usize, rows: Vec<Vec<String>>) -> Self {
        let said = |column: usize| {
            column < left || rows.iter().any(|row| row.get(column).is_some_and(|cell| cell != MISSING))
        };
        let kept: Vec<usize> = (0..header.len()).filter(|column| said(*column)).collect();
        let pick = |row: Vec<String>| kept.iter().filter_map(|column| row.get(*column).cloned()).collect();
        Self {
            header: kept.iter().map(|column| header[*column].to_owned()).collect(),
            rows: rows.into_iter().map(pick).collect(),
            left,
        }
    }
}

const HEADER: [&str; 11] = [
    "suite",
    "strategy",
    "group",
    "n",
    "score",
    "95 % interval",
    "chance",
    "unparsed",
    "tied",
    "failed",
    "not scored because",
];

/// The group of all items of a suite.
pub(crate) const WHOLE: &str = "all";
/// A result with more groups than this is shown without their rows in a terminal.
const GROUPS_SHOWN: usize = 8;
/// Groups that are named at either end where rows are left out.
const ENDS_NAMED: usize = 4;

/// All scores of a record.
pub(crate) fn table(record: &EvalRecord) -> TextTable {
    rows_where(record, |_, _| true)
}

/// The scores of whole suites, and of groups where there are few. What is left out is in [`left_out`].
pub(crate) fn short_table(record: &EvalRecord) -> TextTable {
    rows_where(record, |result, score| {
        let few = groups(result).len() <= GROUPS_SHOWN;
        score.group == WHOLE || (few && is_first_measure(result, score))
    })
}

/// A sentence for each result whose groups [`short_table`] does not show: the lowest and the highest of them.
pub(crate) fn left_out(record: &EvalRecord) -> Vec<String> {
    let sentence = |result: &SuiteResult| {
        let mut groups = groups(result);
        if groups.len() <= GROUPS_SHOWN {
            return None;
        }
        // Of equal scores, those that rest on more items come first.
        groups.sort_by(|one, other| one.value.total_cmp(&other.value).then(other.n.cmp(&one.n)));
        let lowest: Vec<String> = groups.iter().take(ENDS_NAMED).map(|score| with_share(score)).collect();
        groups.sort_by(|one, other| other.value.total_cmp(&one.value).then(other.n.cmp(&one.n)));
        let highest: Vec<String> = groups.iter().take(ENDS_NAMED).map(|score| with_share(score)).collect();
        let (name, count) = (super::named(result), groups.len());
        Some(format!("{name}: {count} groups, lowest {}; highest {}.", lowest.join(", "), highest.join(", ")))
    };
    record.suites.iter().filter_map(sentence).collect()
}

/// Scores of the groups of a result, by its first measure.
fn groups(result: &SuiteResult) -> Vec<&Score> {
    let of_group = |score: &&Score| score.group != WHOLE && is_first_measure(result, score);
    result.scores.iter().filter(of_group).collect()
}

fn is_first_measure(result: &SuiteResult, score: &Score) -> bool {
    result.scores.first().is_some_and(|first| first.metric == score.metric)
}

/// A group with its share and what that rests on.
fn with_share(score: &Score) -> String {
    format!("{} {} (n={})", plain(&score.group), value(score), count(score.n))
}

fn rows_where(record: &EvalRecord, shown: impl Fn(&SuiteResult, &Score) -> bool) -> TextTable {
    let mut rows = Vec::new();
    for result in &record.suites {
        let scores = result.scores.iter().filter(|score| shown(result, score));
        rows.extend(scores.map(|score| row(result, score)));
        let whole = |unscored: &&Unscored| unscored.group == WHOLE;
        rows.extend(result.unscored.iter().filter(whole).map(|unscored| unscored_row(result, unscored)));
    }
    TextTable::of(&HEADER, 3, rows)
}

fn row(result: &SuiteResult, score: &Score) -> Vec<String> {
    let unless_zero = |n: u64| if n == 0 { MISSING.to_owned() } else { count(n) };
    let missing = || MISSING.to_owned();
    let counted = score.n > 0;
    // Where nothing was written, nothing can be unreadable.
    let generated = counted && result.items.iter().any(|item| item.choices.is_empty());
    vec![
        plain(&result.suite.name),
        strategy(result),
        group(score),
        count(score.n),
        if counted { value(score) } else { missing() },
        interval(score).filter(|_| counted).unwrap_or_else(missing),
        score.chance.map_or_else(missing, percent),
        if generated { percent(score.unparsed) } else { missing() },
        unless_zero(score.tied),
        unless_zero(score.failed),
        missing(),
    ]
}

/// A score in its unit.
pub(crate) fn value(score: &Score) -> String {
    score_text(&score.metric, score.value)
}

/// Its 95 % interval, where there is one.
pub(crate) fn interval(score: &Score) -> Option<String> {
    score.ci95.map(|ends| score_interval(&score.metric, ends))
}

/// A score with its interval, where there is one.
pub(crate) fn with_interval(score: &Score) -> String {
    interval(score).map_or_else(|| value(score), |interval| format!("{} {interval}", value(score)))
}

const FORM_HEADER: [&str; 6] = ["suite", "strategy", "group", "check", "answers", "mean"];

/// How open answers look, by group; no rows where no form was checked.
pub(crate) fn form_table(record: &EvalRecord) -> TextTable {
    let mut rows = Vec::new();
    for result in &record.suites {
        rows.extend(result.form_checks.iter().map(|check| {
            vec![
                plain(&result.suite.name),
                strategy(result),
                plain(&check.group),
                plain(&check.check),
                count(check.n),
                format!("{:.2}", check.value),
            ]
        }));
    }
    TextTable::of(&FORM_HEADER, 4, rows)
}

/// Heading of [`form_table`], and what to know about it.
pub(crate) const FORM_TITLE: &str = "Form checks";
pub(crate) const FORM_NOTE: &str = "How the answers look by their words and lengths (0 to 1), not whether they are right; no score, and nothing is compared by it.";

/// A row without a score.
fn unscored_row(result: &SuiteResult, unscored: &Unscored) -> Vec<String> {
    let missing = || MISSING.to_owned();
    vec![
        plain(&result.suite.name),
        strategy(result),
        plain(&unscored.group),
        count(unscored.judged),
        "not scored".to_owned(),
        missing(),
        missing(),
        missing(),
        missing(),
        missing(),
        plain(&unscored.reason),
    ]
}

/// How the questions were asked: the strategy, and the worked examples before each.
pub(crate) fn strategy(result: &SuiteResult) -> String {
    let name = plain(&result.strategy);
    match result.few_shot {
        0 => name,
        1 => format!("{name}, 1 example"),
        shots => format!("{name}, {shots} examples"),
    }
}

/// Which items a score is about, and by which measure where it is not plain accuracy.
pub(crate) fn group(score: &Score) -> String {
    let group = plain(&score.group);
    match score.metric.as_str() {
        "accuracy" => group,
        other => format!("{group} ({})", plain(metric_words(other))),
    }
}

/// One row per result, for several records side by side; `labels` name the records.
pub(crate) fn side_by_side(records: &[EvalRecord], labels: &[String]) -> TextTable {
    let header = [
        "model",
        "suite",
        "strategy",
        "n",
        "score",
        "95 % interval",
        "chance",
        "tokens/s",
        "perplexity",
        "valid",
    ];
    let row = |record: &EvalRecord, label: &String, result: Option<&SuiteResult>| {
        let missing = || MISSING.to_owned();
        let score = result.and_then(|result| result.main_score());
        let speed = result.and_then(|result| result.speed.decode_tps);
        vec![
            label.clone(),
            result.map_or_else(missing, |result| plain(&result.suite.name)),
            result.map_or_else(missing, strategy),
            score.map_or_else(missing, |score| count(score.n)),
            score.map_or_else(
                || result.map_or_else(missing, |_| "not scored".to_owned()),
                |score| match score.metric.as_str() {
                    "accuracy" => value(score),
                    metric => format!("{} ({})", value(score), plain(metric_words(metric))),
                },
            ),
            score.and_then(interval).unwrap_or_else(missing),
            score.and_then(|score| score.chance).map_or_else(missing, percent),
            speed.map_or_else(missing, number),
            record.perplexity.as_ref().map_or_else(missing, |result| number(result.ppl)),
            if record.validity.valid { "yes" } else { "NO" }.to_owned(),
        ]
    };
    let rows = records.iter().zip(labels).flat_map(|(record, label)| {
        let results: Vec<Option<&SuiteResult>> =
            if record.suites.is_empty() { vec![None] } else { record.suites.iter().map(Some).collect() };
        results.into_iter().map(move |result| row(record, label, result))
    });
    TextTable::of(&header, 3, rows.collect())
}
