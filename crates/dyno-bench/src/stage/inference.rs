//! Stage 3: the prompts of the plan, after a warm-up, in an order that changes from run to run.

use dyno_engine::EngineError;
use dyno_types::{LONG_PROMPT, Prompt, RequestSample, ValidityFlag};

use crate::plan::NO_TEMPLATE;
use crate::process::Process;
use crate::run::Run;
use crate::sample::Asked;
use crate::{BenchError, Wording};

impl Run<'_> {
    /// Warms the process up, then measures every prompt in every run.
    pub(crate) async fn infer(&mut self, process: &mut Process, repetition: u32) -> Result<(), BenchError> {
        self.warm_up(process).await?;
        for run in 0..self.plan.runs() {
            for index in self.plan.prompt_order(repetition, run) {
                let id = &self.plan.prompts()[index].id;
                self.announce(format!(
                    "process {}: {id}, run {} of {}",
                    process.number,
                    run + 1,
                    self.plan.runs()
                ));
                let sample = self.inference_request(process, index, run).await?;
                self.record.stages.inference.get_or_insert_default().samples.push(sample);
                self.step_done();
            }
            self.measure_long_prompt(process, run).await?;
        }
        Ok(())
    }

    /// The long prompt, where the window has room for it.
    async fn measure_long_prompt(&mut self, process: &mut Process, run: u32) -> Result<(), BenchError> {
        let Some(tokens) = self.plan.long_prompt_tokens() else { return Ok(()) };
        self.announce(format!("process {}: a prompt of {tokens} tokens", process.number));
        let sample = self.long_request(process, tokens, run).await?;
        self.record.stages.inference.get_or_insert_default().samples.push(sample);
        self.step_done();
        Ok(())
    }

    async fn long_request(
        &mut self,
        process: &mut Process,
        tokens: u32,
        run: u32,
    ) -> Result<RequestSample, BenchError> {
        let prompt = Prompt::Tokens(self.window_prompt(process, tokens).await?);
        let asked = Asked { process: process.number, run, prompt: LONG_PROMPT.to_owned(), max_tokens: 1 };
        self.request(process, prompt, asked).await
    }

    /// Requests until the latest ones agree, or the limit.
    async fn warm_up(&mut self, process: &mut Process) -> Result<(), BenchError> {
        self.announce(format!("process {}: warming up", process.number));
        let of_load = process.loss;
        let limits = self.plan.warm_up();
        let mut rates = Vec::new();
        let mut steady = false;
        while !steady && rates.len() < limits.requests_max as usize {
            let index = rates.len() % self.plan.prompts().len();
            rates.push(rate(&self.inference_request(process, index, 0).await?));
            steady = dyno_stats::steady(&rates, limits.last as usize, limits.variation_max);
        }
        if let Some(tokens) = self.plan.long_prompt_tokens() {
            // The first batch of its size may have to set up what later ones find.
            rates.push(rate(&self.long_request(process, tokens, 0).await?));
        }
        if !steady {
            self.notice(ValidityFlag::NotWarm);
        }
        // What the warm-up lost is discarded with it; a loss in the load before it stays.
        process.loss = of_load;
        let discarded = u32::try_from(rates.len()).unwrap_or(u32::MAX);
        self.record.stages.inference.get_or_insert_default().warmup_discarded.push(discarded);
        self.step_done();
        Ok(())
    }

    /// One request; a model whose chat template cannot be used goes on with the plain text, and the record says so.
    async fn inference_request(
        &mut self,
        process: &mut Process,
        index: usize,
        run: u32,
    ) -> Result<RequestSample, BenchError> {
        let chat = self.chat && process.load.has_chat_template;
        if self.generations == 0 {
            self.note_wording(process.load.has_chat_template);
        }
        match self.prompt_request(process, index, run, chat).await {
            Err(BenchError::Engine { source, .. })
                if chat && self.falls_back() && self.first_request() && is_template_trouble(&source) =>
            {
                self.chat = false;
                self.note(format!(
                    "the model's chat template cannot be used ({source}); prompts are plain text"
                ));
                self.prompt_request(process, index, run, false).await
            }
            other => other,
        }
    }

    async fn prompt_request(
        &mut self,
        process: &mut Process,
        index: usize,
        run: u32,
        chat: bool,
    ) -> Result<RequestSample, BenchError> {
        let chosen = &self.plan.prompts()[index];
        let asked = Asked {
            process: process.number,
            run,
            prompt: chosen.id.clone(),
            max_tokens: self.plan.max_tokens(),
        };
        let prompt = self.unique_prompt(chat, &chosen.text);
        let prompt = self.worded(process, prompt).await?;
        self.request(process, prompt, asked).await
    }

    /// A prompt within the known template that the plan may name. Its tokens are found before the clock starts.
    async fn worded(&self, process: &Process, prompt: Prompt) -> Result<Prompt, BenchError> {
        match (self.plan.wording(), prompt) {
            (Wording::Known { before, after, add_special, .. }, Prompt::Text(text)) => {
                let text = format!("{before}{text}{after}");
                let tokens = process.session.tokenize(&text, *add_special, true);
                Ok(Prompt::Tokens(self.ask("tokenizing a prompt", tokens).await?))
            }
            (_, prompt) => Ok(prompt),
        }
    }

    /// Says what stands around the prompts, where that is not the model's own template.
    fn note_wording(&mut self, has_chat_template: bool) {
        match self.plan.wording() {
            Wording::Own if has_chat_template => {}
            Wording::Own => self.note(NO_TEMPLATE.to_owned()),
            Wording::File(template) => {
                let name = &template.name;
                self.note(format!("prompts are put into the chat template {name}, as was asked for"));
            }
            Wording::Plain => self.note("prompts are plain text, as was asked for".to_owned()),
            Wording::Known { name, .. } => {
                self.note(format!("prompts are put into the chat template {name}, as was asked for"));
            }
        }
    }

    /// Whether plain text is good enough where the template cannot be used: not in place of one that was asked for.
    fn falls_back(&self) -> bool {
        *self.plan.wording() == Wording::Own
    }

    /// Whether the first generation of the run just failed: a template either works from the start or never.
    fn first_request(&self) -> bool {
        self.generations == 1
    }
}

fn is_template_trouble(error: &EngineError) -> bool {
    matches!(error, EngineError::NoTemplate | EngineError::Template(_) | EngineError::BadRequest(_))
}

/// What the warm-up watches: decode rate, or requests per ms where a single token leaves no decode rate.
fn rate(sample: &RequestSample) -> f64 {
    let decode =
        sample.decode_ms().filter(|ms| *ms > 0.0).map(|ms| f64::from(sample.n_out.saturating_sub(1)) / ms);
    decode.or_else(|| sample.ttft_ms().filter(|ms| *ms > 0.0).map(f64::recip)).unwrap_or(0.0)
}
