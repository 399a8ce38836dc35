//! Finds out which compiler built llama.cpp, hands its name to the program, and refuses the one that breaks it.

use std::{env, fs, path::PathBuf, process::Command};

#[path = "src/compiler.rs"]
mod compiler;

fn main() {
    println!("cargo:rerun-if-env-changed=DYNO_ALLOW_GCC");
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=src/compiler.rs");
    let name = built_with().or_else(asked_for).unwrap_or_else(|| "unknown".to_owned());
    let architecture = env::var("CARGO_CFG_TARGET_ARCH").unwrap_or_default();
    let allowed = env::var("DYNO_ALLOW_GCC").is_ok_and(|value| value == "1");
    if let Some(reason) = compiler::refusal(&name, &architecture, allowed) {
        println!("cargo::error={reason}");
    }
    println!("cargo:rustc-env=DYNO_NATIVE_COMPILER={name}");
    println!("cargo:rustc-env=DYNO_TARGET={}", env::var("TARGET").unwrap_or_default());
}

/// What llama.cpp's own build recorded: the compiler that really ran.
fn built_with() -> Option<String> {
    let root = PathBuf::from(env::var_os("DEP_LLAMA_ROOT")?);
    let record = root.join("build/common/build-info.cpp");
    println!("cargo:rerun-if-changed={}", record.display());
    compiler::from_build_info(&fs::read_to_string(record).ok()?)
}

/// Where that record is missing: what the compiler in effect says of itself.
fn asked_for() -> Option<String> {
    println!("cargo:rerun-if-env-changed=CXX");
    let program = env::var("CXX").unwrap_or_else(|_| "c++".to_owned());
    let output = Command::new(program).arg("--version").output().ok()?;
    compiler::from_version_text(&String::from_utf8_lossy(&output.stdout))
}
