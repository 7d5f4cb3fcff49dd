//! Chunk files: large ciphertext beside the database, one file a chunk. No engine is known here.
//!
//! sled at 4 GiB of chunks took as much memory, up to twice the disk, and gave nothing back on
//! deletion; files cost what they hold and are gone when unlinked. A file is written whole and synced,
//! with its folder, before any row speaks of it; it is named by blob, index, run of the server and
//! attempt, so that two attempts at one chunk never meet, and a file that no row names and no attempt is at is
//! known to be litter.

use super::{
    error::{Result, StoreError},
    space::{Purpose, Space},
};
use alcove_proto::ids::BlobId;
use bytes::Bytes;
use object_store::{ObjectStoreExt, PutPayload, local::LocalFileSystem, path::Path as ObjectPath};
use std::{
    collections::HashSet,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    str::FromStr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::sync::Semaphore;

/// Chunk files written at the same time: more gain nothing and take memory.
const WRITES_MAX: usize = 4;

/// The folder of all chunk files.
pub(crate) struct ChunkFiles {
    folder: PathBuf,
    files: LocalFileSystem,
    writes: Semaphore,
    space: Space,
    run: u64,
    attempts: AtomicU64,
    under_way: Arc<Mutex<HashSet<u64>>>,
}

/// Which file holds a chunk: the run of the server and the attempt within it that wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ChunkFile {
    pub(crate) run: u64,
    pub(crate) attempt: u64,
}

/// A file that is on disk and has no row yet. Until this is dropped, nobody takes it for litter.
pub(crate) struct Written {
    pub(crate) file: ChunkFile,
    _under_way: UnderWay,
}

/// One of this run's attempts.
struct UnderWay {
    attempt: u64,
    all: Arc<Mutex<HashSet<u64>>>,
}

impl UnderWay {
    fn begin(attempt: u64, all: &Arc<Mutex<HashSet<u64>>>) -> Self {
        all.lock().unwrap_or_else(PoisonError::into_inner).insert(attempt);
        Self { attempt, all: Arc::clone(all) }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.attempt);
    }
}

/// The name of one chunk file within its blob's folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FileName {
    index: u32,
    file: ChunkFile,
}

impl std::fmt::Display for FileName {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{:08x}-{:016x}-{:x}", self.index, self.file.run, self.file.attempt)
    }
}

impl FromStr for FileName {
    type Err = ();

    /// Parses the name of a file, or of one still being written (which has a `#` and more behind it).
    fn from_str(text: &str) -> Result<Self, ()> {
        let whole = text.split('#').next().unwrap_or(text);
        let mut parts = whole.split('-').map(|part| u64::from_str_radix(part, 16));
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(Ok(index)), Some(Ok(run)), Some(Ok(attempt)), None) => {
                Ok(Self { index: index.try_into().map_err(|_| ())?, file: ChunkFile { run, attempt } })
            }
            _ => Err(()),
        }
    }
}

impl ChunkFiles {
    /// Opens the folder, which exists. `run`: another number on every start of the server.
    pub(crate) fn open(folder: PathBuf, space: Space, run: u64) -> Result<Self> {
        let files = LocalFileSystem::new_with_prefix(&folder)
            .map_err(|error| failure(&space, "opening the folder of chunks", error))?
            // The default is not to sync: a chunk would be acknowledged and lost in a power cut.
            .with_fsync(true);
        Ok(Self {
            folder,
            files,
            writes: Semaphore::new(WRITES_MAX),
            space,
            run,
            attempts: AtomicU64::new(0),
            under_way: Arc::default(),
        })
    }

    /// Writes one chunk; it is on disk, with its folder's entry, when this returns.
    ///
    /// Errors: [`StoreError::StorageFull`], and then nothing of it is left.
    pub(crate) async fn write(&self, blob: &BlobId, index: u32, chunk: Bytes) -> Result<Written> {
        let _turn = self.writes.acquire().await.map_err(|_| StoreError::Stopped)?;
        self.space.admit(chunk.len() as u64, Purpose::Grow)?;
        let attempt = self.attempts.fetch_add(1, Ordering::Relaxed);
        let under_way = UnderWay::begin(attempt, &self.under_way);
        let file = ChunkFile { run: self.run, attempt };
        let path = object_path(blob, &FileName { index, file });
        self.files
            .put(&path, PutPayload::from(chunk))
            .await
            .map_err(|error| failure(&self.space, "writing a chunk", error))?;
        Ok(Written { file, _under_way: under_way })
    }

    /// Reads one chunk.
    pub(crate) async fn read(&self, blob: &BlobId, index: u32, file: &ChunkFile) -> Result<Option<Bytes>> {
        let path = object_path(blob, &FileName { index, file: *file });
        let read = async { self.files.get(&path).await?.bytes().await };
        match read.await {
            Ok(chunk) => Ok(Some(chunk)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(failure(&self.space, "reading a chunk", error)),
        }
    }

    /// Makes the folder of a blob, durably. Before its first chunk: of two chunks that came at once,
    /// one would find the folder made but not yet synced by the other.
    pub(crate) fn prepare(&self, blob: &BlobId) -> Result<()> {
        let folder = self.blob_folder(blob);
        let shard = folder.parent().unwrap_or(&self.folder);
        let made = fs::create_dir_all(&folder).and_then(|()| {
            [shard, &self.folder].into_iter().try_for_each(|folder| File::open(folder)?.sync_all())
        });
        made.map_err(|source| self.space.io("making the folder of a blob", source))
    }

    /// Removes one file that no row names, and the folder of a blob that is gone.
    pub(crate) fn discard(&self, blob: &BlobId, index: u32, file: &ChunkFile, blob_gone: bool) {
        let path = self.blob_folder(blob).join(FileName { index, file: *file }.to_string());
        if let Err(error) = fs::remove_file(&path) {
            // The reaper finds it.
            tracing::warn!(%blob, index, kind = %error.kind(), "a chunk file could not be removed");
        }
        if blob_gone {
            // Fails while another attempt's file is in it; the last one succeeds.
            let _ = fs::remove_dir(self.blob_folder(blob));
        }
    }

    /// Length of one chunk file, bytes; nothing when it is missing.
    pub(crate) fn length(&self, blob: &BlobId, index: u32, file: &ChunkFile) -> Option<u64> {
        let path = self.blob_folder(blob).join(FileName { index, file: *file }.to_string());
        fs::symlink_metadata(path).ok().filter(fs::Metadata::is_file).map(|file| file.len())
    }

    /// Reads one chunk where it may block; nothing when it is missing.
    pub(crate) fn read_blocking(
        &self,
        blob: &BlobId,
        index: u32,
        file: &ChunkFile,
    ) -> Result<Option<Vec<u8>>> {
        let path = self.blob_folder(blob).join(FileName { index, file: *file }.to_string());
        match fs::read(path) {
            Ok(chunk) => Ok(Some(chunk)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(self.space.io("reading a chunk", source)),
        }
    }

    /// Removes all of a blob's files. A blob without any is fine.
    pub(crate) fn remove_blob(&self, blob: &BlobId) -> Result<()> {
        match fs::remove_dir_all(self.blob_folder(blob)) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(source) => Err(self.space.io("removing chunks", source)),
        }
    }

    /// The blobs that have a folder here. Whatever else lies here is left alone.
    pub(crate) fn blobs(&self) -> Result<Vec<BlobId>> {
        let mut blobs = Vec::new();
        for shard in names(&self.folder).map_err(|source| self.space.io("listing chunks", source))? {
            let Ok(inner) = names(&self.folder.join(&shard)) else { continue };
            blobs.extend(
                inner
                    .iter()
                    .filter_map(|name| name.parse::<BlobId>().ok())
                    .filter(|blob| blob.to_string().starts_with(&shard)),
            );
        }
        Ok(blobs)
    }

    /// Removes those of a blob's files that `named` does not know and no attempt is at; answers how many.
    pub(crate) fn sweep(
        &self,
        blob: &BlobId,
        mut named: impl FnMut(u32) -> Result<Option<ChunkFile>>,
    ) -> Result<u64> {
        let folder = self.blob_folder(blob);
        let mut removed = 0;
        for text in names(&folder).unwrap_or_default() {
            let Ok(name) = text.parse::<FileName>() else { continue };
            // Asked before the row is looked for: an attempt ends when its row is there to be seen.
            if name.file.run == self.run && self.is_under_way(name.file.attempt) {
                continue;
            }
            let row = named(name.index)?;
            let wanted = row.map(|file| FileName { index: name.index, file }.to_string());
            if wanted.as_deref() != Some(text.as_str()) && fs::remove_file(folder.join(&text)).is_ok() {
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// Removes a blob's folder if it is empty; answers whether it was.
    pub(crate) fn remove_empty(&self, blob: &BlobId) -> bool {
        fs::remove_dir(self.blob_folder(blob)).is_ok()
    }

    fn is_under_way(&self, attempt: u64) -> bool {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner).contains(&attempt)
    }

    fn blob_folder(&self, blob: &BlobId) -> PathBuf {
        let name = blob.to_string();
        self.folder.join(&name[..2]).join(name)
    }
}

fn object_path(blob: &BlobId, name: &FileName) -> ObjectPath {
    let folder = blob.to_string();
    ObjectPath::from(format!("{}/{folder}/{name}", &folder[..2]))
}

fn names(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        names.extend(entry?.file_name().into_string());
    }
    Ok(names)
}

/// What the file store's error means here: the system's own error is somewhere behind it.
fn failure(space: &Space, act: &'static str, error: object_store::Error) -> StoreError {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(current) = cause {
        if let Some(system) = current.downcast_ref::<io::Error>() {
            let kind =
                system.raw_os_error().map_or_else(|| system.kind().into(), io::Error::from_raw_os_error);
            return space.io(act, kind);
        }
        cause = current.source();
    }
    StoreError::Io { act, source: io::Error::other("the file store failed") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_comes_back_and_a_foreign_one_is_none_of_ours() {
        let name = FileName { index: 0x12, file: ChunkFile { run: u64::MAX, attempt: 3 } };
        assert_eq!(name.to_string().parse(), Ok(name));
        assert_eq!(format!("{name}#1").parse(), Ok(name));
        for foreign in ["", "-", "1-2", "1-2-3-4", "100000000-1-1", "x-1-1", ".."] {
            assert_eq!(foreign.parse::<FileName>(), Err(()), "{foreign:?}");
        }
    }
}
