//! `models inspect`: a model through its header alone.

use dyno_report::{Inspection, KvMemory, WindowMemory};
use dyno_types::{EventSink, KvType, ModelFacts};

use crate::{App, AppError};

/// Windows worth knowing about, tokens; those beyond the training context are left out, and that context is added.
const WINDOWS: [u64; 4] = [2048, 8192, 32_768, 131_072];

impl App {
    /// What the model's header says, and the memory it would take here. Any GGUF file can be inspected, also one that
    /// cannot run.
    ///
    /// # Errors
    /// [`AppError::Model`] when the file is missing or broken.
    pub fn inspect(&self, reference: &str, events: &dyn EventSink) -> Result<Inspection, AppError> {
        let model = self.find(reference, events)?;
        let machine = dyno_hardware::profile();
        Ok(Inspection {
            memory: memory(&model.facts, machine.ram_limit_bytes),
            facts: model.facts,
            read_ms: model.read_ms,
            usable_ram_bytes: machine.ram_limit_bytes,
        })
    }
}

/// Weights and KV cache by cache type and window; empty for a file without weights, and when the header does not determine
/// the cache. Types whose blocks do not fit the heads are left out.
fn memory(facts: &ModelFacts, usable_ram_bytes: u64) -> Vec<KvMemory> {
    if facts.kv_exception().is_some() || facts.tensor_types.is_empty() {
        return Vec::new();
    }
    let suits = |(_, kind): &(&str, KvType)| {
        let whole = |length: Option<u64>| {
            length.is_none_or(|length| length.is_multiple_of(u64::from(kind.block_elements())))
        };
        whole(facts.key_length) && whole(facts.value_length)
    };
    let rows = KvType::ALL.into_iter().filter(suits).filter_map(|(kv_type, kind)| {
        let kv_bytes_per_token =
            facts.kv_bytes_per_token(kind.bytes_per_element(), kind.bytes_per_element())?;
        let window = |context: u64| {
            let kv_bytes = (kv_bytes_per_token * context as f64).ceil() as u64;
            let weights_and_kv_bytes = facts.weights_bytes.saturating_add(kv_bytes);
            let fits = weights_and_kv_bytes <= usable_ram_bytes;
            WindowMemory { context, kv_bytes, weights_and_kv_bytes, fits }
        };
        let windows = windows(facts.context_train).into_iter().map(window).collect();
        Some(KvMemory { kv_type, kv_bytes_per_token, windows })
    });
    rows.collect()
}

fn windows(train: Option<u64>) -> Vec<u64> {
    let train = train.filter(|train| *train > 0);
    let within = |window: &u64| train.is_none_or(|train| *window < train);
    WINDOWS.into_iter().filter(within).chain(train).collect()
}

#[cfg(test)]
mod tests {
    use dyno_types::TensorTypeShare;

    use super::*;

    #[test]
    fn windows_end_at_the_training_context() {
        assert_eq!(windows(Some(512)), [512]);
        assert_eq!(windows(Some(8192)), [2048, 8192]);
        assert_eq!(windows(Some(40_960)), [2048, 8192, 32_768, 40_960]);
        assert_eq!(windows(None), WINDOWS);
    }

    #[test]
    fn memory_is_weights_and_layers_times_heads_times_lengths() {
        let share = TensorTypeShare { kind: "q4_k".to_owned(), tensors: 1, elements: 1, bytes: 1 << 30 };
        // Llama 3.2 1B: 16 layers, 8 KV heads of 64.
        let facts = ModelFacts {
            weights_bytes: 1 << 30,
            tensor_types: vec![share],
            layers: Some(16),
            heads: Some(32),
            kv_heads: Some(8),
            key_length: Some(64),
            value_length: Some(64),
            context_train: Some(131_072),
            ..ModelFacts::default()
        };
        let rows = memory(&facts, 4 << 30);
        let f16 = rows.iter().find(|row| row.kv_type == "f16").unwrap();
        assert_eq!(f16.kv_bytes_per_token, 32_768.0);
        let totals: Vec<(u64, bool)> =
            f16.windows.iter().map(|window| (window.weights_and_kv_bytes >> 20, window.fits)).collect();
        assert_eq!(totals, [(1088, true), (1280, true), (2048, true), (5120, false)]);
        let q8 = rows.iter().find(|row| row.kv_type == "q8_0").unwrap();
        assert_eq!(q8.kv_bytes_per_token, 17_408.0);
        let narrow = ModelFacts { key_length: Some(8), ..facts.clone() };
        assert!(memory(&narrow, 4 << 30).iter().all(|row| row.kv_type != "q8_0"), "heads end inside a block");
        assert!(memory(&ModelFacts { kv_latent_rank: Some(512), ..facts }, 4 << 30).is_empty());
        assert!(memory(&ModelFacts::default(), 4 << 30).is_empty(), "nothing stated");
    }
}
