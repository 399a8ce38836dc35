//! One file ordered from a server: fetched, checked, and only then given its name.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use dyno_models::gguf::GgufHeader;
use dyno_types::{Event, Job};
use reqwest::Url;

use super::digest::sha256_of;
use super::journal::{Identity, unfinished_paths};
use super::transfer::{Stop, Transfer};
use crate::cache::plain;
use crate::hub::client::Client;
use crate::hub::listing::digest;
use crate::job::race;
use crate::{HubError, RemoteFile};

/// Times a file is fetched from the beginning before giving up on it.
const BEGINNINGS: u32 = 2;

/// One file to be fetched.
pub(crate) struct Order<'a> {
    pub(crate) client: &'a Client,
    pub(crate) url: Url,
    pub(crate) file: &'a RemoteFile,
    /// Where it goes; its folder exists.
    pub(crate) target: PathBuf,
    pub(crate) connections: usize,
    pub(crate) job: &'a Job,
}

impl Order<'_> {
    /// Fetches the file (or finds it there whole) and gives its SHA-256.
    pub(crate) async fn fetch(&self) -> Result<String, HubError> {
        if let Some(sha256) = self.find_whole()? {
            return Ok(sha256);
        }
        let mut last = HubError::Changed { file: self.file.path.clone() };
        for _ in 0..BEGINNINGS {
            let identity = self.identity().await?;
            let transfer = Transfer {
                client: self.client,
                url: &self.url,
                identity: &identity,
                target: &self.target,
                name: self.file.name(),
                connections: self.connections,
                job: self.job,
            };
            last = match transfer.run().await {
                Ok(()) => match self.check()? {
                    Ok(sha256) => return self.publish(&sha256).map(|()| sha256),
                    Err(wrong) => wrong,
                },
                Err(Stop::Changed) => HubError::Changed { file: self.file.path.clone() },
                Err(Stop::Failed(failure)) => return Err(failure.error),
                Err(Stop::RangesIgnored) => {
                    return Err(HubError::Unacceptable {
                        url: crate::hub::client::shown(&self.url),
                        reason: "it neither sends ranges nor the whole file".to_owned(),
                    });
                }
            };
            self.job
                .events
                .emit(Event::Note(format!("{}: starting again from the beginning", self.file.name())));
            self.discard();
        }
        Err(last)
    }

    /// What is to arrive. The server is asked for what the listing does not state.
    async fn identity(&self) -> Result<Identity, HubError> {
        if let (Some(bytes), Some(sha256)) = (self.file.bytes, &self.file.sha256) {
            return Ok(Identity::new(bytes, format!("sha256:{sha256}")));
        }
        let (bytes, etag) = race(self.job, self.file.name(), self.client.probe(&self.url)).await?;
        if let Some(listed) = self.file.bytes.filter(|listed| *listed != bytes) {
            return Err(HubError::Unacceptable {
                url: crate::hub::client::shown(&self.url),
                reason: format!("the file has {bytes} bytes, the hub lists {listed}"),
            });
        }
        let content = match (&self.file.sha256, etag) {
            (Some(sha256), _) => format!("sha256:{sha256}"),
            (None, Some(etag)) => format!("etag:{etag}"),
            (None, None) => crate::hub::client::shown(&self.url),
        };
        Ok(Identity::new(bytes, content))
    }

    /// The file under its final name with the promised content: left by a pull of several files that was stopped.
    fn find_whole(&self) -> Result<Option<String>, HubError> {
        let about = self.target.metadata();
        let known = self.file.sha256.clone().or_else(|| read_stated_digest(&self.target));
        let (Ok(about), Some(known)) = (about, known) else { return Ok(None) };
        if self.file.bytes.is_some_and(|bytes| bytes != about.len()) {
            return Ok(None);
        }
        let found = sha256_of(&self.target, self.file.name(), self.job)?;
        Ok((found == known).then_some(found))
    }

    /// Digest of what arrived, or why it is not what was promised.
    fn check(&self) -> Result<Result<String, HubError>, HubError> {
        let (part, _) = unfinished_paths(&self.target);
        let found = sha256_of(&part, self.file.name(), self.job)?;
        Ok(match &self.file.sha256 {
            Some(expected) if *expected != found => {
                let (file, expected) = (self.file.path.clone(), expected.clone());
                Err(HubError::WrongDigest { file, expected, found })
            }
            Some(_) => Ok(found),
            // Nobody vouches for it: a page that says "log in first" must not become a model.
            None => match GgufHeader::read(&part) {
                Ok(_) => Ok(found),
                Err(error) => {
                    let (file, reason) = (self.file.path.clone(), error.to_string());
                    Err(HubError::NoModel { file, reason })
                }
            },
        })
    }

    /// Gives the checked file its name, durably; its digest lies beside it (`sha256sum -c` reads it) before the name exists.
    fn publish(&self, sha256: &str) -> Result<(), HubError> {
        let (part, journal) = unfinished_paths(&self.target);
        let failed = HubError::io(&self.target);
        let folder = self.target.parent().unwrap_or(Path::new("."));
        let publish = || -> std::io::Result<()> {
            plain::open(&part)?.sync_all()?;
            let mut beside = plain::beside(folder, ".digest-")?;
            writeln!(beside, "{sha256}  {}", self.file.name())?;
            beside.as_file().sync_all()?;
            beside.persist(digest_path(&self.target))?;
            std::fs::rename(&part, &self.target)
        };
        publish().map_err(failed)?;
        // Makes the name durable where folders can be synced; the bytes already are.
        let _ = File::open(folder).and_then(|folder| folder.sync_all());
        let _ = std::fs::remove_file(journal);
        Ok(())
    }

    fn discard(&self) {
        let (part, journal) = unfinished_paths(&self.target);
        // Whatever stays is recognised by its identity, or truncated when it begins anew.
        let _ = std::fs::remove_file(journal);
        let _ = std::fs::remove_file(part);
    }
}

/// Where the digest of a file lies.
pub(crate) fn digest_path(target: &Path) -> PathBuf {
    let mut name = target.file_name().unwrap_or_default().to_owned();
    name.push(".sha256");
    target.with_file_name(name)
}

/// The digest that lies beside a file, when it is one.
pub(crate) fn read_stated_digest(target: &Path) -> Option<String> {
    let text = plain::read_text(&digest_path(target), 4096).ok()?;
    digest(text.split_whitespace().next()?)
}
