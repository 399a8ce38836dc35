//! Every quantization against the original on the same items, and the rows that follow from the records.

use dyno_eval::{ALL_ITEMS, Contrast, adjust_together, compare};
use dyno_types::{EvalRecord, PairedComparison, QuantImpact, SuiteResult};

/// Kind of these comparisons in records.
const KIND: &str = "quantization";

/// Adds to every record but the first its comparisons with the first. All quantizations are corrected for together.
pub(crate) fn compare_with_first(records: &mut [EvalRecord]) {
    let Some((first, others)) = records.split_first_mut() else { return };
    let mut found: Vec<PairedComparison> = Vec::new();
    let mut owners: Vec<usize> = Vec::new();
    for (owner, record) in others.iter().enumerate() {
        let new = against(first, record);
        owners.extend(new.iter().map(|_| owner));
        found.extend(new);
    }
    adjust_together(&mut found);
    for (comparison, owner) in found.into_iter().zip(owners) {
        others[owner].comparisons.push(comparison);
    }
}

/// One record against the original, every suite in every manner.
fn against(original: &EvalRecord, record: &EvalRecord) -> Vec<PairedComparison> {
    let (baseline, candidate) = (&original.model.quantization, &record.model.quantization);
    let same = |one: &SuiteResult, other: &SuiteResult| {
        one.suite == other.suite && one.strategy == other.strategy && one.few_shot == other.few_shot
    };
    let mut found = Vec::new();
    for result in &record.suites {
        let Some(before) = original.suites.iter().find(|before| same(before, result)) else { continue };
        let contrast = Contrast { kind: KIND, suite: &result.suite.name, baseline, candidate };
        found.extend(compare(contrast, &before.items, &result.items));
    }
    found
}

/// Rows of the records; the first is the original.
pub(crate) fn rows(records: &[EvalRecord]) -> Vec<QuantImpact> {
    let row = |(index, record): (usize, &EvalRecord)| QuantImpact {
        original: index == 0,
        ..QuantImpact::of(record)
    };
    records.iter().enumerate().map(row).collect()
}

/// The comparisons over whole suites, as the records hold them.
pub(crate) fn of_whole_suites(records: &[EvalRecord]) -> Vec<PairedComparison> {
    let all = records.iter().flat_map(|record| &record.comparisons);
    all.filter(|one| one.kind == KIND && one.group == ALL_ITEMS).cloned().collect()
}
