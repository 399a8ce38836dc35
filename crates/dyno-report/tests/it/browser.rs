//! The page in a real browser: phone and desktop, light and dark.
//!
//! Headless Chromium refuses windows under 500 px, so the page stands in a frame of the tested width inside a wrapper
//! page. The wrapper's script looks into the frame and writes what it finds into its own document, which Chromium
//! prints. The page itself stays untouched: its policy forbids scripts. Console messages arrive on standard error.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use dyno_report::{Format, eval_page, page_with_quality, render_many, render_one};
use serde_json::Value;

use crate::fixtures::{complete, failed_windows, hostile, incomplete, one_thread};
use crate::made_up::{hostile_eval, micro, quantizations};

const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
/// A hang guard, not a measurement.
const PATIENCE: Duration = Duration::from_secs(120);

/// What the wrapper's script reports about the framed page.
const PROBE: &str = r#"
addEventListener("load", () => {
  const view = document.querySelector("iframe").contentWindow, page = view.document, root = page.documentElement;
  const box = (element) => { const b = element.getBoundingClientRect(); return [b.width, b.height, b.left, b.right]; };
  const texts = [...page.querySelectorAll("svg.chart text")];
  const luminance = (color) => {
    const [r, g, b] = color.match(/[\d.]+/g).map(Number).map((c) => c / 255)
      .map((c) => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = view.getComputedStyle(at).backgroundColor;
      if (!/rgba\(.*, 0\)|transparent/.test(color)) return color;
    }
    return "rgb(255,255,255)";
  };
  const contrast = (element) => {
    const style = view.getComputedStyle(element);
    const ink = element.namespaceURI.endsWith("svg") ? style.fill : style.color;
    const [a, b] = [luminance(ink), luminance(ground(element))].sort((x, y) => y - x);
    return (a + 0.05) / (b + 0.05);
  };
  const written = [...page.querySelectorAll("h1,h2,h3,p,li,summary,td,th,dt,dd,code,.value span,svg.chart text")];
  document.querySelector("pre").textContent = JSON.stringify({
    dark: view.matchMedia("(prefers-color-scheme: dark)").matches,
    width: view.innerWidth,
    scroll_width: root.scrollWidth, client_width: root.clientWidth, height: root.scrollHeight,
    charts: [...page.querySelectorAll("svg.chart")].map(box),
    chart_text_px: texts.map((text) => text.getBoundingClientRect().height),
    chart_text_cut: texts.filter((text) => {
      const own = text.getBoundingClientRect(), drawing = text.closest("figure").getBoundingClientRect();
      return own.left < drawing.left || own.right > drawing.right;
    }).map((text) => text.textContent.trim()),
    lowest_contrast: Math.min(...written.map(contrast)),
    background: view.getComputedStyle(page.body).backgroundColor,
    scripts: page.scripts.length, images: page.images.length,
  });
});
"#;

fn browser() -> Option<PathBuf> {
    let folders: Vec<PathBuf> = std::env::split_paths(&std::env::var_os("PATH")?).collect();
    let found = NAMES
        .iter()
        .find_map(|name| folders.iter().map(|folder| folder.join(name)).find(|file| file.is_file()));
    if found.is_none() {
        // Not `eprintln!`: the test harness would swallow it, and a skipped check must be seen.
        let line =
            format!("SKIPPED: no browser on PATH ({}); the page was not looked at\n", NAMES.join(", "));
        std::io::stderr().write_all(line.as_bytes()).unwrap();
    }
    found
}

/// Opens a page in a frame of this size and returns what the probe found, and the console messages.
fn look(browser: &Path, page: &str, (width, height): (u32, u32), dark: bool) -> (Value, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("page.html"), page).unwrap();
    let wrapper = format!(
        "<!DOCTYPE html><body style=\"margin:0\"><pre></pre>\
         <iframe src=\"page.html\" style=\"border:0;width:{width}px;height:{height}px\"></iframe><script>{PROBE}</script>"
    );
    let wrapper_file = folder.path().join("wrapper.html");
    fs::write(&wrapper_file, wrapper).unwrap();
    let output = run(browser, folder.path(), &wrapper_file, dark);
    let (printed, log) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let found = printed
        .split_once("<pre>")
        .and_then(|(_, rest)| rest.split_once("</pre>"))
        .map_or("", |(json, _)| json);
    let json = found.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    let seen = serde_json::from_str(&json).unwrap_or_else(|error| {
        panic!("the probe reported nothing ({error}): {json:?}\nprinted: {printed}\nlog: {log}")
    });
    let console = log.lines().filter(|line| line.contains("CONSOLE")).map(str::to_owned).collect();
    (seen, console)
}

fn run(browser: &Path, folder: &Path, page: &Path, dark: bool) -> Output {
    let profile = format!("--user-data-dir={}", folder.join("profile").display());
    let mut child = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .args(["--disable-dev-shm-usage", "--allow-file-access-from-files", "--enable-logging=stderr"])
        .args(["--window-size=1400,1000", &profile])
        .arg(if dark {
            "--blink-settings=preferredColorScheme=0"
        } else {
            "--blink-settings=preferredColorScheme=1"
        })
        .arg("--dump-dom")
        .arg(page)
        .stdin(Stdio::null())
        .stdout(fs::File::create(folder.join("stdout")).unwrap())
        .stderr(fs::File::create(folder.join("stderr")).unwrap())
        .spawn()
        .unwrap();
    let started = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if started.elapsed() > PATIENCE {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("the browser did not end within {PATIENCE:?}");
        }
        thread::sleep(Duration::from_millis(50));
    };
    let read = |name: &str| fs::read(folder.join(name)).unwrap();
    Output { status, stdout: read("stdout"), stderr: read("stderr") }
}

/// Checks one page at phone and desktop size, light and dark.
fn inspect(name: &str, page: &str, charts: usize) {
    let Some(browser) = browser() else { return };
    for (size, dark) in [((390, 844), false), ((390, 844), true), ((1280, 900), false), ((1280, 900), true)] {
        let at = format!("{name} at {} px, {}", size.0, if dark { "dark" } else { "light" });
        let (seen, console) = look(&browser, page, size, dark);
        assert!(console.is_empty(), "{at}: {console:?}");
        assert_eq!(seen["width"], size.0, "{at}");
        assert_eq!(seen["dark"], dark, "{at}");
        let number = |value: &Value| value.as_f64().expect("the probe reports numbers");
        assert!(
            number(&seen["scroll_width"]) <= number(&seen["client_width"]),
            "{at} scrolls sideways: {seen}"
        );
        assert!(number(&seen["height"]) > 400.0, "{at} is nearly empty: {seen}");
        let drawn = seen["charts"].as_array().unwrap();
        assert_eq!(drawn.len(), charts, "{at}");
        for chart in drawn {
            assert!(number(&chart[0]) > 250.0 && number(&chart[1]) > 120.0, "{at}: a chart of {chart}");
            assert!(
                number(&chart[2]) >= 0.0 && number(&chart[3]) <= f64::from(size.0),
                "{at}: {chart} leaves the page"
            );
        }
        let texts = seen["chart_text_px"].as_array().unwrap();
        assert!(texts.iter().all(|height| number(height) >= 10.0), "{at}: chart text too small: {texts:?}");
        assert_eq!(seen["chart_text_cut"], Value::Array(Vec::new()), "{at}");
        assert!(number(&seen["lowest_contrast"]) >= 4.5, "{at}: contrast {}", seen["lowest_contrast"]);
        let light_ground = seen["background"].as_str().unwrap().starts_with("rgb(2");
        assert_eq!(light_ground, !dark, "{at}: background {}", seen["background"]);
        assert_eq!((&seen["scripts"], &seen["images"]), (&Value::from(0), &Value::from(0)), "{at}");
    }
}

#[test]
fn a_complete_run() {
    inspect("complete run", &render_one(&complete(), Format::Html), 8);
}

#[test]
fn a_run_with_failed_windows() {
    inspect("failed windows", &render_one(&failed_windows(), Format::Html), 8);
}

#[test]
fn a_stopped_run() {
    inspect("stopped run", &render_one(&incomplete(), Format::Html), 0);
}

#[test]
fn several_runs() {
    let records = [complete(), one_thread(), failed_windows(), incomplete()];
    inspect("several runs", &render_many(&records, Format::Html), 4);
}

#[test]
fn hostile_names() {
    inspect("hostile names", &render_one(&hostile(), Format::Html), 8);
    inspect("hostile names compared", &render_many(&[hostile(), complete()], Format::Html), 4);
}

#[test]
fn evaluations() {
    inspect("an evaluation", &eval_page(&[micro()]), 5);
    inspect("quantizations", &eval_page(&quantizations()), 4);
    inspect("a run with quality", &page_with_quality(&complete(), &[micro()]), 13);
    inspect("a hostile evaluation", &eval_page(&[hostile_eval()]), 4);
}

#[test]
fn the_probe_notices_what_it_looks_for() {
    let Some(browser) = browser() else { return };
    let wide = "<!DOCTYPE html><body><div style=\"width:900px\">wide</div><p style=\"color:#ddd;background:#fff\">pale</p>\
                <script>console.error('broken')</script>";
    let (seen, console) = look(&browser, wide, (390, 844), false);
    assert!(seen["scroll_width"].as_f64() > seen["client_width"].as_f64(), "{seen}");
    assert!(seen["lowest_contrast"].as_f64().unwrap() < 2.0, "{seen}");
    assert!(console.iter().any(|line| line.contains("broken")), "{console:?}");
}
