//! Sending a document: open the upload, send what is missing, finish, then say so in the log.
//!
//! An attempt is in the vault before its first chunk leaves. Run again after any cut it goes on where the
//! server says it is; a file that changed meanwhile is a new attempt with new keys.

use super::{
    super::{Error, Progress, Session, Written, kinds::document, runner},
    OnProgress,
    attempt::{Attempt, FILE_BYTES_MAX, Kept, knows_what_left},
    file_error,
    patience::Patience,
    reading::{Block, Pass, SealedChunk, Source, Stopped},
};
use crate::{
    transport::{Server, ServerError, UploadState},
    vault::{Durability, Vault},
};
use alcove_e2ee::{
    documents::DocumentSealer,
    records::{DocumentManifest, name_of_bytes},
};
use alcove_proto::{
    ids::{Digest, GroupId},
    limits::FILE_NAME_BYTES_MAX,
    v1::{PutChunksRequest, Reason},
};
use std::{ffi::OsStr, ops::ControlFlow, path::Path, sync::Arc, time::Duration};
use tokio::{sync::mpsc, time::Instant};

/// Chunks on their way at a time, beside the block that is being read and the one that waits.
const CHUNKS_IN_FLIGHT: usize = 2;
/// Attempts begun anew because another process ended the one before.
const ATTEMPTS_MAX: u32 = 5;
/// So often may the file have changed; one that is written to all the time would go up again and again.
const CHANGES_MAX: u32 = 2;

/// How an attempt, or one pass over its file, ended.
enum End {
    /// All chunks are at the server.
    Whole(Pass),
    /// The file is not the attempt's, or this vault does not know what left under its keys.
    Changed,
    /// Another process has finished or abandoned the attempt.
    Overtaken,
    /// The connection broke after so many chunks of this pass, with so many bytes of the file at the server.
    Cut { sent: u64, done: u64 },
}

impl Session {
    /// Sends a file; goes on where an earlier attempt at the same file was cut.
    ///
    /// `patience`: how long to go on trying while the server cannot be reached. `on_progress`: bytes of the file that
    /// are through, and in all. Breaking it leaves an attempt that can go on.
    /// Errors: [`Error::NotAFile`], [`Error::FileName`], [`Error::FileTooLarge`], [`Error::FileChanged`],
    /// [`Error::Cancelled`], and those of the server.
    pub async fn send_document(
        &self,
        case: &GroupId,
        path: &Path,
        grantable: bool,
        patience: Duration,
        on_progress: OnProgress<'_>,
    ) -> Result<Written, Error> {
        let name = file_name(path)?;
        self.catch_up_once(case).await?;
        let mut changes = 0;
        for _ in 0..ATTEMPTS_MAX {
            let source = Source::open(path, self.now())?;
            let attempt = Arc::new(self.attempt(case, &source).await?);
            match self.send_attempt(&attempt, path, patience, on_progress).await? {
                End::Whole(pass) => {
                    if let Some(written) = self.finish(&attempt, &pass, &name, grantable).await? {
                        return Ok(written);
                    }
                }
                End::Changed => {
                    self.abandon(&attempt).await?;
                    changes += 1;
                    if changes == CHANGES_MAX {
                        break;
                    }
                }
                End::Overtaken => {}
                End::Cut { .. } => return Err(ServerError::Unreachable.into()),
            }
        }
        Err(Error::FileChanged { path: path.to_owned() })
    }

    /// The attempt that goes on, or a new one.
    async fn attempt(&self, case: &GroupId, source: &Source) -> Result<Attempt, Error> {
        let path = std::fs::canonicalize(&source.path).map_err(|error| file_error(&source.path, error))?;
        if source.size > FILE_BYTES_MAX {
            return Err(Error::FileTooLarge { path: source.path.clone(), limit: FILE_BYTES_MAX });
        }
        let stale = self.vault.read::<_, Error>(|act| {
            let Some(attempt) = Attempt::find(act, case, &path)? else { return Ok(None) };
            let usable = attempt.size == source.size && attempt.goes_on(act)?;
            Ok(Some(attempt).filter(|_| !usable))
        })?;
        if let Some(stale) = stale {
            self.abandon(&stale).await?;
        }
        let now_ms = self.clock.now_ms();
        self.vault.act(Durability::OnDisk, |act| {
            Attempt::find_or_begin(act, case, &path, source.size, now_ms, &*self.random)
        })
    }

    /// Sends chunks until the server has all, or until the attempt or our patience has ended.
    async fn send_attempt(
        &self,
        attempt: &Arc<Attempt>,
        path: &Path,
        patience: Duration,
        on_progress: OnProgress<'_>,
    ) -> Result<End, Error> {
        let sealer = Arc::new(attempt.sealer()?);
        let mut patience = Patience::new(patience);
        let mut through = 0;
        loop {
            let end = match self.try_attempt(attempt, &sealer, path, on_progress).await {
                Ok(end) => end,
                Err(Error::Server(error)) if error.is_worth_retrying() => End::Cut { sent: 0, done: through },
                // Another process may have ended the attempt, and the server refuses what is left of it.
                Err(Error::Server(ServerError::Refused(_))) if !self.goes_on(attempt)? => End::Overtaken,
                Err(error) => return Err(error),
            };
            let End::Cut { sent, done } = end else { return Ok(end) };
            through = done;
            if sent > 0 {
                patience.renew();
            }
            let Some(next) = patience.next_try(Instant::now()) else { return Ok(end) };
            if tell(on_progress, done, attempt.size, true).is_break() {
                return Err(Error::Cancelled);
            }
            tokio::time::sleep_until(next).await;
        }
    }

    /// Asks how far the server is, and sends what it lacks.
    async fn try_attempt(
        &self,
        attempt: &Arc<Attempt>,
        sealer: &Arc<DocumentSealer>,
        path: &Path,
        on_progress: OnProgress<'_>,
    ) -> Result<End, Error> {
        let shape = sealer.shape();
        let server = self.server()?;
        let opened = server
            .open_upload(&attempt.blob, &attempt.group, shape.chunk_count(), shape.sealed_bytes_total())
            .await;
        let state = match opened {
            Ok(state) => state,
            // The server knows this blob in another shape: somebody else's, or a remnant.
            Err(error) if error.reason() == Some(Reason::IdReused) => return Ok(End::Changed),
            Err(error) => return Err(error.into()),
        };
        let known = self.vault.read(|act| attempt.digests(act))?;
        if !knows_what_left(&known, &state, shape) {
            return Ok(End::Changed);
        }
        let source = Source::open(path, self.now())?;
        if source.size != attempt.size {
            return Ok(End::Changed);
        }
        self.pass(attempt, sealer, source, known, state, &server, on_progress).await
    }

    /// One pass over the file: a thread reads, seals and keeps digests, this task sends.
    #[allow(clippy::too_many_arguments, reason = "what a pass is made of, each said once")]
    async fn pass(
        &self,
        attempt: &Arc<Attempt>,
        sealer: &Arc<DocumentSealer>,
        source: Source,
        known: Vec<Digest>,
        state: UploadState,
        server: &Server,
        on_progress: OnProgress<'_>,
    ) -> Result<End, Error> {
        let shape = sealer.shape();
        let path = source.path.clone();
        let (block_sender, mut blocks) = mpsc::channel::<Block>(1);
        let received =
            Arc::new(if state.finished { vec![true; shape.chunk_count() as usize] } else { state.received });
        let reader = {
            let (sealer, received) = (Arc::clone(sealer), Arc::clone(&received));
            let (vault, attempt) = (Arc::clone(&self.vault), Arc::clone(attempt));
            runner::transfer(move || {
                let wanted = |index| !received[index as usize];
                let mut kept = Ok(Kept::OnDisk);
                let read = source.pass(&sealer, &known, &wanted, &mut |block| {
                    // The block before is on its way meanwhile, so that nobody waits for the disk.
                    kept = keep(&vault, &attempt, &block);
                    matches!(kept, Ok(Kept::OnDisk)) && block_sender.blocking_send(block).is_ok()
                });
                (kept, read)
            })
            .await
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
        let mut cancelled = tell(on_progress, done, attempt.size, false).is_break();
        // The stream's first message names the blob, so it is opened with the first chunk, and not at all without one.
        let mut streaming = false;
        'blocks: while !cancelled && answered.is_none() {
            let block = tokio::select! {
                block = blocks.recv() => block,
                answer = &mut put, if streaming => { answered = Some(answer); continue; }
            };
            let Some(block) = block else { break };
            for SealedChunk { index, bytes } in block.chunks {
                let request = PutChunksRequest { blob_id: attempt.blob.to_vec(), index, chunk: bytes.into() };
                let Some(chunks) = &chunks else { break 'blocks };
                streaming = true;
                let given = tokio::select! {
                    given = chunks.send(request) => given.is_ok(),
                    answer = &mut put => { answered = Some(answer); false }
                };
                if !given {
                    // The stream has ended; its answer says why.
                    continue 'blocks;
                }
                sent += 1;
                done += shape.file_bytes(index) as u64;
                cancelled = tell(on_progress, done, attempt.size, false).is_break();
                if cancelled {
                    break 'blocks;
                }
            }
        }
        // The reader stops at its next block when nobody takes any.
        drop(blocks);
        chunks.take();
        if cancelled {
            return Err(Error::Cancelled);
        }
        if streaming && answered.is_none() {
            // All is handed over; on a slow line much of it has yet to get there.
            if tell(on_progress, done, attempt.size, true).is_break() {
                return Err(Error::Cancelled);
            }
            answered = Some(put.await);
        }
        let (kept, read) = reader.await.map_err(|_| Error::FileChanged { path: path.clone() })?;
        match (kept?, answered, read) {
            (Kept::Differ, ..) => Ok(End::Changed),
            (Kept::Ended, ..) => Ok(End::Overtaken),
            (Kept::OnDisk, _, Err(Stopped::Changed)) => Ok(End::Changed),
            (Kept::OnDisk, _, Err(Stopped::Failed(error))) => Err(error),
            (Kept::OnDisk, Some(Err(error)), _) if error.is_worth_retrying() => Ok(End::Cut { sent, done }),
            (Kept::OnDisk, Some(Err(error)), _) => Err(error.into()),
            (Kept::OnDisk, _, Err(Stopped::NotWanted)) => Ok(End::Cut { sent, done }),
            (Kept::OnDisk, None | Some(Ok(_)), Ok(pass)) => Ok(End::Whole(pass)),
        }
    }

    fn goes_on(&self, attempt: &Attempt) -> Result<bool, Error> {
        self.vault.read(|act| attempt.goes_on(act))
    }

    /// All chunks are there: closes the blob, and puts the manifest in the outbox in the act that ends the attempt.
    /// Returns nothing when another process has ended it meanwhile.
    async fn finish(
        &self,
        attempt: &Attempt,
        pass: &Pass,
        name: &FileName,
        grantable: bool,
    ) -> Result<Option<Written>, Error> {
        let position = match self.server()?.finish_upload(&attempt.blob, &pass.blob_digest).await {
            Ok(position) => position,
            Err(ServerError::Refused(_)) if !self.goes_on(attempt)? => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let sealer = attempt.sealer()?;
        let mut overtaken = false;
        let written = self.write(&attempt.group, |act, _| {
            if !attempt.goes_on(act)? {
                // One blob stands in one manifest, and an abandoned one in none.
                overtaken = true;
                return Err(Error::Cancelled);
            }
            attempt.forget(act)?;
            document::prepare(DocumentManifest {
                blob: attempt.blob,
                content_key: attempt.content_key.clone(),
                salt: attempt.salt,
                commitment: sealer.commitment(),
                shape: sealer.shape(),
                sha256: pass.sha256,
                media_type: media_type(&name.shown).to_owned(),
                name: name.shown.clone(),
                name_bytes: name.bytes.clone(),
                grantable,
                blob_position: position,
            })
        });
        match written.await {
            Err(_) if overtaken => Ok(None),
            written => written.map(Some),
        }
    }

    /// The file is another now: the attempt ends, here and at the server.
    ///
    /// Marked first and forgotten last: a crash in between leaves a mark by which the next try finds it.
    async fn abandon(&self, attempt: &Attempt) -> Result<(), Error> {
        if !self.vault.act(Durability::OnDisk, |act| attempt.abandon(act))? {
            return Ok(());
        }
        match self.server()?.delete_blob(&attempt.blob).await {
            Ok(()) => {}
            Err(error) if error.reason() == Some(Reason::NotFound) => {}
            Err(error) => return Err(error.into()),
        }
        self.vault.act(Durability::OnDisk, |act| attempt.forget(act))
    }
}

/// Keeps the digests of a block, where they are not kept yet: none of its chunks leaves before.
fn keep(vault: &Vault, attempt: &Attempt, block: &Block) -> Result<Kept, Error> {
    if block.digests.is_empty() {
        return Ok(Kept::OnDisk);
    }
    vault.act(Durability::OnDisk, |act| attempt.keep(act, block.first, &block.digests))
}

fn tell(on_progress: OnProgress<'_>, done: u64, total: u64, waiting: bool) -> ControlFlow<()> {
    on_progress(Progress { done, total, waiting })
}

/// The name of a file as it travels.
#[derive(PartialEq, Eq)]
pub(super) struct FileName {
    /// As it stands; of one that is no UTF-8, what is shown for it.
    pub(super) shown: String,
    /// Of one that is no UTF-8, its bytes.
    pub(super) bytes: Vec<u8>,
}

/// The name that travels.
///
/// Errors: [`Error::FileName`].
pub(super) fn file_name(path: &Path) -> Result<FileName, Error> {
    let bytes = path.file_name().unwrap_or_default().as_encoded_bytes();
    if bytes.is_empty() || bytes.len() > FILE_NAME_BYTES_MAX {
        return Err(Error::FileName { path: path.to_owned() });
    }
    Ok(match std::str::from_utf8(bytes) {
        Ok(name) => FileName { shown: name.to_owned(), bytes: Vec::new() },
        Err(_) => FileName { shown: name_of_bytes(bytes), bytes: bytes.to_vec() },
    })
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
