//! What tests of use cases share: an app in a folder of its own, and the plainest evaluation.

use std::path::Path;
use std::time::Duration;

use dyno_bench::CancelFlag;
use dyno_hub::HubSettings;
use dyno_types::{EngineSettings, Sampling, ThreadChoice};

use crate::eval::EvalJob;
use crate::generate::PolicyWishes;
use crate::{App, Limits, Location, Places};

/// An app that keeps everything below `folder` and has no engine of its own.
pub(crate) fn app(folder: &Path, cancel: &CancelFlag) -> App {
    let places = Places {
        cache: Location::Named(folder.join("models")),
        history: Location::Named(folder.join("history/history.sqlite")),
        engine_dir: None,
        beside: None,
        executable: None,
        hub: HubSettings::new(Some(folder.join("models"))),
    };
    let limits = Limits { deadline: Duration::from_secs(60), memory_limit_bytes: None };
    App::new(places, limits, cancel.clone())
}

/// Greedy, eight tokens an answer, four sequences, nothing kept in the history.
pub(crate) fn eval_job() -> EvalJob {
    EvalJob {
        model: "x.gguf".to_owned(),
        suites: Vec::new(),
        strategies: Vec::new(),
        few_shot: 0,
        limit: None,
        sampling: Sampling::greedy(),
        max_tokens: 8,
        policy: PolicyWishes::default(),
        template: None,
        suite_format: None,
        reading: crate::QuestionReading::default(),
        strict: false,
        unsafe_code: false,
        text: None,
        cache: true,
        save: false,
        settings: EngineSettings { sequences: 4, ..EngineSettings::default() },
        thread_choice: ThreadChoice::Fixed,
        context_given: false,
    }
}
