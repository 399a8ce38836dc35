//! Builds the engine, and llama.cpp's own tools against the very libraries the engine links.
//!
//! The published sources cannot configure llama.cpp's tools (folders they refer to are left out of the crate), but hold
//! some of them whole; compiling a tool's few files with the compiler and flags recorded by the libraries' own build and
//! linking the same archives is the closest comparison there is.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};
use serde_json::Value;

use crate::step;

/// Package of the bindings that carry llama.cpp.
const BINDINGS: &str = "llama-cpp-sys-4";
/// Package of the command.
const FRONT: &str = "dyno";
/// Package and executable of the engine.
const ENGINE: &str = "dyno-engine-llama";

/// A tool of llama.cpp: its name is that of its executable, its files lie in one folder below `tools`.
pub(crate) struct Tool {
    name: &'static str,
    folder: &'static str,
    files: &'static [&'static str],
}

/// Times the bare backend.
pub(crate) const LLAMA_BENCH: Tool =
    Tool { name: "llama-bench", folder: "llama-bench", files: &["llama-bench.cpp", "main.cpp"] };
/// Perplexity of a text.
pub(crate) const LLAMA_PERPLEXITY: Tool =
    Tool { name: "llama-perplexity", folder: "perplexity", files: &["perplexity.cpp", "main.cpp"] };

/// What was built.
pub(crate) struct Built {
    /// The engine executable.
    pub(crate) engine: PathBuf,
    /// The peer.
    pub(crate) peer: PathBuf,
}

/// What cargo said of the engine's build.
#[derive(Debug, Default, PartialEq)]
struct Artifacts {
    engine: Option<PathBuf>,
    /// Output folder of the bindings' build script; `llama.cpp` in it is the source tree.
    out_dir: Option<PathBuf>,
    /// Folders with llama.cpp's archives.
    library_dirs: Vec<PathBuf>,
}

/// Builds both; the peer only when it is older than the libraries.
pub(crate) fn engine_and_peer(tool: &Tool) -> anyhow::Result<Built> {
    let output = step::cargo(crate::root())
        // Together, as `make build` does: the engine alone would share fewer features, and llama.cpp be compiled again.
        .args(["build", "--release", "--package", FRONT, "--package", ENGINE])
        .arg("--message-format=json-render-diagnostics")
        .stderr(Stdio::inherit())
        .output()
        .context("cannot run cargo")?;
    if !output.status.success() {
        bail!("the engine does not build: cargo ended with {}", output.status);
    }
    let artifacts = Artifacts::read(&String::from_utf8_lossy(&output.stdout));
    let (Some(engine), Some(out_dir)) = (artifacts.engine, artifacts.out_dir) else {
        bail!("cargo did not say where {ENGINE} and the output of {BINDINGS} are");
    };
    let cache = artifacts
        .library_dirs
        .iter()
        .map(|dir| dir.join("build"))
        .find(|dir| dir.join("CMakeCache.txt").is_file());
    let cmake = cache.context(
        "llama.cpp's own build folder is gone; run `cargo clean --release -p llama-cpp-sys-4` and again",
    )?;
    let folder =
        engine.parent().and_then(Path::parent).context("the engine lies in no target folder")?.join("peers");
    let peer = folder.join(tool.name);
    build_peer(tool, &out_dir.join("llama.cpp"), &cmake, &peer)?;
    Ok(Built { engine, peer })
}

impl Artifacts {
    /// Reads cargo's JSON messages, one per line.
    fn read(messages: &str) -> Self {
        let mut found = Self::default();
        for message in messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
            let text = |pointer: &str| message.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
            if text("/target/name").as_deref() == Some(ENGINE) {
                found.engine = text("/executable").map(PathBuf::from).or(found.engine);
            }
            if message["reason"] == "build-script-executed"
                && text("/package_id").is_some_and(|id| id.contains(BINDINGS))
            {
                found.out_dir = text("/out_dir").map(PathBuf::from);
                let paths =
                    message["linked_paths"].as_array().into_iter().flatten().filter_map(Value::as_str);
                found.library_dirs =
                    paths.map(|path| PathBuf::from(path.strip_prefix("native=").unwrap_or(path))).collect();
            }
        }
        found
    }
}

fn build_peer(tool: &Tool, sources: &Path, cmake: &Path, target: &Path) -> anyhow::Result<()> {
    let mut archives = Vec::new();
    find_archives(cmake, &mut archives)?;
    if archives.is_empty() {
        bail!("no archives of llama.cpp in {}", cmake.display());
    }
    let age = |path: &Path| path.metadata().and_then(|metadata| metadata.modified()).ok();
    let newest = archives.iter().filter_map(|path| age(path)).max();
    if age(target).is_some() && age(target) >= newest {
        return Ok(());
    }
    std::fs::create_dir_all(target.parent().context("the target has a folder")?)?;
    let settings = std::fs::read_to_string(cmake.join("CMakeCache.txt"))?;
    let compiler =
        cached(&settings, "CMAKE_CXX_COMPILER").context("the C++ compiler is not in CMakeCache.txt")?;
    eprintln!("building {} with {compiler} against {} …", tool.name, cmake.display());
    let mut command = Command::new(compiler);
    for flags in ["CMAKE_CXX_FLAGS", "CMAKE_CXX_FLAGS_RELEASE"] {
        command.args(cached(&settings, flags).unwrap_or_default().split_whitespace());
    }
    command.arg("-std=c++17");
    let own = sources.join("tools").join(tool.folder);
    for folder in ["common", "include", "ggml/include", "vendor"].map(|folder| sources.join(folder)) {
        command.arg(format!("-I{}", folder.display()));
    }
    command.arg(format!("-I{}", own.display())).args(tool.files.iter().map(|file| own.join(file)));
    command.arg("-o").arg(target);
    if cfg!(target_os = "linux") {
        // The archives refer to each other in circles.
        command.arg("-Wl,--start-group").args(&archives).args([
            "-Wl,--end-group",
            "-lpthread",
            "-ldl",
            "-lm",
        ]);
    } else {
        command.args(&archives).args(["-framework", "Foundation", "-framework", "Accelerate"]);
    }
    // llama.cpp's download code links OpenSSL when its build found it.
    let ssl = ["OPENSSL_SSL_LIBRARY", "OPENSSL_CRYPTO_LIBRARY"]
        .into_iter()
        .filter_map(|name| cached(&settings, name));
    command.args(ssl.filter(|path| !path.ends_with("-NOTFOUND")));
    let status = command.status().with_context(|| format!("cannot run {compiler}"))?;
    if !status.success() {
        bail!("{} does not build: {compiler} ended with {status}", tool.name);
    }
    Ok(())
}

/// Value of a variable in a CMakeCache.txt (`NAME:TYPE=VALUE`), unless empty.
fn cached<'a>(settings: &'a str, name: &str) -> Option<&'a str> {
    let line = settings.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    line.split_once('=').map(|(_, value)| value.trim()).filter(|value| !value.is_empty())
}

fn find_archives(folder: &Path, found: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            find_archives(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "a") {
            found.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_says_where_engine_sources_and_libraries_are() {
        let messages = "not json\n\
            {\"reason\":\"build-script-executed\",\"package_id\":\"registry#llama-cpp-sys-4@0.11.0\",\"out_dir\":\"/o\",\
             \"linked_paths\":[\"/c/lib\",\"native=/c\"]}\n\
            {\"reason\":\"compiler-artifact\",\"target\":{\"name\":\"dyno-engine-llama\"},\"executable\":null}\n\
            {\"reason\":\"compiler-artifact\",\"target\":{\"name\":\"dyno-engine-llama\"},\"executable\":\"/t/release/e\"}";
        let expected = Artifacts {
            engine: Some("/t/release/e".into()),
            out_dir: Some("/o".into()),
            library_dirs: vec!["/c/lib".into(), "/c".into()],
        };
        assert_eq!(Artifacts::read(messages), expected);
    }

    #[test]
    fn cmake_values_are_read_by_their_whole_name() {
        let settings =
            "CMAKE_CXX_FLAGS_RELEASE:STRING=-O3 -DNDEBUG\nCMAKE_CXX_FLAGS:STRING= -fPIC\nEMPTY:STRING=\n";
        assert_eq!(cached(settings, "CMAKE_CXX_FLAGS"), Some("-fPIC"));
        assert_eq!(cached(settings, "CMAKE_CXX_FLAGS_RELEASE"), Some("-O3 -DNDEBUG"));
        assert_eq!(cached(settings, "EMPTY"), None);
        assert_eq!(cached(settings, "ABSENT"), None);
    }
}
