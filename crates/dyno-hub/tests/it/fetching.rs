//! Fetching from servers that work, and from servers that have a bad day.

use std::sync::atomic::{AtomicUsize, Ordering};

use dyno_hub::{HubError, Origin};
use dyno_models::HubReference;
use dyno_types::Event;

use crate::stand_in::{Answer, StandIn};
use crate::world::{World, honest, hub_with, is_file, model, noise, sha256};

const MIB: usize = 1 << 20;

#[test]
fn a_file_arrives_whole_in_parallel_ranges_and_the_second_time_needs_no_network() {
    let content = noise(9 * MIB + 123, 1);
    let hub = hub_with(&content, |_, answer| answer);
    let world = World::new(&hub);
    let found = world.find("hf:o/r:q8_0").unwrap();
    assert_eq!(found.origin, Origin::Fetched);
    assert!(std::fs::read(&found.files[0]).unwrap() == content);
    assert_eq!(hub.sent_bytes(), content.len() as u64, "every byte was fetched once");
    let requests = hub.seen_of("/resolve/");
    assert!(requests.len() >= 9 && requests.iter().all(|request| request.range.is_some()), "{requests:?}");
    let phases = world.events();
    let fetching = |event: &Event| matches!(event, Event::PhaseStarted { phase, total } if phase == "fetching m-Q8_0.gguf" && *total == content.len() as u64);
    assert!(phases.iter().any(fetching), "{phases:?}");
    let before = hub.seen().len();
    let again = world.find("hf:o/r:q8_0").unwrap();
    assert_eq!((again.origin, &again.files), (Origin::Cache, &found.files));
    assert_eq!(world.find("hf:o/r:m-Q8_0.gguf").unwrap().origin, Origin::Cache);
    assert_eq!(hub.seen().len(), before, "a hit asks nobody");
    let names: Vec<String> =
        world.files().iter().map(|name| name.rsplit('/').next().unwrap().to_owned()).collect();
    assert_eq!(names, ["m-Q8_0.gguf", "m-Q8_0.gguf.sha256"]);
}

#[test]
fn another_name_for_the_same_content_fetches_nothing_again() {
    let content = noise(MIB, 2);
    let hub = hub_with(&content, |_, answer| answer);
    let world = World::new(&hub);
    world.pull("hf:o/r:q8_0").unwrap();
    assert_eq!(world.pull("hf:o/r").unwrap().origin, Origin::Cache);
    assert_eq!(world.find("hf:o/r@v1").unwrap().origin, Origin::Cache);
    assert_eq!(hub.sent_bytes(), content.len() as u64);
    let rows = world.library().list(&world.job()).unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].entry.names, ["hf:o/r:q8_0", "hf:o/r", "hf:o/r@v1"]);
}

#[test]
fn all_parts_of_a_split_model_come_and_stay_together() {
    let parts = [noise(MIB, 3), noise(2 * MIB, 4)];
    let contents = parts.clone();
    let hub = StandIn::start(move |request| {
        let [one, two] = &contents;
        let names = ["sub/m-Q4_K_M-00001-of-00002.gguf", "sub/m-Q4_K_M-00002-of-00002.gguf"];
        honest(request, &[(names[0], one), (names[1], two), ("README.md", b"text")])
    });
    let world = World::new(&hub);
    let found = world.find("hf:o/r:q4_k_m").unwrap();
    assert_eq!(found.files.len(), 2);
    assert_eq!(found.files[0].parent(), found.files[1].parent());
    for (file, content) in found.files.iter().zip(&parts) {
        assert!(std::fs::read(file).unwrap() == *content);
    }
    assert_eq!(found.bytes, 3 * MIB as u64);
}

#[test]
fn connections_that_are_cut_are_resumed_where_they_ended() {
    let content = noise(6 * MIB, 5);
    // Every second answer ends after 300 kB.
    let count = AtomicUsize::new(0);
    let hub = hub_with(&content, move |request, mut answer| {
        if is_file(request) && count.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) {
            answer.cut_after = Some(300_000);
        }
        answer
    });
    let world = World::new(&hub);
    let found = world.find("hf:o/r").unwrap();
    assert!(std::fs::read(&found.files[0]).unwrap() == content);
    assert_eq!(hub.sent_bytes(), content.len() as u64, "nothing was fetched twice");
    assert!(world.said("trying again"));
}

#[test]
fn what_may_pass_is_tried_again_and_nothing_else() {
    for (status, tries) in
        [(429, 4), (500, 4), (502, 4), (503, 4), (504, 4), (401, 1), (403, 1), (404, 1), (410, 1)]
    {
        let hub = hub_with(
            b"x",
            move |request, answer| {
                if is_file(request) { Answer::new(status, "") } else { answer }
            },
        );
        let world = World::new(&hub);
        let error = world.find("hf:o/r").unwrap_err();
        assert!(matches!(error, HubError::Refused { status: found, .. } if found == status), "{error}");
        assert_eq!(hub.seen_of("/resolve/").len(), tries, "{status}");
    }
    // The list, too.
    let hub = StandIn::start(|_| Answer::new(503, ""));
    assert!(World::new(&hub).find("hf:o/r").is_err());
    assert_eq!(hub.seen().len(), 4);
}

#[test]
fn a_bad_moment_passes() {
    let content = noise(MIB, 6);
    let hub = hub_with(&content, |request, answer| match request.earlier {
        0 => Answer::new(429, "").with("Retry-After", "1"),
        1 => Answer::new(503, ""),
        _ => answer,
    });
    let world = World::new(&hub);
    assert!(std::fs::read(&world.find("hf:o/r").unwrap().files[0]).unwrap() == content);
    assert_eq!(hub.seen_of("/api/").len(), 3);
    // A server that asks for more than the longest wait is not kept busy.
    let hub = StandIn::start(|_| Answer::new(429, "").with("Retry-After", "3600"));
    let error = World::new(&hub).find("hf:o/r").unwrap_err().to_string();
    assert!(error.contains("429") && error.contains("wait"), "{error}");
    assert_eq!(hub.seen().len(), 1);
}

#[test]
fn a_server_without_ranges_sends_the_whole() {
    let content = noise(5 * MIB, 7);
    let whole = content.clone();
    let hub = hub_with(
        &content,
        move |request, answer| {
            if is_file(request) { Answer::new(200, whole.clone()) } else { answer }
        },
    );
    let world = World::new(&hub);
    assert!(std::fs::read(&world.find("hf:o/r").unwrap().files[0]).unwrap() == content);
    // And cut twice on the way: every time from the beginning.
    let (whole, cuts) = (content.clone(), AtomicUsize::new(0));
    let hub = hub_with(&content, move |request, answer| {
        if !is_file(request) {
            return answer;
        }
        let cut = request.range.is_none() && cuts.fetch_add(1, Ordering::Relaxed) < 2;
        Answer { cut_after: cut.then_some(MIB), ..Answer::new(200, whole.clone()) }
    });
    let world = World::new(&hub);
    assert!(std::fs::read(&world.find("hf:o/r").unwrap().files[0]).unwrap() == content);
}

#[test]
fn a_file_that_changes_on_the_way_is_begun_anew() {
    // The same header, other weights.
    let mut old = model("f32");
    let new = old.clone();
    let weights = old.len() / 2;
    old[weights..].copy_from_slice(&noise(new.len() - weights, 8));
    // The hub states no digest; after three requests it has another file.
    let contents = [old, new.clone()];
    let requests = AtomicUsize::new(0);
    let hub = StandIn::start(move |request| {
        if !is_file(request) {
            return Answer::new(200, r#"{"siblings": [{"rfilename": "m.gguf"}]}"#);
        }
        let now = usize::from(requests.fetch_add(1, Ordering::Relaxed) >= 3);
        Answer::file(request, &contents[now]).with("ETag", format!("\"{now}\""))
    });
    let world = World::new(&hub);
    let found = world.find("hf:o/r").unwrap();
    assert!(std::fs::read(&found.files[0]).unwrap() == new, "never a mixture");
    assert!(world.said("starting again from the beginning"));
}

#[test]
fn stopping_keeps_what_was_fetched_and_the_next_goes_on() {
    let content = noise(8 * MIB, 10);
    let hub = hub_with(&content, |request, mut answer| {
        if is_file(request) {
            answer.bytes_per_s = Some(4_000_000);
        }
        answer
    });
    let mut world = World::new(&hub);
    world.settings.connections = 2;
    let reference = HubReference::parse("hf:o/r").unwrap();
    let job = world.job();
    let error = std::thread::scope(|scope| {
        scope.spawn(|| {
            while hub.sent_bytes() <= 2 * MIB as u64 {
                std::thread::yield_now();
            }
            job.cancel.cancel();
        });
        world.library().find(&reference, &job).unwrap_err()
    });
    assert!(matches!(error, HubError::Cancelled { .. }), "{error}");
    let before = hub.sent_bytes();
    assert!(before < content.len() as u64);
    let found = world.find("hf:o/r").unwrap();
    assert!(std::fs::read(&found.files[0]).unwrap() == content);
    assert!(world.said("going on with m-Q8_0.gguf"));
    let again = hub.sent_bytes() - before;
    // What was on the way when it stopped is lost: at most what sockets hold.
    assert!(again < 7 * MIB as u64 + MIB as u64 / 2, "{again} bytes were fetched after {before}");
}

#[test]
fn a_full_cache_evicts_the_oldest_and_a_model_larger_than_it_is_refused() {
    let contents: Vec<Vec<u8>> = (0..3).map(|seed| noise(MIB, 20 + seed)).collect();
    let served = contents.clone();
    let hub = StandIn::start(move |request| {
        honest(request, &[("a.gguf", &served[0]), ("b.gguf", &served[1]), ("c.gguf", &served[2])])
    });
    let mut world = World::new(&hub);
    world.settings.cache_max_bytes = 2 * MIB as u64;
    let names = |world: &World| -> Vec<String> {
        let rows = world.library().list(&world.job()).unwrap();
        rows.into_iter().map(|row| row.name.rsplit(':').next().unwrap().to_owned()).collect()
    };
    drop(world.find("hf:o/r:a.gguf").unwrap());
    drop(world.find("hf:o/r:b.gguf").unwrap());
    drop(world.find("hf:o/r:a.gguf").unwrap());
    drop(world.find("hf:o/r:c.gguf").unwrap());
    assert_eq!(names(&world), ["c.gguf", "a.gguf"], "b was used longest ago");
    assert!(world.said("evicted hf:o/r:b.gguf"));
    // In use: stays, although it is the oldest.
    let used = world.find("hf:o/r:a.gguf").unwrap();
    drop(world.find("hf:o/r:c.gguf").unwrap());
    drop(world.find("hf:o/r:b.gguf").unwrap());
    assert_eq!(names(&world), ["b.gguf", "a.gguf"]);
    drop(used);
    world.settings.cache_max_bytes = MIB as u64 - 1;
    let error = world.find("hf:o/r:c.gguf").unwrap_err();
    assert!(error.is_bad_input() && error.to_string().contains("LLAMA_CACHE_MAX_SIZE"), "{error}");
    assert_eq!(names(&world), ["b.gguf", "a.gguf"], "nothing was evicted for it");
    assert_eq!(sha256(&contents[0]).len(), 64);
}
