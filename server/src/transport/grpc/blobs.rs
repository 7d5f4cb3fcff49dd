//! The Blobs service at the edge: chunks in and out as streams, one chunk a message.

use super::{
    call::{Call, Refusal, Reply, drain},
    parse::{ParseError, id, required},
};
use crate::{
    service::{BlobShape, CHUNKS_AT_ONCE, ChunkReader, ChunkWriter, NewUpload, Service, ServiceError},
    store::Store,
};
use alcove_proto::{
    ids::BlobId,
    limits::{CHUNK_BYTES, CHUNK_TAG_BYTES},
    v1,
};
use alcove_rpc::v1::blobs_server::Blobs;
use futures_util::stream::unfold;
use std::pin::Pin;
use tokio_stream::Stream;
use tonic::{Request, Response, Status, Streaming, async_trait};

/// Bytes of one sealed chunk.
const SEALED_CHUNK_BYTES_MAX: usize = CHUNK_BYTES + CHUNK_TAG_BYTES;
/// Bytes one transfer holds beside the message on its way: the chunks on theirs to or from the disk.
const TRANSFER_BYTES: u64 = (CHUNKS_AT_ONCE * SEALED_CHUNK_BYTES_MAX) as u64;

/// Serves `alcove.v1.Blobs`.
pub(super) struct BlobsApi<S>(pub(super) Service<S>);

#[async_trait]
impl<S: Store> Blobs for BlobsApi<S> {
    async fn open_upload(&self, request: Request<v1::OpenUploadRequest>) -> Reply<v1::OpenUploadResponse> {
        Call::answered(request, async |call, message| {
            let (blob, group) = (id(&message.blob_id)?, id(&message.group_id)?);
            let shape =
                BlobShape::new(message.chunk_count, message.bytes_total).map_err(ServiceError::from)?;
            let upload = self.0.open_upload(&call.caller, NewUpload { blob, group, shape }).await?;
            let received = upload.received.into_iter().map(|(first, last)| v1::ChunkRange { first, last });
            Ok(v1::OpenUploadResponse { received: received.collect(), finished: upload.finished })
        })
        .await
    }

    async fn put_chunks(
        &self,
        request: Request<Streaming<v1::PutChunksRequest>>,
    ) -> Reply<v1::PutChunksResponse> {
        let (call, mut chunks) = Call::begin(request)?;
        if let Err(status) = call.hold(TRANSFER_BYTES) {
            drain(&mut chunks).await;
            return Err(status);
        }
        let writer = self.0.put_chunks(&call.caller);
        match take_chunks(writer, &mut chunks).await {
            Ok(stored) => Ok(Response::new(v1::PutChunksResponse { stored })),
            Err(Cut::Refused(refusal)) => {
                drain(&mut chunks).await;
                Err(call.refuse(refusal))
            }
            Err(Cut::Lost(status)) => Err(status),
        }
    }

    async fn finish_upload(
        &self,
        request: Request<v1::FinishUploadRequest>,
    ) -> Reply<v1::FinishUploadResponse> {
        Call::answered(request, async |call, message| {
            let (blob, digest) = (id(&message.blob_id)?, id(&message.digest)?);
            let position = self.0.finish_upload(&call.caller, blob, digest).await?;
            Ok(v1::FinishUploadResponse { position: position.0 })
        })
        .await
    }

    type ReadChunksStream = Pin<Box<dyn Stream<Item = Result<v1::ReadChunksResponse, Status>> + Send>>;

    async fn read_chunks(&self, request: Request<v1::ReadChunksRequest>) -> Reply<Self::ReadChunksStream> {
        let (call, message) = Call::begin(request)?;
        let opened = async {
            let (group, blob) = (id(&message.group_id)?, id(&message.blob_id)?);
            let count = (message.count != 0).then_some(message.count);
            Ok(self.0.read_chunks(&call.caller, group, blob, message.first, count).await?)
        };
        let reader = opened.await.map_err(|refusal| call.refuse(refusal))?;
        call.hold(TRANSFER_BYTES)?;
        let stream = unfold(Some((reader, call)), |state: Option<(ChunkReader<S>, Call)>| async move {
            let (mut reader, call) = state?;
            match reader.next().await {
                Ok(Some((index, chunk))) => {
                    Some((Ok(v1::ReadChunksResponse { index, chunk }), Some((reader, call))))
                }
                Ok(None) => None,
                Err(error) => Some((Err(call.refuse(error.into())), None)),
            }
        });
        Ok(Response::new(Box::pin(stream)))
    }

    async fn delete_blob(&self, request: Request<v1::DeleteBlobRequest>) -> Reply<v1::DeleteBlobResponse> {
        Call::answered(request, async |call, message| {
            self.0.delete_blob(&call.caller, id(&message.blob_id)?).await?;
            Ok(v1::DeleteBlobResponse {})
        })
        .await
    }
}

/// Why an upload stopped in the middle.
enum Cut {
    /// Refused: the rest is read and thrown away first.
    Refused(Refusal),
    /// The stream itself broke.
    Lost(Status),
}

impl<E: Into<Refusal>> From<E> for Cut {
    fn from(error: E) -> Self {
        Self::Refused(error.into())
    }
}

async fn take_chunks<S: Store>(
    mut writer: ChunkWriter<S>,
    chunks: &mut Streaming<v1::PutChunksRequest>,
) -> Result<u32, Cut> {
    let mut blob = None;
    while let Some(message) = chunks.message().await.map_err(Cut::Lost)? {
        let blob = *blob.insert(blob_of(blob, &message)?);
        required(&message.chunk, SEALED_CHUNK_BYTES_MAX)?;
        writer.put(blob, message.index, message.chunk).await?;
    }
    Ok(writer.finish().await?)
}

/// The blob a message is about: the first one says, the others may leave it out but not change it.
fn blob_of(known: Option<BlobId>, message: &v1::PutChunksRequest) -> Result<BlobId, ParseError> {
    match known {
        Some(known) if message.blob_id.is_empty() => Ok(known),
        Some(known) if message.blob_id == known.as_bytes() => Ok(known),
        Some(_) => Err(ParseError::Contradiction),
        None => id(&message.blob_id),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_call_is_about_one_blob() {
        let message = |blob_id: &[u8]| v1::PutChunksRequest {
            blob_id: blob_id.to_vec(),
            index: 0,
            chunk: Default::default(),
        };
        let known = BlobId([1; 16]);
        assert!(blob_of(None, &message(&[])).is_err(), "the first message says which");
        assert_eq!(blob_of(None, &message(&[1; 16])), Ok(known));
        assert_eq!(blob_of(Some(known), &message(&[])), Ok(known));
        assert_eq!(blob_of(Some(known), &message(&[1; 16])), Ok(known));
        assert_eq!(blob_of(Some(known), &message(&[2; 16])), Err(ParseError::Contradiction));
    }
}
