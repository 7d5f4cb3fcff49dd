//! The thread that writes a fetched document: opens, hashes and writes chunk after chunk, from where its draft ends.

use super::{super::Error, draft::Draft};
use alcove_e2ee::documents::{DocumentError, DocumentReader};
use alcove_proto::limits::{CHUNK_BYTES, CHUNK_TAG_BYTES};
use bytes::Bytes;
use std::{fs::File, io::Read};
use tokio::sync::mpsc;
use zeroize::Zeroizing;

/// What the writing thread says while it works.
pub(super) enum Said {
    /// What an earlier fetch left has been hashed: chunk `next` is due, and `bytes` of the original are there.
    Resumed { next: u32, bytes: u64 },
    /// So many bytes more are written.
    Written(u64),
}

/// Where the original goes, from its first byte to its last.
pub(super) trait Sink: Send + 'static {
    /// What an earlier fetch left, from its beginning, and how many bytes that is.
    fn left(&mut self) -> Result<Option<(&mut File, u64)>, Error>;

    /// Keeps its first `length` bytes; what is written next follows them.
    fn go_on_from(&mut self, length: u64) -> Result<(), Error>;

    /// Writes the next bytes.
    fn write(&mut self, bytes: &[u8]) -> Result<(), Error>;

    /// No more comes for now: a later fetch may go on.
    fn keep(self);
}

impl Sink for Draft {
    fn left(&mut self) -> Result<Option<(&mut File, u64)>, Error> {
        let length = self.length();
        if length == 0 { Ok(None) } else { self.reread().map(|file| Some((file, length))) }
    }

    fn go_on_from(&mut self, length: u64) -> Result<(), Error> {
        Self::go_on_from(self, length)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        Self::write(self, bytes)
    }

    fn keep(self) {
        Self::keep(self);
    }
}

/// How the writing thread ended.
pub(super) enum Ended<S> {
    /// What was written is the document.
    Whole(S),
    /// No more chunks came; what was written can be gone on with.
    Short(S),
    /// Every chunk opened, and the draft is not the document: what an earlier fetch left was something else.
    Spoiled,
    /// A chunk does not verify, or the disk refused.
    Failed(Error),
    /// Nobody listens any more: whoever stopped listening knows why.
    Unheard,
}

impl<S> From<Error> for Ended<S> {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// Writes the chunks that come, until there are no more.
pub(super) fn write<S: Sink>(
    mut reader: DocumentReader,
    mut sink: S,
    mut chunks: mpsc::Receiver<Bytes>,
    said: &mpsc::Sender<Said>,
) -> Ended<S> {
    let resumed = match resume(&mut reader, &mut sink, said) {
        Ok(bytes) => bytes,
        Err(ended) => return ended,
    };
    let mut plain = Zeroizing::new(Vec::with_capacity(CHUNK_BYTES + CHUNK_TAG_BYTES));
    while let Some(sealed) = chunks.blocking_recv() {
        let step = reader
            .open_next(&sealed, &mut plain)
            .map_err(|error| damaged(&error))
            .and_then(|()| sink.write(&plain));
        if let Err(error) = step {
            return Ended::Failed(error);
        }
        if said.blocking_send(Said::Written(plain.len() as u64)).is_err() {
            return Ended::Unheard;
        }
    }
    if reader.next_index() < reader.shape().chunk_count() {
        return Ended::Short(sink);
    }
    match reader.finish() {
        Ok(()) => Ended::Whole(sink),
        Err(DocumentError::WrongHash) if resumed > 0 => Ended::Spoiled,
        Err(error) => Ended::Failed(damaged(&error)),
    }
}

/// Hashes the whole chunks that lie in the draft, and cuts off what follows them. Returns how many bytes they have.
///
/// They were opened when they came; that they are still what they were, the hash of the whole shows.
fn resume<S: Sink>(
    reader: &mut DocumentReader,
    sink: &mut S,
    said: &mpsc::Sender<Said>,
) -> Result<u64, Ended<S>> {
    let shape = reader.shape();
    let mut bytes = 0;
    if let Some((file, length)) = sink.left()? {
        let length = length.min(shape.size());
        let mut chunk = Zeroizing::new(vec![0; CHUNK_BYTES]);
        while reader.next_index() < shape.chunk_count() {
            let due = shape.file_bytes(reader.next_index());
            // Chunks of padding alone leave no trace in the draft, so they are fetched.
            if due == 0 || bytes + due as u64 > length || file.read_exact(&mut chunk[..due]).is_err() {
                break;
            }
            reader.resume_with(&chunk[..due]).map_err(|error| damaged(&error))?;
            bytes += due as u64;
            if said.is_closed() {
                return Err(Ended::Unheard);
            }
        }
    }
    sink.go_on_from(bytes)?;
    // Nobody listens after a failure of their own, and the first word after this one shows it.
    let _gone = said.blocking_send(Said::Resumed { next: reader.next_index(), bytes });
    Ok(bytes)
}

fn damaged(error: &DocumentError) -> Error {
    tracing::warn!(%error, "a document does not verify");
    Error::DocumentDamaged
}

#[cfg(test)]
mod tests {
    use super::*;
    use alcove_e2ee::{
        documents::{DocumentSealer, OriginalHash},
        keys::{ContentKey, Salt},
        records::DocumentManifest,
    };
    use alcove_proto::ids::{BlobId, GroupId, Position};
    use std::{fs, path::PathBuf};

    const GROUP: GroupId = GroupId([1; 16]);

    /// A document of nine and a half chunks, the last ones padding, and the folder it is fetched to.
    struct Scene {
        folder: tempfile::TempDir,
        original: Vec<u8>,
        manifest: DocumentManifest,
        sealed: Vec<Bytes>,
    }

    impl Scene {
        fn new() -> Self {
            let original: Vec<u8> = (0..17 * CHUNK_BYTES / 2 + 5).map(|at| (at * 31 % 251) as u8).collect();
            let (key, salt, blob) = (ContentKey::from_bytes([7; 32]), Salt([8; 32]), BlobId([2; 16]));
            let sealer = DocumentSealer::new(&key, salt, &GROUP, &blob, original.len() as u64).unwrap();
            let shape = sealer.shape();
            let sealed = (0..shape.chunk_count())
                .map(|index| {
                    let from = shape.file_offset(index) as usize;
                    let mut chunk = original[from..from + shape.file_bytes(index)].to_vec();
                    sealer.seal_chunk(index, &mut chunk).unwrap();
                    Bytes::from(chunk)
                })
                .collect();
            let mut hash = OriginalHash::new();
            hash.update(&original);
            let manifest = DocumentManifest {
                blob,
                content_key: key,
                salt,
                commitment: sealer.commitment(),
                shape,
                sha256: hash.finish(),
                name: "plan.pdf".into(),
                name_bytes: Vec::new(),
                media_type: String::new(),
                grantable: false,
                blob_position: Position(1),
            };
            Self { folder: tempfile::tempdir().unwrap(), original, manifest, sealed }
        }

        fn draft(&self) -> Draft {
            let path = self.folder.path().join("draft");
            let left = Draft::go_on(path.clone(), Box::new(|| ()));
            left.unwrap_or_else(|| Draft::create(path, Box::new(|| ())).unwrap())
        }

        /// One fetch that is cut after `chunks` chunks: how it ends, and which chunk it began with.
        fn fetch(&self, chunks: usize) -> (Ended<Draft>, u32) {
            let draft = self.draft();
            let reader = DocumentReader::new(&self.manifest, &GROUP).unwrap();
            let (chunk_sender, chunk_receiver) = mpsc::channel(1);
            let (said_sender, mut said) = mpsc::channel(1);
            let writer = std::thread::spawn(move || write(reader, draft, chunk_receiver, &said_sender));
            let Some(Said::Resumed { next, .. }) = said.blocking_recv() else { panic!("it has not begun") };
            for chunk in self.sealed.iter().skip(next as usize).take(chunks) {
                chunk_sender.blocking_send(chunk.clone()).unwrap();
                assert!(matches!(said.blocking_recv(), Some(Said::Written(_))));
            }
            drop(chunk_sender);
            (writer.join().unwrap(), next)
        }

        fn cut(&self, chunks: usize) {
            let (Ended::Short(draft), _) = self.fetch(chunks) else { panic!("it was to be cut") };
            draft.keep();
        }

        fn draft_path(&self) -> PathBuf {
            fs::read_dir(self.folder.path()).unwrap().next().unwrap().unwrap().path()
        }
    }

    #[test]
    fn a_fetch_goes_on_with_the_chunk_that_its_draft_lacks() {
        let scene = Scene::new();
        scene.cut(3);
        // The machine stopped in the middle of a write.
        let mut draft = fs::OpenOptions::new().append(true).open(scene.draft_path()).unwrap();
        std::io::Write::write_all(&mut draft, b"half a chunk").unwrap();
        scene.cut(2);
        let (Ended::Whole(draft), next) = scene.fetch(usize::MAX) else { panic!("all chunks came") };
        assert_eq!(next, 5);
        draft.keep();
        assert!(fs::read(scene.draft_path()).unwrap() == scene.original);
    }

    #[test]
    fn a_draft_that_was_changed_is_never_taken_for_the_document() {
        let scene = Scene::new();
        scene.cut(4);
        let mut bytes = fs::read(scene.draft_path()).unwrap();
        bytes[CHUNK_BYTES + 1] ^= 1;
        fs::write(scene.draft_path(), &bytes).unwrap();
        assert!(matches!(scene.fetch(usize::MAX), (Ended::Spoiled, 4)));
        // It has gone, so the next fetch begins anew.
        assert!(matches!(scene.fetch(usize::MAX), (Ended::Whole(_), 0)));
    }

    #[test]
    fn whoever_stops_listening_is_given_no_other_reason() {
        let scene = Scene::new();
        let reader = DocumentReader::new(&scene.manifest, &GROUP).unwrap();
        let (chunk_sender, chunk_receiver) = mpsc::channel(1);
        let (said_sender, said) = mpsc::channel(4);
        chunk_sender.blocking_send(scene.sealed[0].clone()).unwrap();
        drop(said);
        assert!(matches!(write(reader, scene.draft(), chunk_receiver, &said_sender), Ended::Unheard));
        assert_eq!(fs::read_dir(scene.folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_changed_chunk_ends_a_fetch_and_leaves_nothing() {
        let mut scene = Scene::new();
        let mut chunk = scene.sealed[2].to_vec();
        chunk[5] ^= 1;
        scene.sealed[2] = chunk.into();
        scene.cut(2);
        let reader = DocumentReader::new(&scene.manifest, &GROUP).unwrap();
        let (chunk_sender, chunk_receiver) = mpsc::channel(1);
        let (said_sender, _said) = mpsc::channel(4);
        chunk_sender.blocking_send(scene.sealed[2].clone()).unwrap();
        drop(chunk_sender);
        let ended = write(reader, scene.draft(), chunk_receiver, &said_sender);
        assert!(matches!(ended, Ended::Failed(Error::DocumentDamaged)));
        assert_eq!(fs::read_dir(scene.folder.path()).unwrap().count(), 0);
    }
}
