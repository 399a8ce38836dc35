//! What an evaluation says, in sentences: comparisons with their intervals, perplexity, divergence, how answers look, and what it
//! comes to.

use dyno_types::{
    DivergenceResult, EvalRecord, PairedComparison, PerplexityResult, Score, SuiteResult, Unscored,
};
use dyno_types::{INTERVAL_ITEMS_MIN, JudgedPairs};

use super::scores::{WHOLE, interval as score_interval, strategy, value as score_value};
use crate::figure::{count, number, percent, percent_interval, points};
use crate::text::plain;

/// Below this adjusted p value a difference is called one.
const SIGNIFICANT: f64 = 0.05;
/// Unreadable answers from this share on are said in words.
const UNPARSED_MANY: f64 = 0.1;
/// Answers that loop or are cut off from this share on are said in words.
const DEGENERATE: f64 = 0.05;

/// Everything the record says beside its scores.
pub(crate) fn findings(record: &EvalRecord) -> Vec<String> {
    let mut said = visible(record);
    said.extend(alike(std::slice::from_ref(record)));
    said.extend(record.perplexity.as_ref().map(perplexity));
    said.extend(record.divergence.as_ref().map(divergence));
    said.extend(beside_scores(record));
    said
}

/// What a record shown among others has to say for itself: what [`alike`] says of all of them is left out, and, beside the table
/// of quantization impact, what that holds.
pub(crate) fn findings_in_company(record: &EvalRecord, beside_the_table: bool) -> Vec<String> {
    let mut said = visible(record);
    if !beside_the_table {
        said.extend(record.perplexity.as_ref().map(perplexity));
        said.extend(record.divergence.as_ref().map(divergence));
    }
    said.extend(beside_scores(record));
    said
}

/// Whom a judge preferred where it saw two answers side by side.
pub(crate) fn preferred(pairs: &JudgedPairs) -> String {
    let (candidate, baseline) = (plain(&pairs.candidate), plain(&pairs.baseline));
    let ties = pairs.pairs.saturating_sub(pairs.won + pairs.lost);
    let unread = match pairs.unread {
        0 => String::new(),
        unread => format!("; {} more without a readable verdict", count(unread)),
    };
    let agreed = match pairs.pairs {
        0 => String::new(),
        all => format!("; the same in both orders in {}", percent(pairs.agreed as f64 / all as f64)),
    };
    format!(
        "{}, side by side before {}: {candidate} preferred in {}, {baseline} in {}, tied in {} of {} pairs{agreed}{unread}.",
        plain(&pairs.suite),
        plain(&pairs.judge.model),
        count(pairs.won),
        count(pairs.lost),
        count(ties),
        count(pairs.pairs)
    )
}

fn beside_scores(record: &EvalRecord) -> Vec<String> {
    record.judged_pairs.iter().map(preferred).chain(beside_suites(record)).collect()
}

fn beside_suites(record: &EvalRecord) -> Vec<String> {
    record.suites.iter().filter_map(looks).chain(cautions(record)).collect()
}

/// Comparisons over whole suites.
fn whole(record: &EvalRecord) -> impl Iterator<Item = &PairedComparison> {
    record.comparisons.iter().filter(|one| one.group == WHOLE)
}

/// Whether a comparison was made and shows no difference.
fn is_alike(one: &&PairedComparison) -> bool {
    one.n > 0 && !differs(one)
}

/// The comparisons that show a difference, and those that could not be made.
fn visible(record: &EvalRecord) -> Vec<String> {
    whole(record).filter(|one| !is_alike(one)).map(comparison).collect()
}

/// The comparisons of all these records that show no difference, in one sentence.
pub(crate) fn alike(records: &[EvalRecord]) -> Option<String> {
    let all = || records.iter().flat_map(whole);
    let alike: Vec<&PairedComparison> = all().filter(is_alike).collect();
    match (alike.as_slice(), all().count()) {
        ([], _) => None,
        ([one], _) => Some(comparison(one)),
        (several, all) if several.len() == all => {
            Some(format!("A difference is visible in none of {} comparisons.", count(all as u64)))
        }
        (several, all) => Some(format!(
            "No difference is visible in {} of {} comparisons.",
            count(several.len() as u64),
            count(all as u64)
        )),
    }
}

/// Whether a comparison shows a difference.
pub(crate) fn differs(comparison: &PairedComparison) -> bool {
    let [low, high] = comparison.ci95;
    comparison.n > 0 && comparison.p_adjusted < SIGNIFICANT && (low > 0.0 || high < 0.0)
}

/// One comparison as a sentence.
pub(crate) fn comparison(one: &PairedComparison) -> String {
    let (candidate, baseline, suite) = (plain(&one.candidate), plain(&one.baseline), plain(&one.suite));
    let items = items(one.n);
    if one.n == 0 {
        return format!(
            "{candidate} and {baseline} answered no item of {suite} in common, so nothing is compared."
        );
    }
    if one.n < INTERVAL_ITEMS_MIN {
        return format!(
            "{suite}: {items} in common of {candidate} and {baseline} are too few to compare by."
        );
    }
    let interval = percent_interval(one.ci95);
    if !differs(one) {
        return format!(
            "{suite}: no difference visible between {candidate} and {baseline} with {items} ({} points {interval}).",
            points(one.difference)
        );
    }
    let (verb, size) = match one.difference > 0.0 {
        true => ("improves by", points(one.difference)),
        false => ("loses", points(one.difference)),
    };
    format!(
        "{suite}: {candidate} {verb} {} points {interval} against {baseline} ({items}: {} gained, {} lost, {}).",
        size.trim_start_matches(['+', '-']),
        count(one.gained),
        count(one.lost),
        p_text(one.p_adjusted)
    )
}

fn p_text(p: f64) -> String {
    if p < 0.001 { "adjusted p < 0.001".to_owned() } else { format!("adjusted p = {p:.3}") }
}

fn items(n: u64) -> String {
    format!("{} {}", count(n), if n == 1 { "item" } else { "items" })
}

/// Perplexity with its interval, which rests on chunks: tokens of one chunk are not independent.
fn perplexity(result: &PerplexityResult) -> String {
    let interval = perplexity_interval(result.ppl, result.standard_error, result.chunks)
        .map_or_else(String::new, |[low, high]| format!(" [{}, {}]", number(low), number(high)));
    format!(
        "Perplexity on {}: {}{interval} over {} tokens in {} of {} tokens.",
        plain(&result.text),
        number(result.ppl),
        count(result.tokens),
        chunks(result.chunks),
        count(u64::from(result.context))
    )
}

fn chunks(n: u64) -> String {
    format!("{} {}", count(n), if n == 1 { "chunk" } else { "chunks" })
}

/// 95 % t interval of a perplexity over chunks, through the logarithm, since no perplexity is below 1; `None` where it does not exist.
pub(crate) fn perplexity_interval(ppl: f64, standard_error: f64, chunks: u64) -> Option<[f64; 2]> {
    if chunks < 2 || !(standard_error.is_finite() && standard_error > 0.0 && ppl > 0.0) {
        return None;
    }
    // Beyond this the quantile is the normal one to all digits shown, and only costs time.
    let degrees = usize::try_from(chunks - 1).ok()?.min(100_000);
    let half = dyno_stats::t_quantile(0.975, degrees) * standard_error / ppl;
    let ends = [-half, half].map(|distance| (ppl.ln() + distance).exp().max(1.0));
    ends.iter().all(|end| end.is_finite()).then_some(ends)
}

fn divergence(result: &DivergenceResult) -> String {
    let error = |standard_error: f64| {
        if standard_error > 0.0 {
            format!(" (standard error {})", number(standard_error))
        } else {
            String::new()
        }
    };
    let tail = result
        .kld_p999
        .map_or_else(String::new, |p999| format!(", {} at the 99.9th percentile", number(p999)));
    format!(
        "Against {} on {}: divergence {} nats per token{}{tail}; both like the same token best at {} of {} places.",
        plain(&result.reference),
        plain(&result.text),
        number(result.kld_mean),
        error(result.kld_standard_error),
        percent(result.top1_agree),
        count(result.tokens)
    )
}

/// How generated answers look, where that is a reason to worry.
fn looks(result: &SuiteResult) -> Option<String> {
    let seen = result.degeneration.as_ref()?;
    let mut parts = Vec::new();
    for (share, what) in [(seen.looping, "end in a loop"), (seen.cut_off, "are cut off at the token limit")] {
        if share >= DEGENERATE {
            parts.push(format!("{} {what}", percent(share)));
        }
    }
    let name = named(result);
    (!parts.is_empty()).then(|| format!("{name}: of the answers, {}.", parts.join(" and ")))
}

/// A result by its suite and strategy.
pub(crate) fn named(result: &SuiteResult) -> String {
    format!("{} ({})", plain(&result.suite.name), strategy(result))
}

/// What a reader must know before believing a score.
fn cautions(record: &EvalRecord) -> Vec<String> {
    let mut said = Vec::new();
    if !record.template.own && !record.template.name.is_empty() && record.template.name != "none" {
        said.push(format!(
            "The chat template {} is not the model's own; with its own, answers may differ.",
            plain(&record.template.name)
        ));
    }
    for result in &record.suites {
        let name = named(result);
        if let Some(first) = result.suite.refused.first() {
            let refused = result.suite.refused.len();
            let lines = if refused == 1 { "line" } else { "lines" };
            said.push(format!(
                "{name}: {refused} {lines} of the suite could not be used, the first because {}.",
                plain(first)
            ));
        }
        let reason = |unscored: &Unscored| {
            let group =
                if unscored.group == WHOLE { String::new() } else { format!(", {}", plain(&unscored.group)) };
            format!("{name}{group}: not scored, since {}.", plain(&unscored.reason))
        };
        let whole = result.unscored.iter().find(|unscored| unscored.group == WHOLE);
        // What holds for all need not be said of every part.
        match whole {
            Some(whole) => said.push(reason(whole)),
            None => said.extend(result.unscored.iter().map(reason)),
        }
        said.extend(result.judge.as_ref().map(|judge| match judge.sha256 == record.model_sha256 {
            true => format!(
                "{name}: open answers were rated by the model that wrote them, which may favour its own."
            ),
            false => {
                format!("{name}: open answers were rated by {}, a model like any other.", plain(&judge.model))
            }
        }));
        let Some(score) = result.scores.first() else { continue };
        if score.unparsed >= UNPARSED_MANY {
            said.push(format!(
                "{name}: in {} of the answers nothing readable as an answer was found; they count as wrong.",
                percent(score.unparsed)
            ));
        }
        if score.tied > 0 {
            said.push(format!(
                "{name}: {} left out because all choices were equally likely.",
                items(score.tied)
            ));
        }
        if score.failed > 0 {
            said.push(format!(
                "{name}: {} left out because they could not be asked or judged.",
                items(score.failed)
            ));
        }
    }
    said
}

/// Whether a score cannot be told from guessing; `None` where it is not known what guessing gives.
pub(crate) fn at_chance(score: &Score) -> Option<bool> {
    let chance = score.chance.filter(|chance| *chance > 0.0)?;
    Some(score.ci95?[0] <= chance)
}

/// Whether a score is nothing that could be lost: nothing right at all, or no more than guessing gives.
pub(crate) fn guesses(score: &Score) -> bool {
    score.value == 0.0 || at_chance(score) == Some(true)
}

/// The main score in words.
fn headline(result: &SuiteResult, score: &Score) -> String {
    let suite = plain(&result.suite.name);
    let interval = score_interval(score).map_or_else(String::new, |interval| format!(" {interval}"));
    let value = score_value(score);
    match score.metric.as_str() {
        "judge" => format!("rated {value} on {suite}{interval} by {}", judged_by(result)),
        "f1" => format!("F1 of {value} on {suite}{interval}"),
        _ => format!("right on {value} of {suite}{interval}"),
    }
}

fn judged_by(result: &SuiteResult) -> String {
    result.judge.as_ref().map_or_else(|| "a judge".to_owned(), |judge| plain(&judge.model))
}

/// What it comes to, in plain words; empty where nothing was scored.
pub(crate) fn conclusion(record: &EvalRecord) -> String {
    let mut parts = Vec::new();
    if let Some((result, score)) = record.main_score() {
        parts.push(headline(result, score));
    }
    parts.extend(best_strategies(record));
    // The strategy only where it tells results apart.
    let asked_once =
        |name: &str| record.suites.iter().filter(|result| result.suite.name == name).count() == 1;
    let name = |result: &SuiteResult| {
        if asked_once(&result.suite.name) { plain(&result.suite.name) } else { named(result) }
    };
    let guessing: Vec<String> = record
        .suites
        .iter()
        .filter(|result| result.main_score().and_then(at_chance) == Some(true))
        .map(name)
        .collect();
    if !guessing.is_empty() {
        parts.push(format!("not better than guessing on {}", guessing.join(", ")));
    }
    let hopeless: Vec<String> = record
        .suites
        .iter()
        .filter(|result| result.main_score().is_some_and(|score| score.value == 0.0))
        .map(name)
        .collect();
    if !hopeless.is_empty() {
        parts.push(format!("nothing right on {}", hopeless.join(", ")));
    }
    if parts.is_empty() { String::new() } else { format!("In short: {}.", parts.join("; ")) }
}

/// For each suite the strategy that gains most, where one visibly does.
fn best_strategies(record: &EvalRecord) -> Vec<String> {
    let whole =
        |one: &&PairedComparison| one.kind == "strategy" && one.group == WHOLE && one.difference > 0.0;
    let mut best: Vec<&PairedComparison> = Vec::new();
    for one in record.comparisons.iter().filter(whole).filter(|one| differs(one)) {
        match best.iter_mut().find(|known| known.suite == one.suite) {
            Some(known) if known.difference < one.difference => *known = one,
            Some(_) => {}
            None => best.push(one),
        }
    }
    let value = |suite: &str, strategy: &str| {
        let result =
            record.suites.iter().find(|result| result.suite.name == suite && result.strategy == strategy)?;
        result.main_score().map(score_value)
    };
    best.into_iter()
        .map(|one| {
            let from_to = value(&one.suite, &one.baseline).zip(value(&one.suite, &one.candidate));
            let from_to = from_to.map_or_else(
                || format!("by {} points", points(one.difference)),
                |(from, to)| format!("from {from} to {to}"),
            );
            format!("{} raises {} {from_to}", plain(&one.candidate), plain(&one.suite))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_judge_of_its_own_answers_is_named_as_such() {
        let judged = |sha256: &str| {
            let judge = dyno_types::JudgeUse { model: "j.gguf".to_owned(), sha256: sha256.to_owned() };
            let suites = vec![SuiteResult { judge: Some(judge), ..SuiteResult::default() }];
            cautions(&EvalRecord { model_sha256: "abc".to_owned(), suites, ..EvalRecord::default() })
                .join(" ")
        };
        assert!(judged("abc").contains("rated by the model that wrote them"), "{}", judged("abc"));
        assert!(judged("def").contains("rated by j.gguf, a model like any other"), "{}", judged("def"));
    }

    #[test]
    fn a_perplexity_has_an_interval_that_perplexities_can_be_in() {
        // Two chunks of 3.0 and 3.4 nats: 12.7 standard errors either way of their mean would end below zero.
        let ppl = 3.2_f64.exp();
        let [low, high] = perplexity_interval(ppl, 0.2 * ppl, 2).unwrap();
        assert!((low - (3.2_f64 - 12.706_205 * 0.2).exp()).abs() < 1e-4, "{low}");
        assert!((high - (3.2_f64 + 12.706_205 * 0.2).exp()).abs() < 1e-2, "{high}");
        let [low, _] = perplexity_interval(1.02, 0.01, 3).unwrap();
        assert!((low - 1.0).abs() < f64::EPSILON, "{low}");
        // Many chunks: about what 1.96 standard errors are.
        let [low, high] = perplexity_interval(20.0, 0.1, 5000).unwrap();
        assert!((low - 19.805).abs() < 0.002 && (high - 20.197).abs() < 0.002, "{low} {high}");
        assert_eq!(perplexity_interval(20.0, 0.0, 1), None);
    }
}
