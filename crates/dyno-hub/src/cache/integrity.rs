//! Whether a file in the cache is still what was put there: cheaply on every use, in full when asked.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use dyno_models::gguf::GgufHeader;
use dyno_types::Job;

use super::entry::EntryFile;
use super::unix_ns;
use crate::HubError;
use crate::download::digest::{hex, sha256_of};

/// What is seen of a file without reading its weights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Size, bytes.
    pub(crate) bytes: u64,
    /// Time of the last change, nanoseconds since 1970.
    pub(crate) modified_unix_ns: u64,
    /// Its number in the file system.
    pub(crate) inode: u64,
    /// Fingerprint of the header, or why there is none.
    pub(crate) fingerprint: Result<String, String>,
}

/// What comparing with the record says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Health {
    /// As recorded.
    Sound,
    /// Written to since, but size and header are as recorded: only the whole digest can tell.
    Touched,
    /// Not what was put there: why.
    Damaged(String),
}

/// Looks at a file: its size, time and header.
///
/// # Errors
/// It cannot be opened: that says nothing of what it holds.
pub(crate) fn look(path: &Path) -> std::io::Result<Seen> {
    let about = path.metadata()?;
    std::fs::File::open(path)?;
    let fingerprint = GgufHeader::read(path).map(|header| hex(&header.fingerprint));
    Ok(Seen {
        bytes: about.len(),
        modified_unix_ns: about.modified().map_or(0, unix_ns),
        inode: about.ino(),
        fingerprint: fingerprint.map_err(|error| error.to_string()),
    })
}

/// Compares what is seen with what is recorded.
pub(crate) fn judge(recorded: &EntryFile, seen: &Seen) -> Health {
    if seen.bytes != recorded.bytes {
        return Health::Damaged(format!("it has {} bytes instead of {}", seen.bytes, recorded.bytes));
    }
    match (&recorded.fingerprint, &seen.fingerprint) {
        (Some(_), Err(reason)) => return Health::Damaged(reason.clone()),
        (Some(known), Ok(found)) if known != found => {
            return Health::Damaged("its header is not the recorded one".to_owned());
        }
        _ => {}
    }
    // A copy may keep the time of what it is a copy of.
    let same_file = recorded.inode.is_none_or(|inode| inode == seen.inode);
    if same_file && seen.modified_unix_ns == recorded.modified_unix_ns {
        Health::Sound
    } else {
        Health::Touched
    }
}

/// The cheap check; where it cannot tell, the full one, after which the record is brought up to date (`true`).
pub(crate) fn check(
    recorded: &mut EntryFile,
    path: &Path,
    job: &Job,
) -> Result<Result<bool, String>, HubError> {
    let seen = match look(path) {
        Ok(seen) => seen,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Err(error.to_string())),
        Err(error) => return Err(HubError::io(path)(error)),
    };
    match judge(recorded, &seen) {
        Health::Sound => Ok(Ok(false)),
        Health::Damaged(reason) => Ok(Err(reason)),
        Health::Touched => {
            let whole = check_whole(recorded, path, job)?;
            Ok(whole.map(|()| {
                (recorded.modified_unix_ns, recorded.inode) = (seen.modified_unix_ns, Some(seen.inode));
                true
            }))
        }
    }
}

/// The full check: SHA-256 of the whole. A file without a known digest gets the found one as its own.
pub(crate) fn check_whole(
    recorded: &mut EntryFile,
    path: &Path,
    job: &Job,
) -> Result<Result<(), String>, HubError> {
    let found = sha256_of(path, &recorded.name, job)?;
    match &recorded.sha256 {
        Some(known) if *known != found => Ok(Err(format!("its SHA-256 is {found} instead of {known}"))),
        Some(_) => Ok(Ok(())),
        None => {
            recorded.sha256 = Some(found);
            Ok(Ok(()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn size_header_and_time_are_compared() {
        let recorded = EntryFile {
            name: "m.gguf".to_owned(),
            path: None,
            bytes: 10,
            modified_unix_ns: 7,
            inode: Some(3),
            fingerprint: Some("f".to_owned()),
            sha256: None,
        };
        let seen = |bytes, modified_unix_ns, fingerprint: Result<&str, &str>| Seen {
            bytes,
            modified_unix_ns,
            inode: 3,
            fingerprint: fingerprint.map(ToOwned::to_owned).map_err(ToOwned::to_owned),
        };
        assert_eq!(judge(&recorded, &seen(10, 7, Ok("f"))), Health::Sound);
        assert_eq!(judge(&recorded, &seen(10, 8, Ok("f"))), Health::Touched);
        let copy = Seen { inode: 4, ..seen(10, 7, Ok("f")) };
        assert_eq!(judge(&recorded, &copy), Health::Touched, "a copy that kept the time");
        let earlier = EntryFile { inode: None, ..recorded.clone() };
        assert_eq!(judge(&earlier, &copy), Health::Sound, "recorded by an earlier version");
        for seen in
            [seen(9, 7, Ok("f")), seen(10, 7, Ok("g")), seen(10, 7, Err("torn")), seen(10, 8, Ok("g"))]
        {
            assert!(matches!(judge(&recorded, &seen), Health::Damaged(_)), "{seen:?}");
        }
        let strange = EntryFile { fingerprint: None, ..recorded };
        assert_eq!(
            judge(&strange, &seen(10, 7, Err("newer"))),
            Health::Sound,
            "its header was refused before, too"
        );
    }
}
