//! What waits at the desk, read from its answer. The server is not believed: what breaks a rule is no answer.

use crate::{desk::calls::bad, error::IssuerError};
use alcove_proto::{
    limits::{
        DESK_EVENTS_MAX, INVITATIONS_PER_AGENCY_MAX, RENEWAL_BYTES_MAX, REQUEST_BYTES_MAX,
        REQUESTS_PER_PAGE_MAX,
    },
    names::{Identity, TrustDomain},
    v1,
};
use std::collections::BTreeSet;

/// Bytes of a proof.
const PROOF_BYTES: usize = 32;

/// What waits at the desk for an agency's admin.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Waiting {
    /// In order of identity.
    pub requests: Vec<WaitingRequest>,
    /// In order of identity.
    pub invitations: Vec<OpenInvitation>,
    /// In order of sequence.
    pub events: Vec<DeskEvent>,
}

/// One request that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingRequest {
    /// The device it asks for.
    pub identity: Identity,
    /// What was handed in.
    pub what: HandedIn,
    /// The server's clock, milliseconds since 1970.
    pub handed_in_at_ms: i64,
}

/// What was handed in, as the server says. Nothing of it is believed yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HandedIn {
    /// On an invitation.
    Invited {
        /// Encoded [`v1::EnrolmentRequest`].
        request: Vec<u8>,
        /// Binds it to the invitation's code.
        proof: Vec<u8>,
    },
    /// By a device that is certified, or was.
    Renewal {
        /// Encoded [`v1::SignedRenewal`].
        signed_renewal: Vec<u8>,
    },
}

/// An invitation as the desk has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenInvitation {
    /// The device it is for.
    pub identity: Identity,
    /// Milliseconds since 1970.
    pub not_after_ms: i64,
    /// Whether a request has come in on it.
    pub used: bool,
}

/// Something that happened at the desk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeskEvent {
    /// From 1 within an agency.
    pub sequence: u64,
    /// What.
    pub kind: v1::DeskEventKind,
    /// The device it was about, as the caller named it.
    pub identity: String,
    /// The server's clock, milliseconds since 1970.
    pub at_ms: i64,
}

/// One page of requests, each of this agency, and none that was `seen`: pages that lead back never end. A device may have
/// one of each kind.
pub(super) fn read_requests(
    list: &v1::RequestList,
    own: &TrustDomain,
    seen: &mut BTreeSet<(Identity, bool)>,
) -> Result<Vec<WaitingRequest>, IssuerError> {
    if list.requests.len() > REQUESTS_PER_PAGE_MAX {
        return Err(bad("a page over its limit"));
    }
    let mut requests = Vec::with_capacity(list.requests.len());
    for waiting in &list.requests {
        let identity = own_device(&waiting.identity, own)?;
        if !seen.insert((identity.clone(), waiting.signed_renewal.is_empty())) {
            return Err(bad("a device that stands twice in the list"));
        }
        let what = match (waiting.request.is_empty(), waiting.signed_renewal.is_empty()) {
            (false, true) => {
                let (request, proof) = (waiting.request.clone(), waiting.proof.clone());
                if request.len() > REQUEST_BYTES_MAX || proof.len() != PROOF_BYTES {
                    return Err(bad("a request over its limit"));
                }
                HandedIn::Invited { request, proof }
            }
            (true, false) => {
                if waiting.signed_renewal.len() > RENEWAL_BYTES_MAX {
                    return Err(bad("a renewal over its limit"));
                }
                HandedIn::Renewal { signed_renewal: waiting.signed_renewal.clone() }
            }
            (true, true) | (false, false) => return Err(bad("a request that is neither kind")),
        };
        requests.push(WaitingRequest { identity, what, handed_in_at_ms: waiting.handed_in_at_ms });
    }
    Ok(requests)
}

pub(super) fn read_invitations(
    list: &v1::RequestList,
    own: &TrustDomain,
) -> Result<Vec<OpenInvitation>, IssuerError> {
    if list.invitations.len() > INVITATIONS_PER_AGENCY_MAX {
        return Err(bad("more invitations than can be"));
    }
    let read = |state: &v1::InvitationState| {
        let identity = own_device(&state.identity, own)?;
        Ok(OpenInvitation { identity, not_after_ms: state.not_after_ms, used: state.used })
    };
    list.invitations.iter().map(read).collect()
}

pub(super) fn read_events(list: &v1::RequestList, after: u64) -> Result<Vec<DeskEvent>, IssuerError> {
    if list.events.len() > DESK_EVENTS_MAX {
        return Err(bad("more events than can be"));
    }
    let mut last = after;
    let mut events = Vec::with_capacity(list.events.len());
    for event in &list.events {
        if event.sequence <= last {
            return Err(bad("events out of order"));
        }
        last = event.sequence;
        // Named by whoever called; what is no name is not shown on a terminal.
        let identity = event.identity.parse::<Identity>().map(|name| name.to_string()).unwrap_or_default();
        events.push(DeskEvent { sequence: last, kind: event.kind(), identity, at_ms: event.at_ms });
    }
    Ok(events)
}

fn own_device(name: &str, own: &TrustDomain) -> Result<Identity, IssuerError> {
    let identity: Identity = name.parse().map_err(|_| bad("a name"))?;
    if identity.person.trust_domain == *own { Ok(identity) } else { Err(bad("another agency's device")) }
}
