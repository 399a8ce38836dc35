//! `history` and `report`: runs measured before.

use std::path::Path;

use dyno_report::HistoryRow;
use dyno_store::{Filter, History};
use dyno_types::{RUN_SCHEMA, RunRecord};

use crate::{App, AppError};

/// Largest record file read, bytes.
const RECORD_BYTES_MAX: u64 = 256 << 20;

impl App {
    pub(crate) fn open_history(&self) -> Result<History, AppError> {
        Ok(History::open(&self.places.history_file)?)
    }

    /// Runs, newest first.
    ///
    /// # Errors
    /// [`AppError::History`].
    pub fn history(
        &self,
        model: Option<&str>,
        only_valid: bool,
        limit: u32,
    ) -> Result<Vec<HistoryRow>, AppError> {
        let filter = Filter { model: model.map(ToOwned::to_owned), only_valid, limit, ..Filter::default() };
        let headlines = self.open_history()?.list(&filter)?;
        Ok(headlines.into_iter().map(row).collect())
    }

    /// Removes one run by id or unique beginning of it; returns its id.
    ///
    /// # Errors
    /// [`AppError::Input`] when there is no such run, [`AppError::History`].
    pub fn remove_run(&self, id: &str) -> Result<String, AppError> {
        let history = self.open_history()?;
        let record = kept(&history, id)?;
        history.remove(&record.id)?;
        Ok(record.id)
    }

    /// The named runs (ids, unique beginnings, or record files), or the latest.
    ///
    /// # Errors
    /// [`AppError::Input`] when one does not exist or nothing was measured yet.
    pub fn runs(&self, names: &[String]) -> Result<Vec<RunRecord>, AppError> {
        if names.is_empty() {
            let latest = self.open_history()?.latest(1)?;
            if latest.is_empty() {
                return Err(AppError::NothingMeasured);
            }
            return Ok(latest);
        }
        // Record files alone need no history, which may be absent or broken.
        let is_file = |name: &str| Path::new(name).extension().is_some_and(|extension| extension == "json");
        let history = if names.iter().all(|name| is_file(name)) { None } else { Some(self.open_history()?) };
        let run = |name: &String| match &history {
            Some(history) if !is_file(name) => kept(history, name),
            _ => read_record(Path::new(name)),
        };
        names.iter().map(run).collect()
    }
}

/// A run of the history, by id or unique beginning of it.
fn kept(history: &History, name: &str) -> Result<RunRecord, AppError> {
    history
        .get(name)?
        .ok_or_else(|| AppError::Input(format!("there is no run {name:?}; `dyno history` lists them")))
}

fn read_record(file: &Path) -> Result<RunRecord, AppError> {
    let fail =
        |reason: String| AppError::Input(format!("{} is no record dyno can read: {reason}", file.display()));
    let size = std::fs::metadata(file).map_err(|error| fail(error.to_string()))?.len();
    if size > RECORD_BYTES_MAX {
        return Err(fail("it is larger than 256 MiB".to_owned()));
    }
    let text = std::fs::read_to_string(file).map_err(|error| fail(error.to_string()))?;
    let record: RunRecord = serde_json::from_str(&text).map_err(|error| fail(error.to_string()))?;
    if record.schema != RUN_SCHEMA {
        return Err(fail(format!("its schema is {:?}, this dyno reads {RUN_SCHEMA:?}", record.schema)));
    }
    Ok(record)
}

/// A reference without the folders of a path: short enough for a list, and still what the user knows the model by.
fn short(reference: &str) -> &str {
    reference.rsplit(['/', '\\']).find(|part| !part.is_empty()).unwrap_or(reference)
}

fn row(headline: dyno_store::Headline) -> HistoryRow {
    HistoryRow {
        id: headline.id,
        started_unix_ms: headline.started_unix_ms,
        model: short(&headline.reference).to_owned(),
        quantization: headline.quantization,
        decode_tps: headline.decode_tps,
        prefill_tps: headline.prefill_tps,
        ttft_ms: headline.ttft_ms,
        rss_peak_bytes: headline.rss_peak_bytes,
        valid: headline.valid,
    }
}

#[cfg(test)]
mod tests {
    use super::short;

    #[test]
    fn references_lose_their_folders_and_nothing_else() {
        assert_eq!(short("../models/a b.gguf"), "a b.gguf");
        assert_eq!(short("C:\\models\\x.gguf"), "x.gguf");
        assert_eq!(short("synth:llama-3.2-1b@q4_k_m"), "synth:llama-3.2-1b@q4_k_m");
        assert_eq!(short("models/"), "models");
        assert_eq!(short("/"), "/");
    }
}
