//! Models of a hub as people paste them: `hf.co/ORG/REPO:Q8_0`, `ORG/REPO:Q8_0`, and the addresses a browser shows.

use percent_encoding::percent_decode_str;

use crate::hub_reference::HubReference;
use crate::{FILE_TYPES, ModelError};

/// Hosts of the public hub, as addresses name them.
const HOSTS: [&str; 3] = ["huggingface.co", "www.huggingface.co", "hf.co"];

/// What stands behind the repository in addresses of files and folders.
const VIEWS: [&str; 4] = ["blob", "resolve", "raw", "tree"];

/// First parts of a path on the hub that are no organisations.
const SECTIONS: [&str; 9] =
    ["datasets", "spaces", "collections", "papers", "docs", "blog", "models", "api", "settings"];

/// The model that a pasted name means; `None` when it is none of these forms. Touches no file and no network.
///
/// # Errors
/// [`ModelError::BadHubReference`] for an address of the hub that names no model.
pub(crate) fn pasted(text: &str) -> Result<Option<HubReference>, ModelError> {
    let bare = ["https://", "http://"].iter().find_map(|scheme| text.strip_prefix(scheme));
    let address = bare.unwrap_or(text);
    let (host, path) = address.split_once('/').unwrap_or((address, ""));
    if HOSTS.iter().any(|known| host.eq_ignore_ascii_case(known)) {
        return on_the_hub(text, path).map(Some);
    }
    if bare.is_none() && is_short_form(text) {
        return HubReference::parse(text).map(Some);
    }
    Ok(None)
}

/// `ORG/REPO:FILE-OR-QUANT`: what stands behind the colon tells it from a path.
fn is_short_form(text: &str) -> bool {
    let Some((repo, choice)) = text.split_once(':') else { return false };
    let parts: Vec<&str> = repo.split('@').next().unwrap_or(repo).split('/').collect();
    let lower = choice.to_lowercase();
    let label = lower.strip_prefix("ud-").unwrap_or(&lower);
    let is_label = FILE_TYPES.iter().any(|known| known.label == label) || is_family_label(label);
    matches!(parts.as_slice(), [organisation, repository] if !organisation.is_empty() && !repository.is_empty())
        && !repo.starts_with('.')
        && (is_label || lower.ends_with(".gguf"))
}

/// Labels that hubs give to mixtures of quantizations of their own, e.g. `q4_k_xl`.
fn is_family_label(label: &str) -> bool {
    let rest = label.strip_prefix("iq").or_else(|| label.strip_prefix(['q', 'f']));
    rest.is_some_and(|rest| rest.starts_with(|digit: char| digit.is_ascii_digit()))
}

/// A path on the hub: `ORG/REPO[:CHOICE]`, or `ORG/REPO/blob/REVISION/FILE`.
fn on_the_hub(text: &str, path: &str) -> Result<HubReference, ModelError> {
    let bad =
        |reason: &str| ModelError::BadHubReference { reference: text.to_owned(), reason: reason.to_owned() };
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let (path, query) = (path.split('#').next().unwrap_or(path), query.split('#').next().unwrap_or(query));
    let decoded = |part: &str| {
        let decoded = percent_decode_str(part).decode_utf8().map_err(|_| bad("its address is no text"))?;
        Ok(decoded.into_owned())
    };
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let (organisation, repository, rest) = match parts.as_slice() {
        [section, ..] if SECTIONS.contains(section) => {
            return Err(bad(&format!("{section} of the hub are no models; open the model's page")));
        }
        [_, repository, ..] if repository.contains(':') => return parsed(text, &parts.join("/")),
        [organisation, repository, rest @ ..] => (organisation, repository, rest),
        _ => return Err(bad("its address names no repository")),
    };
    let shown = query.split('&').find_map(|pair| pair.strip_prefix("show_file_info="));
    let named = match rest {
        [] => shown.map_or_else(
            || Ok(format!("{organisation}/{repository}")),
            |file| Ok(format!("{organisation}/{repository}:{}", decoded(file)?)),
        ),
        [view, revision, file @ ..] if VIEWS.contains(view) => {
            let file: Vec<String> = file.iter().map(|part| decoded(part)).collect::<Result<_, _>>()?;
            let file = file.join("/");
            if *view != "tree" && !file.to_lowercase().ends_with(".gguf") {
                return Err(bad("the address is not that of a .gguf file"));
            }
            let choice = if file.is_empty() { String::new() } else { format!(":{file}") };
            Ok(format!("{organisation}/{repository}@{}{choice}", decoded(revision)?))
        }
        _ => Err(bad("its address names neither a repository nor a file of one")),
    }?;
    parsed(text, &named)
}

/// The reference that an address comes down to; an error shows the address.
fn parsed(text: &str, named: &str) -> Result<HubReference, ModelError> {
    HubReference::parse(named).map_err(|error| match error {
        ModelError::BadHubReference { reason, .. } => {
            ModelError::BadHubReference { reference: text.to_owned(), reason }
        }
        other => other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_as_people_paste_them() {
        let cases = [
            ("hf.co/o/r:Q8_0", "hf:o/r:Q8_0"),
            ("hf.co/o/r", "hf:o/r"),
            ("hf.co/o/r:sub/x.gguf", "hf:o/r:sub/x.gguf"),
            ("HF.co/o/r", "hf:o/r"),
            ("huggingface.co/o/r:q4_k_m", "hf:o/r:q4_k_m"),
            ("https://hf.co/o/r:Q8_0", "hf:o/r:Q8_0"),
            ("https://huggingface.co/o/r", "hf:o/r"),
            ("https://huggingface.co/o/r/", "hf:o/r"),
            ("https://huggingface.co/o/r/tree/main", "hf:o/r"),
            ("https://huggingface.co/o/r/tree/v2/Q6_K", "hf:o/r@v2:Q6_K"),
            ("https://huggingface.co/o/r/blob/main/x.gguf", "hf:o/r:x.gguf"),
            ("https://huggingface.co/o/r/blob/main/sub/x.GGUF", "hf:o/r:sub/x.GGUF"),
            ("http://www.huggingface.co/o/r/resolve/main/x.gguf?download=true", "hf:o/r:x.gguf"),
            ("huggingface.co/o/r/raw/refs%2Fpr%2F1/a%20b.gguf#top", "hf:o/r@refs/pr/1:a b.gguf"),
            ("https://huggingface.co/o/r?show_file_info=sub%2Fx.gguf&library=llama-cpp", "hf:o/r:sub/x.gguf"),
            ("o/r:Q8_0", "hf:o/r:Q8_0"),
            ("o/r:q4_k_m", "hf:o/r:q4_k_m"),
            ("o/r:UD-Q4_K_XL", "hf:o/r:UD-Q4_K_XL"),
            ("o/r:IQ2_XXS", "hf:o/r:IQ2_XXS"),
            ("o/r:bf16", "hf:o/r:bf16"),
            ("o/r@v1:x.gguf", "hf:o/r@v1:x.gguf"),
        ];
        for (text, expected) in cases {
            let found = pasted(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(found.map(|found| found.to_string()).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn everything_else_is_left_alone() {
        let others = [
            "models/x.gguf",
            "o/r",
            "./o/r:Q8_0",
            "../r:Q8_0",
            "/o/r:Q8_0",
            "a/b/c:Q8_0",
            "o/r:latest",
            "o/r:8b",
            "C:/x.gguf",
            "https://host/o/r/blob/main/x.gguf",
            "https://huggingface.co.evil.example/o/r/blob/main/x.gguf",
            "nothf.co/o/r",
            "",
            ":Q8_0",
        ];
        for text in others {
            assert_eq!(pasted(text).unwrap(), None, "{text}");
        }
    }

    #[test]
    fn addresses_that_name_no_model_are_refused() {
        let cases = [
            ("https://huggingface.co/datasets/o/r", "datasets of the hub"),
            ("https://huggingface.co/spaces/o/r", "spaces of the hub"),
            ("https://huggingface.co/o", "no repository"),
            ("hf.co", "no repository"),
            ("https://huggingface.co/o/r/blob/main/config.json", "not that of a .gguf file"),
            ("https://huggingface.co/o/r/discussions/1", "neither a repository nor a file"),
            ("https://huggingface.co/o/r/blob/main/..%2F..%2Fx.gguf", "'..'"),
            ("https://huggingface.co/o/r/blob/main/%ff.gguf", "no text"),
            ("hf.co/o/r:../x", "'..'"),
        ];
        for (text, reason) in cases {
            let error = pasted(text).unwrap_err();
            assert!(error.is_bad_input() && error.to_string().contains(reason), "{text}: {error}");
        }
    }
}
