//! Opening a data folder, with every guard that makes sled keep its word.
//!
//! Layout: `<data folder>/database/` is sled's, `<data folder>/chunks/` holds chunk files, and
//! `<data folder>/alcove-server.txt` says whose folder it is.

use super::{
    file_system::refuse_file_system,
    folders::{
        chunk_folder, clear_copy, database_folder, file_in, make_folder, side_files, side_folder, sync_folder,
    },
    keys::Kind,
    rows::{damaged, unreadable},
};
use crate::store::{Result, StoreError};
use ::sled::Db;
use std::{
    any::Any,
    fs::{self, File, TryLockError},
    io::Write,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    time::{Duration, Instant},
};

/// The format of everything in the data folder.
pub(crate) const FORMAT: u32 = 1;
/// Bytes of one of sled's segments. A leaf page above a fourth of it goes to a side file that is never
/// synced; 17 values of [`super::rows::VALUE_BYTES_MAX`] are well below.
const SEGMENT_BYTES: usize = 8 * 1024 * 1024;

/// The file that says whose folder this is, and that its database has been begun.
const MARKER: &str = "alcove-server.txt";
const MARKER_TEXT: &[u8] = b"Data folder of alcove-server, format 1. Do not change anything in it by hand.\n";

/// Longest wait for sled's threads to let go of its files.
const LOCK_WAIT: Duration = Duration::from_secs(5);

/// Bytes of a database that is read in no time whatever was written to it.
const SHORT_DATABASE_BYTES: u64 = 64 * 1024 * 1024;

/// A database that was opened with every guard.
pub(crate) struct Opened {
    pub(crate) db: Db,
    /// sled's file, to be synced.
    pub(crate) file: File,
    /// The claim on the data folder, given back when this is dropped: sled's own lock would not hold while two
    /// databases change places.
    pub(crate) claim: File,
}

/// Opens the database in `data`, made if there is none.
pub(crate) fn open(data: &Path, cache_bytes: u64) -> Result<Opened> {
    let io = |act| move |source| StoreError::Io { act, source };
    make_folder(data).map_err(io("making the data folder"))?;
    let claim = claim(data)?;
    make_folder(&chunk_folder(data)).map_err(io("making the folder of chunks"))?;
    refuse_file_system(data)?;
    refuse_side_files(data)?;
    clear_copy(data)?;
    let db = open_sled(&database_folder(data), cache_bytes)?;
    refuse_side_files(data)?;
    let file = File::open(file_in(&database_folder(data))).map_err(io("opening the database file"))?;
    check_format(data, &db, &file)?;
    // What was made above is only on disk when the folders that name it are.
    for folder in [&database_folder(data), data] {
        sync_folder(folder).map_err(io("syncing the data folder"))?;
    }
    if let Some(parent) = data.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        sync_folder(parent).map_err(io("syncing the folder of the data folder"))?;
    }
    Ok(Opened { db, file, claim })
}

/// Takes the data folder for this process alone.
fn claim(data: &Path) -> Result<File> {
    let io = |source| StoreError::Io { act: "claiming the data folder", source };
    let claim = File::open(data).map_err(io)?;
    match claim.try_lock() {
        Ok(()) => Ok(claim),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse),
        Err(TryLockError::Error(source)) => Err(io(source)),
    }
}

/// Has sled take its snapshot, which it does only when it opens: otherwise the next start would read
/// again what was written since the last. After [`wait_until_released`].
pub(crate) fn shorten_next_start(data: &Path, cache_bytes: u64) {
    let folder = database_folder(data);
    let long = fs::metadata(file_in(&folder)).is_ok_and(|file| file.len() > SHORT_DATABASE_BYTES);
    if long {
        // If it fails, the next start says so.
        drop(open_sled(&folder, cache_bytes));
        wait_until_released(&folder);
    }
}

/// Waits until sled has let go of its files in `folder`, after the last handle was dropped: one of its threads
/// may be about to. Bounded by [`LOCK_WAIT`].
#[expect(clippy::disallowed_methods, reason = "a lock of another thread tells nobody when it goes")]
pub(crate) fn wait_until_released(folder: &Path) {
    let Ok(file) = File::open(file_in(folder)) else { return };
    let end = Instant::now() + LOCK_WAIT;
    while matches!(file.try_lock(), Err(TryLockError::WouldBlock)) && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn refuse_side_files(data: &Path) -> Result<()> {
    match side_files(data)? {
        0 => Ok(()),
        count => Err(StoreError::SideFiles { path: side_folder(data), count }),
    }
}

/// Opens or makes sled's database in `folder`, with the settings every database here has.
pub(crate) fn open_sled(folder: &Path, cache_bytes: u64) -> Result<Db> {
    let config = ::sled::Config::new()
        .path(folder)
        .segment_size(SEGMENT_BYTES)
        .cache_capacity(cache_bytes)
        // The committer flushes; sled's own flusher would only disturb it.
        .flush_every_ms(None);
    // sled panics on some damaged files, where it should return an error.
    match catch_unwind(AssertUnwindSafe(|| config.open())) {
        Ok(Ok(db)) => Ok(db),
        Ok(Err(::sled::Error::Io(error))) if is_lock(&error) => Err(StoreError::InUse),
        Ok(Err(error)) => Err(StoreError::Open(error.to_string())),
        Err(panic) => Err(StoreError::Open(panic_text(panic.as_ref()))),
    }
}

fn is_lock(error: &std::io::Error) -> bool {
    // sled wraps the refusal of its lock in text of its own.
    error.kind() == std::io::ErrorKind::WouldBlock || error.to_string().contains("could not acquire lock")
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_else(|| "it panicked".to_owned())
}

/// Refuses a database of another format or one that has lost its beginning, and marks a fresh one.
fn check_format(data: &Path, db: &Db, file: &File) -> Result<()> {
    let io = |act| move |source| StoreError::Io { act, source };
    let marker = data.join(MARKER);
    let key = Kind::Format.key().build();
    match db.get(&key).map_err(unreadable)? {
        Some(found) => {
            let found: [u8; 4] = found.as_ref().try_into().map_err(|_| damaged("format"))?;
            let found = u32::from_be_bytes(found);
            if found != FORMAT {
                return Err(StoreError::FormatUnknown { found, known: FORMAT });
            }
        }
        // The marker is written after the row: with it and without the row, sled has lost rows, and to
        // go on would be to serve an empty store in place of a damaged one.
        None if marker.exists() => return Err(damaged("database")),
        None if !db.is_empty() => return Err(StoreError::NotOurs),
        None => {
            db.insert(key, &FORMAT.to_be_bytes()).map_err(unreadable)?;
            db.flush().map_err(unreadable)?;
            file.sync_data().map_err(io("syncing the database file"))?;
        }
    }
    if !marker.exists() {
        let mut marker = File::create(&marker).map_err(io("marking the data folder"))?;
        marker.write_all(MARKER_TEXT).map_err(io("marking the data folder"))?;
        marker.sync_all().map_err(io("marking the data folder"))?;
    }
    Ok(())
}

#[cfg(test)]
#[path = "open_tests.rs"]
mod tests;
