//! What predictions on this machine are made from, and how good they were.

use dyno_types::{EngineRates, HardwareProfile, Remedy};

use super::Check;
use crate::predictions::track_record;
use crate::{AppError, Work};

const RATES: &str = "engine rates";

/// Rates of the engine, as kept or just measured, and the errors of earlier predictions.
pub(super) fn checks(
    work: &Work,
    machine: &HardwareProfile,
    measured: Result<Option<EngineRates>, AppError>,
) -> Vec<Check> {
    let rates = match measured {
        Ok(Some(rates)) => Check::ok(RATES, sentence(&rates)),
        Ok(None) => Check {
            remedy: Some(
                "measure it, in two to four minutes; speed can be predicted from then on".to_owned(),
            ),
            ..Check::ok(RATES, "not measured yet").with_step(Remedy::MeasureEngine)
        },
        Err(error) => Check::warning(RATES, format!("not measured: {error}"), "measure again")
            .with_step(Remedy::MeasureEngine),
    };
    let record = track_record(&work.ledger(machine));
    let record = (!record.is_empty()).then(|| Check::ok("predictions", record.join(" ")));
    [rates].into_iter().chain(record).collect()
}

fn sentence(rates: &EngineRates) -> String {
    let kinds = rates.weights.iter().map(|rate| {
        let (prefill, decode) = (rate.prefill_flops / 1e9, rate.decode_bytes_per_s / 1e9);
        format!("{} {prefill:.0} / {decode:.1}", rate.kind)
    });
    format!(
        "prefill GFLOP/s / decode GB/s with {} threads: {}",
        rates.threads,
        kinds.collect::<Vec<_>>().join(", ")
    )
}
