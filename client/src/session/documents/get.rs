//! Fetching a document: chunks in order, opened, hashed and written; named only when all of it agreed.

use super::{
    super::{
        Error, Progress, SavedDocument, Session,
        payload::{Shown, manifest_of, view},
    },
    Destination, OnProgress, file_error,
    place::Draft,
};
use crate::transport::ChunkStream;
use alcove_e2ee::{
    documents::{DocumentError, DocumentReader},
    keys::draw,
    records::DocumentManifest,
};
use alcove_proto::{
    ids::{GroupId, RecordId},
    limits::{CHUNK_BYTES, CHUNK_TAG_BYTES},
};
use bytes::Bytes;
use std::{io::Write, path::PathBuf};
use tokio::sync::mpsc;

/// Chunks between the network and the thread that writes.
const CHUNKS_IN_FLIGHT: usize = 4;
/// Streams that break one after the other without a chunk before the caller is told.
const FRUITLESS_STREAMS_MAX: u32 = 4;

/// What the writing thread says.
enum Said {
    /// So many bytes of the original are written.
    Written(u64),
    /// A chunk does not verify, or the disk refused.
    Failed(Error),
}

impl Session {
    /// Fetches a document, verifies it whole, and only then gives it its name.
    ///
    /// Errors: [`Error::NoSuchRecord`], [`Error::FileExists`], [`Error::DocumentDamaged`], [`Error::NoSpace`],
    /// [`Error::Cancelled`], and those of the server. After an error nothing is left in the folder.
    pub async fn get_document(
        &self,
        case: &GroupId,
        document: &RecordId,
        destination: &Destination,
        on_progress: OnProgress<'_>,
    ) -> Result<SavedDocument, Error> {
        let (shown, manifest) = self.vault.read(|act| {
            super::super::state::load_row(act, case)?;
            let position = act.find_entry(case, document)?.ok_or(Error::NoSuchRecord)?;
            let (key, row) = act.entry_at(case, position)?.ok_or(Error::NoSuchRecord)?;
            let Shown::Document(shown) = view(&key, &row)? else { return Err(Error::NoSuchRecord) };
            let manifest = row.document.as_ref().ok_or(Error::NoSuchRecord)?;
            Ok((shown, manifest_of(manifest)?))
        })?;
        let tag = draw::<8>(&*self.random).map_err(|_| Error::Randomness)?;
        let draft = Draft::create(destination, tag)?;
        let reader = DocumentReader::new(&manifest, case).map_err(|_| Error::DocumentDamaged)?;
        let path = self.fetch(case, &manifest, reader, draft, destination, on_progress).await?;
        Ok(SavedDocument { document: shown, path })
    }

    async fn fetch(
        &self,
        case: &GroupId,
        manifest: &DocumentManifest,
        reader: DocumentReader,
        draft: Draft,
        destination: &Destination,
        on_progress: OnProgress<'_>,
    ) -> Result<PathBuf, Error> {
        let total = manifest.shape.size();
        let count = manifest.shape.chunk_count();
        let (chunks, chunk_receiver) = mpsc::channel::<Bytes>(CHUNKS_IN_FLIGHT);
        let (said_sender, mut said) = mpsc::channel::<Said>(CHUNKS_IN_FLIGHT);
        let mut chunks = Some(chunks);
        let writer = tokio::task::spawn_blocking(move || write(reader, draft, chunk_receiver, &said_sender));
        let mut source = Chunks { session: self, case, manifest, stream: None, next: 0, fruitless: 0 };
        let mut done = 0;
        let mut failure = on_progress(Progress { done, total }).is_break().then_some(Error::Cancelled);
        // Chunks go in and words come out at their own pace, each waiting for the other within its bound.
        while failure.is_none() && (done < total || source.next < count) {
            let fetched = tokio::select! {
                biased;
                heard = said.recv() => {
                    match heard {
                        Some(Said::Written(bytes)) => {
                            done += bytes;
                            if on_progress(Progress { done, total }).is_break() {
                                failure = Some(Error::Cancelled);
                            }
                        }
                        Some(Said::Failed(error)) => failure = Some(error),
                        None => break,
                    }
                    continue;
                }
                fetched = source.fetch(chunks.as_ref()), if source.next < count => fetched,
            };
            if let Err(error) = fetched {
                failure = Some(error);
            }
        }
        chunks.take();
        if failure.is_some() {
            // The writer ends at its next chunk, and its draft goes with it.
            drop(said);
        } else {
            while let Some(heard) = said.recv().await {
                if let Said::Failed(error) = heard {
                    failure = Some(error);
                }
            }
        }
        let written = writer.await.map_err(|_| Error::DocumentDamaged)?;
        if let Some(error) = failure {
            return Err(error);
        }
        let draft = written.ok_or(Error::DocumentDamaged)?;
        draft.publish(destination, &manifest.name)
    }
}

/// The chunks of a blob, over as many streams as it takes.
struct Chunks<'a> {
    session: &'a Session,
    case: &'a GroupId,
    manifest: &'a DocumentManifest,
    stream: Option<ChunkStream>,
    next: u32,
    fruitless: u32,
}

impl Chunks<'_> {
    /// Fetches the next chunk and hands it on. Dropped between the two it loses nothing: the place in
    /// the channel is taken first.
    async fn fetch(&mut self, to: Option<&mpsc::Sender<Bytes>>) -> Result<(), Error> {
        let Some(to) = to else { return Ok(()) };
        // The writer has gone; it says why on its own channel.
        let Ok(place) = to.reserve().await else { return std::future::pending().await };
        if self.stream.is_none() {
            let server = self.session.server()?;
            self.stream = Some(server.read_chunks(&self.manifest.blob, self.case, self.next).await?);
        }
        let Some(stream) = &mut self.stream else { return Ok(()) };
        match stream.next().await {
            Ok(Some(chunk)) => {
                place.send(chunk);
                self.next += 1;
                self.fruitless = 0;
                Ok(())
            }
            // Fewer than the manifest says.
            Ok(None) => Err(Error::DocumentDamaged),
            Err(error) if error.is_worth_retrying() && self.fruitless < FRUITLESS_STREAMS_MAX => {
                self.fruitless += 1;
                self.stream = None;
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// The writing thread: opens, hashes and writes chunk after chunk. Returns the draft if it is whole.
fn write(
    mut reader: DocumentReader,
    mut draft: Draft,
    mut chunks: mpsc::Receiver<Bytes>,
    said: &mpsc::Sender<Said>,
) -> Option<Draft> {
    let mut plain = Vec::with_capacity(CHUNK_BYTES + CHUNK_TAG_BYTES);
    while let Some(sealed) = chunks.blocking_recv() {
        let step = reader
            .open_next(&sealed, &mut plain)
            .map_err(|error| damaged(&error))
            .and_then(|()| draft.write(&plain));
        let word = match step {
            Ok(()) => Said::Written(plain.len() as u64),
            Err(error) => Said::Failed(error),
        };
        let failed = matches!(word, Said::Failed(_));
        if said.blocking_send(word).is_err() || failed {
            return None;
        }
    }
    match reader.finish() {
        Ok(()) => Some(draft),
        Err(error) => {
            // Nobody listens after a failure of their own.
            let _gone = said.blocking_send(Said::Failed(damaged(&error)));
            None
        }
    }
}

impl Draft {
    fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.file.write_all(bytes).map_err(|source| file_error(self.path(), source))
    }
}

fn damaged(error: &DocumentError) -> Error {
    tracing::warn!(%error, "a document does not verify");
    Error::DocumentDamaged
}
