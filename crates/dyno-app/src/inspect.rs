//! `models inspect`: a model through its header alone.

use std::time::Instant;

use dyno_advise::Predictor;
use dyno_models::Reference;
use dyno_report::{Inspection, KvMemory, WindowMemory};
use dyno_types::{EngineSettings, KvType, ModelFacts};

use crate::{AppError, Inspected, Work};

/// Windows worth knowing about, tokens; those beyond the training context are left out, and that context is added.
const WINDOWS: [u64; 4] = [2048, 8192, 32_768, 131_072];

impl Work {
    /// What the model's header says, and the memory it would take here. Any GGUF file can be inspected, also one that
    /// cannot run. A model that is not on this machine is not fetched: only its header is read, over the network. A synthetic
    /// model is not made: its header is planned, and read like any other (the time includes both).
    ///
    /// # Errors
    /// [`AppError::Model`] when the file is missing or broken; [`AppError::Hub`] when the network is needed and fails.
    pub fn inspect(&self, reference: &str) -> Result<Inspected, AppError> {
        if let Some(remote) = self.inspect_remote(reference)? {
            return Ok(remote);
        }
        let (facts, read_ms) = if let Reference::Synthetic(spec) = Reference::parse(reference)? {
            let begun = Instant::now();
            let facts = ModelFacts { reference: reference.to_owned(), ..spec.facts() };
            (facts, begun.elapsed().as_secs_f64() * 1e3)
        } else {
            let model = self.find(reference)?;
            (model.facts, model.read_ms)
        };
        Ok(Inspected { inspection: self.inspection(facts, read_ms), fetched_bytes: None })
    }

    /// An inspection of these facts, whose header took `read_ms` to read.
    pub(crate) fn inspection(&self, facts: ModelFacts, read_ms: f64) -> Inspection {
        let machine = dyno_hardware::profile();
        let predictor = self.predictor(&machine);
        let speed = predictor.speed(&facts, &EngineSettings::default());
        Inspection {
            memory: memory(&facts, machine.ram_limit_bytes, &predictor),
            prefill: speed.map(|speed| speed.prefill_tps.into()),
            decode: speed.map(|speed| speed.decode_tps.into()),
            facts,
            read_ms,
            usable_ram_bytes: machine.ram_limit_bytes,
        }
    }
}

/// Memory by cache type and window, for one sequence and the default settings otherwise; empty for a file without weights, and when the
/// header does not determine the cache. Types whose blocks do not fit the heads are left out.
fn memory(facts: &ModelFacts, usable_ram_bytes: u64, predictor: &dyn Predictor) -> Vec<KvMemory> {
    if facts.tensor_types.is_empty() {
        return Vec::new();
    }
    let suits = |kind: KvType| {
        let whole = |length: Option<u64>| {
            length.is_none_or(|length| length.is_multiple_of(u64::from(kind.block_elements())))
        };
        whole(facts.key_length) && whole(facts.value_length)
    };
    let rows = KvType::ALL.into_iter().filter(|(_, kind)| suits(*kind)).filter_map(|(kv_type, kind)| {
        let kv_bytes_per_token =
            facts.kv_bytes_per_token(kind.bytes_per_element(), kind.bytes_per_element())?;
        let window = |context: u64| {
            let settings = EngineSettings {
                context: u32::try_from(context).ok()?,
                kv_type_k: kind,
                kv_type_v: kind,
                ..EngineSettings::default()
            };
            let predicted = predictor.memory(facts, &settings)?;
            let total_bytes = predicted.total_bytes();
            let fits = total_bytes <= usable_ram_bytes;
            Some(WindowMemory { context, kv_bytes: predicted.kv_bytes, total_bytes, fits })
        };
        let windows = windows(facts.context_train).into_iter().map(window).collect::<Option<_>>()?;
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
    use dyno_types::{LayerGroup, LayerMemory, TensorTypeShare};

    use super::*;

    #[test]
    fn windows_end_at_the_training_context() {
        assert_eq!(windows(Some(512)), [512]);
        assert_eq!(windows(Some(8192)), [2048, 8192]);
        assert_eq!(windows(Some(40_960)), [2048, 8192, 32_768, 40_960]);
        assert_eq!(windows(None), WINDOWS);
    }

    #[test]
    fn memory_is_weights_and_what_the_layers_keep() {
        let share = TensorTypeShare { kind: "q4_k".to_owned(), tensors: 1, elements: 1, bytes: 1 << 30 };
        // Llama 3.2 1B: 16 layers, 8 KV heads of 64.
        let full = LayerMemory::Full { key_width: 512, value_width: 512 };
        let facts = ModelFacts {
            weights_bytes: 1 << 30,
            tensor_types: vec![share],
            layer_memory: vec![LayerGroup { layers: 16, memory: full }],
            key_length: Some(64),
            value_length: Some(64),
            embedding_length: Some(2048),
            context_train: Some(131_072),
            ..ModelFacts::default()
        };
        let memory = |facts: &ModelFacts, usable_bytes| {
            super::memory(facts, usable_bytes, &dyno_advise::OnMachine::default())
        };
        let rows = memory(&facts, 4 << 30);
        let f16 = rows.iter().find(|row| row.kv_type == "f16").unwrap();
        assert_eq!(f16.kv_bytes_per_token, 32_768.0);
        let caches: Vec<(u64, bool)> =
            f16.windows.iter().map(|window| (window.kv_bytes >> 20, window.fits)).collect();
        assert_eq!(caches, [(64, true), (256, true), (1024, true), (4096, false)]);
        let beside: Vec<u64> =
            f16.windows.iter().map(|window| window.total_bytes - window.kv_bytes - (1 << 30)).collect();
        assert!(beside[0] > 0 && beside.is_sorted(), "scratch and the process come on top: {beside:?}");
        let q8 = rows.iter().find(|row| row.kv_type == "q8_0").unwrap();
        assert_eq!(q8.kv_bytes_per_token, 17_408.0);
        // Two rotation matrices of 64 × 64 per layer come with a quantized cache.
        assert_eq!(q8.windows[0].kv_bytes, 17_408 * 2048 + 16 * 2 * 64 * 64 * 4);
        let narrow = ModelFacts { key_length: Some(8), ..facts.clone() };
        assert!(memory(&narrow, 4 << 30).iter().all(|row| row.kv_type != "q8_0"), "heads end inside a block");
        assert!(memory(&ModelFacts { layer_memory: Vec::new(), ..facts }, 4 << 30).is_empty());
        assert!(memory(&ModelFacts::default(), 4 << 30).is_empty(), "nothing stated");
    }
}
