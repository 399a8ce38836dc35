//! `bench`: resolve the model, expand the sweep, measure each point, keep every record, write the page.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use dyno_bench::{BenchContext, BenchOutcome, BenchPlan, PlanRequest, Wording};
use dyno_models::ModelError;
use dyno_store::History;
use dyno_types::{
    CancelFlag, ChatMessage, EngineSettings, Event, EventSink, HardwareProfile, Remedy, RunRecord, Sampling,
    ThreadChoice, Validity, ValidityFlag, Wish,
};

use crate::app::Model;
use crate::eval::template::{self, known, without_own};
use crate::variation::enter_variation;
use crate::watched::{self, WatchedEngine};
use crate::{AppError, Work, predictions, write_page};

/// Which windows the context stage fills.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContextChoice {
    /// These, tokens.
    List(Vec<u32>),
    /// 512, doubled up to the training context, and the training context itself.
    UpToTraining,
}

/// One benchmark, as asked for.
#[derive(Debug, Clone)]
pub struct BenchJob {
    /// Model references; each is measured at every point of the sweep, in order.
    pub models: Vec<String>,
    /// Runs of each prompt per process.
    pub runs: u32,
    /// Independent engine processes.
    pub processes: u32,
    /// Tokens generated per prompt.
    pub max_tokens: u32,
    /// Windows.
    pub contexts: ContextChoice,
    /// Tokens decoded at the end of each window.
    pub context_decode_tokens: u32,
    /// Longest wait for a quiet machine before each process, s; not waited for when absent.
    pub wait_quiet_s: Option<u64>,
    /// Sampling.
    pub sampling: Sampling,
    /// How the thread counts among the knobs were given.
    pub thread_choice: ThreadChoice,
    /// Knob values by id; several values sweep.
    pub knobs: BTreeMap<&'static str, Vec<String>>,
    /// Chat template by name, `model` for the file's own, `none` for plain text; the file's own, or none, without.
    pub template: Option<String>,
    /// Keep records and write a page.
    pub save: bool,
    /// Page file; by default `reports/RUN.html` beside the history.
    pub page: Option<PathBuf>,
}

/// What a benchmark left; also when it ended early.
#[derive(Debug, Default)]
pub struct BenchResult {
    /// One per model and point of the sweep that was started, in order.
    pub records: Vec<RunRecord>,
    /// The page.
    pub page: Option<PathBuf>,
    /// Why it ended early.
    pub error: Option<AppError>,
}

impl Work {
    /// Measures. What was measured before an error is in the result beside the error.
    ///
    /// # Errors
    /// Before anything is measured: [`AppError::Plan`], [`AppError::Model`], [`AppError::History`], [`AppError::Engine`].
    pub async fn bench(&self, job: &BenchJob) -> Result<BenchResult, AppError> {
        job.sampling.validate().map_err(|error| AppError::Input(error.to_string()))?;
        check_counts(job)?;
        // Opened first: finding out after ten minutes that nothing can be kept would be unkind.
        let history = if job.save { self.history_to_keep()? } else { self.existing_history() };
        let keeps = job.save && history.is_some();
        let asked = job.clone();
        let plans = self.aside(move |work| work.plans(&asked)).await?;
        let mut result = self.carry_out(job, plans, history).await?;
        if job.save {
            self.write_bench_page(job, keeps, &mut result);
        }
        Ok(result)
    }

    /// Carries out plans; each record is kept as soon as it is there.
    async fn carry_out(
        &self,
        job: &BenchJob,
        plans: Vec<(Model, BenchPlan)>,
        history: Option<History>,
    ) -> Result<BenchResult, AppError> {
        let engine = self.engine()?;
        let identities = plans.iter().map(|(model, _)| model.identity.clone()).collect();
        let engine = WatchedEngine::new(&*engine, identities);
        let machine = dyno_hardware::profile();
        let mut result = BenchResult::default();
        for (model, plan) in plans {
            if job.save {
                self.note_file(&model);
            }
            let context = self.context(&model, &machine);
            // Set up before the run, so that nothing of the run is in its own prediction.
            let predictor = self.predictor(&machine);
            let mut outcome: BenchOutcome = dyno_bench::run_bench(&plan, &engine, &context, &self.job).await;
            if outcome.record.settings.thread_choice == ThreadChoice::Fixed {
                outcome.record.settings.thread_choice = job.thread_choice;
            }
            let changed = model.identity.check().err();
            if let Some(error) = &changed {
                void(&mut outcome.record, error);
            }
            outcome.record.machine_fingerprint = dyno_hardware::fingerprint(&machine);
            outcome.record.predictions = predictions::compared(&predictor, &outcome.record);
            doubt_what_was_predicted(&mut outcome.record);
            if let Some(history) = &history {
                compare_with_earlier(history, &mut outcome.record, &self.job);
            }
            if let Some(history) = history.as_ref().filter(|_| job.save)
                && let Err(error) = history.append(&outcome.record)
            {
                self.job.emit(Event::Warning(format!("the record could not be kept: {error}")));
                result.error.get_or_insert(error.into());
            }
            result.records.push(outcome.record);
            let ended = outcome.error.map(AppError::from);
            if let Some(error) = ended.or(changed.map(|error| watched::changed(error).into())) {
                result.error = Some(error);
                break;
            }
        }
        Ok(result)
    }

    /// A plan for every model and point of the sweep, all checked before the first is carried out.
    fn plans(&self, job: &BenchJob) -> Result<Vec<(Model, BenchPlan)>, AppError> {
        let given = job.knobs.contains_key("context");
        let points = dyno_bench::expand_sweep(&EngineSettings::default(), &job.knobs)?;
        let mut plans = Vec::new();
        for reference in &job.models {
            let model = self.resolve(reference)?;
            let wording = wording(job.template.as_deref(), &model, &self.job.cancel)?;
            for point in &points {
                let mut settings = point.clone();
                self.fit_context(&mut settings, &model.facts, given)?;
                plans.push((model.clone(), plan(job, &model, settings, wording.clone())?));
            }
        }
        Ok(plans)
    }

    fn context(&self, model: &Model, machine: &HardwareProfile) -> BenchContext {
        let path = model.path.clone();
        let clock = Instant::now();
        let unix_ms = || {
            SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
        };
        let now = unix_ms();
        BenchContext {
            id: dyno_store::new_run_id(now, std::process::id() ^ (clock.elapsed().subsec_nanos() << 8)),
            tool: crate::app::tool(),
            machine: machine.clone(),
            metadata_read_ms: model.read_ms,
            unix_ms: Box::new(unix_ms),
            clock_ms: Box::new(move || clock.elapsed().as_secs_f64() * 1e3),
            machine_state: Box::new(dyno_hardware::state),
            judge: Box::new(dyno_hardware::judge),
            process_cpu_s: Box::new(dyno_hardware::process_cpu_s),
            scheduling: Box::new(dyno_hardware::scheduling),
            pause: Box::new(|ms| Box::pin(tokio::time::sleep(Duration::from_secs_f64(ms / 1e3)))),
            drop_page_cache: Box::new(move || dyno_hardware::drop_from_page_cache(&path)),
            process_memory: Box::new(dyno_hardware::process_memory),
        }
    }

    /// Writes the page where it was asked for, else beside the history, if anything is kept at all.
    fn write_bench_page(&self, job: &BenchJob, keeps: bool, result: &mut BenchResult) {
        let Some(first) = result.records.first() else { return };
        let usual = || self.app.places.beside_history(format!("reports/{}.html", first.id)).filter(|_| keeps);
        let Some(page) = job.page.clone().or_else(usual) else { return };
        match write_page(&page, &self.run_page(&result.records)) {
            Ok(()) => result.page = Some(page),
            // The records are kept and printed; losing the page must not hide an earlier error.
            Err(error) => {
                result.error.get_or_insert(error);
            }
        }
    }
}

/// What earlier runs say about how far a repetition would differ.
fn compare_with_earlier(history: &History, record: &mut RunRecord, events: &dyn EventSink) {
    if let Err(error) = enter_variation(history, record) {
        let text = format!("intervals rest on an assumed variation; earlier runs cannot be read: {error}");
        events.emit(Event::Warning(text));
    }
}

/// Whether the run fell far short of its predictions is known only beside them.
fn doubt_what_was_predicted(record: &mut RunRecord) {
    let flags = record.validity.flags.iter().copied().chain(dyno_bench::flags(record));
    record.validity = Validity::from_flags(flags.collect());
}

/// Takes back the verdict on a record whose model was replaced meanwhile.
fn void(record: &mut RunRecord, error: &ModelError) {
    let flags = record.validity.flags.iter().copied().chain([ValidityFlag::ModelChanged]).collect();
    record.validity = Validity::from_flags(flags);
    let text = error.to_string();
    if !record.notes.iter().any(|note| note.contains(&text)) {
        record.notes.push(text);
    }
}

fn check_counts(job: &BenchJob) -> Result<(), AppError> {
    let counts =
        [(Wish::Runs, job.runs), (Wish::Processes, job.processes), (Wish::MaxTokens, job.max_tokens)];
    match counts.into_iter().find(|(_, value)| *value == 0) {
        Some((wish, _)) => Err(AppError::refused(format!("{wish} is 0"), Remedy::AtLeast(wish, 1))),
        None => Ok(()),
    }
}

fn plan(
    job: &BenchJob,
    model: &Model,
    settings: EngineSettings,
    wording: Wording,
) -> Result<BenchPlan, AppError> {
    let contexts = match &job.contexts {
        ContextChoice::List(windows) => windows.clone(),
        ContextChoice::UpToTraining => up_to_training(model.facts.context_train.unwrap_or(4096)),
    };
    let request = PlanRequest {
        path: model.path.clone(),
        facts: model.facts.clone(),
        settings,
        sampling: job.sampling.clone(),
        runs: job.runs,
        processes: job.processes,
        max_tokens: job.max_tokens,
        contexts,
        context_decode_tokens: job.context_decode_tokens,
    };
    let plan = BenchPlan::new(request)?.with_wording(wording);
    Ok(match job.wait_quiet_s {
        Some(limit_s) => plan.with_quiet(limit_s as f64 * 1e3),
        None => plan,
    })
}

/// What stands around prompts by the template of this name.
fn wording(template: Option<&str>, model: &Model, cancel: &CancelFlag) -> Result<Wording, AppError> {
    if let Some(file) = template::file(template, cancel)? {
        return Ok(Wording::File(file));
    }
    match (template, known(template)?) {
        (_, Some(known)) => {
            // The place of a question in a chat of one, marked by what no template has.
            let mark = "\u{0}";
            let chat = [ChatMessage { role: "user".to_owned(), content: mark.to_owned() }];
            let text = known.render(&chat);
            let (before, after) = text.split_once(mark).unwrap_or((&text, ""));
            Ok(Wording::Known {
                add_special: known.begin.is_empty(),
                before: before.to_owned(),
                after: after.to_owned(),
                name: known.name,
            })
        }
        (Some("none"), None) => Ok(Wording::Plain),
        (Some(_), None) if !model.facts.has_chat_template => Err(without_own()),
        _ => Ok(Wording::Own),
    }
}

/// 512, doubled while smaller than the training context, then the training context.
fn up_to_training(train: u64) -> Vec<u32> {
    let train = u32::try_from(train).unwrap_or(u32::MAX);
    let mut windows: Vec<u32> = std::iter::successors(Some(512_u32), |window| window.checked_mul(2))
        .take_while(|window| *window < train)
        .collect();
    windows.push(train);
    windows
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use dyno_engine::{FakeEngine, FakeScript};

    use super::*;
    use crate::testing::{app_with, job, job_heard_by};

    /// Puts another model in the place of the measured one when a step of the run is announced.
    struct Replacing {
        when: &'static str,
        /// Whether the same file is written to, rather than replaced.
        in_place: bool,
        model: PathBuf,
        done: AtomicBool,
    }

    impl EventSink for Replacing {
        fn emit(&self, event: Event) {
            let Event::PhaseAdvanced { detail, .. } = event else { return };
            if detail.contains(self.when) && !self.done.swap(true, Ordering::Relaxed) {
                let other = self.model.with_extension("other");
                std::fs::copy(&self.model, &other).unwrap();
                if self.in_place {
                    std::fs::copy(&other, &self.model).unwrap();
                } else {
                    std::fs::rename(&other, &self.model).unwrap();
                }
            }
        }
    }

    /// One run of three processes during which the model is replaced; and how many of them were measured.
    async fn replaced(when: &'static str, in_place: bool) -> (BenchResult, usize) {
        let folder = tempfile::tempdir().unwrap();
        let app = app_with(folder.path(), FakeEngine::new(FakeScript::default()));
        let model = folder.path().join("m.gguf");
        let made = app.work(job()).find("synth:tiny-llama@q8_0").unwrap().path;
        std::fs::copy(made, &model).unwrap();
        let asked = BenchJob {
            models: vec![model.display().to_string()],
            runs: 1,
            processes: 3,
            max_tokens: 2,
            contexts: ContextChoice::List(vec![64]),
            context_decode_tokens: 2,
            sampling: Sampling::greedy(),
            wait_quiet_s: None,
            thread_choice: ThreadChoice::Fixed,
            knobs: BTreeMap::from([
                ("threads", vec!["1".to_owned()]),
                ("threads_prefill", vec!["1".to_owned()]),
            ]),
            template: None,
            save: false,
            page: None,
        };
        let events = Replacing { when, in_place, model, done: AtomicBool::new(false) };
        let result = app.work(job_heard_by(Arc::new(events))).bench(&asked).await.unwrap();
        let samples = result.records[0].stages.inference.iter().flat_map(|stage| &stage.samples);
        let measured: std::collections::BTreeSet<u32> = samples.map(|sample| sample.process).collect();
        let count = measured.len();
        (result, count)
    }

    #[tokio::test]
    async fn a_model_replaced_while_it_is_measured_ends_the_run_and_voids_its_record() {
        // Before the second measured process, and while the last one works.
        for (when, in_place, measured) in [
            ("process 2: loading", false, 1),
            ("process 2: loading", true, 1),
            ("process 3: filling", false, 3),
        ] {
            let (result, processes) = replaced(when, in_place).await;
            let validity = &result.records[0].validity;
            assert!(
                !validity.valid && validity.flags.contains(&ValidityFlag::ModelChanged),
                "{when}: {validity:?}"
            );
            let error = result.error.unwrap();
            assert_eq!(error.exit_code(), 3, "{when}: {error}");
            assert!(error.to_string().contains("m.gguf is not the model it was"), "{when}: {error}");
            let told = result.records[0].notes.iter().filter(|note| note.contains("m.gguf is not")).count();
            assert_eq!(told, 1, "{:?}", result.records[0].notes);
            assert_eq!(processes, measured, "{when}");
        }
        let (result, _) = replaced("never", false).await;
        let flags = &result.records[0].validity.flags;
        assert!(result.error.is_none() && !flags.contains(&ValidityFlag::ModelChanged), "{flags:?}");
    }

    #[test]
    fn prompts_are_put_into_the_template_of_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let model = crate::testing::work(folder.path()).find("synth:tiny-llama@q8_0").unwrap();
        let file = folder.path().join("own.jinja");
        let wording = |name: &str| wording(Some(name), &model, &CancelFlag::default());
        let name = file.display().to_string();
        assert!(wording(&name).unwrap_err().to_string().contains("own.jinja"));
        std::fs::write(&file, "x").unwrap();
        let source = "x".to_owned();
        assert_eq!(wording(&name).unwrap(), Wording::File(dyno_types::TemplateFile { name, source }));
        assert!(matches!(wording("chatml").unwrap(), Wording::Known { .. }));
    }

    #[test]
    fn windows_double_up_to_the_training_context() {
        assert_eq!(up_to_training(2048), [512, 1024, 2048]);
        assert_eq!(up_to_training(3000), [512, 1024, 2048, 3000]);
        assert_eq!(up_to_training(512), [512]);
        assert_eq!(up_to_training(100), [100]);
    }
}
