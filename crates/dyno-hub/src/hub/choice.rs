//! Which file of a repository is meant: pure.

use std::collections::BTreeMap;

use dyno_models::HubReference;

use super::listing::RemoteFile;
use crate::HubError;

/// Quantizations taken when none is named, the first that is there: q4_k_m first because it keeps nearly all quality at a third
/// of the size of 16-bit weights, so that a newcomer's first download fits; then the next larger ones. When none of these is
/// there, the first model by name.
pub const DEFAULT_PREFERENCE: [&str; 6] = ["q4_k_m", "q4_0", "q5_k_m", "q8_0", "bf16", "f16"];

/// Most names shown in an error.
const NAMES_SHOWN: usize = 20;
/// Files that are no models of their own, by a word of their names: projectors of vision models, importance matrices.
const COMPANIONS: [&str; 2] = ["mmproj", "imatrix"];

/// A model in a repository: one file, or all parts of a split one in order.
type Model<'a> = Vec<&'a RemoteFile>;

/// Files of the model that `reference` means among `files`: a file by path or name; else a quantization label in any case of
/// letters; else [`DEFAULT_PREFERENCE`]; else the first by name. Split models come whole, or are not offered.
///
/// # Errors
/// [`HubError::NoModels`], [`HubError::NoSuchFile`] with what there is and the nearest name.
pub(crate) fn choose(reference: &HubReference, files: &[RemoteFile]) -> Result<Vec<RemoteFile>, HubError> {
    let models = models(files);
    if models.is_empty() {
        return Err(HubError::NoModels { repo: repo(reference), files: files.len() });
    }
    let chosen = match &reference.choice {
        Some(wanted) => named(&models, wanted).ok_or_else(|| no_such_file(reference, wanted, &models))?,
        None => preferred(&models),
    };
    Ok(chosen.iter().map(|file| (*file).clone()).collect())
}

fn repo(reference: &HubReference) -> String {
    HubReference { choice: None, ..reference.clone() }.to_string()
}

/// Every model among these files, by the path of its first file: split ones whole, without companions.
pub(crate) fn whole_models(files: &[RemoteFile]) -> Vec<Vec<RemoteFile>> {
    let own = models(files).into_iter().filter(|model| !is_companion(model));
    own.map(|model| model.into_iter().cloned().collect()).collect()
}

/// Models by the path of their first file.
fn models(files: &[RemoteFile]) -> Vec<Model<'_>> {
    let mut sets: BTreeMap<(&str, u64), Vec<(u64, &RemoteFile)>> = BTreeMap::new();
    for file in files.iter().filter(|file| file.path.to_lowercase().ends_with(".gguf")) {
        let (prefix, number, count) = part(&file.path).unwrap_or((&file.path, 1, 1));
        sets.entry((prefix, count)).or_default().push((number, file));
    }
    sets.into_iter().filter_map(|((_, count), parts)| whole(parts, count)).collect()
}

/// The parts in order, when all numbers from 1 to `count` are there once.
fn whole(mut parts: Vec<(u64, &RemoteFile)>, count: u64) -> Option<Model<'_>> {
    parts.sort_by_key(|(number, _)| *number);
    let complete = parts.iter().map(|(number, _)| *number).eq(1..=count);
    complete.then(|| parts.into_iter().map(|(_, file)| file).collect())
}

/// Prefix, number and count of `PREFIX-00002-of-00005.gguf`.
fn part(path: &str) -> Option<(&str, u64, u64)> {
    let stem = path.strip_suffix(".gguf")?;
    let (rest, count) = stem.rsplit_once("-of-")?;
    let (prefix, number) = rest.rsplit_once('-')?;
    let digits = |text: &str| (text.len() == 5).then(|| text.parse().ok()).flatten();
    Some((prefix, digits(number)?, digits(count)?))
}

/// The model with this file, else the one with this quantization; of several, the one with the shortest name.
fn named<'a>(models: &[Model<'a>], wanted: &str) -> Option<Model<'a>> {
    let wanted = wanted.to_lowercase();
    let stem = wanted.strip_suffix(".gguf").unwrap_or(&wanted);
    let is_file = |file: &&RemoteFile| {
        let path = file.path.to_lowercase();
        let name = file.name().to_lowercase();
        [path, name].iter().any(|known| *known == wanted || known.strip_suffix(".gguf") == Some(stem))
    };
    let by_file = || models.iter().find(|model| model.iter().any(is_file));
    let by_label = || {
        let labelled =
            models.iter().filter(|model| !is_companion(model) && has_label(&model[0].path, &wanted));
        labelled.min_by_key(|model| (model[0].path.len(), &model[0].path))
    };
    by_file().or_else(by_label).cloned()
}

fn preferred<'a>(models: &[Model<'a>]) -> Model<'a> {
    let known = DEFAULT_PREFERENCE.iter().find_map(|label| {
        let labelled = models.iter().filter(|model| !is_companion(model) && has_label(&model[0].path, label));
        labelled.min_by_key(|model| (model[0].path.len(), &model[0].path))
    });
    let first = || models.iter().find(|model| !is_companion(model));
    known.or_else(first).unwrap_or(&models[0]).clone()
}

fn is_companion(model: &Model<'_>) -> bool {
    let name = model[0].name().to_lowercase();
    COMPANIONS.iter().any(|word| name.contains(word))
}

/// Whether the label (lower case) stands in the path as a word: `q4_k` is not in `…-Q4_K_M.gguf`.
fn has_label(path: &str, label: &str) -> bool {
    let path = path.to_lowercase();
    let inside = |letter: char| letter.is_ascii_alphanumeric();
    path.match_indices(label).any(|(at, _)| {
        let before = path[..at].chars().next_back();
        let after = path[at + label.len()..].chars().next();
        !before.is_some_and(inside) && !after.is_some_and(|letter| inside(letter) || letter == '_')
    })
}

fn no_such_file(reference: &HubReference, wanted: &str, models: &[Model<'_>]) -> HubError {
    let lower = wanted.to_lowercase();
    let alike = |name: &str| {
        let stem = name.to_lowercase();
        let stem = stem.strip_suffix(".gguf").unwrap_or(&stem).to_owned();
        // A label is compared with the words of the name, a file with the whole.
        let words =
            stem.split(['-', '.', '/']).map(|word| strsim::normalized_damerau_levenshtein(word, &lower));
        words.chain([strsim::normalized_damerau_levenshtein(&stem, &lower)]).fold(0.0, f64::max)
    };
    let nearest = models.iter().map(|model| (alike(&model[0].path), &model[0].path));
    let nearest = nearest.filter(|(alike, _)| *alike > 0.5).max_by(|one, other| one.0.total_cmp(&other.0));
    let mut available: Vec<&str> =
        models.iter().take(NAMES_SHOWN).map(|model| model[0].path.as_str()).collect();
    let more = format!("and {} more", models.len().saturating_sub(NAMES_SHOWN));
    if models.len() > NAMES_SHOWN {
        available.push(&more);
    }
    HubError::NoSuchFile {
        repo: repo(reference),
        wanted: wanted.to_owned(),
        nearest: nearest.map(|(_, path)| format!(", did you mean {path}?")).unwrap_or_default(),
        available: available.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(paths: &[&str]) -> Vec<RemoteFile> {
        paths.iter().map(|path| RemoteFile { path: (*path).to_owned(), bytes: None, sha256: None }).collect()
    }

    fn chosen(choice: &str, paths: &[&str]) -> Result<Vec<String>, String> {
        let text = if choice.is_empty() { "hf:o/r".to_owned() } else { format!("hf:o/r:{choice}") };
        let reference = HubReference::parse(&text).unwrap();
        let model = choose(&reference, &files(paths)).map_err(|error| error.to_string())?;
        Ok(model.into_iter().map(|file| file.path).collect())
    }

    const REPO: &[&str] = &[
        "README.md",
        "M-BF16.gguf",
        "M-IQ4_XS.gguf",
        "M-Q4_K_M.gguf",
        "M-Q4_K_S.gguf",
        "M-Q8_0.gguf",
        "M-UD-Q4_K_M.gguf",
        "big/M-Q6_K-00001-of-00002.gguf",
        "big/M-Q6_K-00002-of-00002.gguf",
        "broken-00001-of-00002.gguf",
        "mmproj-f16.gguf",
    ];

    #[test]
    fn files_then_labels_then_the_preference() {
        let split = ["big/M-Q6_K-00001-of-00002.gguf", "big/M-Q6_K-00002-of-00002.gguf"];
        let cases: &[(&str, &[&str])] = &[
            ("", &["M-Q4_K_M.gguf"]),
            ("M-Q8_0.gguf", &["M-Q8_0.gguf"]),
            ("m-q8_0", &["M-Q8_0.gguf"]),
            ("q4_k_m", &["M-Q4_K_M.gguf"]),
            ("Q4_K_M", &["M-Q4_K_M.gguf"]),
            ("ud-q4_k_m", &["M-UD-Q4_K_M.gguf"]),
            ("iq4_xs", &["M-IQ4_XS.gguf"]),
            ("q6_k", &split),
            ("M-Q6_K-00002-of-00002.gguf", &split),
            ("big/M-Q6_K-00001-of-00002.gguf", &split),
            ("mmproj-f16.gguf", &["mmproj-f16.gguf"]),
        ];
        for (choice, expected) in cases {
            assert_eq!(chosen(choice, REPO).unwrap(), *expected, "{choice}");
        }
        assert_eq!(chosen("", &["z.gguf", "M-f16.gguf", "M-bf16.gguf"]).unwrap(), ["M-bf16.gguf"]);
        assert_eq!(chosen("", &["mmproj-x.gguf", "z-q3_k.gguf", "y-q2_k.gguf"]).unwrap(), ["y-q2_k.gguf"]);
    }

    #[test]
    fn what_is_not_there_is_answered_with_what_is() {
        let error = chosen("q4_k", REPO).unwrap_err();
        assert!(
            error.contains("hf:o/r has no model file \"q4_k\"") && error.contains("M-Q8_0.gguf"),
            "{error}"
        );
        assert!(chosen("q8_1", REPO).unwrap_err().contains("did you mean M-Q8_0.gguf?"));
        assert!(
            chosen("f16", REPO).unwrap_err().contains("no model file"),
            "a projector is no model of that label"
        );
        assert!(!chosen("broken-00001-of-00002.gguf", REPO).unwrap_err().is_empty(), "a part is missing");
        assert!(chosen("", &["README.md"]).unwrap_err().contains("no .gguf file"));
        let many: Vec<String> = (0..50).map(|number| format!("m{number:02}.gguf")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(chosen("xyz", &many).unwrap_err().contains("and 30 more"));
    }
}
