//! Which crate may use which, and which external dependencies belong to whom.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::Finding;
use super::crates::{Dependency, Package};

/// The content of `layers.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Layers {
    crates: BTreeMap<String, Layer>,
    owners: BTreeMap<String, Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Layer {
    layer: u32,
    uses: Vec<String>,
    #[serde(default)]
    tests_use: Vec<String>,
}

impl Layers {
    /// Reads `layers.toml`.
    pub(super) fn parse(text: &str) -> Result<Self> {
        toml::from_str(text).context("layers.toml cannot be read")
    }

    /// Who may name this external dependency; nobody in particular when there is no rule.
    fn owners_of(&self, dependency: &str) -> Option<&[String]> {
        let owned = self.owners.iter().find(|(pattern, _)| match pattern.strip_suffix('*') {
            Some(start) => dependency.starts_with(start),
            None => dependency == pattern.as_str(),
        });
        owned.map(|(_, owners)| owners.as_slice())
    }
}

/// Edges that are not listed, edges that do not go downward, dependencies named by others than their owners, and crates
/// that do not lie where their name says.
pub(super) fn check(packages: &[Package], layers: &Layers) -> Vec<Finding> {
    let mut found = Vec::new();
    for package in packages {
        let path = format!("{}/Cargo.toml", package.folder);
        let mut report = |rule, message| found.push(Finding { rule, path: path.clone(), line: 0, message });
        if package.folder != folder_of(&package.name) {
            report("crate-folder", format!("{} belongs into {}", package.name, folder_of(&package.name)));
        }
        let Some(layer) = layers.crates.get(&package.name) else {
            report("layer", format!("{} has no layer: add it to layers.toml", package.name));
            continue;
        };
        for dependency in &package.dependencies {
            if let Some(message) = refusal(package, layer, dependency, layers) {
                report("edge", message);
            }
        }
    }
    for name in layers.crates.keys().filter(|name| !packages.iter().any(|package| package.name == **name)) {
        let message = format!("{name} does not exist: remove it");
        found.push(Finding { rule: "layer", path: "layers.toml".to_owned(), line: 0, message });
    }
    found
}

/// Why the package may not name this dependency, or nothing.
fn refusal(package: &Package, layer: &Layer, dependency: &Dependency, layers: &Layers) -> Option<String> {
    let (from, to) = (&package.name, &dependency.name);
    // A crate names itself among its dev-dependencies to turn on one of its features for its own tests.
    if from == to && dependency.tests_only {
        return None;
    }
    let Some(target) = layers.crates.get(to) else {
        let owners = layers.owners_of(to)?;
        let refused = !owners.contains(from);
        return refused.then(|| format!("{to} may be named only by {}, not by {from}", owners.join(" and ")));
    };
    if target.layer >= layer.layer {
        return Some(format!(
            "{from} (layer {}) must not use {to} (layer {}): edges go only downward",
            layer.layer, target.layer
        ));
    }
    let listed = layer.uses.contains(to) || dependency.tests_only && layer.tests_use.contains(to);
    (!listed).then(|| format!("{from} -> {to} is not an edge of layers.toml"))
}

/// Where a crate of this name lies.
fn folder_of(name: &str) -> String {
    match name.strip_prefix("dyno-engine-") {
        Some(engine) => format!("engines/{engine}"),
        None if name == "xtask" => name.to_owned(),
        // Where cargo-fuzz looks: beside the crate whose readers it tries.
        None if name == "fuzz" => "crates/dyno-models/fuzz".to_owned(),
        None => format!("crates/{name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::crates::parse;

    const LAYERS: &str = "[crates]\nlow = { layer = 0, uses = [] }\nmid = { layer = 1, uses = ['low'], tests_use = ['base'] }\n\
        base = { layer = 0, uses = ['mid'] }\n[owners]\nsql = ['low']\n'grpc*' = ['mid']\n";

    /// Findings of a repository in which `mid` has these dependency sections and the others have none.
    fn mid_with(sections: &str) -> Vec<String> {
        let mut packages =
            vec![parse("crates/mid", &format!("[package]\nname = 'mid'\n{sections}")).unwrap()];
        for name in ["low", "base"] {
            packages.push(parse(&format!("crates/{name}"), &format!("[package]\nname = '{name}'")).unwrap());
        }
        check(&packages, &Layers::parse(LAYERS).unwrap()).into_iter().map(|finding| finding.message).collect()
    }

    #[test]
    fn listed_edges_pass_and_others_fail() {
        assert_eq!(mid_with("[dependencies]\nlow = '1'\n[dev-dependencies]\nbase = '1'"), [""; 0]);
        assert_eq!(mid_with("[dependencies]\nbase = '1'"), ["mid -> base is not an edge of layers.toml"]);
        assert_eq!(mid_with("[build-dependencies]\nbase = '1'").len(), 1);
        assert_eq!(mid_with("[dev-dependencies]\nmid = '1'"), [""; 0]);
    }

    #[test]
    fn an_edge_upward_fails_even_when_listed() {
        let packages = [
            parse("crates/base", "[package]\nname = 'base'\n[dependencies]\nmid = '1'").unwrap(),
            parse("crates/mid", "[package]\nname = 'mid'").unwrap(),
            parse("crates/low", "[package]\nname = 'low'").unwrap(),
        ];
        let found = check(&packages, &Layers::parse(LAYERS).unwrap());
        assert_eq!(found.len(), 1);
        assert!(found[0].message.contains("edges go only downward"), "{}", found[0]);
    }

    #[test]
    fn owned_dependencies_are_refused_to_others() {
        assert_eq!(mid_with("[dependencies]\nsql = '1'"), ["sql may be named only by low, not by mid"]);
        assert_eq!(mid_with("[dev-dependencies]\nsql = '1'").len(), 1, "in tests too");
        assert_eq!(mid_with("[dependencies]\ngrpc-codegen = '1'\nanything = '1'"), [""; 0]);
    }

    #[test]
    fn crates_and_layers_must_match_and_lie_where_their_name_says() {
        let packages = [
            parse("crates/low", "[package]\nname = 'low'").unwrap(),
            parse("crates/mid", "[package]\nname = 'mid'").unwrap(),
            parse("crates/elsewhere", "[package]\nname = 'newcomer'").unwrap(),
        ];
        let found = check(&packages, &Layers::parse(LAYERS).unwrap());
        let rules: Vec<&str> = found.iter().map(|finding| finding.rule).collect();
        assert_eq!(rules, ["crate-folder", "layer", "layer"], "{found:?}");
        assert_eq!(
            (folder_of("dyno-engine-llama"), folder_of("xtask")),
            ("engines/llama".to_owned(), "xtask".to_owned())
        );
        assert_eq!(folder_of("dyno-engine"), "crates/dyno-engine");
        assert_eq!(folder_of("fuzz"), "crates/dyno-models/fuzz");
    }
}
