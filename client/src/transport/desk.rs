//! The desk: the server's second door, for a device that has no certificate yet or no longer.
//!
//! PROTOCOL.md section 6, steps 5 to 11. What is handed in here carries its own proof; what comes out is sealed, and
//! believed by whoever opens it.

use super::{CALL_DEADLINE, LARGE_CALL_DEADLINE, Line, ServerError, call, channel, directory::charters_page};
use alcove_proto::{
    limits::{ANSWER_BYTES_MAX, MESSAGE_BYTES_MAX},
    names::Identity,
    v1::{self, RequestState},
};
use alcove_rpc::v1::{enrolment_client::EnrolmentClient, trust_client::TrustClient};
use alcove_trust::Connector;
use tonic::transport::Channel;

/// The desk of a server. Cheap to clone; clones share the connection.
#[derive(Clone)]
pub(crate) struct Desk {
    channel: Channel,
    line: Line,
}

/// What has become of a request.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Collected {
    /// The agency's admin has not looked at it yet.
    Waiting,
    /// The admin said no.
    Refused,
    /// Encoded SealedAnswer, not opened yet.
    Answered(Vec<u8>),
}

impl Desk {
    /// Prepares to reach the desk at `address` (`host:port`); it connects with the first call.
    ///
    /// `connector`: [`Connector::to_desk`] or [`Connector::to_pinned_desk`]. Errors: [`ServerError::Address`].
    pub(crate) fn new(address: &str, connector: Connector, line: Line) -> Result<Self, ServerError> {
        Ok(Self { channel: channel(address, connector, &line)?, line })
    }

    fn enrolment(&self) -> EnrolmentClient<Channel> {
        EnrolmentClient::new(self.channel.clone())
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX)
    }

    fn trust(&self) -> TrustClient<Channel> {
        TrustClient::new(self.channel.clone())
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX)
    }

    /// Hands in a request on an invitation; the same bytes again are the same request (step 6).
    ///
    /// `claim`, `proof`: derived from the invitation's code. `request`: encoded EnrolmentRequest.
    /// Errors: refusals with `INVITATION_UNKNOWN`, `INVITATION_USED` or `INVITATION_EXPIRED`.
    pub(crate) async fn hand_in_request(
        &self,
        identity: &Identity,
        claim: [u8; 32],
        request: Vec<u8>,
        proof: [u8; 32],
    ) -> Result<(), ServerError> {
        let message = v1::HandInRequestRequest {
            identity: identity.to_string(),
            claim: claim.to_vec(),
            request,
            proof: proof.to_vec(),
        };
        call(&self.line, CALL_DEADLINE, self.enrolment(), message, |mut client, request| async move {
            client.hand_in_request(request).await
        })
        .await
        .map(drop)
    }

    /// Hands in a renewal, an encoded SignedRenewal, in the place of one of this device that waits (step 10).
    ///
    /// Errors: a refusal with `NOT_AUTHORISED` when its certificate is not believed or has been revoked.
    pub(crate) async fn hand_in_renewal(&self, signed_renewal: Vec<u8>) -> Result<(), ServerError> {
        let request = v1::HandInRenewalRequest { signed_renewal };
        call(&self.line, CALL_DEADLINE, self.enrolment(), request, |mut client, request| async move {
            client.hand_in_renewal(request).await
        })
        .await
        .map(drop)
    }

    /// Asks what has become of the request with this SHA-256 (steps 9 and 12).
    ///
    /// Errors: a refusal with `NOT_FOUND` when the desk holds no such request (any more).
    pub(crate) async fn collect_answer(
        &self,
        identity: &Identity,
        request_hash: [u8; 32],
    ) -> Result<Collected, ServerError> {
        let message =
            v1::CollectAnswerRequest { identity: identity.to_string(), request_hash: request_hash.to_vec() };
        let answer =
            call(&self.line, CALL_DEADLINE, self.enrolment(), message, |mut client, request| async move {
                client.collect_answer(request).await
            })
            .await?;
        match answer.state() {
            RequestState::Waiting => Ok(Collected::Waiting),
            RequestState::Refused => Ok(Collected::Refused),
            RequestState::Answered if answer.sealed_answer.len() <= ANSWER_BYTES_MAX => {
                Ok(Collected::Answered(answer.sealed_answer))
            }
            RequestState::Answered => Err(ServerError::bad("an answer over its limit")),
            RequestState::Unspecified => Err(ServerError::bad("the state of a request")),
        }
    }

    /// Charter versions after `after_version`, oldest first: encoded SignedCharters, not verified here.
    pub(crate) async fn read_charters(&self, after_version: u64) -> Result<Vec<Vec<u8>>, ServerError> {
        let request = v1::ReadChartersRequest { after_version };
        let answer =
            call(&self.line, LARGE_CALL_DEADLINE, self.trust(), request, |mut client, request| async move {
                client.read_charters(request).await
            })
            .await?;
        charters_page(answer.signed_charters)
    }
}
