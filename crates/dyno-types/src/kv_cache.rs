//! Memory of the KV cache, from what a model's layers keep and how the engine is set.

use crate::{EngineSettings, KvType, LayerMemory, ModelFacts, Switch};

/// llama.cpp rounds the tokens of a cache up to a multiple of this.
const CELLS_STEP: u64 = 256;
/// Smallest rotation of keys and values before they are quantized; the width of a head must be a multiple of it.
const ROTATION_MIN: u64 = 64;
/// Bytes of an element of a rotation matrix.
const ROTATION_ELEMENT_BYTES: u64 = 4;

/// Sizes that all layers share.
struct Cache<'a> {
    settings: &'a EngineSettings,
    sequences: u64,
    /// Tokens per sequence, rounded up.
    cells: u64,
    /// Tokens really computed at once.
    ubatch: u64,
    /// Widest values of any layer.
    value_width_max: u64,
}

impl ModelFacts {
    /// Bytes that llama.cpp allocates on the CPU for the KV cache (and recurrent states) of a context opened with these
    /// settings, as its own breakdown counts them. Exact, with every rounding it makes:
    ///
    /// - `sequences` × `context` tokens are rounded up to a multiple of 256, then divided by `sequences`, and that is rounded up
    ///   to a multiple of 256 again: each sequence has that many cells of its own.
    /// - A layer with a window has min(cells, window + ubatch) cells, rounded up to a multiple of 256; `ubatch` counts no more
    ///   than `batch` (at least one token per sequence) and all tokens of the context.
    /// - A recurrent layer has one state per sequence. (Its two parts are aligned to 32 bytes each, which every known model
    ///   fulfils by itself.)
    /// - A quantized half of the cache brings one 32-bit rotation matrix per layer when its heads are a multiple of 64 wide:
    ///   64 × 64 for values; for keys, as large as powers of two divide the head.
    /// - Without flash attention, the values of all layers are padded to the widest.
    ///
    /// `None` when the layers are not known ([`ModelFacts::layer_memory`] is empty), and for settings that the engine refuses:
    /// heads that do not end at a block of their type, different types of keys and values with latent attention, a context or
    /// sequence count of 0.
    #[must_use]
    pub fn kv_bytes(&self, settings: &EngineSettings) -> Option<u64> {
        let types = [settings.kv_type_k, settings.kv_type_v];
        if self.layer_memory.is_empty() || types.contains(&KvType::Unknown) {
            return None;
        }
        let cache = Cache::new(self, settings)?;
        self.layer_memory.iter().try_fold(0_u64, |sum, group| {
            sum.checked_add(group.layers.checked_mul(cache.layer(self, group.memory)?)?)
        })
    }

    /// Bytes by which the cache grows with every token of context of one sequence, for given bytes per element of K and V (2.0
    /// for f16): what layers without a window keep. Windows and states do not grow for ever and are not in it; see
    /// [`ModelFacts::kv_bytes`] for whole caches.
    ///
    /// Facts of old records do not know their layers; for them it is layers × kv_heads × (key_length × k + value_length × v),
    /// `None` where that would not hold or the header lacks a term.
    #[must_use]
    pub fn kv_bytes_per_token(&self, k_bytes: f64, v_bytes: f64) -> Option<f64> {
        if self.layer_memory.is_empty() {
            let uneven = self.recurrent || self.kv_latent_rank.is_some() || self.sliding_window.is_some();
            let heads = self.layers.filter(|_| !uneven)? as f64 * self.kv_heads.or(self.heads)? as f64;
            return Some(heads * (self.key_length? as f64 * k_bytes + self.value_length? as f64 * v_bytes));
        }
        let bytes = |memory: LayerMemory| match memory {
            LayerMemory::Full { key_width, value_width } => {
                Some(key_width as f64 * k_bytes + value_width as f64 * v_bytes)
            }
            LayerMemory::Latent { width } => Some(width as f64 * k_bytes),
            LayerMemory::Window { .. } | LayerMemory::State { .. } => Some(0.0),
            LayerMemory::Unknown => None,
        };
        self.layer_memory.iter().map(|group| Some(group.layers as f64 * bytes(group.memory)?)).sum()
    }
}

impl<'a> Cache<'a> {
    fn new(facts: &ModelFacts, settings: &'a EngineSettings) -> Option<Self> {
        let sequences = u64::from(settings.sequences);
        let tokens = u64::from(settings.context).checked_mul(sequences).filter(|tokens| *tokens > 0)?;
        let batch = u64::from(settings.batch.max(settings.sequences)).min(tokens);
        let widths = facts.layer_memory.iter().map(|group| match group.memory {
            LayerMemory::Full { value_width, .. } | LayerMemory::Window { value_width, .. } => value_width,
            LayerMemory::Latent { .. } | LayerMemory::State { .. } | LayerMemory::Unknown => 0,
        });
        Some(Self {
            settings,
            sequences,
            cells: stepped(stepped(tokens)? / sequences)?,
            ubatch: u64::from(settings.ubatch).min(batch),
            value_width_max: widths.max().unwrap_or(0),
        })
    }

    /// Bytes of one layer.
    fn layer(&self, facts: &ModelFacts, memory: LayerMemory) -> Option<u64> {
        match memory {
            LayerMemory::Full { key_width, value_width } => {
                let head = (facts.key_length, facts.value_length);
                self.keys_and_values(self.cells, (key_width, value_width), head)
            }
            LayerMemory::Window { window, key_width, value_width } => {
                let cells = stepped(self.cells.min(window.checked_add(self.ubatch)?))?;
                let head = (
                    facts.key_length_windowed.or(facts.key_length),
                    facts.value_length_windowed.or(facts.value_length),
                );
                self.keys_and_values(cells, (key_width, value_width), head)
            }
            LayerMemory::Latent { width } => {
                let same = self.settings.kv_type_k == self.settings.kv_type_v;
                self.keys(self.cells, width, facts.key_length).filter(|_| same)
            }
            LayerMemory::State { bytes } => bytes.checked_mul(self.sequences),
            LayerMemory::Unknown => None,
        }
    }

    fn keys_and_values(
        &self,
        cells: u64,
        (key_width, value_width): (u64, u64),
        (key_length, value_length): (Option<u64>, Option<u64>),
    ) -> Option<u64> {
        let padded = self.settings.flash_attention == Switch::Off;
        let value_width = if padded { self.value_width_max } else { value_width };
        let kind = self.settings.kv_type_v;
        let rotation = if is_rotated(kind, value_length) { square(ROTATION_MIN) } else { 0 };
        let values = self.rows(kind, cells, value_width).filter(|_| suits(kind, value_length))?;
        let values = values.checked_add(rotation)?;
        self.keys(cells, key_width, key_length)?.checked_add(values)
    }

    fn keys(&self, cells: u64, width: u64, head: Option<u64>) -> Option<u64> {
        let kind = self.settings.kv_type_k;
        let rotation = match head.filter(|_| is_rotated(kind, head)) {
            Some(head) => square(1 << head.trailing_zeros().min(31)),
            None => 0,
        };
        self.rows(kind, cells, width).filter(|_| suits(kind, head))?.checked_add(rotation)
    }

    /// Bytes of one half of the cache of all sequences.
    fn rows(&self, kind: KvType, cells: u64, width: u64) -> Option<u64> {
        let block = u64::from(kind.block_elements());
        let row = (width / block).checked_mul(kind.block_bytes()).filter(|_| width.is_multiple_of(block))?;
        row.checked_mul(cells)?.checked_mul(self.sequences)
    }
}

/// Rounded up to whole steps.
fn stepped(cells: u64) -> Option<u64> {
    cells.checked_next_multiple_of(CELLS_STEP)
}

/// Whether heads of this width end at a block.
fn suits(kind: KvType, head: Option<u64>) -> bool {
    head.is_none_or(|head| head.is_multiple_of(u64::from(kind.block_elements())))
}

fn is_rotated(kind: KvType, head: Option<u64>) -> bool {
    kind.block_elements() > 1 && head.is_some_and(|head| head > 0 && head.is_multiple_of(ROTATION_MIN))
}

/// Bytes of a rotation matrix of this width.
fn square(width: u64) -> u64 {
    width.saturating_mul(width).saturating_mul(ROTATION_ELEMENT_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LayerGroup;

    fn facts(groups: &[(u64, LayerMemory)]) -> ModelFacts {
        let layer_memory =
            groups.iter().map(|(layers, memory)| LayerGroup { layers: *layers, memory: *memory });
        ModelFacts {
            layer_memory: layer_memory.collect(),
            key_length: Some(128),
            value_length: Some(128),
            ..ModelFacts::default()
        }
    }

    fn settings(context: u32, sequences: u32, kind: KvType) -> EngineSettings {
        EngineSettings { context, sequences, kv_type_k: kind, kv_type_v: kind, ..EngineSettings::default() }
    }

    const FULL: LayerMemory = LayerMemory::Full { key_width: 1024, value_width: 512 };

    #[test]
    fn full_layers_grow_with_the_rounded_context() {
        let facts = facts(&[(2, FULL)]);
        let bytes = |context, sequences| facts.kv_bytes(&settings(context, sequences, KvType::F16)).unwrap();
        assert_eq!(bytes(1024, 1), 2 * 1536 * 2 * 1024);
        assert_eq!(bytes(1000, 1), bytes(1024, 1));
        assert_eq!(bytes(1025, 1), 2 * 1536 * 2 * 1280);
        // 3 × 100 tokens become 512, of which each sequence gets 170, which become 256.
        assert_eq!(bytes(100, 3), 2 * 1536 * 2 * 256 * 3);
        assert_eq!(facts.kv_bytes_per_token(2.0, 2.0), Some(2.0 * 1536.0 * 2.0));
        assert_eq!(facts.kv_bytes(&settings(0, 1, KvType::F16)), None);
    }

    #[test]
    fn windows_end_growing_and_states_never_start() {
        let window = LayerMemory::Window { window: 512, key_width: 64, value_width: 64 };
        let facts = facts(&[(3, window), (1, LayerMemory::State { bytes: 1000 })]);
        let bytes = |context, sequences| facts.kv_bytes(&settings(context, sequences, KvType::F16)).unwrap();
        assert_eq!(bytes(512, 1), 3 * 128 * 2 * 512 + 1000);
        assert_eq!(bytes(1024, 1), 3 * 128 * 2 * 1024 + 1000);
        assert_eq!(bytes(65_536, 1), bytes(1024, 1), "the window and one ubatch");
        assert_eq!(bytes(65_536, 4), 4 * bytes(1024, 1));
        assert_eq!(facts.kv_bytes_per_token(2.0, 2.0), Some(0.0));
        let narrow = EngineSettings { ubatch: 1, ..settings(65_536, 1, KvType::F16) };
        assert_eq!(facts.kv_bytes(&narrow), Some(3 * 128 * 2 * 768 + 1000), "513 cells are rounded up");
    }

    #[test]
    fn quantized_halves_bring_rotations_and_need_whole_blocks() {
        let full = facts(&[(2, FULL)]);
        let cells = 1024 * 34 / 32 * 256 + 512 * 34 / 32 * 256;
        let rotations = (128 * 128 + 64 * 64) * 4;
        assert_eq!(full.kv_bytes(&settings(256, 1, KvType::Q8_0)), Some(2 * (cells + rotations)));
        let latent = facts(&[(1, LayerMemory::Latent { width: 576 })]);
        let latent = ModelFacts { key_length: Some(576), ..latent };
        assert_eq!(latent.kv_bytes(&settings(256, 1, KvType::Q8_0)), Some(576 * 34 / 32 * 256 + 64 * 64 * 4));
        assert_eq!(latent.kv_bytes(&settings(256, 1, KvType::F16)), Some(576 * 2 * 256), "no values");
        let mixed = EngineSettings { kv_type_v: KvType::F16, ..settings(256, 1, KvType::Q8_0) };
        assert_eq!(latent.kv_bytes(&mixed), None, "one latent cannot have two types");
        let odd = facts(&[(1, LayerMemory::Latent { width: 40 })]);
        assert_eq!(odd.kv_bytes(&settings(256, 1, KvType::Q8_0)), None);
        let narrow = ModelFacts { key_length: Some(8), ..full };
        assert_eq!(narrow.kv_bytes(&settings(256, 1, KvType::Q8_0)), None, "heads end inside a block");
    }

    #[test]
    fn without_flash_attention_values_are_as_wide_as_the_widest() {
        let narrow = LayerMemory::Full { key_width: 64, value_width: 64 };
        let wide = LayerMemory::Full { key_width: 64, value_width: 256 };
        let facts = facts(&[(1, narrow), (1, wide)]);
        let off = EngineSettings { flash_attention: Switch::Off, ..settings(256, 1, KvType::F16) };
        assert_eq!(facts.kv_bytes(&settings(256, 1, KvType::F16)), Some((64 + 64 + 64 + 256) * 2 * 256));
        assert_eq!(facts.kv_bytes(&off), Some((64 + 256 + 64 + 256) * 2 * 256));
    }

    #[test]
    fn unknown_layers_give_no_cache_and_old_records_their_formula() {
        let old = ModelFacts {
            layers: Some(2),
            heads: Some(4),
            kv_heads: Some(1),
            key_length: Some(64),
            value_length: Some(64),
            ..ModelFacts::default()
        };
        assert_eq!(old.kv_bytes(&settings(256, 1, KvType::F16)), None);
        assert_eq!(old.kv_bytes_per_token(2.0, 2.0), Some(2.0 * 64.0 * 4.0));
        let uneven = ModelFacts { sliding_window: Some(512), ..old };
        assert_eq!(uneven.kv_bytes_per_token(2.0, 2.0), None);
    }
}
