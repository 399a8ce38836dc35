//! What Python's Jinja2 3.1.6 renders, set up as the transformers library does.

mod golden;
mod hostile;

use super::*;

/// A host whose time stands still.
struct Still;

impl Host for Still {
    fn strftime_now(&self, format: &str) -> Result<String, String> {
        let parts = [("%Y", "2024"), ("%m", "07"), ("%d", "26"), ("%b", "Jul"), ("%B", "July")];
        Ok(parts.iter().fold(format.to_owned(), |text, (code, part)| text.replace(code, part)))
    }

    fn out_of_time(&self) -> Option<String> {
        None
    }
}

const LIMITS: Limits = Limits { steps: 20_000_000, bytes_made: 256 << 20, text_bytes: 16 << 20 };

fn render(source: &str, variables: &[(&str, Input)]) -> Result<String, Fault> {
    Template::compile(source)?.render(variables, &Still, LIMITS)
}
