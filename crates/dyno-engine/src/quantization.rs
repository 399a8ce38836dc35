//! Quantization by an engine process: into a name of our own first, which becomes the target when all is well.

use std::path::Path;

use dyno_types::{QuantizeReport, QuantizeRequest};
use tokio::time::Instant;
use tonic::{Status, Streaming};

use crate::EngineError;
use crate::link::{Link, Task};
use crate::part_file::{PartFile, unusable};
use crate::protocol::{check_quantize, progress_fraction, proto, quantize_ms};
use crate::remote::refused;
use crate::session::ProgressSink;

/// Quantizes a file. The process is killed when this is left before its end.
pub(crate) async fn quantize(
    link: &Link,
    request: &QuantizeRequest,
    progress: ProgressSink<'_>,
) -> Result<QuantizeReport, EngineError> {
    check_quantize(request).map_err(refused)?;
    let source_bytes = length(&request.source)?;
    if request.target.symlink_metadata().is_ok() {
        return Err(EngineError::BadRequest(format!(
            "{} exists already; remove it or choose another name",
            request.target.display()
        )));
    }
    // Removed on drop, also when this future is.
    let part = PartFile::beside(&request.target)?;
    let killer = KillUnlessDone { link, done: false };
    let name = request.source.file_name().unwrap_or_default().display();
    let task = link.task(format!("while quantizing {name} to {}", request.type_name));
    let inside = QuantizeRequest { target: part.path().to_owned(), ..request.clone() };
    let mut client = link.client();
    let call = client.quantize(proto::QuantizeRequest::from(&inside));
    let followed = match link.bounded(&task, link.deadlines.load, call).await {
        Ok(events) => follow(link, &task, events.into_inner(), progress).await,
        Err(error) => Err(error),
    };
    killer.settle(&followed);
    let quantize_ms = followed?;
    let target_bytes = part.appear().await?;
    Ok(QuantizeReport { source_bytes, target_bytes, quantize_ms })
}

/// Native code cannot be told to stop, and must not go on writing to a file that is being removed.
struct KillUnlessDone<'a> {
    link: &'a Link,
    done: bool,
}

impl KillUnlessDone<'_> {
    /// An engine that answered, with a report or a refusal of its own, is idle again.
    fn settle(mut self, outcome: &Result<f64, EngineError>) {
        self.done = !matches!(outcome, Err(EngineError::Cancelled));
    }
}

impl Drop for KillUnlessDone<'_> {
    fn drop(&mut self) {
        if !self.done {
            self.link.end(EngineError::Cancelled);
            self.link.process.kill();
        }
    }
}

/// Follows a quantization to its report; gives the time it took, ms. Only progress that advances is a sign of life.
async fn follow(
    link: &Link,
    task: &Task,
    mut events: Streaming<proto::QuantizeEvent>,
    progress: ProgressSink<'_>,
) -> Result<f64, EngineError> {
    use proto::quantize_event::Event;
    let limit = link.deadlines.load;
    let (mut reached, mut expires) = (f32::NEG_INFINITY, Instant::now() + limit);
    loop {
        let left = expires.saturating_duration_since(Instant::now());
        let message = match tokio::time::timeout(left, events.message()).await {
            Err(_elapsed) => return Err(link.hung(task, limit).await),
            Ok(Err(status)) => return Err(link.explain(task, &status).await),
            Ok(Ok(None)) => {
                let early = Status::unavailable("it ended the quantization without a report");
                return Err(link.explain(task, &early).await);
            }
            Ok(Ok(Some(message))) => message,
        };
        match message.event {
            None => {}
            Some(Event::Done(done)) => return Ok(quantize_ms(done)?),
            Some(Event::Progress(value)) => {
                let value = progress_fraction(value)?;
                if !progress(value) {
                    return Err(EngineError::Cancelled);
                }
                if value > reached {
                    (reached, expires) = (value, Instant::now() + limit);
                }
            }
        }
    }
}

fn length(path: &Path) -> Result<u64, EngineError> {
    std::fs::metadata(path).map(|metadata| metadata.len()).map_err(|error| unusable(path, &error))
}
