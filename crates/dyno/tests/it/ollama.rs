//! Models of an Ollama store, end to end: a store as Ollama lays it out, the command.

use std::path::PathBuf;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::dyno::{Finished, World};

/// A store with `tiny:1b` and `tiny:latest` (the same model), `me/own:v1`, and `safetensors`, which holds no GGUF file.
struct Store {
    world: World,
    sha256: String,
}

impl Store {
    fn new() -> Self {
        let world = World::new();
        let made = world.run(&["synth", "tiny-llama@q8_0", "--output", "made"]).ok();
        let content = std::fs::read(world.path("").join(made.trim())).unwrap();
        let sha256: String = Sha256::digest(&content).iter().map(|byte| format!("{byte:02x}")).collect();
        let store = Self { world, sha256 };
        std::fs::create_dir_all(store.path("blobs")).unwrap();
        std::fs::write(store.blob(), content).unwrap();
        let model = "application/vnd.ollama.image.model";
        let host = "registry.ollama.ai";
        store.write(&format!("{host}/library/tiny/1b"), model, &format!("sha256:{}", store.sha256));
        store.write(&format!("{host}/library/tiny/latest"), model, &format!("sha256:{}", store.sha256));
        store.write(&format!("{host}/me/own/v1"), model, &format!("sha256:{}", store.sha256));
        store.write("hf.co/o/r-GGUF/Q8_0", model, &format!("sha256:{}", store.sha256));
        let tensor = "application/vnd.ollama.image.tensor";
        store.write(
            &format!("{host}/library/safetensors/latest"),
            tensor,
            &format!("sha256:{}", store.sha256),
        );
        store.write(&format!("{host}/library/gone/latest"), model, &format!("sha256:{}", "0".repeat(64)));
        store.write(&format!("{host}/library/evil/latest"), model, "sha256:../../../../etc/passwd");
        std::fs::write(store.path(&format!("manifests/{host}/library/tiny/broken")), "{ no json").unwrap();
        store
    }

    fn path(&self, name: &str) -> PathBuf {
        self.world.path(".ollama/models").join(name)
    }

    fn blob(&self) -> PathBuf {
        self.path("blobs").join(format!("sha256-{}", self.sha256))
    }

    /// A manifest as Ollama writes it.
    fn write(&self, name: &str, kind: &str, digest: &str) {
        let file = self.path("manifests").join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        let layer = |kind: &str, digest: &str| json!({"mediaType": kind, "digest": digest, "size": 1});
        let other = format!("sha256:{}", "1".repeat(64));
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
            "config": layer("application/vnd.docker.container.image.v1+json", &other),
            "layers": [
                layer(kind, digest),
                layer("application/vnd.ollama.image.template", &other),
                layer("application/vnd.ollama.image.license", &other),
            ],
        });
        std::fs::write(file, manifest.to_string()).unwrap();
    }

    fn run(&self, arguments: &[&str]) -> Finished {
        self.world.run(arguments)
    }
}

#[test]
fn a_model_of_the_store_is_opened_where_it_is() {
    let store = Store::new();
    let before = std::fs::metadata(store.blob()).unwrap().modified().unwrap();
    for reference in ["ollama:tiny:1b", "ollama:tiny", "ollama:me/own:v1", "ollama:hf.co/o/r-GGUF:Q8_0"] {
        let text = store.run(&["models", "inspect", reference, "--format", "json"]).ok();
        let inspected: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(inspected["facts"]["reference"], reference);
        assert_eq!(inspected["facts"]["architecture"], "llama");
    }
    assert_eq!(std::fs::metadata(store.blob()).unwrap().modified().unwrap(), before);
    let rows: Value = serde_json::from_str(&store.run(&["models", "list", "--format", "json"]).ok()).unwrap();
    let ollama: Vec<&str> = rows
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["place"] == "Ollama")
        .map(|row| row["name"].as_str().unwrap())
        .collect();
    let names = ["ollama:hf.co/o/r-GGUF:Q8_0", "ollama:me/own:v1", "ollama:tiny:1b", "ollama:tiny:latest"];
    assert_eq!(ollama, names);
    // Another store.
    let moved = store.world.path("elsewhere");
    std::fs::rename(store.world.path(".ollama/models"), &moved).unwrap();
    store.run(&["models", "inspect", "ollama:tiny:1b"]).refused(2, &["ollama:tiny:1b", "OLLAMA_MODELS"]);
    let mut command = store.world.command(&["models", "inspect", "ollama:tiny:1b"]);
    crate::dyno::finished(command.env("OLLAMA_MODELS", &moved).output().unwrap()).ok();
}

#[test]
fn what_is_missing_is_answered_with_the_tags_that_are_there() {
    let store = Store::new();
    store.run(&["models", "inspect", "ollama:tiny:8b"]).refused(2, &["ollama:tiny:1b", "ollama:tiny:latest"]);
    store
        .run(&["generate", "ollama:other", "-p", "x"])
        .refused(2, &["ollama:other:latest", "ollama:me/own:v1"]);
    store.run(&["models", "inspect", "ollama:../../x"]).refused(2, &["ollama:NAME"]);
    store.run(&["models", "pull", "ollama:tiny:1b"]).refused(2, &["nothing to pull"]);
}

#[test]
fn a_store_that_leads_nowhere_is_a_fault_of_the_model() {
    let store = Store::new();
    let cases = [
        ("ollama:safetensors", "exactly one GGUF"),
        ("ollama:gone", "not in blobs"),
        ("ollama:evil", "64 hexadecimal digits"),
        ("ollama:tiny:broken", "no manifest"),
    ];
    for (reference, reason) in cases {
        store.run(&["models", "inspect", reference]).refused(3, &[reason, "ollama pull"]);
    }
    // The same size, another content.
    let mut content = std::fs::read(store.blob()).unwrap();
    let last = content.len() - 1;
    content[last] ^= 1;
    std::fs::write(store.blob(), content).unwrap();
    store
        .run(&["models", "inspect", "ollama:tiny:1b"])
        .refused(3, &["its content has the digest", "ollama pull"]);
}
