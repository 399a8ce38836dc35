//! A test double of `dyno models pull`: fetches one model in a process of its own, which tests can kill, and prints the file.
//! Arguments: ENDPOINT CACHE_DIR REFERENCE.
#![allow(clippy::print_stderr, clippy::print_stdout, reason = "it talks to a test")]

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use dyno_hub::{HubSettings, Library, Patience};
use dyno_models::HubReference;
use dyno_types::{CancelFlag, Job, Silent};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [endpoint, cache_dir, reference] = arguments.as_slice() else {
        eprintln!("dyno-hub-pull ENDPOINT CACHE_DIR REFERENCE");
        return ExitCode::from(2);
    };
    match pull(endpoint, cache_dir, reference) {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn pull(endpoint: &str, cache_dir: &str, reference: &str) -> Result<String, Box<dyn std::error::Error>> {
    let waits = (Duration::from_millis(10), Duration::from_millis(100));
    let settings = HubSettings {
        endpoint: endpoint.parse()?,
        patience: Patience { first_wait: waits.0, longest_wait: waits.1, ..Patience::default() },
        ..HubSettings::new(Some(cache_dir.into()))
    };
    let job = Job::new(Arc::new(Silent), CancelFlag::default(), Duration::from_secs(60));
    let found = Library::new(settings).find(&HubReference::parse(reference)?, &job)?;
    Ok(format!("{:?} {}", found.origin, found.files[0].display()))
}
