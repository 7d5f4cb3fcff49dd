//! A device with its keys in the open: it speaks to the server as it likes.

use super::pki::{Shown, now_ms};
use alcove_charter::{CharterFile, TrustView, sha256, sign_content};
use alcove_e2ee::{
    cards,
    device::Device,
    group::{Group, Intent, KeyPackage, Prepared},
    keys::DirectoryKey,
};
use alcove_issuer::SealingKey;
use alcove_mls::{CommitBody, LogPin, Policy};
use alcove_proto::{
    ids::{GroupId, Head, Position},
    limits::MESSAGE_BYTES_MAX,
    log::first_head,
    names::Identity,
    v1::{self, ErrorDetail, Reason},
};
use alcove_rpc::v1::{
    directory_client::DirectoryClient, groups_client::GroupsClient, key_packages_client::KeyPackagesClient,
};
use alcove_sealing::directory_key;
use alcove_tests::world::{World, path};
use alcove_trust::{ConnectError, Connector};
use prost::Message;
use rcgen::{CertificateParams, DistinguishedName, KeyPair};
use ring::{
    rand::{SecureRandom, SystemRandom},
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair},
};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use std::{fs, net::SocketAddr, sync::Arc};
use tonic::{
    Status,
    transport::{Channel, Endpoint},
};

/// A device that an agency's admin has certified.
pub(crate) struct Caller {
    pub(crate) identity: Identity,
    pub(crate) mls: Device,
    pub(crate) trust: TrustView,
    /// Its card, as a device publishes it.
    pub(crate) sealed_card: Vec<u8>,
    connector: Connector,
    channel: Channel,
    mls_key: EcdsaKeyPair,
}

impl Caller {
    /// A fresh person of `label`, certified by `alcove-certs issue`, that calls the server at `address`.
    #[track_caller]
    pub(crate) fn enrol(world: &World, label: &str, address: SocketAddr) -> Self {
        let (tls, mls) = (key(), key());
        let sealing = SealingKey::generate().expect("a key can be made");
        let request = v1::EnrolmentRequest {
            format: 1,
            tls_csr: request_for(&tls),
            mls_csr: request_for(&mls),
            sealing_key: sealing.public().as_bytes().to_vec(),
        };
        let request_file = world.path("caller.req");
        let answer_file = world.path("caller.cert");
        fs::write(&request_file, request.encode_to_vec()).expect("the request can be written");
        let (ca, charter) = (world.agency_folder(label), world.charter());
        let issue = ["issue", path(&request_file), "--ca", path(&ca), "--charter", path(&charter)];
        let card = ["--name", "Rosa Iglesias-Peña", "--role", "case manager", "-o", path(&answer_file)];
        // One file serves for every caller's answer.
        world.certs(issue.into_iter().chain(card).chain(["--force"])).success();
        let answer = fs::read(&answer_file).expect("the answer is there");
        let answer = v1::EnrolmentCertificate::decode(answer.as_slice()).expect("the answer decodes");

        let trust = trust(world);
        let chain = answer.tls_chain.into_iter().map(Into::into).collect();
        let tls_key: PrivateKeyDer<'static> = PrivatePkcs8KeyDer::from(tls.serialize_der()).into();
        let connector =
            Connector::new(Arc::new(trust.clone()), chain, tls_key).expect("key and certificate go together");
        let pkcs8 = mls.serialize_der();
        let mls_key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &pkcs8, &SystemRandom::new());
        let mls_key = mls_key.expect("a P-256 key");
        let mls = Device::new(&pkcs8, answer.mls_chain, None).expect("the answer is good");
        let channel = channel(&connector, address);
        let identity = mls.identity().clone();
        let directory_key = directory_key::open(
            sealing.scalar(),
            &identity.to_string(),
            &answer.encapsulated_key,
            &answer.sealed_directory_key,
        )
        .expect("sealed to it");
        let directory_key = DirectoryKey::from_bytes(*directory_key);
        let sealed_card =
            cards::seal(&directory_key, &identity.person, &answer.card, random()).expect("the card has room");
        Self { identity, mls, trust, sealed_card, connector, channel, mls_key }
    }

    /// Tries to connect again; answers why it was refused, if it was.
    pub(crate) async fn connect(&self, address: SocketAddr) -> Result<(), ConnectError> {
        self.connector.connect(&address.ip().to_string(), address.port()).await.map(drop)
    }

    /// Calls another address from now on.
    pub(crate) fn move_to(&mut self, address: SocketAddr) {
        self.channel = channel(&self.connector, address);
    }

    pub(crate) fn groups(&self) -> GroupsClient<Channel> {
        // Larger than the server takes: its limit is what a scene wants to meet.
        GroupsClient::new(self.channel.clone())
            .max_decoding_message_size(2 * MESSAGE_BYTES_MAX)
            .max_encoding_message_size(2 * MESSAGE_BYTES_MAX)
    }

    pub(crate) fn key_packages(&self) -> KeyPackagesClient<Channel> {
        KeyPackagesClient::new(self.channel.clone())
    }

    pub(crate) fn directory(&self) -> DirectoryClient<Channel> {
        DirectoryClient::new(self.channel.clone())
    }

    /// A key package that lives a day.
    pub(crate) fn key_package(&self) -> KeyPackage {
        self.mls.key_package(now_ms(), now_ms() + 86_400_000).expect("a key package can be made")
    }

    /// Creates a group of its own on the server.
    pub(crate) async fn create_group(&self) -> Group {
        let policy = Policy::new(self.trust.charter().hash(), self.identity.person.clone());
        let (group, group_info) = Group::create(&self.mls, GroupId(random()), &policy, &self.trust, now_ms())
            .expect("a group can be made");
        let request = v1::CreateGroupRequest { group_id: group.id().to_vec(), group_info };
        self.groups().create_group(request).await.expect("the server takes the group");
        group
    }

    /// Prepares a commit of `intent` that has seen the log up to `seen`.
    pub(crate) fn prepare(&self, group: &mut Group, intent: &Intent, seen: LogPin) -> Prepared {
        group.prepare_commit(&self.mls, intent, seen, &self.trust, now_ms()).expect("the commit can be made")
    }

    /// A commit of whatever bytes, under this device's signature.
    pub(crate) fn enveloped(&self, commit: Vec<u8>) -> Vec<u8> {
        let signature = self.sign("alcove commit v1", &commit);
        CommitBody { commit, signature: Some(signature) }.encode()
    }

    /// This device's signature under whatever label (RFC 9420 section 5.1.2).
    pub(crate) fn sign(&self, label: &str, content: &[u8]) -> Vec<u8> {
        let content = sign_content(label, content);
        self.mls_key.sign(&SystemRandom::new(), &content).expect("the key signs").as_ref().to_vec()
    }

    /// Leaves a key package at the server.
    pub(crate) async fn publish(&self, bytes: Vec<u8>) -> Result<(), Status> {
        let request = v1::PublishKeyPackagesRequest {
            one_time: vec![bytes],
            ..v1::PublishKeyPackagesRequest::default()
        };
        self.key_packages().publish_key_packages(request).await.map(drop)
    }

    /// Offers a prepared commit.
    pub(crate) async fn submit(
        &self,
        group: &GroupId,
        prepared: &Prepared,
    ) -> Result<v1::SubmitCommitResponse, Status> {
        let request = submission(group, prepared);
        self.groups().submit_commit(request).await.map(tonic::Response::into_inner)
    }

    /// Appends bytes as a record; the server cannot tell them from a sealed one.
    pub(crate) async fn append(
        &self,
        group: &GroupId,
        record: [u8; 16],
        epoch: u64,
        bytes: &[u8],
    ) -> Result<v1::Receipt, Status> {
        let request = v1::AppendRecordRequest {
            group_id: group.to_vec(),
            record_id: record.to_vec(),
            epoch,
            record: bytes.to_vec().into(),
            blob_ids: Vec::new(),
        };
        let answer = self.groups().append_record(request).await?.into_inner();
        Ok(answer.receipt.expect("a taken record has a receipt"))
    }

    /// The log of a group from its beginning, as far as this device may read it.
    pub(crate) async fn read(&self, group: &GroupId) -> Result<Vec<v1::LogEntry>, Status> {
        let request = v1::ReadLogRequest {
            group_id: group.to_vec(),
            after_position: 0,
            entries_max: 0,
            through_position: 0,
        };
        Ok(self.groups().read_log(request).await?.into_inner().entries)
    }
}

/// What a prepared commit says to the server.
pub(crate) fn submission(group: &GroupId, prepared: &Prepared) -> v1::SubmitCommitRequest {
    let joiner = |joiner: &alcove_e2ee::group::Joiner| v1::Joiner {
        identity: joiner.identity.to_string(),
        key_package_ref: joiner.key_package_ref.clone(),
    };
    v1::SubmitCommitRequest {
        group_id: group.to_vec(),
        epoch: prepared.epoch.0,
        commit: prepared.commit.clone(),
        welcome: prepared.welcome.clone(),
        joiners: prepared.joiners.iter().map(joiner).collect(),
        seen_position: prepared.seen.position.0,
        group_info: prepared.group_info.clone(),
    }
}

/// The trust that the world's charter gives, without any CRL.
pub(crate) fn trust(world: &World) -> TrustView {
    let file = fs::read(world.charter()).expect("the charter is there");
    let file = CharterFile::parse(&file).expect("the charter parses");
    TrustView::new(file.complete().expect("everybody has signed the charter"))
}

/// The head of an empty log, as a commit names it.
pub(crate) fn start_of(group: &GroupId) -> LogPin {
    LogPin { position: Position(0), head: first_head(sha256, group) }
}

/// Where the log stands after an entry was taken.
pub(crate) fn after(receipt: &v1::Receipt) -> LogPin {
    let head = Head(receipt.head.as_slice().try_into().expect("a head has 32 bytes"));
    LogPin { position: Position(receipt.position), head }
}

/// The receipt of a commit that must have been accepted.
#[track_caller]
pub(crate) fn accepted(response: v1::SubmitCommitResponse) -> v1::Receipt {
    match response.outcome {
        Some(v1::submit_commit_response::Outcome::Accepted(receipt)) => receipt,
        other => panic!("the commit was not accepted: {other:?}"),
    }
}

/// The machine-readable reason of a refusal.
#[track_caller]
pub(crate) fn reason(status: &Status) -> Reason {
    detail(status).reason()
}

/// The whole detail of a refusal.
#[track_caller]
pub(crate) fn detail(status: &Status) -> ErrorDetail {
    ErrorDetail::from_status_details(status.details())
        .unwrap_or_else(|| panic!("a refusal without a reason: {status:?}"))
}

/// A connector for a certificate that no admin has issued.
pub(crate) fn connector_of(trust: &TrustView, shown: &Shown) -> Connector {
    Connector::new(Arc::new(trust.clone()), shown.chain.clone(), shown.key())
        .expect("key and certificate go together")
}

/// Random bytes.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).expect("the system's random source works");
    bytes
}

fn channel(connector: &Connector, address: SocketAddr) -> Channel {
    Endpoint::from_shared(format!("https://{address}"))
        .expect("a socket address is an authority")
        .connect_with_connector_lazy(connector.clone())
}

fn key() -> KeyPair {
    KeyPair::generate().expect("a key can be made")
}

fn request_for(key: &KeyPair) -> Vec<u8> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.serialize_request(key).expect("a request can be made").der().to_vec()
}
