//! Where facts are read from: a root folder that holds `proc` and `sys`, so that recorded trees can stand in for a machine.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

/// Longest file read, bytes; `/proc/cpuinfo` of a thousand processors has about two million.
const FILE_BYTES_MAX: u64 = 8 << 20;
/// Longest name of a device; the longest real ones have about eighty characters.
const NAME_CHARACTERS_MAX: usize = 160;

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

    /// The first line as a name fit for showing: without control characters, and of bounded length.
    pub(crate) fn name(&self, path: impl AsRef<Path>) -> Option<String> {
        presentable(&self.line(path)?)
    }

    /// Name of what a symbolic link leads to, without its folders.
    pub(crate) fn link_name(&self, path: impl AsRef<Path>) -> Option<String> {
        let target = fs::read_link(self.root.join(path)).ok()?;
        target.file_name()?.to_str().map(ToOwned::to_owned)
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

    /// Entries of a folder whose names are `prefix` and then digits alone; relative to the root.
    pub(crate) fn numbered(&self, folder: &str, prefix: &str) -> Vec<PathBuf> {
        let mut paths = self.entries(folder, prefix);
        paths.retain(|path| {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            name.len() > prefix.len() && name[prefix.len()..].bytes().all(|byte| byte.is_ascii_digit())
        });
        paths
    }

    /// Folders of the processors, `sys/devices/system/cpu/cpu0` and so on.
    pub(crate) fn processor_folders(&self) -> Vec<PathBuf> {
        self.numbered("sys/devices/system/cpu", "cpu")
    }
}

/// Text of devices and drivers as a name: control characters become blanks, at most [`NAME_CHARACTERS_MAX`]; `None` when
/// nothing is left.
pub(crate) fn presentable(text: &str) -> Option<String> {
    let plain: String = text
        .chars()
        .map(|character| if character.is_control() { ' ' } else { character })
        .take(NAME_CHARACTERS_MAX)
        .collect();
    let name = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_can_be_shown_whatever_they_hold() {
        assert_eq!(presentable("Radeon\u{1b}[31m  RX\u{7}\n"), Some("Radeon [31m RX".to_owned()));
        assert_eq!(presentable("\0 \t"), None);
        assert_eq!(presentable(&"x".repeat(1 << 20)).map(|name| name.len()), Some(NAME_CHARACTERS_MAX));
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("name"), b"\xff\xfe card\nsecond").unwrap();
        assert_eq!(Sources::at(folder.path()).name("name"), Some("\u{fffd}\u{fffd} card".to_owned()));
        assert_eq!(Sources::at(folder.path()).name("missing"), None);
    }

    #[test]
    fn numbered_entries_are_told_from_their_neighbours() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["card0", "card1", "card0-HDMI-A-1", "card", "cardx", "renderD128"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        assert_eq!(
            Sources::at(folder.path()).numbered(".", "card"),
            [Path::new("./card0"), Path::new("./card1")]
        );
    }
}
