//! Each kind of damage, done to a store by hand, is found and named; the same store undamaged is the control.

use super::{
    super::{
        SledConfig, SledStore,
        desk::{
            escrow_keys::{certificate_key, count_key},
            events::{Lane, desk_key},
            ledger::end_key,
            places::{Place, invitation_key},
        },
        engine::{
            keys::{Key, membership_key},
            rows::{
                CertificateRow, DeskRow, EntryRow, LedgerEndRow, PositionRow, RequestRow, UsageRow,
                WelcomeContentRow,
            },
        },
    },
    *,
};
use crate::store::{
    Blobs, Desk, Directory, Escrow, Groups, Ledgers, Log, Operation,
    audit::By,
    blobs::NewUpload,
    directory::{NewKeyPackage, NewKeyPackages},
    enrolment::{NewInvitation, NewRenewal, NewRequest, RenewalOutcome},
    escrow::NewEscrow,
    groups::{Joiner, MemberAfter, MembersAfter, NewCommit, NewGroup, NewRecord, NewWelcome},
    ledger::{NewLedgerEntries, SignedEnd},
};
use alcove_charter::{LedgerEvent, LedgerPoint, sha256};
use alcove_proto::{
    ids::{BlobId, Digest, Epoch, GroupId, Position, RecordId},
    names::Identity,
};
use std::{fs, path::PathBuf};

const GROUP: GroupId = GroupId([1; 16]);
/// In files, and in the database.
const BLOBS: [(BlobId, u64); 2] = [(BlobId([2; 16]), 100_000), (BlobId([3; 16]), 70)];

fn device(number: u16) -> Identity {
    format!("spiffe://harborlight.northmark.example/staff/abcdefghijklmn27/device/{number}").parse().unwrap()
}

fn by(number: u16) -> By {
    By { identity: device(number), time_ms: 1, request: 1 }
}

struct Scene {
    store: SledStore,
    folder: tempfile::TempDir,
}

impl Scene {
    /// Two commits and two records; a welcome that waits; a key package; two blobs and an upload; a request on an
    /// invitation.
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = SledConfig { free_bytes_min: 0, ..SledConfig::new(folder.path()) };
        let store = SledStore::open(config).unwrap();
        let package = NewKeyPackage { bytes: vec![5; 50].into(), not_after_ms: i64::MAX };
        let packages = NewKeyPackages { one_time: vec![package], ..NewKeyPackages::default() };
        store.publish_key_packages(packages, by(2)).await.unwrap();
        let new = NewGroup { group: GROUP, creation_digest: Digest([0; 32]), snapshot: vec![1] };
        store.create_group(new, by(1)).await.unwrap();
        let member =
            |number: u16| MemberAfter { leaf: u32::from(number), identity: device(number), joins_now: false };
        let welcome = NewWelcome {
            welcome: vec![6; 100].into(),
            tree: vec![7; 100].into(),
            pinned: Position(0),
            joiners: vec![Joiner { identity: device(2), key_package_ref: vec![1; 32] }],
        };
        for epoch in 0..2 {
            let commit = NewCommit {
                group: GROUP,
                epoch: Epoch(epoch),
                body: vec![8; 100].into(),
                members: MembersAfter::Are(vec![member(1), member(2)]),
                welcome: Some(welcome.clone()).filter(|_| epoch == 0),
                snapshot: None,
                group_info: vec![9; 10].into(),
            };
            store.commit(commit, by(1)).await.unwrap();
        }
        for (blob, bytes) in BLOBS {
            let upload = NewUpload {
                blob,
                group: GROUP,
                shape: crate::store::blobs::BlobShape::new(1, bytes).unwrap(),
            };
            store.open_upload(upload, u64::MAX, by(1)).await.unwrap();
            let chunk = vec![9; bytes as usize];
            let digest = Digest(sha256(&[&sha256(&[&chunk])]));
            store.put_chunk(blob, 0, chunk.into(), by(1)).await.unwrap();
            store.finish_upload(blob, digest, by(1)).await.unwrap();
        }
        for number in [3, 4] {
            let record = NewRecord {
                group: GROUP,
                epoch: Epoch(2),
                record: RecordId([number; 16]),
                body: vec![number; 50].into(),
                blobs: vec![BLOBS[0].0],
            };
            store.append_record(record, by(1)).await.unwrap();
        }
        let invitation = NewInvitation { claim_hash: Digest([1; 32]), not_after_ms: i64::MAX };
        store.open_invitation(invitation, by(3)).await.unwrap();
        let request = vec![2; 50].into();
        let request = NewRequest { claim_hash: Digest([1; 32]), request, proof: Digest([3; 32]) };
        store.hand_in_request(request, by(3)).await.unwrap();
        store.append_ledger(ledger()).await.unwrap();
        let scene = Self { store, folder };
        assert_eq!(scene.problems().await, [], "the control");
        scene
    }

    async fn problems(&self) -> Vec<Problem> {
        self.store.check().await.unwrap().problems
    }

    /// Changes one row; nothing removes it.
    fn change(&self, key: Key, change: impl FnOnce(Vec<u8>) -> Option<Vec<u8>>) {
        let row = self.store.db.get(&key).unwrap().expect("the row is there").to_vec();
        match change(row) {
            Some(row) => self.store.db.insert(key, row).unwrap(),
            None => self.store.db.remove(key).unwrap(),
        };
    }

    /// Closes the store and opens it again: what it keeps in memory is forgotten.
    fn reopened(self) -> Self {
        let Self { store, folder } = self;
        store.close();
        let config = SledConfig { free_bytes_min: 0, ..SledConfig::new(folder.path()) };
        Self { store: SledStore::open(config).unwrap(), folder }
    }

    fn chunk_file(&self) -> PathBuf {
        let mut path = self.folder.path().join("chunks");
        while path.is_dir() {
            path = fs::read_dir(&path).unwrap().next().unwrap().unwrap().path();
        }
        path
    }
}

/// Three entries.
fn ledger() -> NewLedgerEntries {
    let trust_domain = device(1).person.trust_domain;
    let start = LedgerPoint::start(&trust_domain);
    let mut point = start;
    let mut write = |number| point.write(&trust_domain, 1, &LedgerEvent::Crl { number }).unwrap().into();
    let entries = (1..=3).map(&mut write).collect();
    let signed = SignedEnd { bytes: vec![1; 50].into(), time_ms: 1 };
    NewLedgerEntries { after: (0, start.head), entries, head: point.head, signed, trust_domain }
}

fn entry(position: u64) -> Key {
    Kind::Entry.key().group(&GROUP).position(Position(position)).build()
}

fn flipped(mut row: Vec<u8>) -> Option<Vec<u8>> {
    *row.last_mut().unwrap() ^= 1;
    Some(row)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entry_that_was_changed_breaks_the_chain() {
    let scene = Scene::new().await;
    scene.change(entry(3), |row| {
        let mut row = EntryRow::from_value(&row).unwrap();
        row.body = vec![0; 50].into();
        Some(row.to_value())
    });
    assert_eq!(scene.problems().await, [Problem::ChainBroken(GROUP, Position(3))]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entry_that_is_gone_is_missed() {
    let scene = Scene::new().await;
    scene.change(entry(3), |_| None);
    let missing = Problem::EntryMissing(GROUP, Position(3));
    assert!(scene.problems().await.contains(&missing), "{:?}", scene.problems().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_whose_end_is_gone_is_told_by_the_trail() {
    let scene = Scene::new().await;
    scene.change(entry(4), |_| None);
    let scene = scene.reopened();
    let lost = Problem::TailLost { group: GROUP, last: Position(3), known: Position(4) };
    assert_eq!(scene.problems().await, [lost]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commits_index_that_leads_elsewhere_is_found() {
    let scene = Scene::new().await;
    let index = Kind::CommitIndex.key().group(&GROUP).epoch(Epoch(1)).build();
    scene.change(index, |_| Some(PositionRow { position: 1 }.to_value()));
    assert_eq!(scene.problems().await, [Problem::IndexMismatch(GROUP, Position(2))]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_of_members_that_differ_are_found_either_way() {
    for remove in [membership_key(&device(2), &GROUP), Kind::Leaf.key().group(&GROUP).index(2).build()] {
        let scene = Scene::new().await;
        scene.change(remove, |_| None);
        assert_eq!(scene.problems().await, [Problem::MembersMismatch(GROUP)]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_checkpoint_is_found() {
    let scene = Scene::new().await;
    scene.change(Kind::Checkpoint.key().group(&GROUP).build(), |_| None);
    assert_eq!(scene.problems().await, [Problem::CheckpointMissing(GROUP)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_flipped_byte_of_a_chunk_is_found_in_a_file_and_in_the_database() {
    let scene = Scene::new().await;
    let file = scene.chunk_file();
    let bytes = fs::read(&file).unwrap();
    fs::write(&file, flipped(bytes.clone()).unwrap()).unwrap();
    let (in_file, in_database) = (BLOBS[0].0, BLOBS[1].0);
    assert_eq!(scene.problems().await, [Problem::ChunkDamaged(in_file, 0)]);
    fs::write(&file, &bytes[1..]).unwrap();
    assert_eq!(scene.problems().await, [Problem::ChunkMissing(in_file, 0)]);
    fs::write(&file, &bytes).unwrap();
    scene.change(Kind::ChunkPart.key().blob(&in_database).index(0).part(0).build(), flipped);
    assert_eq!(scene.problems().await, [Problem::ChunkDamaged(in_database, 0)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_counts_against_a_quota_and_is_not_there_is_found() {
    let scene = Scene::new().await;
    let stored = BLOBS.iter().map(|(_, bytes)| bytes).sum::<u64>();
    let usage = Kind::Usage.key().identity(&device(1)).build();
    scene.change(usage, |_| Some(UsageRow { bytes: stored + 1 }.to_value()));
    let identity = device(1).to_string();
    assert_eq!(
        scene.problems().await,
        [Problem::UsageMismatch { identity, counted: stored, stored: stored + 1 }]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_of_uploads_that_contradicts_a_blob_is_found() {
    let scene = Scene::new().await;
    let blob = BLOBS[1].0;
    scene.change(super::super::blobs::uploads::upload_key(&device(1), &blob), |_| None);
    assert_eq!(scene.problems().await, [Problem::UploadMismatch(blob)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_welcome_that_is_not_whole_or_not_counted_is_found() {
    let broken = [Problem::WelcomeBroken(GROUP, Position(1))];
    let key = |kind: Kind| kind.key().group(&GROUP).position(Position(1));
    let scene = Scene::new().await;
    scene.change(key(Kind::TreePart).part(0).build(), |row| Some(row[1..].to_vec()));
    assert_eq!(scene.problems().await, broken);
    let scene = Scene::new().await;
    scene.change(key(Kind::WelcomeContent).build(), |row| {
        let row = WelcomeContentRow::from_value(&row).unwrap();
        Some(WelcomeContentRow { waiting: 2, ..row }.to_value())
    });
    assert_eq!(scene.problems().await, broken);
    let scene = Scene::new().await;
    scene.change(key(Kind::WelcomeContent).build(), |_| None);
    assert_eq!(scene.problems().await, broken);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_package_that_waits_again_is_found() {
    let scene = Scene::new().await;
    let digest = Digest(sha256(&[&[5; 50]]));
    let claimed = Kind::Claimed.key().identity(&device(2)).digest(&digest).build();
    scene.store.db.insert(claimed, &[]).unwrap();
    let identity = device(2).to_string();
    assert_eq!(scene.problems().await, [Problem::KeyPackageTwice(identity)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gap_in_the_trail_and_a_row_that_does_not_parse_are_found() {
    let scene = Scene::new().await;
    scene.change(Kind::Audit.key().number(2).build(), |_| None);
    assert_eq!(scene.problems().await, [Problem::AuditGap(2)]);
    let scene = Scene::new().await;
    scene.change(Kind::Audit.key().number(2).build(), |_| Some(vec![0xff]));
    assert_eq!(scene.problems().await, [Problem::Row("audit entry")]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_is_not_the_one_that_was_taken_is_found() {
    let alone = [Problem::RequestAlone(device(3).to_string())];
    let scene = Scene::new().await;
    scene.change(invitation_key(&device(3)), |_| None);
    assert_eq!(scene.problems().await, alone);
    let scene = Scene::new().await;
    scene.change(Place::Invitation.request_key(&device(3)), |row| {
        let row = RequestRow::from_value(&row).unwrap();
        Some(RequestRow { bytes: vec![9; 50].into(), ..row }.to_value())
    });
    assert_eq!(scene.problems().await, alone);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_that_are_not_those_that_count_are_found() {
    let agency = device(3).person.trust_domain;
    let mismatch = [Problem::EventsMismatch(agency.to_string())];
    let scene = Scene::new().await;
    scene.change(Lane::Own.key(&agency, 1), |_| None);
    assert_eq!(scene.problems().await, mismatch);
    let scene = Scene::new().await;
    scene.change(desk_key(&agency), |_| None);
    assert_eq!(scene.problems().await, mismatch);
    let scene = Scene::new().await;
    scene.change(desk_key(&agency), |row| {
        let row = DeskRow::from_value(&row).unwrap();
        Some(DeskRow { sequence: 0, ..row }.to_value())
    });
    assert_eq!(scene.problems().await, mismatch, "the next event would take a number that is taken");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn renewals_that_are_not_as_many_as_are_counted_are_found_and_those_of_an_earlier_program_are_counted()
{
    let agency = device(3).person.trust_domain;
    let scene = Scene::new().await;
    let hand_in = async |number: u16| {
        let new = NewRenewal { request_hash: Digest([number as u8; 32]), signed_renewal: vec![1; 50].into() };
        scene.store.hand_in_renewal(new, by(number)).await.unwrap()
    };
    assert_eq!(hand_in(1).await, RenewalOutcome::Taken);
    let counted = |renewals| {
        move |row: Vec<u8>| Some(DeskRow { renewals, ..DeskRow::from_value(&row).unwrap() }.to_value())
    };
    scene.change(desk_key(&agency), counted(Some(7)));
    let mismatch = [Problem::RenewalsMismatch(agency.to_string())];
    assert_eq!(scene.problems().await, mismatch);
    scene.change(desk_key(&agency), counted(None));
    assert_eq!(scene.problems().await, []);
    assert_eq!(hand_in(2).await, RenewalOutcome::Taken);
    scene.change(desk_key(&agency), |row| {
        assert_eq!(DeskRow::from_value(&row).unwrap().renewals, Some(2), "with the one of before");
        Some(row)
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_beside_escrow_that_are_not_those_that_count_are_found() {
    let agency = device(1).person.trust_domain;
    let mismatch = [Problem::CertificatesMismatch(agency.to_string())];
    let certificates = vec![vec![3; 300].into(), vec![4; 300].into()];
    let digest = Digest(sha256(&[&[3; 300]]));
    let scene = async || {
        let scene = Scene::new().await;
        let escrow = NewEscrow {
            group: GROUP,
            recovery_key_hash: Digest([1; 32]),
            entries: Vec::new(),
            grants: Vec::new(),
            certificates: certificates.clone(),
        };
        scene.store.put_escrow(escrow, by(1)).await.unwrap();
        scene
    };
    assert_eq!(scene().await.problems().await, [], "the control");
    let one = scene().await;
    one.change(certificate_key(&agency, &GROUP, &digest), |_| None);
    assert_eq!(one.problems().await, mismatch);
    let one = scene().await;
    one.change(count_key(&agency, &GROUP), |_| None);
    assert_eq!(one.problems().await, mismatch);
    let one = scene().await;
    one.change(certificate_key(&agency, &GROUP, &digest), |_| {
        Some(CertificateRow { certificate: vec![5; 300].into() }.to_value())
    });
    assert_eq!(one.problems().await, mismatch);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ledger_that_is_no_chain_to_its_end_is_found() {
    let agency = device(1).person.trust_domain;
    let broken = |after| [Problem::LedgerBroken(agency.to_string(), after)];
    let number = |number| Kind::LedgerEntry.key().trust_domain(&agency).number(number).build();
    let scene = Scene::new().await;
    scene.change(number(2), |_| None);
    assert_eq!(scene.problems().await, broken(1));
    let scene = Scene::new().await;
    scene.change(number(3), flipped);
    assert_eq!(scene.problems().await, broken(3), "the last entry has another hash");
    let scene = Scene::new().await;
    scene.change(end_key(&agency), |row| {
        let row = LedgerEndRow::from_value(&row).unwrap();
        Some(LedgerEndRow { count: 4, ..row }.to_value())
    });
    assert_eq!(scene.problems().await, broken(3));
}
