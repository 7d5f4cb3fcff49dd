//! The server's calls as the bench makes them: over the stubs themselves, with the client's connection settings.
//!
//! Each call is made once: a second try would hide what the first one took.

use crate::Error;
use alcove_proto::{
    ids::{BlobId, Digest, GroupId, Position, RecordId},
    limits::MESSAGE_BYTES_MAX,
    names::Identity,
    v1::{self, submit_commit_response::Outcome},
};
use alcove_rpc::v1::{
    blobs_client::BlobsClient, directory_client::DirectoryClient, groups_client::GroupsClient,
    key_packages_client::KeyPackagesClient,
};
use alcove_trust::{Connector, http2};
use std::net::SocketAddr;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{
    Streaming,
    transport::{Channel, Endpoint},
};

/// One device's connection to the server. Clones share it.
#[derive(Clone)]
pub(crate) struct Wire {
    channel: Channel,
}

impl Wire {
    /// A connection that is opened with the first call.
    pub(crate) fn new(address: SocketAddr, connector: Connector) -> Result<Self, Error> {
        let endpoint = Endpoint::from_shared(format!("https://{address}"))?
            .initial_connection_window_size(http2::CONNECTION_WINDOW_BYTES)
            .initial_stream_window_size(http2::STREAM_WINDOW_BYTES)
            .max_frame_size(http2::FRAME_BYTES_MAX);
        Ok(Self { channel: endpoint.connect_with_connector_lazy(connector) })
    }

    fn groups(&self) -> GroupsClient<Channel> {
        GroupsClient::new(self.channel.clone())
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX)
    }

    fn blobs(&self) -> BlobsClient<Channel> {
        BlobsClient::new(self.channel.clone()).max_encoding_message_size(MESSAGE_BYTES_MAX)
    }

    /// The lightest call there is.
    pub(crate) async fn describe(&self) -> Result<(), Error> {
        DirectoryClient::new(self.channel.clone()).describe_server(v1::DescribeServerRequest {}).await?;
        Ok(())
    }

    /// Makes a group.
    pub(crate) async fn create_group(&self, group: &GroupId, group_info: Vec<u8>) -> Result<(), Error> {
        let request = v1::CreateGroupRequest { group_id: group.to_vec(), group_info };
        self.groups().create_group(request).await?;
        Ok(())
    }

    /// Has the server order a commit that nobody competes with.
    pub(crate) async fn submit_commit(&self, request: v1::SubmitCommitRequest) -> Result<(), Error> {
        match self.groups().submit_commit(request).await?.into_inner().outcome {
            Some(Outcome::Accepted(_)) => Ok(()),
            Some(Outcome::SupersededBy(_)) => Err("a founder alone lost a race".into()),
            None => Err("a commit without an outcome".into()),
        }
    }

    /// Appends a sealed record.
    pub(crate) async fn append_record(
        &self,
        group: &GroupId,
        record: &RecordId,
        epoch: u64,
        bytes: Vec<u8>,
    ) -> Result<v1::Receipt, Error> {
        let request = v1::AppendRecordRequest {
            group_id: group.to_vec(),
            record_id: record.to_vec(),
            epoch,
            record: bytes.into(),
            blob_ids: Vec::new(),
        };
        let answer = self.groups().append_record(request).await?.into_inner();
        Ok(answer.receipt.ok_or("a record without a receipt")?)
    }

    /// One page of a log after a position.
    pub(crate) async fn read_log(
        &self,
        group: &GroupId,
        after: Position,
    ) -> Result<v1::ReadLogResponse, Error> {
        let request = v1::ReadLogRequest {
            group_id: group.to_vec(),
            after_position: after.0,
            entries_max: 0,
            through_position: 0,
        };
        Ok(self.groups().read_log(request).await?.into_inner())
    }

    /// Follows one log live.
    pub(crate) async fn subscribe(
        &self,
        group: GroupId,
        after: Position,
    ) -> Result<Streaming<v1::SubscribeResponse>, Error> {
        let cursors = vec![v1::Cursor { group_id: group.to_vec(), after_position: after.0 }];
        Ok(self.groups().subscribe(v1::SubscribeRequest { cursors }).await?.into_inner())
    }

    /// The first welcome that waits for this device, with its tree.
    pub(crate) async fn welcome(&self) -> Result<(v1::PendingWelcome, Vec<u8>), Error> {
        let mut groups = self.groups();
        let listed = groups.list_welcomes(v1::ListWelcomesRequest {}).await?.into_inner();
        let welcome = listed.welcomes.into_iter().next().ok_or("a joiner has a welcome")?;
        let request = v1::FetchTreeRequest { welcome_id: welcome.welcome_id.clone() };
        let mut parts = groups.fetch_tree(request).await?.into_inner();
        let mut tree = Vec::new();
        while let Some(part) = parts.message().await? {
            tree.extend(part.chunk);
        }
        Ok((welcome, tree))
    }

    /// A key package of a device that has published some.
    pub(crate) async fn claim_key_package(&self, identity: &Identity) -> Result<Vec<u8>, Error> {
        let request = v1::ClaimKeyPackagesRequest { identities: vec![identity.to_string()] };
        let mut packages = KeyPackagesClient::new(self.channel.clone());
        let answer = packages.claim_key_packages(request).await?.into_inner();
        let package = answer.key_packages.into_iter().next();
        Ok(package.ok_or("whoever is admitted has published key packages")?.key_package)
    }

    /// Begins an upload.
    pub(crate) async fn open_upload(
        &self,
        blob: &BlobId,
        group: &GroupId,
        chunk_count: u32,
        bytes_total: u64,
    ) -> Result<(), Error> {
        let (blob_id, group_id) = (blob.to_vec(), group.to_vec());
        let request = v1::OpenUploadRequest { blob_id, group_id, chunk_count, bytes_total };
        self.blobs().open_upload(request).await?;
        Ok(())
    }

    /// Sends the chunks that come through `chunks`; answers how many the server stored.
    pub(crate) async fn put_chunks(
        &self,
        chunks: mpsc::Receiver<v1::PutChunksRequest>,
    ) -> Result<u32, Error> {
        Ok(self.blobs().put_chunks(ReceiverStream::new(chunks)).await?.into_inner().stored)
    }

    /// Closes an upload.
    pub(crate) async fn finish_upload(&self, blob: &BlobId, digest: &Digest) -> Result<(), Error> {
        let request = v1::FinishUploadRequest { blob_id: blob.to_vec(), digest: digest.to_vec() };
        self.blobs().finish_upload(request).await?;
        Ok(())
    }

    /// Deletes a blob.
    pub(crate) async fn delete_blob(&self, blob: &BlobId) -> Result<(), Error> {
        self.blobs().delete_blob(v1::DeleteBlobRequest { blob_id: blob.to_vec() }).await?;
        Ok(())
    }
}
