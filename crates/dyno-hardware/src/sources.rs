//! Where facts are read from: a root folder that holds `proc` and `sys`, so that recorded trees can stand in for a machine.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

/// Longest file read, bytes; `/proc/cpuinfo` of a thousand processors has about two million.
const FILE_BYTES_MAX: u64 = 8 << 20;

/// A root folder that holds `proc` and `sys`.
#[derive(Debug, Clone)]
pub struct Sources {
    root: PathBuf,
}

impl Sources {
    /// The running system.
    #[must_use]
    pub fn system() -> Self {
        Self::at(Path::new("/"))
    }

    /// A recorded tree.
    #[must_use]
    pub fn at(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// The text of a file under the root; `None` when it cannot be read. Paths are relative, e.g. `proc/meminfo`.
    pub(crate) fn text(&self, path: impl AsRef<Path>) -> Option<String> {
        let mut bytes = Vec::new();
        // The kernel writes names of devices as they come; one odd byte must not hide a whole file.
        File::open(self.root.join(path)).ok()?.take(FILE_BYTES_MAX).read_to_end(&mut bytes).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The first line, without surrounding blanks; `None` when there is none.
    pub(crate) fn line(&self, path: impl AsRef<Path>) -> Option<String> {
        let text = self.text(path)?;
        let line = text.lines().next()?.trim();
        (!line.is_empty()).then(|| line.to_owned())
    }

    /// The first line as a number.
    pub(crate) fn number(&self, path: impl AsRef<Path>) -> Option<u64> {
        self.line(path)?.parse().ok()
    }

    /// Entries of a folder whose names are `prefix` and then something, sorted; relative to the root.
    pub(crate) fn entries(&self, folder: &str, prefix: &str) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(self.root.join(folder)) else { return Vec::new() };
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut paths: Vec<PathBuf> =
            names.filter(|name| name.starts_with(prefix)).map(|name| Path::new(folder).join(name)).collect();
        paths.sort_unstable();
        paths
    }

    /// Folders of the processors, `sys/devices/system/cpu/cpu0` and so on.
    pub(crate) fn processor_folders(&self) -> Vec<PathBuf> {
        let mut folders = self.entries("sys/devices/system/cpu", "cpu");
        folders.retain(|path| {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            name.len() > 3 && name[3..].bytes().all(|byte| byte.is_ascii_digit())
        });
        folders
    }
}
