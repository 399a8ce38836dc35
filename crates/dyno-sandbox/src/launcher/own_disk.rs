//! A disk of the program's own in place of its scratch folder: in memory, of a fixed size, seen by nobody else, and gone with the
//! process. Needs a user namespace, which some systems and containers refuse.

use std::ffi::CString;
use std::path::Path;

use nix::sched::{CloneFlags, unshare};
use rustix::mount::{MountFlags, mount};
use rustix::process::{getgid, getuid};

use crate::order::ResourceLimits;

/// Inside the namespace nobody is root: with another id the kernel takes all powers over the namespace away at the next execution.
const NOBODY: u32 = 65534;

/// Puts the disk in place of the folder and goes there.
pub(super) fn mount_over(scratch: &Path, limits: &ResourceLimits) -> Result<(), String> {
    let (user, group) = (getuid().as_raw(), getgid().as_raw());
    unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNS)
        .map_err(|error| format!("user namespaces are not allowed here: {error}"))?;
    let inside = |id: u32| if id == 0 { NOBODY } else { id };
    write("setgroups", "deny")?;
    write("uid_map", &format!("{} {user} 1", inside(user)))?;
    write("gid_map", &format!("{} {group} 1", inside(group)))?;
    // The folder itself is an inode, too.
    let options = format!("size={},nr_inodes={},mode=700", limits.disk_bytes, limits.files.saturating_add(1));
    let options = CString::new(options).map_err(|error| error.to_string())?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mount("dyno-sandbox", scratch, "tmpfs", flags, options.as_c_str())
        .map_err(|error| format!("no file system can be mounted here: {error}"))?;
    std::env::set_current_dir(scratch).map_err(|error| format!("{}: {error}", scratch.display()))
}

fn write(file: &str, text: &str) -> Result<(), String> {
    std::fs::write(format!("/proc/self/{file}"), text)
        .map_err(|error| format!("/proc/self/{file} cannot be written: {error}"))
}
