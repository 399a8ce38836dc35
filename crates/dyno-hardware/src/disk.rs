//! The disk a folder lies on: device, file system, kind, free space.

use std::path::{Path, PathBuf};

use dyno_types::{DiskFacts, DiskKind};

use crate::Sources;
use crate::processor;
use crate::sources::presentable;

/// File systems that keep data in main memory.
const IN_MEMORY: [&str; 3] = ["tmpfs", "ramfs", "devtmpfs"];

/// File systems on another machine.
const OVER_NETWORK: [&str; 13] = [
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "smbfs",
    "ceph",
    "afs",
    "glusterfs",
    "fuse.glusterfs",
    "lustre",
    "beegfs",
    "fuse.sshfs",
    "fuse.s3fs",
];

/// Bytes an ordinary user may still write where `path` lies or would lie; `None` when the system does not say.
#[must_use]
pub fn free_disk_bytes(path: &Path) -> Option<u64> {
    let space = rustix::fs::statvfs(&nearest_existing(path)?).ok()?;
    space.f_bavail.checked_mul(space.f_frsize)
}

/// The disk that `path` lies on, or would lie on.
#[must_use]
pub fn disk_facts(path: &Path) -> DiskFacts {
    let real = nearest_existing(path).and_then(|existing| existing.canonicalize().ok());
    let facts = real.map_or_else(DiskFacts::default, |real| disk_facts_from(&Sources::system(), &real));
    DiskFacts { free_bytes: free_disk_bytes(path), ..facts }
}

/// What does not exist yet will lie in its nearest existing parent.
pub(crate) fn nearest_existing(path: &Path) -> Option<PathBuf> {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| PathBuf::from(path));
    absolute.ancestors().find(|ancestor| ancestor.exists()).map(Path::to_owned)
}

/// The disk of an absolute path without symbolic links, on the machine whose `/proc` and `/sys` lie under the root; free
/// space is no text and stays unknown.
fn disk_facts_from(sources: &Sources, path: &Path) -> DiskFacts {
    let mounts = sources.text("proc/self/mountinfo").unwrap_or_default();
    let Some(mount) = mount_of(&mounts, path) else { return DiskFacts::default() };
    DiskFacts {
        kind: kind(sources, &mount),
        device: presentable(&mount.source).filter(|source| source != "none"),
        file_system: presentable(&mount.file_system),
        free_bytes: None,
    }
}

/// One line of `/proc/self/mountinfo`.
#[derive(Debug, PartialEq, Eq)]
struct Mount {
    /// `MAJOR:MINOR`; major 0 for what has no device of its own.
    device: String,
    point: PathBuf,
    file_system: String,
    source: String,
}

/// The mount that holds a path: the longest mount point above it; of several at one place, the last covers the others.
fn mount_of(mountinfo: &str, path: &Path) -> Option<Mount> {
    let mounts = mountinfo.lines().filter_map(parse_mount).filter(|mount| path.starts_with(&mount.point));
    mounts.max_by_key(|mount| mount.point.components().count())
}

/// `ID PARENT MAJOR:MINOR ROOT POINT OPTIONS [TAG…] - TYPE SOURCE SUPER`.
fn parse_mount(line: &str) -> Option<Mount> {
    let (place, what) = line.split_once(" - ")?;
    let mut place = place.split(' ').skip(2);
    let mut what = what.split(' ');
    let (device, point) = (place.next()?, place.nth(1)?);
    Some(Mount {
        device: device.to_owned(),
        point: PathBuf::from(unescaped(point)),
        file_system: what.next()?.to_owned(),
        source: unescaped(what.next()?),
    })
}

/// Blanks and backslashes are written as `\` and three octal digits.
fn unescaped(text: &str) -> String {
    let mut parts = text.split('\\');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.get(..3).and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) if byte.is_ascii() => {
                plain.push(char::from(byte));
                plain.push_str(&part[3..]);
            }
            _ => {
                plain.push('\\');
                plain.push_str(part);
            }
        }
    }
    plain
}

fn kind(sources: &Sources, mount: &Mount) -> Option<DiskKind> {
    let file_system = mount.file_system.as_str();
    if IN_MEMORY.contains(&file_system) {
        return Some(DiskKind::Memory);
    }
    if OVER_NETWORK.contains(&file_system) {
        return Some(DiskKind::Network);
    }
    match rotational(sources, mount)? {
        false => Some(DiskKind::SolidState),
        // Disks of virtual machines call themselves rotational whatever lies beneath.
        true if processor::virtual_machine(sources) == Some(true) => None,
        true => Some(DiskKind::Rotational),
    }
}

/// What the queue of the block device says; a partition has the queue of its disk, the folder above.
fn rotational(sources: &Sources, mount: &Mount) -> Option<bool> {
    let folder = block_folder(sources, mount)?;
    let number = ["queue/rotational", "../queue/rotational"]
        .iter()
        .find_map(|file| sources.number(folder.join(file)))?;
    Some(number != 0)
}

fn block_folder(sources: &Sources, mount: &Mount) -> Option<PathBuf> {
    let numbers = mount.device.bytes().all(|byte| byte.is_ascii_digit() || byte == b':');
    if numbers && !mount.device.starts_with("0:") {
        return Some(Path::new("sys/dev/block").join(&mount.device));
    }
    // File systems over several devices have a number of their own and name one device.
    let name = mount.source.strip_prefix("/dev/")?;
    let linked = || sources.link_name(Path::new("dev").join(name));
    let block = if name.contains('/') { linked()? } else { name.to_owned() };
    let plain = |name: &str| !name.contains('/') && !name.starts_with('.');
    plain(&block).then(|| Path::new("sys/class/block").join(block))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn free_space_is_known_for_what_exists_and_for_what_does_not_yet() {
        let folder = tempfile::tempdir().unwrap();
        assert!(free_disk_bytes(folder.path()).unwrap() > 0);
        assert!(free_disk_bytes(&folder.path().join("not/yet/there")).unwrap() > 0);
        let facts = disk_facts(&folder.path().join("not/yet/there"));
        assert!(facts.free_bytes.is_some());
        #[cfg(target_os = "linux")]
        assert!(facts.file_system.is_some(), "{facts:?}");
    }

    const MOUNTS: &str = "22 1 259:2 / / rw,relatime shared:1 - ext4 /dev/nvme0n1p2 rw\n\
        30 22 8:1 / /big\\040disk rw - xfs /dev/sda1 rw\n\
        31 22 0:40 / /tmp rw - tmpfs none rw\n\
        32 22 0:50 / /models rw - nfs4 server:/models rw,vers=4.2\n\
        33 22 0:60 /@home /home rw - btrfs /dev/sdb3 rw\n\
        34 33 0:61 / /home/a/vault rw - ext4 /dev/mapper/vault rw\n\
        35 22 0:70 / /over rw - overlay overlay rw\n\
        nonsense\n36 - \n37 22 - x\n";

    fn machine(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let file = folder.path().join(path);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        folder
    }

    #[test]
    fn a_path_belongs_to_the_innermost_mount() {
        let point = |path: &str| mount_of(MOUNTS, Path::new(path)).map(|mount| mount.point);
        assert_eq!(point("/srv/x"), Some(PathBuf::from("/")));
        assert_eq!(point("/big disk/x"), Some(PathBuf::from("/big disk")));
        assert_eq!(point("/home/a/vault/x"), Some(PathBuf::from("/home/a/vault")));
        assert_eq!(point("/homely"), Some(PathBuf::from("/")), "names are compared whole");
        assert_eq!(mount_of("", Path::new("/")), None);
        let covered = format!("{MOUNTS}90 22 0:99 / /tmp rw - ramfs none rw\n");
        assert_eq!(
            mount_of(&covered, Path::new("/tmp/x")).map(|mount| mount.file_system),
            Some("ramfs".to_owned())
        );
    }

    #[test]
    fn escapes_are_read_and_broken_ones_kept() {
        assert_eq!(unescaped("a\\040b\\134c"), "a b\\c");
        assert_eq!(unescaped("a\\04"), "a\\04");
        assert_eq!(unescaped("\\999\\377x\\\u{e9}\u{e9}"), "\\999\\377x\\\u{e9}\u{e9}");
    }

    #[test]
    fn kinds_come_from_the_file_system_and_the_queue() {
        let tree = machine(&[
            ("proc/self/mountinfo", MOUNTS),
            ("proc/cpuinfo", "flags : fpu avx2\n"),
            ("sys/dev/block/259:2/size", "1\n"),
            ("sys/dev/block/queue/rotational", "0\n"),
            ("sys/dev/block/8:1/queue/rotational", "1\n"),
            ("sys/class/block/sdb3/queue/rotational", "1\n"),
        ]);
        let sources = Sources::at(tree.path());
        let kind = |path: &str| disk_facts_from(&sources, Path::new(path)).kind;
        assert_eq!(kind("/srv"), Some(DiskKind::SolidState), "a partition asks the folder above");
        assert_eq!(kind("/big disk/m"), Some(DiskKind::Rotational));
        assert_eq!(kind("/tmp"), Some(DiskKind::Memory));
        assert_eq!(kind("/models/x"), Some(DiskKind::Network));
        assert_eq!(kind("/home/a"), Some(DiskKind::Rotational), "named by its source");
        assert_eq!(kind("/home/a/vault"), None, "a link that is not there");
        assert_eq!(kind("/over"), None);
        let facts = disk_facts_from(&sources, Path::new("/models/x"));
        assert_eq!(
            (facts.device.as_deref(), facts.file_system.as_deref()),
            (Some("server:/models"), Some("nfs4"))
        );
    }

    #[test]
    fn a_virtual_disk_is_believed_only_when_it_says_solid() {
        for (rotational, expected) in
            [("1\n", None), ("0\n", Some(DiskKind::SolidState)), ("-1\n", None), ("x\n", None)]
        {
            let tree = machine(&[
                ("proc/self/mountinfo", "1 0 254:0 / / rw - ext4 /dev/vda rw\n"),
                ("proc/cpuinfo", "flags : fpu hypervisor\n"),
                ("sys/dev/block/254:0/queue/rotational", rotational),
            ]);
            let facts = disk_facts_from(&Sources::at(tree.path()), Path::new("/x"));
            assert_eq!(facts.kind, expected, "{rotational:?}");
        }
    }

    #[test]
    fn hostile_mounts_lead_nowhere() {
        for source in ["/dev/../../etc", "/dev/..", "/dev/.", "/dev/", "", "\u{1b}[31m"] {
            let line = format!("1 0 0:5 / / rw - btrfs {source} rw\n");
            let tree = machine(&[("proc/self/mountinfo", line.as_str())]);
            assert_eq!(disk_facts_from(&Sources::at(tree.path()), Path::new("/x")).kind, None, "{source:?}");
        }
    }
}
