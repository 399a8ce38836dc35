//! From the outcomes of items to scores with honest uncertainty.

use std::collections::{BTreeMap, HashMap};

use dyno_stats::{clustered_mean, proportion_interval_95};
use dyno_types::{
    FormCheck, INTERVAL_ITEMS_MIN, ItemOutcome, ItemResult, JUDGED_SHARE_MIN, Score, Unscored, enough_judged,
};

use crate::ItemKind;

/// Name of the score of right answers.
pub const ACCURACY: &str = "accuracy";

/// Name of the score of right answers by likelihood per character (`acc_norm` of lm-evaluation-harness).
pub const ACCURACY_PER_CHAR: &str = "accuracy_per_char";

/// Name of the score of right answers by likelihood per byte (`acc_bytes` there).
pub const ACCURACY_NORM: &str = "accuracy_norm";

/// Name of the score that a judge's ratings make: their mean, divided by [`crate::RATING_MAX`].
pub const JUDGE_METRIC: &str = "judge";

/// Name of the group of all items.
pub const ALL_ITEMS: &str = "all";

/// Names of the scores that a suite's answers make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measures {
    /// Of right and wrong answers.
    pub right: &'static str,
    /// Of grades.
    pub grade: &'static str,
}

impl Measures {
    /// Names for the answers of these items: a way to score that all share has its own.
    #[must_use]
    pub fn of(items: &[crate::Item]) -> Self {
        let all = |kind: ItemKind| !items.is_empty() && items.iter().all(|item| item.kind == kind);
        let named =
            [(ItemKind::Exact, "exact_match"), (ItemKind::Contains, "contains"), (ItemKind::Regex, "regex")];
        let right = named.iter().find(|(kind, _)| all(*kind)).map_or(ACCURACY, |(_, name)| name);
        let shared_words = items.iter().any(|item| item.kind == ItemKind::F1);
        Self { right, grade: if shared_words { crate::F1_METRIC } else { JUDGE_METRIC } }
    }
}

/// Scores of a result: all items first, then each task in the order of its first item (when there is more than one).
/// Groups of which too little was judged have no score; [`unscored`] says why. `measures` names what right answers and
/// grades measure.
///
/// Right answers count 1; wrong and unparsed ones 0; tied, failed and open ones are left out; the first two are counted apart.
#[must_use]
pub fn scores(items: &[ItemResult], measures: Measures) -> Vec<Score> {
    let mut found = Vec::new();
    for (group, members) in groups(items) {
        if Judged::of(&members).void().is_some() {
            continue;
        }
        let plain: Vec<Counted<'_>> = members.iter().map(|item| Counted::of(item, &item.outcome)).collect();
        found.extend(accuracy(measures.right, group, &plain));
        let by = |outcome: fn(&ItemResult) -> Option<&ItemOutcome>| -> Vec<Counted<'_>> {
            members.iter().filter_map(|item| Some(Counted::of(item, outcome(item)?))).collect()
        };
        found.extend(accuracy(ACCURACY_PER_CHAR, group, &by(|item| item.outcome_per_char.as_ref())));
        found.extend(accuracy(ACCURACY_NORM, group, &by(|item| item.outcome_norm.as_ref())));
        found.extend(grades(measures.grade, group, &plain));
    }
    found
}

/// The groups of items that are scored: all, then tasks where there are several.
fn groups(items: &[ItemResult]) -> Vec<(&str, Vec<&ItemResult>)> {
    let mut found: Vec<(&str, Vec<&ItemResult>)> = vec![(ALL_ITEMS, items.iter().collect())];
    let mut tasks: Vec<&str> = Vec::new();
    for item in items {
        if !tasks.contains(&item.task.as_str()) {
            tasks.push(&item.task);
        }
    }
    if tasks.len() > 1 {
        found.extend(
            tasks.into_iter().map(|task| (task, items.iter().filter(|item| item.task == task).collect())),
        );
    }
    found
}

/// Groups of a result that have no score, with the reason.
#[must_use]
pub fn unscored(items: &[ItemResult]) -> Vec<Unscored> {
    let void = |(group, members): (&str, Vec<&ItemResult>)| {
        let judged = Judged::of(&members);
        let reason = judged.void()?;
        // What nobody was to judge is no failure.
        let nobody_was_to = judged.open > 0 && judged.counting == 0;
        let items = if nobody_was_to { 0 } else { judged.items() as u64 };
        let judged = judged.counting as u64;
        Some(Unscored { group: group.to_owned(), items, judged, reason })
    };
    groups(items).into_iter().filter_map(void).collect()
}

/// How many items of a group were judged.
#[derive(Default)]
struct Judged<'a> {
    /// Right, wrong, unparsed or graded.
    counting: usize,
    tied: usize,
    failed: usize,
    /// Answered, and to be judged by nobody.
    open: usize,
    /// How often each reason of a failure occurred.
    reasons: BTreeMap<&'a str, usize>,
}

impl<'a> Judged<'a> {
    fn of(items: &[&'a ItemResult]) -> Self {
        let mut found = Self::default();
        for item in items {
            match &item.outcome {
                ItemOutcome::Tied => found.tied += 1,
                ItemOutcome::Open => found.open += 1,
                ItemOutcome::Failed { reason } => {
                    found.failed += 1;
                    *found.reasons.entry(reason).or_default() += 1;
                }
                _ => found.counting += 1,
            }
        }
        found
    }

    fn items(&self) -> usize {
        self.counting + self.tied + self.failed
    }

    /// Why the group has no score; `None` where it has one.
    fn void(&self) -> Option<String> {
        let items = self.items();
        if self.open > 0 && self.counting == 0 {
            return Some("open answers are scored by a judge, and none was named".to_owned());
        }
        if items == 0 {
            return None;
        }
        if self.tied == items {
            return Some(format!(
                "the choices tied in all {items} items, and likelihoods that never differ were not measured"
            ));
        }
        if self.counting > 0 && enough_judged((items - self.failed) as u64, items as u64) {
            return None;
        }
        let usual = self.reasons.iter().max_by_key(|(_, count)| **count);
        let why = usual.map_or_else(String::new, |(reason, _)| format!(": {reason}"));
        Some(match self.counting {
            0 => format!("none of {items} items could be asked or judged{why}"),
            _ => format!(
                "only {} of {items} items could be asked and judged, under {:.0} %{why}",
                items - self.failed,
                JUDGED_SHARE_MIN * 100.0
            ),
        })
    }
}

/// An item with one of its outcomes.
struct Counted<'a> {
    item: &'a ItemResult,
    outcome: &'a ItemOutcome,
}

impl<'a> Counted<'a> {
    fn of(item: &'a ItemResult, outcome: &'a ItemOutcome) -> Self {
        Self { item, outcome }
    }
}

/// 1 for right, 0 for wrong and unparsed, nothing for what does not count.
#[must_use]
pub fn points(outcome: &ItemOutcome) -> Option<f64> {
    match outcome {
        ItemOutcome::Correct => Some(1.0),
        ItemOutcome::Wrong | ItemOutcome::Unparsed => Some(0.0),
        ItemOutcome::Tied | ItemOutcome::Open | ItemOutcome::Graded { .. } | ItemOutcome::Failed { .. } => {
            None
        }
    }
}

/// Labels of clusters: items that name the same cluster share one, the others have one each.
pub(crate) fn cluster_labels<'a>(clusters: impl Iterator<Item = Option<&'a str>>) -> Vec<usize> {
    let mut named: HashMap<&str, usize> = HashMap::new();
    let label = |(index, cluster): (usize, Option<&'a str>)| match cluster {
        None => index,
        Some(name) => *named.entry(name).or_insert(index),
    };
    clusters.enumerate().map(label).collect()
}

/// Number of different labels.
pub(crate) fn distinct(labels: &[usize]) -> usize {
    labels.iter().collect::<std::collections::HashSet<_>>().len()
}

/// What guessing gives: the mean of 1/k over items with k choices, and nothing from items without; `None` where no item has
/// choices, since guessing a free answer gives nothing worth stating.
#[must_use]
pub fn chance_level(options: &[u32]) -> Option<f64> {
    let guess = |options: &u32| if *options > 0 { 1.0 / f64::from(*options) } else { 0.0 };
    let any = options.iter().any(|options| *options > 0);
    any.then(|| dyno_stats::sum(options.iter().map(guess)) / options.len() as f64)
}

fn accuracy(metric: &str, group: &str, items: &[Counted<'_>]) -> Option<Score> {
    let asked: Vec<&Counted<'_>> = items
        .iter()
        .filter(|item| !matches!(item.outcome, ItemOutcome::Graded { .. } | ItemOutcome::Open))
        .collect();
    let counting: Vec<(&ItemResult, f64)> =
        asked.iter().filter_map(|item| Some((item.item, points(item.outcome)?))).collect();
    if counting.is_empty() {
        return None;
    }
    let values: Vec<f64> = counting.iter().map(|(_, points)| *points).collect();
    let labels = cluster_labels(counting.iter().map(|(item, _)| item.cluster.as_deref()));
    let (n, clusters) = (values.len(), distinct(&labels));
    let value = dyno_stats::sum(values.iter().copied()) / n as f64;
    let standard_error = match clustered_mean(&values, &labels) {
        Ok(mean) => mean.standard_error,
        // One cluster says as much as one item.
        Err(_) => (value * (1.0 - value)).sqrt(),
    };
    let interval = proportion_interval_95(value, standard_error, n, clusters).ok()?;
    let count =
        |wanted: fn(&ItemOutcome) -> bool| asked.iter().filter(|item| wanted(item.outcome)).count() as u64;
    let unparsed = count(|outcome| matches!(outcome, ItemOutcome::Unparsed));
    let options: Vec<u32> = counting.iter().map(|(item, _)| item.options).collect();
    Some(Score {
        metric: metric.to_owned(),
        group: group.to_owned(),
        n: n as u64,
        clusters: clusters as u64,
        value,
        standard_error,
        ci95: (clusters as u64 >= INTERVAL_ITEMS_MIN).then(|| interval.bounds()),
        chance: chance_level(&options),
        unparsed: unparsed as f64 / n as f64,
        tied: count(|outcome| matches!(outcome, ItemOutcome::Tied)),
        failed: count(|outcome| matches!(outcome, ItemOutcome::Failed { .. })),
    })
}

fn grades(metric: &str, group: &str, items: &[Counted<'_>]) -> Option<Score> {
    let grade = |item: &Counted<'_>| match item.outcome {
        ItemOutcome::Graded { grade } => Some(*grade),
        _ => None,
    };
    let graded: Vec<(&ItemResult, f64)> =
        items.iter().filter_map(|item| Some((item.item, grade(item)?))).collect();
    let labels = cluster_labels(graded.iter().map(|(item, _)| item.cluster.as_deref()));
    let values: Vec<f64> = graded.iter().map(|(_, grade)| *grade).collect();
    let failed =
        items.iter().filter(|item| matches!(item.outcome, ItemOutcome::Failed { .. })).count() as u64;
    grade_score(metric, group, &values, &labels).map(|score| Score { failed, ..score })
}

/// Score of grades from 0 to 1; the interval is clustered and kept inside that range.
fn grade_score(metric: &str, group: &str, values: &[f64], labels: &[usize]) -> Option<Score> {
    if values.is_empty() {
        return None;
    }
    let value = dyno_stats::sum(values.iter().copied()) / values.len() as f64;
    let clusters = distinct(labels) as u64;
    // Of one grade alone nothing is known but its range.
    let (standard_error, interval) = match clustered_mean(values, labels) {
        Ok(mean) => (mean.standard_error, Some(mean.interval_95().bounds().map(|end| end.clamp(0.0, 1.0)))),
        Err(_) => (0.5, None),
    };
    Some(Score {
        metric: metric.to_owned(),
        group: group.to_owned(),
        n: values.len() as u64,
        clusters,
        value,
        standard_error,
        ci95: interval.filter(|_| clusters >= INTERVAL_ITEMS_MIN),
        chance: None,
        unparsed: 0.0,
        tied: 0,
        failed: 0,
    })
}

/// Means of the form checks of a result's answers, by group.
#[must_use]
pub fn form_checks(items: &[ItemResult], check: crate::Heuristic) -> Vec<FormCheck> {
    let mean = |(group, members): (&str, Vec<&ItemResult>)| {
        let forms: Vec<f64> = members.iter().filter_map(|item| item.form).collect();
        form_check(check, group, &forms)
    };
    groups(items).into_iter().filter_map(mean).collect()
}

fn form_check(check: crate::Heuristic, group: &str, forms: &[f64]) -> Option<FormCheck> {
    let n = forms.len();
    (n > 0).then(|| FormCheck {
        check: check.name().to_owned(),
        group: group.to_owned(),
        n: n as u64,
        value: dyno_stats::sum(forms.iter().copied()) / n as f64,
    })
}

/// Applies one heuristic to the stored answers of every item, whatever its own kind, by category: the report that the seeds'
/// tools would have given for these answers. Items without an answer text (likelihoods, failures) are left out.
#[must_use]
pub fn heuristic_report(
    suite: &crate::Suite,
    items: &[ItemResult],
    heuristic: crate::Heuristic,
) -> Vec<FormCheck> {
    let by_id: HashMap<&str, &ItemResult> = items.iter().map(|item| (item.id.as_str(), item)).collect();
    let mut graded: Vec<(String, f64)> = Vec::new();
    for item in &suite.items {
        let Some(result) = by_id.get(item.id.as_str()) else { continue };
        if result.choices.is_empty() && !matches!(result.outcome, ItemOutcome::Failed { .. }) {
            let category = item.category.clone().unwrap_or_else(|| item.task.clone());
            graded.push((category, heuristic.grade(item, &result.answer)));
        }
    }
    let mut categories: Vec<&str> = vec![ALL_ITEMS];
    for (category, _) in &graded {
        if !categories.contains(&category.as_str()) {
            categories.push(category);
        }
    }
    let check = |group: &&str| {
        let of_group = |(category, _): &&(String, f64)| *group == ALL_ITEMS || category == group;
        let forms: Vec<f64> = graded.iter().filter(of_group).map(|(_, form)| *form).collect();
        form_check(heuristic, group, &forms)
    };
    categories.iter().filter_map(check).collect()
}

/// Why groups have a score of fewer items than they have: sentences for people, empty where all is well.
#[must_use]
pub fn refusals(items: &[ItemResult]) -> Vec<String> {
    let left_out = |(group, members): (&str, Vec<&ItemResult>)| {
        let judged = Judged::of(&members);
        let (tied, n) = (judged.tied, members.len());
        (tied > 0 && judged.void().is_none())
            .then(|| format!("{group}: {tied} of {n} items left out, since their choices tied"))
    };
    groups(items).into_iter().filter_map(left_out).collect()
}

#[cfg(test)]
pub(crate) mod tests;
