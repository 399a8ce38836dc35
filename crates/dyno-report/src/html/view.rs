//! What the template shows: plain texts and finished drawings. Everything but `svg` is escaped by the template.

use serde::Serialize;

use crate::chart::Ink;
use crate::sentences::Remark;

/// One page.
#[derive(Debug, Serialize)]
pub(crate) struct Page {
    /// Title of the window.
    pub(crate) title: String,
    /// Heading.
    pub(crate) heading: String,
    /// Lines under the heading.
    pub(crate) subtitles: Vec<String>,
    /// Trust, one block per record that has something to say.
    pub(crate) trust: Vec<Trust>,
    /// Headline figures.
    pub(crate) tiles: Vec<Tile>,
    /// Tables directly under the headline.
    pub(crate) comparisons: Vec<Table>,
    /// The analysis in sentences, with the record's label where there are several.
    pub(crate) findings: Vec<Findings>,
    /// Charts.
    pub(crate) figures: Vec<Figure>,
    /// Tables of figures.
    pub(crate) tables: Vec<Table>,
    /// How good the model is, where that was evaluated.
    pub(crate) quality: Option<Quality>,
    /// Circumstances.
    pub(crate) facts: Vec<Facts>,
    /// Definitions of the metrics on the page.
    pub(crate) definitions: Vec<Definition>,
    /// Last line.
    pub(crate) footer: String,
}

/// Whether to trust a record.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Trust {
    /// `good`, `fair` or `bad`.
    pub(crate) level: &'static str,
    /// The record's label; empty where there is only one.
    pub(crate) record: String,
    /// Verdict.
    pub(crate) verdict: &'static str,
    /// Reasons.
    pub(crate) remarks: Vec<Remark>,
}

/// One headline figure.
#[derive(Debug, Serialize)]
pub(crate) struct Tile {
    /// Label.
    pub(crate) label: String,
    /// Number.
    pub(crate) value: String,
    /// Unit.
    pub(crate) unit: String,
    /// Interval, or why there is none.
    pub(crate) interval: String,
    /// The tail that hurts.
    pub(crate) tail: String,
}

/// Sentences about one record.
#[derive(Debug, Serialize)]
pub(crate) struct Findings {
    /// The record's label; empty where there is only one.
    pub(crate) record: String,
    /// Sentences.
    pub(crate) sentences: Vec<String>,
    /// Whether they stay closed until somebody opens them.
    pub(crate) folded: bool,
}

/// How good a model is: drawings, tables and the answers that were wrong.
#[derive(Debug, Serialize)]
pub(crate) struct Quality {
    /// Heading.
    pub(crate) heading: String,
    /// Sentences before the drawings.
    pub(crate) introduction: Vec<String>,
    /// Charts.
    pub(crate) figures: Vec<Figure>,
    /// Tables of figures.
    pub(crate) tables: Vec<Table>,
    /// Answers that were not right, closed until somebody opens them.
    pub(crate) wrong: Vec<Wrong>,
}

/// Answers of one result that were not right.
#[derive(Debug, Serialize)]
pub(crate) struct Wrong {
    /// What they are and how many.
    pub(crate) summary: String,
    /// Column headers.
    pub(crate) header: Vec<String>,
    /// Rows; the first cell heads its row.
    pub(crate) rows: Vec<Vec<String>>,
}

/// One chart.
#[derive(Debug, Serialize)]
pub(crate) struct Figure {
    /// Anchor.
    pub(crate) id: &'static str,
    /// Heading.
    pub(crate) title: String,
    /// What the axes show.
    pub(crate) axes: String,
    /// Finished drawing.
    pub(crate) svg: String,
    /// What the colours mean; empty where there is one series.
    pub(crate) keys: Vec<Key>,
    /// Remark under the chart.
    pub(crate) note: String,
}

/// One entry of a legend.
#[derive(Debug, Serialize)]
pub(crate) struct Key {
    /// Style of the sample line.
    pub(crate) style: String,
    /// Label.
    pub(crate) label: String,
}

impl Key {
    /// A line in an ink, and what it means.
    pub(crate) fn line(ink: Ink, label: impl Into<String>) -> Self {
        Self { style: ink.style("stroke"), label: label.into() }
    }

    /// A filled area in an ink, and what it means.
    pub(crate) fn area(ink: Ink, label: impl Into<String>) -> Self {
        Self { style: ink.style("fill").replacen("fill:", "stroke:", 1), label: label.into() }
    }
}

/// A table.
#[derive(Debug, Serialize)]
pub(crate) struct Table {
    /// Anchor.
    pub(crate) id: &'static str,
    /// Heading.
    pub(crate) title: String,
    /// Column headers.
    pub(crate) header: Vec<String>,
    /// Rows; the first cell heads its row.
    pub(crate) rows: Vec<Vec<Cell>>,
    /// How many columns, from the left, hold names instead of figures.
    pub(crate) names: usize,
    /// Whether the cells hold sentences, which wrap, instead of figures.
    pub(crate) prose: bool,
    /// Whether the rows stay closed until somebody opens them.
    pub(crate) folded: bool,
    /// Remark under the table.
    pub(crate) note: String,
}

/// One cell of a table.
#[derive(Debug, Serialize)]
pub(crate) struct Cell {
    /// What stands there.
    pub(crate) text: String,
    /// A calmer second line, such as an interval; may be empty.
    pub(crate) sub: String,
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self { text, sub: String::new() }
    }
}

/// Circumstances of one kind.
#[derive(Debug, Serialize)]
pub(crate) struct Facts {
    /// Heading.
    pub(crate) title: String,
    /// Label and value.
    pub(crate) rows: Vec<(String, String)>,
}

/// One metric's definition.
#[derive(Debug, Serialize)]
pub(crate) struct Definition {
    /// Id in records.
    pub(crate) id: &'static str,
    /// Label.
    pub(crate) label: &'static str,
    /// Unit.
    pub(crate) unit: &'static str,
    /// `higher is better` or `lower is better`.
    pub(crate) better: &'static str,
    /// Definition.
    pub(crate) text: &'static str,
}
