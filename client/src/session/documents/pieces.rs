//! Pieces of documents in clear, in folders of the person's: the vault knows of each fetch from before its draft is made
//! until nothing of it is left.
//!
//! A program that is killed and a stick that is pulled out leave a draft behind. It is found again by what the vault knows,
//! whatever permissions its file system keeps: what others can read goes at the next command, the rest after a while in
//! which the fetch can go on.

use super::place::{DRAFTS_MAX, clear, draft_name};
use crate::{
    session::{Error, Session},
    vault::{
        Act, Durability, Vault, VaultError,
        rows::{FetchRow, UploadRow},
    },
};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::{sync::oneshot, time::timeout};

/// How long a command waits for the folders of earlier fetches: one may lie on a share that does not answer.
const FOLDERS_WAIT: Duration = Duration::from_secs(2);
/// Another program makes its draft within so long after its row.
const DRAFT_WAIT: Duration = Duration::from_secs(60);
/// A disk that was not seen again for so long is given up.
const ROW_AGE_MAX: Duration = Duration::from_secs(365 * 24 * 3600);

/// A fetch that the vault knows of.
pub(super) struct Fetch {
    key: [u8; 16],
    row: FetchRow,
}

impl Fetch {
    /// Remembers a fetch into `folder`, on disk, before its draft is made. `words`: what the names of its drafts follow
    /// from, but for their number.
    pub(super) fn begin(vault: &Vault, folder: &Path, words: &str, now: SystemTime) -> Result<Self, Error> {
        let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let row = FetchRow {
            folder: folder.as_os_str().as_encoded_bytes().to_vec(),
            words: words.to_owned(),
            begun_at_ms: since.as_millis().try_into().unwrap_or(i64::MAX),
            device: device_of(folder),
        };
        let key = vault.act::<_, Error>(Durability::OnDisk, |act| {
            let key = act.tag::<FetchRow>(words);
            act.put(&key, &row)?;
            Ok(key)
        })?;
        Ok(Self { key, row })
    }

    /// Removes what is left of it, as far as that is due, and forgets it once nothing is left. `is_over`: nobody makes a draft
    /// for it any more.
    pub(super) fn settle(&self, vault: &Vault, now: SystemTime, is_over: bool) -> Result<(), Error> {
        let folder = path_of(&self.row.folder);
        let mut is_left = false;
        for number in 0..DRAFTS_MAX {
            let name = draft_name(name_of(vault, &format!("{}\0{number}", self.row.words))?);
            is_left |= !clear(&folder.join(name), now);
        }
        // What is not seen on another disk, or on none, may be there all the same.
        let is_gone = is_over && !is_left && device_of(&folder) == self.row.device;
        if is_gone || self.age(now) > ROW_AGE_MAX {
            vault.act(Durability::Refetchable, |act| act.delete::<FetchRow>(&self.key))?;
        }
        Ok(())
    }

    fn age(&self, now: SystemTime) -> Duration {
        let begun = UNIX_EPOCH + Duration::from_millis(self.row.begun_at_ms.unsigned_abs());
        now.duration_since(begun).unwrap_or_default()
    }
}

impl Session {
    /// Removes what earlier fetches left, as far as that is due: at the beginning of a command, and never at its expense.
    pub(in crate::session) async fn clear_pieces(&self) {
        // A vault that does not open here says so to whoever asks it for something.
        let Ok(fetches) = self.vault.read(all) else { return };
        if fetches.is_empty() {
            return;
        }
        let (vault, now) = (Arc::clone(&self.vault), self.now());
        let (done, cleared) = oneshot::channel::<()>();
        // A thread of its own: nothing waits at the end of the program for one that hangs.
        thread::spawn(move || {
            for fetch in fetches {
                let is_over = fetch.age(now) > DRAFT_WAIT;
                if fetch.settle(&vault, now, is_over).is_err() {
                    // It is found again by the next command.
                    break;
                }
            }
            drop(done);
        });
        let _late = timeout(FOLDERS_WAIT, cleared).await;
    }
}

fn all(act: &Act<'_>) -> Result<Vec<Fetch>, VaultError> {
    let rows = act.scan::<FetchRow>(&[])?.into_iter();
    Ok(rows.filter_map(|(key, row)| Some(Fetch { key: key.try_into().ok()?, row })).collect())
}

/// The name of a draft that follows from `words`, under a key of the vault.
pub(super) fn name_of(vault: &Vault, words: &str) -> Result<[u8; 8], Error> {
    // Uploads are tagged by absolute paths, which begin otherwise.
    let tag = vault.read::<_, Error>(|act| Ok(act.tag::<UploadRow>(words)))?;
    Ok(tag.first_chunk().copied().unwrap_or_default())
}

/// The number by which the system knows the disk of a folder that is there.
#[cfg(unix)]
fn device_of(folder: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(folder).map_or(0, |data| data.dev())
}

#[cfg(not(unix))]
fn device_of(_folder: &Path) -> u64 {
    0
}

fn path_of(bytes: &[u8]) -> PathBuf {
    #[cfg(unix)]
    return <std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(bytes).into();
    #[cfg(not(unix))]
    return String::from_utf8_lossy(bytes).into_owned().into();
}
