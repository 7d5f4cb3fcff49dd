//! Blobs: uploads in chunks, and chunks read in order.

use super::{CALL_DEADLINE, LARGE_CALL_DEADLINE, Server, ServerError, call};
use alcove_proto::{
    ids::{BlobId, Digest, GroupId, Position},
    limits::{CHUNK_BYTES, CHUNK_TAG_BYTES},
    v1,
};
use bytes::Bytes;
use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::sync::mpsc;
use tokio_stream::{StreamExt, wrappers::ReceiverStream};
use tonic::Streaming;

/// How long one chunk may be under way, or the server be silent behind the last one: enough for a line of 28 kbit/s.
/// That the server is there at all, the connection's own pings show much sooner.
const CHUNK_DEADLINE: Duration = Duration::from_secs(300);

/// How far an upload came.
pub(crate) struct UploadState {
    /// Which chunks the server has, one flag each.
    pub received: Vec<bool>,
    /// The blob is closed and readable.
    pub finished: bool,
}

/// Chunks of a blob, in order.
pub(crate) struct ChunkStream {
    stream: Streaming<v1::ReadChunksResponse>,
    next: u32,
}

impl ChunkStream {
    /// The next sealed chunk, or nothing when the server has no more to send.
    ///
    /// Errors: [`ServerError::Unreachable`] when the stream breaks: ask again from the next index.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, ServerError> {
        let message = match tokio::time::timeout(CHUNK_DEADLINE, self.stream.message()).await {
            Ok(message) => message?,
            Err(_elapsed) => return Err(ServerError::Unreachable),
        };
        let Some(part) = message else { return Ok(None) };
        if part.index != self.next || part.chunk.len() > CHUNK_BYTES + CHUNK_TAG_BYTES {
            return Err(ServerError::bad("a chunk out of order or over its size"));
        }
        self.next += 1;
        Ok(Some(part.chunk))
    }
}

impl Server {
    /// Begins an upload, or finds how far an earlier one came.
    pub(crate) async fn open_upload(
        &self,
        blob: &BlobId,
        group: &GroupId,
        chunk_count: u32,
        bytes_total: u64,
    ) -> Result<UploadState, ServerError> {
        let request = v1::OpenUploadRequest {
            blob_id: blob.to_vec(),
            group_id: group.to_vec(),
            chunk_count,
            bytes_total,
        };
        let answer =
            call(&self.line, CALL_DEADLINE, self.blobs(), request, |mut client, request| async move {
                client.open_upload(request).await
            })
            .await?;
        let mut received = vec![false; chunk_count as usize];
        for range in answer.received {
            let wrong = ServerError::bad("a range of chunks that is none");
            let (first, last) = (range.first as usize, range.last as usize);
            if first > last {
                return Err(wrong);
            }
            received.get_mut(first..=last).ok_or(wrong)?.fill(true);
        }
        Ok(UploadState { received, finished: answer.finished })
    }

    /// Sends the chunks that come through `chunks`, until its sender is dropped. Tried once: the
    /// caller asks how far it came and goes on from there.
    ///
    /// Errors: those of the server; [`ServerError::Unreachable`] when for `CHUNK_DEADLINE` it takes no chunk and
    /// answers nothing.
    pub(crate) async fn put_chunks(
        &self,
        chunks: mpsc::Receiver<v1::PutChunksRequest>,
    ) -> Result<u32, ServerError> {
        let taken = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&taken);
        let counted = ReceiverStream::new(chunks).map(move |chunk| {
            counter.fetch_add(1, Ordering::Relaxed);
            chunk
        });
        let mut blobs = self.blobs();
        let mut answer = pin!(blobs.put_chunks(counted));
        loop {
            let before = taken.load(Ordering::Relaxed);
            match tokio::time::timeout(CHUNK_DEADLINE, &mut answer).await {
                Ok(answer) => return Ok(answer?.into_inner().stored),
                Err(_elapsed) if taken.load(Ordering::Relaxed) == before => {
                    return Err(ServerError::Unreachable);
                }
                Err(_elapsed) => {}
            }
        }
    }

    /// Closes an upload; the answer is the newest log position. Others can read it once a record names it.
    pub(crate) async fn finish_upload(
        &self,
        blob: &BlobId,
        digest: &Digest,
    ) -> Result<Position, ServerError> {
        let request = v1::FinishUploadRequest { blob_id: blob.to_vec(), digest: digest.to_vec() };
        let answer =
            call(&self.line, LARGE_CALL_DEADLINE, self.blobs(), request, |mut client, request| async move {
                client.finish_upload(request).await
            })
            .await?;
        Ok(Position(answer.position))
    }

    /// Reads chunks from `first` to the end.
    pub(crate) async fn read_chunks(
        &self,
        blob: &BlobId,
        group: &GroupId,
        first: u32,
    ) -> Result<ChunkStream, ServerError> {
        let request =
            v1::ReadChunksRequest { blob_id: blob.to_vec(), group_id: group.to_vec(), first, count: 0 };
        let stream =
            call(&self.line, CALL_DEADLINE, self.blobs(), request, |mut client, request| async move {
                client.read_chunks(request).await
            })
            .await?;
        Ok(ChunkStream { stream, next: first })
    }

    /// Deletes a blob or an unfinished upload of this device.
    pub(crate) async fn delete_blob(&self, blob: &BlobId) -> Result<(), ServerError> {
        let request = v1::DeleteBlobRequest { blob_id: blob.to_vec() };
        call(&self.line, CALL_DEADLINE, self.blobs(), request, |mut client, request| async move {
            client.delete_blob(request).await
        })
        .await
        .map(drop)
    }
}
