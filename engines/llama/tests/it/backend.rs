//! The backend itself, without a process around it.

use std::io::Write as _;

use dyno_engine_llama::LlamaBackend;
use dyno_runtime::{Backend, BackendError, BatchItem};
use dyno_types::{EngineSettings, KvType, Switch};

use crate::driver::{greedy, items, likeliest, open, settings, text};
use crate::models::{stories, vocabulary};

pub(crate) const PROMPT: &str = "Once upon a time";
pub(crate) const STORY: &str = ", there was a little girl named Lily. She loved to play outside in the park. One day, she saw a big, \
                                red ball. She wanted to play with it,";

#[test]
fn a_trained_model_tells_its_story_with_any_thread_count_and_kv_type() {
    let path = stories();
    let variants = [
        settings(1),
        settings(2),
        EngineSettings { threads: 1, threads_prefill: 2, ..settings(1) },
        EngineSettings { mmap: false, flash_attention: Switch::Off, ..settings(1) },
        EngineSettings { ubatch: 2, flash_attention: Switch::On, ..settings(2) },
        EngineSettings { kv_type_k: KvType::F32, kv_type_v: KvType::F32, ..settings(2) },
    ];
    for settings in variants {
        let (mut backend, model) = open(&path, &settings);
        assert_eq!((model.layers, model.vocabulary, model.adds_bos, model.bos), (5, 512, true, Some(1)));
        let prompt = backend.tokenize(PROMPT, true, false).unwrap();
        let story = greedy(&mut backend, &prompt, 48);
        assert_eq!(text(&backend, &story), STORY, "{settings:?}");
    }
}

#[test]
fn sequences_computed_together_say_what_each_says_alone() {
    let path = stories();
    let (mut alone, _) = open(&path, &settings(2));
    let prompts: Vec<_> = ["Once upon a time", "Lily and Tom", "The big red dog was"]
        .iter()
        .map(|prompt| alone.tokenize(prompt, true, false).unwrap())
        .collect();
    let expected: Vec<_> = prompts.iter().map(|prompt| greedy(&mut alone, prompt, 16)).collect();
    let (mut together, _) = open(&path, &EngineSettings { sequences: 3, ..settings(2) });
    let mut batch: Vec<BatchItem> = Vec::new();
    for (sequence, prompt) in (0..).zip(&prompts) {
        batch.extend(items(prompt, 0, sequence));
    }
    let mut said: Vec<Vec<u32>> = vec![Vec::new(); prompts.len()];
    while said[0].len() < 16 {
        together.decode(&batch).unwrap();
        let wanted = batch.iter().enumerate().filter(|(_, item)| item.wants_logits);
        let next: Vec<(u32, u32, u32)> = wanted
            .map(|(index, item)| (item.sequence, item.position + 1, likeliest(together.logits(index))))
            .collect();
        batch.clear();
        for (sequence, position, token) in next {
            said[sequence as usize].push(token);
            batch.extend(items(&[token], position, sequence));
        }
    }
    assert_eq!(said, expected);
}

/// Continues a sequence greedily whose next token is given, until there are `count` tokens.
fn continue_from(
    backend: &mut LlamaBackend,
    token: u32,
    (position, sequence): (u32, u32),
    count: usize,
) -> Vec<u32> {
    let mut tokens = vec![token];
    for position in (position..).take(count - 1) {
        backend.decode(&items(&tokens[tokens.len() - 1..], position, sequence)).unwrap();
        tokens.push(likeliest(backend.logits(0)));
    }
    tokens
}

#[test]
fn trimmed_and_copied_sequences_go_on_as_if_nothing_had_happened() {
    let path = stories();
    let (mut backend, _) = open(&path, &EngineSettings { sequences: 2, ..settings(1) });
    let prompt = backend.tokenize(PROMPT, true, false).unwrap();
    let expected = greedy(&mut backend, &prompt, 12);
    let end = u32::try_from(prompt.len()).unwrap();
    assert!(backend.trim_sequence(0, end));
    assert_eq!(continue_from(&mut backend, expected[0], (end, 0), 12), expected);
    assert!(backend.trim_sequence(0, end));
    backend.copy_sequence(0, 1);
    // The copy must not depend on what becomes of the original.
    assert!(backend.trim_sequence(0, 0));
    backend.decode(&items(&[5, 6, 7, 8], 0, 0)).unwrap();
    assert_eq!(continue_from(&mut backend, expected[0], (end, 1), 12), expected);
}

#[test]
fn every_sequence_really_holds_the_window_and_a_full_one_changes_nothing() {
    let path = stories();
    let settings = EngineSettings { context: 100, sequences: 3, batch: 64, ..settings(2) };
    let mut backend = LlamaBackend::new();
    backend.load(&path, &settings, &mut |_| true).unwrap();
    let window = backend.open_context(&settings).unwrap();
    assert!(window >= 100, "{window}");
    let tokens: Vec<u32> = (0..window).map(|index| 3 + index % 500).collect();
    for sequence in 0..3 {
        for (chunk, position) in tokens.chunks(50).zip((0..).step_by(50)) {
            backend.decode(&items(chunk, position, sequence)).unwrap();
        }
    }
    let full = backend.decode(&items(&[9], window, 1)).unwrap_err();
    assert!(matches!(&full, BackendError::BadRequest(text) if text.contains("full")), "{full:?}");
    assert!(backend.trim_sequence(1, window - 1));
    let last = tokens[tokens.len() - 1];
    backend.decode(&items(&[last], window - 1, 1)).unwrap();
    let after_failure = backend.logits(0).to_vec();
    assert!(backend.trim_sequence(2, window - 1));
    backend.decode(&items(&[last], window - 1, 2)).unwrap();
    assert_eq!(likeliest(&after_failure), likeliest(backend.logits(0)));
}

#[test]
fn refused_batches_leave_the_sequences_as_they_were() {
    let path = stories();
    let (mut backend, model) = open(&path, &EngineSettings { batch: 32, ..settings(1) });
    let prompt = backend.tokenize(PROMPT, true, false).unwrap();
    let expected = greedy(&mut backend, &prompt, 12);
    let end = u32::try_from(prompt.len()).unwrap();
    assert!(backend.trim_sequence(0, end));
    let refusals = [
        items(&[model.vocabulary], end, 0),
        items(&[5], end, 1),
        items(&[5], end + 7, 0),
        items(&[5], 0, 0),
        items(&[5; 33], end, 0),
        Vec::new(),
    ];
    for batch in refusals {
        let refusal = backend.decode(&batch).unwrap_err();
        assert!(matches!(refusal, BackendError::BadRequest(_)), "{refusal:?} for {batch:?}");
    }
    assert_eq!(continue_from(&mut backend, expected[0], (end, 0), 12), expected);
}

#[test]
fn other_thread_counts_on_an_open_context_change_no_token() {
    let path = stories();
    let (mut backend, _) = open(&path, &settings(1));
    let prompt = backend.tokenize(PROMPT, true, false).unwrap();
    let expected = greedy(&mut backend, &prompt, 24);
    for (decode, prefill) in [(2, 2), (1, 2), (2, 1), (3, 3), (1, 1)] {
        backend.set_threads(decode, prefill);
        assert_eq!(greedy(&mut backend, &prompt, 24), expected, "{decode} and {prefill} threads");
    }
}

#[test]
fn contexts_that_llama_cpp_cannot_compute_are_refused_and_the_model_stays() {
    let path = stories();
    let (mut backend, _) = open(&path, &settings(1));
    // The heads of this model are 8 wide; a block of a quantized cache is 32.
    let quantized = [(KvType::Q8_0, KvType::F16), (KvType::F16, KvType::Q8_0)];
    for (kv_type_k, kv_type_v) in quantized {
        for flash_attention in [Switch::Auto, Switch::On, Switch::Off] {
            let settings = EngineSettings { kv_type_k, kv_type_v, flash_attention, ..settings(1) };
            let refusal = backend.open_context(&settings).unwrap_err();
            assert!(matches!(refusal, BackendError::BadRequest(_)), "{refusal:?} for {settings:?}");
        }
    }
    assert!(backend.open_context(&settings(1)).is_ok());
    let prompt = backend.tokenize(PROMPT, true, false).unwrap();
    let story = greedy(&mut backend, &prompt, 8);
    assert!(STORY.starts_with(&text(&backend, &story)));
}

#[test]
fn memory_is_accounted_by_purpose_and_gone_after_unloading() {
    let path = stories();
    let mut backend = LlamaBackend::new();
    assert_eq!(backend.memory(), dyno_types::MemoryBreakdown::default());
    backend.load(&path, &settings(1), &mut |_| true).unwrap();
    let loaded = backend.memory();
    assert!(
        loaded.weights_bytes > 500_000 && loaded.kv_bytes == 0 && loaded.compute_bytes == 0,
        "{loaded:?}"
    );
    backend.open_context(&settings(1)).unwrap();
    let opened = backend.memory();
    // Keys and values, 5 layers, 512 positions, 4 KV heads of 8, 2 bytes each.
    assert_eq!(opened.kv_bytes, 2 * 5 * 512 * 4 * 8 * 2);
    assert!(opened.compute_bytes > 0 && opened.weights_bytes > 500_000, "{opened:?}");
    backend.open_context(&EngineSettings { sequences: 2, ..settings(1) }).unwrap();
    assert_eq!(backend.memory().kv_bytes, 2 * opened.kv_bytes);
    backend.unload();
    assert_eq!(backend.memory(), dyno_types::MemoryBreakdown::default());
}

#[test]
fn tokens_go_to_bytes_and_control_tokens_to_nothing() {
    let path = stories();
    let (backend, model) = open(&path, &settings(1));
    let sentence = "Tim said: \"Hello, é 🦖!\"";
    let plain = backend.tokenize(sentence, false, false).unwrap();
    assert_eq!(text(&backend, &plain).trim_start(), sentence);
    let with_bos = backend.tokenize(sentence, true, false).unwrap();
    assert_eq!(with_bos[0], model.bos.unwrap());
    assert_eq!(with_bos[1..], plain);
    assert!(backend.token_bytes(model.bos.unwrap()).is_empty());
    assert!(backend.token_bytes(model.vocabulary).is_empty() && backend.token_bytes(u32::MAX).is_empty());
    assert!(backend.ends_generation(model.eos.unwrap()) && !backend.ends_generation(plain[0]));
    assert!(!backend.ends_generation(u32::MAX));
    assert!(backend.tokenize("", false, false).unwrap().is_empty());
    let long = "word ".repeat(20_000);
    assert!(backend.tokenize(&long, false, false).unwrap().len() > 20_000);
}

#[test]
fn a_text_is_gone_on_with_where_the_file_would_end_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut bytes = std::fs::read(stories()).unwrap();
    let key = b"tokenizer.ggml.add_eos_token";
    let value = bytes.windows(key.len()).position(|at| at == key).unwrap() + key.len() + size_of::<u32>();
    assert_eq!(bytes[value], 0);
    bytes[value] = 1;
    let path = folder.path().join("ends.gguf");
    std::fs::write(&path, bytes).unwrap();
    let (ending, model) = open(&path, &settings(1));
    let (usual, _) = open(&stories(), &settings(1));
    for text in ["Once upon a time", ""] {
        let tokens = usual.tokenize(text, true, false).unwrap();
        assert_eq!(ending.tokenize(text, true, false).unwrap(), tokens, "{text:?}");
        assert_ne!(tokens.last(), model.eos.as_ref());
    }
    let spelled = format!("a{}", ending.token_text(model.eos.unwrap()));
    assert_eq!(ending.tokenize(&spelled, true, true).unwrap().last(), model.eos.as_ref(), "its own stays");
}

#[test]
fn layers_for_an_accelerator_that_is_not_there_are_refused() {
    let mut backend = LlamaBackend::new();
    let wanted = EngineSettings { gpu_layers: 5, ..settings(1) };
    match backend.load(&stories(), &wanted, &mut |_| true) {
        Err(BackendError::BadRequest(reason)) => {
            assert!(reason.starts_with("5 layers for an accelerator: "), "{reason}")
        }
        Ok(_) => eprintln!("SKIPPED: layers_for_an_accelerator_that_is_not_there_are_refused: there is one"),
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn a_load_reports_progress_and_can_be_aborted() {
    let path = stories();
    let mut backend = LlamaBackend::new();
    let mut seen = Vec::new();
    let mut note = |fraction| {
        seen.push(fraction);
        true
    };
    backend.load(&path, &settings(1), &mut note).unwrap();
    assert!(seen.is_sorted() && seen.last() == Some(&1.0), "{seen:?}");
    assert_eq!(backend.load(&path, &settings(1), &mut |_| false), Err(BackendError::Cancelled));
    assert!(backend.load(&path, &settings(1), &mut |_| true).is_ok());
    let panicking = std::panic::AssertUnwindSafe(|| {
        let _ = LlamaBackend::new().load(&path, &settings(1), &mut |_| panic!("progress"));
    });
    assert!(std::panic::catch_unwind(panicking).is_err());
}

#[test]
fn broken_files_give_reasons() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::File::create(&path).unwrap().write_all(bytes).unwrap();
        path
    };
    let bytes = std::fs::read(stories()).unwrap();
    let files = [
        (write("empty.gguf", b""), ""),
        (write("garbage.gguf", &[0x5a; 4096]), "magic"),
        (write("header-only.gguf", b"GGUF\x03\0\0\0"), ""),
        (folder.path().to_path_buf(), ""),
        (folder.path().join("absent.gguf"), ""),
        (write("truncated.gguf", &bytes[..bytes.len() / 2]), ""),
        (write("truncated-header.gguf", &bytes[..200]), ""),
        (vocabulary(), ""),
    ];
    let mut backend = LlamaBackend::new();
    for (path, word) in files {
        let failure = backend.load(&path, &settings(1), &mut |_| true).unwrap_err();
        let BackendError::Model(reason) = failure else { panic!("{failure:?} for {}", path.display()) };
        eprintln!("{}: {reason}", path.display());
        assert!(
            reason.len() > 8 && reason.contains(word) && !reason.contains("gave no reason"),
            "{reason} for {}",
            path.display()
        );
    }
}
