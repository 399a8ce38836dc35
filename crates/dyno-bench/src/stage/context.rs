//! Stage 4: windows filled to the last token, each a measurement or a failure with its reason.

use dyno_engine::EngineError;
use dyno_types::{
    EngineMemory, PageCache, Prompt, RequestSample, ValidityFlag, WindowFailureKind, WindowOutcome,
    WindowSample,
};

use crate::process::Process;
use crate::prompt::{CORPUS, Filling};
use crate::run::Run;
use crate::sample::Asked;
use crate::{BenchError, budget};

impl Run<'_> {
    /// Tries every window of the plan in this process, which is replaced when one kills it.
    pub(crate) async fn fill_windows(
        &mut self,
        process: &mut Process,
        repetition: u32,
    ) -> Result<(), BenchError> {
        self.record.stages.context.get_or_insert_default();
        if repetition == 0 {
            self.refuse_beyond_training(process.number);
        }
        let mut tries: Vec<u32> = Vec::new();
        for window in self.plan.window_order(repetition) {
            self.announce(format!("process {}: filling a window of {window} tokens", process.number));
            if !self.deadly.contains(&window) {
                let run = tries.iter().filter(|earlier| **earlier == window).count();
                self.try_window(process, window, u32::try_from(run).unwrap_or(u32::MAX)).await?;
                tries.push(window);
            }
            self.step_done();
        }
        Ok(())
    }

    /// Records the windows that the model was not trained for; they are not tried.
    fn refuse_beyond_training(&mut self, process: u32) {
        let train = self.plan.facts().context_train.unwrap_or(0);
        for window in self.plan.contexts() {
            if self.plan.is_beyond_training(*window) {
                let reason =
                    format!("the model was trained for {train} tokens; beyond that its answers fall apart");
                self.push_window(process, *window, failed(WindowFailureKind::BeyondTraining, reason));
            }
        }
    }

    async fn try_window(&mut self, process: &mut Process, window: u32, run: u32) -> Result<(), BenchError> {
        if let Some(reason) = self.lacks_memory(process, window) {
            self.push_window(process.number, window, failed(WindowFailureKind::BeyondMemory, reason));
            return Ok(());
        }
        let (outcome, died) = match self.measure_window(process, window, run).await {
            Ok(outcome) => (outcome, false),
            Err(BenchError::Cancelled) => return Err(BenchError::Cancelled),
            Err(error) => self.failure(process, &error).await,
        };
        self.push_window(process.number, window, outcome);
        if died {
            self.deadly.push(window);
            self.replace(process, window).await?;
        }
        Ok(())
    }

    /// Why the window will not fit into memory; `None` when it will, or nobody knows.
    fn lacks_memory(&self, process: &Process, window: u32) -> Option<String> {
        let settings = &self.record.settings.engine;
        let (k, v) = (settings.kv_type_k.bytes_per_element(), settings.kv_type_v.bytes_per_element());
        let per_token =
            self.plan.facts().kv_bytes_per_token(k, v).map(|bytes| bytes * f64::from(settings.sequences));
        let needed = process.history.predict(window, per_token);
        let available = (self.context.machine_state)().ram_available_bytes;
        budget::refusal(needed, process.context_bytes, available, self.plan.memory_share())
    }

    async fn measure_window(
        &mut self,
        process: &mut Process,
        window: u32,
        run: u32,
    ) -> Result<WindowOutcome, BenchError> {
        let mut settings = self.settings();
        settings.context = window;
        let doing = format!("opening a window of {window} tokens");
        // The open context goes first, also when the new one is refused.
        process.context_bytes = 0;
        let opened = self.ask(&doing, process.session.open_context(&settings)).await?;
        process.context_bytes = opened.memory.kv_bytes.saturating_add(opened.memory.compute_bytes);
        process.history.record(window, opened.memory);
        if opened.context < window {
            let reason = format!("it opened a window of {} tokens instead of {window}", opened.context);
            return Err(BenchError::Engine { doing, source: EngineError::Internal(reason) });
        }
        let decode_tokens = self.plan.context_decode_tokens();
        let prompt = self.window_prompt(process, window - decode_tokens).await?;
        let asked = Asked {
            process: process.number,
            run,
            prompt: format!("window_{window}"),
            max_tokens: decode_tokens,
        };
        let request = self.request(process, Prompt::Tokens(prompt), asked).await?;
        check_filled(&request, window - decode_tokens)?;
        let memory =
            EngineMemory { process: request.memory, breakdown: self.memory(process).await?.breakdown };
        Ok(WindowOutcome::Measured { request, context_ms: opened.context_ms, memory })
    }

    /// Real text of exactly `goal` tokens by the engine's own tokenizer: a unique line, then the corpus as often as needed,
    /// each time behind another unique line.
    pub(crate) async fn window_prompt(
        &mut self,
        process: &Process,
        goal: u32,
    ) -> Result<Vec<dyno_types::TokenId>, BenchError> {
        let doing = "tokenizing the text that fills windows";
        if self.corpus.is_empty() {
            self.corpus = self.ask(doing, process.session.tokenize(CORPUS, false, false)).await?;
        }
        if self.corpus.is_empty() {
            let source = EngineError::Internal("its tokenizer makes no tokens from English prose".to_owned());
            return Err(BenchError::Engine { doing: doing.to_owned(), source });
        }
        let mut add_special = true;
        let mut filling = Filling::new(Vec::new(), goal as usize);
        while !filling.is_full() {
            let line = format!("{}\n\n", self.nonces.next_line());
            filling.extend(&self.ask(doing, process.session.tokenize(&line, add_special, false)).await?);
            filling.extend(&self.corpus);
            add_special = false;
        }
        Ok(filling.into_tokens())
    }

    /// The failed window, and whether the process is gone.
    async fn failure(&mut self, process: &Process, error: &BenchError) -> (WindowOutcome, bool) {
        let gone = match error.engine() {
            Some(EngineError::Died { .. } | EngineError::Deadline { .. }) => true,
            _ => !process.session.healthy().await,
        };
        let kind = if gone { WindowFailureKind::EngineDied } else { WindowFailureKind::Refused };
        (failed(kind, error.engine().map_or_else(|| error.to_string(), ToString::to_string)), gone)
    }

    /// Puts a fresh process in the place of a dead one.
    async fn replace(&mut self, process: &mut Process, window: u32) -> Result<(), BenchError> {
        self.notice(ValidityFlag::EngineRestarted);
        self.note(format!(
            "a window of {window} tokens ended engine process {}; a new one took its place",
            process.number
        ));
        let fresh = self.launch(PageCache::Warm).await?;
        let dead = std::mem::replace(process, fresh);
        self.end(dead).await;
        Ok(())
    }

    fn push_window(&mut self, process: u32, context: u32, outcome: WindowOutcome) {
        if let WindowOutcome::Failed { reason, .. } = &outcome {
            self.warn(format!("a window of {context} tokens is not measured: {reason}"));
        }
        let stage = self.record.stages.context.get_or_insert_default();
        stage.samples.push(WindowSample { context, process, outcome });
    }
}

fn failed(kind: WindowFailureKind, reason: String) -> WindowOutcome {
    WindowOutcome::Failed { kind, reason }
}

/// A window is only measured when it really was filled.
fn check_filled(request: &RequestSample, prompt_tokens: u32) -> Result<(), BenchError> {
    if request.n_in == prompt_tokens {
        return Ok(());
    }
    let source =
        EngineError::Internal(format!("it read {} prompt tokens instead of {prompt_tokens}", request.n_in));
    Err(BenchError::Engine { doing: "filling a window".to_owned(), source })
}
