//! Fetching a document: chunks in order, opened, hashed and written; named only when all of it agreed.
//!
//! A fetch that is cut leaves its draft. The same fetch again hashes what lies in it and asks for the rest.

use super::{
    Destination, OnProgress,
    patience::Patience,
    pieces::Aim,
    publishing::publish,
    writing::{Ended, Said, Sink, write},
};
use crate::{
    session::{
        DocumentView, Error, Progress, SavedDocument, Session, Shown,
        joining::former::at_server,
        kinds::{self, view},
        runner,
        state::load_row,
    },
    transport::ChunkStream,
};
use alcove_e2ee::{
    documents::DocumentReader,
    records::{DocumentManifest, Payload},
};
use alcove_proto::ids::{GroupId, RecordId};
use bytes::Bytes;
use std::time::Duration;
use tokio::{sync::mpsc, time::Instant};

/// Chunks between the network and the thread that writes.
const CHUNKS_IN_FLIGHT: usize = 4;

/// How a fetch ended that found nothing wrong with the server's chunks.
pub(super) enum Fetched<S> {
    Whole(S),
    /// What an earlier fetch left was not the beginning of the document.
    DraftSpoiled,
}

impl Session {
    /// Fetches a document, verifies it whole, and only then gives it its name; goes on where an earlier fetch of it
    /// to the same destination was cut.
    ///
    /// `patience`: how long to go on trying while the server cannot be reached.
    /// Errors: [`Error::NoSuchRecord`], [`Error::FileExists`], [`Error::DocumentDamaged`], [`Error::NoSpace`],
    /// [`Error::Cancelled`], and those of the server. Only when the server cannot be reached does a draft stay in the
    /// folder: hidden, for its owner alone, and never under the document's name. Where the file system keeps no permissions
    /// none does.
    pub async fn get_document(
        &self,
        case: &GroupId,
        document: &RecordId,
        destination: &Destination,
        patience: Duration,
        on_progress: OnProgress<'_>,
    ) -> Result<SavedDocument, Error> {
        let (shown, manifest, at_server) = self.what_to_fetch(case, document)?;
        self.clear_pieces().await;
        let aim = Aim::new(case, document, destination)?;
        // Twice at most: a draft that is begun afresh holds nothing that could be spoiled.
        for afresh in [false, true] {
            let draft = aim.draft(&self.vault, self.now(), &*self.random, afresh)?;
            if let Fetched::Whole(draft) =
                self.fetch(&at_server, &manifest, draft, patience, on_progress).await?
            {
                let is_private = draft.is_private();
                let path = publish(draft, destination, &manifest.name)?;
                return Ok(SavedDocument { document: shown, path, is_private });
            }
        }
        Err(Error::DocumentDamaged)
    }

    /// What is shown of a document, what opens it, and the case by whose name the server has it.
    pub(super) fn what_to_fetch(
        &self,
        case: &GroupId,
        document: &RecordId,
    ) -> Result<(DocumentView, DocumentManifest, GroupId), Error> {
        self.vault.read(|act| {
            let at_server = at_server(case, &load_row(act, case)?)?;
            let position = act.find_entry(case, document)?.ok_or(Error::NoSuchRecord)?;
            let (key, row) = act.entry_at(case, position)?.ok_or(Error::NoSuchRecord)?;
            let Some(Shown::Document(shown)) = view(self.kinds, &key, &row)? else {
                return Err(Error::NoSuchRecord);
            };
            let Payload::Document(manifest) = kinds::content(self.kinds, &row) else {
                return Err(Error::NoSuchRecord);
            };
            Ok((shown, manifest, at_server))
        })
    }

    pub(super) async fn fetch<S: Sink>(
        &self,
        case: &GroupId,
        manifest: &DocumentManifest,
        sink: S,
        patience: Duration,
        on_progress: OnProgress<'_>,
    ) -> Result<Fetched<S>, Error> {
        let reader = DocumentReader::new(manifest, case).map_err(|_| Error::DocumentDamaged)?;
        let total = manifest.shape.size();
        let count = manifest.shape.chunk_count();
        let (chunks, chunk_receiver) = mpsc::channel::<Bytes>(CHUNKS_IN_FLIGHT);
        let (said_sender, mut said) = mpsc::channel::<Said>(CHUNKS_IN_FLIGHT);
        let writer = runner::transfer(move || write(reader, sink, chunk_receiver, &said_sender)).await;
        let mut source = None;
        let mut done = 0;
        let mut failure = tell(on_progress, done, total, false);
        // Chunks go in and words come out at their own pace, each waiting for the other within its bound.
        while failure.is_none() && source.as_ref().is_none_or(|source: &Chunks<'_>| source.next < count) {
            let came = tokio::select! {
                biased;
                heard = said.recv() => match heard {
                    Some(Said::Resumed { next, bytes }) => {
                        done = bytes;
                        source = Some(Chunks::new(self, case, manifest, next, patience));
                        Came::Progress
                    }
                    Some(Said::Written(bytes)) => {
                        done += bytes;
                        Came::Progress
                    }
                    // The writer has ended, and says why with its result.
                    None => break,
                },
                came = fetch_next(&mut source, &chunks) => match came {
                    Ok(came) => came,
                    Err(error) => {
                        failure = Some(error);
                        continue;
                    }
                },
            };
            failure = match came {
                Came::Chunk => None,
                Came::Progress => tell(on_progress, done, total, false),
                Came::Nothing => tell(on_progress, done, total, true),
            };
        }
        // The writer writes what it was given, and then ends.
        drop(chunks);
        while failure.is_none() || failure.as_ref().is_some_and(is_cut) {
            match said.recv().await {
                Some(Said::Written(bytes)) => {
                    done += bytes;
                    failure = failure.or(tell(on_progress, done, total, false));
                }
                Some(Said::Resumed { .. }) => {}
                None => break,
            }
        }
        // After any other failure it stops at its next word, as nobody listens.
        drop(said);
        let ended = writer.await.map_err(|_| Error::DocumentDamaged)?;
        match (failure, ended) {
            (None, Ended::Whole(sink)) => Ok(Fetched::Whole(sink)),
            (None, Ended::Spoiled) => Ok(Fetched::DraftSpoiled),
            // What a chunk shows weighs more than what the server says of its own end.
            (None | Some(Error::Server(_)), Ended::Failed(error)) => Err(error),
            (Some(error), Ended::Whole(sink) | Ended::Short(sink)) => {
                if is_cut(&error) {
                    sink.keep();
                }
                Err(error)
            }
            (Some(error), Ended::Spoiled | Ended::Failed(_) | Ended::Unheard) => Err(error),
            // Neither happens while this function listens and holds the way in open.
            (None, Ended::Short(_) | Ended::Unheard) => Err(Error::DocumentDamaged),
        }
    }
}

/// Whether it is worth coming back to what has been fetched.
fn is_cut(error: &Error) -> bool {
    matches!(error, Error::Server(error) if error.is_worth_retrying())
}

fn tell(on_progress: OnProgress<'_>, done: u64, total: u64, waiting: bool) -> Option<Error> {
    on_progress(Progress { done, total, waiting }).is_break().then_some(Error::Cancelled)
}

/// What a turn of the loop brought.
enum Came {
    /// A chunk, handed on.
    Chunk,
    /// The writer is further.
    Progress,
    /// The server cannot be reached, and will be tried again.
    Nothing,
}

/// The chunks of a blob, over as many streams as it takes.
struct Chunks<'a> {
    session: &'a Session,
    case: &'a GroupId,
    manifest: &'a DocumentManifest,
    stream: Option<ChunkStream>,
    next: u32,
    patience: Patience,
    /// When the server is to be tried again.
    retry_at: Option<Instant>,
}

/// Fetches the next chunk, once it is known which one that is.
async fn fetch_next(source: &mut Option<Chunks<'_>>, to: &mpsc::Sender<Bytes>) -> Result<Came, Error> {
    match source {
        Some(source) => source.fetch(to).await,
        None => std::future::pending().await,
    }
}

impl<'a> Chunks<'a> {
    fn new(
        session: &'a Session,
        case: &'a GroupId,
        manifest: &'a DocumentManifest,
        next: u32,
        patience: Duration,
    ) -> Self {
        let patience = Patience::new(patience);
        Self { session, case, manifest, stream: None, next, patience, retry_at: None }
    }

    /// Fetches the next chunk and hands it on. Dropped between the two it loses nothing: the place in
    /// the channel is taken first.
    async fn fetch(&mut self, to: &mpsc::Sender<Bytes>) -> Result<Came, Error> {
        // The writer has gone; it says why with its result.
        let Ok(place) = to.reserve().await else { return std::future::pending().await };
        if let Some(at) = self.retry_at {
            tokio::time::sleep_until(at).await;
            self.retry_at = None;
        }
        match self.chunk().await {
            Ok(Some(chunk)) => {
                place.send(chunk);
                self.next += 1;
                self.patience.renew();
                Ok(Came::Chunk)
            }
            // Fewer than the manifest says.
            Ok(None) => Err(Error::DocumentDamaged),
            Err(error) if is_cut(&error) => {
                self.stream = None;
                self.retry_at = self.patience.next_try(Instant::now());
                if self.retry_at.is_some() { Ok(Came::Nothing) } else { Err(error) }
            }
            Err(error) => Err(error),
        }
    }

    async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        let stream = match &mut self.stream {
            Some(stream) => stream,
            empty => {
                let server = self.session.server()?;
                empty.insert(server.read_chunks(&self.manifest.blob, self.case, self.next).await?)
            }
        };
        Ok(stream.next().await?)
    }
}
