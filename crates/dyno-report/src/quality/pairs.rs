//! Comparisons over the same items as a table.

use dyno_types::{INTERVAL_ITEMS_MIN, PairedComparison};

use super::scores::TextTable;
use super::sentences::differs;
use crate::figure::{MISSING, count, percent_interval, points};
use crate::text::plain;

/// Comparisons over the same items, a row each.
pub(crate) fn pairs(comparisons: &[&PairedComparison]) -> TextTable {
    let header =
        ["suite", "group", "compared", "items", "gained", "lost", "points", "95 % interval", "p", "verdict"];
    let row = |one: &&PairedComparison| {
        let too_few = one.n < INTERVAL_ITEMS_MIN;
        let verdict = match (differs(one), one.difference > 0.0) {
            _ if too_few => "too few items",
            (false, _) => "no difference visible",
            (true, true) => "better",
            (true, false) => "worse",
        };
        let p = if one.p_adjusted < 0.001 { "< 0.001".to_owned() } else { format!("{:.3}", one.p_adjusted) };
        vec![
            plain(&one.suite),
            plain(&one.group),
            format!("{} against {}", plain(&one.candidate), plain(&one.baseline)),
            count(one.n),
            count(one.gained),
            count(one.lost),
            points(one.difference),
            if too_few { MISSING.to_owned() } else { percent_interval(one.ci95) },
            if one.p_adjusted.is_finite() { p } else { MISSING.to_owned() },
            verdict.to_owned(),
        ]
    };
    TextTable::of(&header, 3, comparisons.iter().map(row).collect())
}
