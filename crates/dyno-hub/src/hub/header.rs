//! The header of a model file elsewhere, read by HTTP range requests; the weights stay where they are.

use std::io::Read;

use dyno_models::gguf::GgufHeader;
use reqwest::Url;

use super::client::{Failure, Span};
use super::network::Network;
use crate::HubError;

/// First request, bytes: most headers without a large vocabulary fit.
const FIRST_BYTES: u64 = 256 * 1024;
/// Largest request, bytes. Requests double up to it, so that a long header takes few of them and a short one little.
const LARGEST_BYTES: u64 = 4 * 1024 * 1024;

/// A header read from elsewhere.
#[derive(Debug, Clone, PartialEq)]
pub struct RemoteHeader {
    /// File name, or the address it came from.
    pub name: String,
    /// The header, checked like that of a local file.
    pub header: GgufHeader,
}

/// Reads a file from its beginning by ranges, as far as somebody reads.
struct Ranges<'a> {
    network: &'a Network<'a>,
    url: &'a Url,
    /// Size of the file, bytes.
    bytes: u64,
    /// Next byte to ask for.
    at: u64,
    /// Size of the next request, bytes.
    step: u64,
    buffer: Vec<u8>,
    used: usize,
    failed: Option<HubError>,
}

impl Ranges<'_> {
    fn refill(&mut self) -> Result<(), HubError> {
        let span = Span { begin: self.at, end: self.at.saturating_add(self.step).min(self.bytes) };
        let body = self.network.client.patiently(async || self.fetch(span).await);
        self.buffer = self.network.wait(body)?;
        (self.used, self.at) = (0, span.end);
        self.step = (self.step * 2).min(LARGEST_BYTES);
        Ok(())
    }

    async fn fetch(&self, span: Span) -> Result<Vec<u8>, Failure> {
        let client = &self.network.client;
        let mut answer = client.get(self.url, Some(span)).await?;
        // A server that ignores ranges is no obstacle at the beginning of the file: what comes first is what is needed.
        if answer.is_partial() {
            if answer.content_range() != Some((span, self.bytes)) {
                return Err(Failure::unacceptable(
                    self.url,
                    "it sent another part of the file than was asked for",
                ));
            }
        } else if span.begin > 0 {
            return Err(Failure::unacceptable(
                self.url,
                "it cannot send a part of a file; pull the model first",
            ));
        }
        let wanted = usize::try_from(span.bytes()).unwrap_or(usize::MAX);
        let mut body = Vec::new();
        while body.len() < wanted {
            let chunk = client.chunk(self.url, &mut answer).await?;
            let chunk =
                chunk.ok_or_else(|| Failure::broken(self.url, "the answer ended early".to_owned()))?;
            body.extend_from_slice(&chunk[..chunk.len().min(wanted - body.len())]);
        }
        Ok(body)
    }
}

impl Read for Ranges<'_> {
    fn read(&mut self, target: &mut [u8]) -> std::io::Result<usize> {
        if self.used == self.buffer.len() {
            if self.at >= self.bytes {
                return Ok(0);
            }
            if let Err(error) = self.refill() {
                let text = error.to_string();
                self.failed = Some(error);
                return Err(std::io::Error::other(text));
            }
        }
        let count = target.len().min(self.buffer.len() - self.used);
        target[..count].copy_from_slice(&self.buffer[self.used..self.used + count]);
        self.used += count;
        Ok(count)
    }
}

/// Reads and checks the header of a file elsewhere. `bytes`: its size, asked for when unknown.
///
/// # Errors
/// [`HubError`]: the network's, or [`dyno_models::ModelError::File`] for a header that is refused.
pub(crate) fn read(network: &Network<'_>, url: &Url, bytes: Option<u64>) -> Result<GgufHeader, HubError> {
    let bytes = match bytes {
        Some(bytes) => bytes,
        None => network.wait(network.client.probe(url))?.0,
    };
    let (buffer, used, failed) = (Vec::new(), 0, None);
    let mut ranges = Ranges { network, url, bytes, at: 0, step: FIRST_BYTES, buffer, used, failed };
    let header = GgufHeader::read_from(&mut ranges, bytes);
    if let Some(failed) = ranges.failed {
        return Err(failed);
    }
    let path = super::client::shown(url).into();
    header.map_err(|source| dyno_models::ModelError::File { path, source }.into())
}
