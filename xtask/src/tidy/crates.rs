//! The crates of the workspace and what their manifests depend on.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use toml::{Table, Value};

use super::Finding;

/// One crate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Package {
    /// Name in the manifest.
    pub(crate) name: String,
    /// Folder relative to the root, e.g. `crates/dyno-types`.
    pub(crate) folder: String,
    /// Everything its manifest names.
    pub(super) dependencies: Vec<Dependency>,
}

/// One named dependency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Dependency {
    /// Package name.
    pub(super) name: String,
    /// Whether only tests and benchmarks see it.
    pub(super) tests_only: bool,
}

/// Every crate among the files.
pub(crate) fn packages(root: &Path, files: &BTreeSet<String>) -> Result<Vec<Package>> {
    let manifests = files.iter().filter_map(|path| path.strip_suffix("/Cargo.toml"));
    manifests
        .map(|folder| {
            let text = fs::read_to_string(root.join(folder).join("Cargo.toml"))
                .with_context(|| format!("{folder}/Cargo.toml cannot be read"))?;
            parse(folder, &text)
        })
        .collect()
}

/// The crate whose manifest lies in `folder`.
pub(super) fn parse(folder: &str, manifest: &str) -> Result<Package> {
    let manifest: Table =
        toml::from_str(manifest).with_context(|| format!("{folder}/Cargo.toml is not TOML"))?;
    let name = manifest.get("package").and_then(|package| package.get("name")?.as_str());
    let name = name.ok_or_else(|| anyhow!("{folder}/Cargo.toml names no package"))?.to_owned();
    let mut dependencies = sections(&manifest);
    let targets = manifest.get("target").and_then(Value::as_table);
    for target in targets.iter().flat_map(|targets| targets.values()).filter_map(Value::as_table) {
        dependencies.extend(sections(target));
    }
    Ok(Package { name, folder: folder.to_owned(), dependencies })
}

fn sections(table: &Table) -> Vec<Dependency> {
    let mut dependencies = Vec::new();
    for (section, tests_only) in
        [("dependencies", false), ("build-dependencies", false), ("dev-dependencies", true)]
    {
        let entries = table.get(section).and_then(Value::as_table);
        for (key, value) in entries.into_iter().flatten() {
            // A renamed dependency is still what it is.
            let name = value.get("package").and_then(Value::as_str).unwrap_or(key).to_owned();
            dependencies.push(Dependency { name, tests_only });
        }
    }
    dependencies
}

/// Crates that the map of the code does not name.
pub(super) fn check_named(packages: &[Package], map_file: &str, map: &str) -> Vec<Finding> {
    let missing = packages.iter().filter(|package| !map.contains(&format!("`{}`", package.name)));
    missing
        .map(|package| Finding {
            rule: "unnamed-crate",
            path: map_file.to_owned(),
            line: 0,
            message: format!("`{}` is not named: say in one line what it is responsible for", package.name),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_come_from_every_section() {
        let manifest = "[package]\nname = 'a'\n[dependencies]\nb.workspace = true\nc = { package = 'd', version = '1' }\n\
            [build-dependencies]\ne = '1'\n[dev-dependencies]\nf = '1'\n[target.'cfg(unix)'.dependencies]\ng = '1'\n";
        let package = parse("crates/a", manifest).unwrap();
        let names: Vec<(&str, bool)> =
            package.dependencies.iter().map(|one| (one.name.as_str(), one.tests_only)).collect();
        assert_eq!(names, [("b", false), ("d", false), ("e", false), ("f", true), ("g", false)]);
        assert!(parse("crates/a", "[dependencies]").is_err());
    }

    #[test]
    fn a_crate_missing_from_the_map_is_found() {
        let packages = [
            parse("crates/a", "[package]\nname = 'a'").unwrap(),
            parse("crates/ab", "[package]\nname = 'ab'").unwrap(),
        ];
        let found = check_named(&packages, "MAP.md", "| `ab` | does things |");
        assert_eq!(found.len(), 1);
        assert!(found[0].message.starts_with("`a`"), "{}", found[0]);
    }
}
