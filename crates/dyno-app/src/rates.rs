//! How fast the engine works here: timed once on small synthetic models, kept until machine or engine change.

use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use dyno_advise::{RATE_MODELS, RATE_PROMPT_TOKENS, rate_depths, solve_rates};
use dyno_bench::{CalibrationModel, TIMING_PASSES, time_models};
use dyno_engine::{Engine, find_engine};
use dyno_types::{EngineRates, Event, EventSink, HardwareProfile, RateTiming};

use crate::abilities::unix_ms;
use crate::app::ENGINE;
use crate::watched::WatchedEngine;
use crate::{App, AppError, kept};

/// Schema of the kept file.
const SCHEMA: &str = "dyno.rates/1";
/// Folder in the model cache for the models that are timed; gone afterwards.
const FOLDER: &str = "calibration";

impl App {
    /// Rates of the engine on this machine, as kept; nothing when they were never measured, or for another engine or machine.
    ///
    /// # Errors
    /// Why what is kept cannot be used.
    pub(crate) fn kept_rates(&self, machine: &HardwareProfile) -> Result<Option<EngineRates>, String> {
        let Some(file) = self.rates_file(machine) else { return Ok(None) };
        let Some(kept) = kept::read::<EngineRates>(&file, SCHEMA)? else { return Ok(None) };
        let engine = self.engine_identity().map_err(|error| error.to_string())?;
        let suits = kept.engine == engine && kept.threads == threads(machine);
        Ok(Some(kept).filter(|kept| suits && is_plausible(kept)))
    }

    /// Rates of the engine on this machine: as kept, or measured in one to two minutes on the first call and after `refresh`.
    ///
    /// # Errors
    /// [`AppError::Cancelled`], [`AppError::Engine`] without an engine, [`AppError::Model`] when the models to time cannot be made,
    /// [`AppError::Rates`] when the timings make no sense. Rates that cannot be kept are a warning.
    pub async fn rates(&self, events: &dyn EventSink, refresh: bool) -> Result<EngineRates, AppError> {
        let machine = dyno_hardware::profile();
        match self.kept_rates(&machine) {
            Ok(Some(kept)) if !refresh => return Ok(kept),
            Ok(_) => {}
            Err(reason) => {
                events.emit(Event::Note(format!("kept rates of the engine are not used: {reason}")))
            }
        }
        let folder = self.cache_dir()?.join(FOLDER);
        let measured = self.measure_rates(&machine, &folder, events).await;
        // Files that can be made again are not worth a gigabyte.
        if let Err(error) = std::fs::remove_dir_all(&folder)
            && folder.exists()
        {
            events.emit(Event::Warning(format!("{} could not be removed: {error}", folder.display())));
        }
        let rates = measured?;
        if let Some(file) = self.rates_file(&machine)
            && let Err(error) = kept::write(&file, SCHEMA, &rates)
        {
            events.emit(Event::Warning(format!("the rates of the engine are not kept: {error}")));
        }
        Ok(rates)
    }

    async fn measure_rates(
        &self,
        machine: &HardwareProfile,
        folder: &Path,
        events: &dyn EventSink,
    ) -> Result<EngineRates, AppError> {
        let engine = self.engine()?;
        let phase = "measuring the engine on this machine, once".to_owned();
        let steps = RATE_MODELS.len() * (1 + TIMING_PASSES);
        events.emit(Event::PhaseStarted { phase, total: steps as u64 });
        let timed = self.time_rate_models(&engine, threads(machine), folder, events).await;
        events.emit(Event::PhaseEnded);
        let solved = solve_rates(&timed?, threads(machine));
        let rates = solved.filter(is_plausible).ok_or(AppError::Rates)?;
        Ok(EngineRates {
            machine: dyno_hardware::fingerprint(machine),
            engine: self.engine_identity()?,
            measured_unix_ms: unix_ms(),
            ..rates
        })
    }

    /// Makes the models and times them; the caller removes the folder.
    async fn time_rate_models(
        &self,
        engine: &dyn Engine,
        threads: u32,
        folder: &Path,
        events: &dyn EventSink,
    ) -> Result<Vec<RateTiming>, AppError> {
        let advance = |done: usize, detail: &str| {
            events.emit(Event::PhaseAdvanced { done: done as u64, detail: detail.to_owned() });
        };
        let (mut models, mut identities) = (Vec::new(), Vec::new());
        for (index, spec) in RATE_MODELS.iter().enumerate() {
            advance(index, "making small models");
            let reference = format!("synth:{spec}");
            let cancel = &self.cancel;
            let file = dyno_models::resolve(&reference, folder, &mut |_, _| !cancel.is_cancelled())?;
            let (facts, identity) = dyno_models::read_identified(&file, &reference)?;
            identities.push(identity);
            models.push(CalibrationModel { file, facts, depths: rate_depths(index) });
        }
        let timed = |done: usize| advance(RATE_MODELS.len() + done, "timing them");
        let sizes = (threads, RATE_PROMPT_TOKENS);
        let engine = WatchedEngine::new(engine, identities);
        let timings = time_models(&engine, &models, sizes, &self.cancel, &timed).await?;
        timings.ok_or(AppError::Cancelled)
    }

    fn rates_file(&self, machine: &HardwareProfile) -> Option<PathBuf> {
        self.places.beside_history(format!("rates-{}.json", dyno_hardware::fingerprint(machine)))
    }

    /// Size and age of the executable: another build may work at another speed.
    fn engine_identity(&self) -> Result<String, AppError> {
        let file = find_engine(ENGINE, self.places.engine_dir.as_deref(), self.places.beside.as_deref())?;
        let about = std::fs::metadata(&file).ok();
        let bytes = about.as_ref().map_or(0, std::fs::Metadata::len);
        let modified_s = about
            .and_then(|about| about.modified().ok())
            .and_then(|time| time.duration_since(UNIX_EPOCH).ok())
            .map_or(0, |since| since.as_secs());
        Ok(format!("{ENGINE} of {bytes} bytes, built at {modified_s}"))
    }
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
    !rates.weights.is_empty() && weights && attention && fixed(rates.layer_s) && fixed(rates.element_s)
}
