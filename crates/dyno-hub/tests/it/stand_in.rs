//! A hub that stands in for the real one: HTTP over real sockets, as honest or as broken as a test wants.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Bytes written at a time.
const STEP_BYTES: usize = 64 * 1024;

/// One request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// Path without query.
    pub(crate) path: String,
    /// First byte and one past the last.
    pub(crate) range: Option<(u64, u64)>,
    /// Value of Authorization.
    pub(crate) authorization: Option<String>,
    /// Earlier requests for the same path.
    pub(crate) earlier: usize,
}

/// What to answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    /// Body as it should be.
    pub(crate) body: Vec<u8>,
    /// Stated length, when it is a lie.
    pub(crate) stated_bytes: Option<u64>,
    /// Bytes after which the connection is cut.
    pub(crate) cut_after: Option<usize>,
    /// Goes on after the body for ever (or until the other side hangs up), with no stated length.
    pub(crate) endless: bool,
    /// Rate, bytes/s.
    pub(crate) bytes_per_s: Option<u64>,
}

impl Answer {
    pub(crate) fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: body.into(),
            stated_bytes: None,
            cut_after: None,
            endless: false,
            bytes_per_s: None,
        }
    }

    pub(crate) fn redirect(to: &str) -> Self {
        Self::new(302, "").with("Location", to)
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The file, or the range of it that was asked for.
    pub(crate) fn file(request: &Request, content: &[u8]) -> Self {
        let Some((begin, end)) = request.range else { return Self::new(200, content) };
        let end = end.min(content.len() as u64);
        if begin >= end {
            return Self::new(416, "");
        }
        let range = format!("bytes {begin}-{}/{}", end - 1, content.len());
        Self::new(206, &content[begin as usize..end as usize]).with("Content-Range", range)
    }
}

type Script = dyn Fn(&Request) -> Answer + Send + Sync;

struct State {
    script: Box<Script>,
    seen: Mutex<Vec<Request>>,
    sent: AtomicU64,
    stop: AtomicBool,
}

/// The server; ends with this value.
pub(crate) struct StandIn {
    address: SocketAddr,
    state: Arc<State>,
}

impl StandIn {
    /// Answers every request as the script says.
    pub(crate) fn start(script: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (seen, sent) = (Mutex::default(), AtomicU64::new(0));
        let state = Arc::new(State { script: Box::new(script), seen, sent, stop: AtomicBool::new(false) });
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if shared.stop.load(Ordering::Relaxed) {
                    return;
                }
                let state = Arc::clone(&shared);
                // Clients hang up as they like.
                std::thread::spawn(move || stream.and_then(|stream| serve(stream, &state)));
            }
        });
        Self { address, state }
    }

    /// Address without path.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Requests so far.
    pub(crate) fn seen(&self) -> Vec<Request> {
        self.state.seen.lock().unwrap().clone()
    }

    /// Requests so far whose path contains this.
    pub(crate) fn seen_of(&self, part: &str) -> Vec<Request> {
        self.seen().into_iter().filter(|request| request.path.contains(part)).collect()
    }

    /// Bytes of bodies of files handed to the network so far.
    pub(crate) fn sent_bytes(&self) -> u64 {
        self.state.sent.load(Ordering::Relaxed)
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.state.stop.store(true, Ordering::Relaxed);
        // Wakes the listener.
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(mut stream: TcpStream, state: &State) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let target = line.split(' ').nth(1).unwrap_or_default();
    let path = target.split('?').next().unwrap_or_default().to_owned();
    let (mut range, mut authorization) = (None, None);
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        match name.to_lowercase().as_str() {
            "range" => range = parse_range(value),
            "authorization" => authorization = Some(value.to_owned()),
            _ => {}
        }
    }
    let request = {
        let mut seen = state.seen.lock().unwrap();
        let earlier = seen.iter().filter(|request| request.path == path).count();
        seen.push(Request { path, range, authorization, earlier });
        seen[seen.len() - 1].clone()
    };
    let answer = (state.script)(&request);
    let counts = request.path.contains("/resolve/");
    write(&mut stream, &answer, if counts { Some(&state.sent) } else { None })
}

fn parse_range(value: &str) -> Option<(u64, u64)> {
    let (begin, last) = value.strip_prefix("bytes=")?.split_once('-')?;
    Some((begin.parse().ok()?, last.parse::<u64>().ok()? + 1))
}

fn write(stream: &mut TcpStream, answer: &Answer, sent: Option<&AtomicU64>) -> std::io::Result<()> {
    let mut head = format!("HTTP/1.1 {} Whatever\r\nConnection: close\r\n", answer.status);
    if !answer.endless {
        let bytes = answer.stated_bytes.unwrap_or(answer.body.len() as u64);
        head += &format!("Content-Length: {bytes}\r\n");
    }
    for (name, value) in &answer.headers {
        head += &format!("{name}: {value}\r\n");
    }
    stream.write_all(format!("{head}\r\n").as_bytes())?;
    let body = &answer.body[..answer.cut_after.unwrap_or(answer.body.len()).min(answer.body.len())];
    let (begun, mut done) = (Instant::now(), 0u64);
    for step in body.chunks(STEP_BYTES) {
        stream.write_all(step)?;
        done += step.len() as u64;
        if let Some(sent) = sent {
            sent.fetch_add(step.len() as u64, Ordering::Relaxed);
        }
        if let Some(rate) = answer.bytes_per_s {
            let due = Duration::from_secs_f64(done as f64 / rate as f64);
            std::thread::sleep(due.saturating_sub(begun.elapsed()));
        }
    }
    if !answer.endless {
        return stream.flush();
    }
    loop {
        stream.write_all(&[0; STEP_BYTES])?;
    }
}
