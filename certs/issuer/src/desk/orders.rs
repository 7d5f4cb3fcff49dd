//! The server's desk as an admin's program sees it: typed orders and answers over one connection.
//!
//! Every call has a deadline and is made once, but for an order that the desk asks to come slower: all of them may be made
//! again, and whoever runs the command decides.
//! Time is a parameter. PROTOCOL.md section 6, "The desk" and "Orders".

use crate::{
    ca::{agency::AgencyCa, keys::SigningKey},
    certify::issue::split_address,
    desk::{
        calls::{LARGE_CALL_DEADLINE, call, of_connect_error, unhurried},
        charters,
    },
    error::IssuerError,
};
use alcove_charter::{P256Point, TrustView, order_signing_bytes};
use alcove_proto::{
    ids::Digest,
    limits::{
        CHARTER_BYTES_MAX, CRL_BYTES_MAX, DESK_EVENTS_MAX, INVITATIONS_PER_AGENCY_MAX, MESSAGE_BYTES_MAX,
        ORDER_BYTES_MAX, RENEWAL_BYTES_MAX, REQUEST_BYTES_MAX, REQUESTS_PER_PAGE_MAX,
    },
    names::{Identity, TrustDomain},
    v1::{self, order::Act},
};
use alcove_rpc::v1::{enrolment_client::EnrolmentClient, trust_client::TrustClient};
use alcove_trust::{ConnectError, Connector, http2};
use prost::Message;
use std::{collections::BTreeSet, sync::Arc};
use tonic::transport::{Channel, Endpoint};

/// The format of an order.
const FORMAT: u32 = 1;
/// Pages of waiting requests that are read at one time: 100,000 requests.
const PAGES_MAX: usize = 1000;
/// Bytes of a proof.
const PROOF_BYTES: usize = 32;

/// A connection to the desk of the server that a charter names.
pub struct Desk {
    pub(crate) channel: Channel,
}

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

/// A list or charter that is in force from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Published {
    /// The list's number or the charter's version.
    pub number: u64,
    /// Live connections that were cut by it.
    pub cut: u32,
}

impl Desk {
    /// Connects to the desk at `address` (`host:port`), whose certificate must be the one server's of the charter
    /// in `trust`.
    ///
    /// Errors: [`IssuerError::ServerAddress`], [`IssuerError::DeskUnreachable`], [`IssuerError::DeskCertificate`].
    pub async fn connect(address: &str, trust: &TrustView) -> Result<Self, IssuerError> {
        split_address(address)?;
        let connector = Connector::to_desk(Arc::new(trust.clone())).map_err(|_| IssuerError::ServerName)?;
        let endpoint = Endpoint::from_shared(format!("https://{address}"))
            .map_err(|_| IssuerError::ServerAddress)?
            .initial_connection_window_size(http2::CONNECTION_WINDOW_BYTES)
            .initial_stream_window_size(http2::STREAM_WINDOW_BYTES)
            .max_frame_size(http2::FRAME_BYTES_MAX);
        let connected = endpoint.connect_with_connector(connector).await;
        match connected {
            Ok(channel) => Ok(Self { channel }),
            Err(error) => {
                Err(ConnectError::find(&error).map_or(IssuerError::DeskUnreachable, of_connect_error))
            }
        }
    }

    /// The server CA that the certificate shown at `address` leads to: what an invitation pins.
    ///
    /// Errors: as [`Self::connect`].
    pub async fn server_ca(address: &str, trust: &TrustView) -> Result<P256Point, IssuerError> {
        let charter = trust.charter();
        let (host, port) = split_address(address)?;
        let mut refused = IssuerError::ServerName;
        for ca in &charter.server_cas {
            let connector = Connector::to_pinned_desk(*ca.public_key(), &charter.server_name)
                .map_err(|_| IssuerError::ServerName)?;
            match connector.connect(host, port).await {
                Ok(_connection) => return Ok(*ca.public_key()),
                Err(error) => refused = of_connect_error(&error),
            }
        }
        Err(refused)
    }

    /// Opens an invitation, in place of another one for the same device.
    ///
    /// Errors: [`IssuerError`].
    pub async fn open_invitation(
        &self,
        ca: &AgencyCa,
        identity: &Identity,
        claim_hash: &Digest,
        not_after_ms: i64,
        now_ms: i64,
    ) -> Result<(), IssuerError> {
        let (identity, claim_hash) = (identity.to_string(), claim_hash.to_vec());
        let act = Act::OpenInvitation(v1::OpenInvitation { identity, claim_hash, not_after_ms });
        self.order(ca, act, now_ms).await.map(drop)
    }

    /// Takes an invitation back, and the request that came in on it.
    ///
    /// Errors: [`IssuerError`].
    pub async fn withdraw_invitation(
        &self,
        ca: &AgencyCa,
        identity: &Identity,
        now_ms: i64,
    ) -> Result<(), IssuerError> {
        let act = Act::WithdrawInvitation(v1::WithdrawInvitation { identity: identity.to_string() });
        self.order(ca, act, now_ms).await.map(drop)
    }

    /// Everything that waits, the open invitations, and the events after number `after_event`.
    ///
    /// Errors: [`IssuerError`]; [`IssuerError::DeskAnswer`] also when there are more than 100,000.
    pub async fn waiting(
        &self,
        ca: &AgencyCa,
        after_event: u64,
        now_ms: i64,
    ) -> Result<Waiting, IssuerError> {
        let own = &ca.profile().trust_domain;
        let mut waiting = Waiting::default();
        let mut seen = BTreeSet::new();
        for page in 0..PAGES_MAX {
            let after_identity =
                waiting.requests.last().map(|last| last.identity.to_string()).unwrap_or_default();
            let act = Act::List(v1::ListRequests { after_identity, after_event });
            let list = self.order(ca, act, now_ms).await?.list.ok_or(bad("the list is missing"))?;
            if page == 0 {
                waiting.invitations = read_invitations(&list, own)?;
                waiting.events = read_events(&list, after_event)?;
            }
            let requests = read_requests(&list, own, &mut seen)?;
            let more = list.more;
            if more && requests.is_empty() {
                return Err(bad("an empty page that is not the last"));
            }
            waiting.requests.extend(requests);
            if !more {
                return Ok(waiting);
            }
        }
        Err(bad("more requests than can be"))
    }

    /// Lays a sealed answer down for the request with that hash.
    ///
    /// Errors: [`IssuerError`].
    pub async fn answer(
        &self,
        ca: &AgencyCa,
        identity: &Identity,
        request_hash: &Digest,
        sealed_answer: Vec<u8>,
        now_ms: i64,
    ) -> Result<(), IssuerError> {
        let (identity, request_hash) = (identity.to_string(), request_hash.to_vec());
        let act = Act::Answer(v1::AnswerRequest { identity, request_hash, sealed_answer });
        self.order(ca, act, now_ms).await.map(drop)
    }

    /// Says no to the request with that hash; its device is told.
    ///
    /// Errors: [`IssuerError`].
    pub async fn refuse(
        &self,
        ca: &AgencyCa,
        identity: &Identity,
        request_hash: &Digest,
        now_ms: i64,
    ) -> Result<(), IssuerError> {
        let (identity, request_hash) = (identity.to_string(), request_hash.to_vec());
        let act = Act::Refuse(v1::RefuseRequest { identity, request_hash });
        self.order(ca, act, now_ms).await.map(drop)
    }

    /// The agency's devices with a live connection that an encoded [`v1::SignedCharter`] would cut, signed or not.
    ///
    /// Errors: [`IssuerError`].
    pub async fn would_cut(
        &self,
        ca: &AgencyCa,
        signed_charter: Vec<u8>,
        now_ms: i64,
    ) -> Result<Vec<Identity>, IssuerError> {
        if signed_charter.len() > CHARTER_BYTES_MAX {
            return Err(bad("a charter over its limit"));
        }
        let act = Act::WouldCut(v1::AskWouldCut { signed_charter });
        let answer = self.order(ca, act, now_ms).await?;
        let would_cut = answer.would_cut.ok_or(bad("what would be cut is missing"))?;
        would_cut.identities.iter().map(|name| name.parse().map_err(|_| bad("a name"))).collect()
    }

    /// The agency's list that is in force, DER, whoever made it.
    ///
    /// Errors: [`IssuerError`]; [`IssuerError::DeskRefused`] with [`v1::Reason::NotFound`] while there is none.
    pub async fn list_in_force(&self, ca: &AgencyCa, now_ms: i64) -> Result<Vec<u8>, IssuerError> {
        let crl = self.order(ca, Act::ReadCrl(v1::ReadCrl {}), now_ms).await?.crl;
        if crl.is_empty() || crl.len() > CRL_BYTES_MAX {
            Err(bad("a list over its limit, or none"))
        } else {
            Ok(crl)
        }
    }

    /// Lifts a duty officer's denial.
    ///
    /// Errors: [`IssuerError`].
    pub async fn lift_denial(
        &self,
        ca: &AgencyCa,
        identity: &Identity,
        now_ms: i64,
    ) -> Result<(), IssuerError> {
        let act = Act::LiftDenial(v1::LiftDenial { identity: identity.to_string() });
        self.order(ca, act, now_ms).await.map(drop)
    }

    /// Puts an encoded [`v1::CharterFile`] in force; with `force` also when it cuts live connections.
    ///
    /// Errors: [`IssuerError`].
    pub async fn submit_charter(&self, charter_file: Vec<u8>, force: bool) -> Result<Published, IssuerError> {
        let mut client = self.trust();
        let request = v1::SubmitCharterRequest { charter_file: charters::fitting(charter_file)?, force };
        let answer = call(LARGE_CALL_DEADLINE, client.submit_charter(request)).await?;
        Ok(Published { number: answer.version, cut: answer.cut })
    }

    /// Puts a CRL (DER) in force.
    ///
    /// Errors: [`IssuerError`]; [`IssuerError::DeskRefused`] with [`v1::Reason::RateLimited`] and when to come again, where
    /// the agency has had as many in force within a minute as the desk takes.
    pub async fn submit_crl(&self, crl: Vec<u8>) -> Result<Published, IssuerError> {
        let mut client = self.trust();
        let answer = call(LARGE_CALL_DEADLINE, client.submit_crl(v1::SubmitCrlRequest { crl })).await?;
        Ok(Published { number: answer.number, cut: answer.cut })
    }

    /// Puts an encoded [`v1::SignedDenial`] in force. Returns how many live connections were cut.
    ///
    /// Errors: [`IssuerError`].
    pub async fn submit_denial(&self, signed_denial: Vec<u8>) -> Result<u32, IssuerError> {
        let request = v1::SubmitDenialRequest { signed_denial };
        let answer = unhurried(|| {
            let (mut client, request) = (self.trust(), request.clone());
            async move { client.submit_denial(request).await }
        });
        Ok(answer.await?.cut)
    }

    /// Signs an order by the charter key and places it.
    pub(super) async fn order(
        &self,
        ca: &AgencyCa,
        act: Act,
        now_ms: i64,
    ) -> Result<v1::PlaceOrderResponse, IssuerError> {
        let request = sign_order(ca.charter_key(), &ca.profile().trust_domain, act, now_ms)?;
        if request.order.len() > ORDER_BYTES_MAX {
            return Err(bad("an order over its limit"));
        }
        let client = EnrolmentClient::new(self.channel.clone())
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX);
        unhurried(|| {
            let (mut client, request) = (client.clone(), request.clone());
            async move { client.place_order(request).await }
        })
        .await
    }

    fn trust(&self) -> TrustClient<Channel> {
        TrustClient::new(self.channel.clone())
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX)
    }
}

fn sign_order(
    charter_key: &SigningKey,
    trust_domain: &TrustDomain,
    act: Act,
    now_ms: i64,
) -> Result<v1::PlaceOrderRequest, IssuerError> {
    let order =
        v1::Order { format: FORMAT, trust_domain: trust_domain.to_string(), time_ms: now_ms, act: Some(act) }
            .encode_to_vec();
    let signature = charter_key.sign(&order_signing_bytes(&order))?;
    Ok(v1::PlaceOrderRequest { order, signature })
}

/// One page of requests, each of this agency, and none that was `seen`: pages that lead back never end. A device may have
/// one of each kind.
fn read_requests(
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

fn read_invitations(list: &v1::RequestList, own: &TrustDomain) -> Result<Vec<OpenInvitation>, IssuerError> {
    if list.invitations.len() > INVITATIONS_PER_AGENCY_MAX {
        return Err(bad("more invitations than can be"));
    }
    let read = |state: &v1::InvitationState| {
        let identity = own_device(&state.identity, own)?;
        Ok(OpenInvitation { identity, not_after_ms: state.not_after_ms, used: state.used })
    };
    list.invitations.iter().map(read).collect()
}

fn read_events(list: &v1::RequestList, after: u64) -> Result<Vec<DeskEvent>, IssuerError> {
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

pub(crate) fn bad(what: &'static str) -> IssuerError {
    IssuerError::DeskAnswer { what }
}
