//! The services as a peer meets them: requests in, messages and status details out, without a socket.

#![allow(clippy::unwrap_used)] // A test that cannot go on panics, also in its helpers.

mod world;

use alcove_proto::{
    limits::{MESSAGE_BYTES_MAX, RECORD_BYTES_MAX},
    names::Identity,
    v1::{self, ErrorDetail, Reason},
};
use alcove_rpc::v1::{
    blobs_client::BlobsClient, directory_client::DirectoryClient, escrow_client::EscrowClient,
    groups_client::GroupsClient, key_packages_client::KeyPackagesClient,
};
use alcove_server::{
    config::Limits,
    service::Admission,
    transport::grpc::{RequestId, routes},
};
use http::{Request, Response};
use std::{
    convert::Infallible,
    num::NonZeroU32,
    sync::Arc,
    task::{Context, Poll},
};
use tonic::{Code, Status, body::Body, service::Routes};
use world::{Device, World};

/// The services as one caller's verified connection shows them.
#[derive(Clone)]
struct Connection {
    routes: Routes,
    identity: Option<Identity>,
    /// Counts the calls, where a test is about that.
    admission: Option<Arc<Admission>>,
}

impl tower::Service<Request<Body>> for Connection {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = <Routes as tower::Service<Request<Body>>>::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        tower::Service::<Request<Body>>::poll_ready(&mut self.routes, context)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        if let Some(identity) = &self.identity {
            request.extensions_mut().insert(identity.clone());
            if let Some(admission) = &self.admission {
                request.extensions_mut().insert(admission.admit(identity).unwrap());
            }
        }
        request.extensions_mut().insert(RequestId(0xfeed));
        self.routes.call(request)
    }
}

impl Connection {
    fn of(world: &World, device: &Device) -> Self {
        Self { routes: routes(&world.service), identity: Some(device.identity.clone()), admission: None }
    }
}

fn detail(status: &Status) -> ErrorDetail {
    ErrorDetail::from_status_details(status.details()).unwrap_or_else(|| panic!("{status:?} has no detail"))
}

fn reason<T: std::fmt::Debug>(result: Result<T, Status>) -> (Code, Reason) {
    let status = result.expect_err("it is refused");
    (status.code(), detail(&status).reason())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_goes_in_and_comes_back_with_a_receipt() {
    let world = World::new();
    let mut alice = Device::of(&world.harborlight, 1, 1);
    let (group, group_info) = alice.create_group(&world.trust(), world.now_ms());
    let mut groups = GroupsClient::new(Connection::of(&world, &alice));
    let request = v1::CreateGroupRequest { group_id: group.to_vec(), group_info };
    let created = groups.create_group(request).await.unwrap().into_inner();
    world.check_signature(&created.signed_head.unwrap());

    let record = v1::AppendRecordRequest {
        group_id: group.to_vec(),
        record_id: vec![1; 16],
        epoch: 0,
        record: vec![9; RECORD_BYTES_MAX].into(),
        blob_ids: Vec::new(),
    };
    let receipt = groups.append_record(record.clone()).await.unwrap().into_inner().receipt.unwrap();
    world.check_signature(&receipt.signed_head.unwrap());
    assert_eq!(receipt.position, 1);
    let read = v1::ReadLogRequest { group_id: group.to_vec(), ..Default::default() };
    let page = groups.read_log(read).await.unwrap().into_inner();
    assert_eq!(page.entries[0].body, record.record);

    let cursor = v1::Cursor { group_id: group.to_vec(), after_position: 0 };
    let subscribe = v1::SubscribeRequest { cursors: vec![cursor] };
    let mut events = groups.subscribe(subscribe).await.unwrap().into_inner();
    let first = events.message().await.unwrap().unwrap().event.unwrap();
    let v1::subscribe_response::Event::Entries(entries) = first else { panic!("the entry comes first") };
    assert_eq!((entries.entries.len(), entries.signed_head.unwrap().position), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_device_seals_is_counted_and_a_recovery_key_of_yesterday_is_refused() {
    let world = World::new();
    let mut alice = Device::of(&world.harborlight, 1, 1);
    let group = world.open_group(&mut alice).await;
    let mut escrow = EscrowClient::new(Connection::of(&world, &alice));
    let entry = v1::EscrowEntry {
        group_id: group.to_vec(),
        epoch: 0,
        epoch_id: vec![2; 32],
        encapsulated_key: vec![4; 65],
        ciphertext: vec![5; 48],
    };
    let recovery_key_hash = world.harborlight.recovery_key_hash().to_vec();
    let put = v1::PutEscrowRequest {
        group_id: group.to_vec(),
        recovery_key_hash: recovery_key_hash.clone(),
        entries: vec![entry.clone()],
        ..Default::default()
    };
    escrow.put_escrow(put.clone()).await.unwrap();
    let asked = v1::ListSealingsRequest { group_id: group.to_vec(), recovery_key_hash, from_epoch: 0 };
    let listed = escrow.list_sealings(asked).await.unwrap().into_inner();
    assert_eq!(listed.epochs, [v1::EpochSealings { epoch: 0, devices: 1, own: true }]);
    let yesterday = v1::PutEscrowRequest { recovery_key_hash: vec![1; 32], ..put.clone() };
    let changed = (Code::FailedPrecondition, Reason::RecoveryKeyChanged);
    assert_eq!(reason(escrow.put_escrow(yesterday).await), changed);
    let elsewhere = v1::EscrowEntry { group_id: vec![9; 16], ..entry };
    let elsewhere = v1::PutEscrowRequest { entries: vec![elsewhere], ..put };
    let malformed = (Code::InvalidArgument, Reason::Malformed);
    assert_eq!(reason(escrow.put_escrow(elsewhere).await), malformed);
    let nonsense = v1::ObjectToRecoveryRequest { signed_objection: vec![1; 9] };
    assert_eq!(reason(escrow.object_to_recovery(nonsense).await), malformed);
    let none = escrow.list_recoveries(v1::ListRecoveriesRequest {}).await.unwrap().into_inner();
    assert_eq!(none.attempts, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_verified_identity_every_call_is_refused() {
    let world = World::new();
    let nobody = Connection { routes: routes(&world.service), identity: None, admission: None };
    let refused = (Code::Unauthenticated, Reason::CertificateRefused);
    let mut groups = GroupsClient::new(nobody.clone());
    assert_eq!(reason(groups.list_welcomes(v1::ListWelcomesRequest {}).await), refused);
    assert_eq!(reason(groups.subscribe(v1::SubscribeRequest::default()).await), refused);
    let mut directory = DirectoryClient::new(nobody.clone());
    assert_eq!(reason(directory.describe_server(v1::DescribeServerRequest {}).await), refused);
    assert_eq!(reason(directory.fetch_crls(v1::FetchCrlsRequest::default()).await), refused);
    let mut escrow = EscrowClient::new(nobody.clone());
    assert_eq!(reason(escrow.list_recoveries(v1::ListRecoveriesRequest {}).await), refused);
    assert_eq!(reason(escrow.put_escrow(v1::PutEscrowRequest::default()).await), refused);
    let mut packages = KeyPackagesClient::new(nobody.clone());
    assert_eq!(reason(packages.count_key_packages(v1::CountKeyPackagesRequest {}).await), refused);
    let mut blobs = BlobsClient::new(nobody);
    let chunks = tokio_stream::iter([v1::PutChunksRequest::default()]);
    assert_eq!(reason(blobs.put_chunks(chunks).await), refused);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_input_is_refused_by_its_reason_and_with_its_limit() {
    let world = World::new();
    let mut alice = Device::of(&world.harborlight, 1, 1);
    let group = world.open_group(&mut alice).await;
    let mut groups = GroupsClient::new(Connection::of(&world, &alice));
    let good = v1::AppendRecordRequest {
        group_id: group.to_vec(),
        record_id: vec![1; 16],
        epoch: 0,
        record: vec![1].into(),
        blob_ids: Vec::new(),
    };

    let short_id = v1::AppendRecordRequest { record_id: vec![1; 15], ..good.clone() };
    let malformed = (Code::InvalidArgument, Reason::Malformed);
    assert_eq!(reason(groups.append_record(short_id).await), malformed);
    let short_blob = v1::AppendRecordRequest { blob_ids: vec![vec![1; 15]], ..good.clone() };
    assert_eq!(reason(groups.append_record(short_blob).await), malformed);
    let no_blob = v1::AppendRecordRequest { blob_ids: vec![vec![1; 16]], ..good.clone() };
    assert_eq!(reason(groups.append_record(no_blob).await), (Code::NotFound, Reason::NotFound));
    let empty = v1::AppendRecordRequest { record: Default::default(), ..good.clone() };
    assert_eq!(reason(groups.append_record(empty).await), malformed);
    let mut blobs = BlobsClient::new(Connection::of(&world, &alice));
    let misfit = v1::OpenUploadRequest {
        group_id: group.to_vec(),
        blob_id: vec![2; 16],
        chunk_count: 3,
        bytes_total: 300,
    };
    assert_eq!(reason(blobs.open_upload(misfit.clone()).await), malformed);
    let fitting = v1::OpenUploadRequest { chunk_count: 1, ..misfit };
    blobs.open_upload(fitting).await.expect("the control");
    let large = v1::AppendRecordRequest { record: vec![0; RECORD_BYTES_MAX + 1].into(), ..good.clone() };
    let status = groups.append_record(large).await.unwrap_err();
    assert_eq!(
        (detail(&status).reason(), detail(&status).limit),
        (Reason::TooLarge, RECORD_BYTES_MAX as u64)
    );
    let stale = v1::AppendRecordRequest { epoch: 4, ..good.clone() };
    let status = groups.append_record(stale).await.unwrap_err();
    assert_eq!((status.code(), detail(&status).reason()), (Code::Aborted, Reason::StaleEpoch));
    assert_eq!(detail(&status).request_id, "000000000000feed");
    let nowhere = v1::AppendRecordRequest { group_id: vec![8; 16], ..good.clone() };
    assert_eq!(reason(groups.append_record(nowhere).await), (Code::NotFound, Reason::NotFound));
    assert!(groups.append_record(good).await.is_ok());

    let mut huge = GroupsClient::new(Connection::of(&world, &alice));
    let request = v1::CreateGroupRequest { group_id: vec![1; 16], group_info: vec![0; MESSAGE_BYTES_MAX] };
    let status = huge.create_group(request).await.unwrap_err();
    assert_eq!((status.code(), detail(&status).reason()), (Code::InvalidArgument, Reason::TooLarge));
    assert_eq!(detail(&status).limit, MESSAGE_BYTES_MAX as u64);
    assert_eq!(detail(&status).request_id, "000000000000feed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_is_no_such_message_is_refused_as_malformed() {
    let world = World::new();
    let alice = Device::of(&world.harborlight, 1, 1);
    // Field 1 says it has 100 bytes, and the message ends.
    let body: &[u8] = &[0, 0, 0, 0, 2, 0x0a, 100];
    let request = Request::post("/alcove.v1.Groups/AppendRecord")
        .header("content-type", "application/grpc")
        .body(Body::new(http_body_util::Full::new(bytes::Bytes::from_static(body))))
        .unwrap();
    let answer = tower::ServiceExt::oneshot(Connection::of(&world, &alice), request).await.unwrap();
    let status = Status::from_header_map(answer.headers()).expect("it is refused at once");
    assert_eq!((status.code(), detail(&status).reason()), (Code::InvalidArgument, Reason::Malformed));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_upload_is_answered_though_the_client_is_still_sending() {
    let world = World::new();
    let mut alice = Device::of(&world.harborlight, 1, 1);
    world.open_group(&mut alice).await;
    let mut blobs = BlobsClient::new(Connection::of(&world, &alice));
    let chunks = (0..40u32).map(|index| v1::PutChunksRequest {
        blob_id: if index == 0 { vec![4; 16] } else { Vec::new() },
        index,
        chunk: vec![0; 64 * 1024].into(),
    });
    let refused = blobs.put_chunks(tokio_stream::iter(chunks)).await;
    assert_eq!(reason(refused), (Code::NotFound, Reason::NotFound));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_that_is_there_with_other_bytes_is_told_apart_from_a_bad_one() {
    let world = World::new();
    let mut alice = Device::of(&world.harborlight, 1, 1);
    let mut groups = GroupsClient::new(Connection::of(&world, &alice));
    let (group, group_info) = alice.create_group(&world.trust(), world.now_ms());
    let request = v1::CreateGroupRequest { group_id: group.to_vec(), group_info };
    let other_bytes = alice.group_info_anew(group);
    assert_ne!(request.group_info, other_bytes, "signed anew: the same group in other bytes");
    groups.create_group(request.clone()).await.unwrap();
    groups.create_group(request.clone()).await.expect("the control: the same bytes are the same group");
    let other = v1::CreateGroupRequest { group_info: other_bytes, ..request };
    assert_eq!(reason(groups.create_group(other).await), (Code::AlreadyExists, Reason::GroupExists));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transfer_counts_the_chunks_it_holds_and_one_too_many_is_told_to_come_again() {
    let world = World::new();
    let mut alice = Device::of(&world.harborlight, 1, 1);
    world.open_group(&mut alice).await;
    let room = Limits { call_bytes_per_identity_max: 5 << 20, ..World::limits() };
    let admission = Admission::new(&room);
    let connection = Connection { admission: Some(admission.clone()), ..Connection::of(&world, &alice) };
    let mut blobs = BlobsClient::new(connection);
    let chunk = || v1::PutChunksRequest { blob_id: vec![4; 16], index: 0, chunk: vec![0; 64].into() };
    // Another call of hers leaves room for less than four chunks.
    let other = admission.admit(&alice.identity).unwrap();
    other.hold(2 << 20).unwrap();
    let refused = blobs.put_chunks(tokio_stream::iter([chunk()])).await;
    assert_eq!(reason(refused), (Code::ResourceExhausted, Reason::RateLimited));
    drop(other);
    let refused = blobs.put_chunks(tokio_stream::iter([chunk()])).await;
    assert_eq!(
        reason(refused),
        (Code::NotFound, Reason::NotFound),
        "the control: with room it is looked for"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_for_many_devices_or_with_many_packages_costs_as_much_as_many() {
    let few = NonZeroU32::new(20).unwrap();
    let world = World::with(Limits {
        calls_per_second_max: NonZeroU32::MIN,
        calls_burst_max: few,
        ..World::limits()
    });
    let alice = Device::of(&world.harborlight, 1, 1);
    let bob = Device::of(&world.northmark, 2, 1);
    let too_many = (Code::ResourceExhausted, Reason::RateLimited);
    let mut hers = KeyPackagesClient::new(Connection::of(&world, &alice));
    let claim = |count: u16| v1::ClaimKeyPackagesRequest {
        identities: (1..=count).map(|number| format!("{}/device/{number}", alice.identity.person)).collect(),
    };
    hers.claim_key_packages(claim(15)).await.expect("fifteen of twenty");
    assert_eq!(reason(hers.claim_key_packages(claim(15)).await), too_many, "thirty of twenty");
    hers.claim_key_packages(claim(3)).await.expect("the control: eighteen of twenty");

    let mut his = KeyPackagesClient::new(Connection::of(&world, &bob));
    let packages = |count: usize| v1::PublishKeyPackagesRequest {
        one_time: (0..count).map(|_| bob.key_package(&world.trust(), world.now_ms()).bytes).collect(),
        last_resort: Vec::new(),
        replace: false,
    };
    his.publish_key_packages(packages(15)).await.expect("fifteen of twenty");
    assert_eq!(reason(his.publish_key_packages(packages(15)).await), too_many, "thirty of twenty");
    his.publish_key_packages(packages(3)).await.expect("the control: eighteen of twenty");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn key_packages_are_handed_out_once_and_only_good_ones_are_kept() {
    let world = World::new();
    let alice = Device::of(&world.harborlight, 1, 1);
    let bob = Device::of(&world.northmark, 2, 1);
    let mut hers = KeyPackagesClient::new(Connection::of(&world, &alice));
    let mut his = KeyPackagesClient::new(Connection::of(&world, &bob));
    let package = || bob.key_package(&world.trust(), world.now_ms()).bytes;
    let (one, two, last) = (package(), package(), package());

    let invalid = (Code::InvalidArgument, Reason::KeyPackageInvalid);
    let publish = |one_time: Vec<Vec<u8>>| v1::PublishKeyPackagesRequest {
        one_time,
        last_resort: Vec::new(),
        replace: false,
    };
    assert_eq!(reason(hers.publish_key_packages(publish(vec![one.clone()])).await), invalid);
    assert_eq!(reason(his.publish_key_packages(publish(vec![one[1..].to_vec()])).await), invalid);
    let mut altered = one.clone();
    *altered.last_mut().unwrap() ^= 1;
    assert_eq!(reason(his.publish_key_packages(publish(vec![one.clone(), altered])).await), invalid);
    let counted = his.count_key_packages(v1::CountKeyPackagesRequest {}).await.unwrap().into_inner();
    assert_eq!((counted.one_time, counted.last_resort), (0, false), "of a bad batch nothing is kept");

    let request = v1::PublishKeyPackagesRequest {
        one_time: vec![one.clone(), two.clone()],
        last_resort: last.clone(),
        replace: false,
    };
    let stored = his.publish_key_packages(request).await.unwrap().into_inner().one_time_stored;
    assert_eq!(stored, 2);
    let claim = v1::ClaimKeyPackagesRequest {
        identities: vec![bob.identity.to_string(), alice.identity.to_string()],
    };
    let mut claimed = Vec::new();
    for _ in 0..4 {
        let packages = hers.claim_key_packages(claim.clone()).await.unwrap().into_inner().key_packages;
        assert_eq!(packages.len(), 1, "alice has none");
        claimed.push((packages[0].key_package.clone(), packages[0].last_resort));
    }
    let mut once: Vec<_> = claimed[..2].to_vec();
    once.sort();
    let mut expected = vec![(one, false), (two, false)];
    expected.sort();
    assert_eq!(once, expected);
    assert_eq!(claimed[2..], [(last.clone(), true), (last, true)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cards_are_listed_by_agency_and_trust_material_is_handed_out() {
    let world = World::new();
    let alice = Device::of(&world.harborlight, 1, 1);
    let bob = Device::of(&world.northmark, 2, 1);
    for device in [&alice, &bob] {
        let mut directory = DirectoryClient::new(Connection::of(&world, device));
        let sealed_card = device.identity.to_string().into_bytes();
        directory.publish_card(v1::PublishCardRequest { sealed_card }).await.unwrap();
    }
    let mut directory = DirectoryClient::new(Connection::of(&world, &bob));
    let all = directory.list_cards(v1::ListCardsRequest::default()).await.unwrap().into_inner();
    let names: Vec<_> = all.cards.iter().map(|card| card.identity.clone()).collect();
    assert_eq!(names, [alice.identity.to_string(), bob.identity.to_string()]);
    let one_agency = v1::ListCardsRequest {
        trust_domain: bob.identity.person.trust_domain.to_string(),
        after_identity: String::new(),
    };
    let his = directory.list_cards(one_agency).await.unwrap().into_inner();
    assert_eq!(his.cards, all.cards[1..]);

    let charters = v1::FetchChartersRequest { after_version: 0 };
    assert_eq!(directory.fetch_charters(charters).await.unwrap().into_inner().signed_charters.len(), 1);
    let charters = v1::FetchChartersRequest { after_version: 1 };
    assert!(directory.fetch_charters(charters).await.unwrap().into_inner().signed_charters.is_empty());
    world.revoke(&world.northmark, 1, &[&bob]);
    let crls = directory.fetch_crls(v1::FetchCrlsRequest::default()).await.unwrap().into_inner().crls;
    assert_eq!(crls.len(), 1);
    world.revoke(&world.harborlight, 1, &[]);
    let all = directory.fetch_crls(v1::FetchCrlsRequest::default()).await.unwrap().into_inner();
    assert_eq!((all.crls.len(), all.next_after_trust_domain.as_str()), (2, ""));
    let after = alice.identity.person.trust_domain.to_string();
    let later = v1::FetchCrlsRequest { after_trust_domain: after };
    assert_eq!(directory.fetch_crls(later).await.unwrap().into_inner().crls, crls, "the later one alone");
    let nobody = v1::FetchCrlsRequest { after_trust_domain: "No Domain".to_owned() };
    assert_eq!(reason(directory.fetch_crls(nobody).await), (Code::InvalidArgument, Reason::Malformed));
    let described = directory.describe_server(v1::DescribeServerRequest {}).await.unwrap().into_inner();
    assert_eq!(described.time_ms, world.now_ms());
}
