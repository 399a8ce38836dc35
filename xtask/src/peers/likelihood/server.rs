//! llama.cpp's server, asked once per choice.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use super::questions::Question;
use crate::peers::session;

/// Longest wait for the server to load.
const START_SECONDS: u64 = 120;

/// A server that ends with this value.
struct Server {
    process: Child,
    port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Seconds for one request per choice to a new server with so many slots, as many requests at once; loading does not
/// count. `window` is that of one slot, tokens.
pub(super) fn seconds(
    server: &Path,
    model: &Path,
    questions: &[Question],
    (slots, window): (u32, u32),
) -> anyhow::Result<f64> {
    let server = start(server, model, (slots, window))?;
    let url = format!("http://127.0.0.1:{}/completion", server.port);
    let queue = Mutex::new(questions.iter().flat_map(|question| {
        question.choices.iter().map(move |choice| format!("{}{choice}", question.prompt))
    }));
    let begun = Instant::now();
    std::thread::scope(|scope| {
        let client = || -> anyhow::Result<()> {
            let agent = ureq::Agent::new_with_defaults();
            loop {
                let next = queue.lock().expect("no client panics while it takes the next").next();
                let Some(prompt) = next else { return Ok(()) };
                let body = serde_json::json!({
                    "prompt": prompt, "n_predict": 1, "temperature": 0.0, "cache_prompt": true,
                });
                agent.post(&url).send_json(&body)?.body_mut().read_to_string()?;
            }
        };
        let clients: Vec<_> = (0..slots).map(|_| scope.spawn(client)).collect();
        clients.into_iter().try_for_each(|client| client.join().expect("a client does not panic"))
    })?;
    Ok(begun.elapsed().as_secs_f64())
}

fn start(server: &Path, model: &Path, (slots, window): (u32, u32)) -> anyhow::Result<Server> {
    // Free a moment ago, which is as good as it gets for a program that takes no socket.
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let process = Command::new(server)
        .arg("-m")
        .arg(model)
        .args(["--port", &port.to_string(), "-np", &slots.to_string()])
        .args(["-t", &session::threads().to_string(), "-ngl", "0"])
        .args(["-c", &(window * slots).to_string(), "--no-webui", "--log-disable"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot run {}", server.display()))?;
    let mut server = Server { process, port };
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(START_SECONDS) {
        if let Some(status) = server.process.try_wait()? {
            bail!("llama-server ended with {status}");
        }
        if ureq::get(format!("http://127.0.0.1:{port}/health")).call().is_ok() {
            return Ok(server);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    bail!("llama-server did not get ready within {START_SECONDS} s")
}
