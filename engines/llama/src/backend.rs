//! llama.cpp behind the runtime's `Backend` trait: checks first, then calls, then names what went wrong.

use std::ffi::CString;
use std::path::Path;
use std::rc::Rc;

use dyno_runtime::{Backend, BackendError, BackendInfo, BatchItem, DescribedModel};
use dyno_types::{EngineSettings, MemoryBreakdown, QuantizeRequest, Switch, TokenId};

use crate::identity;
use crate::log;
use crate::native::{self, Context, Layout, Model};
use crate::quantize;

/// Most sequences one context of llama.cpp can hold (its `LLAMA_MAX_SEQ`).
const MAX_SEQUENCES: u32 = 256;

/// Sequences of a pool, where one more costs nothing: enough short continuations to fill a batch.
const POOL_SEQUENCES: u32 = 128;

/// Fewest sequences of a pool of a recurrent model: a shared beginning, a prefix and a continuation.
const POOL_STATES_MIN: u32 = 3;

/// llama.cpp as a backend.
#[derive(Default)]
pub struct LlamaBackend {
    context: Option<Context>,
    sequences: u32,
    model: Option<Loaded>,
}

struct Loaded {
    handle: Rc<Model>,
    described: DescribedModel,
}

impl LlamaBackend {
    /// Starts llama.cpp in this process, without a model.
    #[must_use]
    pub fn new() -> Self {
        native::start();
        Self::default()
    }

    fn loaded(&self) -> &Loaded {
        self.model.as_ref().expect("the runtime loads a model before it uses one")
    }

    fn opened(&mut self) -> &mut Context {
        self.context.as_mut().expect("the runtime opens a context before it uses one")
    }

    fn open_layout(&mut self, settings: &EngineSettings, layout: Layout) -> Result<u32, BackendError> {
        let handle = Rc::clone(&self.loaded().handle);
        // The old context goes first: two at once may not fit.
        self.context = None;
        check_cache_blocks(settings, handle.key_width())?;
        let _ = log::take_errors();
        let context = Context::open(&handle, &with_threads(settings), layout)
            .ok_or_else(|| context_failure(settings, &log::take_errors()))?;
        if !context.has_memory() {
            let message =
                "this model keeps no state between tokens (an embedding model?), so it cannot generate text";
            return Err(BackendError::BadRequest(message.to_owned()));
        }
        let window = context.window();
        self.sequences = layout.sequences;
        self.context = Some(context);
        Ok(window)
    }

    /// Undoes a failed batch: llama.cpp drops only the part that failed, not the parts before it.
    fn roll_back(&mut self, batch: &[BatchItem]) {
        for sequence in 0..self.sequences {
            let positions = batch.iter().filter(|item| item.sequence == sequence).map(|item| item.position);
            let Some(first) = positions.min() else { continue };
            let context = self.opened();
            if !context.trim(sequence, first) {
                // Recurrent state cannot be wound back; an empty sequence fails loudly where a wrong one would not.
                context.trim(sequence, 0);
            }
        }
    }
}

impl Backend for LlamaBackend {
    fn info(&self) -> BackendInfo {
        identity::info()
    }

    fn load(
        &mut self,
        path: &Path,
        settings: &EngineSettings,
        progress: &mut dyn FnMut(f32) -> bool,
    ) -> Result<DescribedModel, BackendError> {
        self.unload();
        if settings.gpu_layers > 0 && !native::has_accelerator() {
            return Err(BackendError::BadRequest(format!(
                "{} layers for an accelerator: there is none that this engine can compute them on; ask for none",
                settings.gpu_layers
            )));
        }
        let file = CString::new(path.as_os_str().as_encoded_bytes())
            .map_err(|_| BackendError::BadRequest(format!("the path {path:?} contains a zero byte")))?;
        let _ = log::take_errors();
        let (handle, aborted) = Model::load(&file, settings, progress);
        let handle = match handle {
            Some(_) | None if aborted => return Err(BackendError::Cancelled),
            Some(handle) => Rc::new(handle),
            None => return Err(load_failure(&log::take_errors())),
        };
        if !handle.is_autoregressive() {
            return Err(BackendError::Model(
                "this model does not generate text (it encodes or diffuses)".to_owned(),
            ));
        }
        let described = handle.describe();
        if described.vocabulary == 0 {
            return Err(BackendError::Model("this model has an empty vocabulary".to_owned()));
        }
        self.model = Some(Loaded { handle, described: described.clone() });
        Ok(described)
    }

    fn open_context(&mut self, settings: &EngineSettings) -> Result<u32, BackendError> {
        let cells = check_context(settings)?;
        self.open_layout(settings, Layout { cells, sequences: settings.sequences, pooled: false })
    }

    fn open_pool(&mut self, settings: &EngineSettings, cells: u32) -> Result<u32, BackendError> {
        check_context(settings)?;
        let recurrent = self.loaded().handle.is_recurrent();
        let sequences = if recurrent { settings.sequences.max(POOL_STATES_MIN) } else { POOL_SEQUENCES };
        self.open_layout(settings, Layout { cells: cells.max(1), sequences, pooled: true })?;
        Ok(sequences)
    }

    fn set_threads(&mut self, decode: u32, prefill: u32) {
        if !self.opened().set_threads(decode.max(1), prefill.max(1)) {
            log::receive(
                Some(log::Level::Warning),
                "worker threads could not be started; the old number stays\n",
            );
        }
    }

    fn tokenize(
        &self,
        text: &str,
        add_special: bool,
        parse_special: bool,
    ) -> Result<Vec<TokenId>, BackendError> {
        let Loaded { handle: model, described } = self.loaded();
        if !model.has_tokenizer() {
            return Err(BackendError::BadRequest(
                "this model file has no tokenizer; send token ids".to_owned(),
            ));
        }
        let mut tokens = model.tokenize(text, add_special, parse_special).ok_or_else(|| {
            BackendError::BadRequest(format!(
                "a text of {} bytes is too long to tokenize at once",
                text.len()
            ))
        })?;
        // Some files ask for EOS behind every text, and here a text is always there to be gone on with.
        if add_special && described.adds_eos {
            tokens.pop_if(|last| Some(*last) == described.eos);
        }
        Ok(tokens)
    }

    fn token_bytes(&self, token: TokenId) -> Vec<u8> {
        let Loaded { handle, described } = self.loaded();
        if token < described.vocabulary && handle.has_tokenizer() {
            handle.token_bytes(token, false)
        } else {
            Vec::new()
        }
    }

    fn token_text(&self, token: TokenId) -> String {
        let Loaded { handle, described } = self.loaded();
        if token < described.vocabulary && handle.has_tokenizer() {
            String::from_utf8_lossy(&handle.token_bytes(token, true)).into_owned()
        } else {
            String::new()
        }
    }

    fn ends_generation(&self, token: TokenId) -> bool {
        self.loaded().handle.ends_generation(token)
    }

    fn decode(&mut self, batch: &[BatchItem]) -> Result<(), BackendError> {
        let vocabulary = self.loaded().described.vocabulary;
        let sequences = self.sequences;
        let context = self.opened();
        check_batch(batch, context.batch_limit(), vocabulary, sequences)?;
        let code = context.decode(batch);
        if code == 0 {
            return Ok(());
        }
        let lines = log::take_errors();
        // Codes 1 and -1 are given before anything is computed: the sequences are as they were, and the positions of a refused
        // batch may be those of tokens that must stay.
        if !matches!(code, 1 | -1) {
            self.roll_back(batch);
        }
        Err(decode_failure(code, batch.len(), &lines))
    }

    fn logits(&self, index: usize) -> &[f32] {
        let context = self.context.as_ref().expect("the runtime opens a context before it uses one");
        context.logits(index).expect("the runtime asks only for logits that the last batch wanted")
    }

    fn trim_sequence(&mut self, sequence: u32, from: u32) -> bool {
        assert!(sequence < self.sequences, "sequence {sequence} of {}", self.sequences);
        self.opened().trim(sequence, from)
    }

    fn copy_sequence(&mut self, from: u32, to: u32) {
        assert!(from.max(to) < self.sequences, "sequences {from} and {to} of {}", self.sequences);
        if from != to {
            self.opened().copy(from, to);
        }
    }

    fn clear(&mut self) {
        self.opened().clear();
    }

    fn memory(&self) -> MemoryBreakdown {
        let weights_bytes = self.model.as_ref().map_or(0, |model| model.handle.weights_bytes());
        let without_context = MemoryBreakdown { weights_bytes, ..MemoryBreakdown::default() };
        self.context.as_ref().map_or(without_context, Context::memory)
    }

    fn unload(&mut self) {
        self.context = None;
        self.model = None;
    }

    fn quantize(
        &mut self,
        request: &QuantizeRequest,
        progress: &mut dyn FnMut(f32) -> bool,
    ) -> Result<(), BackendError> {
        quantize::quantize(request, progress)
    }
}

/// Thread counts that were left open become one per processor this process may use.
fn with_threads(settings: &EngineSettings) -> EngineSettings {
    let all = std::thread::available_parallelism()
        .map_or(1, |count| u32::try_from(count.get()).unwrap_or(u32::MAX));
    let chosen = |threads: u32| if threads == 0 { all } else { threads };
    EngineSettings {
        threads: chosen(settings.threads),
        threads_prefill: chosen(settings.threads_prefill),
        ..settings.clone()
    }
}

/// Refuses what llama.cpp would refuse or die of; gives the KV cells of all sequences together.
fn check_context(settings: &EngineSettings) -> Result<u32, BackendError> {
    let refuse = |reason: String| Err(BackendError::BadRequest(reason));
    let EngineSettings { context, batch, ubatch, sequences, .. } = *settings;
    if context == 0 || batch == 0 || ubatch == 0 {
        return refuse(format!(
            "context {context}, batch {batch} and ubatch {ubatch} must all be at least 1"
        ));
    }
    if !(1..=MAX_SEQUENCES).contains(&sequences) {
        return refuse(format!("{sequences} sequences: this engine holds 1 to {MAX_SEQUENCES}"));
    }
    if settings.kv_type_v.block_elements() > 1 && settings.flash_attention == Switch::Off {
        let name = settings.kv_type_v.name();
        return refuse(format!(
            "a {name} KV cache of values needs flash attention: allow that, or use f16 for values"
        ));
    }
    match context.checked_mul(sequences).filter(|cells| i32::try_from(*cells).is_ok()) {
        Some(cells) => Ok(cells),
        None => {
            refuse(format!("{sequences} sequences of {context} tokens are more than this engine can count"))
        }
    }
}

/// Refuses a quantized cache of keys whose heads end inside a block. llama.cpp checks this with flash attention alone;
/// without it, it would compute nonsense.
fn check_cache_blocks(settings: &EngineSettings, key_width: u32) -> Result<(), BackendError> {
    let (name, block) = (settings.kv_type_k.name(), settings.kv_type_k.block_elements());
    if !key_width.is_multiple_of(block) {
        return Err(BackendError::BadRequest(format!(
            "a {name} KV cache of keys needs heads of a multiple of {block}, and this model's are {key_width} wide: use f16 \
             for keys"
        )));
    }
    Ok(())
}

/// Refuses batches that llama.cpp asserts against.
fn check_batch(
    batch: &[BatchItem],
    limit: usize,
    vocabulary: u32,
    sequences: u32,
) -> Result<(), BackendError> {
    if batch.is_empty() || batch.len() > limit {
        return Err(BackendError::BadRequest(format!(
            "a batch of {} tokens: this context takes 1 to {limit}",
            batch.len()
        )));
    }
    let outside = |item: &&BatchItem| {
        item.token >= vocabulary || item.sequence >= sequences || i32::try_from(item.position).is_err()
    };
    match batch.iter().find(outside) {
        None => Ok(()),
        Some(item) => Err(BackendError::BadRequest(format!(
            "token {} at position {} of sequence {}: there are {vocabulary} tokens and {sequences} sequences",
            item.token, item.position, item.sequence
        ))),
    }
}

fn load_failure(lines: &[String]) -> BackendError {
    let cause = log::cause(lines);
    if log::tells_of_memory(lines) { BackendError::OutOfMemory(cause) } else { BackendError::Model(cause) }
}

fn context_failure(settings: &EngineSettings, lines: &[String]) -> BackendError {
    let cause = log::cause(lines);
    let EngineSettings { context, sequences, .. } = settings;
    if lines.is_empty() || log::tells_of_memory(lines) {
        BackendError::OutOfMemory(format!(
            "a context of {context} tokens for {sequences} sequence(s) does not fit: {cause}"
        ))
    } else {
        BackendError::BadRequest(format!("llama.cpp refused a context of {context} tokens: {cause}"))
    }
}

fn decode_failure(code: i32, tokens: usize, lines: &[String]) -> BackendError {
    let cause = log::cause(lines);
    match code {
        1 => BackendError::BadRequest(format!("the context is full: no room for {tokens} more token(s)")),
        2 => BackendError::Cancelled,
        -1 => BackendError::BadRequest(format!("llama.cpp refused the batch: {cause}")),
        -2 => BackendError::OutOfMemory(format!("no memory to compute {tokens} token(s): {cause}")),
        _ => BackendError::Internal(format!("llama.cpp failed with code {code}: {cause}")),
    }
}

#[cfg(test)]
mod tests;
