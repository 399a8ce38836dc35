//! One measured request: an empty context, the generation, its sample, the memory afterwards.

use dyno_types::{ChatMessage, GenerateRequest, Prompt, RequestSample, Sampling};

use crate::BenchError;
use crate::process::Process;
use crate::run::Run;
use crate::sample::{Asked, collect};

impl Run<'_> {
    /// Runs one generation of exactly `asked.max_tokens` tokens, unless the engine ends it.
    pub(crate) async fn request(
        &mut self,
        process: &mut Process,
        prompt: Prompt,
        asked: Asked,
    ) -> Result<RequestSample, BenchError> {
        let doing = format!("generating for {:?}", asked.prompt);
        self.generations += 1;
        let request = GenerateRequest {
            id: self.generations,
            prompt,
            sampling: self.sampling(),
            max_tokens: asked.max_tokens,
            stop: Vec::new(),
            ignore_eos: true,
            logprobs: 0,
        };
        self.ask("emptying the context", process.session.clear_context()).await?;
        let max_tokens = asked.max_tokens;
        let session = process.session.as_ref();
        let before = process.look(self.context);
        let generation = async { collect(session.generate(request).await?, max_tokens).await };
        let generation = self.ask(&doing, generation).await?;
        process.note_loss(self.context, before);
        process.note_cpu(self.context);
        let memory = self.process_memory(process).await?;
        generation.into_sample(asked, memory).map_err(|source| BenchError::Engine { doing, source })
    }

    /// A prompt of the inference stage, behind a line of its own.
    pub(crate) fn unique_prompt(&mut self, chat: bool, text: &str) -> Prompt {
        let text = format!("{}\n{text}", self.nonces.next_line());
        if chat {
            Prompt::Chat(vec![ChatMessage { role: "user".to_owned(), content: text }])
        } else {
            Prompt::Text(text)
        }
    }

    fn sampling(&self) -> Sampling {
        self.plan.sampling().clone()
    }
}
