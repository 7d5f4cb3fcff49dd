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
mod line;

pub(crate) use blobs::{ChunkStream, UploadState};
pub(crate) use desk::{Collected, Desk};
pub use error::{Refusal, ServerError};
pub(crate) use escrow::{EscrowBatch, Sealings};
pub(crate) use groups::{CommitOutcome, WaitingWelcome};
use line::SHORTER;
pub(crate) use line::{Line, briefly, is_brief};

use alcove_proto::limits::MESSAGE_BYTES_MAX;
use alcove_rpc::v1::{
    blobs_client::BlobsClient, directory_client::DirectoryClient, escrow_client::EscrowClient,
    groups_client::GroupsClient, key_packages_client::KeyPackagesClient,
};
use alcove_trust::{ConnectError, Connector, http2};
use backon::{ExponentialBuilder, Retryable};
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;
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
/// The same for whoever waits briefly, and after a call that was in vain.
const RETRIES_BRIEF_MAX: usize = 1;
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
    line: Line,
}

impl Server {
    /// Prepares to reach the server at `address` (`host:port`); it connects with the first call and
    /// again whenever the connection was lost. `line`: what is known of it already.
    ///
    /// Errors: [`ServerError::Address`].
    pub(crate) fn new(address: &str, connector: Connector, line: Line) -> Result<Self, ServerError> {
        Ok(Self { channel: channel(address, connector, &line)?, line })
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

/// Connects to `address` (`host:port`) when it is first used, at either door.
///
/// Errors: [`ServerError::Address`].
fn channel(address: &str, connector: Connector, line: &Line) -> Result<Channel, ServerError> {
    let endpoint = Endpoint::from_shared(format!("https://{address}"))
        .map_err(|_| ServerError::Address)?
        .initial_connection_window_size(http2::CONNECTION_WINDOW_BYTES)
        .initial_stream_window_size(http2::STREAM_WINDOW_BYTES)
        .max_frame_size(http2::FRAME_BYTES_MAX)
        .http2_keep_alive_interval(KEEPALIVE_INTERVAL)
        .keep_alive_timeout(KEEPALIVE_DEADLINE);
    let line = line.clone();
    Ok(endpoint.connect_with_connector_lazy(connector.telling(Arc::new(move || line.sign()))))
}

/// A try that failed.
struct Failure {
    error: ServerError,
    /// Nothing was heard for as long as was to be waited.
    silent: bool,
}

/// Makes a unary call: with a deadline each try, and again while that may help. A silent server is not asked again: what it
/// did not answer in all that time it does not answer in as much again. One that was heard a while ago is only slow, and what
/// is said to have taken too long at once is the end of an earlier try.
async fn call<C: Clone, Q: Clone, A, F: Future<Output = Result<Response<A>, Status>>>(
    line: &Line,
    deadline: Duration,
    client: C,
    request: Q,
    attempt: impl Fn(C, Request<Q>) -> F,
) -> Result<A, ServerError> {
    let once = || async {
        let begun = Instant::now();
        match line.wait(deadline, attempt(client.clone(), Request::new(request.clone()))).await {
            Ok(Ok(response)) => Ok(response.into_inner()),
            Ok(Err(status)) => {
                let silent = matches!(ConnectError::find(&status), Some(ConnectError::TimedOut { .. }))
                    && begun.elapsed() >= deadline / SHORTER;
                Err(Failure { error: status.into(), silent })
            }
            Err(error) => Err(Failure { error, silent: line.is_silent_for(deadline / 2) }),
        }
    };
    let retries = if is_brief() || line.was_in_vain().is_some() { RETRIES_BRIEF_MAX } else { RETRIES_MAX };
    let answered = once
        .retry(
            ExponentialBuilder::new()
                .with_min_delay(RETRY_DELAY)
                .with_max_delay(RETRY_DELAY_MAX)
                .with_max_times(retries)
                .with_jitter(),
        )
        .when(|failure| failure.error.is_worth_retrying() && !failure.silent)
        .adjust(|failure, delay| delay.map(|delay| failure.error.retry_after().unwrap_or(delay).max(delay)))
        .await
        .map_err(|failure| failure.error);
    if let Err(error) = &answered {
        line.note_in_vain(error);
    }
    answered
}
