//! The checks before and the names after a call of llama.cpp; the calls themselves are tested with models in `tests/it`.

use dyno_types::KvType;

use super::*;

fn refused(settings: &EngineSettings) -> String {
    match check_context(settings) {
        Err(BackendError::BadRequest(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn contexts_that_cannot_work_are_refused_before_llama_cpp_sees_them() {
    let good = EngineSettings { context: 512, sequences: 4, ..EngineSettings::default() };
    assert_eq!(check_context(&good), Ok(2048));
    let quantized = EngineSettings { kv_type_v: KvType::Q8_0, flash_attention: Switch::Off, ..good.clone() };
    assert!(refused(&quantized).contains("flash attention"));
    let keys_only = EngineSettings { kv_type_k: KvType::Q8_0, flash_attention: Switch::Off, ..good.clone() };
    assert_eq!(check_context(&keys_only), Ok(2048));
    assert!(refused(&EngineSettings { sequences: 257, ..good.clone() }).contains("257"));
    assert!(refused(&EngineSettings { sequences: 0, ..good.clone() }).contains("1 to 256"));
    assert!(
        refused(&EngineSettings { context: 16_777_216, sequences: 256, ..good.clone() }).contains("16777216")
    );
    assert!(refused(&EngineSettings { ubatch: 0, ..good }).contains("ubatch 0"));
}

#[test]
fn batches_outside_the_model_are_refused() {
    let item = BatchItem { token: 9, position: 0, sequence: 1, wants_logits: false };
    assert_eq!(check_batch(&[item], 4, 10, 2), Ok(()));
    assert!(check_batch(&[], 4, 10, 2).is_err());
    assert!(check_batch(&[item; 5], 4, 10, 2).is_err());
    assert!(check_batch(&[BatchItem { token: 10, ..item }], 4, 10, 2).is_err());
    assert!(check_batch(&[BatchItem { sequence: 2, ..item }], 4, 10, 2).is_err());
    assert!(check_batch(&[BatchItem { position: u32::MAX, ..item }], 4, 10, 2).is_err());
}

#[test]
fn failures_are_typed_by_what_llama_cpp_said() {
    let lines = |text: &str| vec![text.to_owned()];
    assert!(
        matches!(load_failure(&lines("f: error loading model: missing tensor 'x'")), BackendError::Model(text) if text == "missing tensor 'x'")
    );
    assert!(matches!(load_failure(&lines("f: unable to allocate CPU buffer")), BackendError::OutOfMemory(_)));
    let settings = EngineSettings::default();
    assert!(matches!(
        context_failure(&settings, &lines("f: failed to allocate buffer for kv cache")),
        BackendError::OutOfMemory(_)
    ));
    assert!(matches!(
        context_failure(&settings, &lines("f: K cache type q8_0 does not divide")),
        BackendError::BadRequest(_)
    ));
    assert!(matches!(decode_failure(1, 3, &[]), BackendError::BadRequest(text) if text.contains("full")));
    assert!(matches!(decode_failure(-2, 3, &[]), BackendError::OutOfMemory(_)));
    assert!(matches!(decode_failure(-3, 3, &[]), BackendError::Internal(text) if text.contains("-3")));
}

#[test]
fn open_thread_counts_become_all_processors() {
    let settings =
        with_threads(&EngineSettings { threads: 0, threads_prefill: 3, ..EngineSettings::default() });
    assert!(settings.threads >= 1);
    assert_eq!(settings.threads_prefill, 3);
}
