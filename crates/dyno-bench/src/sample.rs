//! The events of one generation → one sample; refused when they contradict each other. Pure but for awaiting the stream.

use dyno_engine::{EngineError, GenerationStream};
use dyno_types::{GenerationEvent, GenerationReport, ProcessMemory, RequestSample};
use futures::StreamExt;

/// What a generation gave: a time per token, and the engine's report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Generation {
    /// When each token was there, ns since the submission, on the engine's clock.
    at_ns: Vec<u64>,
    report: GenerationReport,
}

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) process: u32,
    pub(crate) run: u32,
    pub(crate) prompt: String,
    pub(crate) max_tokens: u32,
}

/// Reads a generation to its end. Nothing but the stamps is done between tokens.
///
/// # Errors
/// The stream's own error, and [`EngineError::Internal`] for more tokens than asked for or a missing report.
pub(crate) async fn collect(
    mut stream: GenerationStream,
    max_tokens: u32,
) -> Result<Generation, EngineError> {
    let mut at_ns = Vec::with_capacity(max_tokens.min(65_536) as usize);
    while let Some(event) = stream.next().await {
        match event? {
            GenerationEvent::Token(token) if at_ns.len() < max_tokens as usize => at_ns.push(token.at_ns),
            GenerationEvent::Token(_) => {
                return Err(EngineError::Internal(format!(
                    "it sent more than the {max_tokens} tokens it was asked for"
                )));
            }
            GenerationEvent::Finished(report) => return Ok(Generation { at_ns, report }),
        }
    }
    Err(EngineError::Internal("a generation ended without its report".to_owned()))
}

impl Generation {
    /// The sample, with `memory` taken after the request.
    ///
    /// # Errors
    /// [`EngineError::Internal`] when times run backwards or counts differ: no figure can be trusted then.
    pub(crate) fn into_sample(
        self,
        asked: Asked,
        memory: ProcessMemory,
    ) -> Result<RequestSample, EngineError> {
        let Self { at_ns, report } = self;
        check(&at_ns, &report)
            .map_err(|what| EngineError::Internal(format!("its timings contradict each other: {what}")))?;
        Ok(RequestSample {
            process: asked.process,
            run: asked.run,
            prompt: asked.prompt,
            n_in: report.prompt_tokens,
            n_in_cached: report.cached_tokens,
            n_out: report.generated_tokens,
            n_out_asked: asked.max_tokens,
            prefill_ms: ms(report.prefill_end_ns - report.prefill_start_ns),
            queue_ms: ms(report.prefill_start_ns),
            sampling_ms: ms(report.sampling_ns),
            decode_backend_ms: ms(report.decode_backend_ns),
            token_ms: at_ns.into_iter().map(ms).collect(),
            finish_reason: report.finish_reason,
            memory,
        })
    }
}

fn check(at_ns: &[u64], report: &GenerationReport) -> Result<(), String> {
    if at_ns.len() != report.generated_tokens as usize {
        return Err(format!("{} tokens came, the report counts {}", at_ns.len(), report.generated_tokens));
    }
    if report.cached_tokens > report.prompt_tokens {
        return Err(format!(
            "{} of {} prompt tokens came from the cache",
            report.cached_tokens, report.prompt_tokens
        ));
    }
    let moments = [report.prefill_start_ns, report.prefill_end_ns]
        .into_iter()
        .chain(at_ns.iter().copied())
        .chain([report.end_ns]);
    if moments.is_sorted() { Ok(()) } else { Err("its clock ran backwards".to_owned()) }
}

fn ms(ns: u64) -> f64 {
    ns as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use dyno_types::{FinishReason, GeneratedToken};
    use futures::executor::block_on;
    use futures::stream;

    use super::*;

    fn report() -> GenerationReport {
        GenerationReport {
            prompt_tokens: 10,
            cached_tokens: 0,
            prefill_start_ns: 1_000_000,
            prefill_end_ns: 5_000_000,
            end_ns: 9_000_001,
            decode_backend_ns: 3_000_000,
            sampling_ns: 500_000,
            generated_tokens: 2,
            finish_reason: FinishReason::Length,
            reasoning_mark: None,
        }
    }

    fn asked() -> Asked {
        Asked { process: 1, run: 2, prompt: "p".to_owned(), max_tokens: 2 }
    }

    fn sample(at_ns: &[u64], report: GenerationReport) -> Result<RequestSample, EngineError> {
        Generation { at_ns: at_ns.to_vec(), report }.into_sample(asked(), ProcessMemory::default())
    }

    #[test]
    fn times_become_ms_unchanged() {
        let sample = sample(&[5_500_000, 9_000_000], report()).unwrap();
        assert_eq!(
            (sample.prefill_ms, sample.queue_ms, sample.ttft_ms(), sample.decode_ms()),
            (4.0, 1.0, Some(5.5), Some(3.5))
        );
        assert_eq!(
            (sample.sampling_ms, sample.decode_backend_ms, sample.n_in, sample.n_out),
            (0.5, 3.0, 10, 2)
        );
    }

    #[test]
    fn contradictions_are_refused() {
        let cases: &[(&[u64], GenerationReport, &str)] = &[
            (&[5_500_000], report(), "1 tokens came"),
            (&[6_000_000, 5_500_000], report(), "backwards"),
            (&[4_000_000, 9_000_000], report(), "backwards"),
            (&[5_500_000, 9_500_000], report(), "backwards"),
            (&[5_500_000, 9_000_000], GenerationReport { prefill_end_ns: 0, ..report() }, "backwards"),
            (&[5_500_000, 9_000_000], GenerationReport { cached_tokens: 11, ..report() }, "cache"),
        ];
        for (at_ns, report, expected) in cases {
            let error = sample(at_ns, report.clone()).expect_err(expected).to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn an_engine_that_says_too_much_or_too_little_is_refused() {
        let token = |at_ns| {
            Ok(GenerationEvent::Token(GeneratedToken {
                token: 0,
                text: String::new(),
                at_ns,
                piece: None,
                logprob: None,
                top: Vec::new(),
            }))
        };
        let read = |events: Vec<Result<GenerationEvent, EngineError>>| {
            block_on(collect(stream::iter(events).boxed(), 2))
        };
        let flood = read(vec![token(1), token(2), token(3)]).unwrap_err().to_string();
        assert!(flood.contains("more than the 2 tokens"), "{flood}");
        let silence = read(vec![token(1)]).unwrap_err().to_string();
        assert!(silence.contains("without its report"), "{silence}");
        assert_eq!(read(vec![token(1), Err(EngineError::Cancelled)]), Err(EngineError::Cancelled));
    }
}
