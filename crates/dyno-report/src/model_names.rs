//! Names that tell models apart: files of the same name in different folders are common.

use std::collections::BTreeSet;

use dyno_types::ModelFacts;

use crate::facts::model_name;
use crate::text::plain;

/// Characters of a fingerprint that are shown.
const FINGERPRINT_SHOWN: usize = 8;

/// The name of each model, with as many of its folders as tell it from others of the same name; where folders do not, with the
/// beginning of its fingerprint.
pub(crate) fn model_names(models: &[&ModelFacts]) -> Vec<String> {
    models.iter().map(|model| told_apart(model, models)).collect()
}

/// The name of one of these models.
fn told_apart(model: &ModelFacts, models: &[&ModelFacts]) -> String {
    let name = model_name(model);
    let alike: Vec<&ModelFacts> = models.iter().copied().filter(|other| model_name(other) == name).collect();
    let references: BTreeSet<&str> = alike.iter().map(|other| reference(other)).collect();
    let own = reference(model);
    let parts = own.split('/').count();
    let distinct = |count: &usize| {
        references.iter().filter(|other| **other != own).all(|other| last(other, *count) != last(own, *count))
    };
    let path = match references.len() {
        1 => name,
        _ => plain(last(own, (1..=parts).find(distinct).unwrap_or(parts))),
    };
    let same_path = alike.iter().filter(|other| reference(other) == own);
    let fingerprints: BTreeSet<&str> = same_path.map(|other| other.fingerprint.as_str()).collect();
    if fingerprints.len() == 1 {
        return path;
    }
    let begins: String = model.fingerprint.chars().take(FINGERPRINT_SHOWN).collect();
    format!("{path} ({})", plain(&begins))
}

fn reference(model: &ModelFacts) -> &str {
    model.reference.trim_start_matches("./")
}

/// The last so many parts of a path.
fn last(path: &str, count: usize) -> &str {
    match path.rmatch_indices('/').nth(count.saturating_sub(1)) {
        Some((at, _)) => &path[at + 1..],
        None => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// References and fingerprints of models, and their names.
    type Case = (&'static [(&'static str, &'static str)], &'static [&'static str]);

    #[test]
    fn models_of_one_name_are_told_apart_by_folders_or_fingerprints() {
        let cases: &[Case] = &[
            (&[("/x/m.gguf", "f1")], &["m.gguf"]),
            // One model, measured twice.
            (&[("/x/m.gguf", "f1"), ("/x/m.gguf", "f1")], &["m.gguf", "m.gguf"]),
            (&[("m.gguf", "f1"), ("./m.gguf", "f1")], &["m.gguf", "m.gguf"]),
            (&[("/x/m.gguf", "f1"), ("/x/n.gguf", "f2")], &["m.gguf", "n.gguf"]),
            (&[("/x/a/m.gguf", "f1"), ("/x/b/m.gguf", "f2")], &["a/m.gguf", "b/m.gguf"]),
            // Fine-tunes share their headers and sizes.
            (&[("/x/a/m.gguf", "f1"), ("/x/b/m.gguf", "f1")], &["a/m.gguf", "b/m.gguf"]),
            (&[("/a/q/m.gguf", "f1"), ("/b/q/m.gguf", "f2")], &["a/q/m.gguf", "b/q/m.gguf"]),
            (&[("m.gguf", "f1"), ("q/m.gguf", "f2")], &["m.gguf", "q/m.gguf"]),
            // The file was replaced between the runs.
            (
                &[("/x/m.gguf", "0123456789"), ("/x/m.gguf", "abcdefghij")],
                &["m.gguf (01234567)", "m.gguf (abcdefgh)"],
            ),
            (&[("hf:o/a:m.gguf", "f1"), ("hf:o/b:m.gguf", "f2")], &["a:m.gguf", "b:m.gguf"]),
        ];
        for (models, expected) in cases {
            let facts: Vec<ModelFacts> = models
                .iter()
                .map(|(reference, fingerprint)| ModelFacts {
                    reference: (*reference).to_owned(),
                    file_name: reference.rsplit(['/', ':']).next().unwrap().to_owned(),
                    fingerprint: (*fingerprint).to_owned(),
                    ..ModelFacts::default()
                })
                .collect();
            let facts: Vec<&ModelFacts> = facts.iter().collect();
            assert_eq!(model_names(&facts), *expected, "{models:?}");
        }
    }
}
