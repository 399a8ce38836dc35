//! The table of how fast answers came, task by task, beside their scores.

use dyno_types::{EvalRecord, SuiteResult, TaskSpeed, Unit};

use super::scores::{TextTable, WHOLE, strategy};
use crate::figure::{MISSING, count, figure, number, percent};
use crate::text::plain;

/// What the columns mean.
pub(crate) const SPEEDS_NOTE: &str = "Time and TTFT count from the start of an answer's own prompt pass; tokens/s is the rate of one answer, the sum of tokens over \
     the sum of times, and, where answers were written side by side, the rate of all together. Answers from the cache count for the \
     score alone.";

const HEADER: [&str; 9] =
    ["suite", "strategy", "task", "score", "time", "TTFT", "tokens/s", "tokens/answer", "peak memory"];

/// Tasks of a result beyond which a terminal shows the whole suite alone.
const TASKS_SHOWN: usize = 8;

/// Speeds of every suite and task.
pub(crate) fn table(record: &EvalRecord) -> TextTable {
    rows_where(record, |_, _| true)
}

/// Those of whole suites, and of tasks where there are few.
pub(crate) fn short_table(record: &EvalRecord) -> TextTable {
    rows_where(record, |speeds, speed| speed.group == WHOLE || speeds.len() <= TASKS_SHOWN + 1)
}

fn rows_where(record: &EvalRecord, shown: impl Fn(&[TaskSpeed], &TaskSpeed) -> bool) -> TextTable {
    let mut rows = Vec::new();
    for result in &record.suites {
        let speeds = speeds(result);
        rows.extend(speeds.iter().filter(|speed| shown(&speeds, speed)).map(|speed| row(result, speed)));
    }
    TextTable::of(&HEADER, 3, rows)
}

/// The speeds of a result; of a record from before tasks had any, what was stated of the whole.
fn speeds(result: &SuiteResult) -> Vec<TaskSpeed> {
    if !result.speeds.is_empty() || result.items.is_empty() {
        return result.speeds.clone();
    }
    let speed = &result.speed;
    vec![TaskSpeed {
        group: WHOLE.to_owned(),
        written: if speed.tokens_out > 0 { speed.items } else { 0 },
        scored: if speed.tokens_out > 0 { 0 } else { speed.items },
        cached: result.items_cached,
        decode_tps: speed.decode_tps,
        tokens_per_answer: (speed.tokens_out > 0).then_some(speed.tokens_per_item),
        ..TaskSpeed::default()
    }]
}

fn row(result: &SuiteResult, speed: &TaskSpeed) -> Vec<String> {
    let missing = || MISSING.to_owned();
    let span = |ms: Option<f64>| ms.map_or_else(missing, |ms| figure(Unit::Milliseconds, ms));
    let score = result.scores.iter().find(|score| score.group == speed.group && score.n > 0);
    vec![
        plain(&result.suite.name),
        strategy(result),
        plain(&speed.group),
        score.map_or_else(missing, |score| percent(score.value)),
        time(speed),
        span(speed.ttft_ms),
        rate(speed),
        speed.tokens_per_answer.map_or_else(missing, number),
        speed.rss_peak_bytes.map_or_else(missing, |bytes| figure(Unit::Bytes, bytes as f64)),
    ]
}

/// The mean time, and how many answers it is of where some came from the cache.
fn time(speed: &TaskSpeed) -> String {
    let now = speed.written + speed.scored;
    match (speed.cached, speed.time_ms) {
        (0, None) => MISSING.to_owned(),
        (0, Some(ms)) => figure(Unit::Milliseconds, ms),
        (_, _) if now == 0 => "all from the cache".to_owned(),
        (cached, ms) => {
            let of = format!("{} of {}, {} cached", count(now), count(now + cached), count(cached));
            ms.map_or_else(|| format!("({of})"), |ms| format!("{} ({of})", figure(Unit::Milliseconds, ms)))
        }
    }
}

/// The rate of one answer, and that of all that were written side by side.
fn rate(speed: &TaskSpeed) -> String {
    let Some(each) = speed.decode_tps else { return MISSING.to_owned() };
    match (speed.side_by_side, speed.joint_tps) {
        (0 | 1, _) => number(each),
        (several, None) => format!("{} each, {several} at once", number(each)),
        (several, Some(joint)) => {
            format!("{} each, {several} at once: {} together", number(each), number(joint))
        }
    }
}
