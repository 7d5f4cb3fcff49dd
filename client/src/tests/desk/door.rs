//! As much of the server's first door as a device without a case needs to be brought up to date, in this process: it
//! notes which certificate each call showed.

use super::{Tls, World, accept_tls, escrow::Escrow, now_ms};
use alcove_charter::{CharterHistory, TrustView, sha256};
use alcove_proto::{
    ids::{GroupId, Head, Position},
    log::signed_head_bytes,
    v1::{self, Reason},
};
use alcove_rpc::v1::{
    directory_server::{Directory, DirectoryServer},
    escrow_server::EscrowServer,
    groups_server::{Groups, GroupsServer},
    key_packages_server::{KeyPackages, KeyPackagesServer},
};
use prost::Message;
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair},
};
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, transport::Server};

/// What the door has seen and holds.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) escrow: Escrow,
    /// Charters after the first.
    pub(crate) charters: Vec<Vec<u8>>,
    /// Pages of logs, by group and the position they are asked for after; anything else is not found.
    pub(crate) pages: BTreeMap<(Vec<u8>, u64), v1::ReadLogResponse>,
    /// SHA-256 of the certificate each call showed, in their order.
    pub(crate) certificates: Vec<[u8; 32]>,
    pub(crate) one_time: Vec<Vec<u8>>,
    pub(crate) last_resort: Vec<u8>,
}

pub(crate) struct Door {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
    receipt_key: EcdsaKeyPair,
}

impl Door {
    /// The first door of a world's server.
    pub(crate) fn open(world: &World) -> Self {
        let (chain, key) = world.server_ca.certify();
        let key = rustls::pki_types::PrivatePkcs8KeyDer::from(key).into();
        let charters = [world.charter.encode_to_vec()];
        let trust = TrustView::new(CharterHistory::from_versions(charters).unwrap());
        let config = alcove_trust::server_config(Arc::new(trust), vec![chain.into()], key).unwrap();
        let seen: Arc<Mutex<Seen>> = Arc::default();
        let (receipt_certificate, receipt_key) = world.server_ca.certify_receipts();
        let service = Service { seen: Arc::clone(&seen), receipt_chain: vec![receipt_certificate] };
        let signing = &ECDSA_P256_SHA256_ASN1_SIGNING;
        let receipt_key = EcdsaKeyPair::from_pkcs8(signing, &receipt_key, &SystemRandom::new()).unwrap();
        let (address, incoming) = accept_tls(&world.desk.runtime, config);
        let server = Server::builder()
            .add_service(DirectoryServer::new(service.clone()))
            .add_service(GroupsServer::new(service.clone()))
            .add_service(EscrowServer::new(service.clone()))
            .add_service(KeyPackagesServer::new(service));
        world.desk.runtime.spawn(server.serve_with_incoming(ReceiverStream::new(incoming)));
        Self { address, seen, receipt_key }
    }

    pub(crate) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap()
    }

    /// A head that the server has signed.
    pub(crate) fn sign_head(&self, group: &GroupId, position: Position, head: &Head) -> v1::SignedHead {
        let time_ms = now_ms();
        let bytes = signed_head_bytes(group, position, head, time_ms);
        let signature = self.receipt_key.sign(&SystemRandom::new(), &bytes).unwrap();
        v1::SignedHead {
            group_id: group.to_vec(),
            position: position.0,
            head: head.to_vec(),
            time_ms,
            signature: signature.as_ref().to_vec(),
        }
    }
}

/// What a connection showed.
#[derive(Clone)]
pub(crate) struct Shown(pub(crate) Option<[u8; 32]>);

impl Shown {
    pub(crate) fn of(stream: &Tls) -> Self {
        let chain = stream.0.get_ref().1.peer_certificates();
        Self(chain.and_then(<[_]>::first).map(|leaf| sha256(&[leaf])))
    }
}

#[derive(Clone)]
pub(super) struct Service {
    seen: Arc<Mutex<Seen>>,
    receipt_chain: Vec<Vec<u8>>,
}

impl Service {
    pub(super) fn called<T>(&self, request: &Request<T>) -> MutexGuard<'_, Seen> {
        let mut seen = self.seen.lock().unwrap();
        let shown = request.extensions().get::<Shown>().and_then(|shown| shown.0);
        seen.certificates.push(shown.expect("the first door asks for a certificate"));
        seen
    }
}

pub(super) type Answer<T> = Result<Response<T>, Status>;

fn not_here<T>() -> Answer<T> {
    Err(Status::unimplemented(""))
}

#[tonic::async_trait]
impl Directory for Service {
    async fn publish_card(
        &self,
        request: Request<v1::PublishCardRequest>,
    ) -> Answer<v1::PublishCardResponse> {
        drop(self.called(&request));
        Ok(Response::new(v1::PublishCardResponse::default()))
    }

    async fn list_cards(&self, _: Request<v1::ListCardsRequest>) -> Answer<v1::ListCardsResponse> {
        not_here()
    }

    async fn fetch_charters(
        &self,
        request: Request<v1::FetchChartersRequest>,
    ) -> Answer<v1::FetchChartersResponse> {
        let seen = self.called(&request);
        // Version 1 is known to everybody here.
        let held = request.get_ref().after_version.saturating_sub(1) as usize;
        let signed_charters = seen.charters.iter().skip(held).cloned().collect();
        Ok(Response::new(v1::FetchChartersResponse { signed_charters }))
    }

    async fn fetch_crls(&self, request: Request<v1::FetchCrlsRequest>) -> Answer<v1::FetchCrlsResponse> {
        drop(self.called(&request));
        Ok(Response::new(v1::FetchCrlsResponse::default()))
    }

    async fn fetch_ledger(
        &self,
        request: Request<v1::FetchLedgerRequest>,
    ) -> Answer<v1::FetchLedgerResponse> {
        drop(self.called(&request));
        Ok(Response::new(v1::FetchLedgerResponse::default()))
    }

    async fn describe_server(
        &self,
        request: Request<v1::DescribeServerRequest>,
    ) -> Answer<v1::DescribeServerResponse> {
        drop(self.called(&request));
        Ok(Response::new(v1::DescribeServerResponse {
            time_ms: now_ms(),
            version: "test".to_owned(),
            receipt_chain: self.receipt_chain.clone(),
        }))
    }
}

#[tonic::async_trait]
impl KeyPackages for Service {
    async fn publish_key_packages(
        &self,
        request: Request<v1::PublishKeyPackagesRequest>,
    ) -> Answer<v1::PublishKeyPackagesResponse> {
        let mut seen = self.called(&request);
        let published = request.into_inner();
        seen.one_time.extend(published.one_time);
        if !published.last_resort.is_empty() {
            seen.last_resort = published.last_resort;
        }
        Ok(Response::new(v1::PublishKeyPackagesResponse::default()))
    }

    async fn claim_key_packages(
        &self,
        _: Request<v1::ClaimKeyPackagesRequest>,
    ) -> Answer<v1::ClaimKeyPackagesResponse> {
        not_here()
    }

    async fn count_key_packages(
        &self,
        request: Request<v1::CountKeyPackagesRequest>,
    ) -> Answer<v1::CountKeyPackagesResponse> {
        let seen = self.called(&request);
        Ok(Response::new(v1::CountKeyPackagesResponse {
            one_time: seen.one_time.len() as u32,
            last_resort: !seen.last_resort.is_empty(),
        }))
    }
}

#[tonic::async_trait]
impl Groups for Service {
    type SubscribeStream = ReceiverStream<Result<v1::SubscribeResponse, Status>>;
    type FetchTreeStream = ReceiverStream<Result<v1::FetchTreeResponse, Status>>;

    async fn list_welcomes(
        &self,
        request: Request<v1::ListWelcomesRequest>,
    ) -> Answer<v1::ListWelcomesResponse> {
        drop(self.called(&request));
        Ok(Response::new(v1::ListWelcomesResponse::default()))
    }

    async fn create_group(&self, _: Request<v1::CreateGroupRequest>) -> Answer<v1::CreateGroupResponse> {
        not_here()
    }

    async fn submit_commit(&self, _: Request<v1::SubmitCommitRequest>) -> Answer<v1::SubmitCommitResponse> {
        not_here()
    }

    async fn append_record(&self, _: Request<v1::AppendRecordRequest>) -> Answer<v1::AppendRecordResponse> {
        not_here()
    }

    async fn read_log(&self, request: Request<v1::ReadLogRequest>) -> Answer<v1::ReadLogResponse> {
        let seen = self.called(&request);
        let asked = request.into_inner();
        let page = seen.pages.get(&(asked.group_id, asked.after_position)).cloned();
        page.map(Response::new).ok_or_else(|| super::refused(Reason::NotFound))
    }

    async fn read_digests(&self, _: Request<v1::ReadDigestsRequest>) -> Answer<v1::ReadDigestsResponse> {
        not_here()
    }

    async fn subscribe(&self, _: Request<v1::SubscribeRequest>) -> Answer<Self::SubscribeStream> {
        not_here()
    }

    async fn fetch_tree(&self, _: Request<v1::FetchTreeRequest>) -> Answer<Self::FetchTreeStream> {
        not_here()
    }

    async fn fetch_group_info(
        &self,
        _: Request<v1::FetchGroupInfoRequest>,
    ) -> Answer<v1::FetchGroupInfoResponse> {
        not_here()
    }

    async fn acknowledge_welcome(
        &self,
        _: Request<v1::AcknowledgeWelcomeRequest>,
    ) -> Answer<v1::AcknowledgeWelcomeResponse> {
        not_here()
    }

    async fn open_access(&self, _: Request<v1::OpenAccessRequest>) -> Answer<v1::OpenAccessResponse> {
        not_here()
    }

    async fn end_access(&self, _: Request<v1::EndAccessRequest>) -> Answer<v1::EndAccessResponse> {
        not_here()
    }
}
