//! A deterministic backend without arithmetic, and a clock whose every reading is known.
//!
//! The "model" knows the 256 bytes as tokens, a beginning and an end, and two tokens that make trouble; its logits are a hash of the last tokens of a
//! sequence. It checks what it is told (positions without gaps, batch size, window) and panics on a runtime's mistake.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dyno_types::{EngineSettings, MemoryBreakdown, TokenId};

use crate::{Backend, BackendError, BackendInfo, BatchItem, Clock, DescribedModel};

/// Beginning-of-sequence token of the test model.
pub const BOS: TokenId = 256;
/// End-of-sequence token of the test model.
pub const EOS: TokenId = 257;
/// Tokens of the test model.
pub const VOCABULARY: u32 = 260;
/// A prompt token that makes the backend fail every batch it is in.
pub const POISON: TokenId = 258;
/// A token after which the logits are NaN.
pub const NONSENSE: TokenId = 259;
/// Chat template of the test model.
pub const TEMPLATE: &str =
    "{{ bos_token }}{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}assistant:";

/// How many of the last tokens the logits depend on.
const MEMORY: usize = 3;

/// A clock that stands still unless told, apart from a fixed tick per reading.
#[derive(Debug, Default)]
pub struct FakeClock {
    now_ns: AtomicU64,
    tick_ns: u64,
}

impl FakeClock {
    /// A clock at 0 that advances by `tick_ns` after every reading.
    #[must_use]
    pub fn new(tick_ns: u64) -> Self {
        Self { now_ns: AtomicU64::new(0), tick_ns }
    }

    /// Moves the clock.
    pub fn advance(&self, by_ns: u64) {
        self.now_ns.fetch_add(by_ns, Ordering::SeqCst);
    }
}

impl Clock for FakeClock {
    fn now_ns(&self) -> u64 {
        self.now_ns.fetch_add(self.tick_ns, Ordering::SeqCst)
    }
}

/// What a test backend was told, readable while it runs elsewhere.
#[derive(Debug, Clone, Default)]
pub struct Recording {
    calls: Arc<Mutex<Vec<Call>>>,
}

/// One call of a test backend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    /// A load of this path began.
    Load(String),
    /// A context was opened.
    OpenContext(EngineSettings),
    /// A pool of so many cells was opened.
    OpenPool(u32),
    /// Threads for decode and prefill.
    SetThreads(u32, u32),
    /// A batch, whether or not it succeeded.
    Decode(Vec<BatchItem>),
    /// A sequence was cut.
    Trim(u32, u32),
    /// A sequence was copied onto another.
    Copy(u32, u32),
    /// Everything was forgotten.
    Clear,
    /// Unloaded.
    Unload,
}

impl Recording {
    /// Every call so far.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.lock().clone()
    }

    /// The batches so far.
    #[must_use]
    pub fn batches(&self) -> Vec<Vec<BatchItem>> {
        let decode = |call| if let Call::Decode(batch) = call { Some(batch) } else { None };
        self.calls().into_iter().filter_map(decode).collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Call>> {
        self.calls.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn note(&self, call: Call) {
        self.lock().push(call);
    }
}

/// How a test backend differs from the plain one.
#[derive(Debug, Clone, Default)]
pub struct Behaviour {
    /// Advanced by `token_ns` per computed token.
    pub clock: Option<Arc<FakeClock>>,
    /// Time one token takes on `clock`, ns.
    pub token_ns: u64,
    /// Real time one batch takes; for tests of what happens meanwhile.
    pub batch_takes: Duration,
    /// Whether sequences cannot be cut (as in recurrent models).
    pub cannot_trim: bool,
    /// Most tokens that can be cut off a sequence that is to keep some (0 as in recurrent models, some as with windows).
    pub cuts_at_most: Option<u32>,
    /// Logits depend on everything a sequence holds, not only on its last tokens.
    pub long_memory: bool,
    /// Favour this token by more than the logits span, so that generations have a known shape.
    pub favourite: Option<TokenId>,
}

/// A token in the context; copies of a sequence share their cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Cell {
    number: u64,
    token: TokenId,
}

/// The deterministic backend.
///
/// Loading reports progress in ten steps; a file name containing `endless` never ends by itself, `broken` fails, `oom`
/// runs out of memory, `panic` panics, `raw` has no chat template, and `jinja` a broken one. A context of more than 100,000 tokens does not fit.
#[derive(Debug, Default)]
pub struct TestBackend {
    behaviour: Behaviour,
    recording: Recording,
    settings: EngineSettings,
    sequences: Vec<Vec<Cell>>,
    /// Cells of a pool.
    pool: Option<u32>,
    /// Cells filled so far; each has its number.
    filled: u64,
    rows: Vec<Vec<f32>>,
}

impl TestBackend {
    /// A backend that behaves so.
    #[must_use]
    pub fn new(behaviour: Behaviour) -> Self {
        Self { behaviour, ..Self::default() }
    }

    /// What it is told, also later.
    #[must_use]
    pub fn recording(&self) -> Recording {
        self.recording.clone()
    }

    /// The test model.
    #[must_use]
    pub fn model() -> DescribedModel {
        DescribedModel {
            layers: 2,
            vocabulary: VOCABULARY,
            context_train: 4096,
            adds_bos: true,
            adds_eos: false,
            bos: Some(BOS),
            eos: Some(EOS),
            chat_template: Some(TEMPLATE.to_owned()),
        }
    }

    fn row(&self, history: &[Cell]) -> Vec<f32> {
        let memory = if self.behaviour.long_memory { history.len() } else { MEMORY };
        let tail = &history[history.len().saturating_sub(memory)..];
        if tail.last().is_some_and(|cell| cell.token == NONSENSE) {
            return vec![f32::NAN; VOCABULARY as usize];
        }
        let logit = |token: TokenId| {
            let seed = tail.iter().fold(u64::from(token) + 1, |hash, part| {
                (hash ^ u64::from(part.token)).wrapping_mul(0x100_0000_01B3)
            });
            let bits = crate::random::Random::new(seed).next_u64();
            let bonus = if self.behaviour.favourite == Some(token) { 16.0 } else { 0.0 };
            // Ends and control bytes are unlikely, so that generations have some length.
            let malus = if (32..BOS).contains(&token) { 0.0 } else { -8.0 };
            (bits >> 40) as f32 / (1_u64 << 24) as f32 * 8.0 - 4.0 + bonus + malus
        };
        (0..VOCABULARY).map(logit).collect()
    }

    fn check(&self, batch: &[BatchItem]) {
        assert!(!batch.is_empty() && batch.len() <= self.settings.batch as usize, "batch of {}", batch.len());
        let mut lengths: Vec<usize> = self.sequences.iter().map(Vec::len).collect();
        for item in batch {
            assert!(item.token < VOCABULARY, "{item:?}");
            let length = &mut lengths[item.sequence as usize];
            assert_eq!(item.position as usize, *length, "{item:?} leaves a gap");
            *length += 1;
            assert!(*length <= self.settings.context as usize, "{item:?} is beyond the window");
        }
        if let Some(cells) = self.pool {
            let used: BTreeSet<&Cell> = self.sequences.iter().flatten().collect();
            assert!(used.len() + batch.len() <= cells as usize, "{} used of {cells} cells", used.len());
        }
    }
}

impl Backend for TestBackend {
    fn info(&self) -> BackendInfo {
        BackendInfo {
            name: "test".into(),
            backend: "hash 1".into(),
            compiler: "none".into(),
            features: vec!["exact".into()],
        }
    }

    fn load(
        &mut self,
        path: &Path,
        _settings: &EngineSettings,
        progress: &mut dyn FnMut(f32) -> bool,
    ) -> Result<DescribedModel, BackendError> {
        let name = path.display().to_string();
        self.recording.note(Call::Load(name.clone()));
        let mut step = 0_u8;
        while step < 10 || name.contains("endless") {
            step = step.saturating_add(1);
            if !progress((f32::from(step) / 10.0).min(0.9)) {
                return Err(BackendError::Cancelled);
            }
            if step >= 10 {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        assert!(!name.contains("panic"), "asked to");
        match () {
            () if name.contains("raw") => Ok(DescribedModel { chat_template: None, ..Self::model() }),
            () if name.contains("jinja") => {
                Ok(DescribedModel { chat_template: Some("{% for %}".into()), ..Self::model() })
            }
            () if name.contains("broken") => Err(BackendError::Model(format!("{name} is broken"))),
            () if name.contains("oom") => Err(BackendError::OutOfMemory("no room for weights".into())),
            () => Ok(Self::model()),
        }
    }

    fn open_context(&mut self, settings: &EngineSettings) -> Result<u32, BackendError> {
        self.recording.note(Call::OpenContext(settings.clone()));
        if settings.context > 100_000 {
            return Err(BackendError::OutOfMemory(format!("no room for {} tokens", settings.context)));
        }
        self.settings = settings.clone();
        self.sequences = vec![Vec::new(); settings.sequences as usize];
        self.pool = None;
        Ok(settings.context)
    }

    fn open_pool(&mut self, settings: &EngineSettings, cells: u32) -> Result<u32, BackendError> {
        self.recording.note(Call::OpenPool(cells));
        let sequences = settings.sequences.max(2);
        self.settings = settings.clone();
        self.sequences = vec![Vec::new(); sequences as usize];
        self.pool = Some(cells);
        Ok(sequences)
    }

    fn set_threads(&mut self, decode: u32, prefill: u32) {
        self.recording.note(Call::SetThreads(decode, prefill));
    }

    fn tokenize(
        &self,
        text: &str,
        add_special: bool,
        parse_special: bool,
    ) -> Result<Vec<TokenId>, BackendError> {
        let mut tokens: Vec<TokenId> = add_special.then_some(BOS).into_iter().collect();
        let mut rest = text;
        while !rest.is_empty() {
            let special = [("<bos>", BOS), ("<eos>", EOS)]
                .into_iter()
                .find(|(name, _)| parse_special && rest.starts_with(name));
            let (token, length) =
                special.map_or_else(|| (TokenId::from(rest.as_bytes()[0]), 1), |(name, id)| (id, name.len()));
            tokens.push(token);
            if token < BOS && !rest.is_char_boundary(1) {
                let whole = rest.chars().next().map_or(1, char::len_utf8);
                tokens.extend(rest.as_bytes()[1..whole].iter().map(|byte| TokenId::from(*byte)));
                rest = &rest[whole..];
            } else {
                rest = &rest[length..];
            }
        }
        Ok(tokens)
    }

    fn token_bytes(&self, token: TokenId) -> Vec<u8> {
        u8::try_from(token).map(|byte| vec![byte]).unwrap_or_default()
    }

    fn token_text(&self, token: TokenId) -> String {
        match token {
            BOS => "<bos>".to_owned(),
            EOS => "<eos>".to_owned(),
            _ => String::from_utf8_lossy(&self.token_bytes(token)).into_owned(),
        }
    }

    fn ends_generation(&self, token: TokenId) -> bool {
        token == EOS
    }

    fn decode(&mut self, batch: &[BatchItem]) -> Result<(), BackendError> {
        self.recording.note(Call::Decode(batch.to_vec()));
        self.check(batch);
        if batch.iter().any(|item| item.token == POISON) {
            return Err(BackendError::Internal("poisoned".to_owned()));
        }
        std::thread::sleep(self.behaviour.batch_takes);
        if let Some(clock) = &self.behaviour.clock {
            clock.advance(self.behaviour.token_ns * batch.len() as u64);
        }
        self.rows.clear();
        for item in batch {
            self.filled += 1;
            self.sequences[item.sequence as usize].push(Cell { number: self.filled, token: item.token });
            let row = if item.wants_logits {
                self.row(&self.sequences[item.sequence as usize])
            } else {
                Vec::new()
            };
            self.rows.push(row);
        }
        Ok(())
    }

    fn logits(&self, index: usize) -> &[f32] {
        assert!(!self.rows[index].is_empty(), "item {index} did not want logits");
        &self.rows[index]
    }

    fn trim_sequence(&mut self, sequence: u32, from: u32) -> bool {
        self.recording.note(Call::Trim(sequence, from));
        let tokens = &mut self.sequences[sequence as usize];
        let cut = tokens.len().saturating_sub(from as usize);
        let too_far = |most: u32| from > 0 && cut > most as usize;
        if self.behaviour.cannot_trim || self.behaviour.cuts_at_most.is_some_and(too_far) {
            return false;
        }
        tokens.truncate(from as usize);
        true
    }

    fn copy_sequence(&mut self, from: u32, to: u32) {
        self.recording.note(Call::Copy(from, to));
        self.sequences[to as usize] = self.sequences[from as usize].clone();
    }

    fn clear(&mut self) {
        self.recording.note(Call::Clear);
        self.sequences.iter_mut().for_each(Vec::clear);
    }

    fn memory(&self) -> MemoryBreakdown {
        let kv_bytes = u64::from(self.settings.context) * self.sequences.len() as u64;
        MemoryBreakdown { weights_bytes: 1000, kv_bytes, compute_bytes: 10 }
    }

    fn unload(&mut self) {
        self.recording.note(Call::Unload);
        self.sequences.clear();
    }
}
