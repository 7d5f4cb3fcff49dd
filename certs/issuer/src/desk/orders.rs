//! The server's desk as an admin's program sees it: typed orders and answers over one connection.
//!
//! Every call has a deadline and is made once, but for an order that the desk asks to come slower: all of them may be made
//! again, and whoever runs the command decides.
//! Time is a parameter. PROTOCOL.md section 6, "The desk" and "Orders".

use crate::{
    ca::agency::AgencyCa,
    desk::{
        address::split_address,
        calls::{bad, of_connect_error, unhurried},
        error::DeskError,
        waiting::{Waiting, read_events, read_invitations, read_requests},
        waits::waited,
    },
    error::IssuerError,
};
use alcove_charter::{CharterFile, Invitation, P256Point, TrustView, claim_hash, order_signing_bytes};
use alcove_proto::{
    ids::Digest,
    limits::{CHARTER_BYTES_MAX, CRL_BYTES_MAX, MESSAGE_BYTES_MAX, ORDER_BYTES_MAX},
    names::Identity,
    v1::{self, order::Act},
};
use alcove_rpc::v1::enrolment_client::EnrolmentClient;
use alcove_trust::{ConnectError, Connector, http2};
use prost::Message;
use std::{collections::BTreeSet, sync::Arc};
use tonic::transport::{Channel, Endpoint};

/// The format of an order.
const FORMAT: u32 = 1;
/// Pages of waiting requests that are read at one time: 100,000 requests.
const PAGES_MAX: usize = 1000;

/// A connection to the desk of the server that a charter names.
pub struct Desk {
    pub(crate) channel: Channel,
}

impl Desk {
    /// Connects to the desk at `address` (`host:port`), whose certificate must be the one server's of the charter
    /// in `trust`.
    ///
    /// Errors: [`IssuerError::ServerAddress`], [`DeskError::Unreachable`], [`DeskError::Certificate`].
    pub async fn connect(address: &str, trust: &TrustView) -> Result<Self, IssuerError> {
        split_address(address)?;
        let connector = Connector::to_desk(Arc::new(trust.clone())).map_err(|_| IssuerError::ServerName)?;
        let endpoint = Endpoint::from_shared(format!("https://{address}"))
            .map_err(|_| IssuerError::ServerAddress)?
            .initial_connection_window_size(http2::CONNECTION_WINDOW_BYTES)
            .initial_stream_window_size(http2::STREAM_WINDOW_BYTES)
            .max_frame_size(http2::FRAME_BYTES_MAX);
        let connected = waited(endpoint.connect_with_connector(connector)).await;
        match connected {
            Ok(channel) => Ok(Self { channel }),
            Err(error) => Err(ConnectError::find(&error)
                .map_or(IssuerError::Desk(DeskError::Unreachable), of_connect_error)),
        }
    }

    /// Connects to the server as the charter to come names it, or as the one in force does: when the server's CA changes,
    /// either may be what it shows.
    ///
    /// Errors: as [`Self::connect`].
    pub async fn connect_by_any(address: &str, file: &CharterFile) -> Result<Self, IssuerError> {
        let coming = file.complete().ok();
        let mut refused = None;
        for history in coming.into_iter().chain(file.history.clone()) {
            match Self::connect(address, &TrustView::new(history)).await {
                Err(IssuerError::Desk(error)) if error.is_another_server() => refused = Some(error.into()),
                other => return other,
            }
        }
        // Without a version in force there is nobody to be believed.
        let incomplete = || file.complete().err().map(IssuerError::from);
        Err(refused.or_else(incomplete).unwrap_or(IssuerError::Desk(DeskError::Unreachable)))
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
            match waited(connector.connect(host, port)).await {
                Ok(_connection) => return Ok(*ca.public_key()),
                Err(error) => refused = of_connect_error(&error),
            }
        }
        Err(refused)
    }

    /// The desk as this agency's admin orders there, at a time that its clock must agree with.
    pub fn orders<'a>(&'a self, ca: &'a AgencyCa, now_ms: i64) -> Orders<'a> {
        Orders { desk: self, ca, now_ms }
    }
}

/// What an agency's admin orders at the desk: each order is signed by the agency's charter key, and what is refused is a
/// [`DeskError::Refused`].
#[derive(Clone, Copy)]
pub struct Orders<'a> {
    desk: &'a Desk,
    pub(super) ca: &'a AgencyCa,
    /// Milliseconds since 1970.
    now_ms: i64,
}

impl Orders<'_> {
    /// Opens an invitation, in place of another one for the same device.
    pub async fn open_invitation(&self, invitation: &Invitation) -> Result<(), IssuerError> {
        let identity = &invitation.identity;
        let act = Act::OpenInvitation(v1::OpenInvitation {
            identity: identity.to_string(),
            claim_hash: claim_hash(&invitation.code.claim(identity)).to_vec(),
            not_after_ms: invitation.not_after_ms,
        });
        self.order(act).await.map(drop)
    }

    /// Takes an invitation back, and the request that came in on it.
    pub async fn withdraw_invitation(&self, identity: &Identity) -> Result<(), IssuerError> {
        let act = Act::WithdrawInvitation(v1::WithdrawInvitation { identity: identity.to_string() });
        self.order(act).await.map(drop)
    }

    /// Everything that waits, the open invitations, and the events after number `after_event`.
    ///
    /// Errors: [`IssuerError`]; [`DeskError::Answer`] also when there are more than 100,000.
    pub async fn waiting(&self, after_event: u64) -> Result<Waiting, IssuerError> {
        let own = &self.ca.profile().trust_domain;
        let mut waiting = Waiting::default();
        let mut seen = BTreeSet::new();
        for page in 0..PAGES_MAX {
            let after_identity =
                waiting.requests.last().map(|last| last.identity.to_string()).unwrap_or_default();
            let act = Act::List(v1::ListRequests { after_identity, after_event });
            let list = self.order(act).await?.list.ok_or(bad("the list is missing"))?;
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
    pub async fn answer(
        &self,
        identity: &Identity,
        request_hash: &Digest,
        sealed_answer: Vec<u8>,
    ) -> Result<(), IssuerError> {
        let (identity, request_hash) = (identity.to_string(), request_hash.to_vec());
        let act = Act::Answer(v1::AnswerRequest { identity, request_hash, sealed_answer });
        self.order(act).await.map(drop)
    }

    /// Says no to the request with that hash; its device is told.
    pub async fn refuse(&self, identity: &Identity, request_hash: &Digest) -> Result<(), IssuerError> {
        let (identity, request_hash) = (identity.to_string(), request_hash.to_vec());
        let act = Act::Refuse(v1::RefuseRequest { identity, request_hash });
        self.order(act).await.map(drop)
    }

    /// The agency's devices with a live connection that an encoded [`v1::SignedCharter`] would cut, signed or not.
    pub async fn would_cut(&self, signed_charter: Vec<u8>) -> Result<Vec<Identity>, IssuerError> {
        if signed_charter.len() > CHARTER_BYTES_MAX {
            return Err(bad("a charter over its limit"));
        }
        let act = Act::WouldCut(v1::AskWouldCut { signed_charter });
        let answer = self.order(act).await?;
        let would_cut = answer.would_cut.ok_or(bad("what would be cut is missing"))?;
        would_cut.identities.iter().map(|name| name.parse().map_err(|_| bad("a name"))).collect()
    }

    /// The agency's list that is in force, DER, whoever made it.
    ///
    /// Errors: [`IssuerError`]; [`DeskError::Refused`] with [`v1::Reason::NotFound`] while there is none.
    pub async fn list_in_force(&self) -> Result<Vec<u8>, IssuerError> {
        let crl = self.order(Act::ReadCrl(v1::ReadCrl {})).await?.crl;
        if crl.is_empty() || crl.len() > CRL_BYTES_MAX {
            Err(bad("a list over its limit, or none"))
        } else {
            Ok(crl)
        }
    }

    /// Lifts a duty officer's denial.
    pub async fn lift_denial(&self, identity: &Identity) -> Result<(), IssuerError> {
        let act = Act::LiftDenial(v1::LiftDenial { identity: identity.to_string() });
        self.order(act).await.map(drop)
    }

    /// Signs an order by the charter key and places it.
    pub(super) async fn order(&self, act: Act) -> Result<v1::PlaceOrderResponse, IssuerError> {
        let order = v1::Order {
            format: FORMAT,
            trust_domain: self.ca.profile().trust_domain.to_string(),
            time_ms: self.now_ms,
            act: Some(act),
        }
        .encode_to_vec();
        if order.len() > ORDER_BYTES_MAX {
            return Err(bad("an order over its limit"));
        }
        let signature = self.ca.charter_key().sign(&order_signing_bytes(&order))?;
        let request = v1::PlaceOrderRequest { order, signature };
        let client = EnrolmentClient::new(self.desk.channel.clone())
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX);
        unhurried(|| {
            let (mut client, request) = (client.clone(), request.clone());
            async move { client.place_order(request).await }
        })
        .await
    }
}
