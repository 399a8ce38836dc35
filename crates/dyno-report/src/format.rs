//! The forms a report can take, and how a person names them.

/// A form of report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Tables for a terminal.
    Table,
    /// One self-contained offline page.
    Html,
    /// Markdown tables, llama-bench-shaped.
    Markdown,
    /// One row per record and metric.
    Csv,
    /// Records as they are: an object for one, an array for several.
    Json,
    /// Records as they are, one per line.
    JsonLines,
}

/// A name that is no format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} is not a report format; {}choose one of {}", suggestion_text(.nearest), Format::ACCEPTED)]
pub struct FormatError {
    /// What was given, shortened and without control characters.
    pub given: String,
    /// The nearest accepted name, when one is near.
    pub nearest: Option<&'static str>,
}

fn suggestion_text(nearest: &Option<&'static str>) -> String {
    nearest.map(|name| format!("did you mean {name}? Otherwise ")).unwrap_or_default()
}

const NAMES: [(&str, Format); 9] = [
    ("table", Format::Table),
    ("html", Format::Html),
    ("md", Format::Markdown),
    ("csv", Format::Csv),
    ("json", Format::Json),
    ("jsonl", Format::JsonLines),
    ("markdown", Format::Markdown),
    ("text", Format::Table),
    ("ndjson", Format::JsonLines),
];

impl Format {
    /// Names of the formats, for people.
    pub const ACCEPTED: &str = "table, html, md, csv, json, jsonl";

    /// Reads a format's name, in any letter case.
    ///
    /// # Errors
    /// For an unknown name, with the nearest known one.
    pub fn parse(name: &str) -> Result<Self, FormatError> {
        let wanted = name.trim().to_lowercase();
        if let Some((_, format)) = NAMES.iter().find(|(known, _)| *known == wanted) {
            return Ok(*format);
        }
        let distance = |known: &str| strsim::damerau_levenshtein(known, &wanted);
        let short: String = wanted.chars().take(40).collect();
        let near = || NAMES.iter().map(|(known, _)| *known).min_by_key(|known| distance(known));
        let nearest = (short == wanted).then(near).flatten().filter(|known| distance(known) <= 2);
        Err(FormatError { given: crate::text::plain(&short), nearest })
    }

    /// The usual ending of a file in this format, without a dot.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Table => "txt",
            Self::Html => "html",
            Self::Markdown => "md",
            Self::Csv => "csv",
            Self::Json => "json",
            Self::JsonLines => "jsonl",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_names_are_read_in_any_case() {
        assert_eq!(Format::parse("HTML"), Ok(Format::Html));
        assert_eq!(Format::parse(" markdown "), Ok(Format::Markdown));
        assert_eq!(Format::parse("ndjson"), Ok(Format::JsonLines));
    }

    #[test]
    fn a_slip_gets_the_nearest_name() {
        let error = Format::parse("hmtl").unwrap_err();
        assert_eq!(error.nearest, Some("html"));
        assert!(error.to_string().contains("did you mean html?"), "{error}");
        let error = Format::parse("spreadsheet").unwrap_err();
        assert_eq!(error.nearest, None);
        assert!(error.to_string().contains("choose one of table"), "{error}");
    }

    #[test]
    fn hostile_names_are_quoted_short() {
        let error = Format::parse(&"x\u{1b}[31m".repeat(100_000)).unwrap_err();
        assert!(error.to_string().len() < 400 && !error.to_string().contains('\u{1b}'));
    }
}
