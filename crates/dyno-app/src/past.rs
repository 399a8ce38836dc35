//! `history` and `report`: runs and evaluations of before.

use std::path::Path;

use dyno_bench::recomputed;
use dyno_eval::of_today;
use dyno_report::{EvalRow, Format, HistoryRow};
use dyno_store::{Filter, History};
use dyno_types::{CancelFlag, EVAL_SCHEMA, EvalRecord, RUN_SCHEMA, RunRecord};
use serde::de::DeserializeOwned;

use crate::blocking::read_named;
use crate::{AppError, Work};

/// Most evaluations shown side by side unasked.
const COMPANY_MAX: usize = 32;

/// Largest record file read, bytes.
const RECORD_BYTES_MAX: u64 = 256 << 20;

impl Work {
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
        let headlines = self.history_to_read()?.map_or(Ok(Vec::new()), |history| history.list(&filter))?;
        Ok(headlines.into_iter().map(row).collect())
    }

    /// Evaluations, newest first.
    ///
    /// # Errors
    /// [`AppError::History`].
    pub fn evals(&self, model: Option<&str>, only_valid: bool, limit: u32) -> Result<Vec<EvalRow>, AppError> {
        let filter = Filter { model: model.map(ToOwned::to_owned), only_valid, limit, ..Filter::default() };
        let headlines =
            self.history_to_read()?.map_or(Ok(Vec::new()), |history| history.list_evals(&filter))?;
        Ok(headlines.into_iter().map(eval_row).collect())
    }

    /// Removes one run or evaluation by id or unique beginning of it; returns its id.
    ///
    /// # Errors
    /// [`AppError::Input`] when there is none, [`AppError::History`].
    pub fn remove_record(&self, id: &str) -> Result<String, AppError> {
        let history = self.open_history()?;
        match kept(&history, id)? {
            Kept::Run(record) => history.remove(&record.id).map(|_| record.id),
            Kept::Eval(record) => history.remove_eval(&record.id).map(|_| record.id),
        }
        .map_err(AppError::from)
    }

    /// The named runs or evaluations (ids, unique beginnings, or record files), or the latest one.
    ///
    /// # Errors
    /// [`AppError::Input`] when one does not exist, or runs are named beside evaluations;
    /// [`AppError::NothingMeasured`].
    pub fn records(&self, names: &[String]) -> Result<Records, AppError> {
        if names.is_empty() {
            return latest(&self.history_to_read()?.ok_or(AppError::NothingMeasured)?);
        }
        // Record files alone need no history, which may be absent or broken.
        let is_file = |name: &str| Path::new(name).extension().is_some_and(|extension| extension == "json");
        let history = if names.iter().all(|name| is_file(name)) { None } else { self.history_to_read()? };
        let (mut runs, mut evals) = (Vec::new(), Vec::new());
        for name in names {
            let found = match &history {
                _ if is_file(name) => read_record(&dyno_models::named_path(name), &self.job.cancel)?,
                Some(history) => kept(history, name)?,
                None => return Err(not_there(name)),
            };
            match found {
                Kept::Run(record) => runs.push(recomputed(*record)),
                Kept::Eval(record) => evals.push(of_today(*record)),
            }
        }
        match (runs.is_empty(), evals.is_empty()) {
            (_, true) => Ok(Records::Runs(runs)),
            (true, false) => Ok(Records::Evals(evals)),
            (false, false) => Err(AppError::Input(format!(
                "{} is a run and {} is an evaluation; name only runs or only evaluations",
                runs[0].id, evals[0].id
            ))),
        }
    }

    /// The page of runs. That of a single run also tells the quality of its model, where the history holds an evaluation.
    #[must_use]
    pub fn run_page(&self, records: &[RunRecord]) -> String {
        let evals = match records {
            // The page of a run does not depend on a history that can be read.
            [record] => {
                let evals = self.existing_history().and_then(|history| evals_of(&history, record).ok());
                evals.unwrap_or_default().into_iter().map(of_today).collect()
            }
            _ => Vec::new(),
        };
        match records {
            [record] if !evals.is_empty() => dyno_report::page_with_quality(record, &evals),
            _ => dyno_report::render_many(records, Format::Html),
        }
    }
}

/// Records of one kind.
#[derive(Debug, Clone, PartialEq)]
pub enum Records {
    /// Runs of `bench`.
    Runs(Vec<RunRecord>),
    /// Evaluations of `eval`.
    Evals(Vec<EvalRecord>),
}

/// One record of either kind.
enum Kept {
    Run(Box<RunRecord>),
    Eval(Box<EvalRecord>),
}

/// The latest record of either kind; of evaluations made together all.
fn latest(history: &History) -> Result<Records, AppError> {
    let run = history.latest(1)?.pop();
    let headline = history.list_evals(&Filter { limit: 1, ..Filter::default() })?.pop();
    let run_started = run.as_ref().map(|record| record.started_unix_ms);
    let newer = headline.filter(|eval| run_started.is_none_or(|started| eval.started_unix_ms > started));
    if let Some(headline) = newer
        && let Some(record) = history.get_eval(&headline.id)?
    {
        let evals = with_company(history, record)?;
        return Ok(Records::Evals(evals.into_iter().map(of_today).collect()));
    }
    run.map(|record| Records::Runs(vec![recomputed(record)])).ok_or(AppError::NothingMeasured)
}

/// Evaluations of the weights that were evaluated last under the header of this run's model, and of their quantizations where
/// these were compared.
fn evals_of(history: &History, record: &RunRecord) -> Result<Vec<EvalRecord>, AppError> {
    let mut evals = history.evals_of_fingerprint(&record.model.fingerprint)?;
    if let Some(weights) = evals.first().map(|newest| newest.model_sha256.clone()) {
        evals.retain(|eval| eval.model_sha256 == weights);
        let compared = evals.iter().find(|eval| eval.together.len() > 1).cloned();
        let company = compared.map(|eval| with_company(history, eval)).transpose()?.unwrap_or_default();
        evals.extend(company.into_iter().filter(|eval| eval.model_sha256 != weights));
    }
    Ok(evals)
}

/// The evaluation with those that were made together with it, as far as they are still there.
fn with_company(history: &History, record: EvalRecord) -> Result<Vec<EvalRecord>, AppError> {
    let mut found = Vec::new();
    for id in record.together.iter().take(COMPANY_MAX) {
        if *id == record.id {
            found.push(record.clone());
        } else {
            found.extend(history.get_eval(id)?.filter(|other| other.id == *id));
        }
    }
    Ok(if found.is_empty() { vec![record] } else { found })
}

/// A record of the history, by id or unique beginning of it.
fn kept(history: &History, name: &str) -> Result<Kept, AppError> {
    match (history.get(name)?, history.get_eval(name)?) {
        (Some(run), None) => Ok(Kept::Run(Box::new(run))),
        (None, Some(eval)) => Ok(Kept::Eval(Box::new(eval))),
        (Some(run), Some(eval)) if run.id == name && eval.id != name => Ok(Kept::Run(Box::new(run))),
        (Some(run), Some(eval)) if eval.id == name && run.id != name => Ok(Kept::Eval(Box::new(eval))),
        (Some(run), Some(eval)) => Err(AppError::Input(format!(
            "{name:?} is the beginning of the run {} and of the evaluation {}: write more of it",
            run.id, eval.id
        ))),
        (None, None) => Err(not_there(name)),
    }
}

fn not_there(name: &str) -> AppError {
    AppError::Input(format!("there is no run or evaluation {name:?}; `dyno history` lists them"))
}

/// The part that every record has.
#[derive(serde::Deserialize)]
struct RecordHead {
    schema: String,
}

fn read_record(file: &Path, cancel: &CancelFlag) -> Result<Kept, AppError> {
    let fail =
        |reason: String| AppError::Input(format!("{} is no record dyno can read: {reason}", file.display()));
    let bytes = read_named(file, RECORD_BYTES_MAX, cancel)?.map_err(|error| fail(error.to_string()))?;
    let text = crate::plain_text(bytes).map_err(fail)?;
    let head: RecordHead = parsed(&text).map_err(fail)?;
    match head.schema.as_str() {
        RUN_SCHEMA => parsed(&text).map(|record| Kept::Run(Box::new(record))).map_err(fail),
        EVAL_SCHEMA => parsed(&text).map(|record| Kept::Eval(Box::new(record))).map_err(fail),
        other => {
            Err(fail(format!("its schema is {other:?}, this dyno reads {RUN_SCHEMA:?} and {EVAL_SCHEMA:?}")))
        }
    }
}

fn parsed<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
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
        settings: headline.settings,
    }
}

fn eval_row(headline: dyno_store::EvalHeadline) -> EvalRow {
    EvalRow {
        id: headline.id,
        started_unix_ms: headline.started_unix_ms,
        model: short(&headline.reference).to_owned(),
        quantization: headline.quantization,
        suite: headline.suite,
        strategy: headline.strategy,
        items: headline.items,
        accuracy: headline.accuracy,
        metric: headline.metric,
        ppl: headline.ppl,
        results: headline.results,
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
