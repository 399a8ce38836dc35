//! Another model as judge, in a process of its own that is started when it is first asked.

use dyno_engine::Engine;
use dyno_eval::judge_prompt;
use dyno_types::{Event, EventSink, GenerateRequest, Prompt, Sampling};

use super::answer::answer;
use super::message;
use crate::AppError;
use crate::eval::host::{Host, Loading, is_refusal};
use dyno_bench::CancelFlag;

/// Most tokens of a verdict: a line for the reason and one for the grade, with room for a thought before.
const VERDICT_TOKENS: u32 = 512;

/// The judge, started or not.
pub(super) struct JudgeModel<'a> {
    engine: &'a dyn Engine,
    loading: Option<Loading>,
    host: Option<Host<'a>>,
}

/// What it wrote.
#[derive(Debug, Default)]
pub(super) struct Written {
    pub(super) text: String,
    pub(super) tokens: u64,
}

impl<'a> JudgeModel<'a> {
    /// Without anything to load there is no judge.
    pub(super) fn new(engine: &'a dyn Engine, loading: Option<Loading>) -> Self {
        Self { engine, loading, host: None }
    }

    /// What it says about an answer. Where it cannot be asked (the answer may be too long for it), it says nothing.
    pub(super) async fn verdict(
        &mut self,
        question: &str,
        text: &str,
        cancel: &CancelFlag,
        events: &dyn EventSink,
    ) -> Result<Written, AppError> {
        if let Some(loading) = self.loading.take() {
            self.host = Some(Host::open(self.engine, loading, cancel, events).await?);
        }
        let Some(host) = &self.host else { return Ok(Written::default()) };
        let prompt = judge_prompt(question, text);
        let request = GenerateRequest {
            id: 1,
            prompt: if host.loaded().has_chat_template {
                Prompt::Chat(vec![message("user", &prompt)])
            } else {
                Prompt::Text(prompt)
            },
            sampling: Sampling::greedy(),
            max_tokens: VERDICT_TOKENS,
            stop: Vec::new(),
            ignore_eos: false,
            logprobs: 0,
        };
        match answer(host.session(), request, cancel, &mut |_| {}).await {
            Ok(answer) => Ok(Written { tokens: answer.all_tokens(), text: answer.marked_text() }),
            Err(AppError::Engine(error)) if is_refusal(&error) => {
                events.emit(Event::Warning(format!("the judge could not be asked: {error}")));
                Ok(Written::default())
            }
            Err(error) => Err(error),
        }
    }

    /// Ends its process, if there is one.
    pub(super) async fn close(self) {
        if let Some(host) = self.host {
            host.close().await;
        }
    }
}
