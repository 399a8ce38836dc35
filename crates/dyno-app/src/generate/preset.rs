//! Which sampling a generation gets: what was asked for, over the model's preset where one is named, over the defaults.

use dyno_types::{Event, EventSink, Remedy, Sampling, Wish};

use crate::app::Model;
use crate::{AppError, GenerateJob, Work};

/// Instead of a task: no preset, and no remark about those there are.
const NO_PRESET: &str = "none";

impl Work {
    /// The sampling of a job for the model in this file.
    ///
    /// # Errors
    /// [`AppError::Input`] for a task that is none and values out of range; whatever reading the model fails with.
    pub(super) fn sampling_for(&self, job: &GenerateJob, model: &Model) -> Result<Sampling, AppError> {
        let defaults = match job.preset.as_deref() {
            Some(NO_PRESET) => Sampling::default(),
            Some(task) => self.preset_sampling(task, &job.model, model)?,
            None => {
                if !job.sampling.shape_the_draw() {
                    self.mention_presets(model);
                }
                Sampling::default()
            }
        };
        let sampling = job.sampling.over(defaults);
        sampling.validate().map_err(|error| AppError::Input(error.to_string()))?;
        Ok(sampling)
    }

    fn preset_sampling(&self, name: &str, name_of_model: &str, model: &Model) -> Result<Sampling, AppError> {
        let start = start_of(name)?;
        let task = &start.task;
        let sha256 = self.model_sha256(&model.identity)?;
        let tuned = self.model_presets(&sha256).and_then(|mut presets| presets.tasks.remove(task));
        let choice = match tuned {
            Some(tuned) => {
                self.job.emit(Event::Note(format!("preset {task}: {}", tuned.choice)));
                tuned.choice
            }
            None => {
                let start = start.choice();
                let text =
                    format!("{name_of_model} was not tuned for {task}; the search's start is used: {start}");
                let remedy = Remedy::Tune { model: name_of_model.to_owned(), task: task.clone() };
                self.job.emit(Event::Advice { text, remedy, warning: true });
                start
            }
        };
        Ok(choice.apply(&Sampling::default(), Sampling::default().seed))
    }

    /// Says that there are presets, where that is known without reading the model.
    fn mention_presets(&self, model: &Model) {
        let Some(sha256) = self.remembered_sha256(&model.identity) else { return };
        let Some(presets) = self.model_presets(&sha256) else { return };
        let tasks: Vec<&str> = presets.tasks.keys().map(String::as_str).collect();
        if !tasks.is_empty() {
            let tasks = tasks.join(", ");
            let text = format!("this model was tuned for {tasks}, and what was found is not used");
            let silent = Remedy::Use(Wish::Preset, "none".to_owned());
            let remedy = Remedy::Either(vec![Remedy::Give(Wish::Preset), silent]);
            self.job.emit(Event::Advice { text, remedy, warning: false });
        }
    }
}

/// Where the search for a task starts.
pub(crate) fn start_of(task: &str) -> Result<dyno_eval::Preset, AppError> {
    dyno_eval::preset(task).ok_or_else(|| {
        let known: Vec<String> = dyno_eval::presets().into_iter().map(|preset| preset.task).collect();
        AppError::Input(format!("there is no task {task:?}; choose from {}", known.join(", ")))
    })
}
