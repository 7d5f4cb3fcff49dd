//! What waits at the desk, in domain types: invitations, requests for certificates, their answers, and what an
//! agency's admin is told of it.
//!
//! A device has two places: one for a request by invitation and one for a renewal, so that neither takes the other's
//! place. In each one request waits or one answer lies. The store judges what must be judged in the instant of the
//! write (one request on one invitation), and no signature. PROTOCOL.md, "Enrolment and renewal", steps 5 to 11.

use super::{audit::By, error::Answer};
use alcove_proto::{
    ids::Digest,
    names::{Identity, TrustDomain},
};
use bytes::Bytes;

pub use alcove_proto::v1::DeskEventKind;

/// Milliseconds for which an unanswered request is kept: 30 days.
pub const REQUEST_KEPT_MS: i64 = 30 * 24 * 3600 * 1000;
/// Milliseconds for which an answer is kept: 90 days, as long as the certificates in it hold.
pub const ANSWER_KEPT_MS: i64 = 90 * 24 * 3600 * 1000;
/// Milliseconds for which an invitation that has ended is kept, so that whoever comes too late is told so: 30 days.
pub const ENDED_INVITATION_KEPT_MS: i64 = 30 * 24 * 3600 * 1000;
/// Milliseconds within which an event of the same kind about the same device counts once.
pub const EVENT_REPEAT_MS: i64 = 60 * 1000;
/// Of the events kept for an agency, those that anybody at all can cause: they never push out the others.
pub const STRANGERS_EVENTS_MAX: usize = 200;
/// Of the events within [`EVENT_REPEAT_MS`], those that anybody at all can cause.
pub const STRANGERS_EVENTS_A_MINUTE_MAX: usize = 10;

/// An invitation to open. The device it is for is the act's [`By`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewInvitation {
    /// SHA-256 of the claim, with its label.
    pub claim_hash: Digest,
    /// Its last moment, milliseconds since 1970.
    pub not_after_ms: i64,
}

/// What became of an invitation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenInvitationOutcome {
    /// It is open, in place of an earlier one of that device if there was one.
    Opened,
    /// The very same one had been opened before. Nothing changed.
    Again,
    /// A request on the device's earlier invitation waits for an answer. Nothing changed.
    RequestWaits,
}

/// A request on an invitation. The device is the act's [`By`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRequest {
    /// SHA-256 of the claim that was shown.
    pub claim_hash: Digest,
    /// Encoded EnrolmentRequest, at most [`alcove_proto::limits::REQUEST_BYTES_MAX`]; opaque here.
    pub request: Bytes,
    /// Binds the request to the invitation's code; the agency alone can check it.
    pub proof: Digest,
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HandInOutcome {
    /// It waits for an answer.
    Taken,
    /// The same request had been taken before. Nothing changed.
    Again,
    /// Nobody invited that device, or the claim is not the invitation's: one answer for both. The event says which.
    Unknown,
    /// Another request has been taken on the invitation.
    Used,
    /// The invitation had ended.
    Expired,
}

/// A renewal that has been believed. The device is the act's [`By`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRenewal {
    /// SHA-256 of the encoded EnrolmentRequest in it.
    pub request_hash: Digest,
    /// Encoded SignedRenewal, at most [`alcove_proto::limits::RENEWAL_BYTES_MAX`].
    pub signed_renewal: Bytes,
}

/// What became of a renewal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RenewalOutcome {
    /// It waits for an answer.
    Taken,
    /// The same request waits already, or its answer lies here. Nothing changed but who signed last.
    Again,
    /// As many of its agency wait as may, [`alcove_proto::limits::RENEWALS_PER_AGENCY_MAX`], and none of this device.
    TooMany,
}

/// A request that waits for an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingRequest {
    /// Whose.
    pub identity: Identity,
    /// What came.
    pub asked: Asked,
    /// Server time, milliseconds since 1970.
    pub handed_in_at_ms: i64,
}

/// What a device handed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// On an invitation.
    ByInvitation {
        /// Encoded EnrolmentRequest.
        request: Bytes,
        /// Binds it to the invitation's code.
        proof: Digest,
    },
    /// Signed with the key certified last.
    ByRenewal(Bytes),
}

/// Requests that wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestPage {
    /// In order of identity name; a device's request by invitation before its renewal.
    pub requests: Vec<WaitingRequest>,
    /// Whether there are later ones.
    pub more: bool,
}

/// What has become of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestState {
    /// Nobody has answered it yet.
    Waiting,
    /// The answer, an encoded SealedAnswer.
    Answered(Bytes),
    /// The admin said no.
    Refused,
}

/// An invitation that is open: it has not ended, and nobody has answered a request on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenInvitation {
    /// The device it is for.
    pub identity: Identity,
    /// Its last moment, milliseconds since 1970.
    pub not_after_ms: i64,
    /// Whether a request on it waits.
    pub used: bool,
}

/// What an admin is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeskEvent {
    /// From 1 within an agency, rising.
    pub sequence: u64,
    /// What happened.
    pub kind: DeskEventKind,
    /// To which device.
    pub identity: Identity,
    /// Server time, milliseconds since 1970.
    pub at_ms: i64,
}

/// The desk. `By::identity` is the device that an act is about.
pub trait Desk: Send + Sync + 'static {
    /// Opens an invitation for the device, in place of an earlier one that nobody has used, that has ended, or that
    /// has been answered; a request that still waits on one that has ended is refused with it.
    ///
    /// Errors: [`super::error::StoreError::TooMany`] open ones of the agency, over
    /// [`alcove_proto::limits::INVITATIONS_PER_AGENCY_MAX`].
    fn open_invitation(&self, invitation: NewInvitation, by: By) -> impl Answer<OpenInvitationOutcome>;

    /// Takes the device's invitation back; a request that waits on it is refused with it. Answers whether there
    /// was one.
    fn withdraw_invitation(&self, by: By) -> impl Answer<bool>;

    /// Takes one request on the device's invitation, in place of what was answered before. Whatever comes of it, the
    /// agency's events tell it by then.
    ///
    /// Errors: [`super::error::StoreError::TooLarge`].
    fn hand_in_request(&self, request: NewRequest, by: By) -> impl Answer<HandInOutcome>;

    /// Takes a renewal in place of an earlier one of the device, answered or not, unless that holds the same request.
    ///
    /// Errors: [`super::error::StoreError::TooLarge`].
    fn hand_in_renewal(&self, renewal: NewRenewal, by: By) -> impl Answer<RenewalOutcome>;

    /// Answers the device's waiting request of that hash; the same answer again changes nothing.
    ///
    /// Errors: [`super::error::StoreError::NotFound`] when another request or none waits, [`super::error::StoreError::TooLarge`].
    fn answer_request(&self, request_hash: Digest, sealed_answer: Bytes, by: By) -> impl Answer<()>;

    /// Refuses the device's waiting request of that hash; again changes nothing.
    ///
    /// Errors: [`super::error::StoreError::NotFound`] when another request or none waits.
    fn refuse_request(&self, request_hash: Digest, by: By) -> impl Answer<()>;

    /// What has become of the device's request of that hash; nothing when it is not here. The first look at an answer
    /// is an event. An answer stays until the device's next request.
    fn collect_answer(&self, request_hash: Digest, by: By) -> impl Answer<Option<RequestState>>;

    /// The requests that wait for an agency, after those of `after`, at most `max`, which is 2 at least.
    fn waiting_requests(
        &self,
        trust_domain: TrustDomain,
        after: Option<Identity>,
        max: usize,
    ) -> impl Answer<RequestPage>;

    /// The invitations of an agency that are open at `now_ms`, in order of identity name.
    fn open_invitations(&self, trust_domain: TrustDomain, now_ms: i64) -> impl Answer<Vec<OpenInvitation>>;

    /// Keeps an event about the device for its agency's admin, unless it repeats one of the last minute. Of each
    /// agency the newest [`alcove_proto::limits::DESK_EVENTS_MAX`] are kept, [`STRANGERS_EVENTS_MAX`] of these for
    /// what anybody can cause.
    fn put_desk_event(&self, kind: DeskEventKind, by: By) -> impl Answer<()>;

    /// An agency's events after sequence number `after`, at most `max`, oldest first.
    fn desk_events(&self, trust_domain: TrustDomain, after: u64, max: usize) -> impl Answer<Vec<DeskEvent>>;
}
