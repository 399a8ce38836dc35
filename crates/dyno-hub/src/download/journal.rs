//! Which bytes of an unfinished file are on the disk: a small text file beside it, appended to and synced.
//!
//! First line: what the file is to become, as JSON. Then one line `BEGIN END` per finished range. A line is written only after
//! its bytes were synced, so that after a kill or a power cut the journal claims nothing that is not there; a torn last line
//! is ignored.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::plan;
use crate::cache::plain;
use crate::hub::client::Span;

/// Longest journal read, bytes; a longer one is not ours.
const JOURNAL_BYTES_MAX: u64 = 16 << 20;
/// Version of the format.
const VERSION: u32 = 1;

/// What the file is to become. Another identity starts anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    /// Version of the journal.
    version: u32,
    /// Size, bytes.
    pub(crate) bytes: u64,
    /// `sha256:DIGEST` when the hub states it, else `etag:ETAG`, else the address.
    pub(crate) content: String,
}

impl Identity {
    pub(crate) fn new(bytes: u64, content: String) -> Self {
        Self { version: VERSION, bytes, content }
    }
}

/// An open journal.
#[derive(Debug)]
pub(crate) struct Journal {
    file: File,
}

/// Where the unfinished file and its journal lie beside the target.
pub(crate) fn unfinished_paths(target: &Path) -> (PathBuf, PathBuf) {
    let with = |end: &str| {
        let mut name = target.file_name().unwrap_or_default().to_owned();
        name.push(end);
        target.with_file_name(name)
    };
    (with(".part"), with(".journal"))
}

impl Journal {
    /// Opens the unfinished file with its journal, and says which ranges are there. Anything that does not fit the identity starts
    /// anew.
    pub(crate) fn open(target: &Path, identity: &Identity) -> std::io::Result<(File, Self, Vec<Span>)> {
        let (part, journal) = unfinished_paths(target);
        let finished = read(&journal)
            .and_then(|text| parse(&text, identity))
            .filter(|_| part.metadata().is_ok_and(|about| about.len() == identity.bytes));
        let begin = finished.is_none();
        let part = plain::open_to_write(&part)?;
        if begin {
            part.set_len(0)?;
            part.set_len(identity.bytes)?;
        }
        let finished = finished.unwrap_or_default();
        // Always written anew, with what was finished joined: also gets rid of a torn last line.
        let mut lines = serde_json::to_string(identity)?;
        lines.push('\n');
        finished.iter().for_each(|span| lines.push_str(&line(*span)));
        let mut file = replace(&journal, lines.as_bytes())?;
        std::io::Seek::seek(&mut file, std::io::SeekFrom::End(0))?;
        Ok((part, Self { file }, finished))
    }

    /// Notes a range whose bytes were synced.
    pub(crate) fn append(&mut self, span: Span) -> std::io::Result<()> {
        self.file.write_all(line(span).as_bytes())?;
        self.file.sync_data()
    }
}

fn line(span: Span) -> String {
    format!("{} {}\n", span.begin, span.end)
}

/// Writes a file beside its place and renames it there.
fn replace(path: &Path, content: &[u8]) -> std::io::Result<File> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut beside = plain::beside(folder, ".journal-")?;
    beside.write_all(content)?;
    beside.as_file().sync_all()?;
    Ok(beside.persist(path)?)
}

fn read(path: &Path) -> Option<String> {
    plain::read_text(path, JOURNAL_BYTES_MAX).ok()
}

/// Finished ranges of a journal, joined; `None` when it is about another file.
fn parse(text: &str, identity: &Identity) -> Option<Vec<Span>> {
    let (first, rest) = text.split_once('\n')?;
    let stated: Identity = serde_json::from_str(first).ok()?;
    if stated != *identity {
        return None;
    }
    let whole = rest.rsplit_once('\n').map_or("", |(whole, _torn)| whole);
    let span = |line: &str| {
        let (begin, end) = line.split_once(' ')?;
        Some(Span { begin: begin.parse().ok()?, end: end.parse().ok()? })
    };
    // From a line that makes no sense on, nothing is believed.
    let spans: Vec<Span> = whole.lines().map_while(span).collect();
    Some(plan::merged(identity.bytes, &spans))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity() -> Identity {
        Identity::new(100, "sha256:x".to_owned())
    }

    fn head() -> String {
        serde_json::to_string(&identity()).unwrap() + "\n"
    }

    #[test]
    fn torn_and_foreign_lines_claim_nothing() {
        let spans = |pairs: &[(u64, u64)]| -> Vec<Span> {
            pairs.iter().map(|(begin, end)| Span { begin: *begin, end: *end }).collect()
        };
        let cases: &[(&str, &[(u64, u64)])] = &[
            ("", &[]),
            ("0 10\n", &[(0, 10)]),
            ("0 10\n10 20\n50 60\n", &[(0, 20), (50, 60)]),
            ("0 10\n10 2", &[(0, 10)]),
            ("0 10\nnonsense\n20 30\n", &[(0, 10)]),
            ("0 10\n90 101\n", &[(0, 10)]),
            ("10 5\n", &[]),
        ];
        for (lines, expected) in cases {
            assert_eq!(parse(&(head() + lines), &identity()), Some(spans(expected)), "{lines:?}");
        }
        let other = Identity::new(101, "sha256:x".to_owned());
        assert_eq!(parse(&(head() + "0 10\n"), &other), None);
        assert_eq!(parse("garbage", &identity()), None);
        assert_eq!(parse("garbage\n0 10\n", &identity()), None);
    }

    #[test]
    fn ranges_survive_reopening_and_another_identity_starts_anew() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("m.gguf");
        let span = Span { begin: 5, end: 25 };
        let (_, mut journal, finished) = Journal::open(&target, &identity()).unwrap();
        assert_eq!(finished, []);
        journal.append(span).unwrap();
        drop(journal);
        let (part, mut journal, finished) = Journal::open(&target, &identity()).unwrap();
        assert_eq!((part.metadata().unwrap().len(), finished), (100, vec![span]));
        journal.append(Span { begin: 25, end: 30 }).unwrap();
        let (_, _, finished) = Journal::open(&target, &identity()).unwrap();
        assert_eq!(finished, [Span { begin: 5, end: 30 }]);
        part.set_len(7).unwrap();
        assert_eq!(Journal::open(&target, &identity()).unwrap().2, [], "the file was cut");
        let (_, mut journal, _) = Journal::open(&target, &identity()).unwrap();
        journal.append(span).unwrap();
        let other = Identity::new(100, "sha256:y".to_owned());
        assert_eq!(Journal::open(&target, &other).unwrap().2, []);
    }
}
