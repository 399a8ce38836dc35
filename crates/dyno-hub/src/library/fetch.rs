//! Models over the network. The front may run inside an asynchronous runtime of its own, so all of this happens on a thread with a
//! small runtime for it alone.

use dyno_models::HubReference;
use dyno_types::{Event, Job};
use reqwest::Url;

use super::{Found, Library, Origin};
use crate::cache::entry::{Entry, EntryFile, EntryKind, is_key};
use crate::cache::{index, plain};
use crate::download::digest::short_digest;
use crate::download::order::Order;
use crate::hub::choice::choose;
use crate::hub::client::shown;
use crate::hub::header;
use crate::hub::listing::Listing;
use crate::hub::network::Network;
use crate::{HubError, RemoteFile, RemoteHeader};

/// Digits of a digest that tell models of one repository apart.
const ID_DIGITS: usize = 12;
/// Longest part of a key that an organisation or repository gives, bytes.
const KEY_PART_BYTES: usize = 96;

/// What is to be fetched.
struct Wanted<'a> {
    reference: &'a HubReference,
    listing: &'a Listing,
    files: Vec<RemoteFile>,
    key: String,
}

impl Library {
    pub(super) fn fetch(&self, reference: &HubReference, job: &Job) -> Result<Found, HubError> {
        // Nothing is asked for that nobody could keep.
        self.shelf()?;
        self.online(&reference.to_string(), job, |network| {
            let listing = list(network, reference, job)?;
            let files = choose(reference, &listing.files)?;
            let key = key(reference, &files[0], &listing, self.settings.endpoint.as_str());
            let wanted = Wanted { reference, listing: &listing, files, key };
            self.fetch_once(&wanted, network, job)
        })
    }

    /// Fetches the files unless they are there, also when another process just fetched them.
    fn fetch_once(&self, wanted: &Wanted<'_>, network: &Network<'_>, job: &Job) -> Result<Found, HubError> {
        let shelf = self.shelf()?;
        let Wanted { reference, key, .. } = wanted;
        let waiting =
            || job.events.emit(Event::Note(format!("another dyno fetches {reference}; waiting for it")));
        let _alone = shelf.fetch_lock(key, job, waiting)?;
        if let Some(entry) = shelf.read(key)
            && let Some(found) = self.take(&entry, Some(&reference.to_string()), job)?
        {
            return Ok(found);
        }
        let stated_bytes =
            wanted.files.iter().map(|file| file.bytes.unwrap_or(0)).fold(0, u64::saturating_add);
        let max_bytes = self.settings.cache_max_bytes;
        if stated_bytes > max_bytes {
            let (reference, bytes) = (reference.to_string(), stated_bytes);
            return Err(HubError::LargerThanCache { reference, bytes, max_bytes });
        }
        // Taken before the files get their names: nobody can evict them in between.
        let lease = shelf.lease(key, job)?;
        let entry = self.fetch_files(wanted, network, job)?;
        let files = entry.paths(shelf.dir());
        let bytes = entry.bytes();
        shelf.admit(entry, job)?;
        self.make_room(key, bytes, job)?;
        Ok(Found { files, bytes, origin: Origin::Fetched, lease })
    }

    fn fetch_files(&self, wanted: &Wanted<'_>, network: &Network<'_>, job: &Job) -> Result<Entry, HubError> {
        let Wanted { reference, listing, files, key } = wanted;
        let folder = self.shelf()?.dir().join("hub").join(key);
        plain::check_folder(&folder)
            .and_then(|()| std::fs::create_dir_all(&folder))
            .map_err(HubError::io(&folder))?;
        // A commit cannot change between two requests, a branch can.
        let revision = listing.commit.as_deref().unwrap_or(reference.revision());
        let mut described: Vec<EntryFile> = Vec::new();
        for file in files {
            let order = Order {
                client: &network.client,
                url: network.client.file_url(reference, revision, &file.path),
                file,
                target: folder.join(file.name()),
                connections: self.settings.connections,
                job,
            };
            let sha256 = network.run(order.fetch())?;
            let entry = index::describe(&order.target, Some(file.path.clone()), Some(sha256));
            described.push(entry.map_err(HubError::io(&order.target))?);
        }
        let entry = index::new_entry(key, EntryKind::Hub, Some(reference.to_string()), described);
        Ok(Entry { repo: Some(reference.repo()), commit: listing.commit.clone(), ..entry })
    }

    pub(super) fn read_headers(
        &self,
        reference: &HubReference,
        job: &Job,
    ) -> Result<(Vec<RemoteHeader>, u64), HubError> {
        self.online(&reference.to_string(), job, |network| {
            let client = &network.client;
            let listing = list(network, reference, job)?;
            let files = choose(reference, &listing.files)?;
            let revision = listing.commit.as_deref().unwrap_or(reference.revision());
            // The list is no part of the model.
            let before = client.received_bytes();
            let read = |file: &RemoteFile| {
                let url = client.file_url(reference, revision, &file.path);
                let header = header::read(network, &url, file.bytes)?;
                Ok(RemoteHeader { name: file.name().to_owned(), header })
            };
            let headers = files.iter().map(read).collect::<Result<Vec<_>, HubError>>()?;
            Ok((headers, client.received_bytes() - before))
        })
    }

    pub(super) fn read_header(&self, address: &str, job: &Job) -> Result<(RemoteHeader, u64), HubError> {
        let bad = |error| HubError::BadSetting {
            name: "model".to_owned(),
            value: address.to_owned(),
            reason: format!("{error}; write https://HOST/PATH.gguf"),
        };
        let url = Url::parse(address).map_err(bad)?;
        let phase = format!("reading the header of {}", shown(&url));
        job.events.emit(Event::PhaseStarted { phase, total: 0 });
        let read = self.online(&shown(&url), job, |network| {
            let header = header::read(network, &url, None)?;
            let name = url.path().rsplit('/').next().unwrap_or_default().to_owned();
            Ok((RemoteHeader { name, header }, network.client.received_bytes()))
        });
        job.events.emit(Event::PhaseEnded);
        read
    }

    /// Does work over the network on a thread of its own.
    fn online<T: Send>(
        &self,
        name: &str,
        job: &Job,
        work: impl FnOnce(&Network<'_>) -> Result<T, HubError> + Send,
    ) -> Result<T, HubError> {
        let whole = || work(&Network::open(&self.settings, name, job)?);
        std::thread::scope(|scope| match scope.spawn(whole).join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        })
    }
}

fn list(network: &Network<'_>, reference: &HubReference, job: &Job) -> Result<Listing, HubError> {
    let listing = network.wait(network.client.list(reference))?;
    if listing.refused > 0 {
        let text = format!(
            "{} files of {reference} have names or sizes that are not acceptable; they are left out",
            listing.refused
        );
        job.events.emit(Event::Warning(text));
    }
    Ok(listing)
}

/// Name of the model in the cache: the same content under the same path has the same key, whatever revision it was asked for by.
fn key(reference: &HubReference, first: &RemoteFile, listing: &Listing, endpoint: &str) -> String {
    let content = first.sha256.as_ref().or(listing.commit.as_ref());
    let content = content.cloned().unwrap_or_else(|| format!("{endpoint} {}", reference.revision()));
    let id = short_digest(&format!("{}\n{}\n{content}", reference.repo(), first.path), ID_DIGITS);
    let short = |text: &str| text[..text.len().min(KEY_PART_BYTES)].trim_end_matches(['-', '.']).to_owned();
    let key = format!("{}--{}--{id}", short(&reference.organisation), short(&reference.repository));
    // Device names of other systems are no names of folders.
    if is_key(&key) { key } else { id }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_tell_contents_apart_and_nothing_else() {
        let file = |path: &str, sha256: &str| RemoteFile {
            path: path.to_owned(),
            bytes: Some(1),
            sha256: Some(sha256.repeat(64)),
        };
        let listing = |commit: &str| Listing { commit: Some(commit.to_owned()), files: vec![], refused: 0 };
        let key = |text: &str, file: &RemoteFile, commit: &str| {
            super::key(&HubReference::parse(text).unwrap(), file, &listing(commit), "https://h/")
        };
        let first = key("hf:o/r", &file("m.gguf", "a"), "1");
        assert!(first.starts_with("o--r--") && is_key(&first), "{first}");
        assert_eq!(key("hf:o/r@v2:m.gguf", &file("m.gguf", "a"), "2"), first);
        for other in [
            key("hf:o/r", &file("m.gguf", "b"), "1"),
            key("hf:o/r", &file("n.gguf", "a"), "1"),
            key("hf:o/s", &file("m.gguf", "a"), "1"),
        ] {
            assert_ne!(other, first);
        }
        let long = format!("hf:{}/{}", "x".repeat(255), "y".repeat(255));
        assert!(is_key(&key(&long, &file("m.gguf", "a"), "1")));
        assert!(is_key(&key("hf:con/r", &file("m.gguf", "a"), "1")));
    }
}
