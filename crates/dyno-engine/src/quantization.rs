//! Quantization by an engine process: into a name of our own first, which becomes the target when all is well.

use std::path::Path;

use dyno_types::{QuantizeReport, QuantizeRequest};

use crate::EngineError;
use crate::link::Link;
use crate::part_file::{PartFile, unusable};
use crate::protocol::{ProtocolError, check_quantize, proto, quantize_ms};
use crate::remote::{Heard, follow, refused};
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
    let followed = match link.bounded(&task, link.job.deadline, call).await {
        Ok(events) => follow(link, &task, ("quantization", events.into_inner()), progress, heard).await,
        Err(error) => Err(error),
    };
    killer.settle(&followed);
    let quantize_ms = match followed {
        Err(error @ EngineError::BadRequest(_)) => return Err(part.stuck().unwrap_or(error)),
        followed => followed?,
    };
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

/// The report is the time it took, ms.
fn heard(message: proto::QuantizeEvent) -> Result<Heard<f64>, ProtocolError> {
    use proto::quantize_event::Event;
    Ok(match message.event {
        None => Heard::Nothing,
        Some(Event::Done(done)) => Heard::Report(quantize_ms(done)?),
        Some(Event::Progress(value)) => Heard::Progress(value),
    })
}

fn length(path: &Path) -> Result<u64, EngineError> {
    std::fs::metadata(path).map(|metadata| metadata.len()).map_err(|error| unusable(path, &error))
}
