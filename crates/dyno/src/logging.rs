//! Log lines of dyno itself, on standard error, as RUST_LOG asks for: `info` a line for each stage, `debug` the times of each request.

use tracing_subscriber::EnvFilter;

/// Without RUST_LOG.
const USUAL: &str = "warn";

/// Libraries whose lines nobody means who asks for a bare level; naming one brings it back.
const LIBRARIES: [&str; 9] =
    ["h2", "hyper", "hyper_util", "reqwest", "rustls", "tonic", "tower", "tokio", "mio"];

/// Words that stand for a level.
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// A filter that can be used, and what is wrong with the one that was asked for.
#[derive(Debug, PartialEq, Eq)]
struct Asked {
    directives: String,
    warning: Option<String>,
}

/// Starts logging; what of RUST_LOG cannot be read is said.
pub(crate) fn start() {
    let asked =
        asked(std::env::var_os("RUST_LOG").map(|text| text.to_string_lossy().into_owned()).as_deref());
    let filter = EnvFilter::try_new(&asked.directives).unwrap_or_else(|_| EnvFilter::new(USUAL));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(Lines::default)
        // Colours would be told from the escapes of others by nobody.
        .with_ansi(false)
        .without_time()
        .init();
    if let Some(warning) = asked.warning {
        crate::printer::remark(&format!("warning: {warning}"));
    }
}

/// Standard error: a line is written when it is complete, through the filter of terminals where it is one.
#[derive(Default)]
struct Lines(Vec<u8>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        let text = String::from_utf8_lossy(&self.0);
        crate::printer::remark(text.strip_suffix('\n').unwrap_or(&text));
    }
}

fn asked(text: Option<&str>) -> Asked {
    let usual = |warning| Asked { directives: USUAL.to_owned(), warning };
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else { return usual(None) };
    if let Some(fault) = fault(text) {
        let warning = format!("RUST_LOG={text:?} cannot be read: {fault}; only warnings are logged");
        return usual(Some(warning));
    }
    let quiet = LIBRARIES.iter().filter(|library| !text.contains(*library));
    let quiet: String = quiet.map(|library| format!("{library}=warn,")).collect();
    Asked { directives: format!("{quiet}{text}"), warning: None }
}

/// What is wrong with a filter. A word that is neither a level nor a part of dyno is read as the name of a module that logs nothing: a
/// misspelt level.
fn fault(text: &str) -> Option<String> {
    if let Err(error) = EnvFilter::try_new(text) {
        return Some(error.to_string());
    }
    let is_name = |word: &str| LIBRARIES.contains(&word) || word.starts_with("dyno");
    let words =
        text.split(',').map(str::trim).filter(|word| !word.is_empty() && !word.contains(['=', '[', ':']));
    let known = |word: &str| {
        let level = word.to_ascii_lowercase();
        LEVELS.contains(&level.as_str()) || word.parse::<u8>().is_ok_and(|level| level <= 5) || is_name(word)
    };
    let unknown = words.into_iter().find(|word| !known(word))?;
    let nearest = LEVELS
        .iter()
        .min_by_key(|level| strsim::damerau_levenshtein(level, &unknown.to_ascii_lowercase()))?;
    Some(format!(
        "{unknown:?} is no level; did you mean {nearest}? (error, warn, info, debug, trace, or dyno_engine=debug)"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_is_named_and_what_can_is_taken() {
        for text in [
            "info",
            "DEBUG",
            "warn,dyno_engine=trace",
            "dyno",
            "hyper=debug",
            "off",
            "3",
            "dyno_engine[request]=debug",
        ] {
            let found = asked(Some(text));
            assert!(found.warning.is_none() && found.directives.ends_with(text), "{text}: {found:?}");
        }
        for (text, part) in [
            ("infos", "info"),
            ("debgu", "debug"),
            ("dyno=loud", "dyno=loud"),
            ("warn,verbose", "verbose"),
            ("info[", "info["),
        ] {
            let found = asked(Some(text));
            assert_eq!(found.directives, USUAL, "{text}");
            let warning = found.warning.unwrap();
            assert!(warning.contains(part) && warning.contains("RUST_LOG"), "{warning}");
        }
        for nothing in [None, Some(""), Some("  ")] {
            assert_eq!(asked(nothing), Asked { directives: USUAL.to_owned(), warning: None });
        }
    }

    #[test]
    fn a_bare_level_is_about_dyno_and_a_named_library_speaks() {
        assert!(asked(Some("debug")).directives.contains("h2=warn"));
        assert!(!asked(Some("h2=debug,info")).directives.contains("h2=warn"));
    }
}
