//! STS-B: pairs of sentences with a similarity that people gave.

use crate::SuiteHeader;
use crate::fields::{FieldProblem, Fields};

/// Name of the format.
pub(super) const NAME: &str = "sts_b";

/// Columns of the published files, which have no header; some rows name sources in further columns.
const COLUMNS: [&str; 7] = ["genre", "filename", "year", "index", "score", "sentence1", "sentence2"];

/// Largest similarity.
const SCORE_MAX: f64 = 5.0;

/// Two sentences and how similar people found them.
#[derive(Debug, Clone, PartialEq)]
pub struct SentencePair {
    /// Row among the pairs, from 1.
    pub number: u64,
    /// Part of the set the pair comes from.
    pub genre: String,
    /// First sentence.
    pub first: String,
    /// Second sentence.
    pub second: String,
    /// Similarity, 0 (unrelated) to 5 (the same).
    pub score: f64,
}

/// What the set says about itself.
pub(super) fn header(name: String) -> SuiteHeader {
    SuiteHeader {
        name,
        title: "STS-B: similarity of sentences".to_owned(),
        description: "Scored by the rank correlation of cosine similarities with the given scores; this needs embeddings."
            .to_owned(),
        source: "STS Benchmark, Cer et al. 2017".to_owned(),
        license: "as its makers state it".to_owned(),
    }
}

/// Whether the first row of a table says that it holds pairs: by its header, or by a score in the fifth of seven columns.
pub(super) fn looks_like(first: &[String]) -> bool {
    let scored = first.len() >= COLUMNS.len() && first[4].trim().parse::<f64>().is_ok_and(in_range);
    has_header(first) || scored
}

/// Whether the first row is a header.
pub(super) fn has_header(first: &[String]) -> bool {
    let named = |column: &str| first.iter().any(|cell| cell.trim().eq_ignore_ascii_case(column));
    named("sentence1") && named("sentence2") && named("score")
}

/// Names of the columns.
pub(super) fn columns(first: &[String]) -> Vec<String> {
    if has_header(first) {
        first.iter().map(|cell| cell.trim().to_lowercase()).collect()
    } else {
        COLUMNS.iter().map(ToString::to_string).collect()
    }
}

fn in_range(score: f64) -> bool {
    (0.0..=SCORE_MAX).contains(&score)
}

/// A record as pair.
pub(super) fn convert(fields: &Fields<'_>, number: u64) -> Result<SentencePair, FieldProblem> {
    let score = fields.number("score")?.ok_or_else(|| FieldProblem::new("score", "is missing"))?;
    if !in_range(score) {
        return Err(FieldProblem::new("score", format!("is {score}, but must be 0 to {SCORE_MAX}")));
    }
    let genre = fields.optional_text("genre")?.unwrap_or_default();
    Ok(SentencePair {
        number,
        genre,
        first: fields.text("sentence1")?,
        second: fields.text("sentence2")?,
        score,
    })
}
