//! What the layers keep of the tokens they have seen, as llama.cpp allocates it for the keys in a header.

use dyno_types::{LayerGroup, LayerMemory};

use super::families::{HybridRule, Layout, SharedLayers, WindowPattern, WindowRule, WindowWidth, layout};
use super::keys::Keys;
use crate::gguf::{Scalar, Value};

/// Most layers that llama.cpp accepts.
const LAYERS_MAX: u64 = 512;
/// Bytes of one element of a state.
const STATE_ELEMENT_BYTES: u64 = 4;
/// Token shifts that RWKV keeps when its header is silent.
const TOKEN_SHIFTS: u64 = 2;

/// Layers in groups; empty when the header does not determine them.
pub(super) fn layer_memory(keys: &Keys<'_>) -> Vec<LayerGroup> {
    let memory = layout(&keys.architecture).and_then(|layout| Layers::read(keys)?.memory(layout));
    memory.map(grouped).unwrap_or_default()
}

/// Equal layers together, in the order of their first appearance.
fn grouped(memory: Vec<LayerMemory>) -> Vec<LayerGroup> {
    let mut groups: Vec<LayerGroup> = Vec::new();
    for one in memory {
        match groups.iter_mut().find(|group| group.memory == one) {
            Some(group) => group.layers += 1,
            None => groups.push(LayerGroup { layers: 1, memory: one }),
        }
    }
    groups
}

/// Keys that every layout needs.
struct Layers<'a> {
    keys: &'a Keys<'a>,
    /// All layers in the file, those that only predict further tokens (`nextn`) at the end.
    all: u64,
    /// Layers that ordinary generation uses.
    trunk: u64,
    heads: Vec<u64>,
    kv_heads: Vec<u64>,
    /// Widths of a key and a value head.
    head: (u64, u64),
    /// The same in layers with a window.
    head_windowed: (u64, u64),
}

impl<'a> Layers<'a> {
    fn read(keys: &'a Keys<'a>) -> Option<Self> {
        // Without causal attention nothing is kept, or the whole prompt is one batch.
        if keys.model_bool("attention.causal") == Some(false) {
            return None;
        }
        let number = |key: &str| keys.model_u64(key);
        let all = number("block_count").filter(|all| (1..=LAYERS_MAX).contains(all))?;
        let trunk =
            all.checked_sub(number("nextn_predict_layers").unwrap_or(0)).filter(|trunk| *trunk > 0)?;
        let per_layer = |key: &str| keys.per_layer(key, all).ok();
        let heads = per_layer("attention.head_count")?.unwrap_or_else(|| vec![0; all as usize]);
        let kv_heads = per_layer("attention.head_count_kv")?.unwrap_or_else(|| heads.clone());
        let rereads = keys.architecture == "plamo2";
        let stated = |key: &str| number(key).filter(|_| heads[0] > 0 || rereads);
        let even = number("embedding_length").and_then(|width| width.checked_div(heads[0])).unwrap_or(0);
        let key = stated("attention.key_length").unwrap_or(even);
        let value = stated("attention.value_length").unwrap_or(even);
        let head_windowed = (
            number("attention.key_length_swa").unwrap_or(key),
            number("attention.value_length_swa").unwrap_or(value),
        );
        Some(Self { keys, all, trunk, heads, kv_heads, head: (key, value), head_windowed })
    }

    fn memory(&self, layout: Layout) -> Option<Vec<LayerMemory>> {
        match layout {
            Layout::Full => (0..self.trunk).map(|layer| self.full(layer)).collect(),
            Layout::Latent => (0..self.trunk).map(|layer| self.latent(layer)).collect(),
            Layout::Windowed(rule) => self.windowed(rule),
            Layout::Recurrent => {
                let bytes = self.state_bytes()?;
                Some(vec![LayerMemory::State { bytes }; usize::try_from(self.trunk).ok()?])
            }
            Layout::Hybrid(rule) => self.hybrid(rule),
        }
    }

    fn kv_heads(&self, layer: u64) -> u64 {
        usize::try_from(layer).ok().and_then(|layer| self.kv_heads.get(layer)).copied().unwrap_or(0)
    }

    fn full(&self, layer: u64) -> Option<LayerMemory> {
        let (key_width, value_width) = self.widths(layer, self.head)?;
        Some(LayerMemory::Full { key_width, value_width })
    }

    fn widths(&self, layer: u64, head: (u64, u64)) -> Option<(u64, u64)> {
        let heads = self.kv_heads(layer);
        Some((heads.checked_mul(head.0)?, heads.checked_mul(head.1)?))
    }

    /// With the lengths of the rebuilt heads in the header, llama.cpp keeps one key head per layer (the latent and the rotated
    /// part) and no values; older files lack those keys, and it keeps whole keys and values.
    fn latent(&self, layer: u64) -> Option<LayerMemory> {
        let stated = |key: &str| self.keys.model_u64(key).is_some_and(|length| length > 0);
        if stated("attention.key_length_mla") && stated("attention.value_length_mla") {
            let (width, _) = self.widths(layer, self.head)?;
            return Some(LayerMemory::Latent { width });
        }
        self.full(layer)
    }

    fn windowed(&self, rule: WindowRule) -> Option<Vec<LayerMemory>> {
        let applies = rule.only_layers.is_none_or(|layers| layers == self.trunk);
        let Some(window) = self.window(rule.width)?.filter(|_| applies) else {
            return self.memory(Layout::Full);
        };
        let own = match rule.shared {
            SharedLayers::None => self.all,
            SharedLayers::From(layer) => layer,
            SharedLayers::Stated => {
                self.all.checked_sub(self.keys.model_u64("attention.shared_kv_layers").unwrap_or(0))?
            }
        };
        let windowed = self.pattern(rule.pattern)?;
        let layer = |layer: u64| {
            if !windowed[usize::try_from(layer).ok()?] {
                return self.full(layer);
            }
            let (key_width, value_width) = self.widths(layer, self.head_windowed)?;
            Some(LayerMemory::Window { window, key_width, value_width })
        };
        (0..self.trunk.min(own)).map(layer).collect()
    }

    /// The width of the window; `Some(None)` when the model has none, `None` when a needed key is missing.
    fn window(&self, width: WindowWidth) -> Option<Option<u64>> {
        let stated = self.keys.model_u64("attention.sliding_window");
        Some(match width {
            WindowWidth::Required => Some(stated?),
            WindowWidth::Optional => stated.filter(|window| *window > 0),
            WindowWidth::Default(window) => Some(stated.unwrap_or(window)),
            WindowWidth::FixedIfStated(window) => stated.filter(|stated| *stated > 0).map(|_| window),
            WindowWidth::FixedUnlessZero(window) => (stated != Some(0)).then_some(window),
        })
    }

    /// Whether each layer has the window.
    fn pattern(&self, pattern: WindowPattern) -> Option<Vec<bool>> {
        let key = "attention.sliding_window_pattern";
        let period = match self.keys.model(key) {
            // Layers beyond the end of the list have none.
            Some(Value::Items(_, items)) => {
                let yes = |item: &Scalar| item.as_bool().or(item.as_u64().map(|number| number != 0));
                let mut stated: Vec<bool> = items.iter().map(yes).collect::<Option<_>>()?;
                stated.resize(usize::try_from(self.all).ok()?, false);
                return Some(stated);
            }
            Some(Value::Scalar(period)) => Some(period.as_u64()?),
            Some(Value::Array(_)) => return None,
            None => None,
        };
        let windowed = |layer: u64| match pattern {
            WindowPattern::Stated => None,
            WindowPattern::LastIsFull(default) => {
                let period = period.unwrap_or(default);
                Some(layer.checked_rem(period).is_none_or(|place| place + 1 < period))
            }
            WindowPattern::FirstIsFull(default) => {
                Some(layer.checked_rem(period.unwrap_or(default)).is_none_or(|place| place != 0))
            }
        };
        (0..self.all).map(windowed).collect()
    }

    fn hybrid(&self, rule: HybridRule) -> Option<Vec<LayerMemory>> {
        let state = LayerMemory::State { bytes: self.state_bytes()? };
        let feed_forward = self.keys.per_layer("feed_forward_length", self.all).ok()?;
        let has_feed_forward =
            |layer: u64| feed_forward.as_ref().is_some_and(|widths| widths[layer as usize] > 0);
        let recurrent = self.recurrent_layers(rule)?;
        let window = self.keys.model_u64("attention.sliding_window").filter(|window| *window > 0);
        let latent = self.keys.architecture == "kimi-linear";
        let attention = |layer: u64| match window.filter(|_| self.keys.architecture == "lfm2") {
            _ if latent => self.latent(layer),
            None => self.full(layer),
            Some(window) => {
                let (key_width, value_width) = self.widths(layer, self.head_windowed)?;
                Some(LayerMemory::Window { window, key_width, value_width })
            }
        };
        let mut memory = Vec::new();
        for layer in 0..self.all {
            let (keeps_state, keeps_keys) = match (rule, recurrent[usize::try_from(layer).ok()?]) {
                (HybridRule::Both, _) => (true, true),
                (HybridRule::NoHeadsNoFeedForward, _) if has_feed_forward(layer) => (false, false),
                (HybridRule::Interval(_), recurrent) => (recurrent, !recurrent && layer < self.trunk),
                (_, recurrent) => (recurrent, !recurrent),
            };
            if keeps_state && layer < self.trunk {
                memory.push(state);
            }
            if keeps_keys {
                memory.push(attention(layer)?);
            }
        }
        Some(memory)
    }

    fn recurrent_layers(&self, rule: HybridRule) -> Option<Vec<bool>> {
        let HybridRule::Interval(default) = rule else {
            return Some(
                (0..self.all).map(|layer| layer < self.trunk && self.kv_heads(layer) == 0).collect(),
            );
        };
        if let Some(stated) = self.keys.per_layer("attention.recurrent_layers", self.all).ok()? {
            return Some(stated.into_iter().map(|value| value != 0).collect());
        }
        let interval = self.keys.model_u64("full_attention_interval").unwrap_or(default);
        (0..self.all)
            .map(|layer| Some(layer < self.trunk && (layer + 1).checked_rem(interval)? != 0))
            .collect()
    }

    /// Bytes of one layer's state of one sequence: the convolution or shift part (`n_embd_r`) and the state proper
    /// (`n_embd_s`) of llama.cpp.
    fn state_bytes(&self) -> Option<u64> {
        let number = |key: &str| self.keys.model_u64(key);
        let embedding = number("embedding_length")?;
        let elements = if let Some(head) = number("wkv.head_size") {
            let shifts = number("token_shift_count").unwrap_or(TOKEN_SHIFTS);
            embedding.checked_mul(shifts.checked_add(head)?)?
        } else if let Some(kernel) = number("shortconv.l_cache") {
            embedding.checked_mul(kernel.checked_sub(1)?)?
        } else if let Some(head) = number("kda.head_dim") {
            let inner = self.heads[0].checked_mul(head)?;
            let kernel = number("ssm.conv_kernel").filter(|kernel| *kernel > 0).unwrap_or(4);
            inner.checked_mul((kernel - 1).checked_mul(3)?.checked_add(head)?)?
        } else if self.keys.architecture == "minimax-01" {
            self.head.0.checked_mul(self.head.0)?.checked_mul(self.heads[0])?
        } else {
            let (inner, state) = (number("ssm.inner_size")?, number("ssm.state_size")?);
            // The first Mamba and Jamba have no groups.
            let grouped = !["mamba", "jamba"].contains(&self.keys.architecture.as_str());
            let groups = if grouped { number("ssm.group_count")? } else { 0 };
            let channels = groups.checked_mul(state)?.checked_mul(2)?.checked_add(inner)?;
            let convolved = number("ssm.conv_kernel")?.saturating_sub(1).checked_mul(channels)?;
            state.checked_mul(inner)?.checked_add(convolved)?
        };
        elements.checked_mul(STATE_ELEMENT_BYTES)
    }
}
