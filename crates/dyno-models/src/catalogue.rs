//! Catalogue of published models: the embedded data, parsed once, and looking a model up by any of its names.

use std::sync::LazyLock;

use dyno_types::{CatalogueModel, Role};
use serde::Deserialize;

use crate::{FILE_TYPES, ModelError, hub_address};

/// The data, as it lies in the source tree.
const EMBEDDED: &str = include_str!("../data/catalogue.toml");

/// Longest name that is compared with the known ones, characters.
const NAME_CHARS_MAX: usize = 200;

/// Names suggested for an unknown one.
const SUGGESTIONS: usize = 3;

/// Words for number formats that are no labels of ours.
const QUANTIZATION_SYNONYMS: [(&str, &str); 3] = [("fp16", "f16"), ("fp32", "f32"), ("q8", "q8_0")];

/// A model found by a name, and the quantization that name stated.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CatalogueHit {
    /// The model.
    pub model: &'static CatalogueModel,
    /// Label of the quantization, e.g. `q4_k_m`.
    pub quantization: Option<&'static str>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    /// Names of models that people ask about most.
    #[serde(default)]
    most_asked: Vec<String>,
    model: Vec<CatalogueModel>,
}

static DOCUMENT: LazyLock<Document> =
    LazyLock::new(|| parse(EMBEDDED).expect("the embedded catalogue is parsed by a test"));

fn parse(text: &str) -> Result<Document, toml::de::Error> {
    toml::from_str::<Document>(text)
}

/// Every model, in the order of the data.
#[must_use]
pub fn catalogue() -> &'static [CatalogueModel] {
    &DOCUMENT.model
}

/// Place of a model among those that people ask about most; those after all of them are alike.
#[must_use]
pub fn asked_rank(name: &str) -> usize {
    DOCUMENT.most_asked.iter().position(|asked| asked == name).unwrap_or(DOCUMENT.most_asked.len())
}

/// Models for a role, in the order of the data.
#[must_use]
pub fn models_for(role: Role) -> Vec<&'static CatalogueModel> {
    catalogue().iter().filter(|model| model.roles.contains(&role)).collect()
}

/// The model with this name or alias, in any case of letters, with or without a quantization at its end
/// (`qwen2.5-coder:7b-instruct-q4_K_M`, `hf:Qwen/Qwen2.5-7B-Instruct-GGUF:q8_0`, `mistral-7b@q6_k`, a file name).
///
/// # Errors
/// [`ModelError::UnknownModel`] with the nearest names.
pub fn find_model(name: &str) -> Result<CatalogueHit, ModelError> {
    recognise(name)
        .ok_or_else(|| ModelError::UnknownModel { name: shortened(name), nearest: nearest_names(name) })
}

/// As [`find_model`], for names that need not be known.
#[must_use]
pub fn recognise(name: &str) -> Option<CatalogueHit> {
    if name.chars().count() > NAME_CHARS_MAX {
        return None;
    }
    if let Ok(Some(hub)) = hub_address::pasted(name) {
        // The file says more than the repository does: its quantization.
        let file = hub.choice.as_ref().and_then(|choice| choice.rsplit('/').next());
        let label = hub.choice.as_ref().map(|choice| format!("{}:{choice}", hub.repo()));
        let names = label.into_iter().chain(file.map(ToOwned::to_owned)).chain([hub.repo()]);
        return names.into_iter().find_map(|name| named(&name));
    }
    named(name)
}

/// The model of a name that is no address.
fn named(name: &str) -> Option<CatalogueHit> {
    let lower = name.trim().to_lowercase();
    let bare = ["hf:", "ollama:"].iter().find_map(|prefix| lower.strip_prefix(prefix)).unwrap_or(&lower);
    let bare = without_part(bare.strip_suffix(".gguf").unwrap_or(bare));
    if let Some(model) = exact(bare) {
        return Some(CatalogueHit { model, quantization: None });
    }
    let (stem, label) = split_quantization(bare)?;
    // `model:q4_0` of Ollama means the default size, which no table here knows; only full names count.
    exact(stem).map(|model| CatalogueHit { model, quantization: Some(label) })
}

fn exact(name: &str) -> Option<&'static CatalogueModel> {
    let known =
        |model: &&CatalogueModel| model.name == name || model.aliases.iter().any(|alias| same(alias, name));
    catalogue().iter().find(known)
}

/// Whether an alias is meant: as it stands, or its part after the owner (`org/Repository` → `repository`), also
/// without `-gguf`, since files are named so.
fn same(alias: &str, name: &str) -> bool {
    let alias = alias.to_lowercase();
    let repository = alias.rsplit_once('/').map_or(alias.as_str(), |(_, repository)| repository);
    let stem = repository.strip_suffix("-gguf").unwrap_or(repository);
    alias == name || repository == name || stem == name
}

/// A file name without the number of its part.
fn without_part(name: &str) -> &str {
    let part = |(stem, count): (&'_ str, &'_ str)| {
        let (stem, number) = stem.rsplit_once('-')?;
        let digits = |text: &str| text.len() == 5 && text.bytes().all(|byte| byte.is_ascii_digit());
        (digits(number) && digits(count)).then_some(stem.len())
    };
    name.rsplit_once("-of-").and_then(part).map_or(name, |end| &name[..end])
}

/// The name before a quantization at its end, and that quantization's label.
fn split_quantization(name: &str) -> Option<(&str, &'static str)> {
    let labels = FILE_TYPES.iter().map(|file_type| (file_type.label, file_type.label));
    let known = labels.chain(QUANTIZATION_SYNONYMS);
    let split = |(word, label): (&str, &'static str)| {
        let stem = name.strip_suffix(word)?;
        stem.strip_suffix(['-', ':', '@', '.', '_']).map(|stem| (stem, label))
    };
    known.filter_map(split).next()
}

/// Names most like this one, the likeliest first.
fn nearest_names(name: &str) -> String {
    let wanted = shortened(name).to_lowercase();
    let likeness = |model: &CatalogueModel| {
        let names = model.aliases.iter().map(String::as_str).chain([model.name.as_str()]);
        names
            .map(|known| strsim::normalized_damerau_levenshtein(&wanted, &known.to_lowercase()))
            .fold(0.0, f64::max)
    };
    let mut ranked: Vec<(f64, &str)> =
        catalogue().iter().map(|model| (likeness(model), model.name.as_str())).collect();
    ranked.sort_by(|one, other| other.0.total_cmp(&one.0).then_with(|| one.1.cmp(other.1)));
    ranked.into_iter().take(SUGGESTIONS).map(|(_, name)| name).collect::<Vec<_>>().join(", ")
}

fn shortened(name: &str) -> String {
    name.chars().take(NAME_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::SynthSpec;

    #[test]
    fn the_embedded_data_is_parsed_with_strict_keys() {
        assert!(parse(EMBEDDED).unwrap().model.len() >= 45);
        let model = "[[model]]\nname = \"a\"\ntitle = \"A\"\nroles = [\"coding\"]\n";
        assert_eq!(parse(model).unwrap().model.len(), 1);
        assert!(parse(&format!("{model}licens = \"mit\"\n")).is_err(), "a misspelt key");
        assert!(parse(&model.replace("coding", "codeing")).is_err(), "an unknown role");
    }

    #[test]
    fn names_are_unique_and_every_row_is_complete() {
        let mut names = HashSet::new();
        for model in catalogue() {
            for name in model.aliases.iter().chain([&model.name]) {
                assert!(names.insert(name.to_lowercase()), "{name} names two models");
            }
            assert!(model.name == model.name.to_lowercase() && !model.roles.is_empty(), "{}", model.name);
            let runnable = model.shape.is_some() && model.runs_with.is_none();
            let stated = model.runs_with.is_some() && (model.memory.is_some() || !model.sizes.is_empty());
            // What is not known has to be said.
            let unknown = model.runs_with.is_some() && model.remark.is_some();
            assert!(runnable || stated || unknown, "{} has neither a shape nor a published size", model.name);
            let publisher = model.memory.as_ref().map_or("", |memory| memory.source.as_str());
            assert!(
                !["RASO", "local-agent", "llama-cpp-api"].iter().any(|seed| publisher.contains(seed)),
                "{}",
                model.name
            );
            for figure in &model.figures {
                assert!(figure.value.is_finite() && figure.value > 0.0, "{} {}", model.name, figure.metric);
                assert!(!figure.source.is_empty(), "{} {}", model.name, figure.metric);
            }
        }
        for asked in &DOCUMENT.most_asked {
            assert!(names.contains(asked), "{asked} is asked about and not there");
        }
        for (_, role) in Role::ALL {
            assert!(!models_for(role).is_empty(), "nothing for {}", role.name());
        }
    }

    #[test]
    fn every_named_shape_exists_and_has_about_the_published_parameters() {
        for model in catalogue() {
            let Some(shape) = &model.shape else { continue };
            let spec = SynthSpec::parse(&format!("{shape}@q8_0"), 0).unwrap();
            let made = spec.outline().parameters as f64;
            let published = model.parameters.unwrap() as f64;
            // The published figure of a vision model counts its image encoder, too.
            let tolerance = if model.roles.contains(&Role::Vision) { 0.10 } else { 0.02 };
            let off = (made / published - 1.0).abs();
            assert!(off < tolerance, "{}: {made} parameters in {shape}, {published} published", model.name);
        }
    }

    #[test]
    fn models_are_found_by_every_way_people_name_them() {
        let cases = [
            ("qwen2.5-coder:7b-instruct-q4_K_M", "qwen2.5-coder-7b", Some("q4_k_m")),
            ("qwen2.5-coder:7b", "qwen2.5-coder-7b", None),
            ("Qwen/Qwen2.5-Coder-7B-Instruct", "qwen2.5-coder-7b", None),
            ("hf:Qwen/Qwen2.5-7B-Instruct-GGUF:q8_0", "qwen2.5-7b", Some("q8_0")),
            ("ollama:llama3.3:70b", "llama-3.3-70b", None),
            ("hf.co/Qwen/Qwen2.5-7B-Instruct-GGUF:Q8_0", "qwen2.5-7b", Some("q8_0")),
            ("https://huggingface.co/Qwen/Qwen2.5-7B-Instruct-GGUF", "qwen2.5-7b", None),
            (
                "https://huggingface.co/Qwen/Qwen2.5-7B-Instruct-GGUF/blob/main/qwen2.5-7b-instruct-q5_k_m.gguf",
                "qwen2.5-7b",
                Some("q5_k_m"),
            ),
            ("Qwen/Qwen2.5-7B-Instruct-GGUF:Q8_0", "qwen2.5-7b", Some("q8_0")),
            ("llama3.2", "llama-3.2-3b", None),
            ("mistral-7b@q6_k", "mistral-7b", Some("q6_k")),
            ("WizardLM-7B-uncensored.Q8_0.gguf", "wizardlm-7b", Some("q8_0")),
            ("qwen2.5-14b-instruct-q4_k_m-00001-of-00003.gguf", "qwen2.5-14b", Some("q4_k_m")),
            ("Ayla-Light-12B-v2.Q4_K_M.gguf", "ayla-light-12b", Some("q4_k_m")),
            ("M-MOE-4X7B-Dark-MultiVerse-UC-E32-24B", "mixtral-4x7b", None),
            (
                "DeepSeek-R1-Distill-Qwen-14B-Uncensored.Q4_K_S.gguf",
                "deepseek-r1-distill-qwen-14b",
                Some("q4_k_s"),
            ),
            ("qwen2.5:14b-instruct-fp16", "qwen2.5-14b", Some("f16")),
            (" WHISPER:tiny ", "whisper-tiny", None),
        ];
        for (name, model, quantization) in cases {
            let hit = find_model(name).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!((hit.model.name.as_str(), hit.quantization), (model, quantization), "{name}");
        }
    }

    #[test]
    fn an_unknown_model_gets_the_nearest_names() {
        let error = find_model("qwen2.5-codr:7b").unwrap_err();
        assert!(error.is_bad_input());
        assert!(error.to_string().contains("qwen2.5-coder-7b"), "{error}");
        assert!(find_model("lama3.3:70b").unwrap_err().to_string().contains("llama-3.3-70b"));
        for hostile in ["", "-q4_k_m", ":", "q4_k_m", "é-of-00001", "-00001-of-00002", &"x".repeat(100_000)]
        {
            let text = find_model(hostile).unwrap_err().to_string();
            assert!(text.len() < 1000, "{text}");
        }
    }
}
