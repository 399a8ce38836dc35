//! The engine says truly what it is.

use std::process::Command;

use dyno_engine_llama::{LLAMA_CPP_BUILD, LlamaBackend};
use dyno_runtime::Backend;

#[test]
fn the_named_build_is_that_of_the_pinned_bindings() {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo)
        .args([
            "metadata",
            "--format-version=1",
            "--offline",
            "--filter-platform",
            env!("DYNO_TARGET"),
            "--manifest-path",
        ])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let manifest = text
        .split("\"manifest_path\":\"")
        .filter_map(|rest| rest.split('"').next())
        .find(|path| path.contains("/llama-cpp-sys-4-"))
        .expect("the bindings are a dependency");
    let readme = std::fs::read_to_string(manifest.replace("Cargo.toml", "README.md")).unwrap();
    let line = readme
        .lines()
        .find(|line| line.contains("llama.cpp version"))
        .expect("the crate names its llama.cpp");
    assert!(line.contains(LLAMA_CPP_BUILD), "{line} does not name {LLAMA_CPP_BUILD}: update src/identity.rs");
}

#[test]
fn the_engine_names_backend_compiler_and_features() {
    let info = LlamaBackend::new().info();
    assert_eq!(info.name, "llama");
    assert!(info.backend.starts_with("llama.cpp b"), "{}", info.backend);
    assert!(info.compiler.chars().any(|c| c.is_ascii_digit()), "{}", info.compiler);
    assert!(!info.features.is_empty());
    if cfg!(target_arch = "x86_64") {
        assert!(
            info.compiler.contains("clang") || std::env::var("DYNO_ALLOW_GCC").is_ok(),
            "{}",
            info.compiler
        );
    }
}
