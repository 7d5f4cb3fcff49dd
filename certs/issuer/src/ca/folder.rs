//! A CA's folder: its files, its lock, and how it is made so that a crash at any line can be resumed.
//!
//! The keystore comes first and names what the folder is for; the last file (`agency.pub`, or `ca.cert`
//! in a server's folder) says that it is whole. In between, `ca init` with the same name goes on
//! where it stopped.

use crate::{
    ca::{
        error::FolderError,
        files::{self, io},
    },
    error::IssuerError,
};
use alcove_programs::files::{create_private_folder, is_draft, remove_drafts, sync_folder};
use std::{
    fs::{self, File, OpenOptions, TryLockError},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

pub(crate) const KEYSTORE: &str = "keystore";
pub(crate) const CA_CERTIFICATE: &str = "ca.cert";
/// While a roll-over is begun: the certificate of the CA that signs next.
pub(crate) const NEXT_CA_CERTIFICATE: &str = "ca.next.cert";
/// After the switch: the certificate of the CA that signed before.
pub(crate) const OLD_CA_CERTIFICATE: &str = "ca.old.cert";
pub(crate) const AGENCY_FILE: &str = "agency.pub";
pub(crate) const LEDGER: &str = "ledger.jsonl";
pub(crate) const CRL: &str = "agency.crl";
pub(crate) const RECOVERY: &str = "recovery.pub";
pub(crate) const INVITATIONS: &str = "invitations";
/// A folder: the newest certified request of each device.
pub(crate) const REQUESTS: &str = "requests";
const LOCK: &str = "lock";

/// How long to wait for another process to be done with the folder.
const LOCK_WAIT: Duration = Duration::from_secs(30);
/// How often to look.
const LOCK_LOOK: Duration = Duration::from_millis(50);

/// A folder whose lock is held until this is dropped.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    _lock: File,
}

/// What `ca init` found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    Nothing,
    Keystore,
}

impl Folder {
    /// Opens a folder that holds a keystore.
    pub(crate) fn open(path: &Path) -> Result<Self, IssuerError> {
        if path.join(KEYSTORE).is_file() {
            let folder = Self::lock(path)?;
            // What a crash left may be a keystore with a key that has been wiped since.
            remove_drafts(path)?;
            if path.join(REQUESTS).is_dir() {
                remove_drafts(&path.join(REQUESTS))?;
            }
            Ok(folder)
        } else {
            Err(FolderError::NoCa(path.to_owned()).into())
        }
    }

    /// Whether `ca init` came to its end: `last` is there.
    pub(crate) fn check_finished(&self, last: &str) -> Result<(), IssuerError> {
        if self.file(last).is_file() {
            Ok(())
        } else {
            Err(FolderError::Unfinished(self.path.clone()).into())
        }
    }

    /// Creates or resumes a folder that `last` does not stand in yet.
    pub(crate) fn begin(path: &Path, last: &str) -> Result<(Self, Found), IssuerError> {
        create_private_folder(path)?;
        let ours = [
            KEYSTORE,
            CA_CERTIFICATE,
            NEXT_CA_CERTIFICATE,
            OLD_CA_CERTIFICATE,
            AGENCY_FILE,
            LEDGER,
            CRL,
            RECOVERY,
            INVITATIONS,
            REQUESTS,
            LOCK,
        ];
        for entry in fs::read_dir(path).map_err(io("read", path))? {
            let name = entry.map_err(io("read", path))?.file_name();
            let name = name.to_string_lossy();
            if !ours.contains(&&*name) && !is_draft(&name) {
                return Err(FolderError::NotEmpty(path.to_owned()).into());
            }
        }
        let folder = Self::lock(path)?;
        if path.join(last).exists() {
            return Err(FolderError::Taken(path.to_owned()).into());
        }
        remove_drafts(path)?;
        let found = if path.join(KEYSTORE).exists() { Found::Keystore } else { Found::Nothing };
        Ok((folder, found))
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Writes a public file of the folder.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> Result<(), IssuerError> {
        files::write_whole(&self.file(name), bytes)
    }

    /// Removes a file of the folder, durably; one that is not there is fine.
    pub(crate) fn remove(&self, name: &str) -> Result<(), IssuerError> {
        let path = self.file(name);
        match fs::remove_file(&path) {
            Ok(()) => Ok(sync_folder(&self.path)?),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(io("remove", &path)(error)),
        }
    }

    #[expect(clippy::disallowed_methods, reason = "a lock of another process tells nobody when it goes")]
    fn lock(path: &Path) -> Result<Self, IssuerError> {
        let lock_path = path.join(LOCK);
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&lock_path)
            .map_err(io("lock", &lock_path))?;
        let since = Instant::now();
        loop {
            match lock.try_lock() {
                Ok(()) => return Ok(Self { path: path.to_owned(), _lock: lock }),
                Err(TryLockError::WouldBlock) if since.elapsed() < LOCK_WAIT => thread::sleep(LOCK_LOOK),
                Err(TryLockError::WouldBlock) => {
                    return Err(FolderError::Busy(path.to_owned()).into());
                }
                Err(TryLockError::Error(source)) => return Err(io("lock", &lock_path)(source)),
            }
        }
    }
}
