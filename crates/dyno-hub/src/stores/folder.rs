//! Model files in a folder and the folders in it.

use std::collections::HashSet;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use dyno_types::{Event, Job};

use super::{Place, StoredModel, stored_model};
use crate::hub::choice::whole_models;
use crate::{HubError, RemoteFile};

/// Deepest folder looked into.
const DEPTH_MAX: usize = 5;
/// Most files and folders looked at, and most of them that may be models.
const ENTRIES_MAX: usize = 200_000;
const FILES_MAX: usize = 10_000;

/// Every model below the folder, by path. All parts of a split model are one; companions (projectors of images) are left out.
/// What cannot be read is passed over, file systems of the kernel, too; that there is more than is looked at gets a warning.
///
/// # Errors
/// [`HubError::Cancelled`].
pub(super) fn models(folder: &Path, place: &Place, job: &Job) -> Result<Vec<StoredModel>, HubError> {
    models_of_first(ENTRIES_MAX, folder, place, job)
}

/// The same among so many files and folders.
fn models_of_first(
    entries_max: usize,
    folder: &Path,
    place: &Place,
    job: &Job,
) -> Result<Vec<StoredModel>, HubError> {
    let mut walk = Walk {
        job,
        entries_left: entries_max,
        seen: HashSet::new(),
        links: Vec::new(),
        files: Vec::new(),
        cut: false,
    };
    walk.all(folder)?;
    if walk.cut {
        job.events.emit(Event::Warning(format!(
            "only part of {} was searched for models: it holds more than {entries_max} files and folders, or {FILES_MAX} models; \
             name the folders in it that hold your models",
            folder.display()
        )));
    }
    walk.files.sort();
    let files: Vec<RemoteFile> =
        walk.files.into_iter().map(|path| RemoteFile { path, bytes: None, sha256: None }).collect();
    let paths = |model: Vec<RemoteFile>| model.into_iter().map(|file| folder.join(file.path)).collect();
    let found = whole_models(&files).into_iter().map(paths);
    Ok(found
        .filter_map(|paths: Vec<PathBuf>| {
            stored_model(paths.first()?.display().to_string(), place.clone(), paths)
        })
        .collect())
}

/// Whether a folder belongs to a file system in which the kernel shows itself, and holds no files of anybody.
pub(super) fn is_of_the_kernel(folder: &Path) -> bool {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        rustix::fs::statfs(folder).is_ok_and(|about| KERNEL_FILE_SYSTEMS.contains(&(about.f_type as u32)))
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    {
        let _ = folder;
        false
    }
}

/// Numbers of such file systems, from `linux/magic.h`. (Devices stand in one that calls itself tmpfs, and are no files.)
#[cfg(any(target_os = "linux", target_os = "android"))]
const KERNEL_FILE_SYSTEMS: [u32; 15] = [
    0x0000_9fa0, // proc
    0x6265_6572, // sysfs
    0x0000_1cd1, // devpts
    0x0027_e0eb, // cgroup
    0x6367_7270, // cgroup2
    0x6462_6720, // debugfs
    0x7472_6163, // tracefs
    0x7363_6673, // securityfs
    0xcafe_4a11, // bpf
    0x6165_676c, // pstore
    0xde5e_81e4, // efivarfs
    0x6265_6570, // configfs
    0x1980_0202, // mqueue
    0x4249_4e4d, // binfmt_misc
    0xf97c_ff8c, // selinuxfs
];

/// A folder that is looked into.
struct Spot {
    path: PathBuf,
    /// Path from the folder that was named, with `/` between its parts; empty for that folder.
    prefix: String,
    depth: usize,
}

/// A walk through a folder and those in it, each once: links may lead in circles.
struct Walk<'a> {
    job: &'a Job,
    entries_left: usize,
    /// Device and number of the folders looked into.
    seen: HashSet<(u64, u64)>,
    /// Folders behind links. They come last: what is there without a link is found under its own name.
    links: Vec<Spot>,
    /// Paths of files that end in `.gguf`, as [`Spot::prefix`].
    files: Vec<String>,
    /// Whether something was not looked at.
    cut: bool,
}

impl Walk<'_> {
    fn all(&mut self, folder: &Path) -> Result<(), HubError> {
        self.links.push(Spot { path: folder.to_owned(), prefix: String::new(), depth: 0 });
        while let Some(spot) = self.links.pop() {
            let Ok(about) = std::fs::metadata(&spot.path) else { continue };
            if about.is_dir() && !is_of_the_kernel(&spot.path) {
                self.look_into(&spot, &about)?;
            }
            // The first by name is the last here.
            self.links.sort_by(|one, other| other.prefix.cmp(&one.prefix));
        }
        Ok(())
    }

    fn look_into(&mut self, spot: &Spot, about: &Metadata) -> Result<(), HubError> {
        if !self.seen.insert((about.dev(), about.ino())) {
            return Ok(());
        }
        let Ok(entries) = std::fs::read_dir(&spot.path) else { return Ok(()) };
        for entry in entries.flatten() {
            if self.job.is_cancelled() {
                return Err(HubError::Cancelled { file: spot.path.display().to_string() });
            }
            if self.entries_left == 0 {
                self.cut = true;
                return Ok(());
            }
            self.entries_left -= 1;
            let name = entry.file_name();
            // Hidden ones are left out.
            let Some(name) = name.to_str().filter(|name| !name.starts_with('.')) else { continue };
            let prefix =
                if spot.prefix.is_empty() { name.to_owned() } else { format!("{}/{name}", spot.prefix) };
            let Ok(kind) = entry.file_type() else { continue };
            if name.to_lowercase().ends_with(".gguf") && entry.path().is_file() {
                self.keep(prefix);
            } else if spot.depth < DEPTH_MAX && (kind.is_dir() || kind.is_symlink()) {
                let inner = Spot { path: entry.path(), prefix, depth: spot.depth + 1 };
                self.enter(inner, kind.is_symlink(), about)?;
            }
        }
        Ok(())
    }

    /// Looks into a folder at once, or notes that of a link for later.
    fn enter(&mut self, spot: Spot, link: bool, parent: &Metadata) -> Result<(), HubError> {
        if link {
            self.links.push(spot);
            return Ok(());
        }
        let Ok(about) = std::fs::symlink_metadata(&spot.path) else { return Ok(()) };
        // Another file system begins where the device changes.
        if about.dev() != parent.dev() && is_of_the_kernel(&spot.path) {
            return Ok(());
        }
        self.look_into(&spot, &about)
    }

    fn keep(&mut self, file: String) {
        if self.files.len() < FILES_MAX {
            self.files.push(file);
        } else {
            self.cut = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use dyno_types::{CancelFlag, EventSink, Silent};

    use super::*;

    fn job(events: Arc<dyn EventSink>) -> Job {
        Job::new(events, CancelFlag::default(), Duration::from_secs(1))
    }

    fn quiet() -> Job {
        job(Arc::new(Silent))
    }

    /// A folder with these files.
    fn folder(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "12345").unwrap();
        }
        folder
    }

    fn names(folder: &Path, found: &[StoredModel]) -> Vec<String> {
        let name =
            |model: &StoredModel| Path::new(&model.name).strip_prefix(folder).unwrap().display().to_string();
        found.iter().map(name).collect()
    }

    #[test]
    fn models_below_a_folder_are_found_with_their_parts() {
        let folder = folder(&[
            "a.gguf",
            "sub/B-Q8_0.GGUF",
            "sub/C-00001-of-00002.gguf",
            "sub/C-00002-of-00002.gguf",
            "sub/D-00001-of-00002.gguf",
            "sub/mmproj-f16.gguf",
            "sub/.hidden.gguf",
            ".trash/e.gguf",
            "readme.txt",
            "1/2/3/4/5/deep.gguf",
            "1/2/3/4/5/6/too-deep.gguf",
        ]);
        let found = models(folder.path(), &Place::LmStudio, &quiet()).unwrap();
        let names: Vec<String> = found
            .iter()
            .map(|model| {
                let path = Path::new(&model.name).strip_prefix(folder.path()).unwrap();
                format!("{} {} {}", path.display(), model.paths.len(), model.bytes)
            })
            .collect();
        assert_eq!(
            names,
            [
                "1/2/3/4/5/deep.gguf 1 5",
                "a.gguf 1 5",
                "sub/B-Q8_0.GGUF 1 5",
                "sub/C-00001-of-00002.gguf 2 10"
            ]
        );
        assert!(models(&folder.path().join("nowhere"), &Place::LmStudio, &quiet()).unwrap().is_empty());
    }

    #[test]
    fn links_are_followed_and_no_folder_is_looked_into_twice() {
        let outside = folder(&["linked.gguf", "deeper/still.gguf"]);
        let folder = folder(&["z/a.gguf"]);
        symlink(outside.path(), folder.path().join("b")).unwrap();
        symlink(outside.path(), folder.path().join("c")).unwrap();
        symlink(outside.path().join("linked.gguf"), folder.path().join("file.gguf")).unwrap();
        // In a circle, to the folder itself, and to one that is found without a link.
        symlink(outside.path(), outside.path().join("deeper/circle")).unwrap();
        symlink(folder.path(), folder.path().join("self")).unwrap();
        symlink(folder.path().join("z"), folder.path().join("a")).unwrap();
        symlink(folder.path().join("nowhere"), folder.path().join("broken.gguf")).unwrap();
        let found = models(folder.path(), &Place::LmStudio, &quiet()).unwrap();
        assert_eq!(
            names(folder.path(), &found),
            ["b/deeper/still.gguf", "b/linked.gguf", "file.gguf", "z/a.gguf"]
        );
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn file_systems_of_the_kernel_hold_no_models() {
        assert!(is_of_the_kernel(Path::new("/proc")) && is_of_the_kernel(Path::new("/proc/self/task")));
        let folder = folder(&["here.gguf"]);
        assert!(!is_of_the_kernel(folder.path()));
        // The present folder of a process, which the kernel shows as a link.
        let inside = folder.path().join("processes");
        symlink("/proc", &inside).unwrap();
        for place in [folder.path(), &inside, Path::new("/proc")] {
            let found = models(place, &Place::LmStudio, &quiet()).unwrap();
            let expected: &[&str] = if place == folder.path() { &["here.gguf"] } else { &[] };
            assert_eq!(names(place, &found), expected, "{}", place.display());
        }
    }

    /// What was warned of.
    #[derive(Default)]
    struct Said(Mutex<Vec<String>>);

    impl EventSink for Said {
        fn emit(&self, event: Event) {
            if let Event::Warning(text) = event {
                self.0.lock().unwrap().push(text);
            }
        }
    }

    #[test]
    fn a_folder_that_holds_too_much_is_searched_in_part_and_that_is_said() {
        let folder = folder(&["1.gguf", "2.gguf", "3.gguf", "sub/4.gguf"]);
        for (entries_max, said) in [(3, 1), (4, 1), (5, 0)] {
            let events = Arc::new(Said::default());
            let job = job(events.clone());
            let found = models_of_first(entries_max, folder.path(), &Place::LmStudio, &job).unwrap();
            assert!(found.len() <= entries_max && (said == 1 || found.len() == 4), "{entries_max}");
            let texts = events.0.lock().unwrap();
            assert_eq!(texts.len(), said, "{texts:?}");
            let named = format!("only part of {} was searched", folder.path().display());
            assert!(texts.iter().all(|text| text.starts_with(&named)), "{texts:?}");
        }
    }

    #[test]
    fn a_search_that_is_not_wanted_any_more_ends() {
        let folder = folder(&["1.gguf", "2.gguf", "3.gguf"]);
        let job = quiet();
        assert_eq!(models(folder.path(), &Place::LmStudio, &job).unwrap().len(), 3);
        job.cancel.cancel();
        let ended = models(folder.path(), &Place::LmStudio, &job);
        assert!(matches!(ended, Err(HubError::Cancelled { .. })), "{ended:?}");
    }
}
