//! Models of a hub, end to end: a stand-in hub with real sockets, the command, the cache.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;

use serde_json::Value;

use crate::dyno::{Finished, World};

/// A hub with one repository `o/r` that holds a small synthetic model as `tiny-Q8_0.gguf`. Lives as long as the test process.
struct Hub {
    url: String,
    content: Vec<u8>,
}

impl Hub {
    fn start(world: &World) -> Self {
        let made = world.run(&["synth", "tiny-llama@q8_0", "--output", "served"]).ok();
        let content = std::fs::read(world.path("").join(made.trim())).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let served = content.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // The other side hangs up as it likes.
                let _ = serve(stream, &served);
            }
        });
        Self { url, content }
    }

    fn run(&self, world: &World, arguments: &[&str]) -> Finished {
        crate::dyno::finished(world.command(arguments).env("HF_ENDPOINT", &self.url).output().unwrap())
    }
}

fn serve(mut stream: TcpStream, content: &[u8]) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    let mut range = None;
    for line in lines {
        let line = line?.to_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some((begin, last)) =
            line.strip_prefix("range: bytes=").and_then(|range| range.split_once('-'))
        {
            range = begin.parse::<usize>().ok().zip(last.parse::<usize>().ok());
        }
    }
    let listing = serde_json::json!({"siblings": [
        {"rfilename": "tiny-Q8_0.gguf", "size": content.len()}, {"rfilename": "README.md"}]});
    let (status, extra, body) = match range {
        _ if request.contains("/api/models/o/r/revision/main") => {
            (200, String::new(), listing.to_string().into_bytes())
        }
        Some((begin, last)) if request.contains("/tiny-Q8_0.gguf") => {
            let last = last.min(content.len() - 1);
            let range = format!("Content-Range: bytes {begin}-{last}/{}\r\n", content.len());
            (206, range, content[begin..=last].to_vec())
        }
        _ => (404, String::new(), Vec::new()),
    };
    let head =
        format!("HTTP/1.1 {status} -\r\nConnection: close\r\nContent-Length: {}\r\n{extra}\r\n", body.len());
    stream.write_all(head.as_bytes())?;
    stream.write_all(&body)
}

fn json(run: Finished) -> Value {
    serde_json::from_str(&run.ok()).unwrap()
}

#[test]
fn a_model_is_pulled_used_and_looked_after() {
    let world = World::new();
    let hub = Hub::start(&world);
    let path = hub.run(&world, &["models", "pull", "hf:o/r:q8_0"]).ok();
    assert!(std::fs::read(path.trim()).unwrap() == hub.content);
    // From here on without the hub.
    let inspected = json(world.run(&["models", "inspect", "hf:o/r:q8_0", "--format", "json"]));
    assert_eq!(inspected["facts"]["synthetic"], true);
    assert!(inspected.get("fetched_bytes").is_none());
    let rows = json(world.run(&["models", "list", "--format", "json"]));
    assert_eq!((rows[0]["name"].as_str(), rows[0]["pinned"].as_bool()), (Some("hf:o/r:q8_0"), Some(false)));
    assert!(world.run(&["models", "list"]).ok().contains("hf:o/r:q8_0"));
    world.run(&["models", "pin", "hf:o/r:q8_0"]).ok();
    world.run(&["models", "rm", "hf:o/r"]).refused(1, &["pinned", "unpin"]);
    assert!(world.run(&["models", "show", "hf:o/r"]).ok().contains("pinned"));
    assert!(world.run(&["models", "verify", "--all"]).ok().contains("sound"));
    world.run(&["models", "unpin", "hf:o/r"]).ok();
    let size = json(world.run(&["cache", "size", "--format", "json"]));
    assert_eq!(size["models_bytes"], hub.content.len());
    assert!(world.run(&["cache", "size"]).ok().contains(": 1 model\n"));
    assert_eq!(Path::new(world.run(&["cache", "dir"]).ok().trim()), world.path("cache"));
    let pruned = json(world.run(&["cache", "prune", "--max-size", "0", "--format", "json"]));
    assert_eq!(pruned["removed"][0], "hf:o/r:q8_0");
    assert!(world.run(&["models", "list"]).ok().contains("No models yet"));
}

#[test]
fn a_remote_model_is_inspected_by_its_header_alone() {
    let world = World::new();
    let hub = Hub::start(&world);
    let inspected = json(hub.run(&world, &["models", "inspect", "hf:o/r", "--format", "json"]));
    assert_eq!(inspected["facts"]["file_bytes"], hub.content.len());
    assert!(inspected["fetched_bytes"].as_u64().unwrap() < hub.content.len() as u64);
    let address = format!("{}/any/tiny-Q8_0.gguf", hub.url);
    let text = hub.run(&world, &["models", "inspect", &address]).ok();
    assert!(text.contains("were fetched: the header alone"), "{text}");
    assert!(!world.path("cache/hub").exists());
}

#[test]
fn verifying_an_empty_cache_says_that_there_is_nothing() {
    let out = World::new().run(&["models", "verify", "--all"]).ok();
    assert!(out.contains("holds no models"), "{out}");
    assert_eq!(World::new().run(&["models", "verify", "--all", "--format", "json"]).ok().trim(), "[]");
}

#[test]
fn damage_is_found_by_verify_and_counts_as_a_model_failure() {
    let world = World::new();
    let hub = Hub::start(&world);
    let path = hub.run(&world, &["models", "pull", "hf:o/r"]).ok();
    let mut bytes = hub.content.clone();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(path.trim(), &bytes).unwrap();
    let run = world.run(&["models", "verify", "hf:o/r"]);
    assert!(run.out.contains("DAMAGED"), "{}", run.out);
    run.refused(3, &["set aside", "models pull"]);
    assert!(!Path::new(path.trim()).exists());
}

#[test]
fn bad_names_settings_and_hubs_are_refused_with_a_remedy() {
    let world = World::new();
    let hub = Hub::start(&world);
    hub.run(&world, &["models", "pull", "hf:o/r:q4_k_m"]).refused(3, &["tiny-Q8_0.gguf"]);
    hub.run(&world, &["models", "pull", "hf:o/nothing"]).refused(3, &["404", "spelling"]);
    for (arguments, code, text) in [
        (&["models", "pull", "hf:nothing"][..], 2, "hf:ORG/REPO"),
        (&["models", "pull", "hf:../../etc:passwd"], 2, "hf:ORG/REPO"),
        (&["models", "pull", "some.gguf"], 2, "hf:ORG/REPO"),
        (&["models", "show", "hf:o/r"], 2, "models list"),
        (&["models", "verify"], 2, "--all"),
        (&["cache", "prune", "--max-size", "plenty"], 2, "--max-size"),
        (&["cache", "size", "--cache-max-size", "x"], 2, "--cache-max-size"),
    ] {
        world.run(arguments).refused(code, &[text]);
    }
    let offline =
        world.command(&["generate", "hf:o/r:q8_0", "--prompt", "x"]).env("HF_HUB_OFFLINE", "1").output();
    crate::dyno::finished(offline.unwrap()).refused(1, &["HF_HUB_OFFLINE"]);
    let bad = world.command(&["cache", "size"]).env("HF_ENDPOINT", "nowhere").output();
    crate::dyno::finished(bad.unwrap()).refused(2, &["HF_ENDPOINT"]);
}

#[test]
fn the_caches_place_and_size_come_from_the_environment() {
    let world = World::new();
    let elsewhere = world.path("elsewhere");
    let mut command = world.command(&["cache", "size", "--format", "json"]);
    command
        .env_remove("DYNO_CACHE_DIR")
        .env("LLAMA_CACHE_DIR", &elsewhere)
        .env("LLAMA_CACHE_MAX_SIZE", "1000");
    let size = json(crate::dyno::finished(command.output().unwrap()));
    assert_eq!((size["folder"].as_str(), size["max_bytes"].as_u64()), (elsewhere.to_str(), Some(1000)));
    let mut command = world.command(&["cache", "size", "--format", "json", "--cache-max-size", "2kB"]);
    command.env("LLAMA_CACHE_DIR", &elsewhere).env("LLAMA_CACHE_MAX_SIZE", "1000");
    let size = json(crate::dyno::finished(command.output().unwrap()));
    assert_eq!(
        (size["folder"].as_str(), size["max_bytes"].as_u64()),
        (world.path("cache").to_str(), Some(2000))
    );
}

#[test]
fn a_cached_model_is_inspected_where_the_hub_cannot_be_asked() {
    let world = World::new();
    let made = world.run(&["synth", "tiny-llama@q8_0", "--output", "served"]).ok();
    let folder = world.path("cache/hub/o--r--0123456789ab");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::copy(world.path("").join(made.trim()), folder.join("tiny-Q8_0.gguf")).unwrap();
    let inspected = world.run(&["models", "inspect", "hf:o/r:q8_0"]);
    assert!(inspected.err.contains("hf:o/r:tiny-Q8_0.gguf of the cache is used"), "{}", inspected.err);
    assert!(inspected.ok().contains("tiny"));
    world.run(&["models", "inspect", "hf:o/other:q8_0"]).refused(1, &["cannot be reached"]);
}
