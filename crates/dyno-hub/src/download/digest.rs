//! SHA-256 of a file, with progress.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::time::Instant;

use dyno_types::{Event, Job};
use sha2::{Digest, Sha256};

use super::progress::Meter;
use crate::HubError;

/// Read at a time, bytes.
const STEP_BYTES: usize = 1 << 20;

/// SHA-256 of the file as 64 lower-case hexadecimal digits; shown as the phase `checking NAME`.
///
/// # Errors
/// [`HubError`] when the file cannot be read, or the job is cancelled.
pub fn sha256_of(path: &Path, name: &str, job: &Job) -> Result<String, HubError> {
    let failed = HubError::io(path);
    let opened = File::open(path).and_then(|file| file.metadata().map(|about| (file, about.len())));
    let (mut file, total) = match opened {
        Ok(opened) => opened,
        Err(error) => return Err(failed(error)),
    };
    job.events.emit(Event::PhaseStarted { phase: format!("checking {name}"), total });
    let digest = hash(&mut file, total, job);
    job.events.emit(Event::PhaseEnded);
    digest.map_err(failed)?.ok_or_else(|| HubError::Cancelled { file: name.to_owned() })
}

/// `None` when stopped.
fn hash(file: &mut File, total: u64, job: &Job) -> std::io::Result<Option<String>> {
    let (begun, mut meter) = (Instant::now(), Meter::default());
    let (mut hasher, mut buffer, mut done) = (Sha256::new(), vec![0; STEP_BYTES], 0);
    loop {
        let count = match file.read(&mut buffer) {
            Ok(0) => return Ok(Some(hex(&hasher.finalize()))),
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        hasher.update(&buffer[..count]);
        done += count as u64;
        if let Some(detail) = meter.note(begun.elapsed(), done, total) {
            job.events.emit(Event::PhaseAdvanced { done, detail });
        }
        if job.is_cancelled() {
            return Ok(None);
        }
    }
}

/// Bytes as lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// First hexadecimal digits of the SHA-256 of a text.
pub(crate) fn short_digest(text: &str, digits: usize) -> String {
    let mut hex = hex(&Sha256::digest(text.as_bytes()));
    hex.truncate(digits);
    hex
}
