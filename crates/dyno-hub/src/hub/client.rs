//! Requests to a hub and to wherever it sends us: bounded, typed, and with the token for the hub alone.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use dyno_models::HubReference;
use reqwest::header::{ACCEPT_ENCODING, CONTENT_RANGE, ETAG, HeaderMap, LOCATION, RANGE, RETRY_AFTER};
use reqwest::{Response, StatusCode, Url};

use super::listing::{self, Listing};
use super::retry;
use crate::HubError;
use crate::settings::{HubSettings, Patience, Token};

/// Most redirects followed.
const REDIRECTS_MAX: usize = 8;
/// Largest listing accepted, bytes.
const LISTING_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Longest time for a listing.
const LISTING_DEADLINE: Duration = Duration::from_secs(120);

/// Bytes of a file, from `begin` up to but without `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    /// First byte.
    pub(crate) begin: u64,
    /// One past the last byte.
    pub(crate) end: u64,
}

impl Span {
    pub(crate) fn bytes(self) -> u64 {
        self.end - self.begin
    }
}

/// One try that failed.
#[derive(Debug)]
pub(crate) struct Failure {
    /// What to report when no further try follows.
    pub(crate) error: HubError,
    /// Whether a further try may help.
    pub(crate) retriable: bool,
    /// What the server asks to wait.
    pub(crate) retry_after: Option<Duration>,
}

impl Failure {
    pub(crate) fn last(error: HubError) -> Self {
        Self { error, retriable: false, retry_after: None }
    }

    pub(crate) fn broken(url: &Url, reason: String) -> Self {
        let error = HubError::Unreachable { url: shown(url), reason };
        Self { error, retriable: true, retry_after: None }
    }

    pub(crate) fn unacceptable(url: &Url, reason: impl Into<String>) -> Self {
        Self::last(HubError::Unacceptable { url: shown(url), reason: reason.into() })
    }

    pub(crate) fn transport(url: &Url, error: &reqwest::Error) -> Self {
        // The innermost cause says most, without the address (which may carry a signature).
        let mut cause: &dyn std::error::Error = error;
        while let Some(inner) = cause.source() {
            cause = inner;
        }
        let reason = if error.is_timeout() { "no answer in time".to_owned() } else { cause.to_string() };
        Self::broken(url, reason)
    }
}

/// An answer with a body still to be read.
pub(crate) struct Answer {
    /// The final response: 200 or 206.
    pub(crate) response: Response,
    /// SHA-256 of the file, when the hub stated it on the way.
    pub(crate) sha256: Option<String>,
}

impl Answer {
    /// Strong ETag of the final response.
    pub(crate) fn etag(&self) -> Option<String> {
        header(self.response.headers(), ETAG.as_str()).filter(|etag| !etag.starts_with("W/"))
    }

    /// First byte, one past the last, and size of the whole, of a 206.
    pub(crate) fn content_range(&self) -> Option<(Span, u64)> {
        parse_content_range(&header(self.response.headers(), CONTENT_RANGE.as_str())?)
    }

    /// Whether the server sends the asked-for part only.
    pub(crate) fn is_partial(&self) -> bool {
        self.response.status() == StatusCode::PARTIAL_CONTENT
    }
}

/// A client of one hub.
pub(crate) struct Client {
    http: reqwest::Client,
    endpoint: Url,
    token: Option<Token>,
    pub(crate) patience: Patience,
    /// Bytes of bodies received so far.
    received: AtomicU64,
}

impl Client {
    pub(crate) fn new(settings: &HubSettings) -> Result<Self, HubError> {
        // The first installation wins; another one of the same kind is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let endpoint = settings.endpoint.clone();
        let builder = || {
            let builder = reqwest::Client::builder()
                .user_agent(concat!("dyno/", env!("CARGO_PKG_VERSION")))
                .redirect(reqwest::redirect::Policy::none())
                .connect_timeout(settings.patience.connect)
                .read_timeout(settings.patience.silence);
            // A server on this very machine is not behind a proxy.
            if is_loopback(&endpoint) { builder.no_proxy() } else { builder }
        };
        let built = builder().build();
        // Without certificates on this machine, plain HTTP still works.
        let built = if endpoint.scheme() == "http" {
            built.or_else(|_| builder().tls_certs_only([]).build())
        } else {
            built
        };
        let http = built.map_err(|error| Failure::transport(&settings.endpoint, &error).error)?;
        let (token, patience) = (settings.token.clone(), settings.patience);
        Ok(Self { http, endpoint, token, patience, received: AtomicU64::new(0) })
    }

    /// Bytes of bodies received so far.
    pub(crate) fn received_bytes(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// Address of a file.
    pub(crate) fn file_url(&self, reference: &HubReference, revision: &str, path: &str) -> Url {
        let repo = [reference.organisation.as_str(), &reference.repository, "resolve", revision];
        self.url(repo.into_iter().chain(path.split('/')))
    }

    /// Address below the endpoint; every segment is escaped.
    fn url<'a>(&self, segments: impl IntoIterator<Item = &'a str>) -> Url {
        let mut url = self.endpoint.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url
    }

    /// Files of the repository at the revision.
    pub(crate) async fn list(&self, reference: &HubReference) -> Result<Listing, HubError> {
        let repo = ["api", "models", &reference.organisation, &reference.repository, "revision"];
        let mut url = self.url(repo.into_iter().chain([reference.revision()]));
        url.set_query(Some("blobs=true"));
        let json = self.patiently(async || {
            let whole = self.small_body(&url, LISTING_BYTES_MAX);
            let late = |_| Failure::broken(&url, "the list of files took too long".to_owned());
            tokio::time::timeout(LISTING_DEADLINE, whole).await.map_err(late)?
        });
        let json = json.await?;
        listing::parse(&json).map_err(|reason| HubError::Unacceptable { url: shown(&url), reason })
    }

    async fn small_body(&self, url: &Url, limit_bytes: usize) -> Result<Vec<u8>, Failure> {
        let mut answer = self.get(url, None).await?;
        let mut body = Vec::new();
        while let Some(chunk) = self.chunk(url, &mut answer).await? {
            if body.len() + chunk.len() > limit_bytes {
                let reason = format!("it is longer than the {limit_bytes} bytes accepted");
                return Err(Failure::unacceptable(url, reason));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    /// The next piece of a body; `None` at its end.
    pub(crate) async fn chunk(
        &self,
        url: &Url,
        answer: &mut Answer,
    ) -> Result<Option<impl AsRef<[u8]> + std::ops::Deref<Target = [u8]> + use<>>, Failure> {
        let chunk = answer.response.chunk().await.map_err(|error| Failure::transport(url, &error))?;
        self.received.fetch_add(chunk.as_ref().map_or(0, |chunk| chunk.len() as u64), Ordering::Relaxed);
        Ok(chunk)
    }

    /// Size and ETag of a file, asked for with a request for its first byte.
    pub(crate) async fn probe(&self, url: &Url) -> Result<(u64, Option<String>), HubError> {
        self.patiently(async || {
            let answer = self.get(url, Some(Span { begin: 0, end: 1 })).await?;
            let bytes = match answer.content_range() {
                Some((_, total)) if answer.is_partial() => Some(total),
                _ => answer.response.content_length().filter(|_| !answer.is_partial()),
            };
            let bytes = bytes.ok_or_else(|| Failure::unacceptable(url, "it does not state the size"))?;
            Ok((bytes, answer.etag()))
        })
        .await
    }

    /// Repeats what may pass, with growing waits.
    pub(crate) async fn patiently<T>(
        &self,
        mut once: impl AsyncFnMut() -> Result<T, Failure>,
    ) -> Result<T, HubError> {
        let mut failures = 0;
        loop {
            let failure = match once().await {
                Ok(done) => return Ok(done),
                Err(failure) => failure,
            };
            failures += 1;
            let Some(wait) = self.wait_after(&failure, failures) else { return Err(failure.error) };
            tokio::time::sleep(wait).await;
        }
    }

    /// How long to wait after this failure, the n-th in a row; `None` to give up.
    pub(crate) fn wait_after(&self, failure: &Failure, failures: u32) -> Option<Duration> {
        failure.retriable.then(|| retry::wait(&self.patience, failures, failure.retry_after)).flatten()
    }

    /// One request, with its redirects. The token goes to the hub's own origin only.
    pub(crate) async fn get(&self, url: &Url, span: Option<Span>) -> Result<Answer, Failure> {
        let mut at = url.clone();
        let mut sha256 = None;
        for _ in 0..=REDIRECTS_MAX {
            let mut request = self.http.get(at.clone()).header(ACCEPT_ENCODING, "identity");
            if let Some(Span { begin, end }) = span {
                request = request.header(RANGE, format!("bytes={begin}-{}", end - 1));
            }
            let own = at.origin() == self.endpoint.origin();
            if let Some(token) = self.token.as_ref().filter(|_| own) {
                request = request.bearer_auth(token.secret());
            }
            let response = request.send().await.map_err(|error| Failure::transport(&at, &error))?;
            if own {
                let linked = header(response.headers(), "x-linked-etag");
                sha256 = sha256.or(linked.and_then(|etag| listing::digest(etag.trim_matches('"'))));
            }
            if !response.status().is_redirection() {
                return self.accept(&at, response).map(|response| Answer { response, sha256 });
            }
            at = next(&at, &response)?;
        }
        Err(Failure::unacceptable(url, format!("it redirects more than {REDIRECTS_MAX} times")))
    }

    fn accept(&self, at: &Url, response: Response) -> Result<Response, Failure> {
        let status = response.status();
        if matches!(status, StatusCode::OK | StatusCode::PARTIAL_CONTENT) {
            return Ok(response);
        }
        let retry_after = header(response.headers(), RETRY_AFTER.as_str());
        let error = HubError::Refused {
            url: shown(at),
            status: status.as_u16(),
            advice: self.advice(status.as_u16()).to_owned(),
        };
        let retriable = retry::is_retriable_status(status.as_u16());
        Err(Failure { error, retriable, retry_after: retry_after.as_deref().and_then(retry::asked_wait) })
    }

    fn advice(&self, status: u16) -> &'static str {
        match (status, &self.token) {
            (401 | 403, None) => {
                "the model is private, does not exist, or its licence must be accepted first; accept it on the hub and set HF_TOKEN"
            }
            (401 | 403, Some(_)) => {
                "the token may not read this model; accept its licence on the hub, or make a token that may"
            }
            (404, _) => "there is no such repository, revision or file; check the spelling on the hub",
            (416, _) => "the file is shorter than the hub says; try again later",
            (429, _) => "too many requests; wait a few minutes, then repeat the command",
            (500..600, _) => "the server has a problem; wait a few minutes, then repeat the command",
            _ => "this is not what a hub answers; check HF_ENDPOINT",
        }
    }
}

/// Where a redirect leads: http or https, and never from https to http.
fn next(at: &Url, response: &Response) -> Result<Url, Failure> {
    let location = header(response.headers(), LOCATION.as_str());
    let location = location.ok_or_else(|| Failure::unacceptable(at, "it redirects to nowhere"))?;
    let to = at.join(&location).map_err(|_| Failure::unacceptable(at, "it redirects to no address"))?;
    let secure = to.scheme() == "https" || (to.scheme() == "http" && at.scheme() == "http");
    if !secure || !to.has_host() {
        return Err(Failure::unacceptable(at, "it redirects to an address that is not secure"));
    }
    Ok(to)
}

fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(ToOwned::to_owned)
}

/// `bytes BEGIN-LAST/TOTAL`.
fn parse_content_range(text: &str) -> Option<(Span, u64)> {
    let (range, total) = text.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (begin, last) = range.split_once('-')?;
    let (begin, last, total): (u64, u64, u64) =
        (begin.parse().ok()?, last.parse().ok()?, total.parse().ok()?);
    (begin <= last && last < total).then(|| (Span { begin, end: last + 1 }, total))
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// An address without what may be secret: user, password, query.
pub(crate) fn shown(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    // Addresses that cannot carry them have none.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_ranges_are_read_strictly() {
        let cases = [
            ("bytes 0-0/1", Some((0, 1, 1))),
            ("bytes 5-9/10", Some((5, 10, 10))),
            ("bytes 5-10/10", None),
            ("bytes 9-5/10", None),
            ("bytes */10", None),
            ("bytes 0-1/*", None),
            ("0-1/2", None),
            ("bytes 0-18446744073709551615/18446744073709551615", None),
        ];
        for (text, expected) in cases {
            let found = parse_content_range(text).map(|(span, total)| (span.begin, span.end, total));
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn addresses_escape_names_and_hide_secrets() {
        let settings = HubSettings::new(Some("/cache".into()));
        let client = Client::new(&settings).unwrap();
        let reference = HubReference::parse("hf:o/r").unwrap();
        let url = client.file_url(&reference, "refs/pr/1", "a b/c?d#e%.gguf");
        assert_eq!(url.as_str(), "https://huggingface.co/o/r/resolve/refs%2Fpr%2F1/a%20b/c%3Fd%23e%25.gguf");
        let signed = Url::parse("https://user:pass@cdn.example/x?Signature=secret#f").unwrap();
        assert_eq!(shown(&signed), "https://cdn.example/x");
        for (address, loopback) in [
            ("http://127.0.0.1:1", true),
            ("http://[::1]:1", true),
            ("http://localhost", true),
            ("http://10.0.0.1", false),
        ] {
            assert_eq!(is_loopback(&Url::parse(address).unwrap()), loopback, "{address}");
        }
    }
}
