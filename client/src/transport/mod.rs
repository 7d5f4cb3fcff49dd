//! How the client reaches the server: one connection, calls with deadlines, answers parsed at the edge.
//!
//! Every call carries ids, so the same call twice has the effect of one; that is why each may be tried
//! again after the network failed. Knows no vault and no session. Start with [`Server`].

mod blobs;
mod desk;
mod directory;
mod error;
mod escrow;
mod groups;
mod key_packages;

pub(crate) use blobs::{ChunkStream, UploadState};
pub(crate) use desk::{Collected, Desk};
pub use error::{Refusal, ServerError};
pub(crate) use escrow::{EscrowBatch, Sealings};
pub(crate) use groups::{CommitOutcome, WaitingWelcome};

use alcove_proto::limits::MESSAGE_BYTES_MAX;
use alcove_rpc::v1::{
    blobs_client::BlobsClient, directory_client::DirectoryClient, escrow_client::EscrowClient,
    groups_client::GroupsClient, key_packages_client::KeyPackagesClient,
};
use alcove_trust::{Connector, http2};
use backon::{ExponentialBuilder, Retryable};
use std::time::Duration;
use tonic::{
    Request, Response, Status,
    transport::{Channel, Endpoint},
};

/// How long one try at an ordinary call may take.
const CALL_DEADLINE: Duration = Duration::from_secs(20);
/// How long one try at a call that carries megabytes may take.
const LARGE_CALL_DEADLINE: Duration = Duration::from_secs(120);
/// Tries after the first.
const RETRIES_MAX: usize = 4;
/// Pause before the second try; it doubles from there, with jitter.
const RETRY_DELAY: Duration = Duration::from_millis(100);
/// Longest pause between two tries.
const RETRY_DELAY_MAX: Duration = Duration::from_secs(3);
/// A connection that has been silent this long is asked whether it is alive.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(30);
/// And is given up if it does not answer within this.
const KEEPALIVE_DEADLINE: Duration = Duration::from_secs(15);

/// The server of the charter, as one device sees it. Cheap to clone; clones share the connection.
#[derive(Clone)]
pub(crate) struct Server {
    channel: Channel,
}

impl Server {
    /// Prepares to reach the server at `address` (`host:port`); it connects with the first call and
    /// again whenever the connection was lost.
    ///
    /// Errors: [`ServerError::Address`].
    pub(crate) fn new(address: &str, connector: Connector) -> Result<Self, ServerError> {
        Ok(Self { channel: endpoint(address)?.connect_with_connector_lazy(connector) })
    }

    fn groups(&self) -> GroupsClient<Channel> {
        GroupsClient::new(self.channel.clone())
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX)
    }

    fn key_packages(&self) -> KeyPackagesClient<Channel> {
        KeyPackagesClient::new(self.channel.clone())
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX)
    }

    fn blobs(&self) -> BlobsClient<Channel> {
        BlobsClient::new(self.channel.clone())
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX)
    }

    fn escrow(&self) -> EscrowClient<Channel> {
        EscrowClient::new(self.channel.clone())
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX)
    }

    fn directory(&self) -> DirectoryClient<Channel> {
        DirectoryClient::new(self.channel.clone())
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX)
    }
}

/// How connections to `address` (`host:port`) are made, at either door.
///
/// Errors: [`ServerError::Address`].
fn endpoint(address: &str) -> Result<Endpoint, ServerError> {
    Ok(Endpoint::from_shared(format!("https://{address}"))
        .map_err(|_| ServerError::Address)?
        .initial_connection_window_size(http2::CONNECTION_WINDOW_BYTES)
        .initial_stream_window_size(http2::STREAM_WINDOW_BYTES)
        .max_frame_size(http2::FRAME_BYTES_MAX)
        .http2_keep_alive_interval(KEEPALIVE_INTERVAL)
        .keep_alive_timeout(KEEPALIVE_DEADLINE))
}

/// Makes a unary call: with a deadline each try, and again while that may help.
async fn call<C: Clone, Q: Clone, A, F: Future<Output = Result<Response<A>, Status>>>(
    deadline: Duration,
    client: C,
    request: Q,
    attempt: impl Fn(C, Request<Q>) -> F,
) -> Result<A, ServerError> {
    let once = || async {
        match tokio::time::timeout(deadline, attempt(client.clone(), Request::new(request.clone()))).await {
            Ok(Ok(response)) => Ok(response.into_inner()),
            Ok(Err(status)) => Err(ServerError::from(status)),
            Err(_elapsed) => Err(ServerError::Unreachable),
        }
    };
    once.retry(
        ExponentialBuilder::new()
            .with_min_delay(RETRY_DELAY)
            .with_max_delay(RETRY_DELAY_MAX)
            .with_max_times(RETRIES_MAX)
            .with_jitter(),
    )
    .when(ServerError::is_worth_retrying)
    .adjust(|error, delay| delay.map(|delay| error.retry_after().unwrap_or(delay).max(delay)))
    .await
}
