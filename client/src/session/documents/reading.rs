//! Reading a file that is to be sent: once from front to back, sealing as it goes.
//!
//! Runs on a thread of its own with a few chunks in hand. Chunks are given out in blocks with their digests, and the
//! digests are kept before a chunk of the block may leave this device: whoever resumes compares against them, so that
//! no nonce ever seals two chunks. Reading and sealing go on meanwhile.

use super::{super::Error, file_error};
use alcove_e2ee::documents::{BlobDigest, DocumentError, DocumentSealer, OriginalHash};
use alcove_programs::files::open_plain;
use alcove_proto::{
    ids::Digest,
    limits::{CHUNK_BYTES, CHUNK_TAG_BYTES},
};
use std::{
    fs::File,
    io::{self, Read, Seek},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

/// Chunks of a block: their digests are kept together before the first of them is sent. Blocks begin at multiples of
/// it, so that two passes over one file always speak of the same blocks.
pub(super) const BLOCK_CHUNKS: usize = 4;

/// So old must the times of a file be for a later change to show in them. A file system that keeps whole seconds may keep
/// every second one only, as FAT does; others keep every tick of the system's clock.
const SETTLED_AFTER: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(4)];

/// A file as it stood when reading began.
pub(super) struct Source {
    pub(super) path: PathBuf,
    file: File,
    pub(super) size: u64,
    stamp: Stamp,
    /// The times of `stamp` are old enough for a change after it to show in them.
    is_settled: bool,
}

/// What the system says about the state of an open file. Nobody puts back the time at which it changed.
#[derive(PartialEq, Eq)]
struct Stamp {
    size: u64,
    modified: Option<SystemTime>,
    /// When content, name or permissions last changed: seconds since 1970, and nanoseconds.
    changed: Option<(i64, i64)>,
}

impl Stamp {
    fn of(file: &File) -> io::Result<Self> {
        let data = file.metadata()?;
        #[cfg(unix)]
        let changed = {
            use std::os::unix::fs::MetadataExt;
            Some((data.ctime(), data.ctime_nsec()))
        };
        #[cfg(not(unix))]
        let changed = None;
        Ok(Self { size: data.len(), modified: data.modified().ok(), changed })
    }

    fn is_settled(&self, now: SystemTime) -> bool {
        let Some(modified) = self.modified else { return false };
        let changed = self.changed.map_or(Some(modified), |(seconds, nanoseconds)| {
            let since = Duration::new(seconds.try_into().ok()?, nanoseconds.try_into().ok()?);
            SystemTime::UNIX_EPOCH.checked_add(since)
        });
        let is_whole = self.changed.is_none_or(|(_, nanoseconds)| nanoseconds == 0);
        let wait = SETTLED_AFTER[usize::from(is_whole)];
        let is_old = |time| now.duration_since(time).is_ok_and(|age| age > wait);
        is_old(modified) && changed.is_some_and(is_old)
    }
}

/// One chunk that may be sent.
pub(super) struct SealedChunk {
    pub(super) index: u32,
    pub(super) bytes: Vec<u8>,
}

/// Chunks that are sent once their digests are kept.
pub(super) struct Block {
    /// Index of the first chunk of `digests`.
    pub(super) first: u32,
    /// Digests of the block's chunks as they were sealed now; empty when an earlier pass kept them.
    pub(super) digests: Vec<Digest>,
    /// Those of them that are to be sent.
    pub(super) chunks: Vec<SealedChunk>,
}

/// What a whole pass over the file found.
pub(super) struct Pass {
    pub(super) sha256: Digest,
    pub(super) blob_digest: Digest,
}

/// Why a pass ended early.
pub(super) enum Stopped {
    /// The file is not what an earlier attempt began with.
    Changed,
    /// Nobody takes chunks any more.
    NotWanted,
    Failed(Error),
}

impl Block {
    fn at(first: u32) -> Self {
        Self { first, digests: Vec::with_capacity(BLOCK_CHUNKS), chunks: Vec::with_capacity(BLOCK_CHUNKS) }
    }
}

impl From<Error> for Stopped {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl Source {
    /// Opens a plain file, now.
    ///
    /// Errors: [`Error::NotAFile`], also for what says that it is empty and is not, as the files of /proc do: how long
    /// it is must be known before its first chunk is sealed. [`Error::File`].
    pub(super) fn open(path: &Path, now: SystemTime) -> Result<Self, Error> {
        let failed = |source| file_error(path, source);
        let not_a_file = || Error::NotAFile { path: path.to_owned() };
        let mut file = match open_plain(path) {
            Ok(file) => file.ok_or_else(not_a_file)?,
            // Elsewhere this is standard input, which has neither a name nor a size.
            Err(_) if path == Path::new("-") => return Err(not_a_file()),
            Err(source) => return Err(failed(source)),
        };
        let stamp = Stamp::of(&file).map_err(failed)?;
        if stamp.size == 0 && file.read(&mut [0]).map_err(failed)? > 0 {
            return Err(not_a_file());
        }
        let is_settled = stamp.is_settled(now);
        Ok(Self { path: path.to_owned(), file, size: stamp.size, stamp, is_settled })
    }

    /// SHA-256 of the whole file, and of no more than one byte behind what it had when it was opened.
    ///
    /// Errors: [`Error::File`].
    pub(super) fn hash(&mut self) -> Result<Digest, Error> {
        let mut hash = OriginalHash::new();
        let mut buffer = vec![0; CHUNK_BYTES];
        let failed = |source| file_error(&self.path, source);
        self.file.rewind().map_err(failed)?;
        let mut bytes = (&mut self.file).take(self.size.saturating_add(1));
        loop {
            match bytes.read(&mut buffer) {
                Ok(0) => return Ok(hash.finish()),
                Ok(read) => hash.update(&buffer[..read]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Err(failed(source)),
            }
        }
    }

    /// Reads and seals the whole file.
    ///
    /// `known`: digests of the chunks that may have left before, in order and up to the end of a block; those chunks
    /// must come out the same. `wanted`: whether the chunk is to be sent; others are only hashed. `give`: takes a
    /// block, or says that nobody wants more.
    pub(super) fn pass(
        mut self,
        sealer: &DocumentSealer,
        known: &[Digest],
        wanted: &dyn Fn(u32) -> bool,
        give: &mut dyn FnMut(Block) -> bool,
    ) -> Result<Pass, Stopped> {
        let shape = sealer.shape();
        let mut original = OriginalHash::new();
        let mut blob = BlobDigest::new();
        let mut block = Block::at(0);
        for index in 0..shape.chunk_count() {
            let mut buffer = Vec::with_capacity(CHUNK_BYTES + CHUNK_TAG_BYTES);
            self.read_chunk(&mut buffer, shape.file_bytes(index))?;
            original.update(&buffer);
            let (digest, is_new) = match known.get(index as usize) {
                Some(digest) => {
                    sealer
                        .seal_chunk_again(index, &mut buffer, digest)
                        .map_err(|error| self.stopped(error))?;
                    (*digest, false)
                }
                None => (sealer.seal_chunk(index, &mut buffer).map_err(|error| self.stopped(error))?, true),
            };
            blob.push(&digest);
            if is_new {
                block.digests.push(digest);
            }
            if wanted(index) {
                block.chunks.push(SealedChunk { index, bytes: buffer });
            }
            let next = index + 1;
            if (next as usize).is_multiple_of(BLOCK_CHUNKS) || next == shape.chunk_count() {
                let whole = std::mem::replace(&mut block, Block::at(next));
                let has_something = !whole.digests.is_empty() || !whole.chunks.is_empty();
                if has_something && !give(whole) {
                    return Err(Stopped::NotWanted);
                }
            }
        }
        let sha256 = original.finish();
        self.check_of_one_moment(&sha256)?;
        Ok(Pass { sha256, blob_digest: blob.finish() })
    }

    fn read_chunk(&mut self, buffer: &mut Vec<u8>, bytes: usize) -> Result<(), Stopped> {
        let read = (&mut self.file).take(bytes as u64).read_to_end(buffer);
        read.map_err(|source| file_error(&self.path, source))?;
        // Shorter than it was: what is missing is not made up.
        if buffer.len() == bytes { Ok(()) } else { Err(Stopped::Changed) }
    }

    /// What was read stood in the file at one moment: size and times are what they were at the beginning. Where times
    /// differ, or are too young to show a change, it is read once more: what both readings found was there between them.
    fn check_of_one_moment(&mut self, sha256: &Digest) -> Result<(), Stopped> {
        let now = Stamp::of(&self.file).map_err(|source| file_error(&self.path, source))?;
        let is_same = (now == self.stamp && self.is_settled) || self.hash()? == *sha256;
        if is_same { Ok(()) } else { Err(Stopped::Changed) }
    }

    fn stopped(&self, error: DocumentError) -> Stopped {
        match error {
            DocumentError::Changed { .. } => Stopped::Changed,
            DocumentError::TooLarge { .. }
            | DocumentError::NoSuchChunk { .. }
            | DocumentError::WrongCommitment
            | DocumentError::ChunkTruncated { .. }
            | DocumentError::ChunkExtended { .. }
            | DocumentError::ChunkTampered { .. }
            | DocumentError::TwoFinals { .. }
            | DocumentError::MissingFinal
            | DocumentError::Padding { .. }
            | DocumentError::Truncated { .. }
            | DocumentError::Extended
            | DocumentError::WrongHash => Stopped::Failed(Error::FileChanged { path: self.path.clone() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alcove_e2ee::keys::{ContentKey, Salt};
    use alcove_proto::ids::{BlobId, GroupId};
    use ring::digest;
    use std::fs;

    struct Scene {
        folder: tempfile::TempDir,
    }

    /// What one pass kept and gave out.
    #[derive(Default)]
    struct Out {
        kept: Vec<Digest>,
        sent: Vec<(u32, Vec<u8>)>,
    }

    impl Scene {
        fn with(bytes: &[u8]) -> Self {
            let scene = Self { folder: tempfile::tempdir().unwrap() };
            scene.write(bytes);
            scene
        }

        fn path(&self) -> PathBuf {
            self.folder.path().join("file")
        }

        fn write(&self, bytes: &[u8]) {
            fs::write(self.path(), bytes).unwrap();
        }

        fn sealer(&self, size: u64) -> DocumentSealer {
            let key = ContentKey::from_bytes([7; 32]);
            DocumentSealer::new(&key, Salt([8; 32]), &GroupId([1; 16]), &BlobId([2; 16]), size).unwrap()
        }

        /// A pass that resumes after `known` and is cut after `sent_max` chunks.
        fn pass(
            &self,
            known: &[Digest],
            wanted: &dyn Fn(u32) -> bool,
            sent_max: usize,
        ) -> (Result<Pass, Stopped>, Out) {
            let source = open(&self.path()).unwrap();
            let sealer = self.sealer(source.size);
            let mut out = Out { kept: known.to_vec(), sent: Vec::new() };
            let result = source.pass(&sealer, known, wanted, &mut |block| {
                if !block.digests.is_empty() {
                    assert_eq!(block.first as usize, out.kept.len(), "in order and without gaps");
                    out.kept.extend(block.digests);
                }
                for chunk in block.chunks {
                    assert!(out.kept.len() > chunk.index as usize, "kept before it is sent");
                    out.sent.push((chunk.index, chunk.bytes));
                    if out.sent.len() >= sent_max {
                        return false;
                    }
                }
                true
            });
            (result, out)
        }
    }

    fn open(path: &Path) -> Result<Source, Error> {
        Source::open(path, SystemTime::now())
    }

    fn bytes(length: usize) -> Vec<u8> {
        (0..length).map(|index| (index * 31 % 251) as u8).collect()
    }

    #[test]
    fn a_pass_gives_every_chunk_once_and_the_hash_of_the_original() {
        for length in [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 6 * CHUNK_BYTES + 5] {
            let content = bytes(length);
            let scene = Scene::with(&content);
            let (pass, out) = scene.pass(&[], &|_| true, usize::MAX);
            let Ok(pass) = pass else { panic!("{length}") };
            assert_eq!(pass.sha256.0, digest::digest(&digest::SHA256, &content).as_ref());
            let count = scene.sealer(length as u64).shape().chunk_count();
            assert!(out.sent.iter().map(|(index, _)| *index).eq(0..count));
            assert_eq!(out.kept.len(), count as usize);
        }
    }

    #[test]
    fn a_pass_that_was_cut_goes_on_with_the_same_chunks_and_sends_only_what_is_missing() {
        let scene = Scene::with(&bytes(9 * CHUNK_BYTES));
        let (whole, all) = scene.pass(&[], &|_| true, usize::MAX);
        let (cut, first) = scene.pass(&[], &|_| true, 3);
        assert!(matches!(cut, Err(Stopped::NotWanted)));
        let received = first.sent.len() as u32 - 1;
        let (resumed, rest) = scene.pass(&first.kept, &|index| index >= received, usize::MAX);
        let (Ok(whole), Ok(resumed)) = (whole, resumed) else { panic!("both passes end") };
        assert_eq!(whole.blob_digest, resumed.blob_digest);
        assert_eq!(whole.sha256, resumed.sha256);
        assert_eq!(rest.sent.first().map(|(index, _)| *index), Some(received));
        assert!(rest.sent == all.sent[received as usize..], "sealed again, a chunk is the same bytes");
    }

    #[test]
    fn a_file_that_changed_since_is_never_sealed_under_the_same_keys() {
        let content = bytes(5 * CHUNK_BYTES);
        let scene = Scene::with(&content);
        let (_, first) = scene.pass(&[], &|_| true, 2);
        let mut other = content.clone();
        other[CHUNK_BYTES + 3] ^= 1;
        scene.write(&other);
        let (changed, out) = scene.pass(&first.kept, &|_| true, usize::MAX);
        assert!(matches!(changed, Err(Stopped::Changed)));
        assert!(out.sent.len() <= 1, "nothing from the changed chunk on leaves");
    }

    #[test]
    fn a_file_that_shrinks_or_grows_while_it_is_read_is_noticed() {
        let content = bytes(3 * CHUNK_BYTES);
        for length in [2 * CHUNK_BYTES, 4 * CHUNK_BYTES] {
            let scene = Scene::with(&content);
            let source = open(&scene.path()).unwrap();
            let sealer = scene.sealer(source.size);
            scene.write(&bytes(length));
            let result = source.pass(&sealer, &[], &|_| true, &mut |_| true);
            assert!(matches!(result, Err(Stopped::Changed)), "{length}");
        }
    }

    /// A pass over a file of which `meanwhile` changes something once its first block is read. `settled`: its times are
    /// old enough to be relied on.
    fn pass_while(meanwhile: &dyn Fn(&Path), settled: bool) -> Result<Pass, Stopped> {
        let scene = Scene::with(&bytes(9 * CHUNK_BYTES));
        let written = fs::metadata(scene.path()).unwrap().modified().unwrap();
        let now = written + Duration::from_secs(if settled { 3600 } else { 0 });
        let source = Source::open(&scene.path(), now).unwrap();
        assert_eq!(source.is_settled, settled);
        let sealer = scene.sealer(source.size);
        let mut is_first = true;
        source.pass(&sealer, &[], &|_| true, &mut |_| {
            if std::mem::take(&mut is_first) {
                meanwhile(&scene.path());
            }
            true
        })
    }

    /// Writes into both halves of the file, and puts its time back.
    fn change_unseen(path: &Path) {
        use std::io::{SeekFrom, Write};
        let mut file = fs::OpenOptions::new().write(true).open(path).unwrap();
        let before = file.metadata().unwrap().modified().unwrap();
        for at in [CHUNK_BYTES, 8 * CHUNK_BYTES] {
            file.seek(SeekFrom::Start(at as u64)).unwrap();
            file.write_all(b"changed").unwrap();
        }
        file.set_modified(before).unwrap();
    }

    #[test]
    fn a_mixture_of_two_moments_is_noticed_though_size_and_time_are_as_they_were() {
        for settled in [true, false] {
            assert!(matches!(pass_while(&change_unseen, settled), Err(Stopped::Changed)), "{settled}");
            assert!(pass_while(&|_| (), settled).is_ok(), "the control");
        }
    }

    #[test]
    fn a_file_that_only_its_name_or_its_time_was_taken_of_is_whole() {
        let renamed = |path: &Path| fs::rename(path, path.with_extension("old")).unwrap();
        let replaced = |path: &Path| {
            fs::write(path.with_extension("new"), "another").unwrap();
            fs::rename(path.with_extension("new"), path).unwrap();
        };
        let touched = |path: &Path| {
            let file = fs::OpenOptions::new().write(true).open(path).unwrap();
            file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
        };
        let content = bytes(9 * CHUNK_BYTES);
        for meanwhile in [&renamed as &dyn Fn(&Path), &replaced, &touched] {
            let Ok(pass) = pass_while(meanwhile, true) else { panic!("it was read whole") };
            assert_eq!(pass.sha256.0, digest::digest(&digest::SHA256, &content).as_ref());
        }
    }

    #[test]
    fn only_a_plain_file_is_opened() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(open(folder.path()), Err(Error::NotAFile { .. })));
        assert!(matches!(open(&folder.path().join("none")), Err(Error::File { .. })));
        assert!(matches!(open(Path::new("-")), Err(Error::NotAFile { .. })));
        #[cfg(unix)]
        {
            let (socket, link) = (folder.path().join("socket"), folder.path().join("link"));
            let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
            std::os::unix::fs::symlink(&socket, &link).unwrap();
            for path in [&*socket, &*link, Path::new("/dev/null"), Path::new("/dev/zero")] {
                assert!(matches!(open(path), Err(Error::NotAFile { .. })), "{path:?}");
            }
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_file_that_does_not_say_how_long_it_is_or_cannot_be_read_is_refused_by_name() {
        assert!(matches!(open(Path::new("/proc/self/status")), Err(Error::NotAFile { .. })));
        // Nothing lies at the first address: the system answers with an error of input.
        assert!(matches!(open(Path::new("/proc/self/mem")), Err(Error::File { .. })));
    }
}
