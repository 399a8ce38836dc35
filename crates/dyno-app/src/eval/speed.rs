//! Speed of the answers that were written in this run, for all items and task by task. What comes from the cache counts for none of it.

use dyno_eval::ALL_ITEMS;
use dyno_types::{AnswerSpeed, ItemResult, TaskSpeed};

/// What only the whole suite knows of its speed.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Pace {
    /// Wall time of everything asked, s.
    pub(crate) wall_s: f64,
    /// Of it, wall time of writing, s.
    pub(crate) written_s: f64,
    /// Sequences of the engine.
    pub(crate) sequences: u32,
    /// Peak memory of the engine process, where it was asked at all.
    pub(crate) rss_peak_bytes: Option<u64>,
}

/// Whether an answer was written, in this run or before.
fn is_written(item: &ItemResult) -> bool {
    item.choices.is_empty() && item.tokens_out > 0
}

/// Speed of the whole, as records have always stated it.
pub(crate) fn answer_speed(items: &[ItemResult], pace: Pace) -> AnswerSpeed {
    let asked = items.iter().filter(|item| !item.cached).count() as u64;
    let whole = group_speed(ALL_ITEMS, &items.iter().collect::<Vec<_>>(), pace);
    AnswerSpeed {
        tokens_out: tokens_of(items.iter().filter(|item| !item.cached && is_written(item))),
        items: asked,
        wall_s: if asked == 0 { 0.0 } else { pace.wall_s },
        decode_tps: whole.decode_tps,
        tokens_per_item: whole.tokens_per_answer.unwrap_or(0.0),
    }
}

/// Speed of all items, then of each task where there are several.
pub(crate) fn task_speeds(items: &[ItemResult], pace: Pace) -> Vec<TaskSpeed> {
    let all: Vec<&ItemResult> = items.iter().collect();
    let mut tasks: Vec<&str> = Vec::new();
    for item in items {
        if !tasks.contains(&item.task.as_str()) {
            tasks.push(&item.task);
        }
    }
    if items.is_empty() {
        return Vec::new();
    }
    let of_task =
        |task: &str| -> Vec<&ItemResult> { items.iter().filter(|item| item.task == task).collect() };
    let by_task = if tasks.len() > 1 { tasks } else { Vec::new() };
    let whole = group_speed(ALL_ITEMS, &all, pace);
    let side_by_side = whole.side_by_side;
    // Tasks are written side by side: what they share is no figure of one of them.
    let part =
        |task: &str| TaskSpeed { joint_tps: None, side_by_side, ..group_speed(task, &of_task(task), pace) };
    [whole].into_iter().chain(by_task.into_iter().map(part)).collect()
}

fn group_speed(group: &str, items: &[&ItemResult], pace: Pace) -> TaskSpeed {
    let now = || items.iter().copied().filter(|item| !item.cached);
    let written: Vec<&ItemResult> = now().filter(|item| is_written(item)).collect();
    let scored = now().filter(|item| !item.choices.is_empty()).count() as u64;
    let mean = |value: fn(&ItemResult) -> Option<f64>| {
        let values: Vec<f64> = written.iter().filter_map(|item| value(item)).collect();
        (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
    };
    let tokens = tokens_of(written.iter().copied());
    // The first token of every turn comes with its prompt pass.
    let turns = |item: &ItemResult| u32::try_from(item.turns.len().max(1)).unwrap_or(u32::MAX);
    let steps: u64 = written.iter().map(|item| u64::from(item.tokens_out.saturating_sub(turns(item)))).sum();
    let decode_s: f64 = written.iter().map(|item| item.decode_ms / 1e3).sum();
    let count = written.len() as u64;
    let whole = group == ALL_ITEMS;
    let shared_ms = (whole && count == 0 && scored > 0).then(|| pace.wall_s * 1e3 / scored as f64);
    TaskSpeed {
        group: group.to_owned(),
        written: count,
        scored,
        cached: items.iter().filter(|item| item.cached).count() as u64,
        time_ms: mean(|item| item.time_ms).or(shared_ms),
        ttft_ms: mean(|item| item.ttft_ms),
        decode_tps: (steps > 0 && decode_s > 0.0).then(|| steps as f64 / decode_s),
        tokens_per_answer: (count > 0).then(|| tokens as f64 / count as f64),
        side_by_side: u32::try_from(count).unwrap_or(u32::MAX).min(pace.sequences),
        joint_tps: (count > 0 && pace.written_s > 0.0).then(|| tokens as f64 / pace.written_s),
        rss_peak_bytes: pace.rss_peak_bytes.filter(|_| count + scored > 0),
    }
}

fn tokens_of<'a>(items: impl Iterator<Item = &'a ItemResult>) -> u64 {
    items.map(|item| u64::from(item.tokens_out)).sum()
}

#[cfg(test)]
mod tests {
    use dyno_types::{ChoiceScore, ItemOutcome};

    use super::*;

    fn written(task: &str, tokens_out: u32, decode_ms: f64) -> ItemResult {
        ItemResult {
            id: format!("{task}-{tokens_out}"),
            task: task.to_owned(),
            cluster: None,
            outcome: ItemOutcome::Correct,
            outcome_norm: None,
            outcome_per_char: None,
            choices: Vec::new(),
            options: 0,
            answer: String::new(),
            turns: Vec::new(),
            form: None,
            ratings: Vec::new(),
            extracted: None,
            tokens_in: 10,
            tokens_out,
            prefill_ms: 5.0,
            decode_ms,
            ttft_ms: Some(6.0),
            time_ms: Some(6.0 + decode_ms),
            cached: false,
            position: None,
            length: None,
        }
    }

    const PACE: Pace = Pace { wall_s: 4.0, written_s: 2.0, sequences: 8, rss_peak_bytes: Some(7) };

    #[test]
    fn a_rate_is_of_sums_and_the_joint_rate_of_the_wall() {
        let items = [written("a", 11, 100.0), written("a", 2, 10.0), written("b", 101, 2_000.0)];
        let speeds = task_speeds(&items, PACE);
        let groups: Vec<&str> = speeds.iter().map(|speed| speed.group.as_str()).collect();
        assert_eq!(groups, ["all", "a", "b"]);
        let [all, a, b] = &speeds[..] else { panic!() };
        // Σ(n − 1)/Σt, not the mean of 100, 100 and 50 tokens/s.
        assert_eq!(
            (all.decode_tps, a.decode_tps, b.decode_tps),
            (Some(111.0 / 2.11), Some(100.0), Some(50.0))
        );
        assert_eq!((all.joint_tps, a.joint_tps), (Some(114.0 / 2.0), None));
        assert_eq!(
            (all.side_by_side, a.side_by_side, all.written),
            (3, 3, 3),
            "no more at once than there are"
        );
        assert_eq!((a.time_ms, a.ttft_ms, a.tokens_per_answer), (Some(61.0), Some(6.0), Some(6.5)));
        assert_eq!(b.rss_peak_bytes, Some(7));
    }

    #[test]
    fn what_comes_from_the_cache_counts_for_no_speed() {
        let old = ItemResult { cached: true, ..written("a", 1_000, 1.0) };
        let mixed = task_speeds(&[written("a", 11, 100.0), old.clone()], PACE);
        assert_eq!((mixed.len(), mixed[0].written, mixed[0].cached), (1, 1, 1));
        assert_eq!((mixed[0].decode_tps, mixed[0].tokens_per_answer), (Some(100.0), Some(11.0)));
        let all_old = [old.clone(), old];
        let none = task_speeds(&all_old, PACE);
        let nothing = TaskSpeed { group: "all".to_owned(), cached: 2, ..TaskSpeed::default() };
        assert_eq!(none, [nothing]);
        let speed = answer_speed(&all_old, PACE);
        assert_eq!((speed.tokens_out, speed.items, speed.wall_s, speed.decode_tps), (0, 0, 0.0, None));
    }

    #[test]
    fn scored_items_share_the_wall_time() {
        let choice = ChoiceScore { logprob: -1.0, tokens: 3, bytes: 9, chars: 9, greedy: true };
        let scored =
            ItemResult { choices: vec![choice], ttft_ms: None, time_ms: None, ..written("a", 3, 0.0) };
        let speeds = task_speeds(&[scored.clone(), scored], PACE);
        assert_eq!((speeds[0].scored, speeds[0].written, speeds[0].time_ms), (2, 0, Some(2_000.0)));
        assert_eq!(
            (speeds[0].decode_tps, speeds[0].tokens_per_answer, speeds[0].joint_tps),
            (None, None, None)
        );
    }
}
