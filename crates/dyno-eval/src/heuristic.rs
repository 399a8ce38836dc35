//! Form checks: how an answer looks, not whether it is right. The seed documents took them for scores; they are kept so that
//! their reports can be reproduced, named after where they come from, and are never scores here.

use crate::{Demand, Item};

/// One of the seeds' formulas; each gives 0 to 1. Words are what white space separates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Heuristic {
    /// Profiler of seed 000: 0.5; +0.2 when the words lie in the asked range, −0.2 under half of its lower end, −0.1 over
    /// twice its upper end; +0.1 for code (`def `, `class `, `import `, `from `); +0.1 for explanation, example, because,
    /// therefore; −0.1 for over 500 words on a simple task, −0.2 for under 200 on a complex one; +0.1 when there is a
    /// period. Within 0 to 1. Seed 000 states one length per case; its range here is half to twice that.
    Seed000,
    /// Suite of seed 001: 0 under 5 characters; 0.5; +0.2 for a fitting length (reasoning 10–100 words, creativity from
    /// 20, knowledge 3–50); +0.1 for because, therefore, so, thus (reasoning); +0.2 for `def `, function, return, `for `,
    /// `if ` (code); +0.1 for an ending in . ! ? " or '; +0.1 when over 70 % of the words differ. At most 1.
    Seed001Suite,
    /// Optimizer of seed 001: 0 under 3 characters; 0.5; +0.2 for a fitting length (reasoning 20–150 words, creativity from
    /// 30, knowledge 5–80), or +0.3 for `def `, function, `class `, `import ` (code); +0.2 for a word of reasoning; +0.1
    /// when over 70 % of the words differ; +0.1 for an ending as above, or `:`. At most 1.
    Seed001Optimizer,
}

impl Heuristic {
    /// Every formula with its name in suite files and records.
    pub const ALL: [(&'static str, Self); 3] = [
        ("seed000_profiler", Self::Seed000),
        ("seed001_suite", Self::Seed001Suite),
        ("seed001_optimizer", Self::Seed001Optimizer),
    ];

    /// The name in suite files and records.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, heuristic)| *heuristic == self).map_or("seed001_suite", |(name, _)| name)
    }

    /// Grade of an answer to an item, 0 to 1. The item's category decides which lengths and words count.
    #[must_use]
    pub fn grade(self, item: &Item, answer: &str) -> f64 {
        let category = item.category.as_deref().unwrap_or(&item.task);
        match self {
            Self::Seed000 => profiler(item, answer),
            Self::Seed001Suite => suite(category, answer),
            Self::Seed001Optimizer => optimizer(category, answer),
        }
    }
}

/// Points as hundredths, so that sums of tenths stay exact.
fn as_grade(points: i32) -> f64 {
    f64::from(points.clamp(0, 100)) / 100.0
}

fn has_any(text: &str, words: &[&str]) -> bool {
    words.iter().any(|word| text.contains(word))
}

fn word_count(text: &str) -> usize {
    text.split_whitespace().count()
}

fn is_varied(text: &str) -> bool {
    let lower = text.to_lowercase();
    let words: Vec<&str> = lower.split_whitespace().collect();
    let different: std::collections::HashSet<&str> = words.iter().copied().collect();
    !words.is_empty() && different.len() * 10 > words.len() * 7
}

fn profiler(item: &Item, answer: &str) -> f64 {
    let words = word_count(answer);
    let lower = answer.to_lowercase();
    let mut points = 50;
    if let Some([fewest, most]) = item.words {
        let (fewest, most) = (fewest as usize, most as usize);
        if (fewest..=most).contains(&words) {
            points += 20;
        } else if 2 * words < fewest {
            points -= 20;
        } else if words > 2 * most {
            points -= 10;
        }
    }
    if has_any(&lower, &["def ", "class ", "import ", "from "]) {
        points += 10;
    }
    if has_any(&lower, &["explanation", "example", "because", "therefore"]) {
        points += 10;
    }
    match item.demand {
        Some(Demand::Low) if words > 500 => points -= 10,
        Some(Demand::High) if words < 200 => points -= 20,
        _ => {}
    }
    if answer.contains('.') {
        points += 10;
    }
    as_grade(points)
}

fn suite(category: &str, answer: &str) -> f64 {
    if answer.trim().chars().count() < 5 {
        return 0.0;
    }
    let words = word_count(answer);
    let mut points = 50;
    points += match category {
        "reasoning" if (10..=100).contains(&words) => 20,
        "creativity" if words >= 20 => 20,
        "knowledge" if (3..=50).contains(&words) => 20,
        _ => 0,
    };
    if category == "reasoning" && has_any(&answer.to_lowercase(), &["because", "therefore", "so", "thus"]) {
        points += 10;
    }
    if category == "code" && has_any(answer, &["def ", "function", "return", "for ", "if "]) {
        points += 20;
    }
    if answer.trim().ends_with(['.', '!', '?', '"', '\'']) {
        points += 10;
    }
    if is_varied(answer) {
        points += 10;
    }
    as_grade(points)
}

fn optimizer(category: &str, answer: &str) -> f64 {
    const REASONING: [&str; 8] =
        ["because", "therefore", "since", "thus", "consequently", "first", "then", "finally"];
    if answer.trim().chars().count() < 3 {
        return 0.0;
    }
    let words = word_count(answer);
    let mut points = 50;
    points += match category {
        "reasoning" if (20..=150).contains(&words) => 20,
        "creativity" if words >= 30 => 20,
        "knowledge" if (5..=80).contains(&words) => 20,
        "code" if has_any(answer, &["def ", "function", "class ", "import "]) => 30,
        _ => 0,
    };
    if category == "reasoning" && has_any(&answer.to_lowercase(), &REASONING) {
        points += 20;
    }
    if is_varied(answer) {
        points += 10;
    }
    if answer.trim().ends_with(['.', '!', '?', '"', '\'', ':']) {
        points += 10;
    }
    as_grade(points)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ItemKind;

    fn item(category: &str) -> Item {
        let mut item = Item::new("1", "t", ItemKind::Heuristic, "q");
        item.category = Some(category.to_owned());
        item
    }

    fn words(count: usize, same: bool) -> String {
        (0..count)
            .map(|i| if same { "wort".to_owned() } else { format!("w{i}") })
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn the_suite_of_seed_001_by_hand() {
        let grade = |category, answer: &str| Heuristic::Seed001Suite.grade(&item(category), answer);
        // Under 5 characters after trimming.
        assert_eq!(grade("reasoning", " 32. "), 0.0);
        // 50 + 10 (ending) + 10 (2 of 2 words differ); 2 words are under 10.
        assert_eq!(grade("reasoning", "It's 1096."), 0.7);
        // 50 + 20 (10 words) + 10 (so) + 10 (ending) + 10 (varied).
        assert_eq!(grade("reasoning", "47 times 23 is 1081 so the result is 1096."), 1.0);
        // 50 + 20 (4 words) + 10 + 10.
        assert_eq!(grade("knowledge", "It is Canberra indeed."), 0.9);
        // 50 + 20 (code word) + 10 varied; no ending.
        assert_eq!(grade("code", "def largest(values): return max(values)"), 0.8);
        // 50 + 20 (20 words), all the same, no ending.
        assert_eq!(grade("creativity", &words(20, true)), 0.7);
        // Language has no length of its own: 50 + 10 + 10.
        assert_eq!(grade("language", "The past tense is ran."), 0.7);
        // Exactly 70 % different words is not over 70 %: 10 words, 7 different.
        assert_eq!(grade("language", "a b c d e f g g g g"), 0.5);
    }

    #[test]
    fn the_optimizer_of_seed_001_by_hand() {
        let grade = |category, answer: &str| Heuristic::Seed001Optimizer.grade(&item(category), answer);
        assert_eq!(grade("knowledge", "no"), 0.0);
        // 50 + 20 (20 words) + 20 (first) + 10 (varied) + 10 (ending) = 110, at most 100.
        assert_eq!(grade("reasoning", &format!("first {}.", words(19, false))), 1.0);
        // 50 + 10 (varied) + 10 (ends in a colon); 3 words are under 5.
        assert_eq!(grade("knowledge", "These are they:"), 0.7);
        // 50 + 30 + 10 varied.
        assert_eq!(grade("code", "import math"), 0.9);
        // "since" counts as substring, as in the original.
        assert_eq!(grade("reasoning", "sincerely yours"), 0.8);
        assert_eq!(grade("creativity", &words(29, true)), 0.5);
        assert_eq!(grade("creativity", &words(30, true)), 0.7);
    }

    #[test]
    fn the_profiler_of_seed_000_by_hand() {
        let mut case = item("coding");
        case.words = Some([25, 100]);
        case.demand = Some(Demand::Low);
        let grade = |case: &Item, answer: &str| Heuristic::Seed000.grade(case, answer);
        // 50 + 20 (25 words).
        assert_eq!(grade(&case, &words(25, false)), 0.7);
        // 12 words are under half of 25: 50 − 20. 13 words are not.
        assert_eq!(grade(&case, &words(12, false)), 0.3);
        assert_eq!(grade(&case, &words(13, false)), 0.5);
        // 201 words are over twice 100: 50 − 10; 501 words on a simple task: another − 10.
        assert_eq!(grade(&case, &words(201, false)), 0.4);
        assert_eq!(grade(&case, &words(501, false)), 0.3);
        // 3 words: 50 − 20 + 10 (code) + 10 (because) + 10 (period).
        assert_eq!(grade(&case, "Def x because."), 0.6);
        case.demand = Some(Demand::High);
        case.words = Some([250, 1000]);
        // 199 words on a complex task: 50 − 20; they are not under half of 250.
        assert_eq!(grade(&case, &words(199, false)), 0.3);
        assert_eq!(grade(&case, &words(250, false)), 0.7);
        assert_eq!(grade(&case, ""), 0.1);
    }

    proptest! {
        #[test]
        fn grades_stay_in_their_range(text in "\\PC{0,300}", category in "reasoning|knowledge|code|creativity|other") {
            for (_, heuristic) in Heuristic::ALL {
                let grade = heuristic.grade(&item(&category), &text);
                prop_assert!((0.0..=1.0).contains(&grade));
            }
        }
    }
}
