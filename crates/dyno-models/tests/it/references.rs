//! How models are named.

use dyno_models::{DEFAULT_REFERENCE, ModelError, Reference, read_facts, resolve};

#[test]
fn references_become_files() {
    let cache = tempfile::tempdir().unwrap();
    let mut calls = 0;
    let mut progress = |_, _| {
        calls += 1;
        true
    };
    let made = resolve("synth:tiny-llama@q4_0#5", cache.path(), &mut progress).unwrap();
    assert!(calls > 0 && made.starts_with(cache.path()));
    let again = resolve("synth:tiny-llama@q4_0#5", cache.path(), &mut |_, _| panic!("it is there")).unwrap();
    assert_eq!(again, made);
    let by_path =
        resolve(made.to_str().unwrap(), cache.path(), &mut |_, _| panic!("a path is not made")).unwrap();
    assert_eq!(by_path, made);
    assert_eq!(read_facts(&made, "ref").unwrap().reference, "ref");
}

#[test]
fn the_default_is_inside_this_program() {
    let Reference::Builtin(builtin) = Reference::parse(DEFAULT_REFERENCE).unwrap() else {
        panic!("it needs no file")
    };
    assert!(builtin.bytes.len() < 3_000_000, "every copy of the program carries it");
}

#[test]
fn names_nobody_knows_are_answered_with_what_is_known() {
    let cache = tempfile::tempdir().unwrap();
    let cases = [
        ("hf:org/model", true, "`dyno models pull` fetches models"),
        ("hf:model", true, "it lacks the organisation"),
        ("https://host/model.GGUF?download=true", true, "not on this machine"),
        ("ollama:llama3:8b", true, "not on this machine"),
        ("ollama:../x", true, "ollama:NAME[:TAG]"),
        ("hf.co/org/model:Q8_0", true, "`dyno models pull` fetches models"),
        ("org/model:Q8_0", true, "`dyno models pull` fetches models"),
        ("https://huggingface.co/org/model/blob/main/x.gguf", true, "`dyno models pull` fetches models"),
        ("org/model", false, "or write hf:org/model"),
        ("http://host:8080/v1#m", true, "a remote server"),
        ("https://host/v1", true, "a remote server"),
        ("builtin:nothing", true, "known: nano, micro"),
        ("synth:lama-3.2-1b@q4_0", true, "did you mean llama-3.2-1b"),
        ("synth:tiny-llama", true, "SHAPE@QUANT"),
        ("missing.gguf", false, "missing.gguf does not exist"),
        ("llama-3.2-1b@q4_k_m", false, "did you mean synth:llama-3.2-1b@q4_k_m?"),
        ("llama3.2-1b", false, "did you mean synth:llama-3.2-1b@"),
        ("", false, "does not exist"),
    ];
    for (reference, bad_input, sentence) in cases {
        let error: ModelError = resolve(reference, cache.path(), &mut |_, _| true).unwrap_err();
        assert_eq!(error.is_bad_input(), bad_input, "{reference}");
        assert!(error.to_string().contains(sentence), "{reference}: {error}");
    }
}

#[test]
fn an_address_with_a_password_is_refused_and_not_repeated() {
    for address in ["https://me:secret@host/model.gguf", "http://secret@host/v1", "https://a:secret@host?x=/"]
    {
        let error = Reference::parse(address).unwrap_err();
        assert!(matches!(error, ModelError::SecretInAddress) && error.is_bad_input(), "{error:?}");
        assert!(!error.to_string().contains("secret") && !error.to_string().contains("host"), "{error}");
    }
    assert!(Reference::parse("https://host/a@b/model.gguf").is_ok(), "an @ in the path is a name");
}
