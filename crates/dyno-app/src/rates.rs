//! How fast the engine works here: timed once on small synthetic models, kept until machine or engine change.

use std::path::{Path, PathBuf};

use dyno_advise::{RATE_MODELS, RATE_PROMPT_TOKENS, rate_depths, solve_rates};
use dyno_bench::{CalibrationModel, Calibrator, TIMING_PASSES};
use dyno_engine::Engine;
use dyno_types::{EngineRates, Event, EventSink, HardwareProfile, RateTiming};
use serde::{Deserialize, Serialize};

use crate::abilities::unix_ms;
use crate::loss_clock::LossClock;
use crate::predictions::{disagreement_sentence, learned};
use crate::watched::WatchedEngine;
use crate::{AppError, Work, kept};

/// Schema of the kept file.
const SCHEMA: &str = "dyno.rates/2";
/// Calibrations whose timings the rates are solved from: the newest. A machine has faster and slower hours, and one calibration sees one.
const CALIBRATIONS_MAX: usize = 5;
/// Folder in the model cache for the models that are timed; gone afterwards.
const FOLDER: &str = "calibration";

/// What is kept: the rates, and the timings that the next calibration adds to.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct KeptRates {
    rates: EngineRates,
    /// Timings of each calibration, the oldest first.
    calibrations: Vec<Vec<RateTiming>>,
}

impl Work {
    /// Rates of the engine on this machine, as kept; nothing when they were never measured, or for another engine or machine.
    ///
    /// # Errors
    /// Why what is kept cannot be used.
    pub(crate) fn kept_rates(&self, machine: &HardwareProfile) -> Result<Option<EngineRates>, String> {
        Ok(self.kept_calibrations(machine)?.map(|kept| kept.rates))
    }

    fn kept_calibrations(&self, machine: &HardwareProfile) -> Result<Option<KeptRates>, String> {
        let Some(file) = self.rates_file(machine) else { return Ok(None) };
        let Some(kept) = kept::read::<KeptRates>(&file, SCHEMA)? else { return Ok(None) };
        let engine = self.engine_identity().map_err(|error| error.to_string())?;
        let suits = kept.rates.engine == engine && kept.rates.threads == threads(machine);
        Ok(Some(kept).filter(|kept| suits && is_plausible(&kept.rates)))
    }

    /// Rates of the engine on this machine: as kept, or measured in two to four minutes on the first call, after `refresh`, and when the
    /// runs since the last time agree against them. Timings made before count as well.
    ///
    /// # Errors
    /// [`AppError::Cancelled`], [`AppError::Engine`] without an engine, [`AppError::Model`] when the models to time cannot be made,
    /// [`AppError::Rates`] when the timings make no sense. Rates that cannot be kept are a warning.
    pub async fn rates(&self, refresh: bool) -> Result<EngineRates, AppError> {
        let machine = dyno_hardware::profile();
        let kept = self.kept_calibrations(&machine).unwrap_or_else(|reason| {
            self.job.emit(Event::Note(format!("kept rates of the engine are not used: {reason}")));
            None
        });
        if let Some(kept) = &kept
            && !refresh
        {
            let Some(disagreement) = learned(&kept.rates, &self.ledger(&machine)).disagreement() else {
                return Ok(kept.rates.clone());
            };
            self.job.emit(Event::Note(disagreement_sentence(&disagreement)));
        }
        let folder = self.cache_dir()?.join(FOLDER);
        let earlier = kept.map(|kept| kept.calibrations).unwrap_or_default();
        let measured = self.measure_rates(&machine, earlier, &folder).await;
        // Files that can be made again are not worth gigabytes.
        if let Err(error) = std::fs::remove_dir_all(&folder)
            && folder.exists()
        {
            self.job.emit(Event::Warning(format!("{} could not be removed: {error}", folder.display())));
        }
        let measured = measured?;
        if let Some(file) = self.rates_file(&machine)
            && let Err(error) = kept::write(&file, SCHEMA, &measured)
        {
            self.job.emit(Event::Warning(format!("the rates of the engine are not kept: {error}")));
        }
        Ok(measured.rates)
    }

    async fn measure_rates(
        &self,
        machine: &HardwareProfile,
        earlier: Vec<Vec<RateTiming>>,
        folder: &Path,
    ) -> Result<KeptRates, AppError> {
        let engine = self.engine()?;
        let again = if earlier.is_empty() { "once" } else { "again" };
        let phase = format!("measuring the engine on this machine, {again}");
        let steps = RATE_MODELS.len() * (1 + TIMING_PASSES);
        self.job.emit(Event::PhaseStarted { phase, total: steps as u64 });
        let timed = self.time_rate_models(&*engine, threads(machine), folder).await;
        self.job.emit(Event::PhaseEnded);
        let calibrations = with_newest(earlier, timed?);
        let solved = solve_rates(&calibrations.concat(), threads(machine));
        let rates = EngineRates {
            machine: dyno_hardware::fingerprint(machine),
            engine: self.engine_identity()?,
            measured_unix_ms: unix_ms(),
            calibrations: calibrations.len() as u32,
            ..solved.filter(is_plausible).ok_or(AppError::Rates)?
        };
        Ok(KeptRates { rates, calibrations })
    }

    /// Makes the models and times them; the caller removes the folder.
    async fn time_rate_models(
        &self,
        engine: &dyn Engine,
        threads: u32,
        folder: &Path,
    ) -> Result<Vec<RateTiming>, AppError> {
        let advance = |done: usize, detail: &str| {
            self.job.emit(Event::PhaseAdvanced { done: done as u64, detail: detail.to_owned() });
        };
        let (mut models, mut identities) = (Vec::new(), Vec::new());
        for (index, spec) in RATE_MODELS.iter().enumerate() {
            advance(index, "making small models");
            let reference = format!("synth:{spec}");
            let cancel = &self.job.cancel;
            let file = dyno_models::resolve(&reference, folder, &mut |_, _| !cancel.is_cancelled())?;
            let (facts, identity) = dyno_models::read_identified(&file, &reference)?;
            identities.push(identity);
            models.push(CalibrationModel { file, facts, depths: rate_depths(index) });
        }
        let clock = LossClock::start();
        let calibrator = Calibrator {
            engine: &WatchedEngine::new(engine, identities),
            meter: clock.meter(threads),
            threads,
            prompt_tokens: RATE_PROMPT_TOKENS,
            job: &self.job,
        };
        let timed = |done: usize| advance(RATE_MODELS.len() + done, "timing them");
        let calibration = calibrator.time(&models, &timed).await?.ok_or(AppError::Cancelled)?;
        if calibration.disturbed > 0 {
            self.job.emit(Event::Warning(format!(
                "other programs disturbed {} of {} timings of the engine, also when they were repeated; its rates may be too low",
                calibration.disturbed,
                calibration.timings.len()
            )));
        }
        Ok(calibration.timings)
    }

    fn rates_file(&self, machine: &HardwareProfile) -> Option<PathBuf> {
        self.app.places.beside_history(format!("rates-{}.json", dyno_hardware::fingerprint(machine)))
    }
}

/// The newest calibrations, this one included.
fn with_newest(mut calibrations: Vec<Vec<RateTiming>>, newest: Vec<RateTiming>) -> Vec<Vec<RateTiming>> {
    calibrations.push(newest);
    let over = calibrations.len().saturating_sub(CALIBRATIONS_MAX);
    calibrations.split_off(over)
}

/// Threads that rates are measured with: every usable processor.
fn threads(machine: &HardwareProfile) -> u32 {
    machine.cores_usable.max(1)
}

/// Whether the figures could come from a measurement.
fn is_plausible(rates: &EngineRates) -> bool {
    let positive = |value: f64| value.is_finite() && value > 0.0;
    let fixed = |value: f64| value.is_finite() && value >= 0.0;
    let weights =
        rates.weights.iter().all(|rate| positive(rate.prefill_flops) && positive(rate.decode_bytes_per_s));
    let attention =
        rates.attention.iter().all(|rate| positive(rate.prefill_flops) && positive(rate.decode_flops));
    !rates.weights.is_empty() && weights && attention && fixed(rates.op_s) && fixed(rates.element_s)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_calibrations_are_kept() {
        let timing = |depth: u32| RateTiming {
            facts: dyno_types::ModelFacts::default(),
            kv_type: dyno_types::KvType::F16,
            depth,
            prefill_tokens: 256,
            prefill_s: 1.0,
            decode_s: 1.0,
        };
        let kept = (0..8).fold(Vec::new(), |kept, depth| with_newest(kept, vec![timing(depth)]));
        let depths: Vec<u32> = kept.iter().flatten().map(|timing| timing.depth).collect();
        assert_eq!(depths, [3, 4, 5, 6, 7]);
    }

    #[test]
    fn as_many_calibrations_as_are_kept_can_be_read_again() {
        let timings = |facts: dyno_types::ModelFacts, index: usize| {
            rate_depths(index).into_iter().map(move |(depth, kv_type)| RateTiming {
                facts: facts.clone(),
                kv_type,
                depth,
                prefill_tokens: RATE_PROMPT_TOKENS,
                prefill_s: 1.0 / 3.0,
                decode_s: 1.0 / 7.0,
            })
        };
        let calibration: Vec<RateTiming> = RATE_MODELS
            .iter()
            .enumerate()
            .flat_map(|(index, spec)| timings(dyno_models::SynthSpec::parse(spec, 0).unwrap().facts(), index))
            .collect();
        let rates = solve_rates(&calibration, 2).unwrap();
        let full = KeptRates { rates, calibrations: vec![calibration; CALIBRATIONS_MAX] };
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("rates.json");
        kept::write(&file, SCHEMA, &full).unwrap();
        let again: KeptRates = kept::read(&file, SCHEMA).unwrap().unwrap();
        assert_eq!(again.calibrations, full.calibrations);
    }
}
