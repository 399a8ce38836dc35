//! Perplexity of a text, and how far a model's predictions on it lie from those of a reference.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use dyno_engine::EngineError;
use dyno_eval::{ChunkDivergence, ChunkLikelihood};
use dyno_types::{
    CancelFlag, ChunkScore, DivergenceResult, Event, EventSink, LoadReport, PERPLEXITY_TEXT_BYTES_MAX,
    PerplexityRequest, PerplexityResult, Remedy, Wish,
};
use futures::StreamExt as _;

use crate::AppError;
use crate::blocking::read_named;
use crate::eval::digest::sha256_hex;
use crate::eval::host::{Host, is_death};
use crate::plain_text;

/// Fewest tokens of a chunk.
const CHUNK_MIN: u32 = 4;

/// A text to measure.
#[derive(Debug, Clone)]
pub(crate) struct Passage {
    /// File name.
    pub(crate) name: String,
    /// What is measured: without a byte order mark and one newline at the end; the latter as `llama-perplexity` does.
    pub(crate) text: String,
    /// SHA-256 of the file's bytes.
    pub(crate) sha256: String,
}

/// How a text is measured.
#[derive(Debug, Clone, Default)]
pub(crate) struct Measuring {
    /// Tokens per chunk.
    pub(crate) chunk: u32,
    /// Most chunks; 0 is all.
    pub(crate) chunks_max: u32,
    /// Where to put the distributions, as a reference for others.
    pub(crate) store: Option<PathBuf>,
    /// Distributions to compare with.
    pub(crate) reference: Option<PathBuf>,
}

impl Passage {
    /// A text that is in no file.
    pub(crate) fn of_text(name: &str, text: String) -> Self {
        Self { name: name.to_owned(), sha256: sha256_hex(text.as_bytes()), text }
    }

    /// Reads a text file.
    pub(crate) fn read(file: &Path, cancel: &CancelFlag) -> Result<Self, AppError> {
        let refuse =
            |reason: String| AppError::Input(format!("the text {} cannot be used: {reason}", file.display()));
        let most = PERPLEXITY_TEXT_BYTES_MAX as u64;
        let bytes = read_named(file, most, cancel)?.map_err(|error| match error.kind() {
            ErrorKind::FileTooLarge => refuse(format!("it has more than {most} bytes; take a part of it")),
            _ => refuse(error.to_string()),
        })?;
        let sha256 = sha256_hex(&bytes);
        let mut text = plain_text(bytes).map_err(refuse)?;
        if text.ends_with('\n') {
            text.pop();
        }
        if text.is_empty() {
            return Err(refuse("it is empty".to_owned()));
        }
        let name = file.file_name().unwrap_or(file.as_os_str()).to_string_lossy().into_owned();
        Ok(Self { name, text, sha256 })
    }
}

/// What to say of chunks that a model was not trained for.
pub(crate) fn beyond_training(name: &str, chunk: u32, loaded: &LoadReport) -> Option<String> {
    let train = loaded.context_train;
    (train > 0 && chunk > train).then(|| {
        format!(
            "perplexity in chunks of {chunk} tokens is beyond the {train} tokens {name} was trained for and rises there for \
             that alone; choose a chunk of at most {train}"
        )
    })
}

/// Scores a text; an engine that dies is started anew once more than it dies at most.
pub(crate) async fn measure(
    host: &mut Host,
    passage: &Passage,
    measuring: &Measuring,
    events: &dyn EventSink,
) -> Result<Vec<ChunkScore>, AppError> {
    if host.settings().context < measuring.chunk {
        let settings = dyno_types::EngineSettings { context: measuring.chunk, ..host.settings().clone() };
        host.reopen(settings).await?;
    }
    events.emit(Event::PhaseStarted { phase: format!("perplexity of {}", passage.name), total: 100 });
    let result = attempts(host, passage, measuring, events).await;
    events.emit(Event::PhaseEnded);
    result
}

async fn attempts(
    host: &mut Host,
    passage: &Passage,
    measuring: &Measuring,
    events: &dyn EventSink,
) -> Result<Vec<ChunkScore>, AppError> {
    match once(host, passage, measuring, events).await {
        Err(AppError::Engine(cause)) if is_death(&cause) => {
            host.revive(&cause, events).await?;
            once(host, passage, measuring, events).await
        }
        result => result,
    }
}

async fn once(
    host: &Host,
    passage: &Passage,
    measuring: &Measuring,
    events: &dyn EventSink,
) -> Result<Vec<ChunkScore>, AppError> {
    let request = PerplexityRequest {
        text: passage.text.clone(),
        context: measuring.chunk,
        chunks_max: measuring.chunks_max,
        store: measuring.store.clone(),
        store_bytes_max: 0,
        reference: measuring.reference.clone(),
    };
    let mut stream = match host.session().perplexity(request).await {
        Err(EngineError::BadRequest(reason)) => return Err(refusal(host, passage, measuring, reason).await),
        stream => stream?,
    };
    let mut chunks: Vec<ChunkScore> = Vec::new();
    loop {
        let next = tokio::select! {
            biased;
            () = host.cancel().cancelled() => return Err(AppError::Cancelled),
            next = stream.next() => next,
        };
        // A file written to under the engine is another model from some chunk on.
        host.check_model()?;
        let Some(chunk) = next else { return Ok(chunks) };
        let chunk = match chunk {
            Err(EngineError::BadRequest(reason)) => {
                return Err(refusal(host, passage, measuring, reason).await);
            }
            chunk => chunk?,
        };
        let done = u64::from(chunk.index + 1) * 100 / u64::from(chunk.chunks.max(1));
        chunks.push(chunk);
        let running = nll_per_token(&chunks).map_or(f64::NAN, f64::exp);
        let detail = format!("chunk {} of {}, perplexity {running:.4}", chunks.len(), chunks[0].chunks);
        events.emit(Event::PhaseAdvanced { done, detail });
    }
}

/// Longest text that may be too short for one chunk, bytes: the longest chunk in tokens of any language's.
const SHORT_TEXT_BYTES_MAX: usize = 8 << 20;

/// What an engine refused; of a text too short for one chunk with the longest chunk that it would make.
async fn refusal(host: &Host, passage: &Passage, measuring: &Measuring, reason: String) -> AppError {
    let refused = AppError::Engine(EngineError::BadRequest(reason));
    if passage.text.len() > SHORT_TEXT_BYTES_MAX {
        return refused;
    }
    let Ok(tokens) = host.session().tokenize(&passage.text, true, false).await else { return refused };
    let (tokens, chunk) = (tokens.len() as u64, u64::from(measuring.chunk));
    if tokens >= chunk {
        return refused;
    }
    let what = format!("the text {} has {tokens} tokens, less than one chunk of {chunk}", passage.name);
    let longer = Remedy::LongerText;
    AppError::refused(
        what,
        match tokens >= u64::from(CHUNK_MIN) {
            true => Remedy::Either(vec![Remedy::AtMost(Wish::Chunk, tokens), longer]),
            false => longer,
        },
    )
}

fn nll_per_token(chunks: &[ChunkScore]) -> Option<f64> {
    let tokens: u64 = chunks.iter().map(|chunk| u64::from(chunk.tokens)).sum();
    let nll: f64 = chunks.iter().map(|chunk| chunk.nll).sum();
    (tokens > 0).then(|| nll / tokens as f64)
}

/// The perplexity; its standard error is 0 for a single chunk, which says nothing about others.
pub(crate) fn perplexity(passage: &Passage, context: u32, chunks: &[ChunkScore]) -> Option<PerplexityResult> {
    let likelihood = |chunk: &ChunkScore| ChunkLikelihood {
        negative_log_likelihood: chunk.nll,
        tokens: u64::from(chunk.tokens),
    };
    let likelihoods: Vec<ChunkLikelihood> = chunks.iter().map(likelihood).collect();
    let found = dyno_eval::perplexity(&likelihoods).ok()?;
    Some(PerplexityResult {
        text: passage.name.clone(),
        sha256: passage.sha256.clone(),
        context,
        chunks: found.chunks,
        tokens: found.tokens,
        ppl: found.ppl,
        standard_error: found.standard_error.unwrap_or(0.0),
    })
}

/// The divergence from a reference, places of one chunk counting as one cluster.
pub(crate) fn divergence(
    passage: &Passage,
    reference: &str,
    chunks: &[ChunkScore],
) -> Option<DivergenceResult> {
    let chunk = |chunk: &ChunkScore| {
        let divergence = chunk.divergence.as_ref()?;
        Some(ChunkDivergence {
            divergences: divergence.kld.clone(),
            same_top: u64::from(divergence.top1_agreements),
        })
    };
    let divergences: Vec<ChunkDivergence> = chunks.iter().map(chunk).collect::<Option<_>>()?;
    let found = dyno_eval::divergence(&divergences).ok()?;
    Some(DivergenceResult {
        reference: reference.to_owned(),
        text: passage.name.clone(),
        tokens: found.tokens,
        kld_mean: found.kld_mean,
        kld_standard_error: found.kld_standard_error.unwrap_or(0.0),
        kld_p999: found.kld_p999,
        top1_agree: found.top1_agree,
        top1_standard_error: found.top1_standard_error.unwrap_or(0.0),
    })
}

#[cfg(test)]
mod tests {
    use dyno_types::ChunkDivergence as Compared;

    use super::*;

    fn passage() -> Passage {
        Passage { name: "t".to_owned(), text: "x".to_owned(), sha256: "s".to_owned() }
    }

    fn chunk(index: u32, nll: f64, kld: &[f32], top1_agreements: u32) -> ChunkScore {
        let divergence = Compared { kld: kld.to_vec(), top1_agreements, reference_nll: 0.0 };
        ChunkScore { index, chunks: 2, tokens: 4, nll, nll_squared: 0.0, divergence: Some(divergence) }
    }

    #[test]
    fn the_perplexity_is_the_exponential_of_the_mean_with_an_error_over_chunks() {
        let chunks = [chunk(0, 4.0, &[], 0), chunk(1, 8.0, &[], 0)];
        let result = perplexity(&passage(), 9, &chunks).unwrap();
        assert_eq!((result.chunks, result.tokens), (2, 8));
        assert!((result.ppl - 1.5_f64.exp()).abs() < 1e-12);
        // Chunk means 1 and 2: s = √½, over √2 chunks gives ½.
        assert!((result.standard_error - 0.5 * 1.5_f64.exp()).abs() < 1e-12);
        assert_eq!(perplexity(&passage(), 9, &chunks[..1]).unwrap().standard_error, 0.0);
        assert_eq!(perplexity(&passage(), 9, &[]), None);
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_a_text() {
        let folder = tempfile::tempdir().unwrap();
        let read = |name: &str, bytes: &[u8]| {
            let file = folder.path().join(name);
            std::fs::write(&file, bytes).unwrap();
            Passage::read(&file, &CancelFlag::default())
        };
        let plain = read("plain.txt", b"Once upon a time\n").unwrap();
        let marked = read("marked.txt", b"\xEF\xBB\xBFOnce upon a time\n").unwrap();
        assert_eq!((plain.text.as_str(), &marked.text), ("Once upon a time", &plain.text));
        assert_ne!(plain.sha256, marked.sha256, "that of the file");
        assert!(read("only.txt", b"\xEF\xBB\xBF\n").unwrap_err().to_string().contains("empty"));
    }

    #[test]
    fn only_chunks_beyond_the_training_context_get_a_remark() {
        let loaded = |context_train| LoadReport { context_train, ..LoadReport::default() };
        assert_eq!(beyond_training("m", 512, &loaded(512)), None);
        assert_eq!(beyond_training("m", 513, &loaded(0)), None, "nobody knows");
        let told = beyond_training("m.gguf", 513, &loaded(512)).unwrap();
        assert!(told.contains("513") && told.contains("512 tokens m.gguf was trained for"), "{told}");
    }

    #[test]
    fn divergences_of_one_chunk_belong_together() {
        let chunks = [chunk(0, 0.0, &[0.5, 0.5, 0.5, 0.5], 4), chunk(1, 0.0, &[0.0; 4], 0)];
        let result = divergence(&passage(), "r", &chunks).unwrap();
        assert_eq!((result.tokens, result.kld_mean, result.kld_p999), (8, 0.25, None));
        // Two clusters: as uncertain as two values would be, not eight.
        assert!((result.kld_standard_error - 0.25).abs() < 1e-12, "{result:?}");
        assert!((result.top1_standard_error - 0.5).abs() < 1e-12, "{result:?}");
        assert_eq!(result.top1_agree, 0.5);
    }
}
