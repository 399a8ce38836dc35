//! Lists of knob values → one engine setting per combination.

use std::collections::BTreeMap;

use dyno_types::{EngineSettings, KNOBS, Knob};

use crate::PlanError;
use crate::plan::check_settings;

/// Most points one sweep may have.
pub const SWEEP_POINTS_MAX: usize = 1024;

/// Knobs by how much an engine must do again when they change, costliest first: weights, context. Every other knob costs
/// less. Costly ones vary slowest, so neighbouring points share as much as possible.
const COSTLY_FIRST: [&str; 10] = [
    "gpu_layers",
    "mmap",
    "mlock",
    "context",
    "sequences",
    "kv_type_k",
    "kv_type_v",
    "flash_attention",
    "batch",
    "ubatch",
];

/// Every combination of the given values over `base`, each once, ordered so that costly knobs change seldom. Values
/// are texts as [`Knob::values`] gives them, by knob id; a knob without values keeps that of `base`.
///
/// # Errors
/// An unknown knob, a refused value, a contradiction between knobs, or more than [`SWEEP_POINTS_MAX`] points.
pub fn expand_sweep<K: AsRef<str> + Ord>(
    base: &EngineSettings,
    values: &BTreeMap<K, Vec<String>>,
) -> Result<Vec<EngineSettings>, PlanError> {
    let mut axes: Vec<(&Knob, &[String])> = Vec::new();
    for (name, values) in values {
        let name = name.as_ref();
        axes.push((Knob::find(name).ok_or_else(|| PlanError::UnknownKnob(name.to_owned()))?, values));
    }
    axes.retain(|(_, values)| !values.is_empty());
    axes.sort_by_key(|(knob, _)| rank(knob));
    let points = axes.iter().fold(1_usize, |points, (_, values)| points.saturating_mul(values.len()));
    if points > SWEEP_POINTS_MAX {
        return Err(PlanError::SweepTooLarge { points, max: SWEEP_POINTS_MAX });
    }
    let mut sweep = vec![base.clone()];
    for (knob, values) in axes {
        sweep = multiply(&sweep, knob, values)?;
    }
    let mut unique: Vec<EngineSettings> = Vec::with_capacity(sweep.len());
    for settings in sweep {
        check_settings(&settings)?;
        if !unique.contains(&settings) {
            unique.push(settings);
        }
    }
    Ok(unique)
}

/// Place in the order of costs; then the order of definition.
fn rank(knob: &Knob) -> (usize, usize) {
    let cost = COSTLY_FIRST.iter().position(|id| *id == knob.id).unwrap_or(COSTLY_FIRST.len());
    (cost, KNOBS.iter().position(|other| other.id == knob.id).unwrap_or(KNOBS.len()))
}

fn multiply(
    sweep: &[EngineSettings],
    knob: &Knob,
    values: &[String],
) -> Result<Vec<EngineSettings>, PlanError> {
    let mut product = Vec::with_capacity(sweep.len() * values.len());
    for settings in sweep {
        for value in values {
            let mut settings = settings.clone();
            knob.set(&mut settings, value)?;
            product.push(settings);
        }
    }
    Ok(product)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sweep(values: &[(&'static str, &[&str])]) -> Result<Vec<EngineSettings>, PlanError> {
        let values: BTreeMap<&str, Vec<String>> = values
            .iter()
            .map(|(knob, values)| (*knob, values.iter().map(ToString::to_string).collect()))
            .collect();
        expand_sweep(&EngineSettings::default(), &values)
    }

    #[test]
    fn nothing_given_is_one_point() {
        assert_eq!(sweep(&[]), Ok(vec![EngineSettings::default()]));
        assert_eq!(sweep(&[("threads", &[])]), Ok(vec![EngineSettings::default()]));
    }

    #[test]
    fn costly_knobs_change_seldom() {
        let points =
            sweep(&[("threads", &["1", "2"]), ("mmap", &["on", "off"]), ("kv_type_k", &["f16", "q8_0"])])
                .unwrap();
        let shown: Vec<(bool, &str, u32)> =
            points.iter().map(|point| (point.mmap, point.kv_type_k.name(), point.threads)).collect();
        let expected = [
            (true, "f16", 1),
            (true, "f16", 2),
            (true, "q8_0", 1),
            (true, "q8_0", 2),
            (false, "f16", 1),
            (false, "f16", 2),
            (false, "q8_0", 1),
            (false, "q8_0", 2),
        ];
        assert_eq!(shown, expected);
    }

    #[test]
    fn every_costly_knob_exists() {
        for id in COSTLY_FIRST {
            assert!(Knob::find(id).is_some_and(|knob| knob.id == id), "{id}");
        }
    }

    #[test]
    fn equal_points_are_kept_once() {
        assert_eq!(sweep(&[("threads", &["2", "4", "2"])]).unwrap().len(), 2);
    }

    #[test]
    fn what_cannot_be_run_is_refused_before_the_first_point() {
        type Given<'a> = &'a [(&'static str, &'a [&'a str])];
        let cases: &[(Given<'_>, &str)] = &[
            (&[("thread", &["1"])], "no engine knob \"thread\""),
            (&[("threads", &["many"])], "threads \"many\""),
            (
                &[("batch", &["2048", "128"])],
                "a physical batch of 512 tokens is larger than the batch of 128",
            ),
        ];
        for (values, expected) in cases {
            let error = sweep(values).expect_err(expected).to_string();
            assert!(error.contains(expected), "{error}");
        }
        let many: Vec<String> = (1..=1000).map(|n: u32| n.to_string()).collect();
        let values = BTreeMap::from([("threads", many.clone()), ("threads_prefill", many)]);
        let error = expand_sweep(&EngineSettings::default(), &values).unwrap_err();
        assert_eq!(error, PlanError::SweepTooLarge { points: 1_000_000, max: SWEEP_POINTS_MAX });
    }
}
