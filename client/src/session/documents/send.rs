//! Sending a document: open the upload, send what is missing, finish, then say so in the log.
//!
//! An attempt is in the vault before its first chunk leaves. Run again after any cut it goes on where the
//! server says it is; a file that changed meanwhile is a new attempt with new keys.

use super::{
    super::{
        Error, Progress, Session, Written,
        outbox::Item,
        state::{epoch_place, load_open_row},
    },
    OnProgress,
    reading::{Pass, SealedChunk, Source, Stopped},
};
use crate::{
    transport::{Server, ServerError, UploadState},
    vault::{
        Act, Durability, VaultError,
        rows::{ChunkDigestsRow, DocumentRow, UploadRow},
    },
};
use alcove_e2ee::{
    documents::DocumentSealer,
    keys::{ContentKey, Salt, draw},
};
use alcove_proto::{
    ids::{BlobId, Digest, GroupId},
    limits::{CHUNK_BYTES, CHUNKS_MAX, FILE_NAME_BYTES_MAX},
    v1::{PutChunksRequest, Reason},
};
use std::{ffi::OsStr, ops::ControlFlow, path::Path, sync::Arc};
use tokio::sync::mpsc;

/// Chunks on their way at a time.
const CHUNKS_IN_FLIGHT: usize = 4;
/// Passes over the file without any chunk getting through before the caller is told.
const FRUITLESS_PASSES_MAX: u32 = 4;
/// Attempts begun anew because the file changed.
const ATTEMPTS_MAX: u32 = 3;

/// One attempt at one version of one file.
struct Attempt {
    /// Of its row in the vault.
    place: Vec<u8>,
    group: GroupId,
    blob: BlobId,
    content_key: ContentKey,
    salt: Salt,
    size: u64,
}

/// How one pass over the file ended.
enum PassEnd {
    Whole(Pass),
    Changed,
    /// The connection broke after so many chunks.
    Cut {
        sent: u64,
    },
}

impl Session {
    /// Sends a file; goes on where an earlier attempt at the same file was cut.
    ///
    /// `on_progress`: bytes of the file that are through, and in all. Breaking it leaves an attempt that can go on.
    /// Errors: [`Error::NotAFile`], [`Error::FileName`], [`Error::FileTooLarge`], [`Error::FileChanged`],
    /// [`Error::Cancelled`], and those of the server.
    pub async fn send_document(
        &self,
        case: &GroupId,
        path: &Path,
        grantable: bool,
        on_progress: OnProgress<'_>,
    ) -> Result<Written, Error> {
        let name = file_name(path)?;
        self.catch_up_once(case).await?;
        for _ in 0..ATTEMPTS_MAX {
            let source = Source::open(path)?;
            let attempt = self.attempt(case, &source).await?;
            match self.send_attempt(&attempt, path, on_progress).await? {
                Some(pass) => return self.finish(&attempt, &pass, name, grantable).await,
                None => self.abandon(&attempt).await?,
            }
        }
        Err(Error::FileChanged { path: path.to_owned() })
    }

    /// The attempt that goes on, or a new one.
    async fn attempt(&self, case: &GroupId, source: &Source) -> Result<Attempt, Error> {
        let path =
            std::fs::canonicalize(&source.path).map_err(|error| super::file_error(&source.path, error))?;
        let limit = u64::from(CHUNKS_MAX) * CHUNK_BYTES as u64;
        if source.size > limit {
            return Err(Error::FileTooLarge { limit });
        }
        let stale = self.vault.read::<_, Error>(|act| {
            let place = place(act, case, &path);
            let row = act.get::<UploadRow>(&place)?.filter(|row| row.size != source.size);
            row.map(|row| Attempt::of_row(place, case, &row)).transpose()
        })?;
        if let Some(stale) = stale {
            self.abandon(&stale).await?;
        }
        self.vault.act(Durability::OnDisk, |act| {
            load_open_row(act, case)?;
            let place = place(act, case, &path);
            if let Some(row) = act.get::<UploadRow>(&place)? {
                return Attempt::of_row(place, case, &row);
            }
            let mut row = UploadRow::default();
            let random = |_| Error::Randomness;
            row.blob_id = draw::<16>(&*self.random).map_err(random)?.to_vec();
            row.content_key = ContentKey::draw(&*self.random).map_err(random)?.as_bytes().to_vec();
            row.salt = Salt::draw(&*self.random).map_err(random)?.0.to_vec();
            row.size = source.size;
            row.begun_at_ms = self.clock.now_ms();
            act.put(&place, &row)?;
            Attempt::of_row(place, case, &row)
        })
    }

    /// Sends chunks until the server has all; nothing when the file is another than the attempt's.
    async fn send_attempt(
        &self,
        attempt: &Attempt,
        path: &Path,
        on_progress: OnProgress<'_>,
    ) -> Result<Option<Pass>, Error> {
        let sealer = Arc::new(attempt.sealer()?);
        let shape = sealer.shape();
        let mut fruitless = 0;
        loop {
            let server = self.server()?;
            let opened = server
                .open_upload(&attempt.blob, &attempt.group, shape.chunk_count(), shape.sealed_bytes_total())
                .await;
            let state = match opened {
                Ok(state) => state,
                // The server knows this blob in another shape: somebody else's, or a remnant.
                Err(error) if error.reason() == Some(Reason::IdReused) => return Ok(None),
                Err(error) => return Err(error.into()),
            };
            let source = Source::open(path)?;
            if source.size != attempt.size {
                return Ok(None);
            }
            match self.pass(attempt, &sealer, source, state, &server, on_progress).await? {
                PassEnd::Whole(pass) => return Ok(Some(pass)),
                PassEnd::Changed => return Ok(None),
                PassEnd::Cut { sent } => {
                    fruitless = if sent == 0 { fruitless + 1 } else { 0 };
                    if fruitless == FRUITLESS_PASSES_MAX {
                        return Err(ServerError::Unreachable.into());
                    }
                }
            }
        }
    }

    /// One pass over the file: a thread reads and seals, this task sends.
    async fn pass(
        &self,
        attempt: &Attempt,
        sealer: &Arc<DocumentSealer>,
        source: Source,
        state: UploadState,
        server: &Server,
        on_progress: OnProgress<'_>,
    ) -> Result<PassEnd, Error> {
        let shape = sealer.shape();
        let path = source.path.clone();
        let known = self.digests(attempt)?;
        let (sealed_sender, mut sealed) = mpsc::channel::<Step>(1);
        let received =
            Arc::new(if state.finished { vec![true; shape.chunk_count() as usize] } else { state.received });
        let reader = {
            let (sealer, received) = (Arc::clone(sealer), Arc::clone(&received));
            tokio::task::spawn_blocking(move || read(source, &sealer, &known, &received, &sealed_sender))
        };
        let (chunks, chunk_receiver) = mpsc::channel::<PutChunksRequest>(CHUNKS_IN_FLIGHT);
        let mut chunks = Some(chunks);
        let put = server.put_chunks(chunk_receiver);
        tokio::pin!(put);
        let mut answered = None;
        let mut sent = 0;
        let mut done: u64 = (0..shape.chunk_count())
            .filter(|index| received[*index as usize])
            .map(|index| shape.file_bytes(index) as u64)
            .sum();
        let mut cancelled = tell(on_progress, done, attempt.size).is_break();
        // The stream's first message names the blob, so it is opened with the first chunk, and not at all without one.
        let mut streaming = false;
        while !cancelled && answered.is_none() {
            let step = tokio::select! {
                step = sealed.recv() => step,
                answer = &mut put, if streaming => { answered = Some(answer); continue; }
            };
            match step {
                None => break,
                Some(Step::Keep { first, digests, kept }) => {
                    let result = self.keep_digests(attempt, first, &digests);
                    // The reader has gone when it does not take the answer.
                    let _gone = kept.send(result.is_ok());
                    result?;
                }
                Some(Step::Chunk(SealedChunk { index, bytes })) => {
                    let request =
                        PutChunksRequest { blob_id: attempt.blob.to_vec(), index, chunk: bytes.into() };
                    let Some(chunks) = &chunks else { break };
                    streaming = true;
                    tokio::select! {
                        given = chunks.send(request) => if given.is_err() { continue },
                        answer = &mut put => { answered = Some(answer); continue; }
                    }
                    sent += 1;
                    done += shape.file_bytes(index) as u64;
                    cancelled = tell(on_progress, done, attempt.size).is_break();
                }
            }
        }
        // The reader stops at its next chunk when nobody takes any.
        drop(sealed);
        chunks.take();
        if cancelled {
            return Err(Error::Cancelled);
        }
        if streaming && answered.is_none() {
            answered = Some(put.await);
        }
        let read = reader.await.map_err(|_| Error::FileChanged { path: path.clone() })?;
        match (answered, read) {
            (_, Err(Stopped::Changed)) => Ok(PassEnd::Changed),
            (_, Err(Stopped::Failed(error))) => Err(error),
            (Some(Err(error)), _) if error.is_worth_retrying() => Ok(PassEnd::Cut { sent }),
            (Some(Err(error)), _) => Err(error.into()),
            (_, Err(Stopped::NotWanted)) => Ok(PassEnd::Cut { sent }),
            (None | Some(Ok(_)), Ok(pass)) => Ok(PassEnd::Whole(pass)),
        }
    }

    fn digests(&self, attempt: &Attempt) -> Result<Vec<Digest>, Error> {
        self.vault.read(|act| {
            let mut digests = Vec::new();
            for (key, row) in act.scan::<ChunkDigestsRow>(attempt.blob.as_bytes())? {
                let damaged = || VaultError::damaged("the digests of an upload");
                let (parts, rest) = row.digests.as_chunks::<32>();
                // In order and without gaps, or a chunk could be sealed twice.
                if key[16..] != (digests.len() as u64).to_be_bytes() || !rest.is_empty() {
                    return Err(damaged().into());
                }
                digests.extend(parts.iter().map(|bytes| Digest(*bytes)));
            }
            Ok(digests)
        })
    }

    fn keep_digests(&self, attempt: &Attempt, first: u32, digests: &[Digest]) -> Result<(), Error> {
        let place = epoch_place(&GroupId(attempt.blob.0), u64::from(first));
        let row = ChunkDigestsRow { digests: digests.iter().flat_map(|digest| digest.0).collect() };
        self.vault.act(Durability::OnDisk, |act| Ok(act.put(&place, &row)?))
    }

    /// All chunks are there: closes the blob, and puts the manifest in the outbox in the act that ends the attempt.
    async fn finish(
        &self,
        attempt: &Attempt,
        pass: &Pass,
        name: String,
        grantable: bool,
    ) -> Result<Written, Error> {
        let position = self.server()?.finish_upload(&attempt.blob, &pass.blob_digest).await?;
        let commitment = attempt.sealer()?.commitment();
        self.write(&attempt.group, |act, _| {
            let mut document = DocumentRow::default();
            document.blob_id = attempt.blob.to_vec();
            document.content_key = attempt.content_key.as_bytes().to_vec();
            document.salt = attempt.salt.0.to_vec();
            document.commitment = commitment.0.to_vec();
            document.size = attempt.size;
            document.sha256 = pass.sha256.to_vec();
            document.media_type = media_type(&name).to_owned();
            document.name = name;
            document.grantable = grantable;
            document.blob_position = position.0;
            forget(act, attempt)?;
            Ok(Item::Document(document))
        })
        .await
    }

    /// The file is another now: the attempt ends, here and at the server.
    async fn abandon(&self, attempt: &Attempt) -> Result<(), Error> {
        match self.server()?.delete_blob(&attempt.blob).await {
            Ok(()) => {}
            Err(error) if error.reason() == Some(Reason::NotFound) => {}
            Err(error) => return Err(error.into()),
        }
        self.vault.act(Durability::OnDisk, |act| forget(act, attempt))
    }
}

impl Attempt {
    fn of_row(place: Vec<u8>, group: &GroupId, row: &UploadRow) -> Result<Self, Error> {
        let damaged = || VaultError::damaged("an upload");
        Ok(Self {
            place,
            group: *group,
            blob: BlobId::try_from(row.blob_id.as_slice()).map_err(|_| damaged())?,
            content_key: ContentKey::try_from(row.content_key.as_slice()).map_err(|_| damaged())?,
            salt: Salt(row.salt.as_slice().try_into().map_err(|_| damaged())?),
            size: row.size,
        })
    }

    fn sealer(&self) -> Result<DocumentSealer, Error> {
        DocumentSealer::new(&self.content_key, self.salt, &self.group, &self.blob, self.size)
            .map_err(|_| Error::FileTooLarge { limit: u64::from(CHUNKS_MAX) * CHUNK_BYTES as u64 })
    }
}

/// What the reading thread asks of the sending task.
enum Step {
    Keep { first: u32, digests: Vec<Digest>, kept: tokio::sync::oneshot::Sender<bool> },
    Chunk(SealedChunk),
}

/// The reading thread.
fn read(
    source: Source,
    sealer: &DocumentSealer,
    known: &[Digest],
    received: &[bool],
    steps: &mpsc::Sender<Step>,
) -> Result<Pass, Stopped> {
    let gone = || Error::Cancelled;
    let stopped = source.pass(
        sealer,
        known,
        &mut |first, digests| {
            let (kept, answer) = tokio::sync::oneshot::channel();
            let step = Step::Keep { first, digests: digests.to_vec(), kept };
            steps.blocking_send(step).map_err(|_| gone())?;
            match answer.blocking_recv() {
                Ok(true) => Ok(()),
                Ok(false) | Err(_) => Err(gone()),
            }
        },
        &|index| !received[index as usize],
        &mut |chunk| steps.blocking_send(Step::Chunk(chunk)).is_ok(),
    );
    match stopped {
        // Whoever sends has stopped, and knows why.
        Err(Stopped::Failed(Error::Cancelled)) => Err(Stopped::NotWanted),
        other => other,
    }
}

fn place(act: &Act<'_>, case: &GroupId, path: &Path) -> Vec<u8> {
    let mut place = act.tag::<UploadRow>(&path.to_string_lossy()).to_vec();
    place.extend(case.as_bytes());
    place
}

fn forget(act: &Act<'_>, attempt: &Attempt) -> Result<(), Error> {
    act.delete::<UploadRow>(&attempt.place)?;
    Ok(act.delete_under::<ChunkDigestsRow>(attempt.blob.as_bytes())?)
}

fn tell(on_progress: OnProgress<'_>, done: u64, total: u64) -> ControlFlow<()> {
    on_progress(Progress { done, total })
}

/// The name that travels: as it stands, if it can.
fn file_name(path: &Path) -> Result<String, Error> {
    let name = path.file_name().and_then(OsStr::to_str);
    name.filter(|name| !name.is_empty() && name.len() <= FILE_NAME_BYTES_MAX)
        .map(str::to_owned)
        .ok_or_else(|| Error::FileName { path: path.to_owned() })
}

/// The media type of common extensions; empty for others. A help for readers, never relied on.
fn media_type(name: &str) -> &'static str {
    const TYPES: [(&str, &str); 20] = [
        ("pdf", "application/pdf"),
        ("doc", "application/msword"),
        ("docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
        ("xls", "application/vnd.ms-excel"),
        ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        ("odt", "application/vnd.oasis.opendocument.text"),
        ("ods", "application/vnd.oasis.opendocument.spreadsheet"),
        ("txt", "text/plain"),
        ("csv", "text/csv"),
        ("rtf", "application/rtf"),
        ("jpg", "image/jpeg"),
        ("jpeg", "image/jpeg"),
        ("png", "image/png"),
        ("heic", "image/heic"),
        ("tif", "image/tiff"),
        ("tiff", "image/tiff"),
        ("mp3", "audio/mpeg"),
        ("m4a", "audio/mp4"),
        ("mp4", "video/mp4"),
        ("zip", "application/zip"),
    ];
    let extension = Path::new(name).extension().and_then(OsStr::to_str).unwrap_or_default();
    let found = TYPES.iter().find(|(known, _)| known.eq_ignore_ascii_case(extension));
    found.map_or("", |(_, media_type)| media_type)
}
