//! What the facts of a header say about memory is what the engine allocates, for every family.

use dyno_types::{EngineSettings, KvType, Switch};

use crate::models::{DECODERS, stories, synthetic};
use crate::process::{config, start};

/// Settings that differ in everything the size of the cache depends on.
fn variants() -> Vec<EngineSettings> {
    let base = EngineSettings { threads: 1, threads_prefill: 1, ..EngineSettings::default() };
    let mut variants = Vec::new();
    for (context, sequences) in [(512, 1), (2048, 1), (300, 3)] {
        for kind in [KvType::F16, KvType::Q8_0] {
            variants.push(EngineSettings {
                context,
                sequences,
                kv_type_k: kind,
                kv_type_v: kind,
                ..base.clone()
            });
        }
    }
    variants.push(EngineSettings { context: 1000, kv_type_k: KvType::Q4_0, ..base.clone() });
    variants.push(EngineSettings { context: 2048, ubatch: 64, ..base.clone() });
    variants.push(EngineSettings { context: 2048, batch: 32, ..base.clone() });
    variants.push(EngineSettings { context: 768, flash_attention: Switch::Off, ..base });
    variants
}

#[tokio::test]
async fn the_cache_predicted_from_a_header_is_the_one_allocated() {
    let models = DECODERS.iter().map(|shape| synthetic(&format!("{shape}@q8_0"))).chain([stories()]);
    for path in models {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let facts = dyno_models::read_facts(&path, &name).unwrap();
        let session = start(config()).await.unwrap();
        session.load(&path, &EngineSettings::default(), &mut |_| true).await.unwrap();
        let mut compared = 0;
        for settings in variants() {
            match (facts.kv_bytes(&settings), session.open_context(&settings).await) {
                (Some(predicted), Ok(report)) => {
                    assert_eq!(predicted, report.memory.kv_bytes, "{name}: {settings:?}");
                    compared += 1;
                }
                // Heads that end inside a block, or a latent of two types: no cache to predict, and none to open.
                (None, Err(refused)) => {
                    let reason = refused.to_string();
                    assert!(
                        ["heads", "cache types"].iter().any(|part| reason.contains(part)),
                        "{name}: {reason}"
                    );
                }
                (predicted, opened) => panic!("{name}: {predicted:?}, {opened:?} with {settings:?}"),
            }
        }
        assert!(compared >= variants().len() / 2, "{name}: {compared}");
        session.stop().await;
    }
}
