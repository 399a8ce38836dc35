//! The Python interpreter: which one, and which files it needs.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde::Deserialize;

use crate::Unavailable;
use crate::child::{self, Bounds, Stop};
use crate::environment;
use crate::order::FileRules;

/// Says what this module wants to know.
const QUESTION: &str = include_str!("python/interpreter.py");
/// An interpreter behind a version manager on a loaded machine may take seconds.
const PATIENCE: Bounds = Bounds { time: Duration::from_secs(60), output_bytes: 1 << 20 };
/// Files beside the library without which the loader or a module of the library cannot work.
const ALWAYS_READABLE: [&str; 3] = ["/etc/ld.so.cache", "/usr/share/zoneinfo", "/dev/urandom"];

/// An interpreter that answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interpreter {
    /// The executable itself, behind links and version managers.
    pub executable: PathBuf,
    /// Major, minor and patch version.
    pub version: [u32; 3],
    readable: Vec<PathBuf>,
    executables: Vec<PathBuf>,
}

#[derive(Deserialize)]
struct Answer {
    executable: PathBuf,
    version: [u32; 3],
    library: Vec<PathBuf>,
    mapped: Vec<PathBuf>,
}

impl Interpreter {
    /// Asks the interpreter about itself, unless `stopped` says that nobody wants to know any more. Of this process's environment it
    /// sees what version managers need.
    pub(crate) fn find(program: &Path, stopped: &dyn Fn() -> bool) -> Result<Self, Unavailable> {
        let no = |reason: String| Unavailable::NoInterpreter { program: program.to_owned(), reason };
        let mut command = Command::new(program);
        command.args(["-I", "-S", "-B", "-c", QUESTION]).stdin(Stdio::null());
        command.env_clear().envs(environment::of_version_managers(std::env::vars_os()));
        let watch = || stopped().then_some(Stop::Asked);
        let ended = child::run(&mut command, None, PATIENCE, watch).map_err(|error| no(error.to_string()))?;
        let answer: Answer = serde_json::from_str(&ended.stdout.tail()).map_err(|_| {
            let said = ended.stderr.tail();
            let last = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it gave no answer");
            no(last.trim().chars().take(200).collect())
        })?;
        Self::from_answer(answer)
    }

    fn from_answer(answer: Answer) -> Result<Self, Unavailable> {
        if answer.version < [3, 8, 0] {
            let [major, minor, patch] = answer.version;
            let version = format!("{major}.{minor}.{patch}");
            return Err(Unavailable::TooOld { program: answer.executable, version });
        }
        let is_library = |path: &&PathBuf| path.to_string_lossy().contains(".so");
        let mut readable: Vec<PathBuf> = answer.library;
        readable.extend(
            answer.mapped.iter().filter(is_library).filter_map(|path| path.parent()).map(Path::to_owned),
        );
        readable.extend(ALWAYS_READABLE.map(PathBuf::from));
        // A library that lies in a root of everything would open everything.
        readable.retain(|path| path.components().count() > 2 && path.exists());
        readable.sort();
        readable.dedup();
        let mut executables = vec![answer.executable.clone()];
        executables.extend(answer.mapped.into_iter().filter(|path| is_loader(path)));
        Ok(Self { executable: answer.executable, version: answer.version, readable, executables })
    }

    pub(crate) fn file_rules(&self, scratch: &Path) -> FileRules {
        FileRules {
            readable: self.readable.clone(),
            executable: self.executables.clone(),
            scratch: scratch.to_owned(),
        }
    }

    /// `3.11.7`, for records.
    #[must_use]
    pub fn version_text(&self) -> String {
        let [major, minor, patch] = self.version;
        format!("{major}.{minor}.{patch}")
    }
}

/// The dynamic loader, which the kernel executes before the interpreter: `ld-linux-x86-64.so.2`, `ld-2.31.so`, `ld-musl-x86_64.so.1`.
fn is_loader(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("ld-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(version: [u32; 3], mapped: &[&str]) -> Answer {
        Answer {
            executable: "/opt/python/bin/python3".into(),
            version,
            library: vec!["/usr/lib".into(), "/".into(), "/nowhere/lib/python.zip".into()],
            mapped: mapped.iter().map(PathBuf::from).collect(),
        }
    }

    #[test]
    fn what_it_needs_is_readable_and_a_root_is_not() {
        let mapped =
            ["/usr/lib/ld-linux-x86-64.so.2", "/usr/lib/libm.so.6", "/lib-of-mine.so", "/etc/passwd"];
        let found = Interpreter::from_answer(answer([3, 11, 7], &mapped)).unwrap();
        assert!(found.readable.contains(&PathBuf::from("/usr/lib")));
        assert!(found.readable.iter().all(|path| path.components().count() > 2), "{:?}", found.readable);
        assert!(!found.readable.contains(&PathBuf::from("/etc")));
        let executables = ["/opt/python/bin/python3", "/usr/lib/ld-linux-x86-64.so.2"].map(PathBuf::from);
        assert_eq!(found.executables, executables);
        assert_eq!(found.version_text(), "3.11.7");
    }

    #[test]
    fn a_question_that_nobody_wants_answered_is_given_up_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (slow, id) = (folder.path().join("python3"), folder.path().join("id"));
        std::fs::write(&slow, format!("#!/bin/sh\necho $$ > {}\nexec sleep 1000\n", id.display())).unwrap();
        std::fs::set_permissions(&slow, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        Interpreter::find(&slow, &|| id.exists()).unwrap_err();
        let id = std::fs::read_to_string(&id).unwrap();
        assert!(!Path::new("/proc").join(id.trim()).exists(), "it still runs");
    }

    #[test]
    fn what_is_too_old_or_no_interpreter_is_refused() {
        let error = Interpreter::from_answer(answer([3, 7, 16], &[])).unwrap_err().to_string();
        assert!(error.contains("is Python 3.7.16; 3.8 or later"), "{error}");
        for (program, reason) in [("/nowhere/python3", "No such file"), ("false", "it gave no answer")] {
            let error = Interpreter::find(Path::new(program), &|| false).unwrap_err().to_string();
            assert!(error.contains(reason) && error.contains(program), "{error}");
        }
    }
}
