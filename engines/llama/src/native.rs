//! The only module that talks to llama.cpp: owned handles with safe methods over the raw bindings.
//!
//! What must hold is kept by ownership: a [`Context`] holds its [`Model`] alive, a context's thread pools outlive it, and
//! handles are freed exactly once, on drop. Handles stay on the thread that made them (raw pointers are not `Send`).
//! llama.cpp may abort the process on broken invariants, so everything that it asserts about its arguments is checked
//! here or in `backend.rs` before the call.
#![allow(unsafe_code)]

use std::any::Any;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ffi::{CStr, CString, c_char, c_void};
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr::NonNull;
use std::rc::Rc;
use std::sync::Once;

use dyno_runtime::{BatchItem, DescribedModel};
use dyno_types::{EngineSettings, KvType, MemoryBreakdown, Switch, TokenId};
use llama_cpp_sys_4 as sys;

use crate::log::{self, Level};

mod accelerator;
mod quantize;

pub(crate) use accelerator::has_accelerator;
pub(crate) use quantize::{QuantizeOptions, quantize};

/// Routes logs and aborts here and starts llama.cpp, once per process.
pub(crate) fn start() {
    static STARTED: Once = Once::new();
    STARTED.call_once(|| {
        log::set_threshold(std::env::var("RUST_LOG").ok().as_deref());
        // SAFETY: both callbacks are plain functions that live as long as the program and never unwind; the user data is unused.
        unsafe {
            sys::llama_log_set(Some(on_log), std::ptr::null_mut());
            sys::ggml_set_abort_callback(Some(on_abort));
            sys::llama_backend_init();
        }
    });
}

unsafe extern "C" fn on_log(level: sys::ggml_log_level, text: *const c_char, _user: *mut c_void) {
    let level = match level {
        sys::GGML_LOG_LEVEL_CONT => None,
        sys::GGML_LOG_LEVEL_ERROR => Some(Level::Error),
        sys::GGML_LOG_LEVEL_WARN => Some(Level::Warning),
        sys::GGML_LOG_LEVEL_INFO => Some(Level::Info),
        _ => Some(Level::Debug),
    };
    // A panic must not unwind into C++; a lost log line is the smaller evil.
    let _ = catch_unwind(|| log::receive(level, &text_at(text)));
}

/// Called right before llama.cpp aborts the process: its reason becomes the last line of the log.
unsafe extern "C" fn on_abort(message: *const c_char) {
    // The process ends either way; a panic here must not get in the way of that.
    let _ = catch_unwind(|| {
        let line = log::abort_line(&text_at(message), &log::take_errors());
        let _ = writeln!(std::io::stderr().lock(), "{line}");
    });
}

/// A C string of llama.cpp as text; nothing for NULL.
fn text_at(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: not NULL, and llama.cpp's strings end with NUL and live for the duration of the call that handed them over
    // (or for ever, for the static ones asked for below); the copy is taken at once.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}

/// Version of llama.cpp, e.g. `0.8.0`.
pub(crate) fn version() -> String {
    // SAFETY: returns a static string.
    text_at(unsafe { sys::llama_version() })
}

/// Devices and instruction sets as llama.cpp prints them, e.g. `CPU : SSE3 = 1 | AVX2 = 1 | `.
pub(crate) fn system_info() -> String {
    // SAFETY: the backends are registered (`start` ran); returns a string in static storage, copied before the next call.
    text_at(unsafe { sys::llama_print_system_info() })
}

/// A loaded model.
pub(crate) struct Model {
    raw: NonNull<sys::llama_model>,
    vocab: NonNull<sys::llama_vocab>,
}

/// What the progress callback carries through llama.cpp.
struct Progress<'a> {
    sink: &'a mut dyn FnMut(f32) -> bool,
    aborted: bool,
    panic: Option<Box<dyn Any + Send>>,
}

unsafe extern "C" fn on_progress(fraction: f32, user: *mut c_void) -> bool {
    // SAFETY: `user` is the `Progress` that `Model::load` keeps alive and otherwise untouched during the load; calls do not overlap.
    let progress = unsafe { &mut *user.cast::<Progress<'_>>() };
    let go_on = catch_unwind(AssertUnwindSafe(|| (progress.sink)(fraction))).unwrap_or_else(|panic| {
        progress.panic = Some(panic);
        false
    });
    progress.aborted |= !go_on;
    go_on
}

impl Model {
    /// Loads weights. Nothing when llama.cpp failed (its log says why) or when `sink` returned false (the flag says so).
    pub(crate) fn load(
        path: &CStr,
        settings: &EngineSettings,
        sink: &mut dyn FnMut(f32) -> bool,
    ) -> (Option<Self>, bool) {
        let mut progress = Progress { sink, aborted: false, panic: None };
        // SAFETY: takes no arguments and returns plain values.
        let mut params = unsafe { sys::llama_model_default_params() };
        params.n_gpu_layers = i32::try_from(settings.gpu_layers).unwrap_or(i32::MAX);
        params.load_mode = match (settings.mmap, settings.mlock) {
            (false, false) => sys::LLAMA_LOAD_MODE_NONE,
            (true, false) => sys::LLAMA_LOAD_MODE_MMAP,
            (false, true) => sys::LLAMA_LOAD_MODE_MLOCK,
            (true, true) => sys::LLAMA_LOAD_MODE_MMAP_MLOCK,
        };
        params.progress_callback = Some(on_progress);
        params.progress_callback_user_data = (&raw mut progress).cast();
        // SAFETY: the path is NUL-terminated; `params` holds defaults, plain values and a callback whose data outlives the call.
        let raw = NonNull::new(unsafe { sys::llama_model_load_from_file(path.as_ptr(), params) });
        // SAFETY: the model was just loaded; every model has a vocabulary (perhaps an empty one) that it owns.
        let model = raw.and_then(|raw| {
            let vocab = NonNull::new(unsafe { sys::llama_model_get_vocab(raw.as_ptr()) }.cast_mut())?;
            Some(Self { raw, vocab })
        });
        if let Some(panic) = progress.panic.take() {
            drop(model);
            resume_unwind(panic);
        }
        (model, progress.aborted)
    }

    /// What the file says of the model.
    pub(crate) fn describe(&self) -> DescribedModel {
        let (model, vocab) = (self.raw.as_ptr(), self.vocab.as_ptr());
        let token = |id: sys::llama_token| TokenId::try_from(id).ok();
        let count = |n: i32| u32::try_from(n).unwrap_or_default();
        // SAFETY: both handles live as long as `self`; these are const getters, and the template string is copied at once.
        unsafe {
            let template = sys::llama_model_chat_template(model, std::ptr::null());
            DescribedModel {
                layers: count(sys::llama_model_n_layer(model)),
                vocabulary: count(sys::llama_vocab_n_tokens(vocab)),
                context_train: count(sys::llama_model_n_ctx_train(model)),
                adds_bos: sys::llama_vocab_get_add_bos(vocab),
                adds_eos: sys::llama_vocab_get_add_eos(vocab),
                bos: token(sys::llama_vocab_bos(vocab)),
                eos: token(sys::llama_vocab_eos(vocab)),
                chat_template: (!template.is_null()).then(|| text_at(template)),
            }
        }
    }

    /// Whether the model continues text token by token (and is no encoder, and no diffusion model).
    pub(crate) fn is_autoregressive(&self) -> bool {
        let model = self.raw.as_ptr();
        // SAFETY: the handle lives as long as `self`; const getters.
        unsafe {
            sys::llama_model_has_decoder(model)
                && !sys::llama_model_has_encoder(model)
                && !sys::llama_model_is_diffusion(model)
        }
    }

    /// Whether some of its layers keep a state per sequence that no cell of a cache holds.
    pub(crate) fn is_recurrent(&self) -> bool {
        let model = self.raw.as_ptr();
        // SAFETY: the handle lives as long as `self`; const getters.
        unsafe { sys::llama_model_is_recurrent(model) || sys::llama_model_is_hybrid(model) }
    }

    /// Whether the file carries a tokenizer.
    pub(crate) fn has_tokenizer(&self) -> bool {
        // SAFETY: the handle lives as long as `self`; a const getter.
        unsafe { sys::llama_vocab_type(self.vocab.as_ptr()) != sys::LLAMA_VOCAB_TYPE_NONE }
    }

    /// Width of one attention head's keys, elements: as the file says, else the embedding over the heads. 0 when the model
    /// has no attention.
    pub(crate) fn key_width(&self) -> u32 {
        let architecture = self.metadata("general.architecture").unwrap_or_default();
        let stated = self.metadata(&format!("{architecture}.attention.key_length"));
        // SAFETY: the handle lives as long as `self`; const getters.
        let (embedding, heads) = unsafe {
            (sys::llama_model_n_embd(self.raw.as_ptr()), sys::llama_model_n_head(self.raw.as_ptr()))
        };
        let derived = embedding.checked_div(heads).and_then(|width| u32::try_from(width).ok());
        stated.and_then(|width| width.parse().ok()).or(derived).unwrap_or_default()
    }

    /// A value of the file's metadata as text, when it is short.
    fn metadata(&self, key: &str) -> Option<String> {
        let key = CString::new(key).ok()?;
        let mut value = [0_u8; 128];
        // SAFETY: the handle lives as long as `self`; at most the given number of bytes is written, ended by a zero.
        unsafe {
            let length = sys::llama_model_meta_val_str(
                self.raw.as_ptr(),
                key.as_ptr(),
                value.as_mut_ptr().cast(),
                value.len(),
            );
            usize::try_from(length).ok().filter(|length| *length < value.len())?;
        }
        CStr::from_bytes_until_nul(&value).ok()?.to_str().ok().map(str::to_owned)
    }

    /// Size of all tensors, bytes.
    pub(crate) fn weights_bytes(&self) -> u64 {
        // SAFETY: the handle lives as long as `self`; a const getter.
        unsafe { sys::llama_model_size(self.raw.as_ptr()) }
    }

    /// Text → tokens; nothing when the text is too long for llama.cpp to count its tokens. The model must have a tokenizer.
    pub(crate) fn tokenize(
        &self,
        text: &str,
        add_special: bool,
        parse_special: bool,
    ) -> Option<Vec<TokenId>> {
        let length = i32::try_from(text.len()).ok()?;
        let mut tokens: Vec<sys::llama_token> = vec![0; text.len().saturating_add(8)];
        for _ in 0..2 {
            let room = i32::try_from(tokens.len()).unwrap_or(i32::MAX);
            // SAFETY: `text` is `length` readable bytes and `tokens` has `room` writable entries; the vocabulary is const.
            let count = unsafe {
                sys::llama_tokenize(
                    self.vocab.as_ptr(),
                    text.as_ptr().cast(),
                    length,
                    tokens.as_mut_ptr(),
                    room,
                    add_special,
                    parse_special,
                )
            };
            match usize::try_from(count) {
                Ok(count) => {
                    tokens.truncate(count);
                    return Some(
                        tokens.into_iter().filter_map(|token| TokenId::try_from(token).ok()).collect(),
                    );
                }
                // A negative count is the room that is needed; i32::MIN says that it cannot be counted.
                Err(_) => tokens.resize(usize::try_from(count.checked_neg()?).ok()?, 0),
            }
        }
        None
    }

    /// Bytes of a token < vocabulary; control tokens have none unless they are to be spelled.
    pub(crate) fn token_bytes(&self, token: TokenId, spelled: bool) -> Vec<u8> {
        let Ok(token) = sys::llama_token::try_from(token) else { return Vec::new() };
        let mut bytes = vec![0u8; 32];
        for _ in 0..2 {
            let room = i32::try_from(bytes.len()).unwrap_or(i32::MAX);
            // SAFETY: `bytes` has `room` writable bytes; the caller checked that the token is in the vocabulary.
            let count = unsafe {
                sys::llama_token_to_piece(
                    self.vocab.as_ptr(),
                    token,
                    bytes.as_mut_ptr().cast(),
                    room,
                    0,
                    spelled,
                )
            };
            match usize::try_from(count) {
                Ok(count) => {
                    bytes.truncate(count);
                    return bytes;
                }
                Err(_) => bytes.resize(usize::try_from(count.unsigned_abs()).unwrap_or_default(), 0),
            }
        }
        Vec::new()
    }

    /// Whether the token ends a generation.
    pub(crate) fn ends_generation(&self, token: TokenId) -> bool {
        // SAFETY: a look-up in a set; any id is allowed.
        sys::llama_token::try_from(token)
            .is_ok_and(|token| unsafe { sys::llama_vocab_is_eog(self.vocab.as_ptr(), token) })
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        // SAFETY: the handle is ours, and contexts hold an `Rc` of the model, so none is left.
        unsafe { sys::llama_model_free(self.raw.as_ptr()) }
    }
}

/// Worker threads that stay between graphs. Without one, llama.cpp starts and joins threads for every graph.
struct ThreadPool(NonNull<sys::ggml_threadpool>);

impl ThreadPool {
    /// Threads that poll a while for the next graph before they sleep, as `llama-bench` sets them up.
    fn new(threads: u32) -> Option<Self> {
        let threads = i32::try_from(threads).ok()?;
        // SAFETY: plain values in and out; the parameters are only read during the call.
        unsafe {
            let mut params = sys::ggml_threadpool_params_default(threads);
            NonNull::new(sys::ggml_threadpool_new(&raw mut params)).map(Self)
        }
    }
}

impl Drop for ThreadPool {
    fn drop(&mut self) {
        // SAFETY: the handle is ours; no context uses it any more (they are detached or freed first).
        unsafe { sys::ggml_threadpool_free(self.0.as_ptr()) }
    }
}

/// Thread counts, and the pools that provide them by size.
///
/// A pool once made stays until the context is freed: the CPU backend remembers the pool it computed with last, and pauses
/// it when it is given another one at its next graph. A pool at rest sleeps and costs no time.
struct Threads {
    decode: u32,
    prefill: u32,
    pools: BTreeMap<u32, ThreadPool>,
}

impl Threads {
    fn new(decode: u32, prefill: u32) -> Option<Self> {
        let mut threads = Self { decode, prefill, pools: BTreeMap::new() };
        threads.set(decode, prefill).then_some(threads)
    }

    /// Changes the counts. False, and nothing changed, when the threads could not be started.
    fn set(&mut self, decode: u32, prefill: u32) -> bool {
        for count in [decode, prefill] {
            if let Entry::Vacant(place) = self.pools.entry(count) {
                let Some(pool) = ThreadPool::new(count) else { return false };
                place.insert(pool);
            }
        }
        (self.decode, self.prefill) = (decode, prefill);
        true
    }

    /// The pool of a count; NULL, for which llama.cpp starts threads of its own, cannot happen for the counts set.
    fn pool(&self, count: u32) -> sys::ggml_threadpool_t {
        self.pools.get(&count).map_or(std::ptr::null_mut(), |pool| pool.0.as_ptr())
    }
}

/// The arrays of a `llama_batch`, allocated once.
#[derive(Default)]
struct BatchArrays {
    tokens: Vec<sys::llama_token>,
    positions: Vec<sys::llama_pos>,
    sequence_counts: Vec<i32>,
    sequences: Vec<sys::llama_seq_id>,
    sequence_pointers: Vec<*mut sys::llama_seq_id>,
    wants_logits: Vec<i8>,
}

impl BatchArrays {
    /// The batch as llama.cpp takes it; valid until the next call.
    fn fill(&mut self, items: &[BatchItem]) -> sys::llama_batch {
        // Saturation cannot happen for checked items; llama.cpp refuses what is out of range.
        let signed = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
        self.tokens.clear();
        self.tokens.extend(items.iter().map(|item| signed(item.token)));
        self.positions.clear();
        self.positions.extend(items.iter().map(|item| signed(item.position)));
        self.sequence_counts.resize(items.len(), 1);
        self.sequences.clear();
        self.sequences.extend(items.iter().map(|item| signed(item.sequence)));
        self.sequence_pointers.clear();
        self.sequence_pointers.extend(self.sequences.iter_mut().map(std::ptr::from_mut));
        self.wants_logits.clear();
        self.wants_logits.extend(items.iter().map(|item| i8::from(item.wants_logits)));
        sys::llama_batch {
            n_tokens: i32::try_from(items.len()).unwrap_or(i32::MAX),
            token: self.tokens.as_mut_ptr(),
            embd: std::ptr::null_mut(),
            pos: self.positions.as_mut_ptr(),
            n_seq_id: self.sequence_counts.as_mut_ptr(),
            seq_id: self.sequence_pointers.as_mut_ptr(),
            logits: self.wants_logits.as_mut_ptr(),
        }
    }
}

/// How a context holds its sequences.
#[derive(Clone, Copy)]
pub(crate) struct Layout {
    /// KV cells of all sequences together.
    pub(crate) cells: u32,
    pub(crate) sequences: u32,
    /// Whether the sequences share the cells; otherwise each has its part.
    pub(crate) pooled: bool,
}

/// A context: the sequences' state and the buffers to compute in.
pub(crate) struct Context {
    raw: NonNull<sys::llama_context>,
    memory: sys::llama_memory_t,
    vocabulary: usize,
    arrays: BatchArrays,
    // Dropped after `drop` has freed the context that uses them.
    threads: Threads,
    model: Rc<Model>,
}

impl Context {
    /// Opens a context for checked settings with thread counts chosen. Nothing when llama.cpp failed; its log says why.
    pub(crate) fn open(model: &Rc<Model>, settings: &EngineSettings, layout: Layout) -> Option<Self> {
        let threads = Threads::new(settings.threads, settings.threads_prefill)?;
        let raw = NonNull::new(unsafe {
            // SAFETY: the model is alive; the parameters are defaults and plain values without pointers.
            sys::llama_init_from_model(model.raw.as_ptr(), context_params(settings, layout))
        })?;
        let describe = model.describe();
        // SAFETY: the context was just made; its memory (NULL for models without one) lives as long as it does.
        let memory = unsafe { sys::llama_get_memory(raw.as_ptr()) };
        let vocabulary = usize::try_from(describe.vocabulary).ok()?;
        let mut context = Self {
            raw,
            memory,
            vocabulary,
            arrays: BatchArrays::default(),
            threads,
            model: Rc::clone(model),
        };
        context.attach();
        Some(context)
    }

    /// Whether the context keeps state between batches; an encoder's does not.
    pub(crate) fn has_memory(&self) -> bool {
        !self.memory.is_null()
    }

    /// Window of one sequence, tokens.
    pub(crate) fn window(&self) -> u32 {
        // SAFETY: the handle lives as long as `self`; a const getter.
        unsafe { sys::llama_n_ctx_seq(self.raw.as_ptr()) }
    }

    /// Most tokens in one batch.
    pub(crate) fn batch_limit(&self) -> usize {
        // SAFETY: the handle lives as long as `self`; a const getter.
        usize::try_from(unsafe { sys::llama_n_batch(self.raw.as_ptr()) }).unwrap_or(usize::MAX)
    }

    /// Changes the thread counts (both ≥ 1). False when the threads could not be started; the old ones stay then.
    pub(crate) fn set_threads(&mut self, decode: u32, prefill: u32) -> bool {
        if (self.threads.decode, self.threads.prefill) == (decode, prefill) {
            return true;
        }
        let changed = self.threads.set(decode, prefill);
        if changed {
            self.attach();
        }
        changed
    }

    fn attach(&mut self) {
        let Threads { decode, prefill, .. } = self.threads;
        let count = |n: u32| i32::try_from(n).unwrap_or(1);
        // SAFETY: context and pools are alive, and the pools stay so until the context is freed.
        unsafe {
            sys::llama_attach_threadpool(
                self.raw.as_ptr(),
                self.threads.pool(decode),
                self.threads.pool(prefill),
            );
            sys::llama_set_n_threads(self.raw.as_ptr(), count(decode), count(prefill));
        }
    }

    /// Computes a batch of 1..=[`Self::batch_limit`] items and waits for it. Zero, or llama.cpp's code of the failure.
    pub(crate) fn decode(&mut self, items: &[BatchItem]) -> i32 {
        let batch = self.arrays.fill(items);
        // SAFETY: the arrays have `n_tokens` entries and stay untouched during the call, which copies what it keeps.
        unsafe {
            let code = sys::llama_decode(self.raw.as_ptr(), batch);
            sys::llama_synchronize(self.raw.as_ptr());
            code
        }
    }

    /// Logits of an item of the last batch that wanted them; nothing for others.
    pub(crate) fn logits(&self, index: usize) -> Option<&[f32]> {
        let index = i32::try_from(index).ok()?;
        // SAFETY: an index without logits gives NULL; otherwise the row has one entry per token of the vocabulary and stays until
        // the next decode, which needs `&mut self`.
        unsafe {
            let row = NonNull::new(sys::llama_get_logits_ith(self.raw.as_ptr(), index))?;
            Some(std::slice::from_raw_parts(row.as_ptr(), self.vocabulary))
        }
    }

    /// Drops positions `from..` of a sequence below the opened number. False, and nothing dropped, when the model's state
    /// cannot be cut there: it is recurrent, or its sliding windows have moved past what they would need.
    pub(crate) fn trim(&mut self, sequence: u32, from: u32) -> bool {
        let (Ok(sequence), Ok(from)) = (i32::try_from(sequence), i32::try_from(from)) else { return false };
        // SAFETY: the model is alive; a const getter.
        let window = unsafe { sys::llama_model_n_swa(self.model.raw.as_ptr()) };
        // SAFETY: the memory lives as long as the context; the caller checked the sequence number.
        unsafe {
            // llama.cpp itself cuts windows without asking; only the positions that are left tell.
            let first = sys::llama_memory_seq_pos_min(self.memory, sequence);
            if window > 0 && from > 0 && first > (from - window).max(0) {
                return false;
            }
            sys::llama_memory_seq_rm(self.memory, sequence, from, -1)
        }
    }

    /// Makes sequence `to` a copy of `from`, both below the opened number and different.
    pub(crate) fn copy(&mut self, from: u32, to: u32) {
        let (Ok(from), Ok(to)) = (i32::try_from(from), i32::try_from(to)) else { return };
        // SAFETY: as above. The whole range is copied, which is the only one allowed between separate streams.
        unsafe { sys::llama_memory_seq_cp(self.memory, from, to, -1, -1) }
    }

    /// Forgets all sequences. The buffers keep their old bytes, which nothing reads.
    pub(crate) fn clear(&mut self) {
        // SAFETY: the memory lives as long as the context.
        unsafe { sys::llama_memory_clear(self.memory, false) }
    }

    /// Memory by purpose, over all devices, as llama.cpp accounts for it.
    pub(crate) fn memory(&self) -> MemoryBreakdown {
        const DEVICES: usize = 32;
        // SAFETY: the entry is a plain C struct (bytes and sizes) for which all zeros is a value.
        let mut entries: [sys::llama_memory_breakdown_entry; DEVICES] = unsafe { std::mem::zeroed() };
        // SAFETY: the context is alive and at rest; at most DEVICES entries are written.
        let count =
            unsafe { sys::llama_memory_breakdown_collect(self.raw.as_ptr(), entries.as_mut_ptr(), DEVICES) };
        let used = &entries[..count.min(DEVICES)];
        let sum = |part: fn(&sys::llama_memory_breakdown_entry) -> usize| {
            used.iter().map(|entry| part(entry) as u64).sum()
        };
        MemoryBreakdown {
            weights_bytes: sum(|entry| entry.model),
            kv_bytes: sum(|entry| entry.context),
            compute_bytes: sum(|entry| entry.compute),
        }
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: the handle is ours; the pools and the model are dropped after this.
        unsafe { sys::llama_free(self.raw.as_ptr()) }
    }
}

fn context_params(settings: &EngineSettings, layout: Layout) -> sys::llama_context_params {
    // SAFETY: takes no arguments and returns plain values.
    let mut params = unsafe { sys::llama_context_default_params() };
    params.n_ctx = layout.cells;
    // Every sequence may want logits at once, and llama.cpp sizes its output buffer by the batch.
    params.n_batch = settings.batch.max(layout.sequences);
    params.n_ubatch = settings.ubatch;
    params.n_seq_max = layout.sequences;
    // Outside of pools, each sequence has a stream and a window of its own, and attention never looks at the others' cells.
    params.kv_unified = layout.pooled;
    params.n_threads = i32::try_from(settings.threads).unwrap_or(1);
    params.n_threads_batch = i32::try_from(settings.threads_prefill).unwrap_or(1);
    params.type_k = element_type(settings.kv_type_k);
    params.type_v = element_type(settings.kv_type_v);
    params.flash_attn_type = match settings.flash_attention {
        Switch::Auto | Switch::Unknown => sys::LLAMA_FLASH_ATTN_TYPE_AUTO,
        Switch::On => sys::LLAMA_FLASH_ATTN_TYPE_ENABLED,
        Switch::Off => sys::LLAMA_FLASH_ATTN_TYPE_DISABLED,
    };
    params.swa_full = false;
    params.no_perf = true;
    params
}

fn element_type(kind: KvType) -> sys::ggml_type {
    match kind {
        KvType::F32 => sys::GGML_TYPE_F32,
        KvType::F16 | KvType::Unknown => sys::GGML_TYPE_F16,
        KvType::Bf16 => sys::GGML_TYPE_BF16,
        KvType::Q8_0 => sys::GGML_TYPE_Q8_0,
        KvType::Q4_0 => sys::GGML_TYPE_Q4_0,
    }
}
