//! Earlier runs like a new one, from the history: how much figures vary from run to run here.

use dyno_bench::{Scope, run_variation, summarize};
use dyno_store::{Filter, History};
use dyno_types::{BenchSettings, RunRecord, Stages, ThreadChoice};

use crate::AppError;

/// Newest runs of the same model that are looked through.
const LOOKED_AT_MAX: u32 = 100;
/// Newest runs like the new one that count: a machine of years ago is another machine.
const RUNS_MAX: usize = 40;

/// Puts the variation over earlier runs like this one into the record, and makes its intervals anew from it.
///
/// # Errors
/// [`AppError::History`].
pub(crate) fn enter_variation(history: &History, record: &mut RunRecord) -> Result<(), AppError> {
    let earlier = earlier_stages(history, record)?;
    record.variation = run_variation(&earlier);
    record.metrics.extend(summarize(&record.stages, Scope::Repetition(&record.variation)));
    Ok(())
}

fn earlier_stages(history: &History, record: &RunRecord) -> Result<Vec<Stages>, AppError> {
    let reference = &record.model.reference;
    let filter = Filter { model: Some(reference.clone()), limit: LOOKED_AT_MAX, ..Filter::default() };
    let mut found = Vec::new();
    for headline in history.list(&filter)? {
        let may_be = headline.reference == *reference
            && headline.id != record.id
            && headline.valid == record.validity.valid
            && headline.machine == record.machine.cpu;
        if !may_be || found.len() == RUNS_MAX {
            continue;
        }
        found.extend(
            history.get(&headline.id)?.filter(|other| is_like(other, record)).map(|other| other.stages),
        );
    }
    Ok(found)
}

/// Whether two runs measured the same thing: machine, model, engine, dyno, settings, and whether something voided them.
fn is_like(one: &RunRecord, other: &RunRecord) -> bool {
    one.machine_fingerprint == other.machine_fingerprint
        && one.model.fingerprint == other.model.fingerprint
        && one.model.file_bytes == other.model.file_bytes
        && (&one.engine.name, &one.engine.version, &one.engine.backend)
            == (&other.engine.name, &other.engine.version, &other.engine.backend)
        && one.tool == other.tool
        && asked(&one.settings) == asked(&other.settings)
        && one.validity.valid == other.validity.valid
}

/// The settings as asked for: counts of threads that were measured may come out differently in a repetition.
fn asked(settings: &BenchSettings) -> BenchSettings {
    let mut asked = BenchSettings { thread_sweep: Vec::new(), ..settings.clone() };
    if asked.thread_choice == ThreadChoice::Measured {
        (asked.engine.threads, asked.engine.threads_prefill) = (0, 0);
    } else {
        // Whether a flag or the environment gave the same count makes no difference.
        asked.thread_choice = ThreadChoice::Fixed;
    }
    asked
}

#[cfg(test)]
mod tests {
    use dyno_types::{CleanupSample, CleanupStage, RUN_SCHEMA, ThreadSample};

    use super::*;

    /// A run of three processes that took so long to unload.
    fn run(id: &str, unload_ms: f64) -> RunRecord {
        let sample = |process| CleanupSample { process, unload_ms, ..CleanupSample::default() };
        let mut record =
            RunRecord { schema: RUN_SCHEMA.to_owned(), id: id.to_owned(), ..RunRecord::default() };
        record.machine.cpu = "Made Up".to_owned();
        record.machine_fingerprint = "machine".to_owned();
        record.model.reference = "model.gguf".to_owned();
        record.model.fingerprint = "header".to_owned();
        record.settings.thread_choice = ThreadChoice::Measured;
        record.settings.processes = 3;
        record.stages.cleanup = Some(CleanupStage { samples: (1..4).map(sample).collect() });
        record.validity.valid = true;
        record.metrics = summarize(&record.stages, Scope::Session);
        record
    }

    fn history(records: &[RunRecord]) -> (tempfile::TempDir, History) {
        let folder = tempfile::tempdir().unwrap();
        let history = History::open(&folder.path().join("history.sqlite")).unwrap();
        records.iter().for_each(|record| history.append(record).unwrap());
        (folder, history)
    }

    #[test]
    fn runs_of_the_same_thing_widen_the_interval_to_what_a_repetition_gives() {
        let earlier: Vec<RunRecord> = [80.0, 100.0, 125.0, 90.0, 110.0, 95.0]
            .iter()
            .enumerate()
            .map(|(index, ms)| run(&format!("run {index}"), *ms))
            .collect();
        let (_folder, history) = history(&earlier);
        let mut record = run("new", 100.0);
        enter_variation(&history, &mut record).unwrap();
        assert_eq!(record.variation["unload_ms"].runs, 6);
        let [low, high] = record.metrics["unload_ms"].ci95.unwrap();
        assert!((40.0..75.0).contains(&low) && (130.0..250.0).contains(&high), "{low} {high}");
        assert_eq!(dyno_bench::recomputed(record.clone()), record, "the same figures from the samples alone");
    }

    #[test]
    fn what_differs_in_anything_that_matters_is_no_repetition() {
        type Change = fn(&mut RunRecord);
        let changes: &[(Change, bool)] = &[
            (|_| (), true),
            (|other| other.settings.engine.threads = 1, true),
            (
                |other| {
                    other.settings.thread_sweep =
                        vec![ThreadSample { threads: 1, prefill_tps: 1.0, decode_tps: 1.0 }]
                },
                true,
            ),
            (|other| other.settings.thread_choice = ThreadChoice::Fixed, false),
            (|other| other.settings.engine.context = 1, false),
            (|other| other.settings.processes = 2, false),
            (|other| other.machine_fingerprint.push('x'), false),
            (|other| other.machine.cpu.push('x'), false),
            (|other| other.model.fingerprint.push('x'), false),
            (|other| other.model.file_bytes = 1, false),
            (|other| other.model.reference.push('x'), false),
            (|other| other.engine.version.push('x'), false),
            (|other| other.tool.version.push('x'), false),
            (|other| other.validity.valid = false, false),
        ];
        for (index, (change, counts)) in changes.iter().enumerate() {
            let mut other = run("other", 100.0);
            change(&mut other);
            let (_folder, history) = history(&[other]);
            let mut record = run("new", 100.0);
            enter_variation(&history, &mut record).unwrap();
            assert_eq!(record.variation.contains_key("unload_ms"), *counts, "case {index}");
        }
    }
}
