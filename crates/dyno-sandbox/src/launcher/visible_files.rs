//! What of the file system stays reachable, by Landlock's rules.

use std::path::Path;

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, PathBeneath, PathFd, Ruleset, RulesetAttr as _,
    RulesetCreated, RulesetCreatedAttr as _, RulesetError, RulesetStatus, Scope, make_bitflags,
};

use crate::order::FileRules;

/// The newest rights that are asked for; an older kernel gives those that it knows.
const NEWEST: ABI = ABI::V6;

/// Gives up every file that the rules do not name, and on newer kernels TCP, signals and abstract sockets as well.
/// Files can be removed on a disk of the program's own alone: elsewhere a removed file that is mapped still would
/// take room, and nobody would see it.
pub(super) fn restrict(rules: &FileRules, own_disk: bool) -> Result<(), String> {
    let status = ruleset(rules, own_disk)
        .map_err(|error| error.to_string())?
        .restrict_self()
        .map_err(|error| error.to_string())?;
    match status.ruleset {
        RulesetStatus::NotEnforced => Err("the kernel does not have it, or it is switched off".to_owned()),
        _ => Ok(()),
    }
}

fn ruleset(rules: &FileRules, own_disk: bool) -> Result<RulesetCreated, RulesetError> {
    let read = make_bitflags!(AccessFs::{ReadFile | ReadDir});
    let execute = make_bitflags!(AccessFs::{ReadFile | Execute});
    // Plain files alone: a flat folder is counted and removed without surprises.
    let mut scratch = make_bitflags!(AccessFs::{ReadFile | ReadDir | WriteFile | Truncate | MakeReg});
    if own_disk {
        scratch |= AccessFs::RemoveFile;
    }
    let mut ruleset = Ruleset::default()
        .handle_access(AccessFs::from_all(NEWEST))?
        .handle_access(AccessNet::from_all(NEWEST))?
        .scope(Scope::from_all(NEWEST))?
        .create()?;
    for path in &rules.readable {
        ruleset = allow(ruleset, path, read)?;
    }
    for path in &rules.executable {
        ruleset = allow(ruleset, path, execute)?;
    }
    ruleset = allow(ruleset, Path::new("/dev/null"), make_bitflags!(AccessFs::{ReadFile | WriteFile}))?;
    allow(ruleset, &rules.scratch, scratch)
}

/// A path that cannot be opened stays forbidden.
fn allow(
    ruleset: RulesetCreated,
    path: &Path,
    access: BitFlags<AccessFs>,
) -> Result<RulesetCreated, RulesetError> {
    let Ok(opened) = PathFd::new(path) else { return Ok(ruleset) };
    // Rights of folders mean nothing for a file.
    let access = if path.is_dir() { access } else { access & AccessFs::from_file(NEWEST) };
    ruleset.add_rule(PathBeneath::new(opened, access))
}
