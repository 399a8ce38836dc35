//! How much faster a model in the cache is there than one that is pulled: `cargo run --release -p dyno-hub --example
//! hit_versus_pull [MEGABYTES]`. Pulls a file from a stand-in hub on this machine that sends at most 50 MB/s in all, then finds
//! it again, and prints both times and their ratio.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    dead_code,
    reason = "it prints, stops at the first failure, and uses a part of the stand-in"
)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use dyno_hub::{HubSettings, Library};
use dyno_models::HubReference;
use dyno_types::{CancelFlag, Job, Silent};

#[path = "../tests/it/stand_in.rs"]
mod stand_in;
#[path = "../tests/it/world.rs"]
mod world;

/// Rate of the stand-in over all connections, bytes/s.
const RATE_BYTES_PER_S: u64 = 50_000_000;
/// Repetitions of a hit; the median counts.
const HITS: usize = 21;

fn main() {
    let megabytes: usize = std::env::args().nth(1).map_or(256, |text| text.parse().unwrap());
    let content = world::noise(megabytes * 1_000_000, 1);
    let connections = HubSettings::new(None).connections as u64;
    let hub = world::hub_with(&content, move |request, mut answer| {
        if world::is_file(request) {
            answer.bytes_per_s = Some(RATE_BYTES_PER_S / connections);
        }
        answer
    });
    let folder = tempfile::tempdir().unwrap();
    let endpoint = hub.url().parse().unwrap();
    let library =
        Library::new(HubSettings { endpoint, ..HubSettings::new(Some(folder.path().join("cache"))) });
    let reference = HubReference::parse("hf:o/r").unwrap();
    let job = Job::new(Arc::new(Silent), CancelFlag::default(), Duration::from_secs(60));
    let find = || {
        let begun = Instant::now();
        let found = library.find(&reference, &job).unwrap();
        (begun.elapsed(), found.files[0].clone())
    };
    let (pull, file) = find();
    let mut hits: Vec<Duration> = (0..HITS).map(|_| find().0).collect();
    hits.sort();
    let hit = hits[HITS / 2];
    let begun = Instant::now();
    let read = std::fs::read(file).unwrap();
    let hit_and_read = hit + begun.elapsed();
    assert!(read == content, "what is read is what was served");
    let seconds = |time: Duration| time.as_secs_f64();
    println!("{megabytes} MB from a hub at {} MB/s", RATE_BYTES_PER_S / 1_000_000);
    println!("  pull                     {:10.4} s", seconds(pull));
    println!(
        "  hit                      {:10.4} s   {:.0} times faster",
        seconds(hit),
        seconds(pull) / seconds(hit)
    );
    println!(
        "  hit, every byte read     {:10.4} s   {:.0} times faster",
        seconds(hit_and_read),
        seconds(pull) / seconds(hit_and_read)
    );
}
