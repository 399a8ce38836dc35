//! Starts dyno in a world of its own: empty cache, history and home.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A world with its own cache, history and home.
pub(crate) struct World {
    folder: tempfile::TempDir,
    engine_dir: Option<PathBuf>,
}

/// What a finished command left.
pub(crate) struct Finished {
    /// Standard output.
    pub(crate) out: String,
    /// Standard error.
    pub(crate) err: String,
    /// Exit code; absent when a signal ended it.
    pub(crate) code: Option<i32>,
}

impl World {
    /// A world without an engine.
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), engine_dir: None }
    }

    /// A world with the real engine, or `None` (said loudly) when it is not built.
    pub(crate) fn with_engine(test: &str) -> Option<Self> {
        let named = std::env::var_os("DYNO_ENGINE_DIR").map(PathBuf::from);
        let target = Path::new(env!("CARGO_BIN_EXE_dyno")).ancestors().nth(2).unwrap().join("release");
        let found = named.into_iter().chain([target]).find(|dir| dir.join("dyno-engine-llama").exists());
        if found.is_none() {
            eprintln!("SKIPPED: {test}: no dyno-engine-llama in DYNO_ENGINE_DIR or target/release");
        }
        Some(Self { engine_dir: Some(found?), ..Self::new() })
    }

    /// The real trained model.
    pub(crate) fn stories() -> PathBuf {
        Self::real_model("stories260K-f16.gguf")
    }

    /// A real vocabulary without weights.
    pub(crate) fn vocabulary() -> PathBuf {
        Self::real_model("ggml-vocab-phi-3.gguf")
    }

    fn real_model(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../dyno-models/tests/fixtures").join(name)
    }

    /// The beginning of a published set of questions.
    pub(crate) fn questions(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../dyno-eval/tests/fixtures").join(name)
    }

    /// A path in this world.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A command ready to run.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dyno"));
        command
            .args(arguments)
            .env("HOME", self.folder.path())
            .env("DYNO_CACHE_DIR", self.path("cache"))
            .env("DYNO_HISTORY", self.path("history.sqlite"))
            .env_remove("DYNO_ENGINE_DIR")
            .env_remove("RUST_LOG")
            .env_remove("DYNO_THREADS")
            .env_remove("OMP_NUM_THREADS")
            .env_remove("LLAMA_CACHE_DIR")
            .env_remove("OLLAMA_MODELS")
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("DYNO_CONFIG")
            .env_remove("LLAMA_CACHE_MAX_SIZE")
            .env_remove("HF_TOKEN")
            .env_remove("HF_HUB_CACHE")
            .env("HF_HOME", self.path("huggingface"))
            // Nobody there: a test that fetches names its own hub.
            .env("HF_ENDPOINT", "http://127.0.0.1:9")
            .current_dir(self.folder.path());
        if let Some(dir) = &self.engine_dir {
            command.env("DYNO_ENGINE_DIR", dir);
        }
        command
    }

    /// Runs to the end where no file can grow beyond so many blocks of 512 bytes, as if the disk were full.
    pub(crate) fn on_a_full_disk(&self, blocks: &str, arguments: &[&str]) -> Finished {
        let script = format!("ulimit -f {blocks}; exec \"$@\"");
        finished(self.through(&["sh", "-c", &script, "sh"], arguments).output().unwrap())
    }

    /// A command ready to run that another program starts: `starter… dyno arguments…`.
    pub(crate) fn through(&self, starter: &[&str], arguments: &[&str]) -> Command {
        let dyno = self.command(arguments);
        let mut command = Command::new(starter[0]);
        command.args(&starter[1..]).arg(dyno.get_program()).args(arguments);
        command.current_dir(self.folder.path());
        for (name, value) in dyno.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command
    }

    /// Runs to the end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Finished {
        finished(self.command(arguments).output().unwrap())
    }
}

/// Output as text.
pub(crate) fn finished(output: Output) -> Finished {
    Finished {
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
        code: output.status.code(),
    }
}

impl Finished {
    /// Asserts success and gives standard output.
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, Some(0), "stderr: {}\nstdout: {}", self.err, self.out);
        self.out
    }

    /// Asserts an exit code and that each text stands in standard error.
    pub(crate) fn refused(self, code: i32, texts: &[&str]) {
        assert_eq!(self.code, Some(code), "stderr: {}\nstdout: {}", self.err, self.out);
        for text in texts {
            assert!(
                self.err.to_lowercase().contains(&text.to_lowercase()),
                "{text:?} is not in: {}",
                self.err
            );
        }
        assert!(!self.err.contains("panicked"), "{}", self.err);
    }
}
