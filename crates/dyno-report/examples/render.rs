//! Renders record files, to look at a page while working on it:
//! `cargo run -p dyno-report --example render -- html crates/dyno-report/tests/fixtures/run-v1.json > page.html`

use std::error::Error;
use std::io::Write;

use dyno_report::{Format, render_many};
use dyno_types::RunRecord;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let format = Format::parse(&arguments.next().ok_or("usage: render FORMAT RECORD.json…")?)?;
    let read = |path: String| -> Result<RunRecord, Box<dyn Error>> {
        Ok(serde_json::from_str(&std::fs::read_to_string(path)?)?)
    };
    let records = arguments.map(read).collect::<Result<Vec<_>, _>>()?;
    std::io::stdout().write_all(render_many(&records, format).as_bytes())?;
    Ok(())
}
