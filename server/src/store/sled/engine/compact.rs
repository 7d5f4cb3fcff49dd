//! Giving space back: sled reuses what was deleted and never returns it.
//!
//! All rows are copied into a new database beside the old one; the copy is read back and compared, and then the two
//! folders change places in one step of the file system. Whenever this ends in the middle, `database` is whole: the
//! old one before that step, the new one after it; the other folder is litter, and the next opening clears it.

use super::{
    folders::{clear_copy, copy_folder, database_folder, file_in, sync_folder},
    open::{self, Opened},
    rows::{damaged, unreadable},
};
use crate::store::{
    Result, StoreError,
    operation::Compacted,
    space::{Purpose, Space},
};
use ::sled::Db;
use ring::digest::{Context, Digest, SHA256};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use std::{
    fs::File,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

/// Bytes of rows that are copied in one step.
const STEP_BYTES: usize = 1024 * 1024;

/// Compacts the database in `data`, which nobody has open.
///
/// Errors: those of opening; [`StoreError::StorageFull`] when there is no room for a second copy; and then the
/// database is what it was.
pub(crate) fn compact(data: &Path, cache_bytes: u64, space: &Space) -> Result<Compacted> {
    let io = |act| move |source| StoreError::Io { act, source };
    let Opened { db, claim, .. } = open::open(data, cache_bytes)?;
    let before_bytes = db.size_on_disk().map_err(unreadable)?;
    space.admit(before_bytes, Purpose::Grow)?;
    let copy = copy_folder(data);
    // sled panics over a page it cannot read.
    let copied = catch_unwind(AssertUnwindSafe(|| copy_rows(&db, &copy, cache_bytes)));
    let (rows, written) = copied.unwrap_or_else(|_| Err(damaged("database")))?;
    drop(db);
    open::wait_until_released(&database_folder(data));
    // What was written is what is read: the copy is about to be the only one.
    let read = catch_unwind(AssertUnwindSafe(|| {
        let db = open::open_sled(&copy, cache_bytes)?;
        Ok((digest_of(&db)?, db.size_on_disk().map_err(unreadable)?))
    }));
    let (read, after_bytes) = read.unwrap_or_else(|_| Err(damaged("copy of the database")))?;
    open::wait_until_released(&copy);
    if read.as_ref() != written.as_ref() {
        clear_copy(data)?;
        return Err(damaged("copy of the database"));
    }
    sync_folder(&copy).map_err(io("syncing the copy of the database"))?;
    renameat_with(CWD, &copy, CWD, database_folder(data), RenameFlags::EXCHANGE).map_err(|errno| {
        StoreError::Io { act: "exchanging the database for its copy", source: errno.into() }
    })?;
    sync_folder(data).map_err(io("syncing the data folder"))?;
    clear_copy(data)?;
    drop(claim);
    Ok(Compacted { rows, before_bytes, after_bytes })
}

/// Copies all rows into a new database in `to`, durably; answers how many, and their digest.
fn copy_rows(from: &Db, to: &Path, cache_bytes: u64) -> Result<(u64, Digest)> {
    let io = |act| move |source| StoreError::Io { act, source };
    let copy = open::open_sled(to, cache_bytes)?;
    let mut digest = Context::new(&SHA256);
    let mut rows = 0;
    let mut step = ::sled::Batch::default();
    let mut step_bytes = 0;
    for row in from.iter() {
        let (key, value) = row.map_err(unreadable)?;
        add(&mut digest, &key, &value);
        rows += 1;
        step_bytes += key.len() + value.len();
        step.insert(key, value);
        if step_bytes >= STEP_BYTES {
            copy.apply_batch(std::mem::take(&mut step)).map_err(unreadable)?;
            step_bytes = 0;
        }
    }
    copy.apply_batch(step).map_err(unreadable)?;
    copy.flush().map_err(unreadable)?;
    let file = File::open(file_in(to)).map_err(io("opening the copy of the database"))?;
    file.sync_data().map_err(io("syncing the copy of the database"))?;
    drop(copy);
    open::wait_until_released(to);
    Ok((rows, digest.finish()))
}

fn digest_of(db: &Db) -> Result<Digest> {
    let mut digest = Context::new(&SHA256);
    for row in db.iter() {
        let (key, value) = row.map_err(unreadable)?;
        add(&mut digest, &key, &value);
    }
    Ok(digest.finish())
}

fn add(digest: &mut Context, key: &[u8], value: &[u8]) {
    for part in [key, value] {
        digest.update(&(part.len() as u64).to_be_bytes());
        digest.update(part);
    }
}
